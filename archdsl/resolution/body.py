"""A body while it is resolved: its nodes, and the names that are taken and seen in it."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from archdsl.errors import Span, fail
from archdsl.graph import BranchPath, Node, StepName, Tensor, TensorRef
from archdsl.ops import Shape
from archdsl.spec import StepRef

Tensors: TypeAlias = tuple[Tensor, ...]
"""What goes from one step to the next: mostly one tensor."""

Values: TypeAlias = Mapping[str, Any]
"""The values of names."""


@dataclass
class Body:
    """A body while it is built.

    Args:
        owner: the name of its layer or model.
        inputs: the shape of each of its inputs.
        nodes: those so far.
        counts: how many of each kind there are in each branch, which names go on from.
        taken: the names of nodes and branches, and where each is given.
        named: the tensors that `from` may name.
    """

    owner: str
    inputs: Mapping[str, Shape]
    nodes: list[Node] = field(default_factory=list)
    counts: Counter[tuple[BranchPath, str]] = field(default_factory=Counter)
    taken: dict[str, Span | None] = field(default_factory=dict)
    named: ChainMap[str, Tensors] = field(default_factory=ChainMap)

    @property
    def input_tensors(self) -> Tensors:
        return tuple(Tensor(TensorRef(name), shape) for name, shape in self.inputs.items())

    @contextmanager
    def own_names(self) -> Iterator[None]:
        """Inside, what is named cannot be named from outside."""
        self.named = self.named.new_child()
        yield
        self.named = self.named.parents

    def next_number(self, path: BranchPath, kind: str) -> int:
        """The next number of a kind in a branch, from 1."""
        self.counts[path, kind] += 1
        return self.counts[path, kind]

    def _take(self, name: str, span: Span | None) -> None:
        """Takes a name of the body, of a step or of a branch."""
        if name in self.taken:
            first = self.taken[name]
            where = f" on line {first.line}" if first else ""
            message = f"`{name}` is the name of another step{where}"
            raise fail("ARCH010", message, span, "choose another `name:` for one of them")
        self.taken[name] = span

    def branch_name(self, path: BranchPath, name: str, span: Span) -> str:
        """A branch's name among the names of weights; the second `main` of a body is `main_2`.

        It is taken whether or not there is a shortcut in the end, so that no name depends on shapes.
        """
        number = self.next_number(path, f"/{name}")
        numbered = StepName(name, number if number > 1 else 0, path)
        self._take(numbered, span)
        return numbered.own

    def referenced(self, refs: Sequence[StepRef]) -> Tensors:
        """What `from` or `outputs` names.

        Raises:
            ArchError: a step is not there with these arguments.
        """
        result: list[Tensor] = []
        for ref in refs:
            tensors = self.named.get(ref.name, ())
            if ref.output:
                tensors = tuple(tensor for tensor in tensors if tensor.ref.output == ref.output)
            if not tensors:
                name = f"{ref.name}.{ref.output}" if ref.output else ref.name
                hint = "it stands in a path, a loop or under a `when` that makes nothing here"
                raise fail("ARCH018", f"there is no `{name}` with these arguments", ref.span, hint)
            result += tensors
        return tuple(result)

    def append(self, node: Node) -> Tensors:
        """Adds a node, and gives what flows out of it."""
        if node.name in self.inputs:
            message = f"`{node.name}` is an input of `{self.owner}`, and cannot be a step too"
            raise fail("ARCH010", message, node.span, "choose another name for the input, or `name:` the step")
        self._take(node.name, node.span)
        self.nodes.append(node)
        return tuple(map(Tensor, node.output_refs, node.outputs.values() or (node.shape,)))

    def check_used(self, ends: Tensors, span: Span) -> None:
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


class StepContext(NamedTuple):
    """Where a step is resolved.

    Args:
        body: that it is in.
        scope: the values of the names that its expressions see.
        path: the branches around it.
    """

    body: Body
    scope: Values
    path: BranchPath

    def inside(self, branch: str) -> StepContext:
        """The same, inside of one more branch."""
        return self._replace(path=(*self.path, branch))
