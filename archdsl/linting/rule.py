"""The base class of lint rules: code, page and check in one place."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

from archdsl.analysis.dataflow import BodyFacts, Dataflow, OpFacts, has_window
from archdsl.analysis.liveness import PartialReader, span_of
from archdsl.errors import Span
from archdsl.graph import Graph, Node
from archdsl.recipe import planned_steps
from archdsl.spec import Spec


class Network:
    """The input of all rules: a spec, its graph, and facts about the graph.

    Attributes:
        training_steps: the number of steps of a training; None if it depends on data that is not read.
    """

    def __init__(self, spec: Spec, graph: Graph, training_steps: int | None = None) -> None:
        self.spec, self.graph, self.flow = spec, graph, Dataflow(graph)
        self.training_steps = planned_steps(spec.data, spec.train) if training_steps is None else training_steps
        self._verdicts: dict[tuple[str, _LayerKey], bool] = {}

    @cached_property
    def convolves(self) -> bool:
        """Whether the network has a convolution larger than 1x1."""
        return any(has_window(one.op) for one in self.flow.ops)

    @cached_property
    def first_bodies(self) -> dict[PartialReader, BodyFacts]:
        """For each op that leaves part of its input unread, the first body that contains it."""
        found: dict[PartialReader, BodyFacts] = {}
        for body in self.flow.bodies:
            for reader in reversed(body.partial):
                found.setdefault(reader, body)
        return found

    @cached_property
    def calls(self) -> dict[_LayerKey, list[OpFacts]]:
        """The ops whose layer or weights several steps use, by layer; a tied weight has no list of its calls."""
        found: dict[_LayerKey, list[OpFacts]] = {}
        if not any(one.node.shares or one.node.tied for one in self.flow.ops):
            return found
        for one in self.flow.ops:
            found.setdefault(_layer_key(one.body.graph, one.node), []).append(one)
        shared = {key: ops for key, ops in found.items() if any(one.node.shares for one in ops)}
        ties = [(one.body.graph, tie) for one in self.flow.ops for tie in one.node.tied.values()]
        return shared | {(graph.name, repr(graph.arguments), tie.node): [] for graph, tie in ties}

    def is_shared(self, body: Graph, *nodes: Node) -> bool:
        """Whether another step uses the layer or a weight of one of these nodes."""
        return bool(self.calls) and any(_layer_key(body, node) in self.calls for node in nodes)

    def holds_for_all_calls(self, rule: Rule, one: OpFacts, found: Sequence[Occurrence]) -> bool:
        """Whether a finding about weights holds for all calls of the layer, and is reported at this one."""
        key = _layer_key(one.body.graph, one.node) if self.calls else None
        if key is None or key not in self.calls:
            return True
        if one.node.shares or not self.calls[key]:
            return False
        if (rule.code, key) not in self._verdicts:
            alike = (_numbers(rule.check_op(call, self)) == _numbers(found) for call in self.calls[key])
            self._verdicts[rule.code, key] = all(alike)
        return self._verdicts[rule.code, key]


_LayerKey: TypeAlias = tuple[str, str, str]
"""The name and arguments of a body, and the node in it that creates the layer."""


def _layer_key(body: Graph, node: Node) -> _LayerKey:
    return body.name, repr(body.arguments), node.shares or node.name


def _numbers(found: Iterable[Occurrence]) -> list[tuple[str, int, int]]:
    return [(one.message, one.parameters, one.of) for one in found]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One match of a rule in one body, before the uses in the network are added up.

    Args:
        message: one sentence; `{parameters}`, `{of}` and `{macs}` are replaced by the sums over all uses.
        span: the part of the spec to change.
        step: the start of its step.
        body: the body whose chain of layers is shown.
        facts: details of this case.
        parameters: the number of parameters concerned, for one use.
        macs: the number of multiply-accumulates concerned, for one use.
        of: the number of parameters that `parameters` is a part of.
        counted: the body whose uses are counted, if it is not `body`.
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
        """How often it occurs in the network."""
        return (self.counted or self.body).uses

    @property
    def cost(self) -> tuple[int, float]:
        """The parameters and multiply-accumulates of all uses."""
        return self.parameters * self.uses, self.macs * self.uses


class Rule:
    """Base class of lint rules.

    The docstring of a subclass has two paragraphs: what the rule checks for, and why that is bad. `archdsl explain`
    prints them with the two examples. The table of rules in the docs shows the title and the condition.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    condition: ClassVar[str]
    """When the rule reports something, for the table of rules."""
    wrong: ClassVar[str]
    """A spec for which the lint reports this finding and no other."""
    right: ClassVar[str]
    """The same spec, fixed; the lint reports nothing for it."""
    together: ClassVar[str] = ""
    """The message, with `{layers}` and `{parameters}`, if one edit fixes all findings in a file."""
    counts_uses: ClassVar[bool] = True
    """Whether findings show the number of uses."""
    of_weights: ClassVar[bool] = False
    """Whether a finding about an op is about its weights, so it must hold for all calls of a shared layer."""
    dead_weights: ClassVar[bool] = False
    """Whether the parameters receive no gradient."""
    lost_work: ClassVar[bool] = False
    """Whether the results of the multiply-accumulates are discarded."""

    def check(self, network: Network) -> Iterator[Occurrence]:
        """Check a network and yield all occurrences."""
        for one in network.flow.ops:
            found = list(self.check_op(one, network))
            if found and (not self.of_weights or network.holds_for_all_calls(self, one, found)):
                yield from found

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        """Check a single op."""
        yield from ()

    @property
    def page(self) -> str:
        """The explanation as Markdown, without the heading."""
        meaning, why = inspect.cleandoc(self.__doc__ or "").split("\n\n")
        return (
            f"## What it does\n\n{meaning}\n\n## Why is this bad?\n\n{why}\n\n"
            f"## Example\n\n```yaml wrong\n{self.wrong}```\n\nUse instead:\n\n```yaml right\n{self.right}```\n"
        )

    def at(self, one: OpFacts, message: str, *facts: str, fields: Sequence[str] = (), **more: Any) -> Occurrence:
        """Create an occurrence at an op.

        Args:
            one: the op.
            message: one sentence, as for `Occurrence`.
            facts: details of this case.
            fields: the arguments at fault; the finding points at the first one that the spec has.
            more: the remaining fields of `Occurrence`.
        """
        return Occurrence(self, message, span_of(one.node, *fields), one.node.span, one.body, facts, **more)


END = "  - global_average_pool\n  - dense: {units: 3, activation: softmax}\n"


def example(*steps: str, size: str = "[8, 8, 3]", end: str = END, layers: Sequence[str] = (), recipe: str = "") -> str:
    """Build a complete spec for the page of a rule.

    Args:
        steps: the first steps of the model.
        size: the shape of the input.
        end: the lines of the steps that follow.
        layers: the layers, one line each.
        recipe: the lines after the model.
    """
    head = "".join(["layers:\n", *(f"  {layer}\n" for layer in layers)] if layers else [])
    model = "".join(f"  - {step}\n" for step in steps)
    return f"archdsl: 1\nname: Net\ninput: {size}\n{head}model:\n{model}{end}{recipe}"
