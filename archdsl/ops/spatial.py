"""Padding, cropping and resizing."""

import math
from collections.abc import Sequence
from typing import Literal

from archdsl.ops.base import Counts, Example, Op, OpError, Shape, Traits, image, sides
from archdsl.ops.field_types import Border, Flag, Number, Pair, Sides, Size
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
    return None if whole else (found[0], found[1])


class ZeroPad(Op, name="zero_pad", kind="shape", layer="layers.ZeroPadding2D"):
    """Pads the border with zeros. (H, W, C) -> (H + top + bottom, W + left + right, C). Keras `ZeroPadding2D`.

    Args:
        padding: number of pixels on each side: one number, or [[top, bottom], [left, right]].
    """

    traits = Traits(values="same_sign")

    padding: Border

    examples = (
        Example({"padding": 1}, ((3, 2, 5),), (5, 4, 5)),
        Example({"padding": [[0, 1], [2, 0]]}, ((3, 2, 5),), (4, 4, 5)),
    )

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        (top, bottom), (left, right) = sides(self.padding)
        return height + top + bottom, width + left + right, channels

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        (top, _), (left, _) = sides(self.padding)
        return Reach(1, -top, -top), Reach(1, -left, -left)

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        (top, _), (left, _) = sides(self.padding)
        return ((shifted(needed[0], -top), shifted(needed[1], -left), needed[-1]),)

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        return moved(support, x, sides(self.padding), 1)

    def label(self) -> str:
        (top, bottom), (left, right) = sides(self.padding)
        if top == bottom == left == right:
            return f"Zero pad {top}"
        return f"Zero pad {top}+{bottom}, {left}+{right}"


class LowestPad(ZeroPad, name="lowest_pad", layer="LowestPadding2D"):
    """Pads the border with minus infinity. (H, W, C) -> (H + top + bottom, W + left + right, C).

    Torch's `MaxPool2d` pads this way. A `max_pool` with a numeric `padding` is preceded by this op.
    """

    traits = Traits()

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        return None

    def label(self) -> str:
        return super().label().replace("Zero", "Lowest")


class _Crop(Op, kind="shape"):
    """Base class of the crops."""

    traits = Traits(values="between", unread="compute only what is kept")

    def _corner(self, x: Shape) -> tuple[int, int]:
        """The first row and column of the output in the input."""
        raise NotImplementedError

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        top, left = self._corner(inputs[0])
        return Reach(1, top, top), Reach(1, left, left)

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        rows, columns = (
            shifted(bounded(places, y), start)
            for places, y, start in zip(needed, output, self._corner(inputs[0]), strict=False)
        )
        return ((rows, columns, needed[-1]),)


class Crop(_Crop, name="crop", layer="layers.Cropping2D"):
    """Crops the border. (H, W, C) -> (H - top - bottom, W - left - right, C). Keras `Cropping2D`.

    Args:
        border: number of pixels to remove on each side: one number, or [[top, bottom], [left, right]].
    """

    border: Border

    examples = (
        Example({"border": 1}, ((5, 4, 3),), (3, 2, 3)),
        Example({"border": [[0, 1], [2, 0]]}, ((5, 4, 3),), (4, 2, 3)),
    )

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        (top, bottom), (left, right) = sides(self.border)
        if height <= top + bottom or width <= left + right:
            raise OpError(f"`border` removes the entire map of {height}x{width}", "border")
        return height - top - bottom, width - left - right, channels

    def _corner(self, x: Shape) -> tuple[int, int]:
        (top, _), (left, _) = sides(self.border)
        return top, left

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        return moved(support, x, sides(self.border), -1)


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

    def _corner(self, x: Shape) -> tuple[int, int]:
        return (x[0] - self.height) // 2, (x[1] - self.width) // 2


class _Resized(Op, kind="shape"):
    """Base class of the ops that interpolate pixels."""

    def fvcore(self, *inputs: Shape) -> Counts:
        # fvcore counts these per output value, and does not count other interpolations.
        work = {"nearest": 1, "bilinear": 4}.get(getattr(self, "interpolation", ""), 0)
        return Counts(work * math.prod(self.output(*inputs)))


class Upsample(_Resized, name="upsample", layer="layers.UpSampling2D"):
    """Upsamples by an integer factor. (H, W, C) -> (H * size, W * size, C). Keras `UpSampling2D`.

    Args:
        size: upsampling factors for height and width.
        interpolation: interpolation method.
    """

    caption = "Upsample {size[0]}×{size[1]}"

    size: Pair = (2, 2)
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"] = "nearest"

    examples = (
        Example({}, _X, (8, 12, 8)),
        Example({"size": [1, 3]}, _X, (4, 18, 8)),
        Example({"size": 2, "interpolation": "bilinear"}, _X, (8, 12, 8)),
    )

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        return height * self.size[0], width * self.size[1], channels

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        rows, columns = (scaled(x, x * more, self.interpolation) for x, more in zip(inputs[0], self.size, strict=False))
        return rows, columns

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        if self.interpolation != "nearest" or max(output[:2]) > LONGEST:
            return everything(inputs)
        rows, columns = (
            ALL if places == ALL else divided(places, y, size)
            for places, y, size in zip(needed, output, self.size, strict=False)
        )
        return ((rows, columns, needed[-1]),)

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
