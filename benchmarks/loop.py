"""What training costs beyond its steps, and what bfloat16 saves of them."""

from __future__ import annotations

import contextlib
import io
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.scale import SPEC
from benchmarks.timing import ROOT, Found, pairs, timed

IMAGES, BATCH = 1_280, 64
"""Training images of 32x32 and images in a step: an epoch of twenty steps."""

NETWORK = "resnet_cifar"


def looping(count: int) -> Found:
    """An epoch of `train`, with its display, log, validation, kept network and checkpoint, beside a bare loop.

    The two take turns in one training: behind each epoch the same compiled functions run over as many batches. CPU time
    tells them apart where other programs have the cores, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _ratios("an epoch of train", _images(Path(folder)), Path(folder), count)


def tasks(count: int) -> Found:
    """The same for each task, with a small network and made data."""
    found: Found = {}
    for name, (body, recipe) in TASKS.items():
        with tempfile.TemporaryDirectory() as folder:
            make_task_data(Path(folder))
            text = f"archdsl: 1\nname: Task\n{body}{recipe}".replace("PLACE", folder)
            found |= _ratios(f"an epoch of train, {name}", text, Path(folder), count)
    return found


def _ratios(what: str, text: str, folder: Path, count: int) -> Found:
    with contextlib.redirect_stderr(io.StringIO()):
        turns = _turns(text, folder, max(3, count))
    found: Found = {}
    for at, clock in enumerate(("wall", "CPU")):
        ours, bare = ([turn[side][at] for turn in turns] for side in (0, 1))
        ratios = [one / other for one, other in zip(ours, bare, strict=True)]
        ratio, seconds = statistics.median(ours) / statistics.median(bare), statistics.median(ours)
        found[f"{what} / a bare loop over the same steps, {clock} time"] = (ratio, min(ratios), max(ratios), seconds)
    return found


def _clocks() -> tuple[float, float]:
    """Wall and CPU seconds."""
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    wall, cpu = _clocks()
    return wall - began[0], cpu - began[1]


def _images(folder: Path) -> str:
    """A classification of made images."""
    import numpy as np

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (IMAGES * 10 // 9, 32, 32, 3)).astype(np.uint8)
    np.savez(folder / "made.npz", x_train=images, y_train=np.arange(len(images)) % 10, x_test=images[:100],
             y_test=np.arange(100) % 10)  # fmt: skip
    text = (ROOT / "specs" / f"{NETWORK}.yaml").read_text().split("\ndata:")[0]
    return text + f"\ndata: {{source: {{npz: {folder / 'made.npz'}}}, batch_size: {BATCH}}}\n"


def _turns(text: str, folder: Path, epochs: int) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Seconds of each epoch of a training, and of a bare loop behind it; the first, which traces, is left out."""
    import tensorflow as tf

    import archdsl
    from archdsl.runs.trackers import Tracker
    from archdsl.training.fit import initial_result
    from archdsl.training.interrupts import Interrupts
    from archdsl.training.loop import TrainingLoop
    from archdsl.training.setup import Overrides, prepare

    prepared = prepare(archdsl.loads(text), Overrides(epochs=epochs + 1))
    model = prepared.model
    found: list[tuple[tuple[float, float], tuple[float, float]]] = []

    class Turns(Tracker):
        """Runs the bare loop after each epoch: trackers come after all else that a training does then."""

        began = _clocks()

        def log(self, epoch: int, values: Any) -> None:
            ours = _since(self.began)
            training, validation = iter(batches), iter(prepared.evaluation_batches(prepared.dataset.validation))
            next(training)
            began = _clocks()
            for _ in range(prepared.steps // model.steps_per_execution):
                model.train_function(training)
            with contextlib.suppress(StopIteration, tf.errors.OutOfRangeError):
                while True:
                    model.test_function(validation)
            if epoch > 1:
                found.append((ours, _since(began)))
            self.began = _clocks()

    batches = prepared.training_batches()
    out = folder / "run"
    out.mkdir()
    result = initial_result(prepared, "")
    TrainingLoop(out, result, prepared, [Turns(out, result)]).fit(Interrupts())
    return found


DENSE = "model:\n  - {dense: {units: 512, activation: relu}, repeat: 3}\n"
CONVS = "model:\n  - {conv: {filters: 64, kernel: 3, padding: same, activation: relu}, repeat: 3}\n"
TASKS = {
    "regression": (
        f"input: [32]\n{DENSE}  - dense: {{units: 2}}\n",
        "data: {source: {npz: PLACE/numbers.npz}}\ntrain: {}\n",
    ),
    "multi_label": (
        f"input: [32]\n{DENSE}  - dense: {{units: 5, activation: sigmoid}}\n",
        "data: {source: {npz: PLACE/tags.npz}}\ntrain: {}\n",
    ),
    "segmentation": (
        f"input: [32, 32, 3]\n{CONVS}  - conv: {{filters: 4, kernel: 1, activation: softmax}}\n",
        "data: {source: {npz: PLACE/masks.npz}, batch_size: 32}\ntrain: {}\n",
    ),
    "image_to_image": (
        f"input: [8, 8, 1]\n{CONVS}  - conv: {{filters: 1, kernel: 1, activation: sigmoid}}\n",
        "data: {source: digits, targets: image}\ntrain: {}\n",
    ),
    "token_prediction": (
        "inputs: {text: {shape: [64], dtype: int32}}\nmodel:\n  - embedding: {vocabulary: 30, size: 32}\n"
        "  - gru: {units: 64, return_sequences: true}\n  - dense: {units: 30, activation: softmax}\n",
        "data: {source: {text: PLACE/letters.txt}}\ntrain: {}\n",
    ),
    "two outputs": (
        f"input: [8, 8, 1]\n{CONVS}  - flatten\n"
        "  - {dense: {units: 64, activation: relu}, name: seen}\n"
        "  - {dense: {units: 10, activation: softmax}, from: seen, name: one}\n"
        "  - {dense: {units: 10, activation: softmax}, from: seen, name: other}\noutputs: [one, other]\n",
        "data: {source: digits, targets: {one: label, other: label}}\ntrain: {}\n",
    ),
}
"""A network and a recipe for each task. PLACE is the folder of `make_task_data`."""


def make_task_data(folder: Path) -> None:
    """Write random data for `TASKS`."""
    import numpy as np

    random = np.random.default_rng(0)
    x = random.normal(size=(48_000, 32)).astype(np.float32)
    np.savez(folder / "numbers.npz", x=x, y=x[:, :2] + 1)
    np.savez(folder / "tags.npz", x=x, y=(x[:, :5] > 0).astype(np.int64))
    np.savez(
        folder / "masks.npz",
        x=random.normal(size=(1_400, 32, 32, 3)).astype(np.float32),
        y=random.integers(0, 4, (1_400, 32, 32)),
    )
    (folder / "letters.txt").write_text("".join(random.choice([*"abcdefghij "], 400_000)))


def precise(count: int) -> Found:
    """A training step of the notebook's network under `mixed_bfloat16`, beside float32 and beside the twin's."""
    import numpy as np

    import archdsl
    from archdsl.training import tf_settings

    sys.path.insert(0, str(ROOT / "tests" / "support"))
    import twins

    generator = np.random.default_rng(0)
    x = generator.normal(size=(32, 32, 32, 3)).astype("float32")
    y = np.eye(10, dtype="float32")[generator.integers(0, 10, 32)]
    module = archdsl.compile(archdsl.load(SPEC))

    def stepper(maker: Any, policy: str) -> Any:
        with tf_settings.precision(policy):
            model = maker()
        model.compile(optimizer="sgd", loss="categorical_crossentropy")
        return timed(lambda: model.train_on_batch(x, y))

    ours = stepper(module.FunnyResNet, "mixed_bfloat16")
    return {
        "one training step in mixed_bfloat16 / in float32": pairs(ours, stepper(module.FunnyResNet, "float32"), count),
        "one training step in mixed_bfloat16 / the hand-written twin's": pairs(
            ours, stepper(twins.built, "mixed_bfloat16"), count
        ),
    }
