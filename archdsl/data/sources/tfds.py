"""Data sets of TensorFlow Datasets, by their names for `tfds.builder`. Requires the extra `archdsl[tfds]`."""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.data import images
from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import array_checks, files, search
from archdsl.data.readers.files import reason
from archdsl.data.sources.base import RawDataset, Source, labeled_images
from archdsl.data.tables import Resize, Table
from archdsl.errors import fail, nearest
from archdsl.recipe import Data
from archdsl.text import quantity

SPLITS = ("train", "validation", "test")
OWN_FOLDER = Path("~/tensorflow_datasets")
"""The default folder of TensorFlow Datasets."""


class TensorFlowDatasets(Source):
    """Reads data sets by name, such as `mnist`, `mnist:3.0.1` or `oxford_flowers102`. Imports TensorFlow."""

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Read a data set prepared on this machine, by TensorFlow Datasets or `archdsl data tfds:NAME --download`.

        Raises:
            ArchError: the package is not installed (ARCH306); the data set is missing or unknown (ARCH301); it cannot
                be read (ARCH302); it lacks one image and one label per example, or has too many images (ARCH303).
        """
        name, title = data.argument, data.source_name
        _package()
        places = [*search.folders(data_dir, system=False), *([OWN_FOLDER.expanduser()] if data_dir is None else [])]
        command = f"archdsl data tfds:{name} --download"
        hint = f"download it with `{command}`"
        builder, searched = search.first(places, lambda place: _prepared(name, place), title, hint)
        image, label = _features(builder, title)
        classes = tuple(map(str, builder.info.features[label].names))
        shape = _shape(builder.info.features[image].shape, requested, title)
        there = [split for split in SPLITS if split in builder.info.splits]
        if "train" not in there:
            shown = ", ".join(builder.info.splits) or "none"
            raise fail("ARCH303", f"{title} has no split `train`; its splits: {shown}")
        count = sum(builder.info.splits[split].num_examples for split in there)
        files.check_memory(title, count, count * math.prod(shape))
        splits = {split: _read_split(builder, split, image, label, shape, classes, data.resize) for split in there}
        return labeled_images(
            splits["train"],
            splits.get("test"),
            classes,
            shape,
            str(Path(builder.data_dir).absolute()),
            validation=splits.get("validation"),
            searched=searched,
        )

    def download(self, data: Data, data_dir: Path | None) -> None:
        """Download and prepare a data set, in `data_dir` or in the default folder of TensorFlow Datasets."""
        tfds, name = _package(), data.argument
        base, known = name.partition(":")[0], tfds.list_builders(with_community_datasets=False)
        if base not in known:
            raise fail("ARCH301", f"TensorFlow Datasets has no data set `{base}`", hint=nearest(base, known))
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs each retry
        try:
            with contextlib.redirect_stdout(sys.stderr):  # its bars; stdout carries data
                tfds.builder(name, data_dir=data_dir or OWN_FOLDER.expanduser()).download_and_prepare()
        except Exception as error:  # from `requests` and TensorFlow Datasets
            raise fail("ARCH301", f"cannot download {data.source_name}: {reason(error)}") from None


def _package() -> Any:
    try:
        import tensorflow_datasets
    except ImportError as error:
        message = f"TensorFlow Datasets cannot be imported: {error}"
        raise fail("ARCH306", message, hint="run `pip install 'archdsl[tfds]'`") from None
    return tensorflow_datasets


def _prepared(name: str, place: Path) -> Any:
    """The builder of a data set in a folder, which may be the data set's own; None if nothing is prepared there."""
    tfds = _package()
    base, _, version = name.partition(":")
    try:
        if (place / "dataset_info.json").is_file():
            return tfds.builder_from_directory(place)
        if any((place / base).glob(f"**/{version.rstrip('*')}*/dataset_info.json")):
            return tfds.builder(name, data_dir=place, try_gcs=False)
        return None
    except Exception as error:  # TensorFlow Datasets raises many kinds
        raise fail("ARCH302", f"{place}: tfds {name} cannot be read: {reason(error)}") from None


def _features(builder: Any, title: str) -> tuple[str, str]:
    """The names of the image and the label of an example."""
    kinds = _package().features
    features = dict(builder.info.features.items())
    image_names = [name for name, feature in features.items() if isinstance(feature, kinds.Image)]
    label_names = [name for name, feature in features.items() if isinstance(feature, kinds.ClassLabel)]
    supervised = builder.info.supervised_keys
    if supervised and len(supervised) == 2 and supervised[0] in image_names and supervised[1] in label_names:
        return str(supervised[0]), str(supervised[1])
    if len(image_names) != 1 or len(label_names) != 1:
        message = f"{title}: expected one image and one label per example, got {', '.join(features)}"
        raise fail("ARCH303", message)
    return image_names[0], label_names[0]


def _shape(own: tuple[int | None, ...], requested: RequestedFormat, title: str) -> tuple[int, int, int]:
    height = requested.height or own[0] or requested.fallback_side
    width = requested.width or own[1] or requested.fallback_side
    if height is None or width is None:
        hint = "to resize them, add `size: [64, 64]` to `data`"
        raise fail("ARCH303", f"the images of {title} differ in size", hint=hint)
    return height, width, requested.channels or own[2] or 3


def _read_split(
    builder: Any, split: str, image: str, label: str, shape: tuple[int, int, int], classes: tuple[str, ...], how: Resize
) -> Table:
    """Read all images of a split, resizing each one."""
    count = builder.info.splits[split].num_examples
    pixels, labels = np.empty((count, *shape), np.uint8), np.empty(count, np.int64)
    read = 0
    for own, number in _examples(builder, split, image, label):
        if read == count:
            raise fail("ARCH302", f"{builder.data_dir}: `{split}` has more images than the {count:,} it declares")
        pixels[read] = images.resize(_with_channels(own, shape[2]), *shape[:2], how)
        labels[read] = number
        read += 1
    if read < count:
        message = f"{builder.data_dir}: `{split}` has {quantity(read, 'image')} but declares {count:,}"
        raise fail("ARCH302", message)
    return array_checks.split(pixels, labels, f"{builder.data_dir}: {split}", classes)


def _examples(builder: Any, split: str, image: str, label: str) -> Iterator[tuple[NDArray[np.uint8], int]]:
    try:
        for example in _package().as_numpy(builder.as_dataset(split=split, shuffle_files=False)):
            yield example[image], int(example[label])
    except Exception as error:  # from TensorFlow, for a truncated or damaged file
        raise fail("ARCH302", f"{builder.data_dir}: `{split}` cannot be read: {reason(error)}") from None


def _with_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Convert grayscale to color, or color to grayscale by its luma (ITU-R 601-2, as in Pillow)."""
    if pixels.shape[2] == channels:
        return pixels
    opened = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    converted = opened.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
    return np.asarray(converted).reshape(*pixels.shape[:2], channels)


SOURCE = TensorFlowDatasets()
