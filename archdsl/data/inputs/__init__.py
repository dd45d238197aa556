"""What the inputs of a network are made of: one module for each kind of column."""

from archdsl.data.inputs.base import Input
from archdsl.data.inputs.image import ImageInput
from archdsl.data.inputs.numbers import NumbersInput

INPUTS: dict[str, type[Input]] = {"image": ImageInput, "number": NumbersInput}
"""The input that a kind of column makes."""

__all__ = ["INPUTS", "ImageInput", "Input", "NumbersInput"]
