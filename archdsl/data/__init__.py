"""Finds, reads and splits data sets, and makes batches from them.

    tables, streams, ports  columns of examples, values read when they are needed, and what a network takes
    pixels                  statistics of pixel values
    images, readers/        image files and other file formats, independent of any data set
    sources/                one module for each data source
    shards                  shards of a data set
    roles                   which columns a network takes, and which it predicts
    inputs/, targets/       what a network takes and predicts: one module for each kind of column
    dataset                 a data set in three splits
    inspection, samples     the report and the pictures of `archdsl data`
    suggestions, survey     data for a spec that has none, and what a data set is like
    input_description       what encodes raw values, as a saved model records it
    other_data              data that a network was not trained on
    pipeline/               batches

Each line may import those above it. NumPy and Pillow are imported at module level. TensorFlow and Keras are imported at
module level only in `pipeline/`. Elsewhere, functions import them on demand: `archdsl data` needs them to download data
and to augment images, and for sources with `needs_tensorflow`.
"""
