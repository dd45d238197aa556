"""Finds image files and reads them as the network expects: upright, with its channels and size."""

from __future__ import annotations

import glob
import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archdsl.data.broken import Faults, checked, faults
from archdsl.data.readers import files
from archdsl.data.tables import Resize
from archdsl.errors import ArchError, fail
from archdsl.files import opened

SUFFIXES = {
    *(".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
}
"""The extensions of image files in folders. A file given by its own path may have any extension."""

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TGA", "TIFF", "WEBP")
"""The formats that are read, by Pillow's names, whatever the extension of a file. Pillow supports more, and runs
Ghostscript for one of them."""

CHUNK = 32
"""The number of images that a thread reads at a time."""

SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that swap height and width."""


@dataclass(frozen=True, slots=True)
class RequestedFormat:
    """The required size and channels of images; None means any.

    Attributes:
        fallback_side: if no size is required, the height and width for images that differ in size or do not fit into
            memory; None raises an error instead.
        resize: how images are fitted to the size.
    """

    height: int | None = None
    width: int | None = None
    channels: int | None = None
    fallback_side: int | None = None
    resize: Resize = "stretch"


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """The size and channels of all images, with an optional remark."""

    height: int
    width: int
    channels: int
    note: str = ""
    resize: Resize = "stretch"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels


def find(words: Iterable[str | Path]) -> list[Path]:
    """Find image files by path, by folder (searched recursively), and by pattern, such as `*/*.png`; each file once.

    A word that matches nothing is kept as a path: reading it reports the error.
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
    """The sorted matches of a pattern; `**` does not follow links, which may form a circle."""
    if "**" not in pattern.parts or any("**" in part and part != "**" for part in pattern.parts):
        return [Path(match) for match in sorted(glob.glob(str(pattern)))]
    found = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    asked = any(part.startswith(".") and glob.has_magic(part) for part in pattern.parts)
    hidden = ({part for part in path.parts if part.startswith(".")} - {*pattern.parts} for path in found)
    return [path for path, parts in zip(found, hidden, strict=True) if asked or not parts]


def _below(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and os.path.isfile(path))
    return [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def size_of(path: Path) -> tuple[int, int] | None:
    """Height and width of an image file, from its header; None if it cannot be read."""
    with reject_bombs():
        head = _head(path)
    return head and head[:2]


def read(path: Path, channels: int, size: Sequence[int] | None, how: Resize = "stretch") -> NDArray[np.uint8]:
    """Read an image file as uint8 (H, W, channels), from 0 (black) to 255.

    The image is rotated by its EXIF orientation, placed on white if it is transparent, and resized with antialiasing.
    An animation is read as its first frame; 16 bits are reduced to 8.

    Pillow only warns about extremely large images; `reject_bombs` turns the warning into an error.

    Args:
        channels: 1 for grayscale, 3 for RGB, 4 for RGBA.
        size: height and width; by default, those of the image.
        how: how the image is fitted to the size.

    Raises:
        ArchError: the file is missing (ARCH301), or is not a readable image (ARCH302).
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
    except Exception as error:  # each reader in Pillow raises its own errors for broken files
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
        raise fail("ARCH302", f"{path} cannot be read as an image: {reason}") from None
    if size is not None:
        image = fit(image, size, how)
    pixels = np.asarray(image, np.uint8)
    return pixels.reshape(*pixels.shape[:2], channels)


def fit(
    image: Image.Image,
    size: Sequence[int],
    how: Resize,
    resampling: Image.Resampling = Image.Resampling.BILINEAR,
) -> Image.Image:
    """Fit an image to a height and a width.

    `stretch` ignores its aspect ratio. `crop` cuts both ends of the side that is too long off, and `pad` adds black at
    both ends of the side that is too short.
    """
    height, width = size
    if (image.height, image.width) == (height, width):
        return image
    if how == "crop":
        return ImageOps.fit(image, (width, height), resampling)
    if how == "pad":
        return ImageOps.pad(image, (width, height), resampling)
    return image.resize((width, height), resampling)


def restored(
    image: Image.Image,
    size: Sequence[int],
    how: Resize,
    resampling: Image.Resampling = Image.Resampling.BILINEAR,
) -> Image.Image:
    """Undo `fit`: resize what a network returns for a fitted image to the height and width of the original image.

    The border that `pad` added is removed. The border that `crop` cut off is black, which is class 0 in a mask.
    """
    height, width = size
    if (image.height, image.width) == (height, width):
        return image
    across, down = image.width / width, image.height / height
    if how == "pad":
        scale = min(across, down)
        seen = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = round((image.width - seen[0]) / 2), round((image.height - seen[1]) / 2)
        return image.resize((width, height), resampling, box=(left, top, left + seen[0], top + seen[1]))
    if how == "crop":
        scale = max(across, down)
        seen = max(1, round(image.width / scale)), max(1, round(image.height / scale))
        whole = Image.new(image.mode, (width, height))
        whole.paste(image.resize(seen, resampling), (round((width - seen[0]) / 2), round((height - seen[1]) / 2)))
        return whole
    return image.resize((width, height), resampling)


def resize(image: NDArray[np.uint8], height: int, width: int, how: Resize = "stretch") -> NDArray[np.uint8]:
    """Resize an image (H, W, C), bilinearly and with antialiasing."""
    if image.shape[:2] == (height, width):
        return image
    opened = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    return np.asarray(fit(opened, (height, width), how)).reshape(height, width, -1)


def resized_masks(masks: NDArray[np.uint8], size: tuple[int, int], how: Resize = "stretch") -> NDArray[np.uint8]:
    """Resize masks (N, H, W) to the nearest pixel."""
    if masks.shape[1:] == size:
        return masks
    result = np.empty((len(masks), *size), np.uint8)
    for row, mask in enumerate(masks):
        result[row] = np.asarray(fit(Image.fromarray(np.asarray(mask, np.uint8)), size, how, Image.Resampling.NEAREST))
    return result


def resized(
    images: NDArray[np.uint8], height: int, width: int, channels: int, how: Resize = "stretch"
) -> NDArray[np.uint8]:
    """Resize images (N, H, W, C) as `resize` does; those of the right size are returned as they are."""
    if images.shape[1:] == (height, width, channels):
        return images
    result = np.empty((len(images), height, width, channels), np.uint8)
    for row, image in enumerate(images):
        result[row] = resize(image, height, width, how)
    return result


@contextmanager
def reject_bombs() -> Iterator[None]:
    """A context that rejects extremely large images. It acts on the whole process, so only one thread may be in it."""
    with _BOMBS, warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
        yield


_BOMBS = threading.RLock()


@cache
def _formats() -> tuple[str, ...]:
    """The members of `FORMATS` that this version of Pillow supports."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _converted(image: Image.Image, channels: int) -> Image.Image:
    """Convert an image to 8-bit grayscale, RGB or RGBA."""
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
    """Convert a deep grayscale image, with values from 0 to 65,535, or from 0 to 1 if they are fractions."""
    values = np.asarray(image, np.float64)
    largest = 1.0 if image.mode == "F" and values.max(initial=0) <= 1 else 65_535.0
    return Image.fromarray(np.clip(np.rint(values / largest * 255), 0, 255).astype(np.uint8))


def choose_format(paths: Sequence[Path], requested: RequestedFormat) -> ImageFormat:
    """Choose the format of images: the requested one, completed by their own.

    Raises:
        ArchError: the images differ in size, and no size is requested (ARCH303).
    """
    height, width, channels = requested.height, requested.width, requested.channels
    if height and width and channels:
        return ImageFormat(height, width, channels, resize=requested.resize)
    with reject_bombs():
        heads = [head for path in paths if (head := _head(path)) is not None]
    channels = channels or (1 if heads and all(grey for *_, grey in heads) else 3)
    if height and width:
        return ImageFormat(height, width, channels, resize=requested.resize)
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
    return ImageFormat(side, side, channels, note, requested.resize)


def _head(path: Path) -> tuple[int, int, bool] | None:
    """Height, width, and whether the image is grayscale, from the file's header; None if it cannot be read."""
    try:
        with opened(path) as file, Image.open(file, formats=_formats()) as image:
            sideways = image.getexif().get(0x0112) in SIDEWAYS
            height, width = (image.width, image.height) if sideways else (image.height, image.width)
            return height, width, image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    except Exception:  # each reader in Pillow raises its own errors for broken files
        return None


def read_rows(
    paths: Sequence[Path], image_format: ImageFormat, split: str, rows: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Read the images of some rows, uint8 (len(rows), H, W, C), with a progress bar in a terminal.

    Raises:
        BrokenExamples: some cannot be read.
    """
    result = np.zeros((len(rows), *image_format.shape), np.uint8)
    broken: list[tuple[int, str]] = []

    def read_chunk(start: int) -> int:
        stop = min(start + CHUNK, len(rows))
        for row in range(start, stop):
            try:
                result[row] = read(paths[rows[row]], image_format.channels, image_format.shape[:2], image_format.resize)
            except ArchError as error:
                broken.append((row, error.problems[0].message))
        return stop - start

    with reject_bombs(), _bar() as bar, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        task = bar.add_task(f"reading {split} images", total=len(rows))
        for count in pool.map(read_chunk, range(0, len(rows), CHUNK)):
            bar.advance(task, count)
    return checked(result, _unreadable(broken))


def read_masks(
    pairs: Sequence[tuple[Path, Path | str]],
    image_format: ImageFormat,
    divisor: int,
    classes: int,
    split: str,
    rows: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Read masks of some rows, uint8 (len(rows), H, W): the number of the class of each pixel.

    A mask is a grayscale image or one with a palette, whose values or indices are the numbers. It is resized to the
    nearest pixel.

    Args:
        pairs: images with their masks, or with what is wrong.
        image_format: the size of the images, and how they are fitted to it.
        divisor: what divides the values.
        classes: the number of classes.

    Raises:
        BrokenExamples: some cannot be read, are in color, differ from their image in size, or have other classes.
    """
    result, broken = np.zeros((len(rows), *image_format.shape[:2]), np.uint8), list[tuple[int, str]]()
    with reject_bombs(), _bar() as bar:
        task = bar.add_task(f"reading {split} masks", total=len(rows))
        for place, row in enumerate(rows):
            try:
                result[place] = _read_mask(pairs[row], image_format, divisor, classes)
            except ArchError as error:
                broken.append((place, error.problems[0].message))
            bar.advance(task)
    return checked(result, _unreadable(broken))


def _read_mask(
    pair: tuple[Path, Path | str], image_format: ImageFormat, divisor: int, classes: int
) -> NDArray[np.uint8]:
    path, mask = pair
    if isinstance(mask, str):
        raise fail("ARCH302", mask)
    try:
        with opened(mask) as file, Image.open(file, formats=_formats()) as image:
            if image.mode not in ("L", "P", "1", "I") and not image.mode.startswith("I;16"):
                raise fail("ARCH302", f"{mask}: expected a mask of one number per pixel, got an image in color")
            own, of_image = (image.height, image.width), _head(path)
            if of_image is not None and of_image[:2] != own:
                sizes = " x ".join(map(str, own)), " x ".join(map(str, of_image[:2]))
                raise fail("ARCH302", f"{mask} has {sizes[0]} pixels, but its image {path} has {sizes[1]}")
            values = np.asarray(image) // divisor
    except UnidentifiedImageError:
        raise fail("ARCH302", f"{mask} is not an image in a supported format") from None
    except (OSError, ValueError) as error:
        raise fail("ARCH302", f"{mask} cannot be read as a mask: {files.reason(error)}") from None
    if (most := int(values.max(initial=0))) >= classes:
        raise fail("ARCH302", f"{mask} has the value {most:,}, but the largest class is {classes - 1:,}")
    only: NDArray[np.uint8]
    (only,) = resized_masks(values.astype(np.uint8)[None], image_format.shape[:2], image_format.resize)
    return only


def _unreadable(broken: list[tuple[int, str]]) -> list[Faults]:
    reasons = dict(sorted(broken))
    return [faults(np.array(list(reasons), np.int64), reasons.__getitem__, "replace or remove the file")]


def _bar() -> Progress:
    """A progress bar; in other threads than the main one, which read streamed examples, it is hidden."""
    console, is_main = Console(stderr=True), threading.current_thread() is threading.main_thread()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not (console.is_terminal and is_main))
