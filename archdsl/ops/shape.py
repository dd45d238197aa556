"""Ops that move numbers about, or drop some, and compute nothing."""

from __future__ import annotations

import math
from typing import ClassVar

from archdsl.ops.base import Border, Call, Example, Kind, Op, Shape, Share, image, sides


class Flatten(Op, name="flatten"):
    """All numbers in one row. (H, W, C) -> (H * W * C,). Keras `Flatten`."""

    kind: ClassVar[Kind] = "shape"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((3, 2, 5),), (30,)), Example({}, ((7,),), (7,)))

    def shape(self, *inputs: Shape) -> Shape:
        return (math.prod(inputs[0]),)

    def keras(self) -> Call:
        return Call("layers.Flatten")


class ZeroPad(Op, name="zero_pad"):
    """Zeros around the map. (H, W, C) -> (H + top + bottom, W + left + right, C). Keras `ZeroPadding2D`."""

    kind: ClassVar[Kind] = "shape"

    padding: Border

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"padding": 1}, ((3, 2, 5),), (5, 4, 5)),
        Example({"padding": [[0, 1], [2, 0]]}, ((3, 2, 5),), (4, 4, 5)),
    )

    def shape(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        (top, bottom), (left, right) = sides(self.padding)
        return height + top + bottom, width + left + right, channels

    def keras(self) -> Call:
        return self.call("layers.ZeroPadding2D", "padding")

    def label(self) -> str:
        (top, bottom), (left, right) = sides(self.padding)
        if top == bottom == left == right:
            return f"Zero pad {top}"
        return f"Zero pad {top}+{bottom}, {left}+{right}"


class LowestPad(ZeroPad, name="lowest_pad"):
    """Minus infinity around the map, which no maximum ever takes. (H, W, C) -> (H + ..., W + ..., C).

    What a number as `padding` of `max_pool` puts before it.
    """

    def keras(self) -> Call:
        return self.call("LowestPadding2D", "padding")

    def label(self) -> str:
        return super().label().replace("Zero", "Lowest")


class Dropout(Op, name="dropout"):
    """In training, zeros a `rate` of the numbers and scales the rest up. Any shape -> the same shape.

    Keras `Dropout`; Srivastava et al. 2014.
    """

    kind: ClassVar[Kind] = "dropout"

    rate: Share

    examples: ClassVar[tuple[Example, ...]] = (Example({"rate": 0.5}, ((3, 2, 5),), (3, 2, 5)),)

    def keras(self) -> Call:
        return self.call("layers.Dropout", "rate")

    def label(self) -> str:
        return f"Dropout {self.rate:g}"
