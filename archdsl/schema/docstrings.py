"""What docstrings say of a class, in parts: its summary, its shape rule, its source, and a line for each field."""

from __future__ import annotations

import inspect
import re
from functools import cache

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z(`])")
_ARGUMENT = re.compile(r"    (\w+): (.*)")


@cache
def arguments(cls: type) -> dict[str, str]:
    """What each field is for, from the `Args:` of the class and of those that it inherits from.

    The fields of the class itself come first, and its own words win.
    """
    found: dict[str, str] = {}
    for owner in cls.__mro__:
        for name, text in _section(owner).items():
            found.setdefault(name, text)
    return found


def summary(cls: type) -> str:
    """The first sentence."""
    return _sentences(cls)[0] if _sentences(cls) else ""


def rule(cls: type) -> str:
    """The shape rule, such as `(H, W, C) -> (H', W', filters)`; nothing where none is told."""
    return " ".join(text for text in _sentences(cls) if " -> " in text).removesuffix(".")


def source(cls: type) -> str:
    """Where it comes from: the Keras class, or the paper."""
    return " ".join(text for text in _sentences(cls)[1:] if _is_source(text))


def notes(cls: type) -> str:
    """What else there is to say."""
    return " ".join(text for text in _sentences(cls)[1:] if " -> " not in text and not _is_source(text))


def _is_source(text: str) -> bool:
    return text.startswith(("Keras `", "Torch's `", "NumPy's `")) or bool(
        re.search(r"^[A-Z][\w.&, ]+ (19|20)\d\d", text)
    )


@cache
def _sentences(cls: type) -> list[str]:
    """The sentences of a class's own docstring, up to its `Args:`."""
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "").split("\nArgs:\n")[0]
    return [sentence for sentence in _SENTENCE.split(" ".join(text.split())) if sentence]


def _section(cls: type) -> dict[str, str]:
    """The `Args:` of a class's own docstring."""
    _, _, text = inspect.cleandoc(cls.__dict__.get("__doc__") or "").partition("\nArgs:\n")
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if match := _ARGUMENT.match(line):
            name = match[1]
            found[name] = match[2].strip()
        elif line.startswith("        ") and name:
            found[name] += " " + line.strip()
        else:
            break
    return found
