"""Normalisations: those that a network learns with, and those of its input."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from archdsl.ops.base import (
    Call,
    Count,
    Counts,
    Example,
    Flag,
    Kind,
    Number,
    Numbers,
    Op,
    OpError,
    Positive,
    SavedForBackward,
    Shape,
    Traits,
    Weight,
)
from archdsl.ops.index_sets import ALL, Positions
from archdsl.ops.receptive_field import POINTWISE, ReceptiveField
from archdsl.ops.weights import Axes, Constraint, Initializer, Regularizer

Momentum = Annotated[float, Field(strict=True, ge=0, le=1)]

_X = ((4, 4, 6),)
_GAMMA = {"gamma_initializer": {"constant": 0.5}, "gamma_regularizer": {"l2": 1e-4}, "gamma_constraint": "non_neg"}
_BETA = {"beta_initializer": "ones", "beta_regularizer": "l1", "beta_constraint": {"max_norm": 2.0}}


def along(axis: int | list[int], x: Shape, name: str) -> Shape:
    """The lengths of the axes that `axis` names, in the tensor's order; axis 0 would be the batch."""
    wanted = _listed(axis)
    rank = len(x) + 1
    places = {number % rank for number in wanted if -rank <= number < rank and number % rank}
    if len(places) != len(wanted):
        counted = f"1 to {len(x)}, or -1 for the last" if x else "none, for a number has no axes"
        raise OpError(f"`{name}` cannot work along the axis {axis}", "axis", f"the axes are {counted}")
    return tuple(x[place - 1] for place in sorted(places))


def receptive_field_along(axis: int | list[int], x: Shape) -> ReceptiveField:
    """What is seen by an op that works along `axis`: its own place where that is the channels alone."""
    channels = ((-1,), (len(x),))
    return POINTWISE if tuple(_listed(axis)) in channels else "whole"


def reads_along(axis: int | list[int], needed: Positions) -> Sequence[Positions]:
    """What is read by an op that works along `axis`: all of what it brings together."""
    together = {number - 1 if number > 0 else number + len(needed) for number in _listed(axis)}
    return (tuple(ALL if place in together else places for place, places in enumerate(needed)),)


def count_along(axis: int | list[int], x: Shape) -> int:
    """How many numbers an op that works along `axis` brings together."""
    return math.prod(x[number - 1 if number > 0 else number] for number in _listed(axis))


def _listed(axis: int | list[int]) -> list[int]:
    return axis if isinstance(axis, list) else [axis]


class _Learned(Op):
    """A norm that may learn a scale and a shift.

    Args:
        epsilon: is added to the variance.
        center: whether a shift, beta, is learned.
        scale: whether a factor, gamma, is learned.
        beta_initializer: how beta begins.
        gamma_initializer: how gamma begins.
        beta_regularizer: what beta adds to the loss.
        gamma_regularizer: what gamma adds to the loss.
        beta_constraint: what holds beta after each step.
        gamma_constraint: what holds gamma after each step.
    """

    kind: ClassVar[Kind] = "norm"
    saved: ClassVar[SavedForBackward] = SavedForBackward(inputs=True)

    epsilon: Positive = 1e-3
    center: Flag = True
    scale: Flag = True
    beta_initializer: Initializer = "zeros"
    gamma_initializer: Initializer = "ones"
    beta_regularizer: Regularizer = None
    gamma_regularizer: Regularizer = None
    beta_constraint: Constraint = None
    gamma_constraint: Constraint = None

    def _learned(self, x: Shape) -> dict[str, Weight]:
        if not x:
            raise OpError(f"`{self.name}` wants channels, and gets one number", hint="a number has none to normalise")
        return {name: Weight(x) for name, there in {"gamma": self.scale, "beta": self.center}.items() if there}

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return self._learned(inputs[0][-1:])

    def fvcore(self, *inputs: Shape) -> Counts:
        return Counts(math.prod(inputs[0]) * (5 if self.scale else 4))


class BatchNorm(_Learned, name="batch_norm"):
    """Each channel to mean 0 and variance 1 over the batch. (..., C) -> (..., C).

    Keras `BatchNormalization`; Ioffe & Szegedy 2015, and Ioffe 2017 for `renorm`.

    Args:
        momentum: how much of the moving statistics stays in each step; torch's is 1 minus this.
        moving_mean_initializer: how the moving mean begins.
        moving_variance_initializer: how the moving variance begins.
        renorm: whether training too goes by moving statistics: batch renormalisation, for small batches.
        renorm_momentum: the momentum of `renorm`.
        synchronized: whether devices that train together share the statistics of their batches.
    """

    traits: ClassVar[Traits] = Traits(elementwise=True, batch_statistics=True)

    momentum: Momentum = 0.99
    moving_mean_initializer: Initializer = "zeros"
    moving_variance_initializer: Initializer = "ones"
    renorm: Flag = False
    renorm_momentum: Momentum = 0.99
    synchronized: Flag = False

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _X, _X[0]),
        Example({"momentum": 0.9, "epsilon": 1e-5, "scale": False}, ((6,),), (6,)),
        Example({"center": False, "synchronized": True}, _X, _X[0]),
        Example({**_GAMMA, **_BETA}, _X, _X[0]),
        Example({"renorm": True, "renorm_momentum": 0.9}, _X, _X[0]),
        Example(
            {"moving_mean_initializer": {"constant": 0.5}, "moving_variance_initializer": {"constant": 2.0}}, _X, _X[0]
        ),
    )

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        moving = ["moving_mean", "moving_variance"]
        moving += ["moving_stddev", "renorm_mean", "renorm_stddev"] if self.renorm else []
        return super().weights(*inputs) | {name: Weight(inputs[0][-1:], trainable=False) for name in moving}

    def fvcore(self, *inputs: Shape) -> Counts:
        return Counts(math.prod(inputs[0]) * (2 if self.scale or self.center else 1))

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return POINTWISE

    def takes_mean_away(self) -> bool:
        return not self.renorm

    def keras(self) -> Call:
        words = {name: name for name in ("momentum", "epsilon", "center", "scale")}
        return self.call("layers.BatchNormalization", **words)

    def label(self) -> str:
        return "Batch norm"


class LayerNorm(_Learned, name="layer_norm"):
    """Each pixel or token to mean 0 and variance 1 over its channels. (..., C) -> (..., C).

    Keras `LayerNormalization`; Ba et al. 2016.

    Args:
        axis: what is normalised together: -1 the channels, [1, 2, 3] all of a map. Axis 0 would be the batch.
    """

    axis: Axes = -1

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _X, _X[0]),
        Example({"epsilon": 1e-6, "scale": False}, ((5, 6),), (5, 6)),
        Example({"center": False, "axis": [1, 2, 3]}, _X, _X[0]),
        Example({**_GAMMA, **_BETA, "axis": [-2, -1]}, _X, _X[0]),
    )

    def fits(self, *inputs: Shape) -> None:
        along(self.axis, inputs[0], self.name)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return self._learned(along(self.axis, inputs[0], self.name))

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return receptive_field_along(self.axis, inputs[0])

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return reads_along(self.axis, needed)

    def constant_output(self, x: Shape) -> str:
        return "beta" if count_along(self.axis, x) == 1 else ""

    def keras(self) -> Call:
        return self.call("layers.LayerNormalization")

    def label(self) -> str:
        return "Layer norm"


class GroupNorm(_Learned, name="group_norm"):
    """Each group of channels to mean 0 and variance 1. (..., C) -> (..., C).

    Keras `GroupNormalization`; Wu & He 2018.

    Args:
        groups: how many groups; they divide the channels.
    """

    groups: Count = 32

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((4, 4, 64),), (4, 4, 64)),
        Example({"groups": 3, "epsilon": 1e-5, "scale": False}, _X, _X[0]),
        Example({"groups": 2, "center": False}, ((5, 6),), (5, 6)),
        Example({"groups": 1, **_GAMMA, **_BETA}, _X, _X[0]),
    )

    def fits(self, *inputs: Shape) -> None:
        if not inputs[0] or inputs[0][-1] % self.groups:
            channels = inputs[0][-1] if inputs[0] else 0
            raise OpError(f"{channels} channels cannot be split into {self.groups} groups", "groups")

    def constant_output(self, x: Shape) -> str:
        return "beta" if math.prod(x) == self.groups else ""

    def keras(self) -> Call:
        return self.call("layers.GroupNormalization", groups="groups")

    def label(self) -> str:
        return f"Group norm, {self.groups} groups"


class InstanceNorm(_Learned, name="instance_norm"):
    """Each channel of each image to mean 0 and variance 1. (..., C) -> (..., C).

    Keras `GroupNormalization` with as many groups as channels; Ulyanov et al. 2016.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _X, _X[0]),
        Example({"epsilon": 1e-5, "center": False, "scale": False}, _X, _X[0]),
        Example({**_GAMMA, **_BETA}, _X, _X[0]),
    )

    def takes_mean_away(self) -> bool:
        return True

    def constant_output(self, x: Shape) -> str:
        return "beta" if math.prod(x[:-1]) == 1 else ""

    def keras(self) -> Call:
        call = self.call("layers.GroupNormalization")
        return Call(call.target, (-1,), call.keywords)

    def label(self) -> str:
        return "Instance norm"


class RmsNorm(Op, name="rms_norm"):
    """Each pixel or token by the root of the mean square of its channels. (..., C) -> (..., C).

    Keras `RMSNormalization`; Zhang & Sennrich 2019.

    Args:
        epsilon: is added to the mean square.
        axis: what is normalised together: -1 the channels. Axis 0 would be the batch.
    """

    kind: ClassVar[Kind] = "norm"
    saved: ClassVar[SavedForBackward] = SavedForBackward(inputs=True)

    epsilon: Positive = 1e-6
    axis: Axes = -1

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((5, 6),), (5, 6)),
        Example({"epsilon": 1e-5}, _X, _X[0]),
        Example({"axis": [2, 3]}, _X, _X[0]),
    )

    def fits(self, *inputs: Shape) -> None:
        along(self.axis, inputs[0], self.name)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"scale": Weight(along(self.axis, inputs[0], self.name))}

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return receptive_field_along(self.axis, inputs[0])

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return reads_along(self.axis, needed)

    def keras(self) -> Call:
        return self.call("layers.RMSNormalization")

    def label(self) -> str:
        return "RMS norm"


class UnitNorm(Op, name="unit_norm"):
    """Each pixel, token or vector of length 1. (..., C) -> (..., C). Keras `UnitNormalization`.

    Args:
        axis: what is normalised together: -1 the channels. Axis 0 would be the batch.
    """

    kind: ClassVar[Kind] = "norm"
    saved: ClassVar[SavedForBackward] = SavedForBackward(inputs=True)

    axis: Axes = -1

    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((6,),), (6,)), Example({"axis": [1, 2]}, _X, _X[0]))

    def fits(self, *inputs: Shape) -> None:
        along(self.axis, inputs[0], self.name)

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return receptive_field_along(self.axis, inputs[0])

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return reads_along(self.axis, needed)

    def keras(self) -> Call:
        return self.call("layers.UnitNormalization")

    def label(self) -> str:
        return "Unit norm"


class Normalization(Op, name="normalization"):
    """The input, minus its mean, by its standard deviation. (..., C) -> (..., C). Keras `Normalization`.

    Without `mean` and `variance` it holds both as weights, with a count, and they stay 0 and 1 until `adapt`.

    Args:
        mean: one number, or one for each channel.
        variance: one number, or one for each channel: the squares of the standard deviations.
        axis: what has a mean of its own: -1 each channel, [] nothing.
        invert: whether to go back: times the standard deviation, plus the mean.
    """

    kind: ClassVar[Kind] = "shape"

    mean: Numbers | None = None
    variance: Numbers | None = None
    axis: Axes = -1
    invert: Flag = False

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _X, _X[0]),
        Example({"mean": 0.5, "variance": 0.25, "invert": True}, _X, _X[0]),
        Example({"mean": [0.5, 1.0, 2.0], "variance": [4.0, 9.0, 1.0]}, ((4, 4, 3),), (4, 4, 3)),
        Example({"axis": [1, 3]}, ((4, 5, 3),), (4, 5, 3)),
    )

    def fits(self, *inputs: Shape) -> None:
        sides = along(self.axis, inputs[0], self.name)
        if (self.mean is None) != (self.variance is None):
            missing = "mean" if self.mean is None else "variance"
            raise OpError("`mean` and `variance` go together", "variance" if missing == "mean" else "mean")
        lengths = [len(part) for part in (self.mean, self.variance) if isinstance(part, tuple)]
        if len(lengths) == 1 or len(set(lengths)) > 1:
            raise OpError("`mean` and `variance` are equally long", "variance")
        if lengths and lengths[0] not in (1, *sides[-1:]):
            raise OpError(f"{lengths[0]} means are given, and there are {(sides or (1,))[-1]} channels", "mean")

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        if self.mean is not None:
            return {}
        sides = along(self.axis, inputs[0], self.name)
        shapes: dict[str, Shape] = {"mean": sides, "variance": sides, "count": ()}
        return {name: Weight(shape, trainable=False) for name, shape in shapes.items()}

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return POINTWISE

    def keras(self) -> Call:
        return self.call("layers.Normalization", mean="mean", variance="variance")


class Rescale(Op, name="rescale"):
    """Times `scale`, plus `offset`: pixels to [0, 1] by 1/255. Any shape -> the same shape. Keras `Rescaling`.

    Args:
        scale: the factor.
        offset: what is added behind it.
    """

    kind: ClassVar[Kind] = "shape"
    traits: ClassVar[Traits] = Traits(elementwise=True)

    scale: Number
    offset: Number = 0.0

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"scale": 0.00392156862745098}, _X, _X[0]),
        Example({"scale": 2.0, "offset": -1.0}, _X, _X[0]),
    )

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return POINTWISE

    def keras(self) -> Call:
        return self.call("layers.Rescaling", "scale")

    def label(self) -> str:
        return f"Rescale ×{self.scale:.4g}" + (f" {self.offset:+g}" if self.offset else "")


class LayerScale(Op, name="layer_scale"):
    """Each channel times a learned factor that begins small. (..., C) -> (..., C). Touvron et al. 2021 (CaiT).

    Args:
        init: what the factors begin with.
        regularizer: what the factors add to the loss.
        constraint: what holds the factors after each step.
    """

    kind: ClassVar[Kind] = "dense"
    saved: ClassVar[SavedForBackward] = SavedForBackward(inputs=True)
    traits: ClassVar[Traits] = Traits(elementwise=True, keeps_zero=True)

    init: Number = 1e-6
    regularizer: Regularizer = None
    constraint: Constraint = None

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _X, _X[0]),
        Example({"init": 0.1, "regularizer": {"l2": 0.1}, "constraint": "non_neg"}, ((5, 6),), (5, 6)),
    )

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"gamma": Weight(inputs[0][-1:])}

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return POINTWISE

    def keras(self) -> Call:
        return self.call("LayerScale")
