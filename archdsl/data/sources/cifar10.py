"""CIFAR-10: 60,000 photographs of 32x32 pixels in 10 classes (Krizhevsky 2009). Also reads the files of CIFAR-100."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.readers import files, pickles
from archdsl.data.sources.published import PublishedSet
from archdsl.data.tables import Table, in_memory
from archdsl.errors import fail

SHAPE = (32, 32, 3)
PIXELS = 32 * 32 * 3
HOW_TO_GET = "unpack an archive from https://www.cs.toronto.edu/~kriz/cifar.html and pass its folder as `--data-dir`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cifar(PublishedSet):
    """CIFAR-10 or CIFAR-100. Each is published as an archive of pickles and as one of raw bytes (`.bin`).

    Attributes:
        training: the names of the files with training images.
        testing: the name of the file with test images.
        label_key: the key of the labels in a pickle.
        label_bytes: the number of bytes before each image in a `.bin` file; the last one is the label.
    """

    training: tuple[str, ...]
    testing: str
    label_key: str
    label_bytes: int
    shape: tuple[int, int, int] = SHAPE
    counts: tuple[int, int] = (50_000, 10_000)
    how_to_get: str = HOW_TO_GET

    def is_set(self, folder: Path) -> bool:
        """Whether a folder contains the first training file of either archive."""
        return any((folder / f"{self.training[0]}{ending}").is_file() for ending in ("", ".bin"))

    def read_folder(self, folder: Path) -> tuple[Table, Table]:
        """Read the training images of all files in order, and the test images."""
        read, ending = self._read_pickle, ""
        if (folder / f"{self.training[0]}.bin").exists():
            read, ending = self._read_binary, ".bin"
        *training, test = [read(folder / f"{name}{ending}") for name in (*self.training, self.testing)]
        counts = [len(batch) for batch in training]
        if len(set(counts)) > 1:
            shown = ", ".join(f"{count:,}" for count in counts)
            raise fail("ARCH302", f"{folder}: the training batches differ in size ({shown} images): one is truncated")
        images, labels = (np.concatenate([batch.read(name) for batch in training]) for name in ("image", "label"))
        return in_memory(image=images, label=labels), test

    def _read_pickle(self, path: Path) -> Table:
        pixels, labels = pickles.batch(files.content(path, HOW_TO_GET), path, PIXELS, self.label_key)
        return self._channels_last(pixels, labels, path)

    def _read_binary(self, path: Path) -> Table:
        content, width = files.content(path, HOW_TO_GET), PIXELS + self.label_bytes
        if len(content) % width:
            raise fail("ARCH302", f"{path} is truncated: {len(content):,} bytes is not a multiple of {width:,}")
        rows = np.frombuffer(content, np.uint8).reshape(-1, width)
        return self._channels_last(rows[:, self.label_bytes :], rows[:, self.label_bytes - 1], path)

    def _channels_last(self, pixels: NDArray[Any], labels: NDArray[Any], path: Path) -> Table:
        return self.split(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels, str(path))


SOURCE = Cifar(
    title="CIFAR-10",
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    folders=(
        "cifar-10-batches-py",
        "cifar-10-batches-py-target/cifar-10-batches-py",  # where Keras 3 unpacks it
        "cifar-10-batches-bin",
    ),
    training=tuple(f"data_batch_{number}" for number in range(1, 6)),
    testing="test_batch",
    label_key="labels",
    label_bytes=1,
)
