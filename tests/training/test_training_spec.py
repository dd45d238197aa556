"""A training from a spec's own text: what the run's folder keeps is enough to open and evaluate it anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras")

import archdsl

pytestmark = [
    pytest.mark.tensorflow,
    # Keras's own `save` makes NumPy say this.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

TEXT = """\
archdsl: 1
name: TinyDigits
input: [8, 8, 1]
args: {width: 8}
layers:
  Block:
    args: {filters: int}
    paths:
      main:
        - conv: {filters: $filters, kernel: 3, padding: same}
        - batch_norm
        - relu
    shortcut: auto
    merge: add
model:
  - Block: {filters: $width}
  - global_average_pool
  - dense: {units: 10, activation: softmax}
data: {source: digits, standardize: true, augment: {shift: 0.1}}
train: {epochs: 2, optimizer: {adam: {learning_rate: {cosine: {rate: 0.01}}}}}
"""

FRESH = """
import json, sys
from pathlib import Path
from archdsl.training import fit
found = fit.evaluate(Path(sys.argv[1]))
print(json.dumps([found.accuracy, found.loss, found.images]))
"""


def test_a_fresh_process_repeats_the_accuracy(tmp_path: Path) -> None:
    done = archdsl.train(archdsl.loads(TEXT), tmp_path / "run", arguments={"width": 12}, limit=400)
    command = [sys.executable, "-c", FRESH, str(tmp_path / "run")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    accuracy, loss, images = json.loads(printed.splitlines()[-1])
    assert done.parameters == archdsl.build(archdsl.loads(TEXT), width=12).count_params()
    assert (accuracy, images) == (done.test_accuracy, 360)
    assert loss == pytest.approx(done.test_loss, rel=1e-5)
