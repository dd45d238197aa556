"""A free weight: a tensor that is learned, and depends on no input."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from archdsl.ops.base import FLOAT, Example, Op, OpError, Shape, Weight
from archdsl.ops.field_types import Flag, Size
from archdsl.ops.index_sets import Positions
from archdsl.ops.weights import Constraint, MatrixInitializer, MatrixRegularizer


class FreeWeight(Op, name="weight", kind="dense", layer="FreeWeight"):
    """A trainable tensor, the same for all examples of the batch. No input -> shape. Keras `add_weight`.

    The step takes no tensor, so the step after it usually names its other inputs with `from`. The output has a batch
    axis like any other tensor: the weight is repeated for each example.

    Args:
        shape: shape of the weight and of the output, without the batch.
        initializer: initializer for the weight.
        regularizer: regularizer for the weight.
        constraint: constraint on the weight.
        trainable: whether training changes the weight.
    """

    without_input = True
    depends_on = "place"
    caption = "Weight"

    shape: Annotated[tuple[Size, ...], Field(max_length=4)]
    initializer: MatrixInitializer = "glorot_uniform"
    regularizer: MatrixRegularizer = None
    constraint: Constraint = None
    trainable: Flag = True

    examples = (
        Example({"shape": [5], "initializer": "ones"}, (), (5,)),
        Example({"shape": [4, 6], "regularizer": "l2", "constraint": "non_neg"}, (), (4, 6)),
        Example({"shape": [2, 2, 3], "trainable": False}, (), (2, 2, 3)),
    )

    def output(self, *inputs: Shape) -> Shape:
        for field, words in (("initializer", ("identity", "orthogonal")), ("regularizer", ("orthogonal_regularizer",))):
            value = getattr(self, field)
            word = value if isinstance(value, str) else getattr(value, "word", "")
            if word in words and len(self.shape) != 2:
                raise OpError(f"`{word}` needs a weight of two axes, got {len(self.shape)}", field)
        return self.shape

    def gives(self, *dtypes: str) -> str:
        return FLOAT

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"weight": Weight(self.shape, self.trainable)}

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return ()
