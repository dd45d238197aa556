"""Ops that rearrange, select or pad values."""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field, WrapValidator

from archdsl.ops.base import (
    ANY_DTYPE,
    Example,
    Op,
    OpError,
    RankError,
    Shape,
    Traits,
    lengths,
    per_axis,
    per_stride,
    show,
)
from archdsl.ops.field_types import Count, PerAxis, Size, either, whole
from archdsl.ops.index_sets import ALL, LONGEST, Positions, bounded, everything, spread
from archdsl.ops.rank_advice import advice
from archdsl.ops.receptive_field import POINTWISE, Reach, ReceptiveField
from archdsl.ops.value_range import Support

_X = ((4, 6, 8),)


class _SameNumbers(Op, kind="shape"):
    """Base class of the ops that keep all values in order."""

    aliases_input = "always"
    takes = ANY_DTYPE
    traits = Traits(values="between")

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        x, y = inputs[0], self.output(*inputs)
        if x == y:
            return POINTWISE
        # (H, W, C) -> (H * W, C) keeps the channels of a place together, and (1, 1, C) -> (C,) too.
        return "place" if x and y and x[-1] == y[-1] else "whole"


class Flatten(_SameNumbers, name="flatten", layer="layers.Flatten"):
    """Flattens the input to a vector. (H, W, C) -> (H * W * C,). Keras `Flatten`."""

    traits = Traits(values="between", flattens=True)
    examples = (Example({}, ((3, 2, 5),), (30,)), Example({}, ((7,),), (7,)))

    def output(self, *inputs: Shape) -> Shape:
        return (math.prod(inputs[0]),)


Side = Annotated[
    Annotated[int, BeforeValidator(whole), Field(strict=True, ge=-1, le=2**31)],
    WrapValidator(either("a length, or -1 to infer it")),
]
Place = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=-65_536, le=65_536)]


class Reshape(_SameNumbers, name="reshape", layer="layers.Reshape"):
    """Reshapes the input. (...) -> shape. Keras `Reshape`.

    Args:
        shape: target shape, without the batch axis; one length may be -1, which is inferred.
    """

    shape: tuple[Side, ...]

    examples = (
        Example({"shape": [-1, 8]}, _X, (24, 8)),
        Example({"shape": [8, 6, 4]}, _X, (8, 6, 4)),
        Example({"shape": [192]}, _X, (192,)),
    )

    def output(self, *inputs: Shape) -> Shape:
        count, known = math.prod(inputs[0]), math.prod(side for side in self.shape if side != -1)
        holes = self.shape.count(-1)
        if 0 in self.shape or holes > 1:
            raise OpError("`shape` must contain positive lengths, and -1 at most once", "shape")
        if count % known or (not holes and count != known):
            asked = show(self.shape).replace("-1", "?")
            raise OpError(f"cannot reshape {show(inputs[0])} ({count:,} values) to {asked}", "shape")
        return tuple(count // known if side == -1 else side for side in self.shape)

    def label(self) -> str:
        return f"Reshape {'×'.join('…' if side == -1 else str(side) for side in self.shape)}"


class Permute(Op, name="permute", kind="shape", layer="layers.Permute"):
    """Permutes the axes. (H, W, C) with [2, 1, 3] -> (W, H, C). Keras `Permute`.

    Args:
        axes: axes in their new order; the first axis after the batch is 1.
    """

    takes = ANY_DTYPE
    traits = Traits(values="between")

    axes: tuple[Size, ...]

    examples = (Example({"axes": [2, 1, 3]}, _X, (6, 4, 8)), Example({"axes": [2, 1]}, ((5, 6),), (6, 5)))

    def output(self, *inputs: Shape) -> Shape:
        if sorted(self.axes) != [*range(1, len(inputs[0]) + 1)]:
            known = ", ".join(map(str, range(1, len(inputs[0]) + 1)))
            hint = f"list each axis of {show(inputs[0])}" if len(self.axes) != len(inputs[0]) else ""
            raise OpError(
                f"`axes` must contain each of {known} once" if known else "a number has no axes", "axes", hint
            )
        return tuple(inputs[0][axis - 1] for axis in self.axes)

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        # If the last axis stays last, each position keeps its channels; height and width are swapped.
        if self.axes == tuple(range(1, len(self.axes) + 1)):
            return POINTWISE
        return "place" if self.axes[-1] == len(self.axes) else "whole"

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return (tuple(needed[self.axes.index(axis)] for axis in range(1, len(output) + 1)),)


class RepeatVector(Op, name="repeat_vector", kind="shape", layer="layers.RepeatVector"):
    """Repeats a vector. (C,) -> (times, C). Keras `RepeatVector`.

    Args:
        times: number of repetitions.
    """

    traits = Traits(values="between")
    depends_on = "place"

    times: Count

    examples = (Example({"times": 3}, ((7,),), (3, 7)),)

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            hint = advice(inputs[0], (0,))
            raise RankError(f"`repeat_vector` expects a vector, got {show(inputs[0])}", hint=hint)
        return self.times, *inputs[0]

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return (needed[1:],)


class Take(Op, name="take", kind="shape", layer="TakeAt"):
    """Selects one token, or one row of a feature map. (T, C) -> (C,), (H, W, C) -> (W, C). NumPy's `x[:, index]`.

    Args:
        index: index along the first axis, counted from 0; -1 is the last.
    """

    traits = Traits(
        values="between", unread="use `take` before the last layers, so they do not compute the unused positions"
    )
    depends_on = "place"
    caption = "Take {index}"

    index: Place

    examples = (Example({"index": 0}, ((5, 6),), (6,)), Example({"index": -1}, _X, (6, 8)))

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) < 2:
            stop = f", stop: {self.index + 1}" if self.index != -1 else ""
            hint = (
                f"use `take_channels: {{start: {self.index}{stop}}}` to take a value of a vector" if inputs[0] else ""
            )
            raise RankError(f"`take` expects at least two axes, got {show(inputs[0])}", hint=hint)
        if not -inputs[0][0] <= self.index < inputs[0][0]:
            raise OpError(f"index {self.index} is out of range for the first axis of {show(inputs[0])}", "index")
        return inputs[0][1:]

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        length = inputs[0][0]
        return ((ALL if length > LONGEST else 1 << self.index % length, *needed),)


class TakeChannels(Op, name="take_channels", kind="shape", layer="ChannelSlice"):
    """Selects a slice of the channels. (..., C) -> (..., (stop - start) / step). NumPy's `x[..., start:stop:step]`.

    Args:
        start: index of the first channel, counted from 0; -1 is the last.
        stop: index at which to stop (exclusive); defaults to the number of channels.
        step: step between channels.
    """

    traits = Traits(values="between", unread="compute only what is kept")
    depends_on = POINTWISE

    start: Place = 0
    stop: Place | None = None
    step: Count = 1

    examples = (
        Example({"start": 2}, _X, (4, 6, 6)),
        Example({"start": 1, "stop": 6, "step": 2}, _X, (4, 6, 3)),
        Example({"stop": -1}, ((5, 6),), (5, 5)),
    )

    def output(self, *inputs: Shape) -> Shape:
        channels = len(range(*slice(self.start, self.stop, self.step).indices(inputs[0][-1]))) if inputs[0] else 0
        if not channels:
            raise OpError(
                f"the slice of {show(inputs[0])} has no channels", "stop" if self.stop is not None else "start"
            )
        if self.stop is not None and self.stop > inputs[0][-1]:
            raise OpError(f"`stop` is {self.stop}, but the input has only {inputs[0][-1]} channels", "stop")
        return (*inputs[0][:-1], channels)

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        length = inputs[0][-1]
        if length > LONGEST:
            return everything(inputs)
        first = range(*slice(self.start, self.stop, self.step).indices(length))[0]
        return ((*needed[:-1], spread(bounded(needed[-1], output[-1]), self.step) << first),)


class ChannelShuffle(Op, name="channel_shuffle", kind="shape", layer="ChannelShuffle"):
    """Shuffles the channels across groups. (..., C) -> (..., C). Zhang et al. 2018 (ShuffleNet).

    Args:
        groups: number of groups; must divide the number of channels.
    """

    traits = Traits(values="between")
    depends_on = POINTWISE

    groups: Count

    examples = (Example({"groups": 2}, _X, _X[0]), Example({"groups": 3}, ((5, 6),), (5, 6)))

    def fits(self, *inputs: Shape) -> None:
        channels = inputs[0][-1] if inputs[0] else 0
        if channels % self.groups or not channels:
            raise OpError(f"{channels} channels cannot be split into {self.groups} groups", "groups")


class PadShortcut(Op, name="pad_shortcut", kind="shape", layer="PaddingShortcut"):
    """Subsamples the pixels and appends channels of zeros. (H, W, C) -> (H / stride, W / stride, filters).

    He et al. 2015, option A; this is the op behind `shortcut: pad`.

    Args:
        filters: number of output channels; at least the number of input channels.
        stride: stride of the subsampling: one number, or one per axis.
    """

    ranks = (1, 2, 3)
    keras_words = {"strides": "stride"}
    traits = Traits(values="same_sign")

    filters: Count
    stride: PerAxis = 1

    examples = (
        Example({"filters": 8, "stride": 2}, ((9, 7, 4),), (5, 4, 8)),
        Example({"filters": 4, "stride": [1, 2]}, ((9, 8, 4),), (9, 4, 4)),
        Example({"filters": 6}, ((3, 3, 1),), (3, 3, 6)),
        Example({"filters": 6, "stride": [2]}, ((5, 3),), (3, 6)),
        Example({"filters": 6, "stride": [1, 2, 2]}, ((3, 5, 4, 3),), (3, 3, 2, 6)),
    )

    def output(self, *inputs: Shape) -> Shape:
        x, channels = lengths(inputs[0], self), inputs[0][-1]
        if self.filters < channels:
            hint = "use a `projection`, which can reduce the number of channels"
            raise OpError(f"{channels} channels cannot be padded to {self.filters}", "filters", hint)
        steps = per_axis(self.stride, len(x), "stride")
        return *(-(-length // step) for length, step in zip(x, steps, strict=True)), self.filters

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return tuple(map(Reach, per_axis(self.stride, len(inputs[0]) - 1, "stride")))

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        axes = zip(needed, output, inputs[0], per_axis(self.stride, len(output) - 1, "stride"), strict=False)
        places = (ALL if x > LONGEST else spread(bounded(places, y), stride) for places, y, x, stride in axes)
        return ((*places, needed[-1]),)

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        if support is None:
            return None
        strides = per_axis(self.stride, len(support), "stride")
        found = tuple((-(-first // by), -(-stop // by)) for (first, stop), by in zip(support, strides, strict=True))
        return found if all(first < stop for first, stop in found) else None

    def label(self) -> str:
        stride = (self.stride,) if isinstance(self.stride, int) else self.stride
        return f"Pad to {self.filters}{per_stride(stride)}"
