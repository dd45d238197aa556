"""The rules of the lint, by what they look at."""
