"""Learning rates by step, against values computed by hand and the formula of torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from heads import HEADS  # noqa: E402

import archdsl.keras  # noqa: E402, F401 - registers the classes
from archdsl.recipe import SCHEDULES, Train  # noqa: E402
from archdsl.training import compilation  # noqa: E402

pytestmark = pytest.mark.tensorflow

EPOCHS, STEPS = 5, 4


def schedule(word: str, **arguments: Any) -> Any:
    recipe = Train.model_validate({"optimizer": {"sgd": {"learning_rate": {word: {"rate": 0.5, **arguments}}}}})
    return compilation.instantiate(recipe.optimizer.to_call(EPOCHS, STEPS))._learning_rate


def rates(word: str, steps: Any = range(EPOCHS * STEPS), **arguments: Any) -> list[float]:
    made = schedule(word, **arguments)
    return [float(made(step)) for step in steps] if callable(made) else [float(made)]


def test_constant_with_warmup() -> None:
    np.testing.assert_allclose(rates("constant", range(6), warmup=1.0), [0, 0.125, 0.25, 0.375, 0.5, 0.5])
    assert rates("constant") == [0.5]


def test_a_step_keeps_its_epochs_under_a_warmup() -> None:
    wanted = [0.0, 0.25] + [0.5] * 6 + [0.05] * 12
    np.testing.assert_allclose(rates("step", at=[2], warmup=0.5), wanted, rtol=1e-6)


def test_exponential_starts_after_the_warmup() -> None:
    wanted = [0.0, 0.125, 0.25, 0.375] + [0.5 * 0.5 ** (step / 8) for step in range(16)]
    np.testing.assert_allclose(rates("exponential", factor=0.5, every=2.0, warmup=1.0), wanted, rtol=1e-6)


def test_one_cycle_is_a_triangle() -> None:
    """20 steps with the peak at step 5, from a tenth up and down to a fifth."""
    up = [0.05 + (0.5 - 0.05) * step / 5 for step in range(6)]
    down = [0.5 + (0.1 - 0.5) * step / 15 for step in range(1, 16)]
    found = rates("one_cycle", range(23), start=0.1, peak=0.25, final=0.2)
    np.testing.assert_allclose(found, [*up, *down, 0.1, 0.1], rtol=1e-6)


def test_airbenchs_triangle() -> None:
    """`np.interp(step, [0, int(peak * steps), steps], [start, 1, end])` of airbench94, Jordan 2024."""
    found = rates("one_cycle", range(20), start=0.2, peak=0.25, final=0.07)
    np.testing.assert_allclose(found, 0.5 * np.interp(np.arange(20), [0, 5, 20], [0.2, 1.0, 0.07]), rtol=1e-6)


def test_one_cycle_with_cosine_matches_torch() -> None:
    """`OneCycleLR._annealing_cos` between the ends of the phases."""

    def between(start: float, end: float, share: float) -> float:
        return end + (start - end) / 2 * (1 + math.cos(math.pi * share))

    wanted = [between(0.02, 0.5, step / 5) for step in range(5)]
    wanted += [between(0.5, 0.0, (step - 5) / 15) for step in range(5, 20)]
    np.testing.assert_allclose(rates("one_cycle", peak=0.25, shape="cosine"), wanted, atol=1e-7)


def test_cosine_with_warmup() -> None:
    wanted = [0.0, 0.125, 0.25, 0.375] + [0.25 * (1 + math.cos(math.pi * step / 16)) for step in range(16)]
    np.testing.assert_allclose(rates("cosine", warmup=1.0), wanted, atol=1e-6)


def test_linear_with_warmup() -> None:
    wanted = [0.0, 0.125, 0.25, 0.375] + [0.5 - 0.4 * step / 16 for step in range(16)]
    np.testing.assert_allclose(rates("linear", warmup=1.0, final=0.2), wanted, rtol=1e-6)
    np.testing.assert_allclose(rates("linear"), [0.5 - 0.5 * step / 20 for step in range(20)], rtol=1e-6)


@pytest.mark.parametrize(
    ("word", "arguments"),
    [
        ("constant", {"warmup": 0.5}),
        ("step", {"at": [1, 2], "warmup": 1.0}),
        ("exponential", {"factor": 0.9, "warmup": 1.5}),
        ("one_cycle", {"shape": "cosine", "final": 0.1}),
        ("cosine", {"warmup": 1.0}),
        ("linear", {"warmup": 1.0, "final": 0.5}),
    ],
)
def test_a_saved_schedule_is_the_same(word: str, arguments: Any) -> None:
    made = schedule(word, **arguments)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    assert type(again) is type(made)
    assert [float(again(step)) for step in range(0, 20, 3)] == [float(made(step)) for step in range(0, 20, 3)]
    assert set(SCHEDULES) == {"constant", "step", "cosine", "linear", "exponential", "one_cycle"}


def test_a_schedule_runs_inside_a_compiled_step() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    cycle = {"one_cycle": {"rate": 0.5, "start": 0.0, "peak": 0.5}}
    recipe = {"optimizer": {"sgd": {"learning_rate": cycle}}, "loss": "mean_squared_error", "jit_compile": True}
    compilation.compile_model(model, Train.model_validate(recipe), HEADS, 1, 4)
    before = model.get_weights()[0]
    model.fit(np.ones((4, 2)), np.zeros((4, 1)), batch_size=4, epochs=1, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before)  # the first rate is 0
    assert float(model.optimizer.learning_rate) == pytest.approx(0.25)
