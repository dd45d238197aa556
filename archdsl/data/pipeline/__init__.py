"""The batches that a network sees: shuffled, moved, recoloured, mixed and standardized, by stateless draws alone.

Which image stands where, and what happens to it, is a pure function of (seed, epoch, index of the image). Neither the
batch size nor the number of threads can change it, and no draw shares a stream with another: a word that is added to
a recipe leaves what the others do as it was.
"""

from archdsl.data.pipeline.batches import augmented, evaluation_batches, steps, training_batches
from archdsl.data.pipeline.normalizing import standardize

__all__ = ["augmented", "evaluation_batches", "standardize", "steps", "training_batches"]
