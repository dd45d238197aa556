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
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        turns = _turns(Path(folder), max(3, count))
    found: Found = {}
    for at, clock in enumerate(("wall", "CPU")):
        ours, bare = ([turn[side][at] for turn in turns] for side in (0, 1))
        ratios = [one / other for one, other in zip(ours, bare, strict=True)]
        ratio, seconds = statistics.median(ours) / statistics.median(bare), statistics.median(ours)
        found[f"an epoch of train / a bare loop over the same steps, {clock} time"] = (
            ratio, min(ratios), max(ratios), seconds
        )  # fmt: skip
    return found


def _clocks() -> tuple[float, float]:
    """Wall and CPU seconds."""
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    wall, cpu = _clocks()
    return wall - began[0], cpu - began[1]


def _turns(folder: Path, epochs: int) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Seconds of each epoch of a training, and of a bare loop behind it; the first, which traces, is left out."""
    import numpy as np
    import tensorflow as tf

    import archdsl
    from archdsl.runs.trackers import Tracker
    from archdsl.training.fit import initial_result
    from archdsl.training.interrupts import Interrupts
    from archdsl.training.loop import TrainingLoop
    from archdsl.training.setup import Overrides, prepare

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (IMAGES * 10 // 9, 32, 32, 3)).astype(np.uint8)
    np.savez(folder / "made.npz", x_train=images, y_train=np.arange(len(images)) % 10, x_test=images[:100],
             y_test=np.arange(100) % 10)  # fmt: skip
    text = (ROOT / "specs" / f"{NETWORK}.yaml").read_text().split("\ndata:")[0]
    text += (
        f"\ndata: {{source: {{npz: {folder / 'made.npz'}}}, batch_size: {BATCH}}}\ntrain: {{epochs: {epochs + 1}}}\n"
    )
    prepared = prepare(archdsl.loads(text), Overrides())
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
