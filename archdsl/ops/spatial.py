"""Padding, cropping and resizing."""

import math
from collections.abc import Sequence
from typing import Literal

from archdsl.ops.base import (
    Counts,
    Example,
    Op,
    OpError,
    Shape,
    Traits,
    image,
    lengths,
    listed_rank,
    per_axis,
    show,
    sides,
    times,
)
from archdsl.ops.field_types import Border, Flag, Number, PerAxis, Sides, Size
from archdsl.ops.index_sets import ALL, LONGEST, Positions, bounded, divided, everything, shifted
from archdsl.ops.receptive_field import Reach, ReceptiveField, scaled
from archdsl.ops.value_range import Support, ValueRange, hull

_X = ((4, 6, 8),)


def moved(support: Support | None, x: Shape, edges: Sides, sign: int) -> Support | None:
    """The nonzero region of a map after `edges` are added (`sign` 1) or removed (-1); None for everywhere."""
    found = []
    for axis, (before, after) in enumerate(edges):
        first, stop = support[axis] if support else (0, x[axis])
        length = x[axis] + sign * (before + after)
        found.append((min(length, max(0, first + sign * before)), max(0, min(length, stop + sign * before))))
    whole = all(part == (0, x[axis] + sign * sum(edges[axis])) for axis, part in enumerate(found))
    return None if whole else tuple(found)


def _same_edges(edges: Sides) -> int | None:
    """The number of pixels if it is the same on all sides."""
    numbers = {number for pair in edges for number in pair}
    return numbers.pop() if len(numbers) == 1 else None


class ZeroPad(Op, name="zero_pad", kind="shape", layer="layers.ZeroPadding2D"):
    """Pads the border with zeros. (H, W, C) -> (H + top + bottom, W + left + right, C). Keras `ZeroPadding2D`.

    On sequences (T, C), it is Keras's `ZeroPadding1D`, and on volumes (D, H, W, C), `ZeroPadding3D`.

    Args:
        padding: number of pixels on each side: one number, or one pair per axis, such as
            [[top, bottom], [left, right]].
    """

    ranks = (1, 2, 3)
    traits = Traits(values="same_sign")

    padding: Border

    examples = (
        Example({"padding": 1}, ((3, 2, 5),), (5, 4, 5)),
        Example({"padding": [[0, 1], [2, 0]]}, ((3, 2, 5),), (4, 4, 5)),
        Example({"padding": [[2, 0]]}, ((3, 5),), (5, 5)),
        Example({"padding": [[0, 1], [1, 1], [2, 0]]}, ((3, 2, 4, 5),), (4, 4, 6, 5)),
    )

    def output(self, *inputs: Shape) -> Shape:
        x = lengths(inputs[0], self)
        edges = zip(x, sides(self.padding, len(x)), strict=True)
        return *(length + before + after for length, (before, after) in edges), inputs[0][-1]

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return tuple(Reach(1, -before, -before) for before, _ in sides(self.padding, len(inputs[0]) - 1))

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        edges = zip(needed, sides(self.padding, len(output) - 1), strict=False)
        return ((*(shifted(places, -before) for places, (before, _) in edges), needed[-1]),)

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        return moved(support, x, sides(self.padding, len(x) - 1), 1)

    def label(self) -> str:
        edges = ((self.padding, self.padding),) if isinstance(self.padding, int) else self.padding
        same = _same_edges(edges)
        return f"Zero pad {', '.join(f'{before}+{after}' for before, after in edges) if same is None else same}"


class LowestPad(ZeroPad, name="lowest_pad", layer="LowestPadding"):
    """Pads the border with minus infinity. (H, W, C) -> (H + top + bottom, W + left + right, C).

    Torch's `MaxPool2d` pads this way. A `max_pool` with a numeric `padding` is preceded by this op. It takes sequences
    (T, C) and volumes (D, H, W, C), too.
    """

    traits = Traits()

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        return None

    def label(self) -> str:
        return super().label().replace("Zero", "Lowest")


class _Crop(Op, kind="shape"):
    """Base class of the crops."""

    traits = Traits(values="between", unread="compute only what is kept")

    def _corner(self, x: Shape) -> tuple[int, ...]:
        """The first position of the output in the input, along each axis except the channels."""
        raise NotImplementedError

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return tuple(Reach(1, start, start) for start in self._corner(inputs[0]))

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        axes = zip(needed, output, self._corner(inputs[0]), strict=False)
        return ((*(shifted(bounded(places, y), start) for places, y, start in axes), needed[-1]),)


class Crop(_Crop, name="crop", layer="layers.Cropping2D"):
    """Crops the border. (H, W, C) -> (H - top - bottom, W - left - right, C). Keras `Cropping2D`.

    On sequences (T, C), it is Keras's `Cropping1D`, and on volumes (D, H, W, C), `Cropping3D`.

    Args:
        border: number of pixels to remove on each side: one number, or one pair per axis, such as
            [[top, bottom], [left, right]].
    """

    ranks = (1, 2, 3)

    border: Border

    examples = (
        Example({"border": 1}, ((5, 4, 3),), (3, 2, 3)),
        Example({"border": [[0, 1], [2, 0]]}, ((5, 4, 3),), (4, 2, 3)),
        Example({"border": [[2, 1]]}, ((5, 3),), (2, 3)),
        Example({"border": [[0, 1], [1, 1], [2, 0]]}, ((3, 4, 5, 2),), (2, 2, 3, 2)),
    )

    def output(self, *inputs: Shape) -> Shape:
        x = lengths(inputs[0], self)
        edges = zip(x, sides(self.border, len(x), "border"), strict=True)
        found = tuple(length - before - after for length, (before, after) in edges)
        if min(found) < 1:
            raise OpError(f"`border` removes the entire map of {show(x)}", "border")
        return *found, inputs[0][-1]

    def _corner(self, x: Shape) -> tuple[int, ...]:
        return tuple(before for before, _ in sides(self.border, len(x) - 1, "border"))

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        return moved(support, x, sides(self.border, len(x) - 1, "border"), -1)


class CenterCrop(_Crop, name="center_crop", layer="layers.CenterCrop"):
    """Crops the center. (H, W, C) -> (height, width, C). Keras `CenterCrop`.

    Args:
        height: height of the output; at most the height of the input.
        width: width of the output; at most the width of the input.
    """

    caption = "Center crop {height}×{width}"

    height: Size
    width: Size

    examples = (Example({"height": 3, "width": 2}, ((5, 4, 3),), (3, 2, 3)),)

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        if height < self.height or width < self.width:
            fact = f"a crop of {self.height}x{self.width} does not fit into a map of {height}x{width}"
            raise OpError(fact, "height" if height < self.height else "width", "to enlarge the map, use `resize`")
        return self.height, self.width, channels

    def _corner(self, x: Shape) -> tuple[int, ...]:
        return (x[0] - self.height) // 2, (x[1] - self.width) // 2


class _Resized(Op, kind="shape"):
    """Base class of the ops that interpolate pixels."""

    def fvcore(self, *inputs: Shape) -> Counts:
        # fvcore counts these per output value, and does not count other interpolations.
        work = {"nearest": 1, "bilinear": 4}.get(getattr(self, "interpolation", ""), 0)
        return Counts(work * math.prod(self.output(*inputs)))


class Upsample(_Resized, name="upsample", layer="layers.UpSampling2D"):
    """Upsamples by an integer factor. (H, W, C) -> (H * size, W * size, C). Keras `UpSampling2D`.

    On sequences (T, C), it is Keras's `UpSampling1D`, and on volumes (D, H, W, C), `UpSampling3D`.

    Args:
        size: upsampling factor: one number, or one per axis.
        interpolation: interpolation method; sequences and volumes have only `nearest`.
    """

    ranks = (1, 2, 3)

    size: PerAxis = 2
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"] = "nearest"

    examples = (
        Example({}, _X, (8, 12, 8)),
        Example({"size": [1, 3]}, _X, (4, 18, 8)),
        Example({"size": 2, "interpolation": "bilinear"}, _X, (8, 12, 8)),
        Example({"size": [3]}, ((4, 5),), (12, 5)),
        Example({"size": [1, 2, 3]}, ((4, 3, 2, 5),), (4, 6, 6, 5)),
    )

    def output(self, *inputs: Shape) -> Shape:
        x = lengths(inputs[0], self)
        if len(x) != 2 and self.interpolation != "nearest":
            raise OpError(f"`interpolation: {self.interpolation}` expects (H, W, C)", "interpolation")
        factors = per_axis(self.size, len(x), "size")
        return *(length * factor for length, factor in zip(x, factors, strict=True)), inputs[0][-1]

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        pairs = zip(lengths(inputs[0], self), self.output(*inputs), strict=False)
        return tuple(scaled(x, y, self.interpolation) for x, y in pairs)

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        if self.interpolation != "nearest" or max(output[:-1]) > LONGEST:
            return everything(inputs)
        axes = zip(needed, output, per_axis(self.size, len(output) - 1, "size"), strict=False)
        places = (ALL if places == ALL else divided(places, y, size) for places, y, size in axes)
        return ((*places, needed[-1]),)

    def label(self) -> str:
        return self.label_of_rank(listed_rank(self))

    def label_of_rank(self, rank: int) -> str:
        return f"Upsample {times(per_axis(self.size, rank, 'size'))}"

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        # Bicubic and Lanczos kernels have negative lobes, so they overshoot.
        return hull(*inputs) if self.interpolation in ("nearest", "bilinear") else ValueRange()


class Resize(_Resized, name="resize", layer="layers.Resizing"):
    """Resizes to a fixed size. (H, W, C) -> (height, width, C). Keras `Resizing`.

    Args:
        height: height of the output.
        width: width of the output.
        interpolation: interpolation method.
        crop: whether to preserve the aspect ratio by cropping.
        pad: whether to preserve the aspect ratio by padding.
        fill: how the padding is filled.
        value: value of the padding with `fill: constant`.
        antialias: whether to apply an antialiasing filter when downsampling.
    """

    keras_words = {
        "crop_to_aspect_ratio": "crop",
        "pad_to_aspect_ratio": "pad",
        "fill_mode": "fill",
        "fill_value": "value",
    }
    caption = "Resize {height}×{width}"

    height: Size
    width: Size
    interpolation: Literal["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"] = "bilinear"
    crop: Flag = False
    pad: Flag = False
    fill: Literal["constant"] = "constant"
    value: Number = 0.0
    antialias: Flag = False

    examples = (
        Example({"height": 3, "width": 9}, _X, (3, 9, 8)),
        Example({"height": 2, "width": 2, "interpolation": "bicubic", "antialias": True}, _X, (2, 2, 8)),
        Example({"height": 3, "width": 3, "crop": True}, _X, (3, 3, 8)),
        Example({"height": 3, "width": 3, "pad": True, "fill": "constant", "value": 0.5}, _X, (3, 3, 8)),
    )

    def output(self, *inputs: Shape) -> Shape:
        *_, channels = image(inputs[0], self.name)
        if self.crop and self.pad:
            raise OpError("`crop` and `pad` are mutually exclusive", "pad")
        return self.height, self.width, channels

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        height, width, _ = inputs[0]
        if self.crop or self.pad or self.antialias:
            return "whole"  # the reach depends on more than the two sizes
        return scaled(height, self.height, self.interpolation), scaled(width, self.width, self.interpolation)


class _Blocks(Op, kind="shape"):
    """Base class of the ops that move pixels to channels or back.

    Args:
        block: height and width of a block of pixels.
    """

    traits = Traits(values="between")

    block: Size


class SpaceToDepth(_Blocks, name="space_to_depth", layer="SpaceToDepth"):
    """Rearranges blocks of pixels into channels. (H, W, C) -> (H / block, W / block, C * block * block).

    Shi et al. 2016.
    """

    examples = (Example({"block": 2}, _X, (2, 3, 32)),)

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        if height % self.block or width % self.block:
            raise OpError(
                f"a map of {height}x{width} cannot be split into blocks of {self.block}x{self.block}", "block"
            )
        return height // self.block, width // self.block, channels * self.block**2

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        reach = Reach(self.block, 0, self.block - 1)
        return reach, reach


class DepthToSpace(_Blocks, name="depth_to_space", layer="DepthToSpace"):
    """Rearranges channels into blocks of pixels. (H, W, C) -> (H * block, W * block, C / (block * block)).

    Shi et al. 2016. Also called pixel shuffle.
    """

    examples = (Example({"block": 2}, _X, (8, 12, 2)),)

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        if channels % self.block**2:
            raise OpError(f"{channels} channels cannot form blocks of {self.block}x{self.block} pixels", "block")
        return height * self.block, width * self.block, channels // self.block**2

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        reach = Reach(over=self.block)
        return reach, reach
