"""The steps of a body for comparison: an op with its padding, normalization and activation, or the use of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from archdsl.graph import Graph, Node, StepName, Totals, total
from archdsl.ops import Shape
from archdsl.steps import SHARE, Value


@dataclass(frozen=True)
class ComparedStep:
    """The nodes of one step."""

    nodes: tuple[Node, ...]

    @property
    def name(self) -> StepName:
        return self.main.step

    @cached_property
    def main(self) -> Node:
        """The op, layer or merge of the step."""
        return next(node for node in self.nodes if node.name == node.step)

    @property
    def kind(self) -> str:
        return self.main.kind

    @property
    def is_numbered(self) -> bool:
        """Whether the name is the kind with a number, which other steps can shift."""
        return self.name.base in (self.kind, SHARE) and self.name.number > 0

    @property
    def shape(self) -> Shape:
        return self.nodes[-1].shape

    @cached_property
    def totals(self) -> Totals:
        return total(self.nodes)

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The fields of an op, including padding, normalization and activation, or the arguments of a layer."""
        main = self.main
        shared = {SHARE: main.shared_with} if main.shared_with else {}
        if main.op is None:
            return {name: plain_value(value) for name, value in main.arguments.items()} | shared
        fields: dict[str, Any] = {name: str(tie) for name, tie in main.tied.items()} | shared
        fields |= {name: plain_value(getattr(main.op, name)) for name in type(main.op).model_fields}
        fields |= dict.fromkeys(fields.keys() & {*main.op.block_fields}, "none")
        for node in self.nodes:
            if node is main or node.op is None:
                continue
            inner = {name: plain_value(getattr(node.op, name)) for name in type(node.op).model_fields}
            if node.role == "pad":
                fields["padding"] = inner["padding"]
            else:
                fields[node.role] = node.kind.removesuffix("_norm")
                fields |= {f"{node.role}.{name}": value for name, value in inner.items()}
        return fields

    @cached_property
    def signature(self) -> tuple[str, str]:
        """A key that is equal for steps that do the same."""
        return self.kind, repr(sorted(self.settings.items()))

    @cached_property
    def label(self) -> str:
        """A description on one line."""
        if self.main.op is None:
            given = self.main.fields or self.main.arguments
            arguments = ", ".join(f"{name}={format_value(self.settings[name])}" for name in given)
            return f"{self.kind}({arguments})"
        return " · ".join(node.label for node in self.nodes if node.op is not None and node.role != "pad")

    def value_of(self, field: str) -> Value | None:
        """The value in the spec for one of its `settings`, if there is one."""
        role, dot, name = field.rpartition(".")
        wanted = role if dot else "main"
        if field == "padding" and field not in self.main.fields:
            wanted = "pad"
        node = next((node for node in self.nodes if node.role == wanted), self.main if wanted == "main" else None)
        return None if node is None else node.fields.get(name)


def steps_of(graph: Graph) -> list[ComparedStep]:
    """Return the steps of a body in order."""
    return [ComparedStep(nodes) for nodes in graph.steps()]


def plain_value(value: Any) -> Any:
    """Convert a value to the form used in a spec: 3 for (3, 3), lists for tuples, and mappings for objects."""
    if isinstance(value, BaseModel):
        word = str(getattr(value, "target", "") or type(value).__name__).rpartition(".")[2]
        return {word: plain_value(value.model_dump(exclude_unset=True))}
    if isinstance(value, tuple | list):
        items = [plain_value(item) for item in value]
        alike = isinstance(value, tuple) and len(items) == 2 and items[0] == items[1]
        return items[0] if alike else items
    if isinstance(value, dict):
        return {key: plain_value(item) for key, item in value.items()}
    return value


def format_value(value: Any) -> str:
    """Format a plain value on one line, shortened if it is long."""
    text = _full_text(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _full_text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_full_text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_full_text(item)}" for key, item in value.items()) + "}"
    if value is None:
        return "none"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
