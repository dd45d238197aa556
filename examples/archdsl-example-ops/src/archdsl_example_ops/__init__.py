"""The op `blur_pool` for archdsl. Imports no framework."""

from typing import Annotated, ClassVar

from pydantic import Field

from archdsl.ops import Call, Example, Op, Shape
from archdsl.ops.base import Kind, image, per_stride, window
from archdsl.ops.field_types import Pair


class BlurPool(Op, name="blur_pool"):
    """Anti-aliased downsampling: blurs each channel before subsampling. (H, W, C) -> (H', W', C).

    Zhang 2019, "Making convolutional networks shift-invariant again".

    Args:
        size: height and width of the binomial blur kernel.
        stride: stride of the subsampling along height and width.
    """

    kind: ClassVar[Kind] = "pool"

    size: Annotated[int, Field(strict=True, ge=2, le=7)] = 3
    stride: Pair = (2, 2)

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((9, 8, 3),), (5, 4, 3)),
        Example({"size": 5, "stride": 1}, ((9, 8, 3),), (9, 8, 3)),
    )

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        return (*window((height, width), (self.size, self.size), self.stride, "same"), channels)

    def macs(self, *inputs: Shape) -> int:
        height, width, channels = self.output(*inputs)
        return height * width * channels * self.size**2

    def keras(self) -> Call:
        return self.call("archdsl_example_ops.layers.BlurPool2D", strides="stride")

    def label(self) -> str:
        return f"Blur pool {self.size}×{self.size}{per_stride(self.stride)}"
