"""Keras layers for ops that Keras has no layer for. Each class stands alone: `eject` copies its source."""

from archdsl.keras import optimizers  # noqa: F401 - registers its classes
from archdsl.keras.layers.functions import ActivationFunction, GatedLinearUnit, StochasticDepth
from archdsl.keras.layers.learned import ClassToken, LayerScale, PositionEmbedding, SelfAttention, StandardizedConv2D
from archdsl.keras.layers.rearranging import (
    ChannelShuffle,
    ChannelSlice,
    CoveringMaxPooling2D,
    DepthToSpace,
    LowestPadding2D,
    PaddingShortcut,
    SpaceToDepth,
    TakeAt,
)

__all__ = [
    "ActivationFunction",
    "ChannelShuffle",
    "ChannelSlice",
    "ClassToken",
    "CoveringMaxPooling2D",
    "DepthToSpace",
    "GatedLinearUnit",
    "LayerScale",
    "LowestPadding2D",
    "PaddingShortcut",
    "PositionEmbedding",
    "SelfAttention",
    "SpaceToDepth",
    "StandardizedConv2D",
    "StochasticDepth",
    "TakeAt",
]
