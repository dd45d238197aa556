"""Limits on the size of a spec. Users can raise each limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from archdsl.errors import ArchError, Span, fail, nearest


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that are checked before anything is built.

    Args:
        bytes: The size of the file.
        values: The number of YAML values: scalars, lists and mappings.
        steps: The number of steps in the network. All copies count; identical layers count once.
        recursion: The depth of nested layers.
        ops: The number of ops in the network. Identical layers count each time.
        parameters: The number of parameters of the network.
    """

    bytes: int = 250_000
    values: int = 10_000
    steps: int = 10_000
    recursion: int = 32
    ops: int = 1_000_000
    parameters: int = 10**11

    def exceeded(
        self, name: str, message: str, span: Span | None = None, code: str = "ARCH025", needed: int = 0
    ) -> ArchError:
        """Return the error for an exceeded limit, with a hint to raise it if ten times the limit is enough.

        Args:
            name: The name of the limit.
            message: The message.
            span: The place of the error.
            code: The code of the error.
            needed: The minimum required value of the limit, if known.
        """
        more = min(getattr(self, name) * 10, _HIGHEST.get(name, 10**15))
        is_enough = more > getattr(self, name) and more >= needed
        hint = f"to allow it, pass `--allow {name}={more}`" if is_enough else ""
        return fail(code, message, span, hint)

    def lowered(self, carried: Mapping[str, Any], file: str) -> Limits:
        """Return these limits, lowered by those in a file. A file cannot raise a limit.

        Args:
            carried: The limits in the file, by name.
            file: The name of the file, for messages.

        Raises:
            ArchError: If the limits in the file are invalid (ARCH204).
        """
        known = {field.name for field in fields(self)}
        wrong = [
            f"`{str(name)[:40]}`"
            for name, number in carried.items()
            if name not in known or not isinstance(number, int) or isinstance(number, bool) or number < 1
        ]
        if wrong:
            raise fail("ARCH204", f"{file} has invalid limits: {', '.join(wrong[:8])}")
        return replace(self, **{name: min(getattr(self, name), number) for name, number in carried.items()})


DEFAULTS = Limits()

NESTING = 32
"""The maximum depth of lists and mappings in a file. The YAML parser itself fails at about 400."""

ELEMENTS = 10**15
"""The maximum number of elements in a tensor for one image: more than any machine can hold."""

VARIANTS = 100
"""The maximum number of variants in a file. `check` resolves each of them."""

_HIGHEST = {"recursion": 64}
"""Upper bounds of limits, given by the stack of Python."""


def raised(words: Sequence[str]) -> Limits:
    """Return the default limits, changed by options of the form `--allow name=number`.

    Raises:
        ArchError: If the name or the number of an option is invalid.
    """
    limits, known = Limits(), [field.name for field in fields(Limits)]
    for word in words:
        name, _, number = word.partition("=")
        option = word if len(word) <= 60 else f"{word[:57]}..."
        if name not in known:
            raise fail("ARCH203", f"unknown limit in `--allow {option}`", hint=nearest(name, known))
        digits = number.replace(",", "").replace("_", "")
        highest = _HIGHEST.get(name, 10**15)
        if not (digits.isascii() and digits.isdigit() and 1 <= int(digits[:18]) <= highest):
            raise fail("ARCH203", f"`--allow {option}`: expected an integer from 1 to {highest:,}")
        limits = replace(limits, **{name: int(digits)})
    return limits
