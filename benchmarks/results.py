"""What recipes reach, and in which time: `python -m benchmarks.results cifar_fast[minute] cifar_fast --seeds 3`.

Each run is a process of its own, timed from its start to its end: imports, data, whitening, tracing, training, and the
test. The table is Markdown. GFLOP/s count three forward passes for a training step of an image; their limit is the best
convolution of this machine, measured in the same call.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.timing import ROOT

PEAK = """
import time
import archdsl.training, tensorflow as tf
best = 0.0
for side, channels in ((16, 128), (8, 256), (15, 96), (32, 64)):
    x, w = tf.random.normal((256, side, side, channels)), tf.random.normal((3, 3, channels, channels))
    step = tf.function(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"))
    step(x, w)
    for _ in range(4):
        start = time.perf_counter()
        step(x, w).numpy()
        best = max(best, 2 * 256 * side**2 * channels**2 * 9 / (time.perf_counter() - start) / 1e9)
print(best)
"""


@dataclass(frozen=True)
class Line:
    """One recipe in several seeds: accuracies as shares, seconds of whole processes."""

    name: str
    accuracies: list[float]
    plain: list[float]
    wall: list[float]
    training: list[float]
    operations: float

    def row(self, peak: float) -> list[str]:
        speed = self.operations / statistics.mean(self.training) / 1e9
        spread = f" ({min(self.accuracies):.2%} to {max(self.accuracies):.2%})" if len(self.accuracies) > 1 else ""
        return [
            f"`{self.name}`",
            f"{statistics.mean(self.accuracies):.2%}{spread}",
            f"{statistics.mean(self.plain):.2%}",
            f"{statistics.mean(self.wall) / 60:.2f} min",
            f"{self.operations / 1e12:.1f}",
            f"{speed:.0f} ({speed / peak:.0%})",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results", description=__doc__)
    parser.add_argument("recipes", nargs="+", help="specs, as `cifar_fast` or `cifar_fast[minute]`")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data-dir", help="as for `archdsl train`")
    options = parser.parse_args()
    peak = float(_run(sys.executable, "-c", PEAK))
    head = ["recipe", "test accuracy", "single look", "time", "TFLOP", "GFLOP/s"]
    lines = [_measured(recipe, options.seeds, options.data_dir).row(peak) for recipe in options.recipes]
    for cells in (head, ["---"] * len(head), *lines):
        print(f"| {' | '.join(cells)} |")
    print(f"\n{peak:.0f} GFLOP/s is the best convolution on these {os.cpu_count()} cores.")


def _measured(recipe: str, seeds: int, data_dir: str | None) -> Line:
    name, variant = re.fullmatch(r"([^\[\]]+)(?:\[(.+)\])?", recipe).groups()  # type: ignore[union-attr]
    more = [*(["--variant", variant] if variant else []), *(["--data-dir", data_dir] if data_dir else [])]
    found: list[tuple[dict[str, Any], float]] = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            command = [sys.executable, "-m", "archdsl", "train", name, *more]
            told = _run(*command, "--seed", str(seed), "--out", str(Path(folder) / "run"), "--json")
            found.append((json.loads(told), time.perf_counter() - start))
        print(f"{recipe}, seed {seed}: {found[-1][0]['test_accuracy']:.2%} in {found[-1][1]:.1f} s", file=sys.stderr)
    results, wall = [result for result, _ in found], [seconds for _, seconds in found]
    return Line(
        recipe,
        [result["test_accuracy"] for result in results],
        [result["plain_test_accuracy"] or result["test_accuracy"] for result in results],
        wall,
        [result["seconds"] for result in results],
        6.0 * _macs(name, variant) * results[0]["images"]["train"] * results[0]["epochs_run"],
    )


def _macs(name: str, variant: str | None) -> int:
    from archdsl import zoo
    from archdsl.resolution import resolve

    return resolve(zoo.load(name, variant or "")).totals.macs


def _run(*command: str) -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
