"""What the graph says of shapes and weights is what Keras builds: the zoo, every op, and random specs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from random_specs import specs

import archdsl
import archdsl.keras
from archdsl.backends import extra
from archdsl.backends.layout import Names, flat
from archdsl.backends.python import to_python
from archdsl.graph import Graph
from archdsl.ops import OPS, Example, Op
from archdsl.zoo import names

pytestmark = pytest.mark.tensorflow

ZOO = names()
EXAMPLES = [(name, example) for name, op in OPS.items() for example in op.examples]


@contextmanager
def recorded() -> Iterator[dict[str, tuple[int, ...]]]:
    """The output's shape of each layer that is called: by its path, and by the names of the layers that call it."""
    found: dict[str, tuple[int, ...]] = {}
    original = keras.Layer.__call__
    names: list[str] = []

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        names.append(self.name)
        y = original(self, *args, **kwargs)
        found[self.path or "/".join(names[1:])] = found["/".join(names[1:])] = tuple(y.shape)
        names.pop()
        return y

    keras.Layer.__call__ = call
    try:
        yield found
    finally:
        keras.Layer.__call__ = original


def assert_same_shapes(model: keras.Model, graph: Graph) -> None:
    """Every node's shape is what Keras gives for a batch of 2; so are every weight's path, shape and trainable flag."""
    with recorded() as shapes:
        model(np.zeros((2, *graph.input), np.float32))
    assert len(shapes) > 2
    missing = []
    for path, node in graph.walk():
        expected = (2, *node.shape)
        if path in shapes:
            assert shapes[path] == expected, path
        elif node.role == "activation":
            assert shapes[path.removesuffix("_activation")] == expected, path
        else:
            missing.append(path)
    assert not missing
    weights = {w.path: (tuple(w.shape), w.trainable) for w in model.weights if "seed_generator" not in w.path}
    assert weights == {path: (weight.shape, weight.trainable) for path, weight in graph.weights()}


def test_the_zoo_is_there() -> None:
    assert {"digits_resnet", "funny_resnet", "funny_resnet_notebook", "resnet50"} <= set(ZOO)


@pytest.mark.parametrize("name", ZOO)
def test_every_node_and_weight_of_the_zoo_is_as_keras_builds_it(name: str) -> None:
    spec = archdsl.load(name)
    graph = archdsl.resolve(spec)
    model = archdsl.build(spec)
    assert_same_shapes(model, graph)
    assert model.count_params() == graph.totals.parameters
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == graph.totals.trainable
    assert len(model.weights) == graph.totals.variables
    assert model.output_shape == (None, *graph.shape)


def test_verify_tells_a_network_from_another() -> None:
    spec = archdsl.load("digits_resnet")
    model = archdsl.build(spec)
    with pytest.raises(archdsl.ArchError, match="Keras built another network"):
        archdsl.keras.verify(model, archdsl.resolve(spec, width=16))


def layer_of(op: Op) -> Any:
    """One Keras layer from the source of an op."""
    source = flat(Names({}).write(op.keras()))
    return eval(source, {"layers": keras.layers, **vars(extra)})  # noqa: S307 - source of our own making


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_every_example_of_an_op_is_as_keras_builds_it(name: str, example: Example) -> None:
    op = OPS[name].model_validate(dict(example.fields))
    layer = layer_of(op)
    assert op.shape(*example.inputs) == example.output
    arrays = [np.zeros((2, *shape), np.float32) for shape in example.inputs]
    given = arrays if op.many else arrays[0]
    assert tuple(layer(given).shape) == (2, *example.output)
    static = [(None, *shape) for shape in example.inputs]
    assert tuple(layer.compute_output_shape(static if op.many else static[0])) == (None, *example.output)
    weights = {w.name: (tuple(w.shape), w.trainable) for w in layer.weights}
    assert weights == {key: (w.shape, w.trainable) for key, w in op.weights(*example.inputs).items()}


def test_every_op_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == set(OPS)
    assert len(OPS) >= 40


def plain(value: Any) -> Any:
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def test_a_default_that_is_written_out_changes_nothing() -> None:
    compared = 0
    for name, op in OPS.items():
        for example in op.examples[:1]:
            defaults = {
                key: field.default
                for key, field in op.model_fields.items()
                if not field.is_required() and field.default is not None and key not in ("norm", "activation")
            }
            told = {**defaults, **example.fields}
            configs = [layer_of(op.model_validate(fields)).get_config() for fields in (dict(example.fields), told)]
            for config in configs:
                del config["name"]
            assert plain(list(configs[0].items())) == plain(list(configs[1].items())), name
            compared += len(defaults)
    assert compared > 20


def test_max_pool_with_pixels_of_padding_never_takes_the_border() -> None:
    text = """
archdsl: 1
name: Net
input: [6, 5, 2]
model:
  - max_pool: {size: 3, stride: 2, padding: PADDING}
"""
    x = -1 - np.random.default_rng(0).random((3, 6, 5, 2), np.float32)
    for padding, (top, bottom, left, right) in {"1": (1, 1, 1, 1), "[[0, 1], [2, 1]]": (0, 1, 2, 1)}.items():
        y = archdsl.build(archdsl.loads(text.replace("PADDING", padding)))(x)
        padded = np.full((3, 6 + top + bottom, 5 + left + right, 2), -np.inf, np.float32)
        padded[:, top : top + 6, left : left + 5] = x
        height, width = ((side - 3) // 2 + 1 for side in padded.shape[1:3])
        expected = [
            [padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3].max((1, 2)) for column in range(width)]
            for row in range(height)
        ]
        assert np.array_equal(y, np.transpose(np.array(expected), (2, 0, 1, 3)))


def ruff(*arguments: str, text: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "-"]
    return subprocess.run(command, input=text, text=True, capture_output=True, check=False)


built: list[str] = []


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(specs())
def check_random_specs(text: str) -> None:
    try:
        spec = archdsl.loads(text)
        graph = archdsl.resolve(spec)
        source = to_python(spec)
    except archdsl.ArchError:
        assume(False)
    compile(source, "generated.py", "exec")
    for arguments in (["format", "--diff"], ["check"]):
        done = ruff(*arguments, text=source)
        assert done.returncode == 0, done.stdout + done.stderr
    model = archdsl.build(spec)
    assert_same_shapes(model, graph)
    x = np.random.default_rng(0).random((2, *spec.input), np.float32)
    y = model(x)
    assert np.isfinite(y).all()
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert np.array_equal(again(x), y)
    built.append(text)
    keras.backend.clear_session()


def test_random_specs_build_as_their_graphs_say_and_their_source_is_clean() -> None:
    built.clear()
    check_random_specs()
    assert len(built) >= 25
