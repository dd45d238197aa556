"""A walk along a plan, for whatever draws it: which tensor comes from where, and what each edge says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from archdsl.analysis.wires import Wires
from archdsl.diagrams.options import Options
from archdsl.diagrams.plan import Box, Item, OpenLayer, Parallel, UShape, last_of
from archdsl.diagrams.style import dimensions
from archdsl.graph import TensorRef
from archdsl.ops import Shape


@dataclass(slots=True)
class TensorSource:
    """Where a tensor comes from in the diagram.

    Args:
        node: the name, in the diagram's language, of the node that gives it.
        shown: the shape that was last shown on the way to it.
        can_fork: whether branches may start right there; else a dot of their own comes before them.
        note: what its first edge says besides, where it comes from outside of the layer.
        is_dotted: whether its edges are a shortcut's, where it comes from outside.
    """

    node: str
    shape: Shape
    shown: Shape
    can_fork: bool = False
    note: str = ""
    is_dotted: bool = False


@dataclass(slots=True)
class Chain:
    """A chain of items while it is drawn.

    Args:
        wires: of the body.
        last: the node of the body that the chain has come to.
        sources: by ref, what the body has given so far; the branches of a body share them.
        hides_sizes: whether it stands for several chains of other sizes, and so shows none.
        is_shortcut: whether it is a shortcut of one box, which the box then says.
    """

    wires: Wires
    last: str
    sources: dict[str, TensorSource] = field(default_factory=dict)
    hides_sizes: bool = False
    is_shortcut: bool = False


C = TypeVar("C", bound=Chain)


class PlanWalker(ABC, Generic[C]):
    """Draws the items of a plan one after the other.

    Args:
        options: how the diagram is to look.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    def draw(self, items: Iterable[Item], chain: C) -> None:
        """Draws a chain of items."""
        for item in items:
            self.draw_item(item, chain)

    def draw_item(self, item: Item, chain: C) -> None:
        """Draws one item, with what is inside it."""
        if isinstance(item, Parallel):
            self.draw_parallel(item, chain)
        elif isinstance(item, OpenLayer):
            self.draw_layer(item, chain)
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
    def draw_u(self, shape: UShape, chain: C) -> None: ...

    @abstractmethod
    def draw_parallel(self, parallel: Parallel, chain: C) -> None: ...

    def start_name(self, ref: TensorRef, chain: C, *, is_plain: bool) -> str:
        """What an edge says of its start: a layer's output, or a step's name where the line does not show it."""
        return ref.output or ("" if is_plain else chain.wires.called(ref.node))

    def is_plain(self, ref: TensorRef, chain: C, end: str | None, inputs: int) -> bool:
        """Whether the line of an edge shows where it comes from: from the step before, or past some steps.

        Args:
            end: the node of the body that it comes to, where it is one.
            inputs: how many edges come there.
        """
        start, wires = ref.node, chain.wires
        is_next = start == chain.last and (inputs == 1 or wires.is_straight(start, end))
        return is_next or wires.is_skip(start, end)

    def edge_words(
        self, ref: TensorRef, chain: C, end: str | None = None, inputs: int = 1, port: str = ""
    ) -> list[str]:
        """What an edge says: a note, the name of its start, a shape that is new, the layer's input; some may be empty.

        Args:
            end: the node of the body that it comes to, where it is one.
            inputs: how many edges come there.
            port: the name of the layer's input, where it has several.
        """
        source = chain.sources[ref]
        words = [source.note, self.start_name(ref, chain, is_plain=self.is_plain(ref, chain, end, inputs))]
        source.note = ""
        if source.shape != source.shown and not chain.hides_sizes:
            words.append(dimensions(source.shape))
            source.shown = source.shape
        return words + ([f"→ {port}"] if port and port not in words else [])
