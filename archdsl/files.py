"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archdsl.errors import fail


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; what stands there afterwards takes the place of `path` in one step.

    Whatever ends the program, `path` holds its old content or its new one. The name has the suffix of `path`.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
    """
    beside = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise fail("ARCH304", f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        beside.unlink(missing_ok=True)
