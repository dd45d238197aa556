"""The commands: exit codes, stdout and stderr, and the content of `--json`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import Run
from typer.testing import CliRunner

import archdsl
from archdsl.cli import main
from archdsl.cli.shared import COLORS
from archdsl.files import next_free
from archdsl.ops import OPS
from archdsl.text import colored, columns
from archdsl.zoo import names

NETWORK = "funny_resnet_notebook"
SMALL = "archdsl: 1\nname: Net\ninput: [8, 8, 1]\nargs: {units: 10}\nmodel: [flatten, dense: {units: $units}]\n"
WRONG = SMALL.replace("flatten", "flaten")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs `archdsl` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> Run:
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        code = caught.value.code
        return Run(code if isinstance(code, int) else 0, captured.out, captured.err)

    return command


@pytest.fixture
def small(tmp_path: Path) -> str:
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    return "small.yaml"


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    (tmp_path / "wrong.yaml").write_text(WRONG, encoding="utf-8")
    return "wrong.yaml"


def process(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "archdsl", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


class TestCheck:
    def test_good(self, run: Any, small: str) -> None:
        done = run("check", small, "digits_resnet")
        assert done.code == 0
        assert done.out.splitlines()[0] == "small.yaml: ok: Net, 650 parameters"
        assert done.out.splitlines()[1].startswith("digits_resnet: ok: DigitsResNet, ")
        assert done.err == ""

    def test_a_warning_is_no_error(self, run: Any) -> None:
        done = run("check", NETWORK)
        assert (done.code, done.out) == (0, f"{NETWORK}: ok: FunnyResNet, 86,757,322 parameters\n")
        assert "warning[ARCH501]" in done.err

    def test_wrong(self, run: Any, wrong: str) -> None:
        done = run("check", wrong)
        assert done.code == 1
        assert done.out == ""
        assert done.err.startswith("wrong.yaml:5:9: error[ARCH014]")
        assert "did you mean `flatten`?" in done.err

    def test_every_spec_is_reported(self, run: Any, small: str, wrong: str) -> None:
        done = run("check", wrong, small, "missing.yaml")
        assert done.code == 2
        assert "small.yaml: ok" in done.out
        assert "ARCH014" in done.err
        assert "missing.yaml does not exist" in done.err

    def test_json(self, run: Any, small: str, wrong: str) -> None:
        done = run("check", small, wrong, "--json")
        assert done.code == 1
        assert done.err == ""
        good, bad = done.json()
        assert good == {"spec": small, "ok": True, "name": "Net", "parameters": 650, "warnings": []}
        assert (bad["spec"], bad["ok"], bad["problems"][0]["code"]) == (wrong, False, "ARCH014")
        assert bad["problems"][0]["place"] == {"file": wrong, "line": 5, "column": 9, "width": 6}

    @pytest.mark.parametrize("name", sorted(names()))
    def test_every_spec_of_the_zoo(self, run: Any, name: str) -> None:
        assert run("check", name).code == 0
        assert run("check", str(names()[name])).code == 0

    def test_a_missing_file(self, run: Any) -> None:
        done = run("check", "missing.yaml")
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("error[ARCH201]: missing.yaml does not exist")

    def test_an_unknown_name_gets_the_nearest(self, run: Any) -> None:
        done = run("check", "funny_resnet_notbook")
        assert done.code == 2
        assert f"did you mean `{NETWORK}`?" in done.err

    def test_a_folder(self, run: Any, tmp_path: Path) -> None:
        done = run("check", str(tmp_path))
        assert done.code == 2
        assert "is a folder" in done.err

    @pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
    def test_an_unreadable_file(self, run: Any, small: str) -> None:
        Path(small).chmod(0)
        assert run("check", small).code == 2

    def test_an_expectation_that_fails(self, run: Any, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(SMALL + "expect: {parameters: 651}\n", encoding="utf-8")
        done = run("check", "a.yaml")
        assert done.code == 1
        assert "a.yaml:6:22: error[ARCH026]: expected 651 parameters, got 650" in done.err


class TestSet:
    def test_lifts_the_expectation_and_says_so(self, run: Any) -> None:
        done = run("show", NETWORK, "--set", "width=64", "--set", "classes=5", "--json")
        assert done.code == 0
        assert "`expect`" in done.err
        assert done.json()["output"] == [5]
        assert done.json()["arguments"] == {"classes": 5, "width": 64}

    def test_without_an_expectation_nothing_is_said(self, run: Any, small: str) -> None:
        done = run("check", small, "--set", "units=3")
        assert (done.code, done.err) == (0, "")
        assert "195 parameters" in done.out

    @pytest.mark.parametrize(
        "word", ["units", "=3", "unit=3", "units=many", "units=2.5", "units=[", "units=!x 1", "units=", "units=true"]
    )
    def test_invalid_settings(self, run: Any, small: str, word: str) -> None:
        done = run("check", small, "--set", word)
        assert (done.code, done.out) == (2, "")
        assert "ARCH203" in done.err

    def test_a_value_out_of_range_is_reported_at_its_place(self, run: Any, small: str) -> None:
        done = run("check", small, "--set", "units=0")
        assert done.code == 1
        assert "small.yaml:5:33: error[ARCH008]" in done.err


class TestShow:
    def test_text(self, run: Any, small: str) -> None:
        done = run("show", small)
        assert (done.code, done.err) == (0, "")
        assert "650 parameters" in done.out

    def test_json(self, run: Any) -> None:
        data = run("show", NETWORK, "--json").json()
        assert set(data) == {
            "name", "arguments", "input", "output", "parameters", "trainable", "variables", "macs", "activations",
            "fvcore_macs", "fvcore_activations", "field", "batch", "precision", "weight_bytes", "peak_bytes",
            "kept_bytes", "layers",
        }  # fmt: skip
        assert (data["parameters"], data["trainable"], data["variables"]) == (86_757_322, 86_695_370, 566)
        assert (data["macs"], data["output"]) == (824_154_816, [10])
        assert all({"class", "path", "output", "parameters"} <= set(entry) for entry in data["layers"])
        layers = {entry["path"]: entry for entry in data["layers"]}
        assert layers["ResidualBlock_1/ResidualLayerScal_1"]["parameters"] == 229_696
        assert layers["ResidualBlock_1/ResidualLayer_2"]["class"] == "ResidualLayer"
        assert len(layers) == len(data["layers"])

    def test_depth(self, run: Any) -> None:
        lines = [len(run("show", NETWORK, "--depth", str(depth)).out.splitlines()) for depth in (1, 2, 3)]
        assert lines == sorted(set(lines))
        assert run("show", NETWORK, "--depth", "0").code == 2

    def test_its_table_fits_a_hundred_columns(self, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "100")
        table = run("show", NETWORK).out.partition("\n\n")[2]
        assert max(map(len, table.splitlines()[:-6])) == 100

    def test_formats(self, run: Any) -> None:
        asked = ("show", NETWORK, "--batch", "32", "--precision", "mixed_bfloat16")
        assert "347 MB of weights (mixed_bfloat16)" in run(*asked).out
        assert "| --- | --- | ---: | ---: |\n" in run(*asked, "--markdown", "--columns", "macs,peak_bytes").out
        lines = run(*asked, "--csv", "--depth", "1").out.splitlines()
        assert lines[0].startswith("path,class,output,parameters,trainable,macs,")
        assert all(line.count(",") == lines[0].count(",") for line in lines)
        data = run(*asked, "--json", "--depth", "1").json()
        assert (data["batch"], data["weight_bytes"]) == (32, 4 * 86_757_322)
        assert [entry["path"] for entry in data["layers"]] == [line.split(",")[0] for line in lines[1:]]

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--columns", "mac"], "did you mean `macs`"),
            (["--columns", "macs,macs"], "duplicate column"),
            (["--columns", "macs", "--json"], "`--columns` and `--json` cannot be combined"),
            (["--csv", "--json"], "cannot be combined"),
            (["--precision", "float8"], "unknown precision `float8`"),
            (["--batch", "0"], "batch size must be at least 1, got 0"),
        ],
    )
    def test_invalid_options_of_show(self, run: Any, words: list[str], told: str) -> None:
        done = run("show", NETWORK, *words)
        assert (done.code, done.out) == (2, "")
        assert told in done.err

    @pytest.mark.parametrize("command", ["show", "eject", "plot", "build", "train"])
    def test_a_wrong_spec_ends_every_command(self, run: Any, wrong: str, command: str, tmp_path: Path) -> None:
        done = run(command, wrong)
        assert (done.code, done.out) == (1, "")
        assert "ARCH014" in done.err
        assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


class TestFolders:
    def test_plot_writes_its_folder(self, run: Any, tmp_path: Path) -> None:
        done = run("plot", NETWORK, "--format", "dot", "--out", "drawn")
        assert (done.code, done.out) == (0, "")
        assert "drawn" in done.err
        assert {path.suffix for path in (tmp_path / "drawn").iterdir()} == {".dot"}

    def test_an_empty_folder_is_taken(self, run: Any, small: str, tmp_path: Path) -> None:
        (tmp_path / "drawn").mkdir()
        assert run("plot", small, "--format", "dot", "--out", "drawn").code == 0

    @pytest.mark.parametrize("command", ["build", pytest.param("train", marks=pytest.mark.tensorflow)])
    def test_a_folder_that_holds_something_is_refused(self, run: Any, small: str, command: str, tmp_path: Path) -> None:
        if command == "train":
            pytest.importorskip("keras")
            (tmp_path / "small.yaml").write_text(SMALL + "data: {source: digits}\ntrain: {epochs: 1}\n")
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine.txt").write_text("mine")
        done = run(command, small, "--out", "full")
        assert done.code == 2
        assert "ARCH202" in done.err
        assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]

    def test_a_file_in_place_of_the_folder(self, run: Any, small: str, tmp_path: Path) -> None:
        (tmp_path / "full").write_text("mine")
        assert run("plot", small, "--format", "dot", "--out", "full").code == 2
        assert (tmp_path / "full").read_text() == "mine"

    def test_a_place_that_cannot_be_written(self, run: Any, small: str) -> None:
        done = run("plot", small, "--format", "dot", "--out", "/proc/drawn")
        assert done.code == 3
        assert "ARCH304" in done.err
        done = run("eject", small, "--out", "/proc/drawn.py")
        assert done.code == 3

    def test_nothing_is_left_where_drawing_fails(self, run: Any, small: str, tmp_path: Path) -> None:
        done = run("plot", small, "--format", "dot", "--out", "drawn", "--view", "Nte")
        assert done.code == 2
        assert "did you mean `Net`?" in done.err
        assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]

    def test_eject_prints_or_writes(self, run: Any, small: str, tmp_path: Path) -> None:
        printed = run("eject", small)
        assert (printed.code, printed.err) == (0, "")
        compile(printed.out, "net.py", "exec")
        assert run("eject", small, "--out", "net.py").code == 0
        assert (tmp_path / "net.py").read_text() == printed.out
        assert run("eject", small, "--out", "net.py").code == 2
        assert run("eject", small, "--out", "no/net.py").code in (0, 3)


class TestLists:
    def test_specs(self, run: Any) -> None:
        assert {entry["spec"] for entry in run("specs", "--json").json()} == set(names())
        listed = run("specs").out
        assert all(name in listed for name in names())

    def test_ops(self, run: Any) -> None:
        assert set(run("ops", "--json").json()) == set(OPS)
        assert len(run("ops").out.splitlines()) == len(OPS)

    def test_from_another_folder(self, tmp_path: Path) -> None:
        done = process("specs", cwd=tmp_path)
        assert done.returncode == 0
        assert NETWORK in done.stdout
        assert done.stderr == ""


class TestUsage:
    @pytest.mark.parametrize(
        "words",
        [
            ["chek"],
            ["check"],
            ["show"],
            ["check", "a", "--jsn"],
            ["plot", "a", "--format", "gif"],
            ["train", "a", "--epochs", "0"],
        ],
    )
    def test_wrong(self, run: Any, words: list[str]) -> None:
        done = run(*words)
        assert (done.code, done.out) == (2, "")
        assert done.err

    def test_help_and_version(self, run: Any) -> None:
        assert run("--version").out.strip() == archdsl.__version__
        for command in ("check", "show", "build", "plot", "eject", "train", "evaluate", "specs", "ops"):
            assert run(command, "--help").code == 0
            assert command in run("--help").out
        assert all(option in run("check", option).out for option in ("-h", "--help"))


class TestTerminal:
    def test_colour_is_for_terminals(self, tmp_path: Path, wrong: str) -> None:
        done = process("check", wrong, cwd=tmp_path)
        assert done.returncode == 1
        assert "\x1b" not in done.stderr

    def test_no_color(self, run: Any, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert "\x1b[1;31merror[ARCH014]" in run("check", wrong).err
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in run("check", wrong).err

    def test_colour_changes_no_words(self) -> None:
        text = "a.yaml:1:1: error[ARCH005]: no\n    1 | a\n      | ^\n  help: do"
        bright = colored(text, COLORS)
        assert bright.count("\x1b[") == 6
        plain = bright
        for code in ("\x1b[1;31m", "\x1b[33m", "\x1b[32m", "\x1b[0m"):
            plain = plain.replace(code, "")
        assert plain == text

    def test_a_reader_that_leaves(self, tmp_path: Path) -> None:
        words = [sys.executable, "-m", "archdsl", "show", NETWORK, "--json"]
        child = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        told = child.stderr.read()
        child.stderr.close()
        assert "Traceback" not in told
        assert child.wait(timeout=30) in (0, 141)

    def test_a_narrow_encoding(self, tmp_path: Path) -> None:
        done = process("show", NETWORK, cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert "Traceback" not in done.stderr
        assert done.returncode == 0


def test_typers_runner_works_too() -> None:
    from archdsl.cli import app

    assert CliRunner().invoke(app, ["--version"]).output.strip() == archdsl.__version__


def test_columns() -> None:
    assert columns([("a", "1", "x"), ("bbb", "10", "")], right={1}) == "a     1  x\nbbb  10\n"
    assert columns([]) == "\n"


def test_the_next_folder_is_the_first_free_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = archdsl.loads(SMALL, "small.yaml")
    assert next_free("runs", spec.file_stem) == Path("runs/small-1")
    (tmp_path / "runs" / "small-1").mkdir(parents=True)
    assert next_free("runs", spec.file_stem) == Path("runs/small-2")
    assert archdsl.loads(SMALL).file_stem == "Net"
