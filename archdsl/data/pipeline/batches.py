"""The `tf.data` pipelines for training and evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset, Split
from archdsl.data.inputs import ImageInput, Input
from archdsl.data.pipeline import random_streams
from archdsl.data.pipeline.augment import compiled, image_augmentation, move, move_masks
from archdsl.data.pipeline.mixing import mix
from archdsl.data.pipeline.normalization import scale_and_offset, standardize
from archdsl.data.pipeline.random_streams import RandomValues
from archdsl.data.pipeline.targets import Encodings, encoded, example_weights
from archdsl.data.streams import BYTES_PER_EXAMPLE, Streamed
from archdsl.data.targets import ClassTarget, ImageTarget, MaskTarget
from archdsl.errors import fail
from archdsl.recipe import Augment, Data
from archdsl.text import quantity

Function = TypeVar("Function", bound=Callable[..., Any])

without_autograph: Callable[[Function], Function] = tf.autograph.experimental.do_not_convert
"""Trace a function without AutoGraph, which is faster."""

AHEAD = 2
"""The number of batches to prefetch."""


def training_batches(
    dataset: Dataset, data: Data, seed: int, encodings: Encodings, threads: int = AHEAD, first: int = 0
) -> tf.data.Dataset:
    """Make endless training batches. Each epoch has its own order and random values.

    An epoch has `steps(dataset.train, data)` batches; the last one may be smaller.

    Args:
        threads: the number of batches to compute in parallel.
        first: the first epoch.

    Returns:
        Inputs, such as images, float32 (N, H, W, C), and targets, such as classes. Several of either are a mapping by
        name. If the data set has class weights, also the weight of each example,
        float32 (N,).

    Raises:
        ArchError: the images cannot be augmented as the recipe asks (ARCH303).
    """
    check_augmentation(dataset, data, encodings)
    count, size = len(dataset.train), min(data.batch_size, len(dataset.train))
    read = _reader(dataset.train)
    network_input = compiled(_network_input(dataset, data.augment))
    mixed = bool(data.augment.mixup or data.augment.cutmix)
    of_kind = {MaskTarget: move_masks, ImageTarget: move}
    moves = {name: of_kind.get(type(target)) for name, target in dataset.targets.items()}
    any_weights = any(target.is_weighted for target in dataset.targets.values())

    @without_autograph
    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = random_streams.permutation(count, seed, epoch)
        values = random_streams.augmentation_values(count, data.augment, seed, epoch)
        mixing = random_streams.mixing_values(count, data.augment, seed, epoch) if mixed else {}

        @without_autograph
        def batch_values(step: tf.Tensor) -> tuple[Any, ...]:
            """The rows of a batch and their random values, followed by those of their partners if images are mixed."""
            start = step * size
            rows = tf.gather(order, (start + tf.range(size, dtype=tf.int64)) % count)
            mix_values = _rows(mixing, rows)
            rows = tf.concat([rows, mix_values["partner"]], axis=0) if mixed else rows
            return rows, _rows(values, rows), mix_values, tf.minimum(count - start, size)

        return tf.data.Dataset.range(steps(dataset.train, data)).map(batch_values, num_parallel_calls=1)

    @without_autograph
    def batch_of(
        rows: tf.Tensor, values: RandomValues, mix_values: RandomValues, size_left: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        inputs, targets = read(rows)
        given, share = network_input(inputs, values, mix_values)
        labels = {
            name: encoded(
                moved(array, values, data.augment) if (moved := moves.get(name)) else array,
                dataset.targets[name],
                encodings.get(name, "ids"),
                share,
            )
            for name, array in targets.items()
        }
        weights = {
            name: example_weights(array, dataset.targets[name], encodings.get(name, "ids"))
            for name, array in labels.items()
        }
        batch = tuple(map(_single, (given, labels, *([weights] if any_weights else []))))
        # The last batch is padded, so one compiled program serves all batches.
        return batch if count % size == 0 else tf.nest.map_structure(lambda array: array[:size_left], batch)

    return _prefetched(tf.data.Dataset.counter(first).flat_map(epoch_of), batch_of, threads)


def evaluation_batches(split: Split, dataset: Dataset, data: Data, encodings: Encodings) -> tf.data.Dataset:
    """Make batches of a split, once and in order, scaled and standardized but not augmented.

    Returns:
        Images and labels as in `training_batches`, without weights.
    """
    count = len(split)
    read = _reader(split)

    @without_autograph
    def batch_of(step: tf.Tensor) -> tuple[Any, tf.Tensor]:
        inputs, targets = read(tf.range(step * data.batch_size, tf.minimum((step + 1) * data.batch_size, count)))
        given = {name: _plain(values, dataset.inputs[name]) for name, values in inputs.items()}
        labels = {
            name: encoded(values, dataset.targets[name], encodings.get(name, "ids")) for name, values in targets.items()
        }
        return _single(given), _single(labels)

    return _prefetched(tf.data.Dataset.range(steps(split, data)), batch_of, AHEAD)


def augmented(dataset: Dataset, data: Data, seed: int, epoch: int, rows: Sequence[int]) -> NDArray[np.float32]:
    """Augment some training images as in a given epoch, before mixing, scaling and standardization.

    Returns:
        float32 (rows, H, W, C), in [0, `dataset.largest`].
    """
    check_augmentation(dataset, data, dict.fromkeys(dataset.targets, "one_hot"))
    taken = tf.constant(np.asarray(rows, np.int64))
    values = _rows(random_streams.augmentation_values(len(dataset.train), data.augment, seed, epoch), taken)
    augmentation = image_augmentation(dataset, data.augment)
    pixels = augmentation(tf.constant(dataset.images()[taken.numpy()]), values)
    return np.asarray(pixels, np.float32)


def steps(split: Split, data: Data) -> int:
    """The number of batches in an epoch."""
    return math.ceil(len(split) / data.batch_size)


def streamed_bytes(dataset: Dataset, data: Data) -> int:
    """The most bytes that streamed examples take, whatever the size of the data set but for the order of its rows.

    Training and validation each have a batch in each thread, `AHEAD` that wait, and one in use. An example takes memory
    as it is read, and as the network takes it, float32. Mixing reads a second example for each.
    """
    batches = 2 * (AHEAD + AHEAD + 1)
    made = sum(4 * math.prod(each.made_shape) for each in dataset.inputs.values())
    read = dataset.example_bytes * (2 if data.augment.mixup or data.augment.cutmix else 1)
    examples = sum(map(len, dataset.splits.values()))
    return batches * data.batch_size * (read + made) + BYTES_PER_EXAMPLE * examples


def check_augmentation(dataset: Dataset, data: Data, encodings: Encodings) -> None:
    """Check that a recipe can augment this data set.

    Raises:
        ArchError: mixed labels are not one-hot, or images are not in color (ARCH303).
    """
    augment = data.augment
    if dataset.image_name is None:
        if augment != Augment():
            raise fail("ARCH303", f"`augment` changes images, but {dataset.name} has none", hint="remove `augment`")
        return
    channels = dataset.image.shape[2]
    for word in ("mixup", "cutmix"):
        if getattr(augment, word) and [*encodings.values()] != ["one_hot"]:
            hint = "set `loss: categorical_crossentropy`, which takes mixed labels"
            raise fail("ARCH303", f"`{word}` mixes labels, but this loss takes integer labels", hint=hint)
        if getattr(augment, word) and any(not isinstance(each, ClassTarget) for each in dataset.targets.values()):
            raise fail(
                "ARCH303", f"`{word}` mixes classes, but the network predicts no classes", hint=f"remove `{word}`"
            )
    for word in ("saturation", "hue"):
        if getattr(augment, word) and channels != 3:
            message = f"`{word}` expects color images (3 channels), got {quantity(channels, 'channel')}"
            raise fail("ARCH303", message, hint=f"remove `{word}`, or use `brightness` or `contrast` instead")


def _network_input(dataset: Dataset, augment: Augment) -> Any:
    """Make the function that augments, standardizes and mixes raw images with their random values.

    The function also returns the partner's fraction of each image, (N, 1), or None without mixing.
    """
    name = dataset.image_name
    if name is None:
        return lambda inputs, values, mix_values: (inputs, None)
    augmentation, (factor, offset) = image_augmentation(dataset, augment), scale_and_offset(dataset.image)

    def network_input(
        inputs: dict[str, tf.Tensor], values: RandomValues, mix_values: RandomValues
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor | None]:
        pixels, share = augmentation(inputs[name], values) * factor + offset, None
        if mix_values:
            own, partners = tf.split(pixels, 2)
            pixels, share = mix(own, partners, mix_values)
        return {**inputs, name: pixels}, share

    return network_input


def _plain(values: tf.Tensor, of: Input) -> tf.Tensor:
    """The values of an input, standardized but not augmented."""
    return standardize(values, of) if isinstance(of, ImageInput) else values


def _reader(split: Split) -> Callable[[tf.Tensor], tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]]:
    """Make the function that returns the inputs and the targets of some rows of a split."""

    def of_rows(values: NDArray[Any] | Streamed) -> Callable[[tf.Tensor], tf.Tensor]:
        if isinstance(values, Streamed):
            return partial(_streamed, values, values.shape[1:], tf.as_dtype(values.dtype))
        with tf.device("CPU:0"):
            return partial(tf.gather, tf.constant(values))

    inputs, targets = (
        {name: of_rows(values) for name, values in each.items()} for each in (split.inputs, split.targets)
    )

    def read(rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        return {name: of(rows) for name, of in inputs.items()}, {name: of(rows) for name, of in targets.items()}

    return read


@contextmanager
def data_errors(dataset: Dataset) -> Iterator[None]:
    """A context that raises an error in reading streamed examples itself, instead of what TensorFlow makes of it."""
    try:
        yield
    except tf.errors.OpError as error:
        raise dataset.failure or error from None


def _streamed(values: Streamed, shape: tuple[int, ...], dtype: tf.DType, rows: tf.Tensor) -> tf.Tensor:
    read = tf.numpy_function(values.__getitem__, [rows], dtype, stateful=False)
    read.set_shape([rows.shape[0], *shape])
    return read


def _single(tensors: dict[str, tf.Tensor]) -> Any:
    """The tensor of a mapping that has one; otherwise the mapping."""
    return next(iter(tensors.values())) if len(tensors) == 1 else tensors


def _rows(values: dict[str, tf.Tensor], rows: tf.Tensor) -> dict[str, tf.Tensor]:
    return {name: tf.gather(array, rows) for name, array in values.items()}


def _prefetched(source: tf.data.Dataset, function: Any, threads: int) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    # The default optimizations gain nothing here, and copy all images several times before the first batch.
    options.experimental_optimization.apply_default_optimizations = False
    # Nothing here is tuned, and the tuner's thread, which sleeps for up to a minute, would delay the exit.
    options.autotune.enabled = False
    batches = source.map(function, num_parallel_calls=threads, deterministic=True)
    return batches.with_options(options).prefetch(AHEAD)
