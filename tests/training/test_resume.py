"""Trainings that are cut: what their folders hold, and that going on gives what an uncut one gives, to the bit."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import archdsl  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.runs.folder import read_result  # noqa: E402
from archdsl.training import checkpoints, fit, report  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

OLDER = Path(__file__).parents[1] / "data/version_0_1_0/runs/cut_run"
"""A run that an earlier version interrupted, with its checkpoint of two epochs."""

TEXT = """\
archdsl: 1
name: Tiny
input: [8, 8, 1]
model:
  - conv: {filters: 4, kernel: 3, norm: batch}
  - dropout: {rate: 0.4}
  - flatten
  - dense: {units: 10, activation: softmax}
data: {source: digits, batch_size: 64, standardize: true, limit: 500, augment: {shift: 0.1, flip: horizontal}}
train:
  epochs: 4
  optimizer: {adam: {learning_rate: {cosine: {rate: 0.01}}, use_ema: true, ema_momentum: 0.9}}
  early_stopping: {patience: 3}
  lookahead: {every: 2, share: 0.5}
  deterministic: true
"""


class Press(keras.callbacks.Callback):
    """Presses Ctrl-C at a moment of an epoch, counted from 0."""

    def __init__(self, epoch: int, moment: str) -> None:
        super().__init__()
        self.epoch, self.moment, self.now = epoch, moment, -1

    def _at(self, moment: str) -> None:
        if (self.now, moment) == (self.epoch, self.moment):
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.now = epoch
        self._at("beginning")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 3:
            self._at("step")

    def on_test_begin(self, logs: Any = None) -> None:
        self._at("validation")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._at("end")


def cut(out: Path, epoch: int, moment: str, text: str = TEXT) -> ArchError:
    """A run that was interrupted, and what it said."""
    with pytest.raises(ArchError) as caught:
        fit.train(archdsl.loads(text), out, callbacks=[Press(epoch, moment)])
    return caught.value


def weights(run: Path) -> list[Any]:
    """Those of the run's network; files of Keras do not hold the states of seed generators."""
    variables = archdsl.load_model(run / "model.keras").variables
    found = [np.array(variable) for variable in variables if "seed" not in variable.path]
    assert len(found) == 8
    return found


def assert_same(run: Path, other: Path) -> None:
    """Holds two runs to one another: the weights to the bit, the log but for its seconds, the results."""
    for one, two in zip(weights(run), weights(other), strict=True):
        assert one.tobytes() == two.tobytes()
    logs = [[json.loads(line) for line in (each / "log.jsonl").read_text().splitlines()] for each in (run, other)]
    assert [row | {"seconds": 0} for row in logs[0]] == [row | {"seconds": 0} for row in logs[1]]
    found = [read_result(each) for each in (run, other)]
    known = ("status", "epochs_run", "best_epoch", "test_accuracy", "test_loss", "validation_accuracy")
    assert [getattr(found[0], name) for name in known] == [getattr(found[1], name) for name in known]
    assert not (run / checkpoints.FOLDER).exists()


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures and the card have tests of their own, and take longer than these trainings."""
    monkeypatch.setattr(report, "write", lambda *_: [])


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uncut") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "write", lambda *_: [])
        fit.train(archdsl.loads(TEXT), folder)
    return folder


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_to_the_bit(uncut: Path, tmp_path: Path) -> None:
    fit.train(archdsl.loads(TEXT), tmp_path / "again")
    assert_same(tmp_path / "again", uncut)


CUTS = [
    (2, "validation"),
    *(pytest.param(epoch, at, marks=pytest.mark.slow) for epoch, at in ((0, "step"), (1, "beginning"), (3, "end"))),
]


@pytest.mark.parametrize(("epoch", "moment"), CUTS)
def test_going_on_gives_what_an_uncut_run_gives(epoch: int, moment: str, uncut: Path, tmp_path: Path) -> None:
    error = cut(tmp_path / "run", epoch, moment)
    assert f"resume with `archdsl train --resume {tmp_path / 'run'}`" in str(error)
    assert read_result(tmp_path / "run").status == "interrupted"
    keras.utils.set_random_seed(99)  # what else this process has drawn must not matter
    archdsl.resume(tmp_path / "run")
    assert_same(tmp_path / "run", uncut)


def test_a_run_that_was_cut_while_it_was_tested_goes_on_there(
    uncut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("archdsl.training.evaluation.test_outputs", press)
        with pytest.raises(ArchError, match="interrupted after the last epoch"):
            fit.train(archdsl.loads(TEXT), tmp_path / "run")
    monkeypatch.setattr(keras.Model, "fit", press)
    archdsl.resume(tmp_path / "run")
    assert_same(tmp_path / "run", uncut)


def refused(code: str, run: Path, **options: Any) -> str:
    with pytest.raises(ArchError) as caught:
        archdsl.resume(run, **options)
    assert [problem.code for problem in caught.value.problems] == [code]
    return str(caught.value)


def test_what_cannot_go_on_says_why(uncut: Path, tmp_path: Path) -> None:
    assert "is finished (test accuracy: " in refused("ARCH204", uncut)
    run = tmp_path / "run"
    cut(run, 1, "step")
    kept = (run / "checkpoint" / "state.npz").read_bytes()
    assert "learning rate schedule depends on that" in refused("ARCH203", run, epochs=9)
    assert "this run has already completed 1 epoch" in refused("ARCH203", run, epochs=1)
    (run / "spec.yaml").write_text(TEXT.replace("filters: 4", "filters: 5"))
    assert "spec.yaml has changed since the run started" in refused("ARCH204", run)
    (run / "spec.yaml").write_text(TEXT)
    replace(read_result(run), limit=400).write(run)
    assert "the data has changed since the run started" in refused("ARCH204", run)
    replace(read_result(run), limit=None, own=["loss"]).write(run)
    assert "was trained with a custom loss" in refused("ARCH204", run)
    replace(read_result(run), own=[]).write(run)
    for broken in (b"", b"PK", kept[:3000], kept[:-200]):
        (run / "checkpoint" / "state.npz").write_bytes(broken)
        assert "state.npz is invalid" in refused("ARCH204", run)


@pytest.mark.slow
def test_more_epochs_where_nothing_depends_on_their_number(tmp_path: Path) -> None:
    text = TEXT.replace("{cosine: {rate: 0.01}}", "0.01").replace("share: 0.5", "share: 0.5, grow: none")
    cut(tmp_path / "run", 1, "step", text)
    assert archdsl.resume(tmp_path / "run", epochs=5).epochs_run == 5
    fit.train(archdsl.loads(text), tmp_path / "whole", epochs=5)
    assert_same(tmp_path / "run", tmp_path / "whole")


@pytest.mark.slow
def test_early_stopping_remembers_how_long_it_has_waited(tmp_path: Path) -> None:
    text = TEXT.replace("{patience: 3}", "{patience: 2, min_delta: 100.0}")
    assert fit.train(archdsl.loads(text), tmp_path / "whole").epochs_run == 3
    cut(tmp_path / "run", 2, "step", text)
    archdsl.resume(tmp_path / "run")
    assert_same(tmp_path / "run", tmp_path / "whole")


def test_a_checkpoint_keeps_every_kind_of_number(tmp_path: Path) -> None:
    import ml_dtypes

    values = [np.arange(6, dtype=kind).reshape(2, 3) for kind in ("float32", "int64", "uint32", "float16", "float64")]
    values += [np.array(1.5, ml_dtypes.bfloat16), np.array(7), np.empty((0, 2), np.float32)]
    notes = checkpoints.Notes(
        checkpoints.Fingerprint(1, 2, 3, 4),
        1.5,
        False,
        checkpoints.KeptEpoch(1, None, 0.5),
        checkpoints.Waiting(None, 0),
    )
    rows = [{"epoch": 1, "loss": float("nan")}]
    checkpoints.save(
        tmp_path, checkpoints.TrainingState(1, rows, notes, {"model": values, "optimizer": [], "slow": []})
    )
    found = checkpoints.load(tmp_path)
    assert (found.epoch, found.notes, found.arrays["slow"]) == (1, notes, [])
    assert str(found.rows) == str(rows)
    for one, two in zip(found.arrays["model"], values, strict=True):
        assert (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes())


WRONG_HEADERS: dict[str, tuple[Any, str]] = {
    "epoch": (10**9, "`epoch`: expected at most 100,000, got `1000000000`"),
    "epoch too few": (1, "`rows`: expected 1, as `epoch` says, got 2"),
    "notes.fingerprint": (None, "`notes.fingerprint` is missing"),
    "notes.fingerprint.spec": (None, "`notes.fingerprint.spec` is missing"),
    "notes.seconds": ("1.5", '`notes.seconds`: expected a number, got `"1.5"`'),
    "notes.stopped": (0, "`notes.stopped`: expected a boolean, got `0`"),
    "notes.kept.epoch": (3, "`notes.kept.epoch`: expected an epoch from 1 to 2, got `3`"),
    "notes.early.waited": (-1, "`notes.early.waited`: expected at least 0, got `-1`"),
    "rows": ([{"epoch": "1"}, {"epoch": 2}], '`rows[0].epoch`: expected a number, got `"1"`'),
    "rows renumbered": ([{"epoch": 2}, {"epoch": 1}], "`rows[0].epoch`: expected 1, got `2`"),
    "counts": ({"model": 9}, "`counts` lacks `optimizer`"),
    "counts.model": (10, "there is no 'model.9.npy' in the archive"),
    "types": ({"model.0": "finfo"}, "`types.model.0`: unknown value `finfo`"),
}


def with_header(run: Path, change: Callable[[Any], None], **arrays: Any) -> None:
    """Changes the header of a run's checkpoint, or its arrays."""
    path = run / checkpoints.FOLDER / checkpoints.FILE
    with np.load(path) as file:
        members = {**file, **arrays}
    header = json.loads(members["header"].tobytes())
    change(header)
    np.savez(path, **members | {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)})


@pytest.mark.parametrize("name", WRONG_HEADERS)
def test_a_wrong_value_of_a_checkpoint_is_named(name: str, tmp_path: Path) -> None:
    run = Path(shutil.copytree(OLDER, tmp_path / "run"))
    value, message = WRONG_HEADERS[name]
    *places, last = name.partition(" ")[0].split(".")

    def change(header: Any) -> None:
        for place in places:
            header = header[place]
        header[last] = value
        if value is None:
            del header[last]

    with_header(run, change)
    with pytest.raises(ArchError, match=r"ARCH204.*state.npz is invalid") as caught:
        checkpoints.load(run)
    assert message in str(caught.value)
    assert "remove its folder `checkpoint`" in str(caught.value)


def test_the_size_that_an_array_declares_is_held_to_its_bytes(tmp_path: Path) -> None:
    run = Path(shutil.copytree(OLDER, tmp_path / "run"))
    path = run / checkpoints.FOLDER / checkpoints.FILE
    kept = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    large = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000,), }".ljust(
        117
    )
    for change, method in (
        ({"model.0.npy": large + b"\n"}, zipfile.ZIP_STORED),
        ({"model.0.npy": b"none"}, zipfile.ZIP_STORED),
        ({}, zipfile.ZIP_DEFLATED),
    ):
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in (members | change).items():
                archive.writestr(name, content)
        with pytest.raises(ArchError, match=r"ARCH204.*state.npz is invalid"):
            checkpoints.load(run)
    path.write_bytes(kept)
    assert checkpoints.load(run)
    path.unlink()
    path.mkdir()
    with pytest.raises(ArchError, match=r"ARCH204.*state.npz is invalid: it is not a file"):
        checkpoints.load(run)


def test_a_checkpoint_that_is_not_of_its_run_is_refused(tmp_path: Path) -> None:
    def without(*names: str) -> Callable[[Any], None]:
        return lambda header: [header["counts"].pop(name, None) for name in names]

    run = Path(shutil.copytree(OLDER, tmp_path / "run"))
    with_header(run, lambda header: header["notes"]["fingerprint"].update(spec=1))
    assert "spec.yaml has changed since the run started" in refused("ARCH204", run)
    for number, (change, message) in enumerate(
        (
            (without("slow"), "the checkpoint does not match this network"),
            (lambda header: header["counts"].update(kept=3), "the checkpoint does not match this network"),
            (lambda header: header["notes"].update(early=None), "`notes.early`: expected a mapping"),
        )
    ):
        run = Path(shutil.copytree(OLDER, tmp_path / f"run-{number}"))
        with_header(run, change, **{f"kept.{i}": np.zeros(2) for i in range(3)})
        assert message in refused("ARCH204", run)
    replace(read_result(run), epochs=1, epochs_run=1, best_epoch=1).write(run)
    assert "its checkpoint has 2 epochs, but run.json says 1" in refused("ARCH204", run)


def process(run: Path, *words: str) -> subprocess.Popen[str]:
    """A training in a process of its own, which hears Ctrl-C even where these tests run in the background."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); import archdsl.cli as cli; "
    command = [sys.executable, "-c", f"{code}sys.argv[0] = 'archdsl'; cli.main()", "train", *words]
    return subprocess.Popen(command, cwd=run.parent, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, text: str) -> None:
    end = time.monotonic() + 120
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < end, f"{path} did not come to {text}"
        time.sleep(0.01)


LONG = TEXT.replace("epochs: 4", "epochs: 40").replace("patience: 3", "patience: 100")


@pytest.mark.slow
def test_ctrl_c_and_sigterm_leave_a_run_that_says_how_to_go_on(tmp_path: Path) -> None:
    spec, run = tmp_path / "tiny.yaml", tmp_path / "run"
    spec.write_text(LONG)
    assert process(run, "tiny.yaml", "--out", "whole").wait(timeout=120) == 0
    going = process(run, "tiny.yaml", "--out", "run")
    for number, reached in ((signal.SIGINT, '"epoch": 9,'), (signal.SIGTERM, '"epoch": 20,')):
        wait_for(run / "log.jsonl", reached)
        going.send_signal(number)
        _, told = going.communicate(timeout=60)
        assert going.returncode == 4
        assert "error[ARCH401]: interrupted in epoch " in told
        assert "resume with `archdsl train --resume run`" in told
        assert "Traceback" not in told
        assert read_result(run).status == "interrupted"
        assert archdsl.load_model(run / "model.keras")
        going = process(run, "--resume", "run")
    assert going.wait(timeout=120) == 0
    assert_same(run, tmp_path / "whole")


@pytest.mark.slow
def test_runs_that_are_killed_at_any_moment_go_on(tmp_path: Path) -> None:
    spec, run = tmp_path / "tiny.yaml", tmp_path / "run"
    spec.write_text(LONG)
    assert process(run, "tiny.yaml", "--out", "whole").wait(timeout=120) == 0
    chances, reached = random.Random(0), 1
    going = process(run, "tiny.yaml", "--out", "run")
    for _ in range(5):
        wait_for(run / "log.jsonl", f'"epoch": {reached},')
        time.sleep(chances.uniform(0, 0.6))
        going.kill()
        going.communicate()
        state = checkpoints.load(run)
        assert read_result(run).status == "running"
        reached = (state.epoch if state else 0) + 2
        going = process(run, "--resume", "run")
    told = going.communicate(timeout=120)[1]
    assert going.returncode == 0, told
    assert_same(run, tmp_path / "whole")
