"""The text of the boxes in a plan, and their width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from archdsl.diagrams.plan import Box, Group, Item, OpenLayer, Parallel, UShape, boxes, open_layers, parallels
from archdsl.diagrams.style import dimensions, look, short, value_text, width_of, wrapped
from archdsl.graph import Graph, Node, Totals, total
from archdsl.ops import Shape
from archdsl.ops.base import per_stride, times
from archdsl.spec import INPUT, OUTPUT

_PILL = 4
"""The number of letters as wide as the pill after a title."""


def box_text(
    box: Box, known: Mapping[str, Any], *, costs: bool = False, hides_sizes: bool = False
) -> tuple[str, list[str]]:
    """Return the title of a box, and the smaller lines below it.

    Args:
        box: the box.
        known: the arguments of the whole diagram, which are not repeated.
        costs: whether to show parameters and multiply-accumulates.
        hides_sizes: whether the box represents several of different sizes, and so shows none.
    """
    main, lines = box.main, []
    if main.op is None:
        title = main.kind
        shown = [name for name in main.fields if name in main.arguments]
        values = {name: _range([node.arguments[name] for node in box.nodes]) for name in shown}
        rank = len(main.body.input) - 1 if main.body is not None else 2
        lines += wrapped(call_words(values, known, rank), 32)
        lines += [] if hides_sizes else _output_shapes(box)
    else:
        title = box.labels.get(main.name) or main.label
        lines += filter(None, [" · ".join(_label(node) for node in box.step if node is not main)])
    lines += ["for each step"] if main.each_step else []
    lines += [f"{word}: {tie}" for word, tie in main.tied.items()]
    lines += [f"weights of {box.shared.name}"] if box.shared else []
    cost = format_cost(total(box.nodes)) if costs and not hides_sizes else ""
    return title, lines + ([cost] if cost else [])


def _range(values: Sequence[Any]) -> Any:
    """Format equal values as one value, and others as a range such as `0–0.1`."""
    if all(value == values[0] for value in values):
        return values[0]
    return f"{value_text(min(values))}–{value_text(max(values))}"


def known_arguments(items: Iterable[Item], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that all layers of a diagram have with the same value, so boxes need not repeat them."""
    layers = [node for box in boxes(items) if box.is_layer for node in box.nodes]
    return {
        name: value
        for name, value in arguments.items()
        if all(layer.arguments[name] == value for layer in layers if name in layer.fields)
    }


def call_words(values: Mapping[str, Any], known: Mapping[str, Any], rank: int) -> list[str]:
    """Format the arguments of a layer like the label of an op: `3×3`, `64 /2`, `drop=0.1`.

    Args:
        node: the layer.
        known: arguments that are shown elsewhere.
        rank: the number of axes of its input besides the channels.
    """
    kernel, filters, stride = (_sides(values.get(name), rank) for name in ("kernel", "filters", "stride"))
    words = [times(kernel)] if kernel else []
    if filters and len({*filters}) == 1:
        words.append(f"{filters[0]}" if kernel else f"{filters[0]} filters")
    if stride:
        words[-1:] = [f"{' '.join(words[-1:])}{per_stride(stride)}".strip()]
    short_forms = {name for name, sides in (("kernel", kernel), ("filters", filters), ("stride", stride)) if sides}
    rest = {name: value for name, value in values.items() if name not in short_forms and known.get(name) != value}
    return [*filter(None, words), *(f"{name}={value_text(value)}" for name, value in rest.items())]


def _sides(value: Any, rank: int) -> tuple[int, ...] | None:
    """Return an integer, or a list with an entry per axis, as a tuple; None for any other value."""
    count = rank if 1 <= rank <= 3 else 2
    sides = tuple(value) if isinstance(value, list | tuple) else (value,) * count
    are_sides = len(sides) == count and all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    return sides if are_sides else None


def layer_details(layer: OpenLayer, *, costs: bool, hides_sizes: bool) -> list[str]:
    """Return the second line of the title of an opened layer: differing sizes of its uses, and its cost.

    Args:
        layer: the layer.
        costs: whether to show parameters and multiply-accumulates.
        hides_sizes: whether the layer represents several of different sizes, and so shows no cost.
    """
    sizes = " … ".join(dimensions(node.shape) for node in (layer.nodes[0], layer.main))
    cost = format_cost(total(layer.nodes)) if costs and not hides_sizes else ""
    values = {name: [node.arguments[name] for node in layer.nodes] for name in layer.main.arguments}
    ranges = [f"{name}={_range(all_of)}" for name, all_of in values.items() if any(v != all_of[0] for v in all_of)]
    shared = [f"weights of {layer.shared.name}"] if layer.shared else []
    each = ["for each step"] if layer.main.each_step else []
    return ([sizes] if layer.has_mixed_sizes else []) + ranges + each + shared + ([cost] if cost else [])


def identity_text(*, is_shortcut: bool) -> tuple[str, list[str]]:
    """Return the title of the box of an empty branch, and the smaller lines below it."""
    return ("Shortcut", ["identity"]) if is_shortcut else ("Identity", [])


def stack(box: Box) -> list[tuple[str, str]]:
    """Return the kind and label of each op in a step, for a box that lists them."""
    return [(look(node.op), box.labels.get(node.name) or node.op.label()) for node in box.step if node.op]


def format_cost(totals: Totals) -> str:
    """Format costs as in `2.36M parameters · 463M MACs`, without counts of 0."""
    counts = {"parameters": totals.parameters, "MACs": totals.macs}
    return " · ".join(f"{rounded(count)} {name}" for name, count in counts.items() if count)


def rounded(count: int) -> str:
    """Format a count with three digits, as in `463M`, or in full if it is below 10,000."""
    if count < 10_000:
        return f"{count:,}"
    for unit in "kMGT":
        count_in_unit = count / 1000 ** ("kMGT".index(unit) + 1)
        if count_in_unit < 999.5:
            break
    return f"{count_in_unit:.3g}{unit}"


def sign(merge: Node) -> str:
    """Return the sign in the circle of a merge."""
    return (merge.op.sign if merge.op is not None else "") or merge.kind


def describe(graph: Graph) -> tuple[str, str]:
    """Describe a graph in two lines, as in `image 64×64×3 in, 10 out` and `12 ops, 4,210 parameters`."""
    inputs, outputs = format_ends(graph, dimensions)
    return f"{inputs} in, {outputs} out", f"{graph.totals.layers:,} ops, {graph.totals.parameters:,} parameters"


def format_ends(graph: Graph, form: Callable[[Shape], str]) -> tuple[str, str]:
    """Format the inputs and the outputs with their names, as in `image 64×64×3, facts 12` and `10`."""
    inputs = [form(shape) if name == INPUT else f"{name} {form(shape)}" for name, shape in graph.inputs.items()]
    outputs = [
        form(end.shape) if name == OUTPUT else f"{name} {form(end.shape)}" for name, end in graph.outputs.items()
    ]
    return ", ".join(inputs), ", ".join(outputs)


def end_title(side: str, name: str) -> str:
    """Return the title of an input or output, such as `input`, or `input image` if it has a name."""
    return side if name in (INPUT, OUTPUT) else f"{side} {name}"


def is_layer(item: Item) -> bool:
    """Whether an item is a layer, or contains one."""
    if isinstance(item, Group):
        return any(map(is_layer, item.items))
    return isinstance(item, OpenLayer | UShape) or (isinstance(item, Box) and item.is_layer)


def is_model(graph: Graph) -> bool:
    """Whether a body maps an image to a vector, like most models and few layers."""
    return [*graph.inputs] == [INPUT] and len(graph.outputs) == 1 and len(graph.input) == 3 and len(graph.shape) == 1


def width(items: tuple[Item, ...], texts: Iterable[tuple[str, list[str]]], *, costs: bool = False) -> float:
    """Compute the width of all boxes in columns. Titles must not touch the edge in the middle of their column.

    Args:
        texts: the texts of the boxes, as returned by `box_text`.
        costs: whether opened layers show their costs.
    """
    pills = [" " * _PILL if box.times > 1 else "" for box in boxes(items)]
    widths = [1.45, *(width_of(title + pill, lines) for (title, lines), pill in zip(texts, pills, strict=True))]
    for layer in open_layers(items):
        if not any(parallels(layer.items)):
            widths.append(2 * width_of(layer.main.kind, [format_cost(total(layer.nodes))] if costs else []))
    branches = [branch for parallel in parallels(items) for branch in parallel.paths]
    widths += [2 * width_of(short(branch.title)) + (0.6 if branch.times > 1 else -0.6) for branch in branches]
    return round(min(max(widths), 3.6), 2)


def chain_width(items: Iterable[Item], width: float) -> float:
    """Compute the width of boxes before and after parallel branches: that of their text next to several paths."""
    return 0.9 if any(isinstance(item, Parallel) and len(item.paths) > 1 for item in items) else width


def free_side(layer: OpenLayer) -> str:
    """Return the side of a title without an edge; to the right of a single path is its shortcut."""
    return "r" if any(len(parallel.paths) == 1 for parallel in parallels(layer.items)) else "l"


def _output_shapes(box: Box) -> list[str]:
    """Return the output shapes of a layer; for several equal layers, those of the first and the last."""
    names = [f"{ref.output} " if ref.output else "" for ref in box.main.output_refs]
    first, last = ([*node.output_shapes.values()] for node in (box.step[-1], box.main))
    if first == last:
        return [f"→ {name}{dimensions(shape)}" for name, shape in zip(names, last, strict=True)]
    pairs = zip(names, first, last, strict=True)
    return [f"→ {name}{dimensions(one)} … {dimensions(other)}" for name, one, other in pairs]


def _label(node: Node) -> str:
    label = node.op.label() if node.op else node.kind
    return label.split(" ", 1)[-1] if node.role == "pad" else label
