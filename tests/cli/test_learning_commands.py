"""`archdsl train` and `archdsl evaluate`: output, refused options, and dry runs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

keras = pytest.importorskip("keras")

from archdsl.cli import main  # noqa: E402
from archdsl.training import report  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

TEXT = """\
archdsl: 1
name: Tiny
input: [8, 8, 1]
model: [flatten, dense: {units: 16, activation: relu}, dense: {units: 10, activation: softmax}]
data: {source: digits, batch_size: 64}
train:
  epochs: 2
  optimizer: {sgd: {learning_rate: {one_cycle: {rate: 0.1}}, momentum: 0.9}}
  test_time: {flip: false, shift: 1}
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs `archdsl` in this process, in a folder with a spec: the exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "write", lambda *_: [])
    Path("tiny.yaml").write_text(TEXT)

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0), *capsys.readouterr()

    return command


def timeless(text: str) -> str:
    """Remove times, accuracies and losses, which differ between machines."""
    text = re.sub(r"\d[\d.,e+]* (?=examples/s|ms|s\b|min|h\b)", "N ", text)
    return re.sub(r"\d+\.\d\d(?= ?%)|(?<=first loss  )\S+|\d+(?= of \d+\))", "N", text)


def test_a_dry_run_tells_what_a_training_would_do_and_writes_nothing(run: Any, golden: Any, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run("train", "tiny.yaml", "--dry-run")
    assert (code, err) == (0, "")
    golden("train/dry_run.txt", timeless(out))
    found = json.loads(run("train", "tiny.yaml", "--dry-run", "--json", "--out", "here", "--epochs", "3")[1])
    assert (found["out"], found["epochs"], found["steps"], found["parameters"]) == ("here", 3, 21, 1210)
    assert (found["learning_rate"]["first"], found["images"]["train"]) == (pytest.approx(0.004), 1293)
    assert found["learning_rate"]["largest"] == pytest.approx(0.1, rel=0.02)
    assert found["step_seconds"] > 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_training_is_told_on_stderr_and_its_end_on_stdout(run: Any, golden: Any) -> None:
    code, out, err = run("train", "tiny.yaml")
    assert code == 0
    first, second, *written = err.splitlines()
    assert (first[:9], second[:9]) == ("epoch 1/2", "epoch 2/2")
    golden("train/written.txt", "\n".join(written) + "\n")
    golden("train/trained.txt", timeless(out))
    assert run("evaluate", "runs/tiny-1")[1] == out
    assert json.loads(Path("runs/tiny-1/run.json").read_text())["command"] == "archdsl train tiny.yaml"
    assert json.loads(run("evaluate", "runs/tiny-1", "--json", "--limit", "50")[1])["images"] == 50
    golden("train/finished.txt", timeless(run("train", "--resume", "runs/tiny-1")[2]))


def test_what_the_commands_refuse(run: Any, golden: Any) -> None:
    told = []
    for words in (
        ["train"],
        ["train", "tiny.yaml", "--resume", "runs/1"],
        ["train", "--resume", "runs/1", "--seed", "3"],
        ["train", "--resume", "runs/1"],
        ["train", "tiny.yaml", "--log", "tensorbord"],
        ["train", "tiny.yaml", "--dry-run", "--out", "."],
        ["evaluate", "runs/1"],
    ):
        code, out, err = run(*words)
        assert (code in (2, 3), out) == (True, ""), words
        told.append(f"$ archdsl {' '.join(words)}\n{err}")
    golden("train/refused.txt", "\n".join(told))
