"""All ops of the registry against Keras: shapes, weights, precision, saving, and completeness of the arguments."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from layers_of_ops import layer_of, shapes_of, taken_by

import archdsl.keras  # noqa: F401 - registers the extra layers
from archdsl.keras import layers
from archdsl.ops import OPS, Example, Op, weights
from archdsl.ops.keras_objects import Words

pytestmark = pytest.mark.tensorflow

EXAMPLES = [(name, example) for name, op in OPS.items() for example in op.examples]
ids = [f"{name}-{i}" for name, op in OPS.items() for i, _ in enumerate(op.examples)]

ON_A_DEVICE = {"conv_transpose": {"dilation"}}
"""Arguments that TensorFlow does not support on a CPU; only shapes and weights are compared."""


def runs(name: str, example: Example) -> bool:
    return not ON_A_DEVICE.get(name, set()) & set(example.fields)


def arrays(op: Op, example: Example) -> Any:
    random = np.random.default_rng(0)
    if op.takes == ("int",):
        made = [random.integers(0, 9, (2, *shape), np.int32) for shape in example.inputs]
    else:
        made = [random.standard_normal((2, *shape)).astype(np.float32) for shape in shapes_of(op, example)]
    if op.name in ("log", "sqrt"):
        made = [np.abs(array) for array in made]
    return made if len(made) > 1 else made[0]


def symbols(op: Op, example: Example) -> Any:
    made = [keras.Input(shape, dtype="int32" if op.takes == ("int",) else None) for shape in shapes_of(op, example)]
    return made if len(made) > 1 else made[0]


def weights_of(layer: Any) -> dict[str, tuple[tuple[int, ...], bool]]:
    return {w.path.removeprefix(f"{layer.name}/"): (tuple(w.shape), w.trainable) for w in layer.weights}


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=ids)
def test_shapes_and_weights_are_what_keras_builds(name: str, example: Example) -> None:
    op = OPS[name].model_validate(dict(example.fields))
    layer = layer_of(op, *taken_by(op, example))
    assert op.output(*example.inputs) == example.output
    assert tuple(layer(symbols(op, example)).shape) == (None, *example.output)
    if runs(name, example):
        assert tuple(layer(arrays(op, example)).shape) == (2, *example.output)
    static = [(None, *shape) for shape in shapes_of(op, example)]
    assert tuple(layer.compute_output_shape(static if len(static) > 1 else static[0])) == (None, *example.output)
    expected = op.weights(*example.inputs)
    assert weights_of(layer) == {key: (w.shape, w.trainable) for key, w in expected.items()}
    assert list(weights_of(layer)) == list(expected)


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=ids)
def test_an_op_follows_its_dtype_policy(name: str, example: Example) -> None:
    """Under `mixed_bfloat16`, it computes in bfloat16, also in training, with float32 weights."""
    op = OPS[name].model_validate(dict(example.fields))
    layer = layer_of(op, *taken_by(op, example), dtype="mixed_bfloat16")
    y = layer(symbols(op, example))
    assert y.dtype == "bfloat16"
    if runs(name, example):
        given = arrays(op, example)
        for training in (False, True) if "training" in inspect.signature(layer.call).parameters else (False,):
            y = layer(given, training=training) if training else layer(given)
            assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
            lowest = name == "lowest_pad"
            assert lowest or np.isfinite(np.asarray(keras.ops.cast(y, "float32"))).all()
    assert {w.dtype for w in layer.weights if "int" not in w.dtype} <= {"float32"}


def configs(model: Any) -> Any:
    """The config of a model without the modules of its classes, because the last registered class is loaded."""
    return json.loads(model.to_json(), object_hook=lambda found: {k: v for k, v in found.items() if k != "module"})


@pytest.mark.parametrize("name", OPS)
def test_a_saved_model_is_loaded_unchanged(name: str, tmp_path: Path) -> None:
    """A model of all examples of the op is saved and loaded: configs, weights and outputs are equal."""
    inputs, outputs, given = [], [], []
    for example in OPS[name].examples:
        if not runs(name, example):
            continue
        op = OPS[name].model_validate(dict(example.fields))
        symbol, array = symbols(op, example), arrays(op, example)
        outputs.append(layer_of(op, *taken_by(op, example))(symbol))
        several = len(example.inputs) > 1
        inputs += symbol if several else [symbol]
        given += array if several else [array]
    model = keras.Model(inputs, outputs)
    random = np.random.default_rng(1)
    model.set_weights([np.abs(random.standard_normal(w.shape)).astype(w.dtype) for w in model.weights])
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # Keras reads its statistics when it builds or loads it, and not when they are set
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert configs(again) == configs(model)
    for one, other in zip(keras.tree.flatten(again(given)), keras.tree.flatten(model(given)), strict=True):
        assert np.array_equal(one, other)


def plain(value: Any) -> Any:
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def test_an_explicit_default_has_no_effect() -> None:
    compared = 0
    for name, op in OPS.items():
        for example in op.examples[:1]:
            defaults = {
                key: field.default
                for key, field in op.model_fields.items()
                if not field.is_required() and field.default is not None and key not in op.block_fields
            }
            told = {**defaults, **example.fields}
            configs = [layer_of(op.model_validate(fields)).get_config() for fields in (dict(example.fields), told)]
            for config in configs:
                del config["name"]
            assert plain(list(configs[0].items())) == plain(list(configs[1].items())), name
            compared += len(defaults)
    assert compared > 90


EVERYWHERE = {
    "name": "the step's name, which the language gives",
    "dtype": "the model's policy, which is one for all layers",
    "data_format": "channels stand last, in every spec",
    "noise_shape": "`spatial_dropout` and `stochastic_depth` are what it is for",
    "lora_rank": "fine-tuning adds it to a built model: `enable_lora`",
    "lora_alpha": "as `lora_rank`",
    "quantization_config": "a built model is quantized: `quantize`",
}
_RECURRENT = {
    "return_state": "a step has one output; with `return_sequences`, `take` gives the last state",
    "stateful": "it needs a fixed size of the batch, which a spec does not have",
}
LEFT_OUT = {
    "batch_norm": {"axis": "channels stand last", "renorm_clipping": "without it Keras clips nothing"},
    "group_norm": {"axis": "channels stand last"},
    "instance_norm": {"axis": "channels stand last"},
    "concat": {"axis": "a merge joins channels"},
    "glu": {"axis": "it splits the channels"},
    "rearrange": {"reduction": "`reduce` is what it is for"},
    "embedding": {"weights": "a built model is given its weights: `set_weights`"},
    "lstm": _RECURRENT,
    "gru": _RECURRENT,
    "simple_rnn": _RECURRENT,
}
"""Arguments of Keras that an op does not have, with the reason."""


def covered(op: type[Op]) -> tuple[Any, set[str]]:
    """The constructor of the op's layer in Keras, and the parameters that the op covers."""
    # Grouped queries are another layer, without some of the arguments.
    fields = op.model_fields.keys() - {"kv_heads"}
    call = op.model_construct(**{name: object() for name in fields}).keras()
    if "bidirectional" in op.model_fields:
        assert call.target == "layers.Bidirectional"
        call = call.positional[0]
    if call.target in ("ActivationFunction", "GatedLinearUnit") or call.target == "layers.Activation":
        function = str(getattr(op, "function", op.name))
        return getattr(keras.activations, function), {"x", *call.keywords}
    if call.target == "ElementwiseFunction":
        function = getattr(keras.ops, op.name)
        return function, {next(iter(inspect.signature(function).parameters)), *call.keywords}
    maker = layers if call.target[0].isupper() else keras.layers
    made = getattr(maker, call.target.split(".")[-1])
    parameters = list(inspect.signature(made.__init__).parameters)[1:]
    told = {*parameters[: len(call.positional)], *call.keywords}
    if op.name == "attention":
        grouped = op.model_construct(heads=object(), key=object(), kv_heads=object()).keras()
        more = inspect.signature(keras.layers.GroupQueryAttention.__init__).parameters.keys() - {"self", "kwargs"}
        assert more - {*call.keywords} == {"head_dim", "num_query_heads", "num_key_value_heads"}
        assert len(grouped.positional) == 3
        return keras.layers.MultiHeadAttention, told
    return made, told


@pytest.mark.parametrize("name", OPS)
def test_an_op_has_every_argument_that_keras_has(name: str) -> None:
    made, told = covered(OPS[name])
    function = made if inspect.isfunction(made) else made.__init__
    plain_layer = function is keras.layers.Layer.__init__
    wanted = set() if plain_layer else set(inspect.signature(function).parameters) - {"self", "kwargs"}
    missing = wanted - told - EVERYWHERE.keys()
    assert missing == set(LEFT_OUT.get(name, ()))


def test_arguments_left_out_exist_in_keras() -> None:
    seen = set()
    for op in OPS.values():
        made, _ = covered(op)
        seen |= set(inspect.signature(made if inspect.isfunction(made) else made.__init__).parameters)
    assert EVERYWHERE.keys() <= seen
    assert LEFT_OUT.keys() <= OPS.keys()


TABLES: dict[Any, tuple[Words[Any], set[str]]] = {
    keras.initializers: (weights.INITIALIZERS, {"stft", "initializer"}),  # the first is of sound, the second the base
    keras.regularizers: (weights.REGULARIZERS, {"regularizer"}),
    keras.constraints: (weights.CONSTRAINTS, {"constraint"}),
}


@pytest.mark.parametrize("module", TABLES)
def test_every_initializer_regularizer_and_constraint_of_keras_is_a_word(module: Any) -> None:
    table, left_out = TABLES[module]
    words = {name for name in dir(module) if name.islower() and inspect.isclass(getattr(module, name))}
    assert words - left_out == set(table)
    for word, entry in table.items():
        assert getattr(getattr(keras, entry.target.split(".")[0]), entry.target.split(".")[1]) is getattr(module, word)
        signature = inspect.signature(getattr(module, word)).parameters
        assert entry.first in ("", *list(signature)[:1])


def test_every_activation_of_keras_is_an_op() -> None:
    functions = {name for name, value in vars(keras.activations).items() if inspect.isfunction(value)}
    functions -= {"get", "serialize", "deserialize"}
    ops = {name for name, op in OPS.items() if op.kind == "activation"}
    assert functions - ops == set()
    assert ops - functions == {"prelu"}
