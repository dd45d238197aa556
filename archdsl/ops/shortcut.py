"""The op that a shortcut of the kind `pad` is."""

from collections.abc import Sequence

from archdsl.ops.base import Example, Op, OpError, Shape, Traits, image, per_stride
from archdsl.ops.field_types import Count, Pair
from archdsl.ops.index_sets import ALL, LONGEST, Positions, bounded, spread
from archdsl.ops.receptive_field import Reach, ReceptiveField


class PadShortcut(Op, name="pad_shortcut", kind="shape", layer="PaddingShortcut"):
    """Every stride-th pixel, with channels of zeros behind the last. (H, W, C) -> (H / stride, W / stride, filters).

    He et al. 2015, option A: what `shortcut: pad` stands for.

    Args:
        filters: channels of the output; at least those of the input.
        stride: of the pixels that are kept.
    """

    keras_words = {"strides": "stride"}

    traits = Traits(values="same_sign")

    filters: Count
    stride: Pair = (1, 1)

    examples = (
        Example({"filters": 8, "stride": 2}, ((9, 7, 4),), (5, 4, 8)),
        Example({"filters": 4, "stride": [1, 2]}, ((9, 8, 4),), (9, 4, 4)),
        Example({"filters": 6}, ((3, 3, 1),), (3, 3, 6)),
    )

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        if self.filters < channels:
            hint = "`projection` can take channels away"
            raise OpError(f"{channels} channels cannot be padded to {self.filters}", "filters", hint)
        return -(-height // self.stride[0]), -(-width // self.stride[1]), self.filters

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return Reach(self.stride[0]), Reach(self.stride[1])

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        rows, columns = (
            ALL if x > LONGEST else spread(bounded(places, y), stride)
            for places, y, x, stride in zip(needed, output, inputs[0], self.stride, strict=False)
        )
        return ((rows, columns, needed[-1]),)

    def label(self) -> str:
        return f"Pad to {self.filters}{per_stride(self.stride)}"
