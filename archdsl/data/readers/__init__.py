"""Finds, reads and checks data files; independent of any data set."""
