"""The batches that train and evaluate a network: shuffled, augmented, mixed and standardized, without hidden state.

The order of the images, and what happens to each of them, is a pure function of (seed, epoch, index of the image).
Neither the batch size nor the number of threads can change it. Each purpose has a stream of random numbers of its own,
so that a word that is added to a recipe leaves what the other words do unchanged.
"""

from archdsl.data.pipeline.batches import augmented, evaluation_batches, steps, training_batches
from archdsl.data.pipeline.normalization import standardize

__all__ = ["augmented", "evaluation_batches", "standardize", "steps", "training_batches"]
