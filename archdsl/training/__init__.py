"""From a network and a recipe to a trained model and the folder of its run."""

from archdsl.recipe import keras_backend

keras_backend.check()  # before Keras is imported: another backend may not even be installed
