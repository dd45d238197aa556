"""What oneDNN's kernels do for a training step: the same step in two processes, with them and without."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from benchmarks.timing import ROOT, Found, pairs

STEP = """
import time
import keras, numpy as np
import archdsl
model = archdsl.build("resnet_cifar")
model.compile(optimizer="sgd", loss="categorical_crossentropy")
x = np.random.default_rng(0).normal(size=(128, 32, 32, 3)).astype("float32")
y = np.eye(10, dtype="float32")[np.arange(128) % 10]
model.train_on_batch(x, y)
start = time.perf_counter()
for _ in range(3):
    model.train_on_batch(x, y)
print(time.perf_counter() - start)
"""


def kernels(count: int) -> Found:
    def steps(used: str) -> Callable[[], float]:
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": used, "TF_CPP_MIN_LOG_LEVEL": "3"}

        def run() -> float:
            command = [sys.executable, "-c", STEP]
            done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
            return float(done.stdout.split()[-1])

        return run

    return {"ResNet-20's training step (batch 128) / without oneDNN": pairs(steps("1"), steps("0"), max(3, count // 2))}
