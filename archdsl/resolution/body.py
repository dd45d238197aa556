"""A body while it is resolved: its nodes, and the names that are taken and seen in it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from archdsl.errors import Span, fail
from archdsl.graph import BranchPath, Node, StepName, Tensor, TensorRef
from archdsl.ops import Shape
from archdsl.resolution.loops import Numbers
from archdsl.spec import StepRef

Flow: TypeAlias = tuple[Tensor, ...]
"""What goes from one step to the next: mostly one tensor."""


@dataclass
class Body:
    """A body while it is built: the nodes so far, the numbers that names go on from, and what is named."""

    owner: str
    inputs: Mapping[str, Shape]
    nodes: list[Node] = field(default_factory=list)
    numbers: Numbers = field(default_factory=Numbers)
    names: dict[str, Span | None] = field(default_factory=dict)
    named: ChainMap[str, Flow] = field(default_factory=ChainMap)

    @property
    def flow(self) -> Flow:
        """What goes in."""
        return tuple(Tensor(TensorRef(name), shape) for name, shape in self.inputs.items())

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Inside, names are taken that nobody sees outside."""
        self.named = self.named.new_child()
        yield
        self.named = self.named.parents

    def take(self, name: str, span: Span | None) -> None:
        """Takes a name of the body, of a step or of a path."""
        if name in self.names:
            first = self.names[name]
            where = f" on line {first.line}" if first else ""
            message = f"`{name}` is the name of another step{where}"
            raise fail("ARCH010", message, span, "choose another `name:` for one of them")
        self.names[name] = span

    def segment(self, path: BranchPath, name: str, span: Span) -> str:
        """A branch's name among the names of weights; the second `main` of a body is `main_2`.

        It is taken whether or not there is a shortcut in the end, so that no name hangs on shapes.
        """
        number = self.numbers.next(path, f"/{name}")
        segment = StepName(name, number if number > 1 else 0, path)
        self.take(segment, span)
        return segment.own

    def referenced(self, refs: Sequence[StepRef]) -> Flow:
        """What `from` or `outputs` names."""
        return tuple(tensor for ref in refs for tensor in self._referenced(ref))

    def _referenced(self, ref: StepRef) -> Flow:
        flow = self.named.get(ref.name, ())
        if ref.output:
            flow = tuple(tensor for tensor in flow if tensor.ref.output == ref.output)
        if not flow:
            told = f"{ref.name}.{ref.output}" if ref.output else ref.name
            hint = "it stands in a path, a loop or under a `when` that makes nothing here"
            raise fail("ARCH018", f"there is no `{told}` with these arguments", ref.span, hint)
        return flow

    def append(self, node: Node) -> Flow:
        """Adds a node, and gives what flows out of it."""
        if node.name in self.inputs:
            message = f"`{node.name}` is an input of `{self.owner}`, and cannot be a step too"
            raise fail("ARCH010", message, node.span, "choose another name for the input, or `name:` the step")
        self.take(node.name, node.span)
        self.nodes.append(node)
        return tuple(map(Tensor, node.output_refs, node.outputs.values() or (node.shape,)))

    def hold_used(self, ends: Flow, span: Span) -> None:
        """Raises where a step or an input leads to nothing that the body gives."""
        by_name = {node.name: node for node in self.nodes}
        pending, used = [tensor.ref.node for tensor in ends], set()
        while pending:
            name = pending.pop()
            if name not in used:
                used.add(name)
                pending += [ref.node for ref in by_name[name].inputs] if name in by_name else []
        for name in self.inputs:
            if name not in used:
                hint = f"take it with `from: {name}`, or remove it"
                raise fail("ARCH017", f"nobody uses the input `{name}` of `{self.owner}`", span, hint)
        for node in self.nodes:
            if node.name not in used:
                hint = "give it a `name:`, and take it with `from` or `outputs`; or remove it"
                raise fail("ARCH017", f"nobody uses what `{node.name}` gives", node.span, hint)
