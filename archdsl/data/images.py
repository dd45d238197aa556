"""Finds image files, and reads them as a network wants them: upright, grey or in colour, of its size."""

from __future__ import annotations

import glob
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from archdsl.errors import fail

SUFFIXES = {
    *(".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
}
"""The endings that are looked for in folders; a file that is named itself may have any."""


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


def find(words: Iterable[str | Path]) -> list[Path]:
    """The image files that words name, each once: files, folders with all below them, and patterns such as `*/*.png`.

    A word that names nothing is taken for a path, so that reading it reports what is wrong.
    """
    paths: dict[Path, None] = {}
    for word in words:
        path = Path(word)
        if path.is_dir():
            paths |= dict.fromkeys(_below(path))
        elif path.exists() or not glob.has_magic(str(word)):
            paths[path] = None
        else:
            matches = [Path(match) for match in sorted(glob.glob(str(word), recursive=True))]
            files = [file for match in matches for file in (_below(match) if match.is_dir() else [match])]
            paths |= dict.fromkeys(files or [path])
    return list(paths)


def _below(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
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
        with Image.open(path) as opened:
            image = _converted(ImageOps.exif_transpose(opened), channels)
    except (FileNotFoundError, NotADirectoryError):
        raise fail("ARCH301", f"{path} is not there") from None
    except UnidentifiedImageError:
        raise fail("ARCH302", f"{path} is no image of a kind that Pillow knows") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = f"{Image.MAX_IMAGE_PIXELS or 0:,}"
        raise fail("ARCH302", f"{path} has more than {most} pixels, and is not read") from None
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
