"""The commands of `docs/how-to/predict-rows-and-texts.md` print what the page shows, except for numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from documents import ROOT, blocks, named, printed_by

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

PAGE = ROOT / "docs/how-to/predict-rows-and-texts.md"
TABLES = (ROOT / "docs/how-to/your-own-tables.md").read_text(encoding="utf-8")


def without_numbers(text: str) -> list[str]:
    return [re.sub(r"\d[\d.]+", "0", line) for line in text.splitlines()]


def test_the_page_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden_document: Callable[..., None]
) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(TABLES):
        if block.language == "python":
            exec(block.text, {})  # noqa: S102 - of our own page
        if block.language == "yaml":
            Path(named(block) or "").write_text(block.text, encoding="utf-8")
    printed_by("archdsl train houses.yaml --out runs/houses", tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    found = blocks(text)
    (rows,) = [block.text for block in found if block.language == "csv"]
    Path("new.csv").write_text(rows.partition("\n")[2], encoding="utf-8")
    document, checked = text, 0
    for block, after in reversed([*pairwise(found)]):
        if block.language == "sh":
            printed = printed_by(block.text, tmp_path)[1]
            printed = "".join(line for line in printed.splitlines(keepends=True) if "cuda" not in line)
            if without_numbers(printed) != without_numbers(after.text):
                document = document[: after.start] + printed + document[after.start + len(after.text) :]
            checked += 1
        if block.language == "python":
            exec(block.text, {})  # noqa: S102 - of our own page
    golden_document(PAGE, document)
    assert checked == 5
    assert Path("predictions.csv").read_text(encoding="utf-8").startswith("row,price\n1,")
