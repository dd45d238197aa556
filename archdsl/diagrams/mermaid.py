"""Graph -> a Mermaid flowchart, which GitHub, GitLab and notebooks draw. Imports no framework."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from archdsl.analysis.wires import Wires
from archdsl.diagrams.captions import (
    box_text,
    describe,
    end_title,
    format_cost,
    identity_text,
    known_arguments,
    layer_details,
    sign,
    stack,
)
from archdsl.diagrams.columns import incoming_edges
from archdsl.diagrams.mermaid_writer import MermaidWriter, escaped, plain
from archdsl.diagrams.options import Options
from archdsl.diagrams.plan import Box, DrawnBranch, Group, Item, Level, OpenLayer, Parallel, UShape, last_of, plan
from archdsl.diagrams.plan_walker import Chain, PlanWalker, TensorSource
from archdsl.diagrams.style import THEMES, arguments, dimensions, short
from archdsl.graph import Graph, TensorRef, total
from archdsl.ops import Shape

SETTINGS = (
    '%%{init: {"htmlLabels": true, "flowchart": {"htmlLabels": true, "wrappingWidth": 400, '
    '"subGraphTitleMargin": {"top": 2, "bottom": 6}}}}%%'
)
"""Mermaid settings for bold titles, lines that do not wrap, and a margin below the titles of groups."""


def to_mermaid(graph: Graph, options: Options = Options()) -> str:
    """Convert a body to Mermaid text, deterministically.

    The theme determines the colors of boxes only. Lines, titles and the page follow the site, which may be light or
    dark.

    Args:
        graph: the graph of a model, or of a layer, as returned by `views`.
        options: the look of the diagram.
    """
    return _MermaidDrawing(options, graph).text()


@dataclass(slots=True)
class _MermaidChain(Chain):
    """A chain of items being drawn.

    Args:
        is_dotted: whether it is a shortcut.
    """

    is_dotted: bool = False


class _MermaidDrawing(PlanWalker[_MermaidChain]):
    """Draws a plan. Edges can start and end anywhere, and branches can start from any box: Mermaid routes them."""

    def __init__(self, options: Options, graph: Graph) -> None:
        super().__init__(options)
        self.graph, self.items = graph, plan(graph, options.depth, has_u=True)
        self.known = known_arguments(self.items, graph.arguments)
        self.mermaid = MermaidWriter(THEMES[options.theme])

    def text(self) -> str:
        graph = self.graph
        chain = _MermaidChain(Wires(graph), next(iter(graph.inputs)))
        for name, shape in graph.inputs.items():
            box = self.end("input", name, shape, graph.input_notes(name))
            chain.sources[name] = TensorSource(box, shape, shape)
        self.draw(self.items, chain)
        for name, tensor in graph.outputs.items():
            self.link(tensor.ref, self.end("output", name, tensor.shape), chain, [])
        about = [*describe(graph), *([" ".join(arguments(graph.arguments, 80))] if graph.arguments else [])]
        head = [SETTINGS, f"flowchart {self.options.direction}", f"  accTitle: {plain(graph.name)}"]
        return "\n".join([*head, f"  accDescr: {plain(', '.join(about))}", *self.mermaid.text()]) + "\n"

    def end(self, side: str, name: str, shape: Shape, notes: Iterable[str] = ()) -> str:
        """Write an input or output of the diagram."""
        return self.mermaid.end(_label(end_title(side.capitalize(), name), [dimensions(shape), *notes]))

    def link(
        self, ref: TensorRef, target: str, chain: _MermaidChain, words: Iterable[str], end: str | None = None
    ) -> None:
        """Write an edge.

        Args:
            ref: the tensor that it carries.
            target: the id of the node that it leads to.
            chain: the chain being drawn.
            words: the words of its label.
            end: the node of the body that it leads to, if any.
        """
        source = chain.sources[ref]
        is_dotted = chain.is_dotted or source.is_dotted or chain.wires.is_skip(ref.node, end)
        self.mermaid.link(source.node, target, " ".join(filter(None, words)), is_dotted=is_dotted)

    def draw_box(self, box: Box, chain: _MermaidChain) -> None:
        node, end = self.step(box, chain), box.nodes[0].name
        for edge in incoming_edges(box, ""):
            self.link(edge.ref, node, chain, self.edge_words(edge.ref, chain, end, len(box.inputs), edge.port), end)
        shown = chain.sources[box.inputs[0]].shown if box.inputs else ()
        is_shown = box.is_layer and not chain.hides_sizes
        for ref, shape in last_of(box).output_shapes.items():
            chain.sources[ref] = TensorSource(node, shape, shape if is_shown else shown)

    def step(self, box: Box, chain: _MermaidChain) -> str:
        """Write the node of a step or layer."""
        node = self.node(box, chain)
        if box.shared and not box.sign:
            self.mermaid.shared(node, box.shared.number)
        return node

    def node(self, box: Box, chain: _MermaidChain) -> str:
        """Write the node of a step or layer without its border. With `detail: full`, it lists the ops."""
        if box.sign:
            return self.mermaid.circle(_label(box.sign, (), box.times))
        title, details = box_text(box, self.known, costs=self.options.costs, hides_sizes=chain.hides_sizes)
        above = ["shortcut"] if chain.is_shortcut else []
        ops = [node for node in box.step if node.op]
        if self.options.is_full and len(ops) > 1:
            name = _label(title, (), box.times)
            labels = [escaped(text) for _, text in stack(box)]
            rows = [name if op is box.main else text for op, text in zip(ops, labels, strict=True)]
            rows += map(escaped, details[1:])  # the first line names the ops
            return self.mermaid.box("<br/>".join([*above, *rows]), box.kind)
        return self.mermaid.box("<br/>".join([*above, _label(title, details, box.times)]), box.kind)

    def draw_layer(self, layer: OpenLayer, chain: _MermaidChain) -> None:
        inner = _MermaidChain(layer.wires, next(iter(layer.body.inputs)))
        inner.hides_sizes = chain.hides_sizes or layer.has_mixed_sizes
        details = layer_details(layer, costs=self.options.costs, hides_sizes=chain.hides_sizes)
        is_once = len(layer.inputs) == 1 and _begins_once(layer.items)
        title = " · ".join([_label(layer.main.kind, (), layer.times), *map(escaped, details)])
        with self.group(title, len("   ".join([layer.main.kind, *details])), "layer", is_entered_once=is_once) as group:
            if layer.shared:
                self.mermaid.shared(group, layer.shared.number)
            for port, ref in zip(layer.body.inputs, layer.inputs, strict=True):
                inner.sources[port] = self.layer_input(layer, port, ref, chain)
            self.draw(layer.items, inner)
        for (ref, shape), tensor in zip(layer.main.output_shapes.items(), layer.body.outputs.values(), strict=True):
            chain.sources[ref] = replace(inner.sources[tensor.ref], shape=shape, is_dotted=False)

    def draw_group(self, group: Group, chain: _MermaidChain) -> None:
        cost = [format_cost(total(group.nodes))] if self.options.costs else []
        title = " · ".join([_number(group.times).strip(), *map(escaped, cost)])
        with self.group(title, len(title), "path", is_entered_once=_begins_once(group.items)):
            self.draw(group.items, chain)

    def draw_u(self, shape: UShape, chain: _MermaidChain) -> None:
        self.level(shape.levels, chain)

    def level(self, levels: Sequence[Level], outer: _MermaidChain) -> None:
        """A level of a U with those under it, in the order in which they compute."""
        level, *below = levels
        port, source = next(iter(level.body.inputs)), outer.sources[level.node.inputs[0]]
        chain = replace(outer, wires=level.wires, last=port, sources={port: replace(source)})
        self.draw(level.down, chain)
        if level.merge is not None and level.end is not None:
            across = chain.sources[last_of(level.down[-1]).name].node
            self.draw(level.lower, chain)
            self.level(below, chain)
            chain.last = below[0].node.name
            self.draw(level.raised, chain)
            merge, end = self.mermaid.circle(_label(sign(level.merge), ())), chain.sources[level.end]
            self.mermaid.link(end.node, merge, "", is_dotted=False)
            for box in level.across:
                crop = self.step(box, replace(chain, is_shortcut=True))
                self.mermaid.link(across, crop, "", is_dotted=True)
                across = crop
            self.mermaid.link(across, merge, "", is_dotted=True)
            chain.sources[level.merge.name] = TensorSource(merge, level.merge.shape, end.shown)
            chain.last = level.merge.name
            self.draw(level.up, chain)
        (output,) = level.body.outputs.values()
        outer.sources[level.node.name] = replace(chain.sources[output.ref], shape=level.node.shape)

    def group(self, title: str, length: int, look: str, *, is_entered_once: bool) -> AbstractContextManager[str]:
        """Open a group for a layer or branch. A single incoming edge runs through the middle, so the title moves left.

        Args:
            title: the title.
            length: the length of the title in letters.
            look: the class of the group.
            is_entered_once: whether it has a single incoming edge.
        """
        is_in_the_way = is_entered_once and not self.options.is_wide
        return self.mermaid.group(title + ("#emsp;" * (3 + length // 2) if is_in_the_way else ""), look)

    def layer_input(self, layer: OpenLayer, port: str, ref: TensorRef, chain: _MermaidChain) -> TensorSource:
        """Return the source of an input of a layer. A single input needs no mark, unless the layer is empty."""
        source, end, count = chain.sources[ref], layer.nodes[0].name, len(layer.inputs)
        if count == 1 and layer.items:
            words = [source.note, self.start_name(ref, chain, is_plain=self.is_plain(ref, chain, end, count))]
            if layer.has_mixed_sizes and not chain.hides_sizes and source.shape != source.shown:
                words.append(dimensions(source.shape))
            return replace(source, note=" ".join(filter(None, words)), is_dotted=chain.is_dotted)
        mark = self.mermaid.end(escaped(port))
        self.link(ref, mark, chain, self.edge_words(ref, chain, end, count), end)
        return TensorSource(mark, source.shape, source.shown)

    def draw_parallel(self, parallel: Parallel, chain: _MermaidChain) -> None:
        ends = [self.branch(branch, chain) for branch in parallel.branches]
        merge = self.mermaid.circle(_label(sign(parallel.merge), ()))
        for branch, start in zip(parallel.branches, ends, strict=True):
            output = branch.end.output if branch.items else ""
            self.mermaid.link(start, merge, output, is_dotted=branch.is_shortcut)
        shown = chain.sources[parallel.fork].shown
        chain.sources[parallel.merge.name] = TensorSource(merge, parallel.merge.shape, shown)

    def branch(self, branch: DrawnBranch, chain: _MermaidChain) -> str:
        """Write a branch, and return the id of its last node."""
        inner = replace(chain, is_dotted=branch.is_shortcut, is_shortcut=branch.is_shortcut and branch.is_one_box)
        if branch.is_shortcut and (not branch.items or branch.is_one_box):
            return self.contents(branch, inner)
        name, look = short(branch.title), "shortcut" if branch.is_shortcut else "path"
        title, is_once = escaped(name) + _number(branch.times), _begins_once(branch.items)
        with self.group(title, len(name), look, is_entered_once=is_once):
            return self.contents(branch, inner)

    def contents(self, branch: DrawnBranch, chain: _MermaidChain) -> str:
        if branch.items:
            self.draw(branch.items, chain)
            return chain.sources[branch.end].node
        node = self.mermaid.box(_label(*identity_text(is_shortcut=branch.is_shortcut)), "identity")
        self.link(branch.end, node, chain, self.edge_words(branch.end, chain))
        return node


def _label(title: str, details: Iterable[str], times: int = 1) -> str:
    """Return a bold title with a number for several, and lines below it."""
    return "<br/>".join([f"<b>{escaped(title)}</b>{_number(times)}", *map(escaped, filter(None, details))])


def _number(times: int) -> str:
    """Return the number after a title."""
    return f" ×{times}" if times > 1 else ""


def _begins_once(items: Sequence[Item]) -> bool:
    """Whether a single edge enters a chain of these items."""
    return not (items and isinstance(items[0], Parallel))
