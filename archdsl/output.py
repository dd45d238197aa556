"""What the commands share: settings, folders that are written whole or not at all, tables, colour."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from archdsl import source
from archdsl.errors import ArchError, fail, nearest
from archdsl.parsing.validation import plain
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
        name, equals, text = word.partition("=")
        told = word if len(word) <= 60 else f"{word[:57]}..."
        if not equals or not name:
            raise fail("ARCH203", f"`--set {told}` sets nothing", hint="write `--set name=value`")
        if name not in spec.args:
            hint = nearest(name, spec.args) if spec.args else "the model has no arguments"
            raise fail("ARCH203", f"`{spec.name}` has no argument `{name}`", hint=hint)
        try:
            found[name] = plain(source.read(text, f"--set {name}"))
        except ArchError:
            raise fail(
                "ARCH203", f"`--set {told}`: the value cannot be read", hint="for one, `--set width=64`"
            ) from None
    return found


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


def keras_side() -> ModuleType:
    """`archdsl.keras`, imported quietly.

    Raises:
        ArchError: TensorFlow or Keras is not there.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with _quiet():
            import archdsl.keras as runtime
    except ImportError as error:
        message = f"TensorFlow or Keras cannot be imported: {error}"
        raise fail("ARCH306", message, hint="`pip install tensorflow`, on Python 3.11 to 3.13") from None
    return runtime


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
    """A message for a terminal: the code in red, carets in yellow, the help in green."""
    text = re.sub(r"error\[ARCH\d+\]", "\033[1;31m\\g<0>\033[0m", text)
    text = re.sub(r"(?m)^( +\| +)(\^+)$", "\\1\033[33m\\2\033[0m", text)
    return re.sub(r"(?m)^  help:", "  \033[32mhelp:\033[0m", text)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
