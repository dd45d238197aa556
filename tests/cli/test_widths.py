"""The tables of the commands in narrow terminals, in wide ones, and in pipes."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from archdsl import zoo
from archdsl.cli import main
from archdsl.text import columns, first_fitting, fold, room, short_count, table_width

RUNS = Path(__file__).parents[1] / "data/version_0_1_0/runs"
COMMANDS = [
    ["specs"],
    ["ops"],
    ["ops", "conv"],
    ["explain"],
    ["new", "--list"],
    ["show", "resnet"],
    ["show", "digits_resnet", "--depth", "3"],
    ["sweep", "resnet"],
    ["diff", "resnet[resnet34]", "resnet[resnet50]"],
    ["diff", "vgg", "densenet"],
    ["why", "resnet", "conv_1.filters"],
    ["plot", "resnet", "--list"],
    ["runs", "runs"],
    ["runs", "runs/first_run", "runs/second_run", "runs/third_run", "runs/fourth_run"],
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs `archdsl` in this process, in a folder with four runs, with the given columns or into a pipe."""
    monkeypatch.chdir(tmp_path)
    for name in ("first", "second", "third", "fourth"):
        shutil.copytree(RUNS / "cut_run", f"runs/{name}_run")

    def command(words: list[str], width: int | None) -> str:
        monkeypatch.delenv("COLUMNS", raising=False)
        if width is not None:
            monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code in (None, 0)
        return capsys.readouterr().out

    return command


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_fits_eighty_columns(words: list[str], run: Any) -> None:
    lines = run(words, 80).splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 80, max(lines, key=len)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(zoo.names()))
def test_each_spec_of_the_zoo_fits_eighty_columns(name: str, run: Any) -> None:
    assert max(map(len, run(["show", name], 80).splitlines())) <= 80


@pytest.mark.parametrize("words", [["show", "resnet"], ["sweep", "resnet"], ["diff", "vgg", "densenet"]], ids=" ".join)
def test_a_wide_terminal_and_a_pipe_get_all_of_it(words: list[str], run: Any) -> None:
    whole = run(words, None)
    assert run(words, 500) == whole
    assert max(map(len, whole.splitlines())) > 80
    assert "…" not in whole
    assert not re.search(r"\d [kMG]\b", whole)
    assert re.search(r"\d,\d{3},\d{3}", run(words, 140))


def test_the_columns_that_are_asked_for_stay(run: Any) -> None:
    head = run(["show", "resnet", "--columns", "output,parameters,trainable,macs,activations"], 60).splitlines()[3:8]
    assert any(line.split() == ["output", "params", "trainable", "MACs", "act."] for line in head)
    assert "MACs" not in run(["show", "resnet"], 50).partition("─")[0]


def test_the_width_of_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert room(sys.stdout) is None
    monkeypatch.setenv("COLUMNS", "72")
    assert room(sys.stdout) == 72


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0 k"),
        (86_757_322, "86.8 M"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (4_089_184_256, "4.09 G"),
        (15_300_000_000_000, "15.3 T"),
    ],
)
def test_a_short_count_has_three_figures(number: int, text: str) -> None:
    assert short_count(number) == text


def test_a_line_is_folded_between_words() -> None:
    assert fold("1,234,567 parameters in 12 variables", 20) == ["1,234,567 parameters", "  in 12 variables"]
    assert fold("1,234,567 parameters", None) == ["1,234,567 parameters"]
    assert fold("1,234,567,890 parameters", 8) == ["1,234,567,890", "  parameters"]


def test_the_last_column_is_folded() -> None:
    table = [("a", "one two three"), ("bb", "four")]
    assert columns(table, width=11) == "a   one two\n    three\nbb  four\n"
    assert columns(table, width=80) == columns(table)


def test_the_fullest_table_that_fits_is_taken() -> None:
    tables = [[["wide", "wide"]], [["less", "x"]], [["l"]]]
    assert [table_width(table) for table in tables] == [10, 7, 1]
    found = [first_fitting(tables, width) for width in (None, 10, 9, 7, 6, 0)]
    assert found == [tables[0], tables[0], tables[1], tables[1], tables[2], tables[2]]
