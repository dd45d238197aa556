"""CIFAR-10: every layout reads alike, nothing in a file is run, and broken files are listed in one message."""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archdsl.data.dataset import load
from archdsl.data.readers import search
from archdsl.data.sources import cifar10, read
from archdsl.errors import ArchError
from archdsl.recipe import Data

PER_BATCH = 20
CIFAR = Data(source="cifar10", validation=0.2)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds a data set of this machine."""
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(search, "SYSTEM", ())
    monkeypatch.chdir(tmp_path)


def synthetic() -> dict[str, np.ndarray]:
    """120 images like CIFAR-10's, with labels in disorder."""
    random = np.random.RandomState(7)
    count = 6 * PER_BATCH
    images = random.randint(0, 256, (count, 32, 32, 3)).astype(np.uint8)
    labels = random.permutation(np.arange(count) % 10).astype(np.uint8)
    held = 5 * PER_BATCH
    return {
        "x_train": images[:held],
        "y_train": labels[:held, None],
        "x_test": images[held:],
        "y_test": labels[held:, None],
    }


def batches() -> list[tuple[str, np.ndarray, list[int]]]:
    """The six batches of the archives: name, pixels (20, 3072) with channels first, labels."""
    arrays = synthetic()
    images = np.concatenate([arrays["x_train"], arrays["x_test"]]).transpose(0, 3, 1, 2).reshape(-1, 3072)
    labels = np.concatenate([arrays["y_train"], arrays["y_test"]])[:, 0].tolist()
    cuts = [slice(i * PER_BATCH, (i + 1) * PER_BATCH) for i in range(6)]
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return [(name, images[cut], labels[cut]) for name, cut in zip(names, cuts, strict=True)]


def python2_pickle(pixels: np.ndarray, labels: list[int]) -> bytes:
    """A batch as Python 2 wrote it: protocol 2, all strings as bytes, the array rebuilt by `numpy.core`."""

    def string(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    dtype_state = b"(K\x03" + string(b"|") + b"NNN" + number(-1) + number(-1) + b"K\x00tb"
    dtype = b"cnumpy\ndtype\n" + string(b"u1") + b"K\x00K\x01\x87R" + dtype_state
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b") + b"\x87R"
    shape = number(pixels.shape[0]) + number(pixels.shape[1]) + b"\x86"
    array = empty + b"(K\x01" + shape + dtype + b"\x89" + string(pixels.tobytes()) + b"tb"
    label_list = b"](" + b"".join(number(label) for label in labels) + b"e"
    return b"\x80\x02}(" + string(b"data") + array + string(b"labels") + label_list + b"u."


def write_npz(folder: Path, **changed: Any) -> Path:
    np.savez(folder / "cifar10.npz", **(synthetic() | changed))
    return folder / "cifar10.npz"


def write_pickles(folder: Path, made: Callable[[np.ndarray, list[int]], bytes] = python2_pickle) -> Path:
    (folder / "cifar-10-batches-py").mkdir()
    for name, pixels, labels in batches():
        (folder / "cifar-10-batches-py" / name).write_bytes(made(pixels, labels))
    return folder / "cifar-10-batches-py"


def write_binary(folder: Path) -> Path:
    (folder / "cifar-10-batches-bin").mkdir()
    for name, pixels, labels in batches():
        rows = np.concatenate([np.array(labels, np.uint8)[:, None], pixels], axis=1)
        (folder / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(rows.tobytes())
    return folder / "cifar-10-batches-bin"


def protocol(number: int, key: Callable[[str], Any]) -> Callable[[np.ndarray, list[int]], bytes]:
    return lambda pixels, labels: pickle.dumps({key("data"): pixels, key("labels"): labels}, number)


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "npz": write_npz,
    "binary": write_binary,
    "python 2": write_pickles,
    "protocol 2, bytes": lambda folder: write_pickles(folder, protocol(2, str.encode)),
    "protocol 4, text": lambda folder: write_pickles(folder, protocol(4, str)),
    "protocol 5, text": lambda folder: write_pickles(folder, protocol(5, str)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("itself", [False, True], ids=["in a folder", "itself"])
def test_every_layout_gives_the_same_arrays(layout: str, itself: bool, tmp_path: Path) -> None:
    found = LAYOUTS[layout](tmp_path)
    raw = read(CIFAR, found if itself else tmp_path)
    wanted = synthetic()
    assert (raw.origin, raw.columns["label"].classes, raw.columns["image"].shape) == (
        str(found),
        cifar10.SOURCE.classes,
        (32, 32, 3),
    )
    for part, name in ((raw.train, "train"), (raw.test, "test")):
        assert part is not None
        images = part.read("image")
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, wanted[f"x_{name}"])
        np.testing.assert_array_equal(part.read("label"), wanted[f"y_{name}"][:, 0])


def test_the_places_are_looked_at_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {name: tmp_path / name for name in ("given", "variable", "keras/datasets", "data", "system")}
    for place in there.values():
        place.mkdir(parents=True)
        write_npz(place)
    monkeypatch.setenv("ARCHDSL_DATA", str(there["variable"]))
    monkeypatch.setattr(search, "SYSTEM", (tmp_path / "system",))
    found = [read(CIFAR, there["given"]).origin]
    for place in list(there)[1:]:
        found.append(read(CIFAR).origin)
        (there[place] / "cifar10.npz").unlink()
    assert found == [str(place / "cifar10.npz") for place in there.values()]


def test_kerass_own_cache_is_found(tmp_path: Path) -> None:
    cache = tmp_path / "keras" / "datasets" / "cifar-10-batches-py-target"
    cache.mkdir(parents=True)
    write_pickles(cache)
    assert read(CIFAR).origin == str(cache / "cifar-10-batches-py")


def test_data_that_is_not_there_is_named_with_a_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHDSL_DATA", str(tmp_path / "mine"))
    with pytest.raises(ArchError) as caught:
        load(CIFAR)
    (problem,) = caught.value.problems
    assert problem.code == "ARCH301"
    assert problem.message.endswith(f"{tmp_path}/mine, {tmp_path}/keras/datasets, data")
    assert "https://www.cs.toronto.edu/~kriz/cifar.html" in problem.hint
    assert "`archdsl data cifar10 --download`" in problem.hint


def test_a_given_folder_is_the_only_place(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_npz(tmp_path / "data")
    with pytest.raises(ArchError, match="searched: elsewhere"):
        load(CIFAR, Path("elsewhere"))


class Malicious:
    """Writes a file, should anybody unpickle it."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("harmed",)


class Quiet:
    """Asks for a NumPy function that is none of the admitted ones."""

    def __reduce__(self) -> Any:
        return np.fromfile, ("/etc/hostname",)


@pytest.mark.parametrize(("thing", "name"), [(Malicious(), "mkdir"), (Quiet(), "fromfile")], ids=["os", "numpy"])
@pytest.mark.parametrize("number", [0, 2, 5])
def test_a_pickle_that_calls_something_is_refused_and_nothing_is_run(
    thing: Any, name: str, number: int, tmp_path: Path
) -> None:
    folder = write_pickles(tmp_path)
    (folder / "data_batch_3").write_bytes(pickle.dumps({"data": thing, "labels": [1]}, number))
    with pytest.raises(ArchError, match=rf"ARCH302.*data_batch_3.*`\w+.{name}`, which is not allowed"):
        read(CIFAR, tmp_path)
    assert not Path("harmed").exists()


def test_a_pickle_cannot_ask_for_memory_that_it_does_not_fill(tmp_path: Path) -> None:
    folder = write_pickles(tmp_path)
    call = b"\x80\x02}(U\x04datacnumpy\nndarray\nJ\x00\x00\x00\x7f\x85RU\x06labels]u."
    (folder / "data_batch_1").write_bytes(call)
    with pytest.raises(ArchError, match=r"ARCH302.*data_batch_1.*not callable"):
        read(CIFAR, tmp_path)


def cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def flip_bytes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(byte ^ 255 for byte in content[middle : middle + 64])
    path.write_bytes(content)


def repickle(name: str, content: Any) -> Callable[[Path], Any]:
    def broken(folder: Path) -> Path:
        path = write_pickles(folder) / name
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, 4))
        return path

    return broken


def harmed(write: Callable[[Path], Path], name: str, harm: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda folder: harm(write(folder) / name)


def larger_than_it_can_be(folder: Path) -> None:
    """An archive that says, in a few bytes, that it unpacks to 2 GB."""
    path = folder / "cifar10.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", bytes(1000))
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 1000), struct.pack("<I", 2**31)))


def npz_without(name: str) -> Callable[[Path], Any]:
    return lambda folder: np.savez(folder / "cifar10.npz", **{k: v for k, v in synthetic().items() if k != name})


ARRAYS = synthetic()
PIXELS, LABELS = batches()[2][1:]
BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "npz not a zip": (lambda f: (f / "cifar10.npz").write_bytes(b"hello" * 99), "ARCH302.*cifar10.npz cannot be read"),
    "npz empty": (lambda f: (f / "cifar10.npz").write_bytes(b""), "ARCH302.*cifar10.npz cannot be read"),
    "npz truncated": (lambda f: cut(write_npz(f)), "ARCH302.*cifar10.npz cannot be read"),
    "npz corrupt": (lambda f: flip_bytes(write_npz(f)), "ARCH302.*cifar10.npz cannot be read.*CRC"),
    "npz is a folder": (lambda f: (f / "cifar10.npz").mkdir(), "ARCH302.*cifar10.npz/data_batch_1 is missing"),
    "npz with objects": (
        lambda f: write_npz(f, y_train=np.array([None] * 100, object)),
        "ARCH302.*cannot be read.*runs no pickles",
    ),
    "npz bomb": (larger_than_it_can_be, "ARCH302.*unpacks to 2,147,483,648 bytes"),
    "npz without labels": (
        npz_without("y_test"),
        r"ARCH302.*expected the arrays .*y_test, got x_train, y_train",
    ),
    "floats": (lambda f: write_npz(f, x_train=ARRAYS["x_train"] / 255), "ARCH302.*x_train.*got float64 of shape"),
    "channels first": (
        lambda f: write_npz(f, x_test=ARRAYS["x_test"].transpose(0, 3, 1, 2)),
        r"ARCH302.*x_test.*\(N, 32, 32, 3\), got uint8 of shape \(20, 3, 32, 32\)",
    ),
    "one-hot labels": (
        lambda f: write_npz(f, y_train=np.eye(10)[ARRAYS["y_train"][:, 0]]),
        "ARCH302.*expected integer labels",
    ),
    "fewer labels": (lambda f: write_npz(f, y_train=ARRAYS["y_train"][:-1]), "ARCH302.*100 images but 99 labels"),
    "no image": (
        lambda f: write_npz(f, x_test=ARRAYS["x_test"][:0], y_test=ARRAYS["y_test"][:0]),
        "ARCH302.*x_test: no image",
    ),
    "label 10": (lambda f: write_npz(f, y_train=ARRAYS["y_train"] + 1), "ARCH303.*got 10"),
    "label -1": (lambda f: write_npz(f, y_test=ARRAYS["y_test"].astype(int) - 1), "ARCH303.*got -1"),
    "binary truncated": (
        harmed(write_binary, "data_batch_2.bin", lambda p: cut(p, 0.52)),
        "ARCH302.*data_batch_2.bin is truncated",
    ),
    "binary cut between images": (
        harmed(write_binary, "data_batch_2.bin", lambda p: cut(p, 0.95)),
        r"ARCH302.*differ in size \(20, 19, 20, 20, 20 images\)",
    ),
    "binary label": (
        harmed(write_binary, "test_batch.bin", lambda p: p.write_bytes(b"\x0b" + p.read_bytes()[1:])),
        "ARCH303.*test_batch.bin: .*got 11",
    ),
    "binary missing": (harmed(write_binary, "test_batch.bin", Path.unlink), "ARCH302.*test_batch.bin is missing"),
    "pickle missing": (harmed(write_pickles, "data_batch_4", Path.unlink), "ARCH302.*data_batch_4 is missing"),
    "pickle truncated": (harmed(write_pickles, "data_batch_4", cut), "ARCH302.*data_batch_4 cannot be read"),
    "pickle empty": (repickle("data_batch_3", b""), "ARCH302.*data_batch_3 cannot be read"),
    "pickle not one": (repickle("data_batch_3", b"<html>"), "ARCH302.*data_batch_3 cannot be read"),
    "pickle of a list": (repickle("data_batch_3", [1, 2]), "ARCH302.*data_batch_3 cannot be read"),
    "pickle without labels": (
        repickle("data_batch_3", {"data": PIXELS}),
        "ARCH302.*data_batch_3.*missing key 'labels'",
    ),
    "pickle of floats": (
        repickle("data_batch_3", {"data": PIXELS.astype(float), "labels": LABELS}),
        "ARCH302.*data_batch_3.*expected an integer type, got 'f8'",
    ),
    "pickle of other shape": (
        repickle("data_batch_3", {"data": PIXELS[:, :3000], "labels": LABELS}),
        r"ARCH302.*data_batch_3.*got uint8 \(20, 3000\)",
    ),
    "pickle with text for pixels": (
        repickle("data_batch_3", {"data": "pixels", "labels": LABELS}),
        "ARCH302.*data_batch_3.*got str",
    ),
    "pickle with words for labels": (
        repickle("data_batch_3", {"data": PIXELS, "labels": ["cat"] * 20}),
        "ARCH302.*data_batch_3: expected the labels",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_broken_file_gets_one_message_that_names_it(case: str, tmp_path: Path) -> None:
    write, message = BROKEN[case]
    write(tmp_path)
    with pytest.raises(ArchError) as caught:
        load(CIFAR, tmp_path)
    assert len(caught.value.problems) == 1
    assert re.search(message, str(caught.value)), str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_an_archive_that_was_not_unpacked_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(ArchError, match=r"ARCH302.*neither an .npz file nor a folder\n.*unpack"):
        load(CIFAR, tmp_path / "cifar-10-python.tar.gz")


@pytest.mark.parametrize("each", [True, "channel"])
def test_statistics_are_those_of_the_training_part_after_scaling(each: Any, tmp_path: Path) -> None:
    write_npz(tmp_path)
    dataset = load(CIFAR.model_copy(update={"standardize": each}), tmp_path)
    axes = (0, 1, 2) if each == "channel" else None
    values = dataset.images().astype(np.float64) / 255
    assert dataset.image.statistics is not None
    assert dataset.image.statistics.mean.dtype == dataset.image.statistics.std.dtype == np.float32
    assert dataset.image.statistics.mean.shape == ((3,) if each == "channel" else (1,))
    np.testing.assert_allclose(dataset.image.statistics.mean, np.atleast_1d(values.mean(axes)), rtol=1e-6)
    np.testing.assert_allclose(dataset.image.statistics.std, np.atleast_1d(values.std(axes)), rtol=1e-6)
    both = np.concatenate([dataset.images(), dataset.images("validation")]) / 255
    assert abs(float(dataset.image.statistics.mean[0]) - both.mean(axes).flat[0]) > 1e-5


def test_the_pickle_of_python_2_is_one() -> None:
    """The helper writes what Python's own unpickler reads, so that the reader is not tested against itself."""
    name, pixels, labels = batches()[0]
    found = pickle.load(io.BytesIO(python2_pickle(pixels, labels)), encoding="bytes")
    assert name == "data_batch_1"
    assert found[b"labels"] == labels
    np.testing.assert_array_equal(found[b"data"], pixels)
