"""Copies the weights of one Keras model into another, layer by layer, as the two models compute."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras

from archdsl.errors import ArchError, Problem
from archdsl.keras.transfer.flat_network import FlatNetwork, WeightedLayer, flatten
from archdsl.keras.transfer.matching import Matching, match
from archdsl.ops import Shape
from archdsl.text import quantity

_MOST_LISTED = 6
"""How many weights of each model a text lists."""

_MODELS = ("the source", "the target")


class NamedWeight(NamedTuple):
    """A weight by its path in its model, with its shape."""

    path: str
    shape: Shape


class UncopiedWeights(NamedTuple):
    """The weights that were not copied.

    Args:
        source: those that went nowhere.
        target: those that keep their numbers.
    """

    source: tuple[NamedWeight, ...]
    target: tuple[NamedWeight, ...]


@dataclass(frozen=True)
class Copied:
    """What went across. Printed, it is a few lines that tell how much, and what was left.

    Args:
        weights: the paths of each weight, in the source and in the target.
        parameters: how many numbers they have together.
        left: the weights that were not copied, of both models.
        alike: paths of those of the target's that were left because the source has several twins for them, which only
            ops tell apart that the two models do not write alike.
    """

    weights: tuple[tuple[str, str], ...]
    parameters: int
    left: UncopiedWeights
    alike: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        whole = self.parameters + sum(math.prod(weight.shape) for weight in self.left.target)
        copied = (
            f"copied {quantity(self.parameters, 'parameter')} of {whole:,} in {quantity(len(self.weights), 'weight')}"
        )
        return "\n".join([copied, *_left_lines(self.left)])


def copy_weights(source: keras.Model, target: keras.Model, *, strict: bool = False) -> Copied:
    """Copies the weights of one model into another by what is computed, not by names or order.

    Either may be built by archdsl, come from `keras.applications`, or be any functional or sequential model; nested
    models and archdsl's layers are opened. A layer of the target takes the weights of that layer of the source whose
    weights have the same shapes, which the same layers lead to from the inputs, and which the same layers follow.
    Activations, pads and blocks may be written otherwise. All of a layer goes across, with moving statistics.

    What has no twin keeps its numbers: a head of other classes with all behind it, and a stem for other channels. So
    have layers whose twin is not certain: two branches of the same shapes of which one gates the other, in models
    that do not write this alike. (Branches that can be exchanged, as those of a sum, are paired in order.)

    Shapes are equal, but that a kernel of `DepthwiseConv2D` `(height, width, channels, times)` is one of a `Conv2D` of
    as many groups `(height, width, 1, channels * times)`, and one of a 1x1 `Conv2D` `(1, 1, channels, filters)` that of
    a `Dense` `(channels, filters)`: the same numbers in the same order.

    Args:
        source: whose weights are read.
        target: whose weights are written, in place.
        strict: whether anything that is left, on either side, is an error; then nothing is copied.

    Returns:
        What went across, and what was left; printed, a few lines.

    Raises:
        ArchError: nothing pairs; with `strict`, not everything pairs; or a model is of a class of somebody's own whose
            layers tell nobody what they take from one another.
    """
    networks = flatten(source), flatten(target)
    matching = match(*networks)
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
    return Copied(tuple(weights), parameters, left, alike)


def _finalize_layers(model: Any, changed: set[int]) -> None:
    """Lets layers recompute the tensors that they derive from changed weights, as `load_weights` does."""
    is_stale = False
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state") and any(id(weight) in changed for weight in layer.weights):
            layer.finalize_state()
            is_stale = True
    if is_stale:
        # Traced functions hold the old tensors; Keras traces anew if there are none.
        model.train_function = model.test_function = model.predict_function = None


def _uncopied(model: Any, paired: Iterable[WeightedLayer]) -> tuple[NamedWeight, ...]:
    """The weights of a model that are in none of the paired layers."""
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
            shapes = ", ".join(str(tuple(weight.shape)) for weight in first.weights)
            facts.append(f"first unmatched layer in {name}: {first.path} {shapes}")
    facts += _left_lines(left)
    if matching.alike:
        paths = ", ".join(layer.path for layer in matching.alike[:_MOST_LISTED])
        facts.append(f"ambiguous layers: {paths}")
    hint = "layers match if their weights have equal shapes and the same layers precede them"
    hint += "; to copy only the matching ones, drop `strict=True`" if matching.pairs else ""
    return ArchError(Problem("ARCH308", message, facts=tuple(facts), hint=hint))


def _left_lines(left: UncopiedWeights) -> list[str]:
    lines = []
    for name, weights in zip(_MODELS, left, strict=True):
        listed = ", ".join(f"{weight.path} {weight.shape}" for weight in weights[:_MOST_LISTED])
        more = f", and {len(weights) - _MOST_LISTED:,} more" if len(weights) > _MOST_LISTED else ""
        lines += [f"not copied, in {name}: {listed}{more}"] if weights else []
    return lines
