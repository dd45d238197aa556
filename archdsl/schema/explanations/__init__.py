"""Explanations of all codes: a Markdown file for each error, and a generated page for each lint rule."""

from __future__ import annotations

import re
from pathlib import Path

from archdsl import errors
from archdsl.errors import fail, nearest
from archdsl.linting.rules import RULES

_FOLDER = Path(__file__).parent

CODES = errors.CODES | {rule.code: rule.title for rule in RULES}
"""The titles of all codes of errors and warnings."""


def find(word: str) -> str:
    """Return the code for `ARCH021`, `arch21` or `21`.

    Raises:
        ArchError: If the code does not exist.
    """
    number = re.fullmatch(r"(?:ARCH)?([0-9]{1,3})", word.strip().upper().replace("O", "0"))
    code = f"ARCH{int(number[1]):03}" if number else word
    if code not in CODES:
        hint = f"{nearest(code, CODES)} To list all codes, run `archdsl explain`."
        raise fail("ARCH203", f"unknown code `{word}`", hint=hint)
    return code


def explain(code: str) -> str:
    """Return the explanation of a code as Markdown."""
    page = next((rule.page for rule in RULES if rule.code == code), None)
    text = (_FOLDER / f"{code}.md").read_text(encoding="utf-8") if page is None else page
    return f"# {code}: {CODES[code]}\n\n{text}"
