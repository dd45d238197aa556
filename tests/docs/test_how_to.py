"""Snippets of the how-to pages that are parts of files: they are the text of these files today."""

from __future__ import annotations

from documents import ROOT, blocks

PACKAGE = ROOT / "examples/archdsl-example-ops"


def test_the_op_is_that_of_the_example_package() -> None:
    found = blocks((ROOT / "docs/how-to/write-an-op.md").read_text(encoding="utf-8"))
    for language, file in (("python", "src/archdsl_example_ops/__init__.py"), ("toml", "pyproject.toml")):
        (snippet,) = [block.text for block in found if block.language == language]
        assert snippet in (PACKAGE / file).read_text(encoding="utf-8")
