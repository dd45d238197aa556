"""Compares and formats the shapes of Keras."""

from __future__ import annotations

from typing import Any

import keras


def output_shapes(model: keras.Model) -> dict[str, Any]:
    """The Keras shape of each output by its name; the name is empty if the network has one output."""
    shapes = model.output_shape
    if isinstance(shapes, list):
        shapes = dict(zip(model.output_names, shapes, strict=True))
    return shapes if isinstance(shapes, dict) else {"": shapes}


def fits(expected: Any, shape: tuple[int | None, ...]) -> bool:
    """Whether a Keras shape, including the batch axis, matches a shape; false for several inputs.

    An axis of either can be of any size, None.
    """
    if not isinstance(expected, tuple) or len(expected) != len(shape) + 1:
        return False
    return all(given is None or side in (None, given) for side, given in zip(expected[1:], shape, strict=True))


def ending(shape: Any, units: int) -> str:
    """The edit that makes a network with an output of a Keras shape return some numbers."""
    flat = isinstance(shape, tuple) and len(shape) == 2
    return f"end the network with {'' if flat else '`flatten` and '}`dense: {{units: {units}}}`"


def shape_text(shape: Any, each: bool = True) -> str:
    """Format a Keras shape without its batch axis: `32x32x3`, `?x?x3`, or `2 tensors (4, 8x8x3)`.

    Args:
        each: whether to list the shapes of several tensors.
    """
    if isinstance(shape, tuple) and all(side is None or isinstance(side, int) for side in shape):
        return "x".join("?" if side is None else str(side) for side in shape[1:]) or "a number"
    shapes = list(shape.values()) if isinstance(shape, dict) else shape
    return f"{len(shapes)} tensors" + (f" ({', '.join(map(shape_text, shapes))})" if each else "")
