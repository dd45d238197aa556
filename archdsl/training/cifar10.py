"""Finds CIFAR-10 on this machine, and reads it in any of the three layouts that people have.

Nothing here executes what a file says: pickles are read by an unpickler that rebuilds byte arrays and nothing else.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.errors import ArchError, fail

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images (N, 32, 32, 3) of values 0 to 255, and labels (N,)."""

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE, CHANNELS = 32, 3
PIXELS = SIDE * SIDE * CHANNELS
TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
LARGEST_FILE = 2**30
"""Bytes. The whole set takes 184 MB; a file that says it needs more than this is not read."""

GET_IT = (
    '`python -c "import keras; keras.datasets.cifar10.load_data()"` puts it where it is looked for, or unpack '
    "an archive from https://www.cs.toronto.edu/~kriz/cifar.html and name its folder with --data-dir"
)


def read(folder: Path | None = None) -> tuple[Arrays, Arrays, Path]:
    """The training set, the test set, and the file or folder that they were read from.

    A given `folder` is the only place that is looked at. Otherwise the places are, in this order: the environment
    variable ARCHDSL_DATA, Keras's cache (~/.keras/datasets), and `data` in the working folder. In each of them, or
    as the place itself: an `.npz` file, `cifar-10-batches-py`, `cifar-10-batches-bin`.

    Raises:
        ArchError: the data is not there (ARCH301), or cannot be read (ARCH302, ARCH303).
    """
    places = [Path(folder)] if folder else _places()
    for place in places:
        found = _find(place)
        if found:
            return (*_read_found(found), found)
    looked = ", ".join(str(place) for place in places)
    raise fail("ARCH301", f"CIFAR-10 is not there; looked in: {looked}", hint=GET_IT)


def _places() -> list[Path]:
    given = os.environ.get("ARCHDSL_DATA")
    keras = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return [*([Path(given).expanduser()] if given else []), keras / "datasets", Path("data")]


def _find(place: Path) -> Path | None:
    """The file or folder that holds the set, in a place or as the place itself."""
    try:
        if place.is_file() or (place / TRAINING[0]).exists() or (place / f"{TRAINING[0]}.bin").exists():
            return place
        inside = ("cifar10.npz", "cifar-10-batches-py", "cifar-10-batches-py-target/cifar-10-batches-py")
        return next((place / name for name in (*inside, "cifar-10-batches-bin") if (place / name).exists()), None)
    except OSError as error:
        raise fail("ARCH302", f"{place}: {error.strerror}") from None


def _read_found(found: Path) -> tuple[Arrays, Arrays]:
    if found.is_dir():
        binary = (found / f"{TRAINING[0]}.bin").exists()
        batches = [_batch(found / f"{name}.bin" if binary else found / name) for name in (*TRAINING, "test_batch")]
        counts = [len(labels) for _, labels in batches[:-1]]
        if len(set(counts)) > 1:
            shown = ", ".join(f"{count:,}" for count in counts)
            raise fail("ARCH302", f"{found}: the training batches differ in size ({shown} images): one is cut short")
        images, labels = zip(*batches[:-1], strict=True)
        return (np.concatenate(images), np.concatenate(labels)), batches[-1]
    if found.suffix != ".npz":
        raise fail("ARCH302", f"{found} is neither an .npz file nor a folder", hint="unpack an archive first")
    return _read_npz(found)


def _read_npz(path: Path) -> tuple[Arrays, Arrays]:
    """The arrays `x_train, y_train, x_test, y_test`, of any number of images."""
    names = ("x_train", "y_train", "x_test", "y_test")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_FILE:
            raise fail("ARCH302", f"{path} unpacks to {size:,} bytes, more than CIFAR-10 can need")
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in names if name not in archive]
            if missing:
                raise fail("ARCH302", f"{path} has no array {' and no array '.join(missing)}", hint=_holds(archive))
            x_train, y_train, x_test, y_test = (archive[name] for name in names)
    except ArchError:
        raise
    except Exception as error:  # a broken file ends in any of a dozen exceptions, from zlib's to NumPy's
        raise fail("ARCH302", f"{path} cannot be read as an .npz file: {_reason(error)}") from None
    return _checked(x_train, y_train, f"{path}: x_train"), _checked(x_test, y_test, f"{path}: x_test")


def _holds(archive: Any) -> str:
    return f"it holds: {', '.join(archive.files[:8])}" if archive.files else "it holds no array"


def _batch(path: Path) -> Arrays:
    """One batch of either of the original archives: `data_batch_1` or `data_batch_1.bin`."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise fail("ARCH302", f"{path} is larger than CIFAR-10 can be")
        content = path.read_bytes()
    except FileNotFoundError:
        raise fail("ARCH302", f"{path} is missing: the folder holds a part of CIFAR-10", hint=GET_IT) from None
    except OSError as error:
        raise fail("ARCH302", f"{path} cannot be read: {error.strerror}") from None
    pixels, labels = _unpack(content, path) if path.suffix == ".bin" else _unpickle(content, path)
    return _checked(pixels.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1), labels, str(path))


def _unpack(content: bytes, path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of one label byte and 3,072 pixel bytes, channels first."""
    if len(content) % (PIXELS + 1):
        raise fail("ARCH302", f"{path} is cut short: {len(content):,} bytes are no multiple of {PIXELS + 1:,}")
    rows = np.frombuffer(content, np.uint8).reshape(-1, PIXELS + 1)
    return rows[:, 1:], rows[:, 0]


def _unpickle(content: bytes, path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """The arrays `data` (N, 3072) and `labels` (N,) of a pickle, as Python 2 or 3 wrote it."""
    try:
        batch = _Arrays(content).load()
        plain = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        pixels, labels = plain["data"], np.asarray(plain["labels"])
    except KeyError as error:
        raise fail("ARCH302", f"{path} is no batch of CIFAR-10: it has no {error}") from None
    except Exception as error:  # a broken pickle can end in nearly every exception there is
        raise fail("ARCH302", f"{path} cannot be read as a batch of CIFAR-10: {_reason(error)}") from None
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (PIXELS,):
        kind = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise fail("ARCH302", f"{path}: `data` must be uint8 of shape (N, {PIXELS}), and is {kind}")
    return pixels, labels


class _Arrays(pickle.Unpickler):
    """Rebuilds NumPy arrays of whole numbers by functions of this module; any other global is refused unseen."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        """What stands in for a global that the pickle names.

        Raises:
            pickle.UnpicklingError: the global is none of the five that arrays and byte strings need.
        """
        known = {
            ("multiarray", "_reconstruct"): _empty_array,
            ("numeric", "_frombuffer"): _from_buffer,
            ("numpy", "ndarray"): "ndarray",
            ("numpy", "dtype"): _whole_number_type,
            ("_codecs", "encode"): _latin1,
        }
        short = re.sub(r"^numpy\._?core\.", "", module)
        if (short, name) not in known:
            raise pickle.UnpicklingError(f"it asks for `{module}.{name}`, which no batch needs; nothing of it was run")
        return known[short, name]


def _empty_array(*_: Any) -> NDArray[np.uint8]:
    """An array of no size, whatever size is asked for: the pickle's state fills it afterwards."""
    return np.ndarray.__new__(np.ndarray, (0,), np.uint8)


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


def _whole_number_type(code: Any, align: bool = False, copy: bool = True) -> Any:
    text = code.decode() if isinstance(code, bytes) else code
    if not re.fullmatch("[ui][1248]", text):
        raise pickle.UnpicklingError(f"it holds values of the type {text!r}, where whole numbers are due")
    return np.dtype(text, align=False, copy=True)  # the pickle's state is set on the copy


def _latin1(text: Any, encoding: Any) -> bytes:
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"it holds text in the encoding {encoding!r}")
    return str(text if isinstance(text, str) else text.decode("utf-8")).encode("latin1")


def _checked(images: NDArray[Any], labels: NDArray[Any], name: str) -> Arrays:
    """Images and labels in one form, after a look at their types, shapes and values."""
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE, CHANNELS):
        wanted = f"uint8 of shape (N, {SIDE}, {SIDE}, {CHANNELS})"
        raise fail("ARCH302", f"{name}: the images must be {wanted}, and are {images.dtype} of shape {images.shape}")
    if labels.dtype.kind not in "iu" or labels.shape not in ((labels.size,), (labels.size, 1)):
        wanted = "whole numbers of shape (N,) or (N, 1)"
        raise fail("ARCH302", f"{name}: the labels must be {wanted}, and are {labels.dtype} of shape {labels.shape}")
    if len(images) != len(labels):
        raise fail("ARCH302", f"{name}: {len(images):,} images, but {len(labels):,} labels")
    if not len(images):
        raise fail("ARCH302", f"{name}: no image")
    wrong = labels[(labels < 0) | (labels >= len(CLASSES))]
    if wrong.size:
        raise fail("ARCH303", f"{name}: the label {wrong.flat[0]} is not among the classes 0 to {len(CLASSES) - 1}")
    return np.ascontiguousarray(images), labels.reshape(-1).astype(np.int64)


def _reason(error: Exception) -> str:
    """An exception's own words, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
