"""What the graph says of shapes and weights is what Keras builds: the zoo, every op, and random specs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import random_networks
from arriving_spec import ARRIVING
from layers_of_ops import layer_of

import archdsl
import archdsl.keras
from archdsl.codegen.module import to_python
from archdsl.graph import Graph
from archdsl.spec import OUTPUT
from archdsl.zoo import names

pytestmark = pytest.mark.tensorflow

LARGE = {
    "bert",
    "bit",
    "densenet",
    "fcn",
    "funny_resnet_notebook",
    "gpt2",
    "inception_resnet_v2",
    "inception_v3",
    "mlp_mixer",
    "nasnet",
    "resnet",
    "resnet_d",
    "resnet_ts",
    "resnet_v2",
    "resnext",
    "resnext50_paths",
    "transformer",
    "unet",
    "unet_3d",
    "vit",
    "wavenet",
    "wide_resnet",
    "xception",
}
ZOO = [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in names()]


def shapes_of(y: Any) -> Any:
    """The shape of a layer's output, or the shapes of its named outputs."""
    if isinstance(y, dict):
        return {name: shapes_of(value) for name, value in y.items()}
    return tuple(keras.tree.flatten(y)[0].shape)  # behind a path's end come its taps, and behind a cell's its state


@contextmanager
def recorded() -> Iterator[dict[str, Any]]:
    """The output's shape of each layer that is called, by its path."""
    found: dict[str, Any] = {}
    original = keras.Layer.__call__
    open_paths: list[str] = []

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        prefix = f"{open_paths[-1]}/" if len(open_paths) > 1 else ""
        open_paths.append(self.path or f"{prefix}{self.name}")
        y = original(self, *args, **kwargs)
        path = re.sub(r"functional(_\d+)?/", "", open_paths.pop())  # the graph inside a layer has no name of its own
        found[path] = shapes_of(y)
        return y

    keras.Layer.__call__ = call
    try:
        yield found
    finally:
        keras.Layer.__call__ = original


def assert_same_shapes(model: keras.Model, graph: Graph) -> None:
    """Every node's shape is what Keras gives for a batch of 2; so are every weight's path, shape and trainable flag."""
    given = [np.zeros((2, *shape), graph.dtypes.get(name, "float32")) for name, shape in graph.inputs.items()]
    with recorded() as shapes:
        model(given if len(given) > 1 else given[0])
    assert len(shapes) > 2
    missing = []
    for path, node in graph.walk():
        expected: Any = {name: (2, *shape) for name, shape in node.outputs.items()} or (2, *node.shape)
        if path in shapes:
            assert shapes[path] == expected, path
        elif node.shares:  # recorded at the first call of its layer
            continue
        elif node.role == "activation":
            assert shapes[path.removesuffix("_activation")] == expected, path
        else:
            missing.append(path)
    assert not missing
    weights = {w.path: (tuple(w.shape), w.trainable) for w in model.weights if "seed_generator" not in w.path}
    assert weights == {path: (weight.shape, weight.trainable) for path, weight in graph.weights()}


def test_the_zoo_is_there() -> None:
    assert {"digits_resnet", "funny_resnet", "funny_resnet_notebook", "resnet50"} <= set(names())


@pytest.mark.parametrize("name", ZOO)
def test_every_node_and_weight_of_the_zoo_is_as_keras_builds_it(name: str) -> None:
    spec = archdsl.load(name)
    graph = archdsl.resolve(spec)
    model = archdsl.build(spec)
    assert_same_shapes(model, graph)
    assert model.count_params() == graph.totals.parameters
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == graph.totals.trainable
    assert len(model.weights) == graph.totals.variables
    ends = {name: (None, *end.shape) for name, end in graph.outputs.items()}
    assert graph.flexible or shapes_of(model.output) == (ends if len(ends) > 1 else ends[OUTPUT])


def test_verify_tells_a_network_from_another() -> None:
    spec = archdsl.load("digits_resnet")
    model = archdsl.build(spec)
    with pytest.raises(archdsl.ArchError, match="differs from the graph"):
        archdsl.keras.verify(model, archdsl.resolve(spec, width=16))


def run(
    graph: Graph, inputs: Mapping[str, Any], weights: dict[str, Any], scope: str = "", home: Graph | None = None
) -> dict[str, Any]:
    """The graph's outputs, node by node, with these weights: it knows nothing of the generated source.

    Args:
        home: the body whose weights are used, if its layer is called again.
    """
    values = dict(inputs)
    owners = {node.name: node for node in (home or graph).nodes}
    for node in graph.nodes:
        given = [values[ref] for ref in node.inputs]
        owner = owners[node.shares or node.name]
        if node.body is not None:
            inside = dict(zip(node.body.inputs, given, strict=True))
            for name, value in run(node.body, inside, weights, f"{scope}{owner.name}/", owner.body).items():
                values[f"{node.name}.{name}" if node.outputs else node.name] = value
            continue
        assert node.op is not None
        layer = layer_of(node.op, len(given), len(given[0].shape) - 2)
        taken = given if node.op.kind == "merge" or len(given) > 1 else given[0]
        layer(taken)
        for weight in layer.weights:
            own = weight.path.partition("/")[2]  # attention's weights stand a level deeper
            if "seed_generator" not in own:
                weight.assign(weights[f"{scope}{owner.name}/{own}"])
        values[node.name] = layer(taken)
    return {name: values[end.ref] for name, end in graph.outputs.items()}


def random_inputs(graph: Graph) -> dict[str, np.ndarray]:
    """Two examples for each input: pixels are those of an image, and other integers are small enough for any table."""
    random = np.random.default_rng(1)
    found = {}
    for name, shape in graph.inputs.items():
        dtype, size = graph.dtypes.get(name, "float32"), (2, *shape)
        largest = {"bool": 2, "uint8": 256}.get(dtype, random_networks.VOCABULARY)
        value = random.standard_normal(size) if dtype == "float32" else random.integers(0, largest, size)
        found[name] = value.astype(dtype)
    return found


def assert_same_numbers(model: keras.Model, graph: Graph, alive: bool = True) -> None:
    """With random weights, the model gives what its graph gives.

    Args:
        alive: whether what it gives must differ from place to place.
    """
    random = np.random.default_rng(0)
    weights = {w.path: w for w in model.weights if "seed_generator" not in w.path}
    for weight in weights.values():
        value = random.standard_normal(weight.shape, np.float32)
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(1 + 0.1 * np.abs(value))
        else:
            weight.assign(value / np.sqrt(np.prod(weight.shape[:-1])) if weight.name == "kernel" else 0.3 * value)
    inputs = random_inputs(graph)
    given = model(list(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values())))
    given = given if isinstance(given, dict) else {OUTPUT: given}
    for name, value in run(graph, inputs, weights).items():
        y, expected = np.asarray(given[name]), np.asarray(value)
        assert np.isfinite(expected).all()
        assert np.std(expected) > 0 or not alive
        assert np.allclose(y, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


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


def ruff(*arguments: str, text: str = "") -> None:
    """Holds a text, or the files of a folder, to ruff."""
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", *(["-"] if text else [])]
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def hold(network: random_networks.Network, folder: Path) -> int:
    """Keras builds what the graph says; at how many sizes. What is ejected, or made again, computes the same."""
    spec, graph = network.spec, network.graph
    model = archdsl.build(spec)
    assert model.count_params() == graph.totals.parameters
    taken = [((None, *one.open_shape), one.dtype) for one in spec.inputs.values()]
    assert [(tuple(tensor.shape), tensor.dtype) for tensor in model.inputs] == taken
    sizes = [graph, *network.sizes()]
    for one in sizes:
        assert_same_shapes(model, one)
    assert_same_numbers(model, graph, alive=False)
    source = to_python(spec)
    (folder / f"seed_{network.seed}.py").write_text(source, encoding="utf-8")
    if network.seed % 2:
        again = type(model).from_config(model.get_config())
    else:
        ejected: dict[str, Any] = {"__name__": f"seed_{network.seed}"}
        exec(compile(source, "ejected.py", "exec"), ejected)  # noqa: S102 - of our own making
        again = ejected[spec.name]()
    again.set_weights(model.get_weights())
    x = list(random_inputs(graph).values())
    given, expected = (keras.tree.flatten(net(x if len(x) > 1 else x[0])) for net in (again, model))
    assert all(np.array_equal(a, b) for a, b in zip(given, expected, strict=True))
    keras.backend.clear_session()
    return len(sizes)


def hold_networks(many: int, first: int, folder: Path) -> Counter[str]:
    """Holds so many random networks to their graphs, and their source to ruff; how many of them have what."""
    has = Counter[str]()
    for network in random_networks.networks(many, first):
        sizes = hold(network, folder)
        source = (folder / f"seed_{network.seed}.py").read_text(encoding="utf-8")
        written = {word for word in ("keras.name_scope", "_input_2", "for number", "def build") if word in source}
        has.update(network.features | written | ({"three sizes"} if sizes == 3 else set()))
    ruff("format", "--diff", str(folder))
    ruff("check", "--ignore", "SIM102", str(folder))  # a `when` in a `when` is nested
    return has


def test_random_networks_are_built_as_their_graphs_say(tmp_path: Path) -> None:
    has = hold_networks(12, 80, tmp_path)
    assert has.keys() >= {"rank 1", "rank 2", "rank 3", "embedding", "uint8", "bool", "shared", "three sizes"}


LEAST = {
    **dict.fromkeys(("rank 1", "rank 2", "rank 3", "layers", "several inputs", "def build", "for number"), 120),
    **dict.fromkeys(("shared", "embedding", "three sizes", "bool"), 80),
    **dict.fromkeys(("int32", "int64", "uint8", "cast", "rescale", "keras.name_scope"), 50),
    **dict.fromkeys(("flexible length", "flexible height", "flexible width", "flexible depth", "several outputs"), 30),
    **dict.fromkeys(("concat", "multiply", "depthwise_conv", "rearrange", "reduce", "softmax"), 20),
    **dict.fromkeys(("attention", "lstm", "gru", "simple_rnn", "conv_transpose", "separable_conv", "crop"), 8),
    "_input_2": 3,
}
"""How many of 500 networks have what, at least."""


@pytest.mark.slow
def test_500_random_networks_are_built_as_their_graphs_say(tmp_path: Path) -> None:
    has = hold_networks(500, 1000, tmp_path)
    assert {name: has[name] for name, least in LEAST.items() if has[name] < least} == {}


def body(text: str, args: str = "{}", use: str = "{}", model: str = "") -> str:
    """A spec of one layer between two convs."""
    return f"""
archdsl: 1
name: Net
input: [9, 8, 3]
defaults: {{conv: {{padding: same, norm: batch}}}}
layers:
  Own:
    args: {args}
{text}
model:
  - conv: {{filters: 6, kernel: 3}}
  - Own: {use}
{model}  - global_average_pool
"""


CASES = {
    "a fork inside a path leaves the outer fork alone": body("""
    steps:
      - relu
      - paths:
          one: [{paths: {a: [conv: {filters: 6, kernel: 3}], b: [batch_norm]}, merge: add}]
          two: [conv: {filters: 6, kernel: 1}]
        shortcut: identity
        merge: add"""),
    "paths behind a lone path run it once": body("""
    steps:
      - paths: {alone: [conv: {filters: 6, kernel: 3}]}
      - paths: {a: [relu], b: [conv: {filters: 6, kernel: 1}]}
        merge: add"""),
    "two bunches with the same names": body("""
    steps:
      - {paths: {a: [conv: {filters: 6, kernel: 3}]}, shortcut: projection, merge: add}
      - {paths: {a: [conv: {filters: 4, kernel: 3}]}, shortcut: projection, merge: add}
      - {paths: [[conv: {filters: 4, kernel: 3}], [batch_norm]], merge: add}
      - {paths: [[conv: {filters: 4, kernel: 1}], [batch_norm]], merge: concat}"""),
    "paths that may all be away": body(
        """
    paths:
      a: {steps: [conv: {filters: 6, kernel: 3}], repeat: $depth}
    shortcut: none
    merge: add""",
        "{depth: 2}",
        "{depth: 0}",
    ),
    "a shortcut beside no path": body(
        """
    paths:
      a: {steps: [conv: {filters: 6, kernel: 3}], when: $wide}
    shortcut: auto
    merge: concat""",
        "{wide: true}",
        "{wide: false}",
    ),
    "a projection behind pooling of default size": body("""
    paths: {a: [conv: {filters: 4, kernel: 3}, max_pool: {padding: same}]}
    shortcut: projection
    merge: add"""),
    "a projection behind strides in a loop": body(
        """
    paths: {a: [{conv: {filters: 5, kernel: 3, stride: 2}, repeat: $depth}]}
    shortcut: projection
    merge: add""",
        "{depth: 2}",
    ),
    "a projection behind a layer": body(
        """
    steps:
      - {paths: {a: [conv: {filters: 5, kernel: 3, stride: 2}]}, shortcut: projection, merge: add}
  Outer:
    paths: {a: [Own]}
    shortcut: auto
    merge: add""",
        model="  - Outer\n",
    ),
    "numbers that go on behind loops": body(
        """
    steps:
      - {conv: {filters: 4, kernel: 1}, repeat: "$depth if $wide else 1"}
      - {conv: {filters: $f, kernel: 1}, for: {f: $sizes}, when: $f > 4}
      - {conv: {filters: 4, kernel: 1}, for: {i: 3}, when: $i > 0, repeat: $i}
      - {conv: {filters: 4, kernel: 1}, repeat: 2, when: not $wide}
      - {conv: {filters: 4, kernel: 1}, for: {f: $sizes, i: 2}, repeat: $f * $i - $f * $i + 1, when: $f > 4}
      - conv: {filters: 4, kernel: 1}""",
        "{depth: 3, wide: true, sizes: [4, 6]}",
    ),
    "numbers and layers that depend on channels": body("""
    steps:
      - paths: {a: [conv: {filters: $channels, kernel: 1}]}
        shortcut: identity
        merge: add
        after: relu
        when: $channels > 4
      - relu
      - {conv: {filters: $channels * 2, kernel: 1}, repeat: $channels // 3}
      - conv: {filters: 4, kernel: 1}"""),
    "text inside names": body(
        """
    steps:
      - {conv: {filters: 4, kernel: 1}, repeat: "2 if $mode == 'deep' else 1"}
      - conv: {filters: "6 if $mode != \\"it's\\" else 2", kernel: 1}""",
        "{mode: deep}",
    ),
    "floats where an int is expected": body(
        """
    steps:
      - {conv: {filters: $filters * $factor, kernel: $filters / 2}, repeat: $factor * 4}
      - conv: {filters: "ceil($filters * $factor)", kernel: 1, activation: {relu: {max_value: $factor * 3}}}
      - {conv: {filters: "divisible($filters * $factor, 4)", kernel: 1}, for: {i: $factor * 4}, when: $i > 0}""",
        "{filters: 6, factor: 0.5}",
    ),
    "names of Python's and of the generated module": body(
        """
    paths:
      range: {steps: [conv: {filters: 6, kernel: 1}], repeat: 2}
      tuple: [conv: {filters: 6, kernel: 1}]
      Own: [{conv: {filters: 6, kernel: 1}, name: zip}]
      inputs: [{paths: {x: [relu], fork: [conv: {filters: 6, kernel: 1}]}, merge: add}]
      training: [relu]
      parts: [{relu: {}, name: shapes}]
    shortcut: auto
    merge: maximum""",
        model="""  - paths: {range: [conv: {filters: 6, kernel: 1}], Own: [relu], inputs: [relu], x: [gelu]}
    merge: add
  - Own
  - {conv: {filters: 4, kernel: 1}, repeat: 2}
""",
    ),
    "like with a required argument fixed": body(
        """
    steps: [conv: {filters: $filters, kernel: $kernel, stride: $stride}]
  Near: {like: Own, with: {filters: 5}}""",
        "{stride: 1, filters: int, kernel: int}",
        "{filters: 4, kernel: 3}",
        "  - Near: {kernel: 3}\n",
    ),
    "recursion": body(
        """
    steps:
      - conv: {filters: 6, kernel: 3}
      - Own: {depth: $depth - 1}
        when: $depth > 1""",
        "{depth: 3}",
    ),
    "arriving": ARRIVING,
    "words": """
archdsl: 1
name: Net
input: [9, 8, 3]
args: {act: relu, same: true}
defaults: {batch_norm: {momentum: 0.9}}
layers:
  Own:
    args: {norm: batch, act: relu, last: none, pad: same, how: add}
    steps:
      - conv: {filters: 6, kernel: 3, padding: $pad, norm: $norm, activation: $act}
      - conv: {filters: 6, kernel: 1, activation: $last, norm: "'batch' if $pad == 'same' else 'none'"}
      - paths: {main: [conv: {filters: 6, kernel: 1, norm: $norm}]}
        shortcut: identity
        merge: "'concat' if $channels > 3 else $how"
model:
  - Own
  - Own: {act: $act, norm: layer, pad: valid, last: leaky_relu, how: concat}
  - {paths: {a: [relu], b: [gelu]}, merge: $m, for: {m: [maximum, add]}}
  - {conv: {filters: 8, kernel: 3, padding: "'same' if $same else 'valid'", norm: $n}, for: {n: [batch, none]}}
""",
    "glu": body("""
    steps: [conv: {filters: 8, kernel: 3, activation: glu}, batch_norm]"""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_case_builds_and_computes_as_its_graph_says(case: str) -> None:
    spec = archdsl.loads(CASES[case])
    graph = archdsl.resolve(spec)
    for command in (["format", "--diff"], ["check"]):
        ruff(*command, text=to_python(spec))
    model = archdsl.build(spec)
    assert_same_shapes(model, graph)
    assert_same_numbers(model, graph)


def test_auto_needs_no_height_and_width_if_it_knows_the_stride() -> None:
    layer = archdsl.compile("digits_resnet").ResidualLayer
    assert layer(8)(keras.Input((None, None, 8))).shape[-1] == 8
    assert not any("shortcut" in weight.path for weight in _made(layer(8), 8).weights)
    assert any("shortcut" in weight.path for weight in _made(layer(8, stride=2), 4).weights)
    assert any("shortcut" in weight.path for weight in _made(layer(8, stride=2), 8).weights)


def _made(layer: Any, channels: int) -> Any:
    layer(keras.Input((None, None, channels)))
    return layer


@pytest.mark.parametrize("name", ["range", "Own", "Net", "tuple", "LowestPadding"])
@pytest.mark.parametrize("place", ["argument", "column"])
def test_a_value_cannot_hide_what_the_generated_code_calls(name: str, place: str) -> None:
    step = f"{{conv: {{filters: ${name}, kernel: 1}}{f', for: {{{name}: [3]}}' if place == 'column' else ''}}}"
    args = f"{{{name}: 3}}" if place == "argument" else "{}"
    text = body(f"\n    steps: [{step}]", args)
    with pytest.raises(archdsl.ArchError, match=r"invalid (argument|column) name"):
        archdsl.compile(archdsl.loads(text))
