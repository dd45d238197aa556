"""Model files that mean harm: mutations of a good one, made by a grammar from a seed."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import warnings
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hostile import HOSTILE

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
Members = dict[str, bytes]
Edit = Callable[[Any], None]

SPEC = """\
archdsl: 1
name: Small
input: [8, 8, 1]
args: {width: 4, n: 2}
layers:
  Block: {args: {filters: int}, steps: [conv: {filters: $filters, kernel: 3, padding: same, activation: relu}]}
model:
  - {Block: {filters: $width}, repeat: $n}
  - global_average_pool: {}
  - dense: {units: 10, activation: softmax}
data: {source: digits}
"""
DATA = {"source": "digits", "classes": [*"0123456789"], "shape": [8, 8, 1], "largest": 16.0, "divisor": 16.0}
DATA |= {"mean": [0.5], "std": [0.2], "test_time": {"flip": True, "shift": 1}, "output": ""}

DEEP: Any = json.loads("[" * 150 + "]" * 150)
VALUES: Mapping[str, Any] = {
    "nothing": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "huge": 10**9,
    "huger": 10**300,
    "fraction": 0.5,
    "no number": float("nan"),
    "infinity": float("inf"),
    "text": "x",
    "long text": "x" * 100_000,
    "path": "../../../etc/passwd",
    "empty list": [],
    "long list": [1] * 50_000,
    "deep list": DEEP,
    "mapping": {"a": 1},
    "Keras object": {"module": "builtins", "class_name": "eval", "config": "1", "registered_name": None},
}
RECURSION = "layers:\n  A:\n    args: {n: int}\n    steps: [A: {n: $n + 1}]\nmodel: [A: {n: 1}]\n"
SPECS = {
    "a repeat without end": SPEC.replace("repeat: $n", "repeat: $n * 50000000"),
    "a recursion without end": "archdsl: 1\nname: Small\ninput: [8, 8, 3]\n" + RECURSION,
    "a division by zero": SPEC.replace("filters: $width", "filters: $width + 10 // ($n - 2)"),
    "many parameters": SPEC.replace("units: 10", "units: 300000000"),
    "another input": SPEC.replace("[8, 8, 1]", "[8, 8, 5000]"),
    "another name": SPEC.replace("Small", "Other"),
    "no layers": SPEC.replace("Block", "Block2"),
}


def cases(seed: int = 0) -> dict[str, Callable[[Members], bytes]]:
    """By name, what makes of the members of a good file a bad one."""
    dice, found = random.Random(seed), dict[str, Callable[[Members], bytes]]()
    for name, edit in _edits(dice):
        found[name] = _edited(edit)
    found |= {f"archive: {name}": make for name, make in _archives(dice)}
    found |= {f"weights: {name}": make for name, make in _weights(dice)}
    return found


def write(good: Path, folder: Path, names: Collection[str]) -> dict[str, Path]:
    """Writes the bad files of these names; each by its name."""
    with zipfile.ZipFile(good) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    files = {}
    for number, (name, make) in enumerate(cases().items()):
        if name in names:
            files[name] = folder / f"{number}.keras"
            files[name].write_bytes(make(dict(members)))
    return files


def archived(members: Mapping[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _edited(edit: Edit) -> Callable[[Members], bytes]:
    def make(members: Members) -> bytes:
        config = json.loads(members[CONFIG])
        edit(config)
        return archived({**members, CONFIG: json.dumps(config).encode()})

    return make


def _edits(dice: random.Random) -> Iterator[tuple[str, Edit]]:
    fields = {
        "data": (lambda c: c["config"]["archdsl"]["data"], [*DATA]),
        "carried": (lambda c: c["config"]["archdsl"], ["spec", "class", "variant", "limits", "data", "later"]),
        "config": (lambda c: c["config"], ["width", "n", "name", "dtype", "trainable", "archdsl", "bogus"]),
        "file": (lambda c: c, ["module", "class_name", "config", "registered_name", "build_config", "compile_config"]),
    }
    for kind, (where, names) in fields.items():
        for name in names:
            for value in dice.sample(sorted(VALUES), 6 if kind == "data" else 5):
                yield f"{kind}: {name}: {value}", _setting(where, name, value)
            yield f"{kind}: {name}: missing", lambda c, where=where, name=name: where(c).pop(name, None)
    for name, text in {**SPECS, **{name: text for name, text in HOSTILE.items() if len(text) < 200_000}}.items():
        more = {"class": "Net"} if "Small" not in text and "Other" not in text else {}
        yield f"spec: {name}", lambda c, t=text, m=more: c["config"]["archdsl"].update({"spec": t, **m})
    for name in ("steps", "ops", "parameters", "recursion", "bytes", "values"):
        raised = {name: 10**14}
        text = SPECS["a repeat without end"] if name != "recursion" else SPECS["a recursion without end"]
        yield (
            f"limits: {name} raised",
            lambda c, r=raised, t=text: c["config"]["archdsl"].update({"limits": r, "spec": t}),
        )
        yield f"limits: {name} lowered", lambda c, n=name: c["config"]["archdsl"].update({"limits": {n: 1}})
    for width, n in ((10**6, 2), (4, 10**8), (10**8, 10**8), (0, 0), (-1, -1)):
        yield f"arguments: {width}, {n}", lambda c, w=width, n=n: c["config"].update({"width": w, "n": n})


def _setting(where: Callable[[Any], Any], name: str, value: str) -> Edit:
    return lambda config: where(config).__setitem__(name, copy.deepcopy(VALUES[value]))


def _archives(dice: random.Random) -> Iterator[tuple[str, Callable[[Members], bytes]]]:
    for share in (0, 1, 30, 50, 90, 99):
        yield f"cut to {share} %", lambda m, s=share: archived(m)[: len(archived(m)) * s // 100]
    for number in range(12):
        places = [dice.random() for _ in range(20)]
        yield f"bytes changed, {number}", lambda m, p=places: _scattered(archived(m), p)
    for number in range(8):
        place, size = dice.random(), dice.choice((0, 2**31, 2**32 - 2, 2**32 - 1))
        yield f"directory changed, {number}", lambda m, p=place, s=size: _directory(archived(m), p, s)
    for name in (CONFIG, "metadata.json", WEIGHTS):
        yield f"without {name}", lambda m, n=name: archived({k: v for k, v in m.items() if k != n})
        yield f"{name} twice", lambda m, n=name: _twice(m, n)
        yield f"{name} empty", lambda m, n=name: archived({**m, n: b""})
        yield f"{name} of zeros", lambda m, n=name: archived({**m, n: bytes(100_000)})
        bomb = bytes(60_000_000)
        yield f"{name} as a bomb", lambda m, n=name, b=bomb: archived({**m, n: b}, zipfile.ZIP_DEFLATED)
    for name in ("../up.json", "/etc/passwd", "assets/../../x", "other.txt", "model.weights.npz", "a\nb"):
        yield f"with {name!a}", lambda m, n=name: archived({**m, n: b"x"})
    yield "of many members", lambda m: archived({**m, **{f"assets/{i}": b"" for i in range(20_000)}})
    yield "deep JSON", lambda m: archived({**m, CONFIG: b"[" * 5_000_000})
    yield "JSON of many values", lambda m: archived({**m, CONFIG: b'{"a": [' + b"[]," * 3_000_000 + b"1]}"})
    yield "JSON of another kind", lambda m: archived({**m, CONFIG: b"[]"})
    yield "JSON of many digits", lambda m: archived({**m, CONFIG: b'{"a": ' + b"9" * 1_000_000 + b"}"})
    yield "no UTF-8", lambda m: archived({**m, CONFIG: b'{"a": "\xff\xfe"}'})


def _scattered(content: bytes, places: list[float]) -> bytes:
    changed = bytearray(content)
    for place in places:
        changed[int(place * len(changed))] ^= 0x55
    return bytes(changed)


def _directory(content: bytes, place: float, size: int) -> bytes:
    """Another size in an entry of the archive's directory."""
    changed = bytearray(content)
    entries = [i for i in range(len(changed)) if changed[i : i + 4] == b"PK\1\2"]
    at = entries[int(place * len(entries))] + (24 if place * 7 % 1 < 0.5 else 20)
    changed[at : at + 4] = struct.pack("<I", size)
    return bytes(changed)


def _twice(members: Members, name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each, content in [*members.items(), (name, members[name])]:
            archive.writestr(each, content)
    return buffer.getvalue()


def _weights(dice: random.Random) -> Iterator[tuple[str, Callable[[Members], bytes]]]:
    def changed(edit: Callable[[Any], None]) -> Callable[[Members], bytes]:
        def make(members: Members) -> bytes:
            buffer = io.BytesIO(members[WEIGHTS])
            with h5py.File(buffer, "r+") as file:
                edit(file)
            return archived({**members, WEIGHTS: buffer.getvalue()})

        return make

    def replaced(**more: Any) -> Callable[[Any], None]:
        def edit(file: Any) -> None:
            names = list[str]()
            file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            parent, name = file[names[0]].parent, names[0].rsplit("/", 1)[-1]
            del parent[name]
            parent.create_dataset(name, **more)

        return edit

    def linked(link: Any) -> Callable[[Any], None]:
        return lambda file: file.__setitem__("link", link)

    for share in (0, 1, 50, 99):
        yield f"cut to {share} %", lambda m, s=share: archived({**m, WEIGHTS: m[WEIGHTS][: len(m[WEIGHTS]) * s // 100]})
    for number in range(12):
        places = [dice.random() for _ in range(40)]
        yield f"bytes changed, {number}", lambda m, p=places: archived({**m, WEIGHTS: _scattered(m[WEIGHTS], p)})
    yield "a huge array without content", changed(replaced(shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000)))
    yield (
        "a packed array",
        changed(replaced(data=np.zeros(30_000_000, "f4"), compression="gzip", compression_opts=1)),
    )
    yield "an array of text", changed(replaced(data=["a"] * 10))
    yield "an array of another shape", changed(replaced(data=np.zeros((1, 2, 3), "f4")))
    yield "an external link", changed(linked(h5py.ExternalLink("/etc/passwd", "/")))
    yield "a soft link", changed(linked(h5py.SoftLink("/nowhere")))
    yield "a group in itself", changed(lambda file: file.__setitem__("again", file["/"]))
