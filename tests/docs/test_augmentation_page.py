"""The picture of docs/how-to/augment-images.md: it is today's pipeline that it shows, and every word."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from documents import ROOT
from PIL import Image

from archdsl.recipe import Augment

pytestmark = pytest.mark.tensorflow

AGAIN = "run `python docs/make_augmentation.py`, and look at what it draws"


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """The program that draws it, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("make_augmentation", ROOT / "docs/make_augmentation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_shows_every_word(program: ModuleType) -> None:
    assert {word for words in program.WORDS for word in words} == Augment.model_fields.keys(), AGAIN


def test_the_picture_is_what_the_pipeline_gives_today(program: ModuleType, tmp_path: Path) -> None:
    """Letters may differ by the version of matplotlib that draws them, images by a level of rounding."""
    program.main(tmp_path / "again.png")
    today = Image.open(tmp_path / "again.png").convert("RGB")
    kept = Image.open(program.PATH).convert("RGB").resize(today.size, Image.Resampling.BILINEAR)
    difference = np.abs(np.asarray(today, np.float32) - np.asarray(kept, np.float32))
    rows = [half for row in np.array_split(difference, 7) for half in np.array_split(row, 2, axis=1)]
    assert [row.mean() for row in rows if row.mean() > 2] == [], AGAIN
    assert f"(../images/{program.PATH.name})" in (ROOT / "docs/how-to/augment-images.md").read_text(encoding="utf-8")
