"""Data sets that mean harm: whole ones of each format, each damaged in ways that are drawn.

The grammar: `set = format, damage to one of its files`; `damage = bytes | content of the format | kind of file | name`.
"""

from __future__ import annotations

import gzip
import io
import itertools
import os
import pickle
import random
import socket
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from data_files import idx
from PIL import Image

Damage = Callable[[random.Random, Path], object]
"""Takes what is drawn from, and the file that is damaged."""

NUMBERS = np.random.RandomState(14)
SIDES = (0, 1, 7, 2**16, 2**31 - 1, 2**32 - 1)


def corpus(folder: Path, count: int, seed: int = 14) -> dict[str, Sequence[str]]:
    """Writes so many data sets, and gives the words of the command that reads each, by what the case is."""
    folder.mkdir()
    drawn, commands = random.Random(seed), dict[str, Sequence[str]]()
    pairs = [(kind, damage) for kind, (_, own) in FORMATS.items() for damage in (*own, *BYTES, *FILES)]
    drawn.shuffle(pairs)
    for number in range(count):
        kind, damage = pairs[number % len(pairs)]
        place = folder / f"{number:03}"
        words, files = FORMATS[kind][0](place)
        chosen = [drawn.choice(files) for _ in range(1 if kind != "folder" else drawn.randint(1, 4))]
        for file in dict.fromkeys(chosen):
            {**FORMATS[kind][1], **BYTES, **FILES}[damage](drawn, file)
        commands[f"{number:03} {kind}: {damage}"] = words
    return commands


def _npz(place: Path) -> tuple[Sequence[str], list[Path]]:
    place.mkdir()
    path = place / "mine.npz"
    np.savez(path, **_arrays())
    return ("data", str(path)), [path]


def _arrays() -> dict[str, np.ndarray]:
    images = NUMBERS.randint(0, 256, (40, 6, 5, 3)).astype(np.uint8)
    labels = np.arange(40) % 4
    return {"x_train": images[:28], "y_train": labels[:28], "x_test": images[28:], "y_test": labels[28:]}


def _idx(place: Path) -> tuple[Sequence[str], list[Path]]:
    made, files = place / "fashion-mnist", []
    made.mkdir(parents=True)
    for stem in ("train", "t10k"):
        for kind, array in (
            ("images-idx3", NUMBERS.randint(0, 256, (40, 28, 28))),
            ("labels-idx1", np.arange(40) % 10),
        ):
            files.append(made / f"{stem}-{kind}-ubyte.gz")
            files[-1].write_bytes(gzip.compress(idx(array.astype(np.uint8))))
    return ("data", "fashion_mnist", "--data-dir", str(place)), files


def _pickles(place: Path) -> tuple[Sequence[str], list[Path]]:
    made = place / "cifar-100-python"
    made.mkdir(parents=True)
    files = [made / name for name in ("train", "test")]
    for file in files:
        file.write_bytes(pickle.dumps({b"data": _pixels(100), b"fine_labels": list(range(100))}, 2))
    return ("data", "cifar100", "--data-dir", str(place)), files


def _binary(place: Path) -> tuple[Sequence[str], list[Path]]:
    made = place / "cifar-10-batches-bin"
    made.mkdir(parents=True)
    files = [made / f"{name}.bin" for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")]
    for file in files:
        labels = np.arange(20, dtype=np.uint8)[:, None] % 10
        file.write_bytes(np.concatenate([labels, _pixels(20)], axis=1).astype(np.uint8).tobytes())
    return ("data", "cifar10", "--data-dir", str(place)), files


def _pixels(count: int) -> np.ndarray:
    return NUMBERS.randint(0, 256, (count, 3072)).astype(np.uint8)


def _folder(place: Path) -> tuple[Sequence[str], list[Path]]:
    files = [place / name / f"{number}.png" for name in ("ant", "bee") for number in range(6)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(NUMBERS.randint(0, 256, (6, 6, 3)).astype(np.uint8)).save(file)
    return ("data", str(place)), files


# Bytes of any file.


def _cut(drawn: random.Random, file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: drawn.randrange(len(content))])


def _flip(drawn: random.Random, file: Path) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(drawn.randint(1, 40)):
        content[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
    file.write_bytes(content)


def _head(drawn: random.Random, file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[: drawn.randint(1, 16)] = drawn.randbytes(drawn.randint(0, 16))
    file.write_bytes(content)


BYTES: dict[str, Damage] = {
    "cut short": _cut,
    "flipped bits": _flip,
    "a wrong head": _head,
    "empty": lambda drawn, file: file.write_bytes(b""),
    "longer": lambda drawn, file: file.write_bytes(file.read_bytes() + drawn.randbytes(drawn.randint(1, 9_000))),
    "zeros": lambda drawn, file: file.write_bytes(bytes(drawn.randint(1, 90_000))),
    "noise": lambda drawn, file: file.write_bytes(drawn.randbytes(drawn.randint(1, 90_000))),
    "a page": lambda drawn, file: file.write_bytes(b"<!DOCTYPE html><title>404</title>"),
}


# Kinds of files.


def _linked(target: str) -> Damage:
    def damage(drawn: random.Random, file: Path) -> None:
        file.unlink()
        file.symlink_to(target)

    return damage


def _replaced(make: Callable[[Path], object]) -> Damage:
    def damage(drawn: random.Random, file: Path) -> None:
        file.unlink()
        make(file)

    return damage


def _socket(file: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(file.parent)  # the path of a socket may have about 100 characters
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(file.name)
    finally:
        os.fchdir(here)
        os.close(here)


def _sparse(file: Path) -> None:
    file.touch()
    os.truncate(file, 2**40)


FILES: dict[str, Damage] = {
    "a pipe": _replaced(os.mkfifo),
    "a socket": _replaced(_socket),
    "a folder": _replaced(Path.mkdir),
    "nothing": _replaced(lambda file: None),
    "a file with a hole": _replaced(_sparse),
    **{
        f"a link to {target}": _linked(target)
        for target in ("/dev/zero", "/dev/urandom", "/dev/null", "/proc/self/mem")
    },
    "a link to a pipe": lambda drawn, file: (
        os.mkfifo(file.with_suffix(".pipe")),
        _linked(f"{file.stem}.pipe")(drawn, file),
    ),
    "a link to itself": lambda drawn, file: _linked(file.name)(drawn, file),
    "a link to /proc": _linked("/proc/self/environ"),
}


# Content of each format.


def _header(shape: object, dtype: str) -> bytes:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def _members(file: Path, **members: bytes) -> None:
    made = {}
    for name, array in _arrays().items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        made[name] = buffer.getvalue()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (made | members).items():
            archive.writestr(f"{name}.npy", content)


def _npz_shape(drawn: random.Random, file: Path) -> None:
    shape = tuple(drawn.choice((-1, *SIDES, 2**40)) for _ in range(drawn.randint(0, 5)))
    dtype = drawn.choice(("'|u1'", "'<f8'", "'<U99999999'", "'|V0'", "'|O'", "[('a', '|u1')]", "'<M8[s]'", "None"))
    _members(file, **{drawn.choice(("x_train", "y_train", "x_test", "classes")): _header(shape, dtype) + bytes(400)})


def _npz_size(drawn: random.Random, file: Path) -> None:
    """An archive whose directory says another size than its members have."""
    _members(file)
    content = file.read_bytes()
    at = content.rindex(b"PK\x01\x02") + 24
    file.write_bytes(content[:at] + struct.pack("<I", drawn.choice((0, 1, 2**31, 2**32 - 2))) + content[at + 4 :])


def _npz_array(drawn: random.Random, file: Path) -> None:
    arrays = {name: array.astype(object) if drawn.random() < 0.2 else array for name, array in _arrays().items()}
    shape = tuple(drawn.choice((0, 1, 2, 28)) for _ in range(drawn.randint(0, 5)))
    dtype = drawn.choice((np.uint8, np.float16, np.complex64, "U3", "S2", bool, np.int64))
    arrays[drawn.choice(list(arrays))] = np.full(shape, drawn.choice((0, 1, 5)), dtype)
    np.savez(file, **arrays)


def _idx_header(drawn: random.Random, file: Path) -> None:
    axes = drawn.choice((1, 3, 3))
    head = bytes([0, 0, drawn.choice((8, 8, 13)), axes]) + struct.pack(f">{axes}I", *drawn.choices(SIDES, k=axes))
    file.write_bytes(gzip.compress(head + bytes(31_360)))


def _gzip_bomb(drawn: random.Random, file: Path) -> None:
    sides = (60_000, 28, 28) if "idx3" in file.name else (60_000,)
    packed = gzip.compress(bytes(2**24), 1)
    head = bytes([0, 0, 8, len(sides)]) + struct.pack(f">{len(sides)}I", *sides)
    file.write_bytes(gzip.compress(head) + packed * drawn.choice((8, 40)))


def _global(drawn: random.Random, file: Path) -> None:
    module, name = drawn.choice((("os", "system"), ("builtins", "eval"), ("numpy", "load"), ("posix", "fork")))
    file.write_bytes(f"c{module}\n{name}\n(S'touch harm'\ntR.".encode())


def _pickle_memo(drawn: random.Random, file: Path) -> None:
    file.write_bytes(b"\x80\x02}r" + struct.pack("<I", drawn.choice((2**24, 2**28, 2**31 - 1))) + b".")


def _pickle_tuples(drawn: random.Random, file: Path) -> None:
    """A key of tuples, each of which holds the one before twice, in one of four ways to say so."""
    twice = drawn.choice((b"2\x86", b"q\x01h\x01\x86", b"q\x010h\x01h\x01\x86", b"(uq\x01h\x01\x86"))
    file.write_bytes(b"\x80\x02})" + twice * 60 + b"K\x01s.")


def _pickle_lists(drawn: random.Random, file: Path) -> None:
    """Labels that are lists of lists, each ten times the one before."""
    nested = b"K\x00" + b"".join(b"q%c0](%se" % (1, b"h\x01" * 10) for _ in range(9))
    data = pickle.dumps(_pixels(2), 2)[2:-1]
    file.write_bytes(b"\x80\x02}(U\x04data" + data + b"U\x0bfine_labels" + nested + b"u.")


def _pickle_copies(drawn: random.Random, file: Path) -> None:
    text = b"x" * 1_000_000
    head = b"\x80\x02c_codecs\nencode\nq\x01X" + struct.pack("<I", len(text)) + text + b"q\x02](X\x06\0\0\0latin1q\x03"
    file.write_bytes(head + b"h\x01h\x02h\x03\x86R" * 3_000 + b"e.")


def _pickle_content(drawn: random.Random, file: Path) -> None:
    shape = tuple(drawn.choice((0, 1, 100, 3072)) for _ in range(drawn.randint(0, 2)))
    label = drawn.choice((-1, 100, 10**30, 2.5, "ant", None, [1], True))
    data = drawn.choice((np.zeros(shape, np.uint8), np.zeros((3, 3072), np.float32), [], b"", None, _pixels(100)))
    file.write_bytes(pickle.dumps({b"data": data, b"fine_labels": [label] * 100}, drawn.choice((2, 4, 5))))


def _labels(drawn: random.Random, file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[::3_073] = drawn.randbytes(len(content[::3_073]))
    file.write_bytes(content)


def _image(drawn: random.Random, file: Path) -> None:
    """An image of a format that a network can be given, in a mode that may be unusual."""
    mode = drawn.choice(("1", "L", "P", "RGB", "RGBA", "I;16", "LA"))
    kind = drawn.choice(("PNG", "TIFF", "GIF", "BMP", "WEBP"))
    image = Image.new(mode, (drawn.randint(1, 9), drawn.randint(1, 9)))
    try:
        image.save(file, kind, **({"save_all": True, "append_images": [image] * 3} if kind == "GIF" else {}))
    except OSError:  # the format does not have the mode
        image.convert("L").save(file, kind)
    if drawn.random() < 0.5:
        _cut(drawn, file)


def _many_pixels(drawn: random.Random, file: Path) -> None:
    """The head of a PNG, or all of a GIF, that declares a huge image."""
    width, height = drawn.choice(((2**31 - 1, 2**31 - 1), (60_000, 60_000), (65_535, 65_535)))
    content = bytearray(file.read_bytes())
    content[16:24] = struct.pack(">II", width, height)
    small = b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(3) + b","
    file.write_bytes(drawn.choice((content, small + bytes(20))))


def _other_format(drawn: random.Random, file: Path) -> None:
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(harm) (w) file closefile\n%%EOF\n"
    file.write_bytes(drawn.choice((postscript, b"%PDF-1.4\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>")))


def _links(drawn: random.Random, file: Path) -> None:
    """Folders, each with two links to the next: 2**40 paths; or links that lead back."""
    names = [file.parent / f"d{number}" for number in range(40)]
    for name, after in itertools.pairwise(names):
        name.mkdir(exist_ok=True)
        for end in "ab":
            (name / end).unlink(missing_ok=True)
            (name / end).symlink_to(after if drawn.random() < 0.98 else file.parent)
    names[-1].mkdir(exist_ok=True)


FORMATS: dict[str, tuple[Callable[[Path], tuple[Sequence[str], list[Path]]], dict[str, Damage]]] = {
    "npz": (_npz, {"a shape": _npz_shape, "a size": _npz_size, "an array": _npz_array, "another array": _npz_array}),
    "idx": (_idx, {"a header": _idx_header, "another header": _idx_header, "a gzip bomb": _gzip_bomb}),
    "pickle": (
        _pickles,
        {
            "a global": _global,
            "a place of the memo": _pickle_memo,
            "tuples in tuples": _pickle_tuples,
            "lists in lists": _pickle_lists,
            "many copies": _pickle_copies,
            "other content": _pickle_content,
        },
    ),
    "bin": (_binary, {"other labels": _labels}),
    "folder": (
        _folder,
        {"an image": _image, "many pixels": _many_pixels, "another format": _other_format, "links": _links},
    ),
}
