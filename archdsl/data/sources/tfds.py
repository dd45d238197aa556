"""Sets of TensorFlow Datasets, by the name that `tfds.builder` knows; the package is an extra, `archdsl[tfds]`."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.readers import array_checks as checks
from archdsl.data.readers import files
from archdsl.data.readers.files import reason
from archdsl.data.readers.search import not_there, ordered
from archdsl.data.readers.splits import Found, Looked, Stored, Wanted, in_memory
from archdsl.errors import ArchError, fail, nearest
from archdsl.text import quantity

PARTS = ("train", "validation", "test")


def read(name: str, folder: Path | None, wanted: Wanted) -> Found:
    """A set that was prepared on this machine, by TensorFlow Datasets or by `archdsl data tfds:NAME --download`.

    Args:
        name: such as `mnist`, `mnist:3.0.1`, or `oxford_flowers102`.
        folder: its `data_dir`; without it, the usual places and TensorFlow Datasets' own, ~/tensorflow_datasets.

    Raises:
        ArchError: the package is not there (ARCH306); the set is not there, or there is none of this name (ARCH301); it
            cannot be read (ARCH302); it holds no images with one label each, or too many (ARCH303).
    """
    builder, looked = _builder(name, folder)
    image, label = _features(builder, name)
    classes = tuple(map(str, builder.info.features[label].names))
    shape = _shape(builder.info.features[image].shape, wanted, name)
    splits = [part for part in PARTS if part in builder.info.splits]
    if "train" not in splits:
        shown = ", ".join(builder.info.splits) or "none"
        raise fail("ARCH303", f"tfds {name} has no split `train`; its splits: {shown}")
    _fits(sum(builder.info.splits[part].num_examples for part in splits), shape, name)
    parts = {part: _part(builder, part, image, label, shape, classes) for part in splits}
    return Found(
        parts["train"],
        parts.get("test"),
        classes,
        shape,
        str(Path(builder.data_dir).absolute()),
        validation=parts.get("validation"),
        looked=looked,
    )


def package() -> Any:
    """The package `tensorflow_datasets`.

    Raises:
        ArchError: it is not there (ARCH306).
    """
    try:
        import tensorflow_datasets
    except ImportError as error:
        message = f"TensorFlow Datasets cannot be imported: {error}"
        raise fail("ARCH306", message, hint="`pip install 'archdsl[tfds]'`") from None
    return tensorflow_datasets


def own_place() -> Path:
    """Where the package itself puts data."""
    return Path("~/tensorflow_datasets").expanduser()


def _builder(name: str, folder: Path | None) -> tuple[Any, tuple[Looked, ...]]:
    """The builder of a set that is prepared in one of the places."""
    package()
    looked: list[Looked] = []
    inside = ordered(folder) if folder is not None else [*ordered(system=False), own_place()]
    for place in inside:
        builder = _prepared(name, place)
        looked.append(Looked(place, builder is not None))
        if builder is not None:
            return builder, tuple(looked)
    hint = f"`archdsl data tfds:{name} --download` brings it, where TensorFlow Datasets knows it and a network is there"
    raise not_there(f"tfds {name}", [one.place for one in looked], hint)


def _prepared(name: str, place: Path) -> Any:
    """The builder of a set in a place, or of a place that is the set's own folder; None where nothing is prepared."""
    tfds = package()
    try:
        if (place / "dataset_info.json").is_file():
            return tfds.builder_from_directory(place)
        return tfds.builder(name, data_dir=place, try_gcs=False) if _may_hold(name, place) else None
    except ArchError:
        raise
    except Exception as error:  # TensorFlow Datasets has one for each way in which a folder can be wrong
        raise fail("ARCH302", f"{place}: tfds {name} cannot be read: {reason(error)}") from None


def _may_hold(name: str, place: Path) -> bool:
    """Whether a place has a version of the set that was prepared to its end."""
    base, _, version = name.partition(":")
    return any((place / base).glob(f"**/{version.rstrip('*')}*/dataset_info.json"))


def _features(builder: Any, name: str) -> tuple[str, str]:
    """The names of the one image and the one label that an example has."""
    kinds = package().features
    features = dict(builder.info.features.items())
    found = [
        [key for key, feature in features.items() if isinstance(feature, kind)]
        for kind in (kinds.Image, kinds.ClassLabel)
    ]
    supervised = builder.info.supervised_keys
    if supervised and len(supervised) == 2 and supervised[0] in found[0] and supervised[1] in found[1]:
        return str(supervised[0]), str(supervised[1])
    if [len(keys) for keys in found] != [1, 1]:
        message = f"tfds {name} holds no images with one label each; an example has: {', '.join(features)}"
        raise fail("ARCH303", message)
    return found[0][0], found[1][0]


def _shape(own: tuple[int | None, ...], wanted: Wanted, name: str) -> tuple[int, int, int]:
    height, width = wanted.height or own[0] or wanted.otherwise, wanted.width or own[1] or wanted.otherwise
    if height is None or width is None:
        hint = "`size: [64, 64]` in `data` says the height and width that they become"
        raise fail("ARCH303", f"the images of tfds {name} differ in size", hint=hint)
    return height, width, wanted.channels or own[2] or 3


def _fits(count: int, shape: tuple[int, int, int], name: str) -> None:
    needed = count * int(np.prod(shape))
    if needed > files.budget():
        raise files.too_large(f"tfds {name}", count, shape)


def _part(
    builder: Any, part: str, image: str, label: str, shape: tuple[int, int, int], classes: tuple[str, ...]
) -> Stored:
    """All images of a split, resized as they come."""
    count = builder.info.splits[part].num_examples
    images, labels = np.empty((count, *shape), np.uint8), np.empty(count, np.int64)
    seen = 0
    for pixels, number in _examples(builder, part, image, label):
        if seen == count:
            raise fail("ARCH302", f"{builder.data_dir}: `{part}` has more than the {count:,} images that it tells of")
        images[seen] = checks.scaled(_channels(pixels, shape[2]), *shape[:2])
        labels[seen] = number
        seen += 1
    if seen < count:
        message = f"{builder.data_dir}: `{part}` has {quantity(seen, 'image')}, and tells of {count:,}"
        raise fail("ARCH302", message)
    checks.stored(images, labels, f"{builder.data_dir}: {part}", classes)
    return in_memory(images, labels)


def _examples(builder: Any, part: str, image: str, label: str) -> Iterator[tuple[NDArray[np.uint8], int]]:
    try:
        for example in package().as_numpy(builder.as_dataset(split=part, shuffle_files=False)):
            yield example[image], int(example[label])
    except Exception as error:  # TensorFlow's, for a file that is cut short or damaged
        raise fail("ARCH302", f"{builder.data_dir}: `{part}` cannot be read: {reason(error)}") from None


def _channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Grey as colour, or colour as grey by its brightness (ITU-R 601-2, as Pillow)."""
    from PIL import Image

    if pixels.shape[2] == channels:
        return pixels
    opened = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    made = opened.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
    return np.asarray(made).reshape(*pixels.shape[:2], channels)


def download(name: str, folder: Path | None) -> None:
    """Brings a set and prepares it, in `folder` or in the package's own place.

    Raises:
        ArchError: there is no network, or no set of this name (ARCH301).
    """
    tfds = package()
    place = folder or own_place()
    base, known = name.partition(":")[0], tfds.list_builders(with_community_datasets=False)
    if base not in known:
        raise fail("ARCH301", f"TensorFlow Datasets has no set `{base}`", hint=nearest(base, known))
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it tells of each new attempt
    try:
        with contextlib.redirect_stdout(sys.stderr):  # its bars; stdout carries data
            tfds.builder(name, data_dir=place).download_and_prepare()
    except Exception as error:  # requests' for the network, and the package's own
        raise fail("ARCH301", f"tfds {name} cannot be brought: {reason(error)}") from None


__all__ = ["download", "own_place", "package", "read"]
