"""From a network and a recipe to a trained model and the folder of its run."""
