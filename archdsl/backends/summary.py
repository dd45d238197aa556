"""Graph -> a table of layers with shapes, parameters and cost, as text or as plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.backends.wires import Wires, given
from archdsl.graph import Graph, Node, Totals, producer, total
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.spec import INPUT, OUTPUT


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a step of a body, or several equal ones that follow one another.

    `shapes` are those of its outputs, `totals` those of one of the `times` equal steps.
    """

    name: str
    label: str
    shapes: tuple[Shape, ...]
    totals: Totals
    level: int
    times: int = 1


def rows(graph: Graph, depth: int, level: int = 0) -> Iterator[Row]:
    """The steps of a body, each layer with those inside it down to `depth` levels.

    A conv, its norm and its activation are one row; so are equal layers that follow one another.
    """
    wires = Wires(graph)
    before = tuple(graph.inputs)
    last: dict[tuple[str, ...], tuple[str, ...]] = {(): before}
    steps = list(_steps(graph))
    while steps:
        first = steps.pop(0)
        times, end = 1, first[-1]
        while steps and _goes_on(end, steps[0][0], wires):
            end = steps.pop(0)[-1]
            times += 1
        lane, node = first[0].lane, first[0]
        # The first step of a path takes what comes into its paths, and a merge takes their ends.
        is_tap = node.role != "merge" and lane in last and node.inputs not in (last[lane], before)
        yield _row(first, level, times, _taps(node.inputs, wires) if is_tap else "")
        before = last[lane] = given(end)
        if node.body is not None and level + 1 < depth:
            yield from rows(node.body, depth, level + 1)


def to_text(graph: Graph, depth: int = 2) -> str:
    """The table, with sums below it. Multiply-accumulates are for one image."""
    body = [*_ends(graph.inputs, INPUT, "Input"), *rows(graph, depth), *_outputs(graph)]
    lines: list[tuple[str, ...]] = [("", "", "output", "parameters", "MACs")]
    for row in body:
        name = "  " * row.level + row.name
        counts = [f"{n:,}" if n else "" for n in (row.totals.parameters, row.totals.macs)]
        times = f" ×{row.times}" if row.times > 1 else ""
        lines.append((name + times, row.label, ", ".join(map(show, row.shapes)), *counts))
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    table = [_line(line, widths) for line in lines]
    rule = "─" * max(map(len, table))
    return "\n".join([_head(graph), "", table[0], rule, *table[1:], rule, *_sums(graph.totals)]) + "\n"


def to_data(graph: Graph) -> dict[str, Any]:
    """The network as plain data: totals at the top, and every layer and op with its path.

    Inputs and outputs that have names go by name; one that has none is a shape.
    """
    layers = [
        {
            "class": node.kind,
            "path": path,
            "inputs": list(node.inputs),
            "output": _plain(node.outputs or {OUTPUT: node.shape}, OUTPUT),
            "parameters": node.totals.parameters,
            "trainable": node.totals.trainable,
            "macs": node.totals.macs,
        }
        for path, node in graph.walk()
    ]
    return {
        "name": graph.name,
        "arguments": dict(graph.arguments),
        "input": _plain(graph.inputs, INPUT),
        "output": _plain({name: end.shape for name, end in graph.outputs.items()}, OUTPUT),
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
    """What the shortcut of a body's last merge is: a word, or its steps; nothing where there is none."""
    merge = next((node for node in reversed(graph.nodes) if "shortcut" in node.parts), None)
    if merge is None:
        return ""
    ends = dict(zip(merge.parts, merge.inputs, strict=True))
    end = ends.pop("shortcut")
    paths = {part: _inside((*merge.lane, part), graph) for part in ends}
    starts = [nodes[0].inputs if nodes else (ends[part],) for part, nodes in paths.items()]
    taken = {producer(ref) for nodes in paths.values() for node in nodes for ref in node.inputs}
    source = next((node for node in graph.nodes if node.name == producer(end)), None)
    lane = source.lane[: len(merge.lane) + 1] if source else ()
    steps = _inside(lane, graph) if _OWN_LANE.fullmatch("/".join(lane[len(merge.lane) :])) else []
    if source is None or not steps or source.name in taken or end in ends.values():
        return "identity"
    kinds = tuple(node.kind for node in steps if node.role in ("main", "layer", "merge"))
    if steps[0].inputs not in starts:
        return f"shortcut of {', '.join(kinds)} from {_taps(steps[0].inputs, Wires(graph))}"
    is_point = all(getattr(node.op, "kernel", (1, 1)) == (1, 1) for node in steps)
    return (_WORDS.get(kinds) if is_point else None) or f"shortcut of {', '.join(kinds)}"


_OWN_LANE = re.compile(r"shortcut(_\d+)?")
_WORDS = {("pad_shortcut",): "pad", ("conv",): "projection", ("average_pool", "conv"): "pool_projection"}
"""What the steps are that the words for a shortcut stand for."""


def _inside(lane: tuple[str, ...], graph: Graph) -> list[Node]:
    """The nodes of a path."""
    return [node for node in graph.nodes if node.lane[: len(lane)] == lane]


def _taps(refs: Iterable[str], wires: Wires) -> str:
    """Where tensors come from, by the names of steps."""
    return ", ".join(wires.word(ref) for ref in refs)


def _ends(shapes: Mapping[str, Shape], nameless: str, label: str) -> list[Row]:
    return [Row(name, "" if name == nameless else label, (shape,), Totals(), 0) for name, shape in shapes.items()]


def _outputs(graph: Graph) -> list[Row]:
    """A row for each output that has a name, with the step that gives it where that has another."""
    if OUTPUT in graph.outputs:
        return []
    wires = Wires(graph)
    words = {name: wires.word(end.ref) for name, end in graph.outputs.items()}
    return [
        Row(name, "Output" if words[name] == name else f"Output, from {words[name]}", (end.shape,), Totals(), 0)
        for name, end in graph.outputs.items()
    ]


def _plain(shapes: Mapping[str, Shape], nameless: str) -> Any:
    """Shapes by name; the shape alone where it has none."""
    lists = {name: list(shape) for name, shape in shapes.items()}
    return lists.get(nameless, lists)


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


def _goes_on(end: Node, node: Node, wires: Wires) -> bool:
    """Whether a layer does once more what the one before it did."""
    is_equal = node.body is not None and node.body is end.body and node.lane == end.lane
    return is_equal and node.inputs == given(end) and wires.feeds_only(end.name, node.name)


def _row(step: list[Node], level: int, times: int, taps: str) -> Row:
    main = next((node for node in step if node.role not in ("pad", "norm", "activation")), step[0])
    if main.body is not None:
        kind = shortcut_of(main.body)
        label = arguments(main) + (f" + {kind}" if kind else "")
    else:
        label = " · ".join(node.op.label() for node in step if node.op and node.role != "pad")
    label += f", from {taps}" if taps else ""
    label += f" → {', '.join(main.outputs)}" if main.outputs else ""
    return Row(main.name, label, tuple(main.outputs.values()) or (step[-1].shape,), total(step), level, times)


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
