"""Every snippet in `docs/` works, and every table and message in it is up to date."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from doc_tables import FUNCTIONS, tables
from documents import DOCS, anchors, blocks, files, frame, hold, named, renewed, whole

from archdsl import schema
from archdsl.expr import FUNCTIONS as KNOWN_FUNCTIONS
from archdsl.ops import weights
from archdsl.schema import vocabulary
from archdsl.steps import SHORTCUTS

TEXT = {name: path.read_text(encoding="utf-8") for name, path in DOCS.items()}
LANGUAGE = "\n".join(text for name, text in TEXT.items() if name.startswith("reference/language/"))
OPS = "\n".join(text for name, text in TEXT.items() if name.startswith("reference/ops/"))
PAGES = [name for name in DOCS if not re.match(r"tutorial/\d", name)]
"""All but the chapters of the tutorial, which build on one another: `test_tutorial.py` follows them."""
RIGHT = [
    pytest.param(block.text, named(block) or "net.yaml", id=f"{name}:{block.line}")
    for name in PAGES
    for block in blocks(TEXT[name])
    if (block.language, block.word) == ("yaml", "")
]


def test_there_are_snippets() -> None:
    assert {"index.md", "reference/language/the-file.md", "reference/ops/convolutions.md"} <= DOCS.keys()
    assert len(RIGHT) >= 25
    assert sum(block.word == "wrong" for block in blocks(LANGUAGE)) >= 14


def test_the_first_snippet_has_the_missing_keys() -> None:
    assert list(frame()) == ["archdsl", "name", "input", "model"]


@pytest.mark.parametrize(("text", "file"), RIGHT)
def test_a_snippet_checks(text: str, file: str) -> None:
    hold(whole(text), file)


@pytest.mark.parametrize("name", PAGES)
def test_tables_and_messages_are_up_to_date(name: str, tmp_path: Path, golden_document: Callable[..., None]) -> None:
    for file, text in files().items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    golden_document(DOCS[name], renewed(TEXT[name], tables(), tmp_path))


def test_every_table_is_on_a_page() -> None:
    regions = re.findall(r"^<!-- begin: (\w+) -->$", "".join(TEXT.values()), re.MULTILINE)
    assert sorted(regions) == sorted(tables())


def test_every_op_and_every_weight_setting_is_documented() -> None:
    words = [*weights.INITIALIZERS, *weights.REGULARIZERS, *weights.CONSTRAINTS]
    missing = [word for word in words if f"| `{word}` |" not in OPS]
    missing += [op for op in schema.own_ops() if f"## {op}\n" not in OPS and f"| `{op}` |" not in OPS]
    assert missing == []


def test_every_key_of_the_language_is_documented() -> None:
    words = {*vocabulary.STEP_PROPERTIES, *vocabulary.PATHS_PROPERTIES, *SHORTCUTS, *schema.language()["properties"]}
    assert [word for word in sorted(words) if f"`{word}`" not in LANGUAGE] == []
    assert FUNCTIONS.keys() == KNOWN_FUNCTIONS.keys()


@pytest.mark.parametrize("name", DOCS)
def test_the_links_work(name: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```$", "", TEXT[name], flags=re.MULTILINE | re.DOTALL))
    for link in links:
        path, _, anchor = link.partition("#")
        target = (DOCS[name].parent / path).resolve() if path else DOCS[name]
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_lines_are_not_too_long() -> None:
    text = re.sub(r"^(```.*?^```$|\|.*\|$|\[Weights\].*$)", "", LANGUAGE, flags=re.MULTILINE | re.DOTALL)
    assert [line for line in text.splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("name", DOCS)
def test_a_page_is_not_too_long(name: str) -> None:
    assert (
        len(re.findall(r"\w[\w'-]*", re.sub(r"^```.*?^```$", "", TEXT[name], flags=re.MULTILINE | re.DOTALL))) <= 2500
    )
