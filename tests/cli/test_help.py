"""The help: its groups, its size, and the examples of each command."""

from __future__ import annotations

import io
import re
import shlex
import sys
from typing import Any

import pytest
import typer
from command_line import Run

from archdsl import zoo
from archdsl.cli import app, main
from archdsl.cli.help import GROUPS
from archdsl.text import wants_color

PROGRAM: Any = typer.main.get_command(app)
NAMES = sorted(PROGRAM.commands)
COLORS = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `archdsl` in this process, for a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def command(*words: str) -> Run:
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return Run(int(caught.value.code or 0), captured.out, captured.err)

    return command


def test_the_help_fits_a_screen_and_cuts_no_line(run: Any) -> None:
    lines = run("--help").out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith("...") and not line.startswith("Usage")]
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in NAMES]
    assert listed == [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_command_is_described_in_a_sentence_and_shown_in_an_example(name: str, run: Any) -> None:
    command = PROGRAM.commands[name]
    summary = PROGRAM.summaries[name]
    assert re.fullmatch(r"[A-Z][^.]*\.", summary), summary
    assert len(summary) <= 66
    assert 1 <= len(command.examples) <= 5
    asked = run(name, "-h")
    assert asked.out == run(name, "--help").out
    assert max(map(len, asked.out.splitlines())) <= 80
    assert all(f"\n  {example}" in asked.out for example in command.examples)


@pytest.mark.parametrize("name", NAMES)
def test_each_example_is_a_command_that_can_be_parsed(name: str) -> None:
    command = PROGRAM.commands[name]
    for example in command.examples:
        call = example.rpartition("| ")[2]
        program, word, *words = shlex.split(call.partition(" > ")[0])
        assert (program, word) == ("archdsl", name)
        parsed = command.make_context(name, words, resilient_parsing=False)
        spec = str(parsed.params.get("spec") or "")
        assert spec.partition("[")[0] in {"", "my_net.yaml", *zoo.names()}


def test_no_command_prints_the_help_and_is_a_usage_error(run: Any) -> None:
    done = run()
    assert (done.code, done.out) == (2, "")
    assert done.err == run("-h").out


@pytest.mark.parametrize(
    ("environment", "terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": ""}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_the_environment_decides_about_color(
    environment: dict[str, str], terminal: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
    assert wants_color(stream) is expected


@pytest.mark.parametrize("words", [["--help"], ["check", "-h"], ["plot", "-h"]])
def test_color_changes_no_words_of_the_help(words: list[str], run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    plain = run(*words).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    bright = run(*words).out
    assert "\x1b[1;32mUsage:\x1b[0m" in bright
    assert "\x1b[36m-h, --help\x1b[0m" in bright
    assert COLORS.sub("", bright) == plain
