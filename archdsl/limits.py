"""What a spec may cost before it is refused, in one place. Each limit can be raised by whoever has a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from archdsl.errors import ArchError, Span, fail, nearest


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken before anything is built.

    Args:
        bytes: of the file.
        values: of its YAML: words, numbers, lists and mappings.
        steps: of the network, each copy counted, equal layers once.
        recursion: layers inside one another.
        ops: of the whole network, equal layers counted each time.
        parameters: of the whole network.
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
        """The error of a limit that was met, with the way to raise it if ten times as much is enough.

        Args:
            name: of the limit.
            message: what is wrong.
            span: where.
            code: of the error.
            needed: the least that the limit would have to be, as far as is known.
        """
        more = min(getattr(self, name) * 10, _HIGHEST.get(name, 10**15))
        is_enough = more > getattr(self, name) and more >= needed
        hint = f"if it is meant so, `--allow {name}={more}` raises the limit" if is_enough else ""
        return fail(code, message, span, hint)

    def lowered(self, carried: Mapping[str, Any], file: str) -> Limits:
        """These limits where a file carries limits of its own: it may lower them, and raises none.

        Args:
            carried: the file's limits by name.
            file: its name, for messages.

        Raises:
            ArchError: they are no limits (ARCH204).
        """
        known = {field.name for field in fields(self)}
        wrong = [
            f"`{str(name)[:40]}`"
            for name, number in carried.items()
            if name not in known or not isinstance(number, int) or isinstance(number, bool) or number < 1
        ]
        if wrong:
            raise fail("ARCH204", f"{file} carries limits that are none: {', '.join(wrong[:8])}")
        return replace(self, **{name: min(getattr(self, name), number) for name, number in carried.items()})


DEFAULTS = Limits()

NESTING = 32
"""Levels of lists and mappings in a file: the YAML reader itself fails at some 400."""

ELEMENTS = 10**15
"""Numbers in one tensor, for one image: no machine holds so many, and what grows with each step ends there."""

VARIANTS = 100
"""Variants of one file: `check` resolves each."""

_HIGHEST = {"recursion": 64}
"""Limits that Python's own stack sets."""


def raised(words: Sequence[str]) -> Limits:
    """The limits with those of `--allow name=number` raised.

    Raises:
        ArchError: a word names no limit, or its number is none.
    """
    limits, known = Limits(), [field.name for field in fields(Limits)]
    for word in words:
        name, _, number = word.partition("=")
        option = word if len(word) <= 60 else f"{word[:57]}..."
        if name not in known:
            raise fail("ARCH203", f"`--allow {option}` names no limit", hint=nearest(name, known))
        digits = number.replace(",", "").replace("_", "")
        highest = _HIGHEST.get(name, 10**15)
        if not (digits.isascii() and digits.isdigit() and 1 <= int(digits[:18]) <= highest):
            raise fail("ARCH203", f"`--allow {option}`: a whole number from 1 to {highest:,} is due")
        limits = replace(limits, **{name: int(digits)})
    return limits
