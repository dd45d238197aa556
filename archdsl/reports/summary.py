"""Graph -> a table of layers with shapes, parameters and costs, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from archdsl.analysis.measures import Field, Layer, Measures, layers, measure
from archdsl.analysis.wires import Wires
from archdsl.graph import BranchPath, Graph, Node, TensorRef, Totals, total
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.reports.columns import COLUMNS, DEFAULT, SHORT, Told, show_pair, together
from archdsl.spec import INPUT, OUTPUT
from archdsl.text import byte_size


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a step of a body, or several equal ones that follow one another.

    `shapes` are those of its outputs, `totals` those of one of the `times` equal steps.

    Args:
        paths: of the nodes of the (first) step.
        end: the path of the node that gives the output: of equal steps, the last one's.
    """

    name: str
    label: str
    shapes: tuple[Shape, ...]
    totals: Totals
    level: int
    times: int = 1
    paths: tuple[str, ...] = ()
    end: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What `show` shows: which columns, what memory is counted for, and how wide a line may be.

    Args:
        columns: out of `COLUMNS`.
        batch: images at once.
        precision: one of `archdsl.analysis.measures.PRECISIONS`.
        width: what the table is to fit into, where it can; without it, it is as wide as it is.
    """

    columns: tuple[str, ...] = DEFAULT
    batch: int = 1
    precision: str = "float32"
    width: int | None = None


def rows(graph: Graph, depth: int, level: int = 0, scope: str = "") -> Iterator[Row]:
    """The steps of a body, each layer with those inside it down to `depth` levels.

    A conv, its norm and its activation are one row; so are equal layers that follow one another.
    """
    wires = Wires(graph)
    before: tuple[str, ...] = tuple(graph.inputs)
    last: dict[BranchPath, tuple[str, ...]] = {(): before}
    steps = graph.steps()
    while steps:
        first = steps.pop(0)
        times, end = 1, first[-1]
        while steps and _goes_on(end, steps[0][0], wires):
            end = steps.pop(0)[-1]
            times += 1
        node, path = first[0], first[0].path
        # The first step of a path takes what comes into its paths, and a merge takes their ends.
        is_elsewhere = node.role != "merge" and path in last and node.inputs not in (last[path], before)
        source = _origins(node.inputs, wires) if is_elsewhere else ""
        paths = tuple(f"{scope}{one.name}" for one in first)
        yield _row(first, level, times, source, paths, f"{scope}{end.name}")
        before = last[path] = end.output_refs
        if node.body is not None and level + 1 < depth:
            yield from rows(node.body, depth, level + 1, f"{paths[0]}/")


def to_text(graph: Graph, depth: int = 2, view: View | None = None) -> str:
    """The table, with sums below it.

    Args:
        depth: how many levels of layers to open.
        view: what to show; without it, shapes, parameters and multiply-accumulates, and nothing is measured.
    """
    names = view.columns if view else SHORT
    lines = [("", "", *(COLUMNS[name].title for name in names))]
    for row, told in table(graph, depth, view):
        times = f" ×{row.times}" if row.times > 1 else ""
        cells = (COLUMNS[name].word(told) for name in names)
        lines.append(("  " * row.level + row.name + times, row.label, *cells))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    if view and view.width:
        widths[1] = max(min(widths[1], _NARROW), widths[1] - max(0, sum(widths) + 2 * len(widths) - 2 - view.width))
    drawn = [_line(line, widths) for line in lines]
    rule = "─" * max(map(len, drawn))
    end = sums(graph, measure(graph, view.batch, view.precision)) if view else _sums(graph.totals)
    return "\n".join([heading(graph), "", drawn[0], rule, *drawn[1:], rule, *end]) + "\n"


_NARROW = 24
"""What labels are never cut down below."""


def table(graph: Graph, depth: int, view: View | None) -> Iterator[tuple[Row, Told]]:
    """The rows between the model's inputs and its outputs that have names, with what is known of each."""
    body = [*rows(graph, depth)]
    # Of equal layers that follow one another only the first is opened: the others need not be looked into.
    opened = {row.paths[0] for row, after in pairwise(body) if after.level > row.level}
    found = layers(graph, view.batch, view.precision, opened) if view else {}
    for row in (*_ends(graph.inputs, INPUT, "Input"), *body, *_outputs(graph)):
        yield row, _told(row, found)


def _told(row: Row, found: Mapping[str, Layer]) -> Told:
    if not found or not row.paths:
        return Told(row.shapes, row.totals)
    return together(row.shapes, row.totals, [found[path] for path in row.paths], found[row.end])


def sums(graph: Graph, found: Measures) -> list[str]:
    """What stands below the table of `show`: what all of it counts to."""
    lines = [
        *_sums(found.totals),
        f"{found.fvcore.macs:,} MACs, {found.fvcore.activations:,} activations, as fvcore and timm count them",
    ]
    lines[1] += f", {found.activations:,} activations, as papers count them"
    if found.field is not None:
        last = next(node for node in graph.nodes if node.name == found.last_map)
        lines.append(f"{_seen(found.field)} on the last map, {last.step} ({show(last.shape)})")
    now, kept = byte_size(found.peak_bytes), byte_size(found.kept_bytes)
    return [
        *lines,
        f"{byte_size(found.weight_bytes)} of weights, in {found.precision}",
        f"{now} of activations at once in inference, {kept} or more kept in training, for a batch of {found.batch:,}",
    ]


def _seen(field: Field) -> str:
    if field.size is None:
        return "receptive field: the whole input,"
    stride = f", stride {show_pair(field.stride)}," if field.stride else ""
    return f"receptive field {show(field.size)}{stride}"


def arguments(node: Node) -> str:
    """A layer's use as a call, with what the use gives: `ResidualLayer(kernel=3, filters=128)`."""
    return f"{node.kind}({', '.join(f'{name}={node.arguments[name]}' for name in node.fields)})"


def describe_shortcut(graph: Graph) -> str:
    """What the shortcut of a body's last merge is: a word, or its steps; nothing where there is none."""
    shortcut = graph.shortcut
    if shortcut is None:
        return ""
    if shortcut.kind != "shortcut":
        return shortcut.kind
    source = f" from {_origins(shortcut.source, Wires(graph))}" if shortcut.source else ""
    return f"shortcut of {', '.join(shortcut.steps)}{source}"


def _origins(refs: Iterable[TensorRef], wires: Wires) -> str:
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


def _goes_on(end: Node, node: Node, wires: Wires) -> bool:
    """Whether a layer does once more what the one before it did."""
    is_equal = node.body is not None and node.body is end.body and node.path == end.path
    return is_equal and node.inputs == end.output_refs and wires.feeds_only(end.name, node.name)


def _row(step: Sequence[Node], level: int, times: int, source: str, paths: tuple[str, ...], end: str) -> Row:
    main = next((node for node in step if node.role not in ("pad", "norm", "activation")), step[0])
    if main.body is not None:
        kind = describe_shortcut(main.body)
        label = arguments(main) + (f" + {kind}" if kind else "")
    else:
        label = " · ".join(node.op.label() for node in step if node.op and node.role != "pad")
    label += f", from {source}" if source else ""
    label += f" → {', '.join(main.outputs)}" if main.outputs else ""
    shapes = tuple(main.outputs.values()) or (step[-1].shape,)
    return Row(main.name, label, shapes, total(step), level, times, paths, end)


def _line(line: tuple[str, ...], widths: list[int]) -> str:
    name, label, *cells = line
    right = (f"{cell:>{width}}" for cell, width in zip(cells, widths[2:], strict=True))
    return "  ".join([f"{name:{widths[0]}}", f"{_fitted(label, widths[1]):{widths[1]}}", *right]).rstrip()


def _fitted(label: str, room: int) -> str:
    """A label that fits: of a layer it is the arguments that are cut, for what stands behind them says more."""
    if len(label) <= room:
        return label
    found = re.fullmatch(r"(\w+\()(.*)(\).*)", label)
    left = room - len(found[1]) - len(found[3]) - 1 if found else -1
    return f"{found[1]}{found[2][:left]}…{found[3]}" if found and left >= 0 else f"{label[: room - 1]}…"


def heading(graph: Graph) -> str:
    """The network with its arguments, and what it is."""
    told = ", ".join(f"{name}={value}" for name, value in graph.arguments.items())
    return f"{graph.name}({told})" + (f"\n{graph.doc}" if graph.doc else "")


def _sums(totals: Totals) -> list[str]:
    frozen = totals.parameters - totals.trainable
    return [
        f"{totals.parameters:,} parameters in {totals.variables:,} variables: "
        f"{totals.trainable:,} trainable, {frozen:,} not",
        f"{totals.macs:,} multiply-accumulates (MACs) for one image",
    ]
