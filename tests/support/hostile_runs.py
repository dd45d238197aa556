"""Run folders that nobody's training wrote: good ones with damage that a grammar draws, always the same.

Each starts as a run of two epochs, finished or interrupted with a checkpoint.
"""

from __future__ import annotations

import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

INTERRUPTED = Path(__file__).parents[1] / "data/version_0_1_0/runs/cut_run"
STATE = "checkpoint/state.npz"

VALUES: Mapping[str, Any] = {
    "nothing": None,
    "true": True,
    "zero": 0,
    "minus one": -1,
    "half": 0.5,
    "a number as text": "3",
    "no text": "",
    "a word": "later",
    "a long text": "x" * 100_000,
    "a path": "../../../etc/passwd",
    "half a character": "\ud800",
    "not a number": float("nan"),
    "infinity": float("-inf"),
    "a billion": 10**9,
    "a huge number": 10**400,
    "a huge float": 1e308,
    "a list": [1, "a", None],
    "an empty list": [],
    "a long list": [0] * 50_000,
    "a mapping": {"a": {"b": []}},
    "an empty mapping": {},
    "a wide mapping": {f"k{i}": "v" for i in range(20_000)},
    "deep lists": json.loads("[" * 300 + "]" * 300),
}
CONTENTS: Mapping[str, bytes] = {
    "empty": b"",
    "a list": b"[1]",
    "an empty mapping": b"{}",
    "half": b'{"spec": "Tiny", "epoch',
    "deep lists": b"[" * 200_000,
    "deep mappings": b'{"a":' * 100_000,
    "many lists": b"[" + b"[]," * 1_500_000 + b"[]]",
    "many commas": b"," * 2_000_000,
    "a long line": b"x" * 9_000_000,
    "digits": b"1" * 5_000_000,
    "zeros": bytes(10_000),
    "UTF-16": '{"spec": "Tiny"}'.encode("utf-16"),
    "no UTF-8": b'{"spec": "\xff\xfe"}',
    "a mark before it": b"\xef\xbb\xbf{}",
    "an archive": b"PK\x03\x04" + b"\0" * 100,
}


def write(folder: Path, count: int, seed: int, checkpoints: bool = False) -> list[Path]:
    """Writes run folders, and a good one `good`, whose names say what is wrong with each.

    Args:
        checkpoints: whether there is damage in checkpoints, too, which only a training reads.
    """
    chances = random.Random(seed)
    finished(folder / "good")
    damages = [(name, damage) for name, damage in DAMAGES if checkpoints or not name.startswith("checkpoint")]
    written = []
    for number in range(count):
        name, damage = damages[number % len(damages)]
        run = folder / f"{number:03} {name}"
        (finished if chances.random() < 0.3 and not checkpoints else interrupted)(run)
        what = damage(run, chances)
        written.append(run.rename(run.with_name(f"{run.name}, {what}"[:120])))
    return written


def interrupted(run: Path) -> None:
    shutil.copytree(INTERRUPTED, run)


def finished(run: Path) -> None:
    shutil.copytree(INTERRUPTED, run, ignore=shutil.ignore_patterns("checkpoint"))
    values = json.loads((run / "run.json").read_text("utf-8"))
    values |= {"status": "finished", "epochs": 2, "test_accuracy": 0.7, "test_loss": 1.2, "seconds": 2.0}
    (run / "run.json").write_text(json.dumps(values), "utf-8")


def _place_in(value: Any, chances: random.Random) -> tuple[Any, ...]:
    """A place of a JSON value: each key of a mapping is as likely, however much is in it."""
    key = chances.choice(list(value) if isinstance(value, dict) else range(len(value)))
    deeper = isinstance(value[key], dict | list) and value[key] and chances.random() < 0.6
    return (key, *(_place_in(value[key], chances) if deeper else ()))


def _damaged(value: Any, chances: random.Random) -> str:
    """Replaces, removes or adds at up to three places of a JSON value."""
    told = []
    for _ in range(chances.choice((1, 1, 3))):
        place = _place_in(value, chances)
        *outer, last = place
        at = value
        for key in outer:
            at = at[key]
        word = chances.choice((*VALUES, "removed", "renamed"))
        if word in VALUES:
            at[last] = VALUES[word]
        else:
            kept = at.pop(last)
            if word == "renamed" and isinstance(at, dict):
                at[f"{last}_"] = kept
        told.append(f"{'.'.join(map(str, place))} {word}")
    return " and ".join(told)


def _run_value(run: Path, chances: random.Random) -> str:
    values = json.loads((run / "run.json").read_text("utf-8"))
    told = _damaged(values, chances)
    (run / "run.json").write_text(json.dumps(values), "utf-8")
    return told


def _header_value(run: Path, chances: random.Random) -> str:
    members = _members(run)
    header = json.loads(np.load(io.BytesIO(members["header.npy"])).tobytes())
    told = _damaged(header, chances)
    members["header.npy"] = _npy(np.frombuffer(json.dumps(header).encode(), np.uint8))
    _store(run, members)
    return told


def _members(run: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(run / STATE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _store(run: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(run / STATE, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _declared(text: str) -> bytes:
    """The start of an array's file, with any header."""
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode("latin-1")


ARRAYS: Mapping[str, Callable[[Any], bytes]] = {
    "another shape": lambda array: _npy(np.zeros((3, 5), np.float32)),
    "another type": lambda array: _npy(np.asarray(array, np.complex128)),
    "texts": lambda array: _npy(np.array(["a", "bc"])),
    "not a number": lambda array: _npy(np.full_like(array, 1) * np.nan),
    "objects": lambda array: _declared("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"),
    "a huge shape": lambda array: _declared("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"),
    "a negative shape": lambda array: _declared("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
    "a deep header": lambda array: _declared("(" * 5_000),
    "a long header": lambda array: _declared("{'descr': '<f4'," + " " * 50_000),
    "no header": lambda array: b"none",
    "half": lambda array: _npy(array)[:-7],
    "more": lambda array: _npy(array) + b"more",
    "nothing": lambda array: b"",
}


def _array(run: Path, chances: random.Random) -> str:
    members = _members(run)
    name, word = chances.choice(sorted(members)), chances.choice((*ARRAYS, "removed", "squeezed", "a bomb"))
    if word == "removed":
        del members[name]
    elif word in ARRAYS:
        members[name] = ARRAYS[word](np.load(io.BytesIO(members[name])))
    elif word == "a bomb":
        members[name] = _npy(np.zeros(100_000_000, np.uint8))
    _store(run, members, zipfile.ZIP_DEFLATED if word in ("squeezed", "a bomb") else zipfile.ZIP_STORED)
    return f"{name} {word}"


def _cells(run: Path, chances: random.Random) -> str:
    """Damages rows of the log."""
    path = run / "log.csv"
    rows = [line.split(",") for line in path.read_text("utf-8").splitlines()]
    at = chances.randrange(len(rows))
    words = ["cell", "cell", "one more", "one less", "twice", "removed", "quote", "many rows", "swapped"]
    word = chances.choice(words)
    if word == "cell":
        column, value = chances.randrange(len(rows[at])), chances.choice(sorted(VALUES))
        rows[at][column] = str(VALUES[value])[:10_000].encode("utf-8", "replace").decode()
        word = f"{value} in column {column}"
    elif word == "one more":
        rows[at].append("0.5")
    elif word == "one less":
        rows[at].pop()
    elif word == "twice":
        rows.insert(at, rows[at])
    elif word == "removed":
        del rows[at]
    elif word == "quote":
        rows[at][0] = '"' + rows[at][0]
    elif word == "many rows":
        rows += [rows[-1]] * chances.choice((150_000, 500_000))
    else:
        rows.reverse()
    path.write_text("\n".join(map(",".join, rows)) + "\n", "utf-8")
    return f"row {at}: {word}"


def _content(name: str) -> Callable[[Path, random.Random], str]:
    def damage(run: Path, chances: random.Random) -> str:
        word = chances.choice((*CONTENTS, "cut", "bits", "bytes", "twice"))
        content = bytearray((run / name).read_bytes()) if (run / name).exists() else bytearray(b"{}")
        if word in CONTENTS:
            content = bytearray(CONTENTS[word])
        elif word == "cut":
            del content[chances.randrange(len(content)) :]
        elif word == "twice":
            content *= 2
        else:
            for _ in range(chances.choice((1, 10))):
                at = chances.randrange(len(content))
                if word == "bits":
                    content[at] ^= 1 << chances.randrange(7)
                else:
                    content[at:at] = chances.randbytes(3)
        (run / name).write_bytes(content)
        return word

    return damage


FILES = ("run.json", "log.csv", "log.jsonl", "spec.yaml", STATE, "model.keras")


def _place(run: Path, chances: random.Random) -> str:
    """Takes a file away, or puts something else in its place."""
    name = chances.choice([name for name in FILES if (run / name).exists()])
    word = chances.choice(("removed", "a folder", "a link to nothing", "a link to itself", "a link to its folder"))
    (run / name).unlink()
    if word == "a folder":
        (run / name).mkdir()
    elif word != "removed":
        target = {"a link to nothing": "nothing", "a link to itself": Path(name).name}.get(word, ".")
        (run / name).symlink_to(target)
    return f"{name.replace('/', ' ')} {word}"


DAMAGES: tuple[tuple[str, Callable[[Path, random.Random], str]], ...] = (
    ("run.json", _run_value),
    ("checkpoint header", _header_value),
    ("run.json", _run_value),
    ("log.csv", _cells),
    ("checkpoint array", _array),
    ("run.json", _run_value),
    ("place", _place),
    ("checkpoint header", _header_value),
    ("run.json content", _content("run.json")),
    ("log.csv content", _content("log.csv")),
    ("checkpoint content", _content(STATE)),
    ("run.json", _run_value),
    ("spec.yaml content", _content("spec.yaml")),
    ("log.jsonl content", _content("log.jsonl")),
)
"""In the order in which they take turns."""
