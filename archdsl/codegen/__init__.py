"""Typed spec -> the source of a Python module: layers and models as Keras classes. Imports no framework."""
