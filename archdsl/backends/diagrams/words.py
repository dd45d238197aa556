"""What the boxes of a plan say, and how wide they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archdsl.backends.diagrams.plan import Box, Bunch, Frame, Item, boxes, bunches, frames, outputs
from archdsl.backends.diagrams.style import arguments, dimensions, short, width_of
from archdsl.graph import Graph, Node
from archdsl.ops import Shape
from archdsl.ops.merge import Merge
from archdsl.spec import INPUT

ABBREVIATIONS = {"batch_norm": "BN", "layer_norm": "LN", "group_norm": "GN"}
"""How a norm is told inside another op's box."""


def words(box: Box) -> tuple[str, list[str]]:
    """What a box says: the title, and the smaller lines under it."""
    main = box.main
    if main.op is None:
        shapes = [" ".join(["→", *ref.split(".")[1:], dimensions(shape)]) for ref, shape in outputs(main).items()]
        return main.kind, [*arguments(main.arguments, 28), *shapes]
    details = " · ".join(_detail(node) for node in box.nodes if node is not main)
    return main.op.label(), [details] if details else []


def sign(merge: Node) -> str:
    """What stands in the circle of a merge."""
    return (merge.op.sign if isinstance(merge.op, Merge) else "") or merge.kind


def told(shapes: Mapping[str, Shape], nameless: str) -> str:
    """`image 64×64×3, facts 12`; the shape alone where it has no name."""
    return ", ".join(f"{'' if name == nameless else f'{name} '}{dimensions(shape)}" for name, shape in shapes.items())


def is_layer(item: Item) -> bool:
    return isinstance(item, Frame) or (isinstance(item, Box) and item.kind == "block")


def is_model(graph: Graph) -> bool:
    """Whether a body takes an image and gives a vector, as models do and layers hardly ever."""
    return [*graph.inputs] == [INPUT] and len(graph.outputs) == 1 and len(graph.input) == 3 and len(graph.shape) == 1


def width(items: tuple[Item, ...]) -> float:
    """The width of all boxes in columns. A title must not reach the edge that comes down the middle of its column."""
    widths = [1.55, *(width_of(*words(box)) for box in boxes(items))]
    widths += [2 * width_of(frame.main.kind) for frame in frames(items) if not any(bunches(frame.items))]
    lanes = [lane for bunch in bunches(items) for lane in bunch.paths]
    widths += [2 * width_of(short(lane.name)) + (0.6 if lane.times > 1 else -0.6) for lane in lanes]
    return round(min(max(widths), 3.6), 2)


def chain_width(items: Iterable[Item], width: float) -> float:
    """Boxes before and after a bunch are as wide as their text."""
    return 0.9 if any(isinstance(item, Bunch) for item in items) else width


def free_side(frame: Frame) -> str:
    """The side where no edge runs through a title: on the right, beside an only path, stands its shortcut."""
    return "r" if any(len(bunch.paths) == 1 for bunch in bunches(frame.items)) else "l"


def _detail(node: Node) -> str:
    label = node.op.label() if node.op else node.kind
    if node.role == "pad":
        return label.split(" ", 1)[-1]
    return ABBREVIATIONS.get(node.kind, label)
