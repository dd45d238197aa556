"""Graph -> the layer table of `show`, with shapes, parameters and costs, as text."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from archdsl.analysis.measures import Field, Measures, layers, measure
from archdsl.analysis.wires import Wires
from archdsl.graph import BranchPath, Graph, Node, TensorRef, Totals, total
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.reports.columns import COLUMNS, DEFAULT, SHORT, RowFacts, show_sides, step_facts
from archdsl.spec import INPUT, OUTPUT
from archdsl.text import BOLD, CYAN, DIM, Table, byte_size, columns, first_fitting, fold, quantity, table_width


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of the table: a step of a body, or several equal consecutive steps.

    Args:
        name: the name of the (first) step.
        label: a description of the step.
        shapes: the output shapes.
        totals: the totals of one step.
        level: the nesting depth.
        times: the number of equal steps.
        paths: the paths of the nodes of the (first) step.
        end: the path of the node that computes the output; of several equal steps, that of the last.
    """

    name: str
    label: str
    shapes: tuple[Shape, ...]
    totals: Totals = Totals()  # noqa: RUF009 - frozen
    level: int = 0
    times: int = 1
    paths: tuple[str, ...] = ()
    end: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """Options of `show`.

    Args:
        columns: names of `COLUMNS`.
        batch: the batch size for which memory is counted.
        precision: one of `archdsl.analysis.measures.PRECISIONS`.
        width: the width to fit the table into, if possible; by default unlimited.
        may_drop: whether to drop columns, from the right, if abbreviated columns do not fit.
    """

    columns: tuple[str, ...] = DEFAULT
    batch: int = 1
    precision: str = "float32"
    width: int | None = None
    may_drop: bool = False


def rows(graph: Graph, depth: int, level: int = 0, scope: str = "") -> Iterator[TableRow]:
    """Yield the steps of a body; layers are followed by the steps inside them, down to `depth` levels.

    A convolution with its normalization and activation is one row, and so are equal consecutive layers.
    """
    wires = Wires(graph)
    before: tuple[str, ...] = tuple(graph.inputs)
    last: dict[BranchPath, tuple[str, ...]] = {(): before}
    steps = deque(graph.steps())
    while steps:
        first = steps.popleft()
        times, end = 1, first[-1]
        while steps and _goes_on(end, steps[0][0], wires):
            end = steps.popleft()[-1]
            times += 1
        node, path = first[0], first[0].path
        # The first step of a path takes the input of the `paths` step, and a merge takes the ends of the paths.
        is_elsewhere = node.role != "merge" and path in last and node.inputs not in (last[path], before)
        source = _origins(node.inputs, wires) if is_elsewhere else ""
        paths = tuple(f"{scope}{one.name}" for one in first)
        yield _row(first, level, times, source, paths, f"{scope}{end.name}")
        before = last[path] = end.output_refs
        if node.body is not None and level + 1 < depth:
            yield from rows(node.body, depth, level + 1, f"{paths[0]}/")


def to_text(graph: Graph, depth: int = 2, view: View | None = None) -> str:
    """Format a network as a table, followed by totals.

    Args:
        graph: the network.
        depth: how many levels of layers to open.
        view: what to show; by default only shapes, parameters and multiply-accumulates, which need no measuring.
    """
    width = view.width if view else None
    lines = first_fitting(_tables([*table(graph, depth, view)], view or View(SHORT)), width)
    head, *body = columns(lines, right=range(2, len(lines[0]))).splitlines()
    rule = "─" * max(map(len, (head, *body)))
    end = [_parameters(graph.totals), f"{graph.totals.macs:,} MACs per {_example(graph)}"]
    if view:
        end = totals_lines(graph, measure(graph, view.batch, view.precision))
    start, end = ([part for line in lines for part in fold(line, width)] for lines in (heading(graph).split("\n"), end))
    return "\n".join([*start, "", head, rule, *body, rule, *end]) + "\n"


COLORS = {
    r"\A.*$": BOLD,
    r"^ {5,}\S.*$(?=\n─)": BOLD,
    r"^─+$": DIM,
    r"^ *[\w/]+(?: ×\d+)?(?=  )": CYAN,
    r"^[\d,]+ parameters": BOLD,
}
"""Colors of the heading, the head of the table, its rules, its names, and the number of parameters."""

_NARROW, _NARROWEST = 24, 12
"""Lengths that labels are never cut below: while all columns are whole, and when they are abbreviated."""


def _tables(found: Sequence[tuple[TableRow, RowFacts]], view: View) -> Iterator[Table]:
    """The table from its fullest to its shortest form: labels cut, counts abbreviated, columns dropped at the right."""
    names = view.columns
    fewest = 1 if view.may_drop else len(names)
    forms = [(names, False, _NARROW)]
    forms += [(names[:count], True, _NARROWEST) for count in range(len(names), fewest - 1, -1)]
    for chosen, short, least in forms:
        lines = [["", "", *(COLUMNS[name].title_in(short) for name in chosen)]]
        for row, facts in found:
            times = f" ×{row.times}" if row.times > 1 else ""
            cells = (COLUMNS[name].text_in(facts, short) for name in chosen)
            lines.append(["  " * row.level + row.name + times, row.label, *cells])
        longest = max(len(line[1]) for line in lines)
        excess = table_width(lines) - view.width if view.width else 0
        room = max(min(longest, least), longest - max(0, excess))
        yield [[name, _fitted(label, room).ljust(room), *cells] for name, label, *cells in lines]


def table(graph: Graph, depth: int, view: View | None) -> Iterator[tuple[TableRow, RowFacts]]:
    """Yield all rows with their values: inputs, steps and named outputs."""
    body = [*rows(graph, depth)]
    # Of equal consecutive layers, only the first is opened, so the others need not be measured inside.
    opened = {row.paths[0] for row, after in pairwise(body) if after.level > row.level}
    measured = layers(graph, view.batch, view.precision, opened) if view else {}
    for name, shape in graph.inputs.items():
        label = ", ".join(["" if name == INPUT else "Input", *graph.input_notes(name)]).removeprefix(", ")
        yield TableRow(name, label, (shape,)), RowFacts((shape,), Totals())
    for row in body:
        if measured:
            yield row, step_facts(row.shapes, row.totals, [measured[path] for path in row.paths], measured[row.end])
        else:
            yield row, RowFacts(row.shapes, row.totals)
    wires = Wires(graph)
    for name, end in graph.outputs.items() if OUTPUT not in graph.outputs else ():
        source = wires.word(end.ref)
        label = "Output" if source == name else f"Output, from {source}"
        yield TableRow(name, label, (end.shape,)), RowFacts((end.shape,), Totals())


def _example(graph: Graph) -> str:
    """Return the word for one element of a batch."""
    return "image" if len(graph.inputs) == 1 and len(graph.input) == 3 else "example"


def totals_lines(graph: Graph, measures: Measures) -> list[str]:
    """Return the lines of totals below the table of `show`."""
    fvcore, example = measures.fvcore, _example(graph)
    lines = [
        _parameters(measures.totals),
        f"{measures.totals.macs:,} MACs and {measures.activations:,} activations per {example}, as counted in papers",
        f"{fvcore.macs:,} MACs and {fvcore.activations:,} activations per {example}, as counted by fvcore and timm",
    ]
    if measures.field is not None:
        last = next(node for node in graph.nodes if node.name == measures.last_map)
        place = f"last feature map: {last.step}, {show(last.shape)}"
        lines.append(f"receptive field: {_seen(measures.field)} ({place})")
    peak, kept = byte_size(measures.peak_bytes), byte_size(measures.kept_bytes)
    return [
        *lines,
        f"{byte_size(measures.weight_bytes)} of weights ({measures.precision})",
        f"{peak} of activations in inference, at least {kept} in training (batch size {measures.batch:,})",
    ]


def _seen(field: Field) -> str:
    if field.size is None:
        return "the whole input"
    return show(field.size) + (f", stride {show_sides(field.stride)}" if field.stride else "")


def arguments(node: Node) -> str:
    """Format the use of a layer as a call with its explicit arguments: `ResidualLayer(kernel=3, filters=128)`."""
    return f"{node.kind}({', '.join(f'{name}={_short(node.arguments[name])}' for name in node.fields)})"


def _short(value: object) -> object:
    """Round a computed number such as sqrt(512) to six digits."""
    return f"{value:.6g}" if isinstance(value, float) and len(str(value)) > 8 else value


def describe_shortcut(graph: Graph) -> str:
    """Describe the shortcut of the last merge of a body by its kind or its steps; empty without a shortcut."""
    shortcut = graph.shortcut
    if shortcut is None:
        return ""
    if shortcut.kind != "shortcut":
        return shortcut.kind
    source = f" from {_origins(shortcut.source, Wires(graph))}" if shortcut.source else ""
    return f"shortcut of {', '.join(shortcut.steps)}{source}"


def _origins(refs: Iterable[TensorRef], wires: Wires) -> str:
    """Format the sources of tensors as step names."""
    return ", ".join(wires.word(ref) for ref in refs)


def _goes_on(end: Node, node: Node, wires: Wires) -> bool:
    """Whether a layer repeats the preceding one."""
    is_equal = node.body is not None and node.body is end.body and node.path == end.path
    return is_equal and node.inputs == end.output_refs and wires.feeds_only(end.name, node.name)


def _row(step: Sequence[Node], level: int, times: int, source: str, paths: tuple[str, ...], end: str) -> TableRow:
    main = next((node for node in step if node.role not in ("pad", "norm", "activation")), step[0])
    if main.body is not None:
        kind = describe_shortcut(main.body)
        label = arguments(main) + (f" + {kind}" if kind else "")
    else:
        label = " · ".join(node.label for node in step if node.op and node.role != "pad")
    label += f", shares {main.shared_with}" if main.shared_with else ""
    label += "".join(f", {word} is {tie}" for word, tie in main.tied.items())
    label += f", from {source}" if source else ""
    label += f" → {', '.join(main.outputs)}" if main.outputs else ""
    shapes = tuple(main.outputs.values()) or (step[-1].shape,)
    return TableRow(main.name, label, shapes, total(step), level, times, paths, end)


def _fitted(label: str, room: int) -> str:
    """Shorten a label to fit; for a layer, shorten its arguments, because the text after them matters more."""
    if len(label) <= room:
        return label
    found = re.fullmatch(r"(\w+\()(.*)(\).*)", label)
    left = room - len(found[1]) - len(found[3]) - 1 if found else -1
    return f"{found[1]}{found[2][:left]}…{found[3]}" if found and left >= 0 else f"{label[: room - 1]}…"


def heading(graph: Graph) -> str:
    """Format the name of a network with its arguments, followed by its `doc`."""
    arguments = ", ".join(f"{name}={value}" for name, value in graph.arguments.items())
    return f"{graph.name}({arguments})" + (f"\n{graph.doc}" if graph.doc else "")


def _parameters(totals: Totals) -> str:
    frozen = totals.parameters - totals.trainable
    in_variables = f"{quantity(totals.parameters, 'parameter')} in {quantity(totals.variables, 'variable')}"
    return f"{in_variables} ({totals.trainable:,} trainable, {frozen:,} non-trainable)"
