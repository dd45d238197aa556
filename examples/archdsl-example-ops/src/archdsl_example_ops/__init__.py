"""Five ops for archdsl. Imports no framework."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archdsl.ops import Call, Example, Op, OpError, Shape, Weight
from archdsl.ops.base import Kind, image, per_stride, show, window
from archdsl.ops.field_types import NotNegative, Pair, Positive


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


class RandomFlip(Op, name="random_flip", kind="dropout", layer="layers.RandomFlip"):
    """Flips each image at random during training. (H, W, C) -> (H, W, C). Keras `RandomFlip`.

    Args:
        mode: `horizontal`, `vertical`, or `horizontal_and_vertical`.
    """

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal"
    examples: ClassVar[tuple[Example, ...]] = (Example({"mode": "vertical"}, ((9, 8, 3),), (9, 8, 3)),)


class SquaredDistance(Op, name="squared_distance", kind="merge", layer="archdsl_example_ops.layers.SquaredDistance"):
    """The squared distance between two vectors. (C,) and (C,) -> (1,)."""

    many: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (Example({}, ((4,), (4,)), (1,)),)

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs) != 2 or inputs[0] != inputs[1] or len(inputs[0]) != 1:
            shapes = " and ".join(map(show, inputs))
            raise OpError(f"`squared_distance` expects two vectors of the same size, got {shapes}")
        return (1,)


class GeMPool(Op, name="gem_pool", kind="pool", layer="archdsl_example_ops.layers.GeMPool"):
    """Generalized mean pooling with a trainable power. (H, W, C) -> (C,).

    Radenović et al. 2018, "Fine-tuning CNN image retrieval with no human annotation".

    Args:
        power: initial power; 1 is average pooling, and a large power approaches max pooling.
    """

    power: Positive = 3.0

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((5, 4, 3),), (3,)),
        Example({"power": 1.0}, ((2, 2, 6),), (6,)),
    )

    def output(self, *inputs: Shape) -> Shape:
        return image(inputs[0], self.name)[2:]

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"power": Weight((1,))}


class SparseCode(Op, name="sparse_code", kind="activation", layer="archdsl_example_ops.layers.SparseCode"):
    """A sigmoid whose units are active on average for a fraction of the examples. Any shape -> the same shape.

    During training, it adds the divergence between that fraction and the mean activation of each unit to the loss.
    Ng 2011, "Sparse autoencoder".

    Args:
        fraction: desired mean activation.
        weight: factor of the loss.
    """

    fraction: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.05
    weight: NotNegative = 1.0

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((6,),), (6,)),
        Example({"fraction": 0.1, "weight": 0.5}, ((4, 6),), (4, 6)),
    )
