"""Typed spec -> the source of a Python module with Keras layers and a Keras model. Imports no framework."""
