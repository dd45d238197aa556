"""What a network predicts: one module for each kind of column."""

from archdsl.data.sources.base import RawDataset
from archdsl.data.targets.base import Target
from archdsl.data.targets.classes import ClassTarget
from archdsl.data.targets.image import ImageTarget
from archdsl.data.targets.mask import MaskTarget
from archdsl.data.targets.numbers import NumberTarget
from archdsl.data.targets.tags import TagsTarget
from archdsl.data.targets.tokens import TokensTarget
from archdsl.errors import fail
from archdsl.recipe import Data

TARGETS: dict[str, type[Target]] = {
    "class": ClassTarget,
    "image": ImageTarget,
    "mask": MaskTarget,
    "number": NumberTarget,
    "tags": TagsTarget,
    "tokens": TokensTarget,
    "array": NumberTarget,
}
"""The target that a kind of column makes. Of several kinds that make the same, the first is the usual one."""


def target_of(column: str, raw: RawDataset, data: Data) -> Target:
    """The target that a column makes.

    Raises:
        ArchError: a network cannot predict such a column, or the recipe does not fit it (ARCH303).
    """
    kind = raw.columns[column].kind
    if kind in TARGETS:
        return TARGETS[kind].of(column, raw, data)
    hint = "name another column in `data.targets`"
    if kind == "text":
        hint = f"if its texts are classes, set `columns: {{{column}: class}}` in `data`; if not, {hint}"
    what = {"text": "texts", "array": "arrays"}.get(kind, kind)
    raise fail("ARCH303", f"the target `{column}` has {what}, which no task predicts", hint=hint)


__all__ = [
    "TARGETS",
    "ClassTarget",
    "ImageTarget",
    "MaskTarget",
    "NumberTarget",
    "TagsTarget",
    "Target",
    "TokensTarget",
    "target_of",
]
