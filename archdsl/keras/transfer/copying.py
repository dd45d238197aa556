"""Copies the weights of one Keras model into another, layer by layer, as the two models compute."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.errors import ArchError, Problem
from archdsl.keras.transfer.matching import Matching, match
from archdsl.keras.transfer.network import Holder, Network
from archdsl.keras.transfer.reading import read
from archdsl.ops import Shape
from archdsl.text import quantity

if TYPE_CHECKING:
    import keras

_TOLD = 6
"""How many weights of each model a text tells."""


class Weight(NamedTuple):
    """A weight by its path in its model, with its shape."""

    path: str
    shape: Shape


class Left(NamedTuple):
    """The weights that were not copied.

    Args:
        source: those that went nowhere.
        target: those that keep their numbers.
    """

    source: tuple[Weight, ...]
    target: tuple[Weight, ...]


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
    left: Left
    alike: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        whole = self.parameters + sum(math.prod(weight.shape) for weight in self.left.target)
        told = (
            f"copied {quantity(self.parameters, 'parameter')} of {whole:,} in {quantity(len(self.weights), 'weight')}"
        )
        return "\n".join([told, *_told("the source", self.left.source), *_told("the target", self.left.target)])


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
    networks = read(source), read(target)
    found = match(*networks)
    left = Left(_others(source, [one for one, _ in found.pairs]), _others(target, [other for _, other in found.pairs]))
    if not found.pairs or (strict and (left.source or left.target)):
        raise _differing(source, target, networks, found, left)
    weights, parameters = [], 0
    for one, other in found.pairs:
        for given, taken in zip(one.weights, other.weights, strict=True):
            _assign(given, taken)
            weights.append((given.path, taken.path))
            parameters += math.prod(taken.shape)
    _renew(target, {id(weight) for _, other in found.pairs for weight in other.weights})
    alike = tuple(weight.path for holder in found.alike for weight in holder.weights)
    return Copied(tuple(weights), parameters, left, alike)


def _assign(given: Any, taken: Any) -> None:
    import keras

    taken.assign(keras.ops.reshape(keras.ops.convert_to_tensor(given), taken.shape))


def _renew(model: Any, changed: set[int]) -> None:
    """Tells layers that keep tensors made of their weights that these have changed, as `load_weights` does."""
    is_stale = False
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state") and any(id(weight) in changed for weight in layer.weights):
            layer.finalize_state()
            is_stale = True
    if is_stale:
        # What was traced holds the old tensors; Keras traces anew where it finds nothing.
        model.train_function = model.test_function = model.predict_function = None


def _others(model: Any, holders: Iterable[Holder]) -> tuple[Weight, ...]:
    """The weights of a model that no pair has."""
    paired = {id(weight) for holder in holders for weight in holder.weights}
    return tuple(Weight(w.path, tuple(w.shape)) for w in model.weights if id(w) not in paired)


def _differing(source: Any, target: Any, networks: tuple[Network, Network], found: Matching, left: Left) -> ArchError:
    firsts = [_first(network, {pair[side] for pair in found.pairs}) for side, network in enumerate(networks)]
    nowhere = "no layer of one is a layer of the other" if not found.pairs else "not all layers pair"
    message = f"the weights of `{source.name}` do not all fit `{target.name}`: {nowhere}"
    facts = [f"the first without a twin in {name}: {told}" for name, told in zip(_NAMES, firsts, strict=True) if told]
    facts += [*_told(_NAMES[0], left.source), *_told(_NAMES[1], left.target)]
    if found.alike:
        facts.append("alike, and told apart by ops alone: " + ", ".join(holder.path for holder in found.alike[:_TOLD]))
    hint = (
        "layers pair where their weights have equal shapes and the same leads to them from the inputs: make the models "
        "the same up to there" + (", or leave `strict` out, which copies what pairs" if found.pairs else "")
    )
    return ArchError(Problem("ARCH308", message, facts=tuple(facts), hint=hint))


_NAMES = ("the source", "the target")


def _first(network: Network, paired: set[Holder]) -> str:
    for holder in network.holders():
        if holder not in paired:
            return f"{holder.path} {', '.join(str(tuple(weight.shape)) for weight in holder.weights)}"
    return ""


def _told(name: str, weights: tuple[Weight, ...]) -> list[str]:
    if not weights:
        return []
    told = ", ".join(f"{weight.path} {weight.shape}" for weight in weights[:_TOLD])
    more = f", and {len(weights) - _TOLD:,} more" if len(weights) > _TOLD else ""
    return [f"left in {name}: {told}{more}"]
