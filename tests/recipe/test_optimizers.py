"""Optimizers of the recipe against Keras, and exact learning rate multipliers by kind of weight."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from heads import HEADS  # noqa: E402

import archdsl.keras  # noqa: E402, F401 - registers the classes
from archdsl.keras.optimizers.muon import MuonSGD, orthogonal  # noqa: E402
from archdsl.recipe import OPTIMIZERS, Train  # noqa: E402
from archdsl.training import compilation  # noqa: E402

pytestmark = pytest.mark.tensorflow

LEFT_OUT = {
    "LossScaleOptimizer": "comes by itself with mixed_float16",
    "MultiOptimizer": "holds optimizers made in Python; `rates` tell weights apart",
    "Optimizer": "the base class",
    "OptimizerMap": "not an optimizer",
}
OWN = {"muon_sgd": MuonSGD}


def optimizer_class(word: str) -> Any:
    return OWN.get(word) or getattr(keras.optimizers, OPTIMIZERS[word].target.removeprefix("optimizers."))


def test_every_keras_optimizer_is_there() -> None:
    exported = {name for name, found in vars(keras.optimizers).items() if inspect.isclass(found)}
    assert {optimizer_class(word).__name__ for word in OPTIMIZERS.keys() - OWN} == exported - LEFT_OUT.keys()
    assert set(LEFT_OUT) <= exported
    assert len(OPTIMIZERS) >= 14


@pytest.mark.parametrize("word", OPTIMIZERS)
def test_every_argument_reaches_keras(word: str) -> None:
    model = OPTIMIZERS[word]
    clips = {
        "learning_rate": 0.5,
        "clipnorm": 1.0,
        "use_ema": True,
        "ema_overwrite_frequency": 7,
        "gradient_accumulation_steps": 2,
    }
    given = {name: field.default for name, field in model.model_fields.items() if field.default is not None} | clips
    config = made({word: given}).get_config()
    assert {name: config[name] for name in given if name in config} == {n: v for n, v in given.items() if n in config}
    assert len(given.keys() & config.keys()) >= len(given) - 2


def made(recipe: Any, **words: Any) -> Any:
    train = Train.model_validate({"optimizer": recipe, **words})
    return compilation.make_optimizer(train, network(), 3, 4)


def network() -> Any:
    """A reproducible network with each kind of weight."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    image = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(3, 3, name="conv")(image)
    x = keras.layers.Activation("tanh")(keras.layers.BatchNormalization(name="norm")(x))
    x = keras.layers.LayerNormalization(name="layer_norm")(keras.layers.Flatten()(x))
    return keras.Model(image, keras.layers.Dense(4, name="dense")(x))


def gradients(model: Any, step: int) -> list[Any]:
    random = np.random.default_rng(step)
    return [random.normal(size=tuple(v.shape)).astype("float32") for v in model.trainable_variables]


def trained(optimizer: Any, model: Any, steps: int = 2) -> dict[str, Any]:
    """The weights after some steps with the same gradients."""
    for step in range(steps):
        optimizer.apply(list(map(keras.ops.convert_to_tensor, gradients(model, step))), model.trainable_variables)
    return {variable.path: variable.numpy() for variable in model.trainable_variables}


@cache
def run(word: str, scale: float = 1.0, rate: float = 1.0) -> dict[str, Any]:
    """The weights after some steps; `rate` is the multiplier of biases."""
    model = network()
    words = {"optimizer": {word: {"learning_rate": 0.01 * scale}}, "rates": {"biases": rate, "norm_biases": rate}}
    return trained(compilation.make_optimizer(Train.model_validate(words), model, 3, 4), model)


def test_the_kinds_of_weights() -> None:
    assert compilation.weight_kinds(network()) == {
        "conv/kernel": "kernels",
        "conv/bias": "biases",
        "norm/gamma": "norm_scales",
        "norm/beta": "norm_biases",
        "layer_norm/gamma": "norm_scales",
        "layer_norm/beta": "norm_biases",
        "dense/kernel": "kernels",
        "dense/bias": "biases",
    }


@pytest.mark.parametrize("word", OPTIMIZERS)
def test_without_rates_it_is_the_class_of_keras(word: str) -> None:
    own = optimizer_class(word)
    assert type(made(word)) is own
    assert type(made(word, rates={"biases": 1.0})) is own


@pytest.mark.parametrize("word", OPTIMIZERS)
def test_rates_are_exact(word: str) -> None:
    once, twice, mixed = run(word), run(word, 2.0), run(word, rate=2.0)
    decays = (OPTIMIZERS[word].model_fields["weight_decay"].default or 0) > 0
    for path, value in mixed.items():
        scaled = path.endswith(("bias", "beta"))
        wanted = (twice if scaled else once)[path]
        if decays and scaled:
            assert not np.array_equal(value, once[path])
            np.testing.assert_allclose(value, wanted, atol=3 * 0.01 * 0.004 * 2)  # the decay keeps its rate
        else:
            np.testing.assert_array_equal(value, wanted)
    assert any(not np.array_equal(once[path], twice[path]) for path in once)


@pytest.mark.parametrize("word", OPTIMIZERS)
def test_the_subclass_with_rates_of_one_is_bit_identical(word: str) -> None:
    model = network()
    train = Train.model_validate({"optimizer": {word: {"learning_rate": 0.01}}, "rates": {"biases": 2.0}})
    optimizer = compilation.make_optimizer(train, model, 3, 4)
    assert type(optimizer).__name__.startswith("Rated")
    optimizer.rates = {}
    found, wanted = trained(optimizer, model), run(word)
    for path in wanted:
        np.testing.assert_array_equal(found[path], wanted[path])


@pytest.mark.parametrize("word", OPTIMIZERS)
def test_an_optimizer_is_saved_and_loaded(word: str) -> None:
    optimizer = made(word, rates={"kernels": 0.5, "norm_scales": 3.0})
    saved = keras.saving.serialize_keras_object(optimizer)
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    assert again.rates == {"conv/kernel": 0.5, "dense/kernel": 0.5, "norm/gamma": 3.0, "layer_norm/gamma": 3.0}


def test_sgd_with_momentum_rates_and_decay_by_hand() -> None:
    model = network()
    weights = {v.path: v.numpy().astype("float64") for v in model.trainable_variables}
    kinds = compilation.weight_kinds(model)
    train = Train.model_validate(
        {
            "optimizer": {"sgd": {"learning_rate": 0.1, "momentum": 0.85, "nesterov": True, "weight_decay": 0.05}},
            "rates": {"norm_biases": 64.0, "kernels": 0.5},
            "decay": "kernels",
        }
    )
    factor = {"norm_biases": 64.0, "kernels": 0.5}
    velocity = {path: np.zeros_like(value) for path, value in weights.items()}
    for step in range(2):
        for (path, value), gradient in zip(weights.items(), gradients(model, step), strict=True):
            rate = 0.1 * factor.get(kinds[path], 1.0)
            if kinds[path] == "kernels":
                value = value - value * 0.05 * 0.1
            velocity[path] = 0.85 * velocity[path] - rate * gradient
            weights[path] = value + 0.85 * velocity[path] - rate * gradient
    found = trained(compilation.make_optimizer(train, model, 3, 4), model)
    for path, value in weights.items():
        np.testing.assert_allclose(found[path], value, rtol=1e-5, atol=1e-6)


def newton_schulz(matrix: Any, steps: int) -> Any:
    x = matrix / np.linalg.norm(matrix)
    for _ in range(steps):
        square = x @ x.T
        x = 3.4445 * x + (2.0315 * square @ square - 4.775 * square) @ x
    return x


def test_muon_sgd_by_hand() -> None:
    model = network()
    weights = {v.path: v.numpy().astype("float64") for v in model.trainable_variables}
    train = Train.model_validate({"optimizer": {"muon_sgd": {"learning_rate": 0.1}}, "rates": {"norm_biases": 64.0}})
    momenta = {path: np.zeros_like(value) for path, value in weights.items()}
    for step in range(2):
        for (path, value), gradient in zip(weights.items(), gradients(model, step), strict=True):
            momentum = 0.6 if path == "conv/kernel" else 0.85
            momenta[path] = momentum * momenta[path] + gradient
            way = gradient + momentum * momenta[path]
            if path == "conv/kernel":  # the last kernel, the dense one's, is not turned
                turn = newton_schulz(way.reshape(-1, 3).T, 3).T.reshape(value.shape)
                weights[path] = value * np.sqrt(3) / np.linalg.norm(value) - 0.1 * turn
            else:
                weights[path] = value - 0.35 * (64 if path.endswith("beta") else 1) * way
    found = trained(compilation.make_optimizer(train, model, 3, 4), model)
    for path, value in weights.items():
        np.testing.assert_allclose(found[path], value, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_orthogonal_steps_have_singular_values_around_one(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).normal(size=shape).astype("float32")
    turned = keras.ops.convert_to_numpy(orthogonal(keras.ops.convert_to_tensor(matrix), 5))
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    assert np.abs(np.linalg.svd(turned, compute_uv=False) - 1).max() < 0.35
    assert (left.T @ turned @ right.T).diagonal().min() > 0.65  # along the same directions


def test_muon_sgd_turns_neither_depthwise_kernels_nor_embeddings_nor_the_head() -> None:
    image, words = keras.Input((6, 6, 3)), keras.Input((2,), dtype="int32")
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(image)
    x = keras.layers.Flatten()(keras.layers.Conv2D(4, 1, name="point")(x))
    known = keras.layers.Flatten()(keras.layers.Embedding(4, 3, name="embedding")(words))
    x = keras.layers.Dense(5, name="hidden")(keras.layers.Concatenate()([x, known]))
    model = keras.Model([image, words], keras.layers.Dense(2, name="head")(x))
    variables, random = model.trainable_variables, np.random.default_rng(0)
    before = [variable.numpy() for variable in variables]
    gradients = [random.normal(size=variable.shape).astype("float32") for variable in variables]
    MuonSGD(hold_norm=False).apply_gradients(zip(gradients, variables, strict=True))
    steps = {variable.path: variable.numpy() - value for variable, value in zip(variables, before, strict=True)}
    parallel = {
        path: abs((step * gradient).sum()) / (np.linalg.norm(step) * np.linalg.norm(gradient))
        for (path, step), gradient in zip(steps.items(), gradients, strict=True)
    }
    assert {path for path, cosine in parallel.items() if cosine < 0.999} == {"point/kernel", "hidden/kernel"}


def test_a_schedule_and_a_compiled_step_keep_the_rates() -> None:
    """In `fit`, as a graph, with the moving average of Keras and a changing learning rate."""
    cycle = {"one_cycle": {"rate": 0.2, "start": 0.5}}
    found = []
    for rates in ({}, {"norm_biases": 0.0, "biases": 0.0}):
        model = network()
        train = Train.model_validate(
            {
                "optimizer": {"sgd": {"learning_rate": cycle, "use_ema": True}},
                "rates": rates,
                "loss": "mean_squared_error",
            }
        )
        compilation.compile_model(model, train, HEADS, 2, 4)
        before = {v.path: v.numpy() for v in model.trainable_variables}
        images, labels = np.random.default_rng(0).normal(size=(8, 4, 4, 2)), np.eye(4)[np.arange(8) % 4]
        model.fit(images, labels, batch_size=2, epochs=2, verbose=0, shuffle=False)
        found.append({v.path: np.abs(v.numpy() - before[v.path]).max() for v in model.trainable_variables})
    assert all(moved > 0 for moved in found[0].values())
    assert {path for path, moved in found[1].items() if moved == 0} == {
        path for path in found[1] if path.endswith(("bias", "beta"))
    }
