"""What each code means, why the rule is there, and what is right: one Markdown file for each code of `CODES`."""

from __future__ import annotations

import re
from pathlib import Path

from archdsl.errors import CODES, fail, nearest

_FOLDER = Path(__file__).parent


def find(word: str) -> str:
    """The code that somebody names: `ARCH021`, `arch21`, or `21`.

    Raises:
        ArchError: there is no such code.
    """
    number = re.fullmatch(r"(?:arch)?([0-9]{1,3})", word.strip(), re.IGNORECASE)
    code = f"ARCH{int(number[1]):03}" if number else word
    if code not in CODES:
        raise fail("ARCH203", f"there is no code `{word}`", hint=f"{nearest(code, CODES)} `archdsl explain` lists all")
    return code


def explain(code: str) -> str:
    """The explanation of a code, as Markdown."""
    return f"# {code}: {CODES[code]}\n\n{(_FOLDER / f'{code}.md').read_text(encoding='utf-8')}"
