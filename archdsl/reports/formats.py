"""Graph -> the table of `show` as plain data, CSV or Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from archdsl.analysis.measures import Measures, layers, measure
from archdsl.graph import Graph, Node
from archdsl.ops import Shape
from archdsl.ops.base import FLOAT
from archdsl.reports.columns import COLUMNS, RowFacts, column_data, field_data, layer_facts
from archdsl.reports.summary import View, heading, table, totals_lines
from archdsl.spec import INPUT, OUTPUT
from archdsl.text import csv_cell, markdown_table


def to_data(graph: Graph, batch: int = 1, precision: str = "float32", depth: int | None = None) -> dict[str, Any]:
    """Convert a network to plain data: totals at the top, and every layer and op with its path.

    Named inputs and outputs become mappings from name to shape; a single unnamed one is just a shape.

    Args:
        graph: the network.
        batch: the batch size for which the memory of activations is counted.
        precision: one of `archdsl.analysis.measures.PRECISIONS`.
        depth: how many levels of layers to open; by default all.
    """
    entries = [
        {
            "class": layer.node.kind,
            "path": path,
            "inputs": list(layer.node.inputs),
            **_sharing(path, layer.node),
            "output": _plain(layer.node.outputs or {OUTPUT: layer.node.shape}, OUTPUT),
            **column_data(layer_facts(layer), (name for name in COLUMNS if name != "output")),
        }
        for path, layer in layers(graph, batch, precision, depth).items()
    ]
    return {**outline(graph), **_totals(measure(graph, batch, precision)), "layers": entries}


def _sharing(path: str, node: Node) -> dict[str, Any]:
    """The node whose layer a step calls again, and the weights of other nodes that it uses; empty for most nodes."""
    scope = path.removesuffix(node.name)
    ties = {
        word: {"path": f"{scope}{tie.node}/{tie.weight}", "transposed": tie.transposed}
        for word, tie in node.tied.items()
    }
    shares = {"shares": scope + node.shared_with} if node.shared_with else {}
    return {**shares, **({"tied": ties} if ties else {})}


def outline(graph: Graph) -> dict[str, Any]:
    """Summarize a network or layer: name, arguments, inputs, outputs and parameters.

    `dtypes` and `flexible` are only there for inputs that are not floats of one size.
    """
    dtypes = {name: dtype for name, dtype in graph.dtypes.items() if dtype != FLOAT}
    flexible = {name: list(axes) for name, axes in graph.flexible.items()}
    return {
        "name": graph.name,
        "arguments": dict(graph.arguments),
        "input": _plain(graph.inputs, INPUT),
        **({"dtypes": dtypes} if dtypes else {}),
        **({"flexible": flexible} if flexible else {}),
        "output": _plain({name: end.shape for name, end in graph.outputs.items()}, OUTPUT),
        "parameters": graph.totals.parameters,
    }


def to_csv(graph: Graph, view: View, depth: int | None = None) -> str:
    """Convert a network to CSV, with one line per layer and op. Memory is in bytes.

    The line of a layer includes everything inside the layer, which also has lines of its own.
    """
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(["path", "class", *view.columns])
    for path, layer in layers(graph, view.batch, view.precision, depth).items():
        cells = column_data(layer_facts(layer), view.columns).values()
        lines.writerow(map(csv_cell, [path, layer.node.kind, *map(_cell, cells)]))
    return written.getvalue()


def to_markdown(graph: Graph, depth: int, view: View) -> str:
    """Convert a network to a Markdown table, followed by a list of totals."""
    titles = ["layer", "", *(COLUMNS[name].title for name in view.columns)]
    lines = []
    for row, facts in table(graph, depth, view):
        name = "&emsp;" * row.level + f"`{row.name}`" + (f" ×{row.times}" if row.times > 1 else "")
        lines.append([name, _escaped(row.label), *(COLUMNS[name].text(facts) for name in view.columns)])
    drawn = markdown_table(titles, lines, left=(0, 1)).rstrip()
    name, *doc = heading(graph).split("\n", 1)
    end = "\n".join(f"- {line}" for line in totals_lines(graph, measure(graph, view.batch, view.precision)))
    return "\n\n".join([f"**{_escaped(name)}**", *map(_escaped, doc), drawn, end]) + "\n"


def _totals(measures: Measures) -> dict[str, Any]:
    facts = RowFacts((), measures.totals, measures.activations, measures.fvcore)
    field = None
    if measures.field is not None:
        stride = measures.field.stride
        field = {
            "at": measures.last_map,
            "size": field_data(measures.field),
            "stride": list(stride) if stride else None,
        }
    return {
        **column_data(facts, ("trainable", "macs", "activations", "fvcore_macs", "fvcore_activations")),
        "variables": measures.totals.variables,
        "field": field,
        "batch": measures.batch,
        "precision": measures.precision,
        "weight_bytes": measures.weight_bytes,
        "peak_bytes": measures.peak_bytes,
        "kept_bytes": measures.kept_bytes,
    }


def _plain(shapes: Mapping[str, Shape], nameless: str) -> Any:
    """Return shapes by name, or the shape alone if it has no name."""
    lists = {name: list(shape) for name, shape in shapes.items()}
    return lists.get(nameless, lists)


def _cell(value: Any) -> Any:
    """Format a pair as in `27x9`."""
    return "x".join(map(str, value)) if isinstance(value, list) else value


def _escaped(text: str) -> str:
    """Escape a text for Markdown."""
    for sign in "\\`*_{}[]<>|#$~":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")
