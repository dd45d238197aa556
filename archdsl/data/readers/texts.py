"""Reads text files in UTF-8."""

from __future__ import annotations

from pathlib import Path

from archdsl.data.readers import files
from archdsl.errors import fail


def read(path: Path) -> str:
    """The text of a file, without a byte order mark.

    Raises:
        ArchError: it is missing, too large, cannot be read, or is not UTF-8 (ARCH302).
    """
    try:
        return files.content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text: byte {error.start:,} is invalid"
        raise fail("ARCH302", message, hint="save it as UTF-8") from None
