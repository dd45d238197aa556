"""Makes batches for training and evaluation: shuffled, augmented, mixed and standardized, without hidden state.

The order and the augmentation of images are a pure function of (seed, epoch, index of the image). They do not depend on
the batch size or the number of threads. Each purpose has its own stream of random numbers, so a new augmentation in a
recipe leaves the others unchanged.
"""

from archdsl.data.pipeline.batches import (
    augmented,
    data_errors,
    evaluation_batches,
    steps,
    streamed_bytes,
    training_batches,
)
from archdsl.data.pipeline.normalization import standardize

__all__ = [
    "augmented",
    "data_errors",
    "evaluation_batches",
    "standardize",
    "steps",
    "streamed_bytes",
    "training_batches",
]
