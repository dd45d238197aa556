"""Reads many image files into one array, several at a time; those that cannot be read are reported together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archdsl.data import images
from archdsl.data.readers import files
from archdsl.data.readers.splits import Rows
from archdsl.errors import ArchError, Problem, fail
from archdsl.text import quantity

CHUNK = 32
"""Images that a thread reads at a time."""

SHOWN = 10
"""Broken files that are named."""

SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that swap height and width."""


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """The size and channels that all images get, and a sentence on it where one is needed."""

    height: int
    width: int
    channels: int
    note: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels


def choose_format(paths: Sequence[Path], requested: images.RequestedFormat) -> ImageFormat:
    """The format that is requested of images, and their own in what is not requested.

    Raises:
        ArchError: they differ in size, and none is requested (ARCH303).
    """
    height, width, channels = requested.height, requested.width, requested.channels
    if height and width and channels:
        return ImageFormat(height, width, channels)
    with images.reject_bombs():
        heads = [head for path in paths if (head := _head(path)) is not None]
    channels = channels or (1 if heads and all(grey for *_, grey in heads) else 3)
    if height and width:
        return ImageFormat(height, width, channels)
    sizes = sorted({(height, width) for height, width, _ in heads})
    side = requested.fallback_side
    if not sizes:  # reading them reports what is wrong
        return ImageFormat(1, 1, channels)
    needed = len(paths) * sizes[0][0] * sizes[0][1] * channels
    if len(sizes) == 1 and (side is None or needed <= files.budget()):
        return ImageFormat(*sizes[0], channels)
    ends = " to ".join(dict.fromkeys(f"{height} x {width}" for height, width in (sizes[0], sizes[-1])))
    if side is None:
        hint = "`size: [64, 64]` in `data` says the height and width that they become"
        raise fail("ARCH303", f"the images differ in size, from {ends} pixels", hint=hint)
    note = f"the images have {ends} pixels; here they are resized to {side} x {side}, for nobody says a size"
    return ImageFormat(side, side, channels, note)


def _head(path: Path) -> tuple[int, int, bool] | None:
    """Height, width, and whether it is grey, from a file's first bytes; None where it cannot be read."""
    try:
        with Image.open(path) as image:
            sideways = image.getexif().get(0x0112) in SIDEWAYS
            height, width = (image.width, image.height) if sideways else (image.height, image.width)
            return height, width, image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    except Exception:  # each of Pillow's readers has its own for a broken file
        return None


def read(paths: Sequence[Path], image_format: ImageFormat, split: str, rows: Rows) -> NDArray[np.uint8]:
    """The images of some rows, uint8 (len(rows), H, W, C). On a terminal, a bar shows the progress.

    Raises:
        ArchError: some cannot be read (ARCH302): how many, and the first of them with what is wrong.
    """
    result = np.empty((len(rows), *image_format.shape), np.uint8)
    broken: list[tuple[int, str]] = []

    def read_chunk(start: int) -> int:
        stop = min(start + CHUNK, len(rows))
        for row in range(start, stop):
            try:
                result[row] = images.read(paths[rows[row]], image_format.channels, image_format.shape[:2])
            except ArchError as error:
                broken.append((row, error.problems[0].message))
        return stop - start

    with images.reject_bombs(), _bar() as bar, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        task = bar.add_task(f"reading {split} images", total=len(rows))
        for count in pool.map(read_chunk, range(0, len(rows), CHUNK)):
            bar.advance(task, count)
    if broken:
        raise _unreadable([message for _, message in sorted(broken)], len(rows))
    return result


def _unreadable(messages: Sequence[str], count: int) -> ArchError:
    if len(messages) == 1:
        return fail("ARCH302", messages[0], hint="replace the file, or remove it")
    facts = (*messages[:SHOWN], *([f"... and {len(messages) - SHOWN:,} more"] if len(messages) > SHOWN else []))
    message = f"{len(messages):,} of {quantity(count, 'image')} cannot be read"
    return ArchError(Problem("ARCH302", message, facts=facts, hint="replace these files, or remove them"))


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
