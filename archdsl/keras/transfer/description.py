"""What an op does, told in one way whoever wrote it: an op of a spec, a Keras layer, or a bare Keras op."""

from __future__ import annotations

import importlib
import json
from collections.abc import Hashable
from typing import Any

from archdsl.keras.transfer.network import Called, Function, Step
from archdsl.ops import Call, Op

_SYMMETRIC = frozenset(["Add", "Multiply", "Average", "Maximum", "Minimum"])
"""Ops that give the same whatever the order of their inputs."""

_SILENT = frozenset(
    """
    Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise
    StochasticDepth Identity ActivityRegularization InputLayer
    """.split()  # noqa: SIM905 - names are read more easily so
)
"""Layers that hand on what they take, but for what they do at random in training."""

_SAID_ELSEWHERE = ("name", "dtype", "trainable", "seed", "archdsl")
_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def kind_of(does: Any) -> str:
    """The name of its Keras class."""
    if isinstance(does, Op):
        return does.keras().target.rpartition(".")[2]
    return type(does.operation).__name__ if isinstance(does, Called) else ""


def is_symmetric(does: Any) -> bool:
    """Whether the order of its inputs makes no difference."""
    return kind_of(does) in _SYMMETRIC


def is_concat(does: Any) -> bool:
    """Whether it sets its inputs beside one another."""
    return kind_of(does) == "Concatenate"


def axis_of(step: Step) -> int:
    """The axis of a concatenation, from 0."""
    does = step.does
    axis = getattr(does.operation, "axis", -1) if isinstance(does, Called) else -1
    return int(axis) % step.rank


def passes_on(does: Any) -> bool:
    """Whether its output is its input, but for what it does at random in training."""
    return kind_of(does) in _SILENT or _activation(does) == "linear"


def described(step: Step) -> Hashable:
    """All that it computes, but for its weights."""
    does = step.does
    if (name := _activation(does)) is not None:
        return Function(name)
    if len(step.inputs) > 1 and is_symmetric(does):
        return kind_of(does)
    if is_concat(does):
        return kind_of(does), axis_of(step)
    operation = _made(does.keras()) if isinstance(does, Op) else does.operation
    # A layer's other arguments are whether it trains; those of a bare op are what it computes with.
    arguments = repr(does.arguments) if _is_bare(does) else ""
    return kind_of(does), _settings(operation), arguments


def _is_bare(does: Any) -> bool:
    """Whether it is an op of Keras that is no layer."""
    return isinstance(does, Called) and not hasattr(does.operation, "weights")


def _activation(does: Any) -> str | None:
    """The function that it applies to each number, where it is one of those with a name."""
    kind = kind_of(does)
    if isinstance(does, Function):
        return does.name
    if _is_bare(does) and kind in ("Relu", "Relu6", "Sigmoid", "Silu", "Tanh"):
        return kind.lower()
    if kind not in ("Activation", "ReLU", "Softmax"):
        return None
    layer = _made(does.keras()) if isinstance(does, Op) else does.operation
    if kind == "Activation":
        return str(getattr(layer.activation, "__name__", "")) or None
    config = layer.get_config() if hasattr(layer, "get_config") else {}
    if kind == "Softmax":
        return "softmax" if config.get("axis") == -1 else None
    plain = not config.get("negative_slope") and not config.get("threshold")
    return {None: "relu", 6.0: "relu6"}.get(config.get("max_value")) if plain else None


def _settings(operation: Any) -> str:
    """The arguments that decide what a layer computes, as text."""
    try:
        config = dict(operation.get_config())
    except (NotImplementedError, AttributeError, TypeError):
        config = {key: value for key, value in vars(operation).items() if not key.startswith("_")}
    kept = {k: v for k, v in config.items() if k not in _SAID_ELSEWHERE and not k.endswith(_ENDINGS)}
    if applied(operation):
        kept.pop("activation", None)
    return json.dumps(kept, sort_keys=True, default=repr)


def applied(operation: Any) -> str:
    """The activation that a layer applies to what it gives; nothing of one that has none, or uses it inside."""
    kind = type(operation).__name__
    if "Conv" not in kind and kind not in ("Dense", "EinsumDense"):
        return ""
    return str(getattr(getattr(operation, "activation", None), "__name__", "linear"))


def _made(call: Any) -> Any:
    """The Keras layer that a call makes."""
    if isinstance(call, Call):
        words = {key: _made(value) for key, value in call.keywords.items()}
        return _class(call.target)(*map(_made, call.positional), **words)
    return call


def _class(target: str) -> Any:
    module, _, name = target.rpartition(".")
    if not module:
        return getattr(importlib.import_module("archdsl.keras.layers"), name)
    if module.split(".")[0] in ("layers", "initializers", "regularizers", "constraints"):
        module = f"keras.{module}"
    return getattr(importlib.import_module(module), name)
