"""Prints what archdsl costs, as ratios of medians over interleaved pairs in one run: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.augment import augmenting
from benchmarks.front import fronting
from benchmarks.kernels import kernels
from benchmarks.loop import looping, precise, tasks
from benchmarks.scale import SPEC, scaling
from benchmarks.streaming import streaming
from benchmarks.timing import BASE, ROOT, Found, pairs, process, timed

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--pairs", type=int, default=7, help="how many pairs of each (default 7)")
    parser.add_argument("--only", choices=sorted(BENCHMARKS), help="one of them alone")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    found = {}
    for name, benchmark in BENCHMARKS.items():
        if options.only in (None, name):
            found |= benchmark(options.pairs)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    width = max(map(len, found))
    for name, (ratio, low, high, seconds) in found.items():
        print(f"{name:{width}}  {ratio:7.3f}   pairs {low:.3f} to {high:.3f}   {seconds:.3f} s")


def plotting(count: int) -> Found:
    with tempfile.TemporaryDirectory() as folder:

        def plot(spec: Path) -> Callable[[], float]:
            return process(sys.executable, "-m", "archdsl", "plot", str(spec), "--out", str(Path(folder) / "net.svg"))

        times = {spec: min(plot(spec)() for _ in range(2)) for spec in sorted((ROOT / "specs").glob("*.yaml"))}
        slowest = max(times, key=lambda spec: times[spec])
        base = process(sys.executable, "-c", BASE)
        name = f"plot {slowest.stem}, the zoo's slowest / a process that imports pydantic, ruamel.yaml, typer"
        return {name: pairs(plot(slowest), base, count)}


def building(count: int) -> Found:
    import keras

    ours, theirs = _makers()

    def make(maker: Callable[[], object]) -> Callable[[], float]:
        def run() -> float:
            keras.backend.clear_session()
            return timed(maker)()

        return run

    return {"build the notebook's network / the hand-written twin": pairs(make(ours), make(theirs), count)}


def stepping(count: int) -> Found:
    import numpy as np

    generator = np.random.default_rng(0)
    x = generator.normal(size=(32, 32, 32, 3)).astype("float32")
    y = np.eye(10, dtype="float32")[generator.integers(0, 10, 32)]

    def stepper(maker: Callable[[], object]) -> Callable[[], float]:
        model = maker()
        model.compile(optimizer="sgd", loss="categorical_crossentropy")  # type: ignore[attr-defined]
        return timed(lambda: model.train_on_batch(x, y))  # type: ignore[attr-defined]

    ours, theirs = (stepper(maker) for maker in _makers())
    return {"one training step (batch 32) / the hand-written twin's": pairs(ours, theirs, 2 * count)}


def saving(count: int) -> Found:
    import keras

    import archdsl.keras as runtime

    ours, theirs = (maker() for maker in _makers())
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "ours.keras", Path(folder) / "twin.keras"
        save = pairs(timed(lambda: ours.save(one)), timed(lambda: theirs.save(other)), count)
        load = pairs(
            timed(lambda: runtime.load_model(one)),
            timed(lambda: keras.saving.load_model(other, custom_objects=_twin_classes())),
            count,
        )
    return {"save / the hand-written twin": save, "load / the hand-written twin": load}


def _makers() -> tuple[Callable[[], object], Callable[[], object]]:
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    import twins

    import archdsl

    spec = archdsl.load(SPEC)
    module = archdsl.compile(spec)
    return module.FunnyResNet, twins.built


def _twin_classes() -> dict[str, type]:
    import twins

    return {name: value for name, value in vars(twins).items() if isinstance(value, type)}


BENCHMARKS = {
    "check": fronting,
    "scale": scaling,  # before those that make this process large: see `memory`
    "plot": plotting,
    "build": building,
    "step": stepping,
    "precision": precise,
    "augment": augmenting,
    "loop": looping,
    "streaming": streaming,
    "tasks": tasks,
    "kernels": kernels,
    "save": saving,
}

if __name__ == "__main__":
    main()
