"""What it costs to stream examples from shards, beside having them in memory."""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.timing import ROOT, Found

IMAGES, BATCH = 2_560, 64
"""Training images of 32x32 and images in a step: an epoch of forty steps."""

NETWORK = "resnet_cifar"


def streaming(count: int) -> Found:
    """An epoch of training steps on shards, beside the same steps on arrays; the two take turns in one process."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        turns = [*_turns(Path(folder), max(3, count))]
    found: Found = {}
    for at, clock in enumerate(("wall", "CPU")):
        streamed, kept = ([turn[side][at] for turn in turns] for side in (0, 1))
        ratios = [one / other for one, other in zip(streamed, kept, strict=True)]
        ratio, seconds = statistics.median(streamed) / statistics.median(kept), statistics.median(streamed)
        found[f"an epoch of steps on shards / on arrays, {clock} time"] = (ratio, min(ratios), max(ratios), seconds)
    return found


def _turns(folder: Path, epochs: int) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    import numpy as np

    import archdsl
    from archdsl.data.shards import write
    from archdsl.data.sources.base import labeled_images
    from archdsl.data.tables import in_memory
    from archdsl.training.setup import Overrides, prepare

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (IMAGES, 32, 32, 3)).astype(np.uint8)
    table = in_memory(image=images, label=np.arange(IMAGES) % 10)
    classes = tuple(map(str, range(10)))
    write(labeled_images(table, table.take(np.arange(100)), classes, (32, 32, 3), "made"), folder / "shards")
    text = (ROOT / "specs" / f"{NETWORK}.yaml").read_text().split("\ndata:")[0]
    batches = []
    for stream in ("true", "false"):
        data = f"{{source: {{shards: {folder / 'shards'}}}, batch_size: {BATCH}, validation: 0, stream: {stream}}}"
        prepared = prepare(archdsl.loads(f"{text}\ndata: {data}\ntrain: {{epochs: 1}}\n"), Overrides())
        batches.append(iter(prepared.training_batches()))
    # The same compiled step serves both, so that only the batches differ.
    prepared.model.make_train_function()

    def epoch(of: Any) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(prepared.steps // prepared.model.steps_per_execution):
            prepared.model.train_function(of)
        return time.perf_counter() - wall, time.process_time() - cpu

    for number in range(epochs + 1):
        turn = epoch(batches[0]), epoch(batches[1])
        if number:
            yield turn
