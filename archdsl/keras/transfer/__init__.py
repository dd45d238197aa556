"""Matches the layers of two Keras models by what they compute, and copies weights between them."""
