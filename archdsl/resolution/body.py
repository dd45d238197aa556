"""The state of a body during resolution: its nodes and its names."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from archdsl.errors import ArchError, Span, fail
from archdsl.graph import BranchPath, Node, StepName, Tensor, TensorRef
from archdsl.names import stem
from archdsl.ops import Shape
from archdsl.steps import StepRef

Tensors: TypeAlias = tuple[Tensor, ...]
"""The tensors between two steps, usually one."""

Values: TypeAlias = Mapping[str, Any]
"""The values of names."""


@dataclass
class Body:
    """A body during resolution.

    Args:
        owner: The name of the layer or model.
        inputs: The shapes of the inputs.
        dtypes: The dtypes of the inputs.
        nodes: The nodes so far.
        counts: The number of steps of each kind in each branch, used for automatic names.
        taken: The names of nodes and branches, with their places.
        named: The tensors that `from` can refer to.
        shareable: The nodes of the named steps that `share` can refer to.

    Attributes:
        shapes: The shapes of its tensors so far, by reference.
    """

    owner: str
    inputs: Mapping[str, Shape]
    dtypes: Mapping[str, str]
    nodes: list[Node] = field(default_factory=list)
    counts: Counter[tuple[BranchPath, str]] = field(default_factory=Counter)
    taken: dict[str, Span | None] = field(default_factory=dict)
    named: ChainMap[str, Tensors] = field(default_factory=ChainMap)
    shareable: ChainMap[str, tuple[Node, ...]] = field(default_factory=ChainMap)

    def __post_init__(self) -> None:
        self.shapes: dict[str, Shape] = dict(self.inputs)

    @property
    def input_tensors(self) -> Tensors:
        return tuple(Tensor(TensorRef(name), shape, self.dtypes[name]) for name, shape in self.inputs.items())

    @contextmanager
    def own_names(self) -> Iterator[None]:
        """Return a context in which new names are not visible from outside."""
        self.named, self.shareable = self.named.new_child(), self.shareable.new_child()
        yield
        self.named, self.shareable = self.named.parents, self.shareable.parents

    def next_number(self, path: BranchPath, kind: str) -> int:
        """Return the next number of a kind in a branch, starting with 1."""
        self.counts[path, kind] += 1
        return self.counts[path, kind]

    def take(self, name: str, span: Span | None) -> None:
        """Reserve the name of a step or a branch."""
        if name in self.taken:
            first = self.taken[name]
            where = f", first used on line {first.line}" if first else ""
            message = f"duplicate step name `{name}`{where}"
            raise fail("ARCH010", message, span, "give one of the steps a different `name`")
        self.taken[name] = span

    def branch_name(self, path: BranchPath, name: str, span: Span) -> str:
        """Return the name of a branch in the names of weights. The second `main` of a body is `main_2`.

        The name is reserved even if there is no shortcut in the end, so names do not depend on shapes.
        """
        number = self.next_number(path, f"/{name}")
        numbered = StepName(name, number if number > 1 else 0, path)
        self.take(numbered, span)
        return numbered.own

    def referenced(self, refs: Sequence[StepRef]) -> Tensors:
        """Return the tensors that `from` or `outputs` refers to.

        Raises:
            ArchError: If a step does not exist with these arguments.
        """
        result: list[Tensor] = []
        for ref in refs:
            tensors = self.named.get(ref.name, ())
            if ref.output:
                tensors = tuple(tensor for tensor in tensors if tensor.ref.output == ref.output)
            if not tensors:
                name = f"{ref.name}.{ref.output}" if ref.output else ref.name
                hint = "its path, loop or `when` creates no steps with these arguments"
                raise self.absent(ref.name, name, ref.span, hint)
            result += tensors
        return tuple(result)

    def absent(self, step: str, name: str, span: Span, hint: str) -> ArchError:
        """Return the error for a step that does not exist with these arguments.

        Args:
            step: The name of the step.
            name: What the spec writes: the step, or one of its outputs.
            span: The place of the name.
            hint: What to do if it is no copy of a loop.
        """
        base = stem(step)
        copies = sum(1 for other in self.named if stem(other) == base and other != base)
        if base in self.named and step != base and copies:
            hint = f"the last copy of `{base}` is `{base}_{copies}`"
        return fail("ARCH018", f"the step `{name}` does not exist with these arguments", span, hint)

    def append(self, node: Node) -> Tensors:
        """Add a node and return its outputs."""
        if node.name in self.inputs:
            message = f"the step `{node.name}` has the name of an input of `{self.owner}`"
            raise fail("ARCH010", message, node.span, "rename the input, or give the step a `name`")
        self.take(node.name, node.span)
        self.nodes.append(node)
        tensors = node.output_tensors
        self.shapes.update((tensor.ref, tensor.shape) for tensor in tensors)
        return tensors

    def check_used(self, ends: Tensors, span: Span) -> None:
        """Raise an error if the body does not use a step or an input."""
        by_name = {node.name: node for node in self.nodes}
        pending, used = [tensor.ref.node for tensor in ends], set()
        while pending:
            name = pending.pop()
            if name not in used:
                used.add(name)
                pending += [ref.node for ref in by_name[name].inputs] if name in by_name else []
        for name in self.inputs:
            if name not in used:
                hint = f"use it with `from: {name}`, or remove it"
                raise fail("ARCH017", f"unused input `{name}` of `{self.owner}`", span, hint)
        for node in self.nodes:
            if node.name not in used:
                given = node.step.given
                hint = "give the step a `name` and use it in `from` or `outputs`, or remove it"
                hint = f"use `{given}` in `from` or `outputs`, or remove the step" if given else hint
                raise fail("ARCH017", f"the output of `{node.name}` is unused", node.span, hint)


class StepContext(NamedTuple):
    """The context in which a step is resolved.

    Args:
        body: The body that contains the step.
        scope: The values of the names in its expressions.
        path: The branches around the step.
        numbered: Whether a group with copies is around the step, so that its name gets a number.
        each: The number of `time_distributed` around the step.
    """

    body: Body
    scope: Values
    path: BranchPath
    numbered: bool = False
    each: int = 0

    def inside(self, branch: str) -> StepContext:
        """Return the context inside another branch."""
        return self._replace(path=(*self.path, branch), numbered=False)
