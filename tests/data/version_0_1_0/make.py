"""Writes the files of this folder with the archdsl that is installed; README.md says which version wrote these."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

import archdsl

HERE = Path(__file__).parent
OWN_LAYERS = """\
archdsl: 1
name: OwnLayers
input: [8, 8, 1]
layers:
  Widening:
    args: {filters: int}
    paths:
      main:
        - conv: {filters: $filters, kernel: 3, padding: same}
        - layer_scale: {init: 0.5}
        - stochastic_depth: {rate: 0.1}
    shortcut: [pad_shortcut: {filters: $filters}]
    merge: add
model:
  - conv: {filters: 8, kernel: 3, padding: same, bias: true, norm: batch}
  - glu
  - lowest_pad: {padding: 1}
  - max_pool: {size: 3, stride: 1}
  - standardized_conv: {filters: 6, kernel: 3, padding: same}
  - Widening: {filters: 8}
  - channel_shuffle: {groups: 2}
  - celu: {alpha: 0.5}
  - space_to_depth: {block: 2}
  - take_channels: {start: 1, step: 2}
  - depth_to_space: {block: 2}
  - adaptive_max_pool: {size: 3}
  - reshape: {shape: [9, 4]}
  - class_token
  - position_embedding
  - attention: {heads: 2, key: 3}
  - take: {index: 0}
  - dense: {units: 10, activation: softmax}
data: {source: digits, batch_size: 32, limit: 160}
train:
  epochs: 1
  optimizer: {muon_sgd: {learning_rate: {linear: {rate: 0.02, warmup: 0.5}}, hold_norm: false, weight_decay: 0.01}}
  rates: {biases: 2}
"""
CUT_RUN = """\
archdsl: 1
name: CutRun
input: [8, 8, 1]
model:
  - conv: {filters: 4, kernel: 3, norm: batch, activation: relu}
  - dropout: {rate: 0.2}
  - flatten
  - dense: {units: 10, activation: softmax}
data: {source: digits, batch_size: 64, standardize: true, limit: 400, augment: {shift: 0.1}}
train:
  epochs: 3
  optimizer: {muon_sgd: {learning_rate: {one_cycle: {rate: 0.05}}, use_ema: true, ema_momentum: 0.9}}
  rates: {norm_biases: 2}
  early_stopping: {patience: 3}
  lookahead: {every: 2, share: 0.5}
  deterministic: true
"""


class Call(keras.callbacks.Callback):
    """Calls a function with the model when an epoch, counted from 0, ends or begins."""

    def __init__(self, epoch: int, moment: str, function: Callable[[Any], None]) -> None:
        super().__init__()
        self.wanted, self.function = (epoch, moment), function

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.wanted == (epoch, "begin"):
            self.function(self.model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.wanted == (epoch, "end"):
            self.function(self.model)


def press(_: Any) -> None:
    raise KeyboardInterrupt


def weights(model: Any) -> dict[str, Any]:
    """The values of a model's variables, without those of seed generators, which a `.keras` file does not hold."""
    values = [np.asarray(variable) for variable in model.variables if "seed" not in variable.path]
    return {f"weight_{number}": value for number, value in enumerate(values)}


def write_models(scratch: Path) -> None:
    """Writes a trained model as archdsl saves it, and a part of it that Keras saves layer by layer."""
    random = np.random.default_rng(0)
    images, maps = (random.random((4, 8, 8, channels)).astype("float32") for channels in (1, 4))

    def save(model: Any) -> None:
        gated = model.get_layer("glu_1")  # Keras cannot save this one outside of archdsl's model
        part = keras.Model(gated.output, model.get_layer(index=-2).output, name="part")
        part.save(HERE / "layers.keras")
        model.save(HERE / "model.keras")
        outputs = {"model": np.asarray(model(images)), "layers": np.asarray(part(maps))}
        optimizer = np.concatenate([np.asarray(variable, "float32").ravel() for variable in model.optimizer.variables])
        np.savez_compressed(HERE / "outputs.npz", images=images, maps=maps, optimizer=optimizer, **outputs)

    archdsl.train(archdsl.loads(OWN_LAYERS), scratch / "own_layers", callbacks=[Call(0, "end", save)])


def write_run(scratch: Path) -> None:
    """Writes a run that was interrupted after two of its three epochs, and the results of its resumption."""
    out, command = scratch / "cut_run", "archdsl train cut_run.yaml"
    with contextlib.suppress(archdsl.ArchError):
        archdsl.train(archdsl.loads(CUT_RUN), out, callbacks=[Call(2, "begin", press)], command=command)
    for picture in (*out.glob("*.png"), *out.glob("*.svg")):
        picture.unlink()
    shutil.rmtree(HERE / "runs", ignore_errors=True)
    shutil.copytree(out, HERE / "runs/cut_run")
    write_text("runs.txt", printed("runs", "runs"))
    write_text("predict.json", printed("predict", "runs/cut_run", "images", "--json"))
    result = archdsl.resume(out)
    np.savez_compressed(HERE / "resumed.npz", **weights(archdsl.load_model(out / "model.keras")))
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    known = {name: getattr(result, name) for name in ("best_epoch", "test_accuracy", "test_loss")}
    write_text("resumed.json", json.dumps(known | {"log": rows}, indent=1) + "\n")


def printed(*words: str) -> str:
    """What `archdsl` prints in this folder."""
    command = [sys.executable, "-m", "archdsl", *words]
    return subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True).stdout


def write_text(name: str, text: str) -> None:
    (HERE / name).write_text(text, "utf-8", newline="\n")


def write_images() -> None:
    (HERE / "images").mkdir(exist_ok=True)
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(HERE / f"images/{number}.png")


if __name__ == "__main__":
    write_images()
    write_models(Path(sys.argv[1]))
    write_run(Path(sys.argv[1]))
