"""CONTRIBUTING.md lists the rooms that there are, and each example of an addition works where it says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from documents import ROOT, Block, blocks
from house import ORDER, PACKAGE
from typer.testing import CliRunner

from archdsl import loads, resolve
from archdsl.data.images import RequestedFormat
from archdsl.linting.rule import Network
from archdsl.linting.rules import RULES
from archdsl.ops import OPS
from archdsl.recipe import DATA_SOURCES, Data
from archdsl.reports.columns import DEFAULT
from archdsl.reports.summary import View
from archdsl.runs.trackers import Tracker

PATH = ROOT / "CONTRIBUTING.md"
TEXT = PATH.read_text(encoding="utf-8")
NETWORK = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\nmodel: [conv: {filters: 4, kernel: 3}, global_average_pool, relu]\n"


def example(title: str) -> Block:
    """The example of a section."""
    start = TEXT.index(f"\n## {title}\n")
    return next(block for block in blocks(TEXT) if block.language == "python" and block.start > start)


def made(title: str, module: str) -> dict[str, Any]:
    """What an example makes at the end of a module."""
    names = dict(vars(import_module(module)))
    exec(example(title).text, names)  # noqa: S102 - our own
    return names


def test_it_recites_the_rooms_that_there_are() -> None:
    (rooms,) = [block.text for block in blocks(TEXT) if block.language == "text"]
    there = {path.stem for path in PACKAGE.glob("*") if path.stem.isidentifier()}
    assert re.findall(r"^(\w+) +\S", rooms, re.MULTILINE) == [room for room in ORDER if room in there - {"__main__"}]


@pytest.mark.generated
def test_the_op_is_a_real_one(golden_document: Callable[[Path, str], None]) -> None:
    block = example("Add an op")
    source = inspect.getsource(OPS["gaussian_noise"])
    golden_document(PATH, TEXT[: block.start] + source + TEXT[block.start + len(block.text) :])


def test_the_lint_rule_finds_what_it_says() -> None:
    rule = made("Add a lint rule", "archdsl.linting.rules.windows")["EvenKernel"]()
    assert rule.code not in {other.code for other in RULES}
    wrong, right = (loads(text) for text in (rule.wrong, rule.right))
    (occurrence,) = rule.check(Network(wrong, resolve(wrong)))
    assert occurrence.message == "the 4x4 kernel is even"
    assert list(rule.check(Network(right, resolve(right)))) == []
    assert rule.page.count("## ") == 3


def test_the_data_source_reads() -> None:
    source = made("Add a data source", "archdsl.data.sources.digits")["SOURCE"]
    found = source.read(Data(source="digits"), None, RequestedFormat(None, None, None, None))
    assert (len(found.train), found.test, found.columns["label"].classes) == (100, None, ("even", "odd"))
    (line,) = re.findall(r'`"noise": (DataSource\(.*\))`', TEXT)
    assert type(DATA_SOURCES["digits"])(*re.findall(r'"(.*)"', line)).title == "noise in two classes"


def test_the_tracker_logs(tmp_path: Path) -> None:
    kind = made("Add a tracker", "archdsl.runs.trackers")["Lines"]
    assert issubclass(kind, Tracker)
    kind(tmp_path, None).log(3, {"validation_accuracy": 0.5})
    assert (tmp_path / "lines.txt").read_text(encoding="utf-8") == "3: 50.00%\n"


def test_the_report_is_written() -> None:
    to_latex = made("Add a report format", "archdsl.reports.formats")["to_latex"]
    lines = to_latex(resolve(loads(NETWORK)), View(DEFAULT), 2).splitlines()
    assert len(lines) >= 3
    assert all(line.endswith(r" \\") and line.count(" & ") == len(DEFAULT) for line in lines)


def test_the_command_runs(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NETWORK, encoding="utf-8")
    program = typer.Typer()
    program.command()(made("Add a command", "archdsl.cli.network")["COMMANDS"]["depth"])
    for words, printed in (((), "Net: 3 ops\n"), (("--json",), '{\n  "ops": 3\n}\n')):
        done = CliRunner().invoke(program, [str(tmp_path / "net.yaml"), *words])
        assert (done.exit_code, done.output) == (0, printed)
