"""Reads text files in UTF-8."""

from __future__ import annotations

from pathlib import Path

from archdsl.data.readers import files
from archdsl.errors import fail


def read(path: Path) -> str:
    """The text of a file, without a byte order mark.

    Raises:
        ArchError: it is missing, too large, cannot be read, or is not text in UTF-8 (ARCH302).
    """
    try:
        text = files.content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text: byte {error.start:,} is invalid"
        raise fail("ARCH302", message, hint="save it as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise fail("ARCH302", f"{path}:{line} has NUL characters: it is not text, or damaged", hint=files.AGAIN)
    return text
