"""Trainings on data sets that are larger than the memory that they may use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import archdsl  # noqa: E402
from archdsl.data.shards import write  # noqa: E402
from archdsl.data.sources.base import labeled_images  # noqa: E402
from archdsl.data.tables import Rows, Table  # noqa: E402
from archdsl.runs.folder import read_result  # noqa: E402

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

SIDE, COUNT, CLASSES = 64, 50_000, 4

GROWTH = 60_000_000
"""The most bytes by which memory may grow while examples are read: a tenth of the data set."""

SPEC = """\
archdsl: 1
name: Tiny
input: [{side}, {side}, 3]
model:
  - conv: {{filters: 4, kernel: 8, stride: 8, activation: relu}}
  - dropout: {{rate: 0.2}}
  - global_average_pool
  - dense: {{units: {classes}, activation: softmax}}
data:
  source: {{shards: {folder}}}
  batch_size: 64
  standardize: channel
  stream: {stream}
  augment: {{flip: horizontal}}
train: {{epochs: {epochs}, deterministic: true}}
"""

TRAINED = """\
import sys
from pathlib import Path
import keras
import archdsl

class Memory(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch % 25 == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            print(batch, pages * 4096, flush=True)

archdsl.train(archdsl.load(sys.argv[1]), Path(sys.argv[2]), callbacks=[Memory()])
"""


def made(folder: Path, count: int, side: int) -> Path:
    """Shards of noise whose brightness is the class; an image is a function of its row, so none is kept."""

    def images(rows: Rows) -> np.ndarray:
        noise = np.random.default_rng(int(rows[0])).integers(0, 128, (len(rows), side, side, 3), np.uint8)
        return noise + (rows % CLASSES * 30).astype(np.uint8)[:, None, None, None]

    table = Table(count, {"image": images, "label": lambda rows: (rows % CLASSES).astype(np.int64)})
    write(labeled_images(table, None, tuple("abcd"), (side, side, 3), "made"), folder, 2**25)
    return folder


def spec(folder: Path, path: Path, side: int, epochs: int = 1, stream: bool = True) -> Path:
    words = {"side": side, "classes": CLASSES, "folder": folder, "stream": str(stream).lower(), "epochs": epochs}
    path.write_text(SPEC.format(**words))
    return path


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of a process from /proc")
def test_memory_is_flat_for_ten_times_what_it_may_grow_by(tmp_path: Path) -> None:
    folder = made(tmp_path / "shards", COUNT, SIDE)
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size >= 10 * GROWTH
    path = spec(folder, tmp_path / "spec.yaml", SIDE)
    run = subprocess.run(
        [sys.executable, "-c", TRAINED, str(path), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert run.returncode == 0, run.stderr
    memory = dict(map(int, line.split()) for line in run.stdout.splitlines())
    assert len(memory) == 23  # 563 steps
    # Until then, TensorFlow compiles and fills its pools.
    assert max(memory.values()) - memory[25] < GROWTH, memory
    result = read_result(tmp_path / "run")
    assert result.streamed_bytes is not None
    assert result.streamed_bytes < GROWTH
    assert "streaming 615 MB of examples, at most" in run.stderr


def weights(run: Path) -> list[bytes]:
    variables = archdsl.load_model(run / "model.keras").variables
    return [np.array(each).tobytes() for each in variables if "seed" not in each.path]


def logged(run: Path) -> list[dict[str, float]]:
    lines = (run / "log.jsonl").read_text().splitlines()
    return [json.loads(line) | {"seconds": 0} for line in lines]


def test_a_killed_run_on_shards_goes_on_to_the_bits_of_one_in_memory(tmp_path: Path) -> None:
    folder = made(tmp_path / "shards", 2_000, 16)
    archdsl.train(archdsl.load(spec(folder, tmp_path / "kept.yaml", 16, 6, stream=False)), tmp_path / "whole")
    path, run = spec(folder, tmp_path / "streamed.yaml", 16, 6), tmp_path / "run"
    command = [sys.executable, "-m", "archdsl", "train", str(path), "--out", str(run)]
    going = subprocess.Popen(command, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}, stderr=subprocess.DEVNULL)
    log = run / "log.jsonl"
    while not (log.exists() and '"epoch": 2,' in log.read_text()):
        assert going.poll() is None
        time.sleep(0.005)
    going.send_signal(signal.SIGKILL)
    going.wait()
    assert read_result(run).status == "running"
    archdsl.resume(run)
    assert weights(run) == weights(tmp_path / "whole")
    assert logged(run) == logged(tmp_path / "whole")
    assert read_result(run).test_loss == read_result(tmp_path / "whole").test_loss
