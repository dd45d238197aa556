"""Dense layers."""

from collections.abc import Sequence
from typing import Any

from archdsl.ops.base import Example, OpError, SavedForBackward, Shape, Traits
from archdsl.ops.field_types import Count
from archdsl.ops.index_sets import ALL, Positions
from archdsl.ops.receptive_field import POINTWISE
from archdsl.ops.weights import Kernel, MatrixInitializer, MatrixRegularizer


class Dense(Kernel, name="dense", kind="dense", layer="layers.Dense"):
    """Fully connected layer. (..., C) -> (..., units). Keras `Dense`.

    On a feature map (H, W, C) or on tokens (T, C), it is applied to each pixel or token, like a 1x1 convolution.
    `kernel: {share: tokens.embeddings, transpose: true}` uses a weight of an earlier step as the kernel.

    Args:
        units: dimension of the output space (the number of output channels).
        activation: activation applied to the output, or `none`.
    """

    keras_words = {"activation": "activation", "use_bias": "bias"}
    tied_layers = {"kernel": "TiedDense"}

    caption = "Dense {units}"
    saved = SavedForBackward(inputs=True)
    traits = Traits(filters=True, linear=True)
    depends_on = POINTWISE

    units: Count
    activation: Any = "none"
    kernel_initializer: MatrixInitializer = "glorot_uniform"
    kernel_regularizer: MatrixRegularizer = None

    examples = (
        Example({"units": 5}, ((7,),), (5,)),
        Example({"units": 5, "bias": False}, ((4, 4, 7),), (4, 4, 5)),
        Example(
            {
                "units": 5,
                "kernel_initializer": {"orthogonal": 2.0},
                "kernel_regularizer": {"orthogonal_regularizer": {"mode": "columns"}},
                "kernel_constraint": {"max_norm": 3.0},
            },
            ((6, 7),),
            (6, 5),
        ),
        Example(
            {
                "units": 5,
                "bias_initializer": {"random_uniform": {"minval": 0.0, "maxval": 1.0, "seed": 1}},
                "bias_regularizer": {"l1": 0.1},
                "bias_constraint": {"min_max_norm": {"max_value": 2.0}},
                "activity_regularizer": {"l2": 0.01},
            },
            ((7,),),
            (5,),
        ),
    )

    def output(self, *inputs: Shape) -> Shape:
        if not inputs[0]:
            raise OpError("`dense` expects channels, got a number")
        return (*inputs[0][:-1], self.units)

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        return {"kernel": (x[-1], self.units), "bias": (self.units,)}

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return ((*needed[:-1], ALL),)
