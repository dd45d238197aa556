"""Finds image files, and reads them as a network wants them: upright, grey or in colour, of its size."""

from __future__ import annotations

import glob
import warnings
from collections.abc import Iterable, Sequence
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


def find(words: Iterable[str | Path]) -> list[Path]:
    """The image files that words name, each once: files, folders with all below them, and patterns such as `*/*.png`.

    A word that names nothing stands for itself, so that reading it tells what is wrong.
    """
    found: dict[Path, None] = {}
    for word in words:
        path = Path(word)
        if path.is_dir():
            found |= dict.fromkeys(_below(path))
        elif path.exists() or not glob.has_magic(str(word)):
            found[path] = None
        else:
            matches = [Path(match) for match in sorted(glob.glob(str(word), recursive=True))]
            files = [file for match in matches for file in (_below(match) if match.is_dir() else [match])]
            found |= dict.fromkeys(files or [path])
    return list(found)


def _below(folder: Path) -> list[Path]:
    inside = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return [path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def read(path: Path, channels: int, size: Sequence[int] | None) -> NDArray[np.uint8]:
    """An image file as uint8 (H, W, channels), of 0 (black) to 255.

    It is turned as its EXIF data says, laid on white where it is transparent, and resized with antialiasing, without
    regard to its proportions. Of a moving picture, the first frame is read; 16 bits become 8.

    Pillow only warns of images of very many pixels: a caller that is not to read them makes it an error (`refusing`).

    Args:
        channels: 1 for grey, 3 for red, green and blue, 4 with opacity.
        size: height and width; without it, the image's own.

    Raises:
        ArchError: it is not there (ARCH301), or is no image that can be read (ARCH302).
    """
    try:
        with Image.open(path) as opened:
            image = _as(ImageOps.exif_transpose(opened), channels)
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


def refusing() -> warnings.catch_warnings[None]:
    """A context in which images of very many pixels are refused. To be set once around all threads, not in each."""
    return warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning)


def _as(image: Image.Image, channels: int) -> Image.Image:
    """An image in grey, in colour, or in colour with opacity, all of 8 bits."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _of_8_bits(image)
    if channels == 4:
        return image.convert("RGBA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if channels == 1 else "RGB")


def _of_8_bits(image: Image.Image) -> Image.Image:
    """An image of deeper grey: from 0 to 65,535, or from 0 to 1 where it is of fractions."""
    values = np.asarray(image, np.float64)
    largest = 1.0 if image.mode == "F" and values.max(initial=0) <= 1 else 65_535.0
    return Image.fromarray(np.clip(np.rint(values / largest * 255), 0, 255).astype(np.uint8))
