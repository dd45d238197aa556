"""Curves in a terminal: `archdsl train --watch` and `archdsl runs RUN --watch`."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from documents import printed_by
from finished_run import RUN
from rich.console import Console

from archdsl.errors import ArchError
from archdsl.recipe import TASKS
from archdsl.runs import terminal_curves, watching
from archdsl.runs.folder import LOG, Row

ROWS: list[Row] = [
    {"epoch": e, "loss": 2 / e, "accuracy": 1 - 0.6 / e, "validation_loss": 2.1 / e**0.6}
    | {"validation_accuracy": 1 - 0.7 / e**0.8}
    for e in range(1, 9)
]
TASK = TASKS["classification"]


def write(run: Path, count: int, status: str) -> None:
    run.mkdir(exist_ok=True)
    replace(RUN, status=status, epochs_run=count).write(run)
    lines = [",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in ROWS[:count])]
    (run / LOG).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_curves_are_drawn_side_by_side(golden: Callable[[str, str], None]) -> None:
    pytest.importorskip("plotille")
    wide = terminal_curves.draw(ROWS, TASK, 20, 80, color=False)
    narrow = terminal_curves.draw(ROWS[:1], TASKS["regression"], 1, 50, 9, color=False)
    golden("curves.txt", f"{wide}\n\n{narrow}\n")
    for text, width, height in ((wide, 80, 12), (narrow, 50, 9)):
        assert len(text.splitlines()) == height
        assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("rows", "width", "height"), [([], 80, 12), (ROWS, terminal_curves.NARROWEST - 1, 12), (ROWS, 80, 3)]
)
def test_nothing_is_drawn_without_epochs_or_room(rows: list[Row], width: int, height: int) -> None:
    assert terminal_curves.draw(rows, TASK, 20, width, height) == ""


def test_long_runs_and_values_that_are_not_finite_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("plotille")
    monkeypatch.setenv("FORCE_COLOR", "1")
    rows = [{"epoch": float(e), "loss": float("nan") if e % 2 else 1e9 / e} for e in range(1, 50_001)]
    text = terminal_curves.draw(rows, TASK, 50_000, 60)
    assert "\x1b[" in text
    assert "50,000 epochs" in text


def test_a_run_is_watched_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotille")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    run = Path("run")
    write(run, 1, "running")
    steps = iter([lambda: (run / LOG).write_text("ep", encoding="utf-8"), lambda: write(run, 8, "finished")])
    result = watching.watch(run, wait=lambda seconds: next(steps)() and None)
    told = capsys.readouterr().out
    assert result.status == "finished"
    assert "finished, epoch 8/20, validation accuracy 86.74 %" in " ".join(told.splitlines()[-2:])


def test_without_a_terminal_the_curves_are_drawn_once(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    pytest.importorskip("plotille")
    write(tmp_path / "run", 3, "running")
    golden("watch_piped.txt", printed_by("archdsl runs run --watch", tmp_path)[1])


def test_the_curves_follow_the_width_of_the_terminal() -> None:
    pytest.importorskip("plotille")
    curves = watching.Curves(ROWS, TASK, 20)
    for width, height in ((80, 24), (60, 24), (60, 14), (30, 24), (80, 8)):
        console = Console(file=io.StringIO(), width=width, height=height)
        console.print(curves)
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        assert len(lines) <= min(12, height - 6)
        assert all(len(line) <= width for line in lines)
        assert bool(lines) == (width >= 40 and height >= 13)


def test_a_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotille", None)
    with pytest.raises(ArchError, match="ARCH306") as caught:
        terminal_curves.check()
    assert "help: run `pip install 'archdsl[watch]'`" in str(caught.value)
