"""Options of `train` that are wrong, which are reported before TensorFlow is loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from documents import printed_by

WRONG = (
    "digits_resnet --lr 0",
    "digits_resnet --lr inf",
    "digits_resnet --name a/b",
    "digits_resnet --name one --out two",
    "digits_resnet --set train.epoch=3 --lr 0.1",
    "digits_resnet --log paper",
    "--resume runs/one --name two",
    "--resume runs/one --note two",
    "--resume runs/one --lr 0.1",
    "--resume runs/one --batch-size 8",
    "--resume runs/one --set train.epochs=8",
)


def test_wrong_options(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    told = []
    for words in WRONG:
        code, text = printed_by(f"archdsl train {words}", tmp_path)
        assert code == (1 if "epoch=" in words else 2), text
        told.append(f"$ archdsl train {words}\n{text}")
    golden("train_options.txt", "\n".join(told))
    assert list(tmp_path.iterdir()) == []


def test_watch_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotille", None)
    code, text = printed_by("archdsl train digits_resnet --watch", tmp_path)
    assert (code, "ARCH306" in text) == (3, True), text
