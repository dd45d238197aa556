"""Data sets: where they are found, how they are read and split, and the batches that a network sees.

    images, readers/        image files and other file formats; these know no data set by name
    sources/                one module for each word of the recipe's `source`
    dataset                 a recipe's data set in three splits
    inspection, samples     what `archdsl data` prints and draws
    input_description       how a network's input is computed, as a model's file records it
    pipeline/               the batches

Each line may import those above it. NumPy and Pillow are imported at module level. TensorFlow and Keras are imported at
module level in `pipeline/` only, and elsewhere in the functions that need them: `archdsl data` loads them to download,
to augment, and to read the sources that `needs_tensorflow` marks.
"""
