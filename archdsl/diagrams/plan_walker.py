"""Traversal of a plan for drawing: sources of tensors, and labels of edges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from archdsl.analysis.wires import Wires
from archdsl.diagrams.options import Options
from archdsl.diagrams.plan import Box, Group, Item, OpenLayer, Parallel, UShape, last_of
from archdsl.diagrams.style import dimensions
from archdsl.graph import TensorRef
from archdsl.ops import Shape


@dataclass(slots=True)
class TensorSource:
    """The source of a tensor in the diagram.

    Args:
        node: the name of its node in the diagram.
        shown: the shape that was last shown on the way to it.
        can_fork: whether branches can start from it directly; otherwise they start from a separate dot.
        note: a note on its first edge, if it comes from outside the layer.
        is_dotted: whether its edges belong to a shortcut, if it comes from outside the layer.
    """

    node: str
    shape: Shape
    shown: Shape
    can_fork: bool = False
    note: str = ""
    is_dotted: bool = False


@dataclass(slots=True)
class Chain:
    """A chain of items being drawn.

    Args:
        wires: the edges of the body.
        last: the last node of the body that was drawn.
        sources: the tensors of the body drawn so far; the branches of a body share them.
        hides_sizes: whether it represents several chains of different sizes, and so shows none.
        is_shortcut: whether it is a shortcut of a single box, which is then labeled as one.
    """

    wires: Wires
    last: str
    sources: dict[str, TensorSource] = field(default_factory=dict)
    hides_sizes: bool = False
    is_shortcut: bool = False


C = TypeVar("C", bound=Chain)


class PlanWalker(ABC, Generic[C]):
    """Draws the items of a plan in order.

    Args:
        options: the look of the diagram.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    def draw(self, items: Iterable[Item], chain: C) -> None:
        """Draw a chain of items."""
        for item in items:
            self.draw_item(item, chain)

    def draw_item(self, item: Item, chain: C) -> None:
        """Draw an item and everything inside it."""
        if isinstance(item, Parallel):
            self.draw_parallel(item, chain)
        elif isinstance(item, OpenLayer):
            self.draw_layer(item, chain)
        elif isinstance(item, Group):
            self.draw_group(item, chain)
            chain.sources |= {last: chain.sources[first] for first, last in item.outputs}
        elif isinstance(item, UShape):
            self.draw_u(item, chain)
        else:
            self.draw_box(item, chain)
        chain.last = last_of(item).name

    @abstractmethod
    def draw_box(self, box: Box, chain: C) -> None: ...

    @abstractmethod
    def draw_layer(self, layer: OpenLayer, chain: C) -> None: ...

    @abstractmethod
    def draw_group(self, group: Group, chain: C) -> None: ...

    @abstractmethod
    def draw_u(self, shape: UShape, chain: C) -> None: ...

    @abstractmethod
    def draw_parallel(self, parallel: Parallel, chain: C) -> None: ...

    def start_name(self, ref: TensorRef, chain: C, *, is_plain: bool) -> str:
        """Return the label for the source of an edge: an output of a layer, or a step that is not obvious."""
        return ref.output or ("" if is_plain else chain.wires.called(ref.node))

    def is_plain(self, ref: TensorRef, chain: C, end: str | None, inputs: int) -> bool:
        """Whether the source of an edge is obvious from its line: the preceding step, or past some steps.

        Args:
            ref: the tensor.
            chain: the chain being drawn.
            end: the node of the body that it leads to, if any.
            inputs: the number of edges to that node.
        """
        start, wires = ref.node, chain.wires
        is_next = start == chain.last and (inputs == 1 or wires.is_straight(start, end))
        return is_next or wires.is_skip(start, end)

    def edge_words(
        self, ref: TensorRef, chain: C, end: str | None = None, inputs: int = 1, port: str = ""
    ) -> list[str]:
        """Return the words on an edge: a note, its source, a new shape, and the input of the layer; some may be empty.

        Args:
            ref: the tensor.
            chain: the chain being drawn.
            end: the node of the body that it leads to, if any.
            inputs: the number of edges to that node.
            port: the name of the input, for a layer with several inputs.
        """
        source = chain.sources[ref]
        words = [source.note, self.start_name(ref, chain, is_plain=self.is_plain(ref, chain, end, inputs))]
        source.note = ""
        if source.shape != source.shown and not chain.hides_sizes:
            words.append(dimensions(source.shape))
            source.shown = source.shape
        return words + ([f"→ {port}"] if port and port not in words else [])
