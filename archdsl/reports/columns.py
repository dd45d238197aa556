"""The columns of a table of layers, each as text and as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from archdsl.analysis.measures import Counts, Field, NodeMeasures
from archdsl.errors import fail, nearest
from archdsl.graph import Totals
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.text import byte_size


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What a row of the table shows: the measures of one node, or of the nodes of a step together."""

    shapes: tuple[Shape, ...]
    totals: Totals
    activations: int = 0
    fvcore: Counts = Counts()  # noqa: RUF009 - a tuple, which nobody can change
    field: Field = Field((0, 0), None)  # noqa: RUF009
    weight_bytes: int = 0
    output_bytes: int = 0
    peak_bytes: int = 0


class Column(NamedTuple):
    """One column.

    Args:
        title: its heading in text.
        description: what it counts, for the documentation.
        text: a cell in text.
        data: a cell in CSV, and the value in JSON.
    """

    title: str
    description: str
    text: Callable[[RowFacts], str]
    data: Callable[[RowFacts], Any]


def _count(title: str, description: str, value: Callable[[RowFacts], int]) -> Column:
    return Column(title, description, lambda facts: f"{value(facts):,}" if value(facts) else "", value)


def _memory(title: str, description: str, value: Callable[[RowFacts], int]) -> Column:
    return Column(title, description, lambda facts: byte_size(value(facts)) if value(facts) else "", value)


COLUMNS: dict[str, Column] = {
    "output": Column(
        "output",
        "the shape of the output, without the batch; of each, where there are several",
        lambda facts: ", ".join(map(show, facts.shapes)),
        lambda facts: ", ".join(map(show, facts.shapes)),
    ),
    "parameters": _count("parameters", "the numbers in all weights", lambda facts: facts.totals.parameters),
    "trainable": _count("trainable", "those of them that gradients move", lambda facts: facts.totals.trainable),
    "macs": _count("MACs", "multiply-accumulates for one image, as papers count them", lambda facts: facts.totals.macs),
    "activations": _count(
        "activations", "numbers that convolutions and dense layers give for one image", lambda facts: facts.activations
    ),
    "fvcore_macs": _count(
        "fvcore MACs", "multiply-accumulates as fvcore and timm count them", lambda facts: facts.fvcore.macs
    ),
    "fvcore_activations": _count(
        "fvcore act.", "activations as fvcore and timm count them", lambda facts: facts.fvcore.activations
    ),
    "field": Column(
        "field",
        "the receptive field, in pixels of the input, with its stride; `whole` where all of it is seen",
        lambda facts: _field_text(facts.field),
        lambda facts: field_data(facts.field),
    ),
    "stride": Column(
        "stride",
        "how far apart in the input neighbours of the map lie",
        lambda facts: show_pair(facts.field.stride) if facts.field.stride else "",
        lambda facts: list(facts.field.stride) if facts.field.stride else None,
    ),
    "weight_bytes": _memory("weights", "bytes of its weights", lambda facts: facts.weight_bytes),
    "output_bytes": _memory("memory", "bytes of its output, for the batch", lambda facts: facts.output_bytes),
    "peak_bytes": _memory(
        "peak", "bytes of all activations that are there while it runs, for the batch", lambda facts: facts.peak_bytes
    ),
}
SHORT = ("output", "parameters", "macs")
DEFAULT = (*SHORT, "field")


def parse_columns(words: str) -> tuple[str, ...]:
    """The columns of `--columns`: names between commas, or `all`, where `field` tells the stride.

    Raises:
        ArchError: a name is none, or stands there twice.
    """
    every = tuple(name for name in COLUMNS if name != "stride")
    names = every if words == "all" else tuple(word.strip() for word in words.split(","))
    for at, name in enumerate(names):
        if name not in COLUMNS:
            raise fail("ARCH203", f"there is no column `{name}`", hint=nearest(name, [*COLUMNS, "all"]))
        if name in names[:at]:
            raise fail("ARCH203", f"the column `{name}` stands there twice", hint="name each once")
    return names


def step_facts(
    shapes: tuple[Shape, ...], totals: Totals, layers: Sequence[NodeMeasures], last: NodeMeasures
) -> RowFacts:
    """What a row shows of a step.

    Args:
        layers: the nodes of the row's (first) step.
        last: the node that gives the row's output: of several equal layers, the last one's.
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
    """What a row shows of one node."""
    shapes = tuple(layer.node.outputs.values()) or (layer.node.shape,)
    return step_facts(shapes, layer.totals, [layer], layer)


def column_data(facts: RowFacts, names: Iterable[str]) -> dict[str, Any]:
    """Columns as plain data, by name."""
    return {name: COLUMNS[name].data(facts) for name in names}


def field_data(field: Field) -> Any:
    """A receptive field as plain data: rows and columns, `whole`, or nothing where no map is seen."""
    if field.size is None:
        return "whole"
    return list(field.size) if any(field.size) else None


def _field_text(field: Field) -> str:
    """`27 /4`, with the stride as labels have it."""
    if field.size is None:
        return "whole"
    stride = show_pair(field.stride) if field.stride else "1"
    return (show_pair(field.size) + (f" /{stride}" if stride != "1" else "")) if any(field.size) else ""


def show_pair(pair: tuple[float, float]) -> str:
    """`27`, or `27x9` where rows and columns differ."""
    words = [f"{side:.4g}" if isinstance(side, float) else str(side) for side in pair]
    return words[0] if words[0] == words[1] else "x".join(words)
