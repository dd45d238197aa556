"""The original archives of CIFAR-10 and CIFAR-100: one of pickles, one of plain bytes (Krizhevsky 2009)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.readers import files, pickles
from archdsl.data.readers.splits import Stored, in_memory
from archdsl.data.sources.known import part
from archdsl.errors import fail

SHAPE = (32, 32, 3)
PIXELS = 32 * 32 * 3
ELSEWHERE = "unpack an archive from https://www.cs.toronto.edu/~kriz/cifar.html, and name its folder with --data-dir"


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of an archive: those that train, the one that tests, and how labels stand in them.

    `labels` are the names that labels may have in a pickle. `label_bytes` stand before each image's pixels in a `.bin`
    file; the last of them is the label.
    """

    training: tuple[str, ...]
    test: str
    labels: tuple[str, ...]
    label_bytes: int
    classes: tuple[str, ...]

    def itself(self, folder: Path) -> bool:
        """Whether a folder is such an archive, unpacked."""
        return any((folder / f"{self.training[0]}{ending}").is_file() for ending in ("", ".bin"))

    def read(self, folder: Path) -> tuple[Stored, Stored]:
        """The training images of all batches in their order, and the test images.

        Raises:
            ArchError: a file is missing or broken (ARCH302), or holds a label that is no class (ARCH303).
        """
        read: Callable[[Path], Stored] = self._pickled
        ending = ""
        if (folder / f"{self.training[0]}.bin").exists():
            read, ending = self._binary, ".bin"
        parts = [read(folder / f"{name}{ending}") for name in (*self.training, self.test)]
        *training, test = parts
        counts = [len(batch) for batch in training]
        if len(set(counts)) > 1:
            shown = ", ".join(f"{count:,}" for count in counts)
            raise fail("ARCH302", f"{folder}: the training batches differ in size ({shown} images): one is cut short")
        images = np.concatenate([batch.fetch(np.arange(len(batch))) for batch in training])
        return in_memory(images, np.concatenate([batch.labels for batch in training])), test

    def _pickled(self, path: Path) -> Stored:
        pixels, labels = pickles.batch(files.content(path, ELSEWHERE), path, PIXELS, self.labels)
        return self._part(pixels, labels, path)

    def _binary(self, path: Path) -> Stored:
        content, width = files.content(path, ELSEWHERE), PIXELS + self.label_bytes
        if len(content) % width:
            raise fail("ARCH302", f"{path} is cut short: {len(content):,} bytes are no multiple of {width:,}")
        rows = np.frombuffer(content, np.uint8).reshape(-1, width)
        return self._part(rows[:, self.label_bytes :], rows[:, self.label_bytes - 1], path)

    def _part(self, pixels: NDArray[Any], labels: NDArray[Any], path: Path) -> Stored:
        """Both archives hold channels first."""
        images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return part(images, labels, str(path), SHAPE, self.classes)
