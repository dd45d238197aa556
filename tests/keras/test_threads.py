"""Generated modules in several threads and in long processes: none is seen half made, and none stays for ever."""

from __future__ import annotations

import gc
import inspect
import linecache
import pickle
import sys
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

keras = pytest.importorskip("keras")

import archdsl  # noqa: E402
import archdsl.keras  # noqa: E402

pytestmark = pytest.mark.tensorflow

TEXT = """\
archdsl: 1
name: Net{number}
input: [8, 8, 1]
layers:
  Body: {{args: {{n: int}}, steps: [{{conv: {{filters: $n, kernel: 3}}}}, {{dropout: {{rate: 0.1}}}}]}}
model: [Body: {{n: {width}}}, flatten, {{dense: {{units: 10, activation: softmax}}}}]
"""


@pytest.fixture(autouse=True)
def _threads_take_turns_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def spec(number: int) -> Any:
    return archdsl.loads(TEXT.format(number=number, width=number % 7 + 1))


def generated() -> set[str]:
    """The names of the modules that are there, and the files whose source is kept."""
    gc.collect()
    return {name for name in (*sys.modules, *linecache.cache) if "archdsl_generated" in name}


def test_six_threads_that_want_the_same_module_get_the_same_one() -> None:
    def compiled(number: int, barrier: Barrier) -> Any:
        mine = spec(number)
        barrier.wait()
        module = archdsl.compile(mine)
        assert module.Body
        assert getattr(module, mine.name)
        return module

    with ThreadPoolExecutor(6) as pool:
        for number in range(1_000, 1_025):
            barrier = Barrier(6)
            modules = list(pool.map(lambda _, n=number, b=barrier: compiled(n, b), range(6)))
            assert len({id(module) for module in modules}) == 1


def test_threads_may_save_and_open_while_others_build(tmp_path: Path) -> None:
    paths = []
    for number in (2_000, 2_001):
        paths.append(tmp_path / f"{number}.keras")
        archdsl.build(spec(number)).save(paths[-1])

    def use(i: int) -> str:
        if i % 3 == 0:
            return str(archdsl.load_model(paths[i % 2]).name)
        model = archdsl.build(spec(2_010 + i))
        if i % 3 == 1:
            model.save(tmp_path / f"own{i}.keras")
            model = archdsl.load_model(tmp_path / f"own{i}.keras")
        return str(model.name)

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(use, range(24)))) == 24


def test_a_module_goes_when_nothing_refers_to_it() -> None:
    before = generated()
    model = archdsl.build(spec(3_000))
    model.get_config()
    assert len(generated() - before) == 2
    body = type(model.layers[1])
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    # A class alone keeps its module, and with it what `inspect` and `pickle` read.
    assert "class Body" in inspect.getsource(body)
    assert pickle.loads(pickle.dumps(body)) is body
    assert archdsl.compile(spec(3_000)).Body is body
    del body
    assert generated() <= before


def test_what_the_user_registered_is_found_after_a_spec_of_that_name() -> None:
    @keras.saving.register_keras_serializable(package="Net4000")
    class Body(keras.layers.Layer):  # type: ignore[misc]
        pass

    archdsl.build(spec(4_000))
    assert keras.saving.get_registered_object("Net4000>Body") is Body


def resident() -> int:
    """Bytes of memory that this process has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the memory is read as Linux gives it")
def test_thousands_of_specs_keep_no_more_memory_than_keras_models_of_the_same_layers(tmp_path: Path) -> None:
    """Opens and builds from four threads. TensorFlow keeps some memory for every model, so that is measured first."""
    before = generated()
    saved = tmp_path / "saved.keras"
    archdsl.build(spec(5_000)).save(saved)
    numbers = count(5_001)

    def use(i: int) -> None:
        archdsl.load_model(saved) if i % 2 else archdsl.build(spec(next(numbers)))

    def use_keras(i: int) -> None:
        layers = keras.layers
        body = [layers.Conv2D(i % 7 + 1, 3), layers.Dropout(0.1), layers.Flatten(), layers.Dense(10)]
        keras.Sequential([keras.Input((8, 8, 1)), *body])

    def growth(work: Callable[[int], None], calls: int) -> float:
        """Bytes a call, after a warm-up."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(500)))
            gc.collect()
            first = resident()
            list(pool.map(work, range(calls)))
        gc.collect()
        return (resident() - first) / calls

    assert growth(use, 2_000) < growth(use_keras, 1_000)
    assert len(generated() - before) <= 2
