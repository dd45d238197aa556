"""Finds image files, and reads them as a network takes them: upright, grey or in color, in its size."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archdsl.data.readers import files
from archdsl.errors import ArchError, Problem, fail
from archdsl.files import opened
from archdsl.text import quantity

SUFFIXES = {
    *(".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
}
"""The suffixes of the files that are found in folders; a file that is named itself may have any."""

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TGA", "TIFF", "WEBP")
"""The formats of these files, in Pillow's words, whatever a file's suffix is. Pillow knows more, and starts Ghostscript
to read one of them."""

CHUNK = 32
"""Images that a thread reads at a time."""

SHOWN = 10
"""Broken files that are named."""

SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that swap height and width."""


@dataclass(frozen=True, slots=True)
class RequestedFormat:
    """The size and channels that images are to have; None where any will do.

    Attributes:
        fallback_side: the height and width of images whose own sizes differ or do not fit into memory, where no size
            is requested; without it, that is an error.
    """

    height: int | None = None
    width: int | None = None
    channels: int | None = None
    fallback_side: int | None = None


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


def find(words: Iterable[str | Path]) -> list[Path]:
    """The image files that words name, each once: files, folders with all below them, and patterns such as `*/*.png`.

    A word that names nothing is taken for a path, so that reading it reports what is wrong.
    """
    paths: dict[Path, None] = {}
    for word in words:
        path = Path(word)
        if os.path.isdir(path):
            paths |= dict.fromkeys(_below(path))
        elif os.path.exists(path) or not glob.has_magic(str(word)):
            paths[path] = None
        else:
            matches = _matches(path)
            matched = [file for match in matches for file in (_below(match) if match.is_dir() else [match])]
            paths |= dict.fromkeys(matched or [path])
    return list(paths)


def _matches(pattern: Path) -> list[Path]:
    """What a pattern matches, in order; `**` follows no links, for those may lead back."""
    if "**" not in pattern.parts or any("**" in part and part != "**" for part in pattern.parts):
        return [Path(match) for match in sorted(glob.glob(str(pattern)))]
    found = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    asked = any(part.startswith(".") and glob.has_magic(part) for part in pattern.parts)
    hidden = ({part for part in path.parts if part.startswith(".")} - {*pattern.parts} for path in found)
    return [path for path, parts in zip(found, hidden, strict=True) if asked or not parts]


def _below(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and os.path.isfile(path))
    return [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def read(path: Path, channels: int, size: Sequence[int] | None) -> NDArray[np.uint8]:
    """An image file as uint8 (H, W, channels), of 0 (black) to 255.

    It is turned as its EXIF data says, laid on white where it is transparent, and resized with antialiasing, without
    regard to its proportions. Of a moving picture, the first frame is read; 16 bits become 8.

    Pillow only warns of images of very many pixels: `reject_bombs` makes that an error.

    Args:
        channels: 1 for grey, 3 for red, green and blue, 4 with opacity.
        size: height and width; without it, the image's own.

    Raises:
        ArchError: it is not there (ARCH301), or is no image that can be read (ARCH302).
    """
    try:
        with opened(path) as file, Image.open(file, formats=_formats()) as opened_image:
            image = _converted(ImageOps.exif_transpose(opened_image), channels)
    except (FileNotFoundError, NotADirectoryError):
        raise fail("ARCH301", f"{path} does not exist") from None
    except UnidentifiedImageError:
        raise fail("ARCH302", f"{path} is not an image in a supported format") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = f"{Image.MAX_IMAGE_PIXELS or 0:,}"
        raise fail("ARCH302", f"{path} is too large: it has more than {most} pixels") from None
    except Exception as error:  # each of Pillow's readers has its own for a broken file
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
        raise fail("ARCH302", f"{path} cannot be read as an image: {reason}") from None
    if size is not None and (image.height, image.width) != tuple(size):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels.reshape(*pixels.shape[:2], channels)


def resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """An image (H, W, C) in another size: linear, with antialiasing, without regard to its proportions."""
    if image.shape[:2] == (height, width):
        return image
    opened = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    return np.asarray(opened.resize((width, height), Image.Resampling.BILINEAR)).reshape(height, width, -1)


def reject_bombs() -> warnings.catch_warnings[None]:
    """A context in which images of very many pixels are refused. Enter it around all threads: it is the process's."""
    return warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning)


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow reads."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _converted(image: Image.Image, channels: int) -> Image.Image:
    """An image in grey, in colour, or in colour with opacity, all of 8 bits."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_8_bits(image)
    if channels == 4:
        return image.convert("RGBA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if channels == 1 else "RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """An image of deeper grey: from 0 to 65,535, or from 0 to 1 where it is of fractions."""
    values = np.asarray(image, np.float64)
    largest = 1.0 if image.mode == "F" and values.max(initial=0) <= 1 else 65_535.0
    return Image.fromarray(np.clip(np.rint(values / largest * 255), 0, 255).astype(np.uint8))


def choose_format(paths: Sequence[Path], requested: RequestedFormat) -> ImageFormat:
    """The format that is requested of images, and their own in what is not requested.

    Raises:
        ArchError: they differ in size, and none is requested (ARCH303).
    """
    height, width, channels = requested.height, requested.width, requested.channels
    if height and width and channels:
        return ImageFormat(height, width, channels)
    with reject_bombs():
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
        hint = "to resize them, add `size: [64, 64]` to `data`"
        raise fail("ARCH303", f"the images differ in size, from {ends} pixels", hint=hint)
    note = f"images of {ends} pixels are resized to {side} x {side}, because no size is set"
    return ImageFormat(side, side, channels, note)


def _head(path: Path) -> tuple[int, int, bool] | None:
    """Height, width, and whether it is grey, from a file's first bytes; None where it cannot be read."""
    try:
        with opened(path) as file, Image.open(file, formats=_formats()) as image:
            sideways = image.getexif().get(0x0112) in SIDEWAYS
            height, width = (image.width, image.height) if sideways else (image.height, image.width)
            return height, width, image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    except Exception:  # each of Pillow's readers has its own for a broken file
        return None


def read_rows(
    paths: Sequence[Path], image_format: ImageFormat, split: str, rows: NDArray[np.int64]
) -> NDArray[np.uint8]:
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
                result[row] = read(paths[rows[row]], image_format.channels, image_format.shape[:2])
            except ArchError as error:
                broken.append((row, error.problems[0].message))
        return stop - start

    with reject_bombs(), _bar() as bar, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        task = bar.add_task(f"reading {split} images", total=len(rows))
        for count in pool.map(read_chunk, range(0, len(rows), CHUNK)):
            bar.advance(task, count)
    if broken:
        raise _unreadable([message for _, message in sorted(broken)], len(rows))
    return result


def _unreadable(messages: Sequence[str], count: int) -> ArchError:
    if len(messages) == 1:
        return fail("ARCH302", messages[0], hint="replace or remove the file")
    facts = (*messages[:SHOWN], *([f"... and {len(messages) - SHOWN:,} more"] if len(messages) > SHOWN else []))
    message = f"{len(messages):,} of {quantity(count, 'image')} cannot be read"
    return ArchError(Problem("ARCH302", message, facts=facts, hint="replace or remove these files"))


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
