"""Snippets of the how-to pages that are parts of files: they are the text of these files today."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_sets
from documents import ROOT, blocks
from typer.testing import CliRunner

from archdsl.cli import app

PAGE = ROOT / "docs/how-to/write-an-op.md"
PACKAGE = ROOT / "examples/archdsl-example-ops"


def test_the_ops_are_those_of_the_example_package(golden_document: Callable[[Path, str], None]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    source = (PACKAGE / "src/archdsl_example_ops/__init__.py").read_text(encoding="utf-8")
    classes = {part.partition("(")[0]: f"class {part.rstrip()}\n" for part in source.split("\n\n\nclass ")[1:]}
    snippets = [block for block in blocks(text) if block.language == "python"]
    names = [block.text.removeprefix("class ").partition("(")[0] for block in snippets]
    assert sorted(names) == sorted(classes)
    for name, snippet in reversed([*zip(names, snippets, strict=True)]):
        text = text[: snippet.start] + classes[name] + text[snippet.start + len(snippet.text) :]
    golden_document(PAGE, text)


def test_the_entry_point_is_that_of_the_example_package() -> None:
    (snippet,) = [block.text for block in blocks(PAGE.read_text(encoding="utf-8")) if block.language == "toml"]
    assert snippet in (PACKAGE / "pyproject.toml").read_text(encoding="utf-8")


def test_what_is_said_of_your_own_images_is_what_new_prints(
    golden_document: Callable[[Path, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small_sets.photos(Path("photos"), dict.fromkeys(("cat", "dog", "owl"), 120), (32, 32))
    printed = CliRunner().invoke(app, ["new", "--data", "photos"]).stderr
    page = ROOT / "docs/how-to/your-own-images.md"
    text = page.read_text(encoding="utf-8")
    (block,) = [block for block in blocks(text) if block.word == "new"]
    golden_document(page, text[: block.start] + printed + text[block.start + len(block.text) :])


@pytest.mark.tensorflow
def test_the_cells_of_the_notebook_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    found = blocks((ROOT / "docs/how-to/notebooks.md").read_text(encoding="utf-8"))
    cells = [block.text for block in found if block.language == "python"]
    assert len(cells) == 2
    for cell in cells:
        exec(cell, names)  # noqa: S102 - of our own page
    assert capsys.readouterr().out == f"{names['model'].count_params():,} parameters\n"
