"""Splits texts into tokens, and joins tokens to texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

Unit: TypeAlias = Literal["characters", "words"]
"""What the tokens of a text are."""

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""The token of what the training text does not have."""

WORD = re.compile(r"\w+|[^\w\s]|\n")

CLOSING = re.compile(r"[.,;:!?)\]}%\N{RIGHT SINGLE QUOTATION MARK}']|\n")
OPENING = re.compile(r"[(\[{]|\n")
"""Tokens without a space before them, and without one after them."""


def split(text: str, unit: Unit) -> list[str]:
    """The tokens of a text. Of words, spaces are not tokens."""
    return WORD.findall(text) if unit == "words" else list(text)


def join(tokens: Iterable[str], unit: Unit) -> str:
    """The text of tokens; of words, with spaces where English has them."""
    if unit == "characters":
        return "".join(tokens)
    text, after = "", ""
    for token in tokens:
        space = "" if not after or OPENING.fullmatch(after) or CLOSING.fullmatch(token) else " "
        text, after = text + space + token, token
    return text
