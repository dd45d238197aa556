"""A file of JSON lines: an object with the values of a row in each line. A folder may have one for each split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archdsl.data.readers import texts
from archdsl.data.readers.cell_table import MOST_COLUMNS, Cells, check_size
from archdsl.data.sources.table_file import TableFile
from archdsl.errors import fail

DEEPEST = 8
"""The most objects inside one another."""


class JsonLines(TableFile):
    """Reads JSON lines. A key is a column, and `user.age` is that of `{"user": {"age": 3}}`; a missing key is empty."""

    suffix = ".jsonl"

    def read_cells(self, path: Path) -> Cells:
        """The cells of a file. Lines that are no objects become rows with a fault.

        Raises:
            ArchError: as in `TableFile.read_cells`.
        """
        columns: dict[str, list[str]] = {}
        lines, faults = list[int](), dict[int, str]()
        for number, line in enumerate(texts.read(path).split("\n"), 1):
            if not line.strip():
                continue
            try:
                row = _row(line)
            except ValueError as error:
                row, faults[len(lines)] = {}, f"{path}:{number}: {error}"
            for name, cell in row.items():
                # The rows before had no such key.
                columns.setdefault(name, []).extend([""] * (len(lines) - len(columns[name])) + [cell])
            lines.append(number)
            if len(columns) > MOST_COLUMNS:
                break
        if not lines:
            raise fail("ARCH302", f"{path} has no lines", hint="write a JSON object for each example")
        if not columns:
            hint = 'write an object in each line, such as `{"text": "too long", "label": "bad"}`'
            raise fail("ARCH302", next(iter(faults.values())), hint=hint)
        check_size(path, len(lines), columns)
        for cells in columns.values():
            cells.extend([""] * (len(lines) - len(cells)))
        return Cells(path, columns, lines, faults)


def _row(line: str) -> dict[str, str]:
    """The cells of a line by column.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg[0].lower()}{error.msg[1:]} at column {error.colno:,}") from None
    except RecursionError:
        raise ValueError("its lists or objects are nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object, with a value for each column")
    return {name: _text(each) for name, each in flattened(value)}


def flattened(value: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """The values of an object by column: `user.age` for a value of an object inside it.

    Raises:
        ValueError: objects are nested too deeply.
    """
    for key, each in value.items():
        if isinstance(each, dict):
            if depth == DEEPEST:
                raise ValueError(f"`{prefix}{key}` is nested too deeply")
            yield from flattened(each, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}", each


def _text(value: Any) -> str:
    """The text of a value, as a cell of a CSV file would have it."""
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


SOURCE = JsonLines()
