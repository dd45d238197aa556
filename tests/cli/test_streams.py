"""Output through full and closed streams, and of hostile texts without control characters."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from forked import run_commands

import archdsl
from archdsl.cli import program
from archdsl.errors import LONGEST, ArchError, Problem, Span
from archdsl.text import columns, csv_cell, in_line, printable

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a full disk is /dev/full")

ESCAPES = (
    r"\u001b]52;c;ZXZpbA==\u0007 to the clipboard",
    r"x.yaml: ok: Net\n::error file=a::forged\nx.yaml: ok: Net",
    r"\u001b[31mred \u001b[2J gone",
    r"\u009b2J as C1, \u007f\u0008\r over it",
    r"\u202enrut\u2066 and \u200f\u061c marks",
    r"lines\u2028two\u2029three\u0085four",
    r"\ufeffa mark within, which is \u202e much longer than one line of a file may be, so that it would be folded " * 2,
)
"""Texts as YAML and JSON write them in double quotes."""

SPEC = """archdsl: 1
name: Net
doc: "{text}"
input: [8, 8, 3]
layers:
  Head:
    doc: "{text}"
    steps:
      - dense: {{units: 4}}
model:
  - flatten
  - Head
"""

WARM = ("archdsl.cli.network", "archdsl.cli.reviewing", "archdsl.cli.comparing", "archdsl.cli.failures")
WARM += ("archdsl.reports.formats", "archdsl.codegen.module", "archdsl.expansion", "archdsl.diagrams.pictures")
WARM += ("archdsl.ops.conv", "archdsl.ops.dense", "archdsl.ops.shape", "archdsl.parsing", "archdsl.linting")


def _shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell command in which `archdsl` is this program."""
    call = f'set -o pipefail; archdsl() {{ "{sys.executable}" -m archdsl "$@"; }}; {command}'
    return subprocess.run(["bash", "-c", call], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@ONLY_LINUX
@pytest.mark.parametrize(
    ("words", "stream", "why"),
    [
        ("specs", ">/dev/full", "No space left on device"),
        ("--version", ">/dev/full", "No space left on device"),
        ("specs", ">&-", "Bad file descriptor"),
    ],
)
def test_a_stdout_that_takes_nothing_is_one_sentence(words: str, stream: str, why: str, tmp_path: Path) -> None:
    done = _shell(f"archdsl {words} {stream}", tmp_path)
    assert (done.returncode, done.stderr) == (3, f"error: cannot write to stdout: {why}\n")


@ONLY_LINUX
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("archdsl --version <&- 2>&-", 0),
        pytest.param("archdsl check nothing.yaml 2>&-", 2, marks=pytest.mark.slow),
        ("archdsl check nothing.yaml 2>/dev/full", 3),
        pytest.param("archdsl specs >/dev/full 2>&1", 3, marks=pytest.mark.slow),
        ("archdsl --version >&- 2>&- <&-", 3),
        pytest.param("archdsl schema | true", 0, marks=pytest.mark.slow),
        ("archdsl schema | head -1 | cut -c 1", 0),
    ],
)
def test_closed_and_full_streams_end_without_a_traceback(command: str, code: int, tmp_path: Path) -> None:
    done = _shell(command, tmp_path)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize(
    ("error", "code", "start"),
    [
        (MemoryError(), 3, "error: out of memory\n"),
        (RecursionError("deep"), 1, "error: the input is nested too deeply\n"),
        (OSError(28, "No space left on device", "a\n\x1bb"), 3, "error: a\\n\\x1bb: No space left on device\n"),
        (
            ZeroDivisionError("by\n\x1bnothing"),
            70,
            "error: this is a bug in archdsl: ZeroDivisionError: by\\n\\x1bnothing",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_ends_a_command_has_a_sentence_and_a_code(
    error: BaseException,
    code: int,
    start: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def broken(prog_name: str) -> None:
        raise error

    monkeypatch.setattr(program, "app", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        program.main()
    said = capsys.readouterr().err
    assert ended.value.code == code
    assert said.startswith(start)
    assert "Traceback" not in said
    files = list(tmp_path.iterdir())
    assert len(files) == (code == 70)
    if files:
        assert str(files[0]) in said
        assert 'Issues = "https://github.com/archdsl/archdsl/issues"' in PROJECT.read_text(encoding="utf-8")
        assert "https://github.com/archdsl/archdsl/issues" in said
        text = files[0].read_text(encoding="utf-8")
        assert "Traceback (most recent call last)" in text
        assert "in broken" in text
        assert "\x1b" not in text


@ONLY_LINUX
@pytest.mark.parametrize("escapes", [ESCAPES[:2], pytest.param(ESCAPES[2:], marks=pytest.mark.slow)], ids=len)
def test_no_text_of_a_spec_reaches_the_terminal_raw(escapes: Sequence[str], tmp_path: Path) -> None:
    """The first text is OSC 52, with which `show` once wrote to the clipboard."""
    forms = ["check", "lint", "show", "show --csv", "show --markdown", "show --json", "expand", "eject"]
    forms += ["plot --format dot", "plot --format mermaid", "plot --list"]
    commands = {}
    for number, text in enumerate(escapes):
        (tmp_path / f"doc{number}.yaml").write_text(SPEC.format(text=text), encoding="utf-8")
        (tmp_path / f"wrong{number}.yaml").write_text(SPEC.format(text="") + f'  - "{text}"\n', encoding="utf-8")
        for form in forms:
            commands[f"{form}, doc {number}"] = [form.split()[0], f"doc{number}.yaml", *form.split()[1:]]
        for form in ("text", "json", "github"):
            commands[f"check as {form}, op {number}"] = ["check", f"wrong{number}.yaml", "--format", form]
        bare = json.loads(f'"{text}"')
        commands[f"a spec {number}"] = ["show", bare]
        commands[f"a command {number}"] = [bare]
        commands[f"an option {number}"] = ["show", "vgg", "--set", bare]
    ended = run_commands(commands, tmp_path, WARM)
    unsaid = ["exit code 1 without a message"]  # on stderr: JSON and annotations are on stdout
    faults = {name: found for name, end in ended.items() if (found := end.faults(5)) not in ([], unsaid)}
    assert not faults
    assert len(ended) == 17 * len(escapes)
    for number in range(len(escapes)):
        json.loads(ended[f"show --json, doc {number}"].out)
        ast.parse(ended[f"eject, doc {number}"].out)
        (tmp_path / "again.yaml").write_bytes(ended[f"expand, doc {number}"].out)
        assert archdsl.load(tmp_path / "again.yaml").doc == archdsl.load(tmp_path / f"doc{number}.yaml").doc
        for form in ("text", "github"):
            lines = ended[f"check as {form}, op {number}"].text.splitlines()
            assert not [line for line in lines[1:] if line.startswith(("::", "x.yaml: ok"))]


def test_a_path_forges_no_line(tmp_path: Path) -> None:
    name = "a: ok\n::error::b\u202e.yaml"
    (tmp_path / name).write_text(SPEC.format(text=""), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "check", name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "a: ok\\n::error::b\\u202e.yaml: ok: Net, 772 parameters\n"


def test_a_message_fits_a_screen() -> None:
    span = Span("f" * 5000, 1, 2000, 3000, "t" * 100_000)
    error = ArchError(Problem("ARCH005", "m\n" * 5000, span, ("fact " * 1000,) * 500, ("in A",) * 500, "h" * 5000))
    assert all(len(line) <= 2 * LONGEST + 100 for line in str(error).splitlines())
    assert len(str(error).splitlines()) < 40
    assert len(error.problems[0].annotation()) < 60_000
    flood = str(ArchError(*(Problem("ARCH005", f"no {i}") for i in range(1200)))).splitlines()
    assert (len(flood), flood[-1]) == (51, "... and at least 1,150 more")


@pytest.mark.parametrize("cell", ["=1+1", "+a", "-a", "@a", "\tx", "\r=x"])
def test_a_text_in_csv_is_no_formula(cell: str) -> None:
    assert csv_cell(cell) == in_line(f"'{cell}")


@pytest.mark.parametrize("cell", ["-1.5", "+2", -3, 0.5, "a=b", ""])
def test_numbers_and_plain_texts_stay_in_csv(cell: object) -> None:
    assert csv_cell(cell) == cell


def test_texts_become_visible_and_tables_keep_their_rows() -> None:
    assert printable("a\nb\x1b\x9b\x7f\t\r\u202e\u2028\ufeff\udcff") == (
        "a\nb\\x1b\\x9b\\x7f\\t\\r\\u202e\\u2028\\ufeff\\udcff"
    )
    assert columns([["a\nb\t", "1"], ["c", "2"]]) == "a\\nb\\t  1\nc       2\n"
    assert in_line("x" * 2000, 101) == f"{'x' * 48} ... {'x' * 48}"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("words", [["lint", "net.yaml"], ["check", "net.yaml"], ["check", "nowhere.yaml"]])
def test_colors_reach_a_terminal_and_nothing_else_does(words: Sequence[str], tmp_path: Path) -> None:
    import pty

    (tmp_path / "net.yaml").write_text(
        'archdsl: 1\nname: Net\ninput: [8, 8, 3]\ndoc: "\\e[2J"\nmodel: [relu, relu]\n', encoding="utf-8"
    )
    own, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    command = [sys.executable, "-m", "archdsl", *words]
    subprocess.run(
        command, cwd=tmp_path, env=environment, stdin=terminal, stdout=terminal, stderr=terminal, check=False
    )
    os.close(terminal)
    text = os.read(own, 100_000).decode()
    os.close(own)
    assert re.search(r"\x1b\[1;3[13]m(error|warning)\[ARCH\d+\]\x1b\[0m", text)
    assert r"\x1b" not in text
    assert re.sub(r"\x1b\[[\d;]*m", "", text).replace("\r\n", "").isprintable()
