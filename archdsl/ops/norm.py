"""Normalization layers, and normalization of the input."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from archdsl.ops.base import FLOAT, Call, Counts, Example, Op, OpError, SavedForBackward, Shape, Traits, Weight, show
from archdsl.ops.field_types import Count, Flag, Number, Numbers, Positive
from archdsl.ops.index_sets import ALL, Positions
from archdsl.ops.receptive_field import POINTWISE, ReceptiveField
from archdsl.ops.weights import Axes, Constraint, Initializer, Regularizer

Momentum = Annotated[float, Field(strict=True, ge=0, le=1)]

_X = ((4, 4, 6),)
_GAMMA = {"gamma_initializer": {"constant": 0.5}, "gamma_regularizer": {"l2": 1e-4}, "gamma_constraint": "non_neg"}
_BETA = {"beta_initializer": "ones", "beta_regularizer": "l1", "beta_constraint": {"max_norm": 2.0}}


def along(axis: int | list[int], x: Shape, name: str) -> Shape:
    """The lengths of the axes in `axis`, in the order of the tensor; axis 0 is the batch."""
    wanted = _listed(axis)
    rank = len(x) + 1
    places = {number % rank for number in wanted if -rank <= number < rank and number % rank}
    if len(places) != len(wanted):
        hint = f"use axes from 1 to {len(x)}, or -1 for the last" if x else ""
        raise OpError(f"invalid axis {axis} of `{name}` for the input {show(x)}", "axis", hint)
    return tuple(x[place - 1] for place in sorted(places))


def _listed(axis: int | list[int]) -> list[int]:
    return axis if isinstance(axis, list) else [axis]


class AlongAxis(Op):
    """Base class of the ops that normalize along one or several axes.

    Args:
        axis: axis or axes to normalize over; -1 is the channels. Axis 0 is the batch and cannot be used.
    """

    of_one_number: ClassVar[str] = ""
    """The constant output of a normalization over a single number; empty if the output depends on the input."""

    axis: Axes = -1

    def fits(self, *inputs: Shape) -> None:
        along(self.axis, inputs[0], self.name)

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return POINTWISE if _listed(self.axis) in ([-1], [len(inputs[0])]) else "whole"

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        together = {number - 1 if number > 0 else number + len(needed) for number in _listed(self.axis)}
        return (tuple(ALL if place in together else places for place, places in enumerate(needed)),)

    def constant_output(self, x: Shape) -> str:
        count = math.prod(x[number - 1 if number > 0 else number] for number in _listed(self.axis))
        return self.of_one_number if count == 1 else ""


class _Norm(Op, kind="norm"):
    """Base class of the normalizations with an `epsilon`."""

    saved = SavedForBackward(inputs=True)

    epsilon: Positive = 1e-3


class _Learned(_Norm):
    """Base class of the normalizations with a learned scale and offset.

    Args:
        epsilon: small number added to the variance to avoid division by zero.
        center: whether to add the learned offset beta.
        scale: whether to multiply by the learned scale gamma.
        beta_initializer: initializer for beta.
        gamma_initializer: initializer for gamma.
        beta_regularizer: regularizer for beta.
        gamma_regularizer: regularizer for gamma.
        beta_constraint: constraint on beta.
        gamma_constraint: constraint on gamma.
    """

    epsilon: Positive = 1e-3  # repeated because the long form lists the fields class by class
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
            raise OpError(f"`{self.name}` expects channels, got {show(x)}")
        return {name: Weight(x) for name, there in {"gamma": self.scale, "beta": self.center}.items() if there}

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return self._learned(inputs[0][-1:])

    def fvcore(self, *inputs: Shape) -> Counts:
        return Counts(math.prod(inputs[0]) * (5 if self.scale else 4))


class BatchNorm(_Learned, name="batch_norm", layer="layers.BatchNormalization"):
    """Normalizes each channel over the batch. (..., C) -> (..., C).

    Keras `BatchNormalization`; Ioffe & Szegedy 2015, and Ioffe 2017 for `renorm`.

    Args:
        momentum: momentum of the moving averages; torch's `momentum` is 1 minus this value.
        moving_mean_initializer: initializer for the moving mean.
        moving_variance_initializer: initializer for the moving variance.
        renorm: whether to use batch renormalization, which corrects the batch statistics by the moving averages during
            training; useful for small batches.
        renorm_momentum: momentum of the moving averages of `renorm`.
        synchronized: whether to compute the batch statistics across all devices in distributed training.
    """

    keras_words = {name: name for name in ("momentum", "epsilon", "center", "scale")}
    traits = Traits(elementwise=True, batch_statistics=True)
    depends_on = POINTWISE

    momentum: Momentum = 0.99
    moving_mean_initializer: Initializer = "zeros"
    moving_variance_initializer: Initializer = "ones"
    renorm: Flag = False
    renorm_momentum: Momentum = 0.99
    synchronized: Flag = False

    examples = (
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

    def takes_mean_away(self) -> bool:
        return not self.renorm

    def averaging_momentum(self) -> float | None:
        return self.momentum


class LayerNorm(AlongAxis, _Learned, name="layer_norm", layer="layers.LayerNormalization"):
    """Normalizes each pixel or token over its channels. (..., C) -> (..., C).

    Keras `LayerNormalization`; Ba et al. 2016.

    Args:
        axis: axis or axes to normalize over: -1 is the channels, [1, 2, 3] is the entire feature map. Axis 0 is the
            batch and cannot be used.
    """

    of_one_number = "beta"
    examples = (
        Example({}, _X, _X[0]),
        Example({"epsilon": 1e-6, "scale": False}, ((5, 6),), (5, 6)),
        Example({"center": False, "axis": [1, 2, 3]}, _X, _X[0]),
        Example({**_GAMMA, **_BETA, "axis": [-2, -1]}, _X, _X[0]),
    )

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return self._learned(along(self.axis, inputs[0], self.name))


class GroupNorm(_Learned, name="group_norm", layer="layers.GroupNormalization"):
    """Normalizes each image over groups of channels. (..., C) -> (..., C).

    Keras `GroupNormalization`; Wu & He 2018.

    Args:
        groups: number of groups; must divide the number of channels.
    """

    keras_words = {"groups": "groups"}
    caption = "Group norm, {groups} groups"

    groups: Count = 32

    examples = (
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


class InstanceNorm(_Learned, name="instance_norm"):
    """Normalizes each channel of each image. (..., C) -> (..., C).

    Keras `GroupNormalization` with one group per channel; Ulyanov et al. 2016.
    """

    examples = (
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


class RmsNorm(AlongAxis, _Norm, name="rms_norm", layer="layers.RMSNormalization"):
    """Divides each pixel or token by the root mean square of its channels. (..., C) -> (..., C).

    Keras `RMSNormalization`; Zhang & Sennrich 2019.

    Args:
        epsilon: small number added to the mean square to avoid division by zero.
    """

    caption = "RMS norm"

    epsilon: Positive = 1e-6

    examples = (
        Example({}, ((5, 6),), (5, 6)),
        Example({"epsilon": 1e-5}, _X, _X[0]),
        Example({"axis": [2, 3]}, _X, _X[0]),
    )

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"scale": Weight(along(self.axis, inputs[0], self.name))}


class UnitNorm(AlongAxis, name="unit_norm", kind="norm", layer="layers.UnitNormalization"):
    """Scales each pixel or token to an L2 norm of 1. (..., C) -> (..., C).

    Keras `UnitNormalization`.
    """

    saved = SavedForBackward(inputs=True)
    examples = (Example({}, ((6,),), (6,)), Example({"axis": [1, 2]}, _X, _X[0]))


class Normalization(Op, name="normalization", kind="shape", layer="layers.Normalization"):
    """Standardizes the input: subtracts the mean and divides by the standard deviation. (..., C) -> (..., C).

    Keras `Normalization`. Without `mean` and `variance`, both are non-trainable weights (with a count), which stay 0
    and 1 until `adapt` is called.

    Args:
        mean: mean of the input: one number, or one for each channel.
        variance: variance of the input: one number, or one for each channel.
        axis: axis or axes with separate statistics: -1 for one mean per channel, [] for a single mean.
        invert: whether to apply the inverse: multiply by the standard deviation and add the mean.
    """

    takes = ("float", "int")
    depends_on = POINTWISE

    mean: Numbers | None = None
    variance: Numbers | None = None
    axis: Axes = -1
    invert: Flag = False

    examples = (
        Example({}, _X, _X[0]),
        Example({"mean": 0.5, "variance": 0.25, "invert": True}, _X, _X[0]),
        Example({"mean": [0.5, 1.0, 2.0], "variance": [4.0, 9.0, 1.0]}, ((4, 4, 3),), (4, 4, 3)),
        Example({"axis": [1, 3]}, ((4, 5, 3),), (4, 5, 3)),
    )

    def gives(self, *dtypes: str) -> str:
        return FLOAT

    def fits(self, *inputs: Shape) -> None:
        sides = along(self.axis, inputs[0], self.name)
        if (self.mean is None) != (self.variance is None):
            missing = "mean" if self.mean is None else "variance"
            raise OpError("`mean` and `variance` must be given together", "variance" if missing == "mean" else "mean")
        lengths = [len(part) for part in (self.mean, self.variance) if isinstance(part, tuple)]
        if len(lengths) == 1 or len(set(lengths)) > 1:
            raise OpError("`mean` and `variance` must have the same length", "variance")
        if lengths and lengths[0] not in (1, *sides[-1:]):
            raise OpError(f"`mean` has {lengths[0]} values, but the input has {(sides or (1,))[-1]} channels", "mean")

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        if self.mean is not None:
            return {}
        sides = along(self.axis, inputs[0], self.name)
        shapes: dict[str, Shape] = {"mean": sides, "variance": sides, "count": ()}
        return {name: Weight(shape, trainable=False) for name, shape in shapes.items()}


class Rescale(Op, name="rescale", kind="shape", layer="layers.Rescaling"):
    """Rescales the inputs: x * scale + offset. Any shape -> the same shape. Keras `Rescaling`.

    For example, a `scale` of 1/255 maps pixels to [0, 1].

    Args:
        scale: factor the inputs are multiplied by.
        offset: number added after the multiplication.
    """

    takes = ("float", "int")
    traits = Traits(elementwise=True)
    depends_on = POINTWISE

    scale: Number
    offset: Number = 0.0

    examples = (Example({"scale": 0.00392156862745098}, _X, _X[0]), Example({"scale": 2.0, "offset": -1.0}, _X, _X[0]))

    def gives(self, *dtypes: str) -> str:
        return FLOAT

    def label(self) -> str:
        return f"Rescale ×{self.scale:.4g}" + (f" {self.offset:+g}" if self.offset else "")


class LayerScale(Op, name="layer_scale", kind="dense", layer="LayerScale"):
    """Multiplies each channel by a learned factor, initialized close to 0. (..., C) -> (..., C).

    Touvron et al. 2021 (CaiT).

    Args:
        init: initial value of the factors.
        regularizer: regularizer for the factors.
        constraint: constraint on the factors.
    """

    saved = SavedForBackward(inputs=True)
    traits = Traits(elementwise=True, keeps_zero=True)
    depends_on = POINTWISE

    init: Number = 1e-6
    regularizer: Regularizer = None
    constraint: Constraint = None

    examples = (
        Example({}, _X, _X[0]),
        Example({"init": 0.1, "regularizer": {"l2": 0.1}, "constraint": "non_neg"}, ((5, 6),), (5, 6)),
    )

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"gamma": Weight(inputs[0][-1:])}
