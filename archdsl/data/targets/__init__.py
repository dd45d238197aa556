"""What a network predicts: one module for each kind of column."""

from archdsl.data.targets.base import Target
from archdsl.data.targets.classes import ClassTarget
from archdsl.data.targets.image import ImageTarget
from archdsl.data.targets.mask import MaskTarget
from archdsl.data.targets.numbers import NumberTarget
from archdsl.data.targets.tags import TagsTarget
from archdsl.data.targets.tokens import TokensTarget

TARGETS: dict[str, type[Target]] = {
    "class": ClassTarget,
    "image": ImageTarget,
    "mask": MaskTarget,
    "number": NumberTarget,
    "tags": TagsTarget,
    "tokens": TokensTarget,
}
"""The target that a kind of column makes."""

__all__ = [
    "TARGETS",
    "ClassTarget",
    "ImageTarget",
    "MaskTarget",
    "NumberTarget",
    "TagsTarget",
    "Target",
    "TokensTarget",
]
