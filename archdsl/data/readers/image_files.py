"""Reads many image files into one array, several at a time; those that cannot be read are told together."""

from __future__ import annotations

import os
import warnings
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
from archdsl.data.readers.files import budget
from archdsl.data.readers.splits import Rows, Wanted
from archdsl.errors import ArchError, Problem, fail
from archdsl.text import quantity

AT_ONCE = 32
"""Images in one piece of work for a thread."""

TOLD = 10
"""Broken files that are named."""

TURNED = (5, 6, 7, 8)
"""The orientations of EXIF that change height and width."""


@dataclass(frozen=True, slots=True)
class Form:
    """What all images become, and a sentence on what they are."""

    height: int
    width: int
    channels: int
    note: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels


def form(files: Sequence[Path], wanted: Wanted) -> Form:
    """What images become: what is wanted of them, or else what they are.

    Raises:
        ArchError: they differ in size, and nobody says which is wanted (ARCH303).
    """
    if wanted.height and wanted.width and wanted.channels:
        return Form(wanted.height, wanted.width, wanted.channels)
    with _bombs_are_errors():
        heads = [head for file in files if (head := _head(file)) is not None]
    channels = wanted.channels or (1 if heads and all(grey for *_, grey in heads) else 3)
    if wanted.height and wanted.width:
        return Form(wanted.height, wanted.width, channels)
    return _own(sorted({(height, width) for height, width, _ in heads}), channels, len(files), wanted.otherwise)


def _own(sizes: Sequence[tuple[int, int]], channels: int, count: int, otherwise: int | None) -> Form:
    """The size that all images have."""
    if not sizes:  # reading them tells what is wrong
        return Form(1, 1, channels)
    if len(sizes) == 1 and (otherwise is None or count * sizes[0][0] * sizes[0][1] * channels <= budget()):
        return Form(*sizes[0], channels)
    ends = " to ".join(dict.fromkeys(f"{height} x {width}" for height, width in (sizes[0], sizes[-1])))
    if otherwise is not None:
        note = (
            f"the images have {ends} pixels; here they are resized to {otherwise} x {otherwise}, for nobody says a size"
        )
        return Form(otherwise, otherwise, channels, note)
    hint = "`size: [64, 64]` in `data` says the height and width that they become"
    raise fail("ARCH303", f"the images differ in size, from {ends} pixels", hint=hint)


def _head(file: Path) -> tuple[int, int, bool] | None:
    """Height, width, and whether it is grey, from a file's first bytes; None where it cannot be read."""
    try:
        with Image.open(file) as image:
            turned = image.getexif().get(0x0112) in TURNED
            height, width = (image.width, image.height) if turned else (image.height, image.width)
            return height, width, image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    except Exception:  # each of Pillow's readers has its own for a broken file
        return None


def read(files: Sequence[Path], form: Form, part: str, rows: Rows) -> NDArray[np.uint8]:
    """The images of some rows, uint8 (len(rows), H, W, C). On a terminal, a bar tells how far it is.

    Raises:
        ArchError: some cannot be read (ARCH302): how many, and the first of them with what is wrong.
    """
    made = np.empty((len(rows), *form.shape), np.uint8)
    broken: list[tuple[int, str]] = []

    def some(start: int) -> int:
        stop = min(start + AT_ONCE, len(rows))
        for row in range(start, stop):
            try:
                made[row] = images.read(files[rows[row]], form.channels, form.shape[:2])
            except ArchError as error:
                broken.append((row, error.problems[0].message))
        return stop - start

    with _bombs_are_errors(), _bar() as bar, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        task = bar.add_task(f"reading {part} images", total=len(rows))
        for count in pool.map(some, range(0, len(rows), AT_ONCE)):
            bar.advance(task, count)
    if broken:
        raise _broken([message for _, message in sorted(broken)], len(rows))
    return made


def _broken(messages: Sequence[str], count: int) -> ArchError:
    if len(messages) == 1:
        return fail("ARCH302", messages[0], hint="replace the file, or remove it")
    facts = (*messages[:TOLD], *([f"... and {len(messages) - TOLD:,} more"] if len(messages) > TOLD else []))
    message = f"{len(messages):,} of {quantity(count, 'image')} cannot be read"
    return ArchError(Problem("ARCH302", message, facts=facts, hint="replace these files, or remove them"))


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _bombs_are_errors() -> warnings.catch_warnings[None]:
    """Set around all threads at once: the filters of warnings are the process's."""
    return warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning)
