"""The columns of the layer table, as text and as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from archdsl.analysis.measures import Counts, Field, NodeMeasures
from archdsl.errors import fail, nearest
from archdsl.graph import Totals
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.text import byte_size, short_count


@dataclass(frozen=True, slots=True)
class RowFacts:
    """The values of a table row: the measures of one node, or of all nodes in a step."""

    shapes: tuple[Shape, ...]
    totals: Totals
    activations: int = 0
    fvcore: Counts = Counts()  # noqa: RUF009 - an immutable tuple
    field: Field = Field((0, 0), None)  # noqa: RUF009
    weight_bytes: int = 0
    output_bytes: int = 0
    peak_bytes: int = 0


class Column(NamedTuple):
    """One column.

    Args:
        title: the heading in text output.
        description: a description for the docs.
        text: formats a cell as text.
        data: computes a cell for CSV, or a value for JSON.
        short_title: the heading in a narrow terminal.
        short_text: formats a cell for a narrow terminal.
    """

    title: str
    description: str
    text: Callable[[RowFacts], str]
    data: Callable[[RowFacts], Any]
    short_title: str = ""
    short_text: Callable[[RowFacts], str] | None = None

    def title_in(self, short: bool) -> str:
        """The heading, abbreviated on request if there is an abbreviation."""
        return self.short_title if short and self.short_title else self.title

    def text_in(self, facts: RowFacts, short: bool) -> str:
        """A cell in text, abbreviated on request if there is an abbreviation."""
        return self.short_text(facts) if short and self.short_text else self.text(facts)


SHORT_TITLES = {"parameters": "params", "activations": "act."}
"""Headings of the columns of abbreviated counts, for narrow terminals."""


def _count(title: str, description: str, value: Callable[[RowFacts], int]) -> Column:
    return Column(
        title,
        description,
        lambda facts: f"{value(facts):,}" if value(facts) else "",
        value,
        SHORT_TITLES.get(title, title),
        lambda facts: short_count(value(facts)) if value(facts) else "",
    )


def _memory(title: str, description: str, value: Callable[[RowFacts], int]) -> Column:
    return Column(title, description, lambda facts: byte_size(value(facts)) if value(facts) else "", value)


COLUMNS: dict[str, Column] = {
    "output": Column(
        "output",
        "output shape, without the batch axis; several outputs are separated by commas",
        lambda facts: ", ".join(map(show, facts.shapes)),
        lambda facts: ", ".join(map(show, facts.shapes)),
    ),
    "parameters": _count("parameters", "number of parameters", lambda facts: facts.totals.parameters),
    "trainable": _count("trainable", "number of trainable parameters", lambda facts: facts.totals.trainable),
    "macs": _count("MACs", "multiply-accumulates per image, as counted in papers", lambda facts: facts.totals.macs),
    "activations": _count(
        "activations", "output values of convolutions and dense layers per image", lambda facts: facts.activations
    ),
    "fvcore_macs": _count(
        "fvcore MACs", "multiply-accumulates per image, as counted by fvcore and timm", lambda facts: facts.fvcore.macs
    ),
    "fvcore_activations": _count(
        "fvcore act.", "activations per image, as counted by fvcore and timm", lambda facts: facts.fvcore.activations
    ),
    "field": Column(
        "field",
        "receptive field in input pixels, with its stride; `whole` if it covers the whole input",
        lambda facts: _field_text(facts.field),
        lambda facts: field_data(facts.field),
    ),
    "stride": Column(
        "stride",
        "distance in input pixels between neighboring positions of the feature map",
        lambda facts: show_sides(facts.field.stride) if facts.field.stride else "",
        lambda facts: list(facts.field.stride) if facts.field.stride else None,
    ),
    "weight_bytes": _memory("weights", "memory for the weights", lambda facts: facts.weight_bytes),
    "output_bytes": _memory("memory", "memory for the output of the whole batch", lambda facts: facts.output_bytes),
    "peak_bytes": _memory(
        "peak", "memory for all activations alive while the layer runs, for the batch", lambda facts: facts.peak_bytes
    ),
}
SHORT = ("output", "parameters", "macs")
DEFAULT = (*SHORT, "field")


def parse_columns(words: str) -> tuple[str, ...]:
    """Parse the value of `--columns`: names separated by commas, or `all`, where `field` includes the stride.

    Raises:
        ArchError: a name is unknown or occurs twice (ARCH203).
    """
    every = tuple(name for name in COLUMNS if name != "stride")
    names = every if words == "all" else tuple(word.strip() for word in words.split(","))
    for at, name in enumerate(names):
        if name not in COLUMNS:
            raise fail("ARCH203", f"unknown column `{name}`", hint=nearest(name, [*COLUMNS, "all"]))
        if name in names[:at]:
            raise fail("ARCH203", f"duplicate column `{name}`", hint="list each column once")
    return names


def step_facts(
    shapes: tuple[Shape, ...], totals: Totals, layers: Sequence[NodeMeasures], last: NodeMeasures
) -> RowFacts:
    """Compute the values of a row from the nodes of its step.

    Args:
        shapes: the output shapes of the step.
        totals: the totals of the step.
        layers: the nodes of the step; of several equal steps, those of the first.
        last: the node that computes the output; of several equal steps, that of the last.
    """
    counts = zip(*(layer.fvcore for layer in layers), strict=True)
    return RowFacts(
        shapes,
        totals,
        sum(layer.activations for layer in layers),
        Counts(*map(sum, counts)),
        last.field,
        sum(layer.weight_bytes for layer in layers),
        last.output_bytes,
        max(layer.peak_bytes for layer in layers),
    )


def layer_facts(layer: NodeMeasures) -> RowFacts:
    """Compute the values of a row for a single node."""
    shapes = tuple(layer.node.outputs.values()) or (layer.node.shape,)
    return step_facts(shapes, layer.totals, [layer], layer)


def column_data(facts: RowFacts, names: Iterable[str]) -> dict[str, Any]:
    """Return columns as plain data, by name."""
    return {name: COLUMNS[name].data(facts) for name in names}


def field_data(field: Field) -> Any:
    """Return a receptive field as plain data: rows and columns, `whole`, or None without a feature map."""
    if field.size is None:
        return "whole"
    return list(field.size) if any(field.size) else None


def _field_text(field: Field) -> str:
    """Format a receptive field with its stride, as in `27 /4`."""
    if field.size is None:
        return "whole"
    stride = show_sides(field.stride) if field.stride else "1"
    return (show_sides(field.size) + (f" /{stride}" if stride != "1" else "")) if any(field.size) else ""


def show_sides(sides: tuple[float, ...]) -> str:
    """Format a number per axis as in `27`, or as in `27x9` if they differ."""
    words = [f"{side:.4g}" if isinstance(side, float) else str(side) for side in sides]
    return words[0] if len({*words}) == 1 else "x".join(words)
