"""What each code means, why it is there, and what is right: a Markdown file for each error, a page for each rule."""

from __future__ import annotations

import re
from pathlib import Path

from archdsl import errors
from archdsl.errors import fail, nearest
from archdsl.linting.rules import RULES

_FOLDER = Path(__file__).parent

CODES = errors.CODES | {rule.code: rule.title for rule in RULES}
"""Every code, of errors and of warnings, by what it stands for."""


def find(word: str) -> str:
    """The code that somebody names: `ARCH021`, `arch21`, or `21`.

    Raises:
        ArchError: there is no such code.
    """
    number = re.fullmatch(r"(?:ARCH)?([0-9]{1,3})", word.strip().upper().replace("O", "0"))
    code = f"ARCH{int(number[1]):03}" if number else word
    if code not in CODES:
        raise fail("ARCH203", f"there is no code `{word}`", hint=f"{nearest(code, CODES)} `archdsl explain` lists all")
    return code


def explain(code: str) -> str:
    """The explanation of a code, as Markdown."""
    page = next((rule.page for rule in RULES if rule.code == code), None)
    text = (_FOLDER / f"{code}.md").read_text(encoding="utf-8") if page is None else page
    return f"# {code}: {CODES[code]}\n\n{text}"
