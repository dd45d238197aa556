"""The specs of `docs/how-to/choose-a-task.md` are valid, and its table and its snippet hold."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from documents import ROOT, blocks

import archdsl
from archdsl.recipe import TASKS
from archdsl.spec import Spec

PAGE = ROOT / "docs/how-to/choose-a-task.md"
FOUND = blocks(PAGE.read_text(encoding="utf-8"))


def specs() -> list[Spec]:
    return [archdsl.loads(f"archdsl: 1\nname: Page\n{b.text}") for b in FOUND if b.language == "yaml"]


def test_the_specs_of_the_page_are_valid() -> None:
    found = specs()
    assert len(found) >= 7
    for spec in found:
        archdsl.check(spec)
    assert {word for word in TASKS if f"`{word}`" in PAGE.read_text(encoding="utf-8")} == {*TASKS} - {
        "binary_segmentation"
    }


@pytest.mark.parametrize("path", sorted((ROOT / "examples/tasks").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_valid(path: Path) -> None:
    archdsl.check(archdsl.load(path))


@pytest.mark.tensorflow
def test_the_decoder_draws_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("keras")
    monkeypatch.chdir(tmp_path)
    (vae,) = (spec for spec in specs() if "sample_normal" in spec.text)
    Path("runs/vae-1").mkdir(parents=True)
    archdsl.build(vae).save("runs/vae-1/model.keras")
    (snippet,) = (block.text for block in FOUND if block.language == "python")
    Path("snippet.py").write_text(snippet, encoding="utf-8")
    assert runpy.run_path("snippet.py")["samples"].shape == (60, 28, 28, 1)
