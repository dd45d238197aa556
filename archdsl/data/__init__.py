"""Data sets: where they are found, how they are read and divided, and the batches that a network sees."""
