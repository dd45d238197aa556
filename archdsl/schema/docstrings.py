"""The parts of a class's docstring: summary, shape rule, source, notes, and a description of each field."""

from __future__ import annotations

import inspect
import re
from functools import cache

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z(`])")
_ARGUMENT = re.compile(r"    (\w+): (.*)")


@cache
def arguments(cls: type) -> dict[str, str]:
    """The description of each field, from the `Args:` of the class and its base classes.

    The fields of the class itself come first, and its own descriptions override inherited ones.
    """
    descriptions: dict[str, str] = {}
    for owner in cls.__mro__:
        own: dict[str, str] = {}
        name = ""
        for line in _own_docstring(owner)[1].splitlines():
            if match := _ARGUMENT.match(line):
                name = match[1]
                own[name] = match[2].strip()
            elif line.startswith("        ") and name:
                own[name] += " " + line.strip()
            else:
                break
        descriptions |= {field: text for field, text in own.items() if field not in descriptions}
    return descriptions


def prose(cls: type) -> str:
    """The docstring, own or inherited, without `Args:`."""
    return " ".join((inspect.getdoc(cls) or "").split("Args:")[0].split())


def summary(cls: type) -> str:
    """The first sentence."""
    return _sentences(cls)[0] if _sentences(cls) else ""


def rule(cls: type) -> str:
    """The shape rule, such as `(H, W, C) -> (H', W', filters)`; empty if the docstring has none."""
    return " ".join(text for text in _sentences(cls) if " -> " in text).removesuffix(".")


def source(cls: type) -> str:
    """The source: the Keras class, or the paper."""
    return " ".join(text for text in _sentences(cls)[1:] if _is_source(text))


def notes(cls: type) -> str:
    """All other sentences."""
    return " ".join(text for text in _sentences(cls)[1:] if " -> " not in text and not _is_source(text))


def _is_source(text: str) -> bool:
    return text.startswith(("Keras `", "Torch's `", "NumPy's `")) or bool(
        re.search(r"^[A-Z][\w.&, ]+ (19|20)\d\d", text)
    )


@cache
def _sentences(cls: type) -> list[str]:
    """The sentences of a class's own docstring, up to its `Args:`."""
    text = " ".join(_own_docstring(cls)[0].split())
    return [sentence for sentence in _SENTENCE.split(text) if sentence]


def _own_docstring(cls: type) -> tuple[str, str]:
    """The class's own docstring, before and after `Args:`."""
    text, _, section = inspect.cleandoc(cls.__dict__.get("__doc__") or "").partition("\nArgs:\n")
    return text, section
