"""Data sets: where they are found, how they are read and split, and the batches that a network sees.

    images, readers/        image files and other file formats; these know no data set by name
    sources/                one module for each word of the recipe's `source`
    dataset                 a recipe's data set in three splits
    inspection, samples     what `archdsl data` prints and draws
    input_description       how a network's input is computed, as a model's file records it
    pipeline/               the batches

Each line may import those above it. NumPy and Pillow are imported at module level everywhere. TensorFlow is imported at
module level only in `pipeline/`; elsewhere, only in functions that cannot do without it, so that `archdsl data` needs it
only to download, to show augmented images, and for sources that are read by it.
"""
