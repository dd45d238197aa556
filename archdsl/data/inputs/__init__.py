"""What the inputs of a network are made of: one module for each kind."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.data.inputs.array import ArrayInput
from archdsl.data.inputs.base import Input
from archdsl.data.inputs.category import CategoryInput
from archdsl.data.inputs.image import ImageInput
from archdsl.data.inputs.text import TextInput
from archdsl.data.inputs.tokens import TokensInput
from archdsl.data.inputs.vector import VectorInput
from archdsl.data.ports import Port
from archdsl.data.sources.base import RawDataset
from archdsl.errors import fail
from archdsl.text import quantity

__all__ = [
    "ArrayInput",
    "CategoryInput",
    "ImageInput",
    "Input",
    "TextInput",
    "TokensInput",
    "VectorInput",
    "kind_of",
]


def kind_of(columns: Sequence[str], raw: RawDataset, port: Port | None) -> type[Input]:
    """The kind of input that some columns make.

    Args:
        port: the input of the network, if it is known.

    Raises:
        ArchError: the columns cannot be combined (ARCH303).
    """
    kinds = {raw.columns[name].kind for name in columns}
    if kinds == {"image"} and len(columns) == 1:
        return ImageInput
    if kinds == {"class"} and len(columns) == 1 and port is not None and port.is_integer:
        return CategoryInput
    if kinds == {"array"} and len(columns) == 1:
        return ArrayInput
    if kinds == {"text"} and len(columns) == 1:
        return TextInput
    if kinds == {"tokens"} and len(columns) == 1:
        return TokensInput
    if kinds <= {"number", "class"} and columns:
        return VectorInput
    shown = ", ".join(f"`{name}` ({raw.columns[name].kind})" for name in columns) or "no column"
    others = [name for name in columns if raw.columns[name].kind not in ("number", "class")]
    rest = [name for name in columns if name not in others]
    hint = ""
    if others and rest:
        hint = f"leave {quantity(len(others), 'column')} out with `inputs: [{', '.join(rest[:5])}]` in `data`"
        if raw.columns[others[0]].kind == "text":
            hint += f", or set `columns: {{{others[0]}: class}}`"
    raise fail("ARCH303", f"expected one column, or columns of numbers and classes, got {shown}", hint=hint)
