"""From a network and a recipe to a trained model and the folder of its run."""

from archdsl import processor

# Before any module of this package imports TensorFlow.
processor.prepare()
