"""The commands of `docs/how-to/train-and-predict.md` run in order and print what the page shows, except for numbers."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from documents import ROOT, Block, blocks, printed_by
from PIL import Image

pytest.importorskip("keras")

from archdsl.data.dataset import load

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.slow,
    # Keras's own `save` makes NumPy say this.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

PAGE = ROOT / "docs/how-to/train-and-predict.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = re.findall(
    r"^\| `(\S+?)`(?:, `(\S+?)`)? \|", TEXT[TEXT.index("## Look at the run") : TEXT.index("## Interrupt")], re.M
)


def without_numbers(text: str) -> list[str]:
    """A text whose numbers, and the gaps around them, differ from machine to machine."""
    lines = [re.sub(r"\d[\d,.]*(e[+-]\d+)?", "0", line) for line in text.splitlines()]
    return [re.sub(r"\b0 (ms|s|min 0 s|min)\b", "0 s", re.sub(r"\s+", " ", line)).strip() for line in lines]


def photos(folder: Path) -> None:
    from archdsl import zoo

    spec = zoo.load("digits_resnet")
    assert spec.data is not None
    digits = load(spec.data)
    folder.mkdir()
    for row in (0, 2, 6):
        pixels = np.rint(digits.images("test")[row, ..., 0] * (255 / 16)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{digits.labels('test')[row]}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG")


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden_document: Callable[..., None]
) -> None:
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "photos")
    found = blocks(TEXT)
    (tmp_path / "small.yaml").write_text(found[0].text, encoding="utf-8")
    told: list[tuple[Block, str]] = []
    for block, after in zip(found, [*found[1:], None], strict=False):
        if block.language == "sh":
            assert after is not None
            told.append((after, printed_by(block.text, tmp_path)[1]))
        elif block.language == "python":
            (tmp_path / "snippet.py").write_text(block.text, encoding="utf-8")
            runpy.run_path(str(tmp_path / "snippet.py"))
    document = TEXT
    for after, printed in reversed(told):
        printed = "".join(line for line in printed.splitlines(keepends=True) if "cuda" not in line)
        assert after.language == "text"
        assert len(printed.splitlines()) >= 1
        if without_numbers(printed) != without_numbers(after.text):
            document = document[: after.start] + printed + document[after.start + len(after.text) :]
    golden_document(PAGE, document)
    assert len(told) >= 7
    kept = {path.name for path in (tmp_path / "runs/small-1").iterdir()}
    named = {name.rstrip("/") for pair in FILES for name in pair if name} - {"checkpoint"}
    assert kept | {"network.svg", "mistakes.png"} == named
    assert (tmp_path / "both.png").exists()
