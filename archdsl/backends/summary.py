"""Graph -> a table of layers with shapes, parameters and cost, as text or as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archdsl.graph import Graph, Node, Totals, total
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.spec import INPUT


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a step of a body, or several equal ones that follow one another.

    `totals` are those of one of the `times` equal steps.
    """

    name: str
    label: str
    shape: Shape
    totals: Totals
    level: int
    times: int = 1


def rows(graph: Graph, depth: int, level: int = 0) -> Iterator[Row]:
    """The steps of a body, each layer with those inside it down to `depth` levels.

    A conv, its norm and its activation are one row; so are equal layers that follow one another.
    """
    steps = list(_steps(graph))
    while steps:
        first = steps.pop(0)
        times = 1
        while steps and _equal(first, steps[0]):
            steps.pop(0)
            times += 1
        yield _row(first, level, times)
        if first[0].body is not None and level + 1 < depth:
            yield from rows(first[0].body, depth, level + 1)


def to_text(graph: Graph, depth: int = 2) -> str:
    """The table, with sums below it. Multiply-accumulates are for one image."""
    inputs = [Row(name, "", shape, Totals(), 0) for name, shape in graph.inputs.items()]
    body = [*inputs, *rows(graph, depth)]
    lines: list[tuple[str, ...]] = [("", "", "output", "parameters", "MACs")]
    for row in body:
        name = "  " * row.level + row.name
        counts = [f"{n:,}" if n else "" for n in (row.totals.parameters, row.totals.macs)]
        times = f" ×{row.times}" if row.times > 1 else ""
        lines.append((name + times, row.label, show(row.shape), *counts))
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    table = [_line(line, widths) for line in lines]
    rule = "─" * max(map(len, table))
    return "\n".join([_head(graph), "", table[0], rule, *table[1:], rule, *_sums(graph.totals)]) + "\n"


def to_data(graph: Graph) -> dict[str, Any]:
    """The network as plain data: totals at the top, and every layer and op with its path."""
    layers = [
        {
            "class": node.kind,
            "path": path,
            "output": list(node.shape),
            "parameters": node.totals.parameters,
            "trainable": node.totals.trainable,
            "macs": node.totals.macs,
        }
        for path, node in graph.walk()
    ]
    return {
        "name": graph.name,
        "arguments": dict(graph.arguments),
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "outputs": {name: list(end.shape) for name, end in graph.outputs.items()},
        "parameters": graph.totals.parameters,
        "trainable": graph.totals.trainable,
        "variables": graph.totals.variables,
        "macs": graph.totals.macs,
        "layers": layers,
    }


def arguments(node: Node) -> str:
    """A layer's use as a call, with what the use gives: `ResidualLayer(kernel=3, filters=128)`."""
    return f"{node.kind}({', '.join(f'{name}={node.arguments[name]}' for name in node.fields)})"


def shortcut_of(graph: Graph) -> str:
    """What the shortcut of a body's last merge is: `identity`, `projection`, or nothing where there is none."""
    for node in reversed(graph.nodes):
        if "shortcut" in node.parts:
            fed = node.inputs[node.parts.index("shortcut")]
            return "identity" if fed == INPUT or not fed.startswith("shortcut") else "projection"
    return ""


def _steps(graph: Graph) -> Iterator[list[Node]]:
    """The nodes by step: an op together with its padding, norm and activation."""
    step: list[Node] = []
    for node in graph.nodes:
        begins = node.role == "pad" or (node.role == "main" and not (step and step[-1].role == "pad"))
        if step and (begins or node.role in ("layer", "merge")):
            yield step
            step = []
        step.append(node)
    if step:
        yield step


def _equal(one: list[Node], other: list[Node]) -> bool:
    return one[0].body is not None and one[0].body is other[0].body and one[0].lane == other[0].lane


def _row(step: list[Node], level: int, times: int) -> Row:
    main = next((node for node in step if node.role not in ("pad", "norm", "activation")), step[0])
    if main.body is not None:
        kind = shortcut_of(main.body)
        label = arguments(main) + (f" + {kind}" if kind else "")
    else:
        label = " · ".join(node.op.label() for node in step if node.op and node.role != "pad")
    return Row(main.name, label, step[-1].shape, total(step), level, times)


def _line(line: tuple[str, ...], widths: list[int]) -> str:
    name, label, shape, parameters, macs = line
    left = f"{name:{widths[0]}}  {label:{widths[1]}}"
    return f"{left}  {shape:>{widths[2]}}  {parameters:>{widths[3]}}  {macs:>{widths[4]}}".rstrip()


def _head(graph: Graph) -> str:
    told = ", ".join(f"{name}={value}" for name, value in graph.arguments.items())
    return f"{graph.name}({told})" + (f"\n{graph.doc}" if graph.doc else "")


def _sums(totals: Totals) -> list[str]:
    frozen = totals.parameters - totals.trainable
    return [
        f"{totals.parameters:,} parameters in {totals.variables:,} variables: "
        f"{totals.trainable:,} trainable, {frozen:,} not",
        f"{totals.macs:,} multiply-accumulates (MACs) for one image",
    ]
