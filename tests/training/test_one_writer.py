"""One process writes into a run's folder; a damaged checkpoint and a full disk lose nothing that can be resumed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("keras")

import archdsl
from archdsl import files
from archdsl.errors import ArchError
from archdsl.runs import lock
from archdsl.runs.folder import read_result
from archdsl.training import checkpoints, fit, report

pytestmark = pytest.mark.tensorflow

TEXT = """\
archdsl: 1
name: Tiny
input: [8, 8, 1]
model: [flatten, {dense: {units: 10, activation: softmax}}]
data: {source: digits, batch_size: 64, limit: 100}
train: {epochs: 3, deterministic: true}
"""


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "write", lambda *_: [])


def refused(code: str, act: Any) -> str:
    with pytest.raises(ArchError) as caught:
        act()
    assert [problem.code for problem in caught.value.problems] == [code]
    return str(caught.value)


def test_a_folder_that_is_in_use_is_refused_and_says_by_whom(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with lock.new_run(run):
        told = refused("ARCH202", lambda: fit.train(archdsl.loads(TEXT), run))
        assert f"{run} is in use by process {os.getpid()} on " in told
        assert " since 2" in told
        with pytest.raises(ArchError, match="is in use"), lock.known_run(run):
            pass
        assert sorted(path.name for path in run.iterdir()) == [".lock"]
    assert not run.exists()


def test_what_a_killed_process_left_before_its_run_began_is_used_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in (".lock", "spec.yaml", ".spec.12345678.partial.yaml"):
        (run / name).write_text("left")
    assert fit.train(archdsl.loads(TEXT), run).status == "finished"
    assert not [path.name for path in run.rglob(".*")]


def test_a_spec_of_the_user_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("mine")
    assert "is not empty" in refused("ARCH202", lambda: fit.train(archdsl.loads(TEXT), tmp_path))
    assert (tmp_path / "spec.yaml").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spec.yaml"]


def test_a_killed_run_says_how_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("")
    (tmp_path / "run.json").write_text("{}")
    assert f"`archdsl train --resume {tmp_path}`" in refused(
        "ARCH202", lambda: fit.train(archdsl.loads(TEXT), tmp_path)
    )


class FullDisk:
    """Lets so many files be written whole, and none after them."""

    def __init__(self, patch: pytest.MonkeyPatch, number: int) -> None:
        self.left, self.replace = number, os.replace
        patch.setattr(files.os, "replace", self)

    def __call__(self, *words: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.replace(*words)


@pytest.mark.parametrize("number", [8, *(pytest.param(number, marks=pytest.mark.slow) for number in (4, 11))])
def test_a_full_disk_is_one_message_and_the_run_goes_on(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    spec = archdsl.loads(TEXT)
    fit.train(spec, tmp_path / "whole")
    run = tmp_path / "run"
    recwarn.clear()
    with monkeypatch.context() as patch:
        FullDisk(patch, number)
        told = refused("ARCH304", lambda: fit.train(spec, run))
    assert "No space left on device" in told
    assert f"then run `archdsl train --resume {run}`" in told
    assert not [str(each.message) for each in recwarn if "could not be saved" in str(each.message)]
    archdsl.resume(run)
    assert read_result(run).status == "finished"
    assert read_result(run).test_loss == read_result(tmp_path / "whole").test_loss


def test_the_checkpoint_before_is_used_when_the_newest_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = archdsl.loads(TEXT)
    fit.train(spec, tmp_path / "whole")
    run = tmp_path / "run"

    def press(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("archdsl.training.evaluation.test_outputs", press)
        refused("ARCH401", lambda: fit.train(spec, run))
    newest = run / checkpoints.FOLDER / checkpoints.FILE
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="is damaged: resuming from epoch 2"):
        archdsl.resume(run)
    assert read_result(run).test_loss == read_result(tmp_path / "whole").test_loss
    assert not (run / checkpoints.FOLDER).exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 4, 8])
def test_of_trainings_that_start_at_once_one_trains(number: int, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TEXT.replace("epochs: 3", "epochs: 9000"))
    command = [sys.executable, "-m", "archdsl", "train", "tiny.yaml", "--out", "run"]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    going = [
        subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    end = time.monotonic() + 300
    while len(left := [each for each in going if each.poll() is None]) > 1 and time.monotonic() < end:
        time.sleep(0.1)
    for each in left:
        each.terminate()
    told = {each.pid: each.communicate(timeout=100)[1] for each in going}
    assert sorted(each.returncode for each in going) == [2] * (number - 1) + [4], told
    holder = left[0].pid
    for each in going:
        assert "Traceback" not in told[each.pid]
        if each.returncode == 2:
            assert f"error[ARCH202]: run is in use by process {holder} on " in told[each.pid]
    assert read_result(tmp_path / "run").status == "interrupted"
    assert not (tmp_path / "run" / ".lock").exists()
