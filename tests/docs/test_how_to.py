"""Snippets of the how-to pages that are parts of files: they are the text of these files today."""

from __future__ import annotations

from typing import Any

import pytest
from documents import ROOT, blocks

PACKAGE = ROOT / "examples/archdsl-example-ops"


def test_the_op_is_that_of_the_example_package() -> None:
    found = blocks((ROOT / "docs/how-to/write-an-op.md").read_text(encoding="utf-8"))
    for language, file in (("python", "src/archdsl_example_ops/__init__.py"), ("toml", "pyproject.toml")):
        (snippet,) = [block.text for block in found if block.language == language]
        assert snippet in (PACKAGE / file).read_text(encoding="utf-8")


@pytest.mark.tensorflow
def test_the_cells_of_the_notebook_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    found = blocks((ROOT / "docs/how-to/notebooks.md").read_text(encoding="utf-8"))
    cells = [block.text for block in found if block.language == "python"]
    assert len(cells) == 2
    for cell in cells:
        exec(cell, names)  # noqa: S102 - of our own page
    assert capsys.readouterr().out == f"{names['model'].count_params():,} parameters\n"
