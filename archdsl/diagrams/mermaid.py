"""Graph -> a diagram as a Mermaid flowchart, as GitHub, GitLab and notebooks draw it. Imports no framework."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from archdsl.analysis.wires import Wires
from archdsl.diagrams.captions import sign, stack, told, told_cost, words
from archdsl.diagrams.columns import entries
from archdsl.diagrams.mermaid_writer import Sheet, escaped, plain
from archdsl.diagrams.options import Options
from archdsl.diagrams.plan import Box, DrawnBranch, Frame, Item, Parallel, last_of, plan
from archdsl.diagrams.style import THEMES, arguments, dimensions, short
from archdsl.graph import Graph, Node, TensorRef, total
from archdsl.ops import Shape
from archdsl.spec import INPUT, OUTPUT

SETTINGS = (
    '%%{init: {"htmlLabels": true, "flowchart": {"htmlLabels": true, "wrappingWidth": 400, '
    '"subGraphTitleMargin": {"top": 2, "bottom": 6}}}}%%'
)
"""Labels have bold titles, their lines are not wrapped, and titles of groups keep off what is inside."""


def to_mermaid(graph: Graph, options: Options = Options()) -> str:
    """A diagram of a body, as Mermaid text: the same text for the same graph, always.

    Lines, titles and the page are left to the site, which may be light or dark; the theme is that of the boxes.

    Args:
        graph: the model's, or a layer's as `views` gives it.
    """
    return _Drawing(options).text(graph, plan(graph, options.depth))


@dataclass(slots=True)
class _Tip:
    """Where a tensor comes from.

    Args:
        start: the id of the node that gives it.
        told: the shape that was told last on the way to it.
        word: what its first edge says of it besides, where it comes from outside of the layer.
        is_dotted: whether its edges are a shortcut's, where it comes from outside.
    """

    start: str
    shape: Shape
    told: Shape
    word: str = ""
    is_dotted: bool = False


@dataclass(frozen=True, slots=True)
class _End:
    """Where an edge comes to.

    Args:
        target: the id of the node.
        node: the name of the node of the body; nothing for an output or an empty branch.
        takes: how many edges come there.
        port: the name of the layer's input, where it has several.
        is_output: whether it is an output of the diagram, which tells its shape and its name.
    """

    target: str
    node: str | None = None
    takes: int = 1
    port: str = ""
    is_output: bool = False


@dataclass(slots=True)
class _Flow:
    """A row of items while it is drawn.

    Args:
        wires: of the body.
        last: the node of the body that the row has come to.
        tips: by ref, what the body has given so far; the branches of a body share them.
        is_dotted: whether it is a shortcut.
        is_vague: whether it stands for several rows of other sizes, so that it tells none.
    """

    wires: Wires
    last: str
    tips: dict[str, _Tip] = field(default_factory=dict)
    is_dotted: bool = False
    is_vague: bool = False


class _Drawing:
    """Draws a plan. Edges may start and end anywhere, and branches part at any box: Mermaid finds their ways."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.sheet = Sheet(THEMES[options.theme])

    def text(self, graph: Graph, items: tuple[Item, ...]) -> str:
        totals = graph.totals
        given = {name: end.shape for name, end in graph.outputs.items()}
        flow = _Flow(Wires(graph), next(iter(graph.inputs)))
        for name, shape in graph.inputs.items():
            flow.tips[name] = _Tip(self.end("input", name, shape), shape, shape)
        self.chain(items, flow)
        for (name, shape), tensor in zip(given.items(), graph.outputs.values(), strict=True):
            self.join(tensor.ref, _End(self.end("output", name, shape), is_output=True), flow)
        sizes = f"{totals.layers:,} ops, {totals.parameters:,} parameters"
        about = [f"{told(graph.inputs, INPUT)} in, {told(given, OUTPUT)} out", sizes]
        about += [" ".join(arguments(graph.arguments, 80))] if graph.arguments else []
        head = [SETTINGS, f"flowchart {self.options.direction}", f"  accTitle: {plain(graph.name)}"]
        return "\n".join([*head, f"  accDescr: {plain(', '.join(about))}", *self.sheet.text()]) + "\n"

    def end(self, side: str, name: str, shape: Shape) -> str:
        """An input or an output of the diagram."""
        title = side.capitalize() + ("" if name in (INPUT, OUTPUT) else f" {name}")
        return self.sheet.end(label(title, [dimensions(shape)]))

    def chain(self, items: Iterable[Item], flow: _Flow) -> None:
        for item in items:
            if isinstance(item, Parallel):
                self.parallel(item, flow)
            elif isinstance(item, Frame):
                self.frame(item, flow)
            else:
                self.box(item, flow)
            flow.last = last_of(item).name

    def join(self, ref: TensorRef, end: _End, flow: _Flow) -> None:
        """An edge, with the shape on it where that has changed."""
        tip, start = flow.tips[ref], ref.node
        is_dotted = flow.is_dotted or tip.is_dotted or flow.wires.is_skip(start, end.node)
        words = [] if end.is_output else self.called(ref, end, flow)
        if not (end.is_output or flow.is_vague) and tip.shape != tip.told:
            words.append(dimensions(tip.shape))
            tip.told = tip.shape
        tip.word = ""
        words += [f"→ {end.port}"] if end.port and end.port not in words else []
        self.sheet.link(tip.start, end.target, " ".join(words), is_dotted=is_dotted)

    def called(self, ref: TensorRef, end: _End, flow: _Flow) -> list[str]:
        """What an edge says of its start: the output of a layer, or a step's name where the line does not show it."""
        name, wires = ref.node, flow.wires
        is_next = name == flow.last and (end.takes == 1 or wires.is_straight(name, end.node))
        own = ref.output or ("" if is_next or wires.is_skip(name, end.node) else wires.called(name))
        return list(filter(None, [flow.tips[ref].word, own]))

    def box(self, box: Box, flow: _Flow) -> None:
        target = self.step(box, is_vague=flow.is_vague)
        for entry in entries(box, ""):
            self.join(entry.ref, _End(target, box.nodes[0].name, len(box.takes), entry.port), flow)
        told = flow.tips[box.takes[0]].told
        has_told = box.kind == "block" and not flow.is_vague
        for ref, shape in last_of(box).output_shapes.items():
            flow.tips[ref] = _Tip(target, shape, shape if has_told else told)

    def step(self, box: Box, *, is_vague: bool) -> str:
        """The node of a step or of a layer. In full, its ops stand one under the other."""
        if box.sign:
            return self.sheet.circle(label(box.sign, (), box.times))
        title, details = words(box, costs=self.options.costs, is_vague=is_vague)
        name = label(title, (), box.times)
        ops = [node for node in box.step if node.op]
        if self.options.is_full and len(ops) > 1:
            labels = [escaped(text) for _, text in stack(box)]
            rows = [name if op is box.main else text for op, text in zip(ops, labels, strict=True)]
            rows += map(escaped, self.cost(box.nodes, is_vague=is_vague))
            return self.sheet.box("<br/>".join(rows), box.kind)
        return self.sheet.box(label(title, details, box.times), box.kind)

    def cost(self, nodes: Iterable[Node], *, is_vague: bool) -> list[str]:
        """What some nodes cost, where that is asked for, and can be said."""
        told = told_cost(total(nodes)) if self.options.costs and not is_vague else ""
        return [told] if told else []

    def frame(self, frame: Frame, flow: _Flow) -> None:
        inner = _Flow(frame.wires, next(iter(frame.body.inputs)), is_vague=flow.is_vague or frame.is_vague)
        shapes = (dimensions(node.shape) for node in (frame.nodes[0], frame.main))
        details = [" … ".join(shapes)] if frame.is_vague else []
        details += self.cost(frame.nodes, is_vague=flow.is_vague)
        is_once = len(frame.takes) == 1 and begins_once(frame.items)
        title = " · ".join([label(frame.main.kind, (), frame.times), *map(escaped, details)])
        with self.group(title, len("   ".join([frame.main.kind, *details])), "layer", is_entered_once=is_once):
            for port, ref in zip(frame.body.inputs, frame.takes, strict=True):
                inner.tips[port] = self.door(frame, port, ref, flow)
            self.chain(frame.items, inner)
        for (ref, shape), tensor in zip(frame.main.output_shapes.items(), frame.body.outputs.values(), strict=True):
            flow.tips[ref] = replace(inner.tips[tensor.ref], shape=shape, is_dotted=False)

    def group(self, title: str, length: int, look: str, *, is_entered_once: bool) -> AbstractContextManager[None]:
        """A layer or a branch. An only edge that comes in runs through the middle: the title stands further left.

        Args:
            length: of the title, in letters.
        """
        is_in_the_way = is_entered_once and not self.options.is_wide
        return self.sheet.group(title + ("#emsp;" * (3 + length // 2) if is_in_the_way else ""), look)

    def door(self, frame: Frame, port: str, ref: TensorRef, flow: _Flow) -> _Tip:
        """Where an input comes into a layer. An only one needs no mark, but where the layer is empty without."""
        tip, end = flow.tips[ref], _End("", frame.nodes[0].name, len(frame.takes))
        if len(frame.takes) == 1 and frame.items:
            words = self.called(ref, end, flow)
            if frame.is_vague and not flow.is_vague and tip.shape != tip.told:
                words.append(dimensions(tip.shape))
            return replace(tip, word=" ".join(words), is_dotted=flow.is_dotted)
        mark = self.sheet.end(escaped(port))
        self.join(ref, replace(end, target=mark), flow)
        return _Tip(mark, tip.shape, tip.told)

    def parallel(self, parallel: Parallel, flow: _Flow) -> None:
        ends = [self.branch(branch, flow) for branch in parallel.branches]
        merge = self.sheet.circle(label(sign(parallel.merge), ()))
        for branch, start in zip(parallel.branches, ends, strict=True):
            output = branch.end.output if branch.items else ""
            self.sheet.link(start, merge, output, is_dotted=branch.is_shortcut)
        flow.tips[parallel.merge.name] = _Tip(merge, parallel.merge.shape, flow.tips[parallel.fork].told)

    def branch(self, branch: DrawnBranch, flow: _Flow) -> str:
        """A branch; the id of the node that it ends with."""
        inner = replace(flow, is_dotted=branch.is_shortcut)
        if branch.is_shortcut and (not branch.items or (len(branch.items) == 1 and isinstance(branch.items[0], Box))):
            return self.contents(branch, inner)
        name, look = short(branch.name), "shortcut" if branch.is_shortcut else "path"
        with self.group(
            escaped(name) + number(branch.times), len(name), look, is_entered_once=begins_once(branch.items)
        ):
            return self.contents(branch, inner)

    def contents(self, branch: DrawnBranch, flow: _Flow) -> str:
        if branch.items:
            self.chain(branch.items, flow)
            return flow.tips[branch.end].start
        title, details = ("Shortcut", ["identity"]) if branch.is_shortcut else ("Identity", [])
        target = self.sheet.box(label(title, details), "identity")
        self.join(branch.end, _End(target), flow)
        return target


def label(title: str, details: Iterable[str], times: int = 1) -> str:
    """A bold title, with a number behind it where it stands for several, and lines under it."""
    return "<br/>".join([f"<b>{escaped(title)}</b>{number(times)}", *map(escaped, filter(None, details))])


def number(times: int) -> str:
    """What stands behind a title."""
    return f" ×{times}" if times > 1 else ""


def begins_once(items: Sequence[Item]) -> bool:
    """Whether one edge goes into what begins with these."""
    return not (items and isinstance(items[0], Parallel))
