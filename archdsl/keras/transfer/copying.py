"""Copies the weights of one Keras model into another, matching layers by what they compute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras

from archdsl.errors import ArchError, Problem, fail, nearest
from archdsl.keras.transfer.flat_network import FlatNetwork, WeightedLayer, flatten, is_custom
from archdsl.keras.transfer.matching import Matching, match
from archdsl.ops import Shape
from archdsl.text import quantity

_MOST_LISTED = 6
"""The most weights of each model that a message lists."""

_UNTRACEABLE = "a custom layer that cannot be traced"

_MODELS = ("the source", "the target")


class NamedWeight(NamedTuple):
    """The path of a weight in its model, and its shape."""

    path: str
    shape: Shape


class UncopiedWeights(NamedTuple):
    """The weights that were not copied.

    Args:
        source: weights of the source without a match.
        target: weights of the target that are unchanged.
    """

    source: tuple[NamedWeight, ...]
    target: tuple[NamedWeight, ...]


@dataclass(frozen=True)
class Copied:
    """The result of copying weights. Its text is a summary of a few lines.

    Args:
        weights: the paths of each copied weight in the source and in the target.
        parameters: the number of copied parameters.
        left: the weights of both models that were not copied.
        alike: paths of weights in the target that were not copied because several layers of the source match them.
            Only ops distinguish these layers, and the two models do not agree on the ops.
        causes: the first op of each model that the other does not have in the same place, such as a custom layer.
    """

    weights: tuple[tuple[str, str], ...]
    parameters: int
    left: UncopiedWeights
    alike: tuple[str, ...] = field(default=())
    causes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        whole = self.parameters + sum(math.prod(weight.shape) for weight in self.left.target)
        copied = (
            f"copied {quantity(self.parameters, 'parameter')} of {whole:,} in {quantity(len(self.weights), 'weight')}"
        )
        return "\n".join([copied, *_left_lines(self.left), *self.causes])


def copy_weights(
    source: keras.Model, target: keras.Model, *, strict: bool = False, names: Mapping[str, str] | None = None
) -> Copied:
    """Copy the weights of one model into another, matching layers by what they compute, not by name or order.

    Either model can be built by archdsl, come from `keras.applications`, or be any functional or sequential model,
    including nested models. Two layers match if their weights have the same shapes, and the same layers precede and
    follow them. Activations, padding and blocks may be expressed differently. All weights of a layer are copied,
    including moving statistics.

    Custom layers are looked through if their `call` can be traced with symbolic tensors, and all of their weights
    belong to inner layers.

    Layers without a match are unchanged, such as a head for other classes and the layers after it, or a stem for other
    channels. So are ambiguous layers, such as two branches of equal shapes where one gates the other, if the models
    express this differently. (Interchangeable branches, such as those of a sum, are matched in order.)

    Shapes must be equal, with two exceptions that have the same numbers in the same order. A `DepthwiseConv2D` kernel
    `(height, width, channels, times)` matches a grouped `Conv2D` kernel `(height, width, 1, channels * times)`, and a
    1x1 `Conv2D` kernel `(1, 1, channels, filters)` matches a `Dense` kernel `(channels, filters)`.

    Args:
        source: the model to copy from.
        target: the model to copy to, changed in place.
        strict: whether to raise an error and copy nothing if any weight of either model has no match.
        names: layers of the source that match layers of the target, whatever precedes them: `{"conv1": "stem"}`. A
            name is the path of the layer's weights without its last part.

    Returns:
        The weights that were copied, and those that were not.

    Raises:
        ArchError: no layers match; with `strict`, not all layers match; `names` has an unknown layer, or layers
            of different shapes; or a model is a custom subclass whose connections are unknown.
    """
    networks = flatten(source), flatten(target)
    matching = match(*networks, given=_given(networks, names or {}))
    left = UncopiedWeights(
        _uncopied(source, [one for one, _ in matching.pairs]), _uncopied(target, [other for _, other in matching.pairs])
    )
    if not matching.pairs or (strict and (left.source or left.target)):
        raise _mismatch(source, target, networks, matching, left)
    weights, parameters = [], 0
    for one, other in matching.pairs:
        for given, taken in zip(one.weights, other.weights, strict=True):
            taken.assign(keras.ops.reshape(keras.ops.convert_to_tensor(given), taken.shape))
            weights.append((given.path, taken.path))
            parameters += math.prod(taken.shape)
    _finalize_layers(target, {id(weight) for _, other in matching.pairs for weight in other.weights})
    alike = tuple(weight.path for layer in matching.alike for weight in layer.weights)
    return Copied(tuple(weights), parameters, left, alike, _causes(matching) if left.target else ())


def _given(networks: tuple[FlatNetwork, FlatNetwork], names: Mapping[str, str]) -> list[tuple[Any, Any]]:
    """The layers that the caller has matched by hand."""
    if len({*names.values()}) < len(names):
        raise fail("ARCH308", "cannot copy the weights: `names` has the same layer of the target twice")
    by_path = [{layer.path: layer for layer in network.layers()} for network in networks]
    pairs = []
    for pair in names.items():
        for path, model, known in zip(pair, _MODELS, by_path, strict=True):
            if path not in known:
                message = f"cannot copy the weights: no layer `{path}` in {model}"
                raise fail("ARCH308", message, hint=nearest(path, known))
        one, other = (known[path] for path, known in zip(pair, by_path, strict=True))
        if one.signature != other.signature:
            message = f"cannot copy the weights of `{one.path}` {_shapes(one)} into `{other.path}` {_shapes(other)}"
            raise fail("ARCH308", message)
        pairs.append((one, other))
    return pairs


def _shapes(layer: WeightedLayer) -> str:
    return ", ".join(str(tuple(weight.shape)) for weight in layer.weights)


def _causes(matching: Matching) -> tuple[str, ...]:
    """The first op of each model without a match, in words."""
    causes = []
    for name, op in zip(_MODELS, matching.ops, strict=True):
        if op is not None:
            text = f"first unmatched op in {name}: {op.operation.name} ({op.class_name})"
            causes.append(f"{text}, {_UNTRACEABLE}" if is_custom(op.operation) else text)
    return tuple(causes)


def _finalize_layers(model: Any, changed: set[int]) -> None:
    """Recompute the tensors that layers derive from changed weights, as `load_weights` does."""
    is_stale = False
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state") and any(id(weight) in changed for weight in layer.weights):
            layer.finalize_state()
            is_stale = True
    if is_stale:
        # Traced functions refer to the old tensors; without them, Keras traces again.
        model.train_function = model.test_function = model.predict_function = None


def _uncopied(model: Any, paired: Iterable[WeightedLayer]) -> tuple[NamedWeight, ...]:
    """The weights of a model outside the matched layers."""
    copied = {id(weight) for layer in paired for weight in layer.weights}
    return tuple(NamedWeight(w.path, tuple(w.shape)) for w in model.weights if id(w) not in copied)


def _mismatch(
    source: Any,
    target: Any,
    networks: tuple[FlatNetwork, FlatNetwork],
    matching: Matching,
    left: UncopiedWeights,
) -> ArchError:
    reason = "not all layers match" if matching.pairs else "no layers match"
    message = f"cannot copy the weights of `{source.name}` into `{target.name}`: {reason}"
    facts = []
    for side, (name, network) in enumerate(zip(_MODELS, networks, strict=True)):
        paired = {pair[side] for pair in matching.pairs}
        if (first := next((layer for layer in network.layers() if layer not in paired), None)) is not None:
            opaque = f", in {first.opaque_class}, {_UNTRACEABLE}" if first.opaque_class else ""
            facts.append(f"first unmatched layer in {name}: {first.path} {_shapes(first)}{opaque}")
    facts += [*_causes(matching), *_left_lines(left)]
    if matching.alike:
        paths = ", ".join(layer.path for layer in matching.alike[:_MOST_LISTED])
        facts.append(f"ambiguous layers: {paths}")
    hint = "layers match if their weights have equal shapes and the same layers precede them"
    hint += "; to copy only the matching ones, drop `strict=True`" if matching.pairs else ""
    hint += "; to match more by hand, pass `names={'layer of the source': 'layer of the target'}`"
    return ArchError(Problem("ARCH308", message, facts=tuple(facts), hint=hint))


def _left_lines(left: UncopiedWeights) -> list[str]:
    lines = []
    for name, weights in zip(_MODELS, left, strict=True):
        listed = ", ".join(f"{weight.path} {weight.shape}" for weight in weights[:_MOST_LISTED])
        more = f", and {len(weights) - _MOST_LISTED:,} more" if len(weights) > _MOST_LISTED else ""
        lines += [f"not copied, in {name}: {listed}{more}"] if weights else []
    return lines
