"""Convolutions whose filters are computed from their weights."""

from archdsl.ops.base import Counts, Example, Shape, Traits
from archdsl.ops.conv import Conv
from archdsl.ops.field_types import Positive


class StandardizedConv(Conv, name="standardized_conv", layer="StandardizedConv2D"):
    """2D convolution with weight standardization. (H, W, C) -> (H', W', filters).

    Qiao et al. 2019, "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization". Each filter
    is normalized to mean 0 and variance 1 before it is applied.

    Args:
        epsilon: small number added to the variance of a filter's weights to avoid division by zero.
    """

    ranks = (2,)
    traits = Traits(filters=True, standardizes=True)

    epsilon: Positive = 1e-6

    examples = (
        *(example for example in Conv.examples if len(example.inputs[0]) == 3),
        Example({"filters": 6, "kernel": 3, "bias": False, "epsilon": 1e-8}, ((9, 8, 4),), (7, 6, 6)),
    )

    def fvcore(self, *inputs: Shape) -> Counts:
        # timm normalizes the filters with a batch norm in training mode without a scale: 4 per weight in fvcore.
        counts = super().fvcore(*inputs)
        return counts._replace(macs=counts.macs + 4 * self.weights(*inputs)["kernel"].size)

    def plainer_step(self, x: Shape) -> str:
        return ""

    def label_of_rank(self, rank: int) -> str:
        label = super().label_of_rank(rank)
        return f"Standardized {label[0].lower()}{label[1:]}"
