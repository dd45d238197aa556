"""What the commands share: settings, folders that are written whole or not at all, tables, colour."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

from archdsl import source
from archdsl.errors import ArchError, fail, nearest
from archdsl.parsing.validation import plain
from archdsl.recipe import Train, kernels
from archdsl.spec import Spec


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is being written: where its files go now, and where they will stand."""

    path: Path
    target: Path


def settings(words: Sequence[str], spec: Spec) -> dict[str, Any]:
    """The arguments of `--set name=value`; a value is read as YAML.

    Raises:
        ArchError: a word is no setting, or the model has no such argument.
    """
    found = {}
    for word in words:
        name, text = _setting(word, spec, "--set ", "--set name=value")
        found[name] = _value(text, word, "--set ", "--set width=64")
    return found


RANGE = re.compile(r"(\d{1,100})\.\.(\d{1,100})")
MOST = 100
"""Networks that are set beside one another, at most."""


def grid(words: Sequence[str], spec: Spec, fixed: Collection[str]) -> list[dict[str, Any]]:
    """The arguments of `name=1..6` and `name=16,32`: each value of the one with each of the others.

    Args:
        fixed: arguments that are set for all of them.

    Raises:
        ArchError: a word tells no values, the model has no such argument, or there are too many.
    """
    found: dict[str, list[Any]] = {}
    for word in words:
        name, text = _setting(word, spec, "", "paths=1..6")
        if name in found or name in fixed:
            raise fail("ARCH203", f"`{name}` is told twice", hint="tell it once, with all its values")
        if ends := RANGE.fullmatch(text):
            found[name] = [*range(int(ends[1]), min(int(ends[2]), int(ends[1]) + MOST) + 1)]
        else:
            found[name] = _value(f"[{text}]", word, "", "paths=1..6")
        if not found[name]:
            raise fail("ARCH203", f"`{_short(word)}` has no values", hint="for one, `paths=1..6`")
    if prod(map(len, found.values())) > MOST:
        raise fail("ARCH203", f"these are more than {MOST} networks", hint="tell fewer values")
    return [dict(zip(found, values, strict=True)) for values in product(*found.values())]


def _setting(word: str, spec: Spec, option: str, example: str) -> tuple[str, str]:
    """The argument that a word sets, and what it sets it to."""
    name, equals, text = word.partition("=")
    if not equals or not name:
        raise fail("ARCH203", f"`{option}{_short(word)}` sets nothing", hint=f"write `{example}`")
    if name not in spec.args:
        hint = nearest(name, spec.args) if spec.args else "the model has no arguments"
        raise fail("ARCH203", f"`{spec.name}` has no argument `{name}`", hint=hint)
    return name, text


def _value(text: str, word: str, option: str, example: str) -> Any:
    try:
        return plain(source.read(text, f"{option}{word.partition('=')[0]}"))
    except ArchError:
        message = f"`{option}{_short(word)}`: the value cannot be read"
        raise fail("ARCH203", message, hint=f"for one, `{example}`") from None


def _short(word: str) -> str:
    return word if len(word) <= 60 else f"{word[:57]}..."


def stem(spec: Spec) -> str:
    """The spec's name for files: that of its own file, or else of its class."""
    name = Path(spec.file).stem
    return name if re.fullmatch(r"[\w.-]+", name) else spec.name


@contextmanager
def new_folder(target: Path) -> Iterator[Folder]:
    """A folder beside the target, which becomes the target when all is written; nothing is left where it is not.

    Raises:
        ArchError: the target holds something already, or cannot be written.
    """
    refuse_full(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise fail("ARCH304", f"{target} cannot be written: {error.strerror}") from None
    try:
        yield Folder(made, target)
        made.chmod(0o777 & ~_umask())
        os.replace(made, target)
    except OSError as error:
        raise fail("ARCH304", f"{target} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def refuse_full(target: Path) -> None:
    """Raises where something stands at the target already, but for an empty folder."""
    if target.is_dir() and any(target.iterdir()):
        raise fail("ARCH202", f"{target} holds something already", hint="choose another folder, or remove this one")
    if target.exists() and not target.is_dir():
        raise fail("ARCH202", f"{target} is a file", hint="`--out` is the folder to write")


def write_new(target: Path, text: str) -> None:
    """Writes a file that is not there yet, whole or not at all.

    Raises:
        ArchError: the file is there already, or cannot be written.
    """
    if target.exists():
        raise fail("ARCH202", f"{target} is there already", hint="choose another name, or remove it")
    if not target.parent.is_dir():
        raise fail("ARCH304", f"{target} cannot be written: there is no folder {target.parent}")
    write(target, text)


def write(target: Path, text: str) -> None:
    """Writes a file, whole or not at all; what stands there is replaced, and a missing folder is made.

    Raises:
        ArchError: the file cannot be written.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, target)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise fail("ARCH304", f"{target} cannot be written: {error.strerror}") from None


def next_free(folder: str, spec: Spec) -> Path:
    """`FOLDER/NAME-1`, or the first such number that is free."""
    number = 1
    while (free := Path(folder) / f"{stem(spec)}-{number}").exists():
        number += 1
    return free


def keras_side(recipe: Train | None = None) -> ModuleType:
    """`archdsl.keras`, imported quietly, with the kernels that a recipe asks for.

    Raises:
        ArchError: TensorFlow or Keras is not there.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    kernels.choose(recipe)
    try:
        with _quiet():
            import archdsl.keras as runtime

            _meet_devices()
    except ImportError as error:
        message = f"TensorFlow or Keras cannot be imported: {error}"
        raise fail("ARCH306", message, hint="`pip install tensorflow`, on Python 3.11 to 3.13") from None
    return runtime


def _meet_devices() -> None:
    """Lets TensorFlow look for GPUs, of which it tells as of an error where there are none."""
    import tensorflow

    tensorflow.config.list_physical_devices("GPU")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps stderr silent at the level of the process: TensorFlow's C++ side logs before any setting can stop it."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def columns(lines: Sequence[Sequence[str]], right: frozenset[int] | set[int] = frozenset()) -> str:
    """Lines of words in columns; those in `right` stand at the right."""
    widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(lines[0]))] if lines else []
    told = []
    for line in lines:
        cells = [
            word.rjust(w) if i in right else word.ljust(w) for i, (word, w) in enumerate(zip(line, widths, strict=True))
        ]
        told.append("  ".join(cells).rstrip())
    return "\n".join(told) + "\n"


def colored(text: str) -> str:
    """A message for a terminal: an error's code in red, a warning's and carets in yellow, the help in green."""
    text = re.sub(r"error\[ARCH\d+\]", "\033[1;31m\\g<0>\033[0m", text)
    text = re.sub(r"warning\[ARCH\d+\]", "\033[1;33m\\g<0>\033[0m", text)
    text = re.sub(r"(?m)^( +\| +)(\^+)$", "\\1\033[33m\\2\033[0m", text)
    return re.sub(r"(?m)^  help:", "  \033[32mhelp:\033[0m", text)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
