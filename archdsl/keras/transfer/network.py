"""What is read of a model to compare it with another: its ops in order, and the layers that hold weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from archdsl.ops import Shape

Tensor: TypeAlias = tuple[int, int]
"""A tensor: the number of the step that gives it, and which of that step's outputs it is."""


Label: TypeAlias = tuple[tuple[Shape, ...], tuple[bool, ...], int]
"""The shapes of a layer's weights, which of them train, and the groups of a convolution."""


@dataclass(frozen=True, eq=False, slots=True)
class Holder:
    """A layer that holds weights.

    Args:
        path: what leads to it.
        weights: its variables, in Keras's order.
        label: layers of another label cannot take these weights.
    """

    path: str
    weights: tuple[Any, ...]
    label: Label

    @property
    def trains(self) -> bool:
        """Whether gradients move any of them."""
        return any(self.label[1])


@dataclass(frozen=True, slots=True)
class End:
    """An input or an output of the model.

    Args:
        number: which of the inputs, or of the outputs, it is.
    """

    is_input: bool
    name: str
    number: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """An activation that a layer applies to what it gives."""

    name: str


@dataclass(frozen=True, slots=True)
class Called:
    """An op of Keras where it is called, with its arguments, in which a text stands for each tensor."""

    operation: Any
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """One op where it is used; a layer that is used twice makes two steps.

    Args:
        does: an `End`, a `Function`, a `Called`, or an op of a spec.
        rank: how many axes its output has, with the batch.
    """

    does: Any
    inputs: tuple[Tensor, ...]
    rank: int
    holder: Holder | None = None


@dataclass(slots=True)
class Network:
    """A model's steps, each behind those that it takes from."""

    steps: list[Step] = field(default_factory=list)

    def ends(self, *, inputs: bool) -> list[End]:
        """The model's inputs, or its outputs, in order."""
        return [s.does for s in self.steps if isinstance(s.does, End) and s.does.is_input == inputs]

    def holders(self) -> list[Holder]:
        """The layers with weights in the order of their first use."""
        return list(dict.fromkeys(step.holder for step in self.steps if step.holder is not None))


def label_of(weights: list[tuple[Shape, bool]], kind: str, groups: int) -> Label:
    """What decides whether one layer can take another's weights: their shapes, and which of them train.

    Where the same numbers in the same order compute the same, the label is the same: a depthwise convolution is one of
    as many groups as channels, and a convolution of one pixel is a dense layer.

    Args:
        kind: the name of the Keras class.
        groups: of a convolution.
    """
    shapes = [shape for shape, _ in weights]
    if kind.startswith("DepthwiseConv"):
        *window, channels, times = shapes[0]
        shapes[0], groups = (*window, 1, channels * times), channels
    if "Conv" not in kind or "Transpose" in kind:
        groups = 1  # those of a norm are no part of its weights
    elif len(shapes[0]) > 2 and {*shapes[0][:-2]} == {1}:
        shapes[0] = shapes[0][-2:]
    return tuple(shapes), tuple(trains for _, trains in weights), groups
