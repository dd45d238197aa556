"""What a rule of the lint is: its code, its page and its check in one class."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from archdsl.analysis.dataflow import BodyFacts, Dataflow, OpFacts, has_window
from archdsl.analysis.liveness import PartialReader, span_of
from archdsl.errors import Span
from archdsl.graph import Graph
from archdsl.spec import Spec


class Network:
    """What rules look at: a spec, its graph, and the facts about the graph."""

    def __init__(self, spec: Spec, graph: Graph) -> None:
        self.spec, self.graph, self.flow = spec, graph, Dataflow(graph)

    @cached_property
    def convolves(self) -> bool:
        """Whether it has a convolution with a window of more than one pixel."""
        return any(has_window(one.op) for one in self.flow.ops)

    @cached_property
    def first_bodies(self) -> dict[PartialReader, BodyFacts]:
        """The first body that has each of the ops that leave something unread."""
        found: dict[PartialReader, BodyFacts] = {}
        for body in self.flow.bodies:
            for reader in reversed(body.partial):
                found.setdefault(reader, body)
        return found


@dataclass(frozen=True, slots=True)
class Occurrence:
    """What a rule finds in one body: a finding before it is known how often the network has it.

    Args:
        message: one sentence; `{parameters}`, `{of}` and `{macs}` become the sums over all uses.
        span: where the spec has what is to change.
        step: where its step begins.
        body: whose chain of layers is shown.
        facts: what is so in this case.
        parameters, macs: what one use costs.
        of: how many parameters that is a part of.
        counted: the body whose uses count, where that is another one.
    """

    rule: Rule
    message: str
    span: Span | None
    step: Span | None
    body: BodyFacts
    facts: tuple[str, ...] = ()
    hint: str = ""
    parameters: int = 0
    of: int = 0
    macs: float = 0.0
    counted: BodyFacts | None = None

    @property
    def uses(self) -> int:
        """How often the network has it."""
        return (self.counted or self.body).uses

    @property
    def cost(self) -> tuple[int, float]:
        """The parameters and the multiply-accumulates of all uses."""
        return self.parameters * self.uses, self.macs * self.uses


class Rule:
    """One thing that the lint finds.

    A subclass's docstring has two paragraphs, what is found and why that matters; `archdsl explain` prints them with
    the two examples, and the table of `docs/reference/lint.md` has the title and the condition.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    condition: ClassVar[str]
    """When it is found, for the table."""
    wrong: ClassVar[str]
    """A spec that earns this finding and no other."""
    right: ClassVar[str]
    """The same spec, mended; it earns none."""
    together: ClassVar[str] = ""
    """The message, for `{layers}` and `{parameters}`, where one change mends all findings of a file."""
    counts_uses: ClassVar[bool] = True
    """Whether a finding says how often the network has it."""
    dead_weights: ClassVar[bool] = False
    """Whether its parameters can never learn."""
    lost_work: ClassVar[bool] = False
    """Whether its multiply-accumulates are for nothing."""

    def check(self, network: Network) -> Iterator[Occurrence]:
        """All that is found in a network."""
        for one in network.flow.ops:
            yield from self.check_op(one, network)

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        """What is found at one op."""
        yield from ()

    @property
    def page(self) -> str:
        """Its explanation, as Markdown without the heading."""
        meaning, why = inspect.cleandoc(self.__doc__ or "").split("\n\n")
        examples = (
            f"## {title}\n\n```yaml {title.lower()}\n{text}```\n"
            for title, text in (("Wrong", self.wrong), ("Right", self.right))
        )
        return f"{meaning}\n\n## Why\n\n{why}\n\n" + "\n".join(examples)

    def at(self, one: OpFacts, message: str, *facts: str, fields: Sequence[str] = (), **more: Any) -> Occurrence:
        """An occurrence at an op.

        Args:
            fields: the arguments that are at fault; the first that the spec has is pointed at.
        """
        return Occurrence(self, message, span_of(one.node, *fields), one.node.span, one.body, facts, **more)


END = "  - global_average_pool\n  - dense: {units: 3, activation: softmax}\n"


def example(*steps: str, size: str = "[8, 8, 3]", end: str = END, layers: Sequence[str] = (), recipe: str = "") -> str:
    """A whole spec of some steps, for a rule's page.

    Args:
        size: of the input.
        end: the lines of the steps after them.
        layers: each on a line.
        recipe: the lines after the model.
    """
    head = "".join(["layers:\n", *(f"  {layer}\n" for layer in layers)] if layers else [])
    model = "".join(f"  - {step}\n" for step in steps)
    return f"archdsl: 1\nname: Net\ninput: {size}\n{head}model:\n{model}{end}{recipe}"
