"""A spec and a path -> the origin of the value there. Resolves the spec again, so only `why` pays for the tracing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from archdsl.graph import TensorRef
from archdsl.ops import Op, OpError, Shape
from archdsl.ops.base import show
from archdsl.spec import Spec
from archdsl.tracing.origins import Origin, Origins
from archdsl.tracing.scopes import TracingResolver
from archdsl.tracing.targets import SHAPE, Target, fields_of, find

Inputs: TypeAlias = tuple[tuple[TensorRef, Shape], ...]
"""The inputs of a node, with their shapes."""

__all__ = ["Origin", "Target", "Trace", "trace"]


@dataclass(frozen=True, slots=True)
class Trace:
    """The origins of a value, or of all fields of a node.

    Args:
        path: the path.
        target: the node, field or weight that it names.
        origins: a single origin for a field or a shape, or one for each field of a node.
        inputs: the inputs of the node, with their shapes.
    """

    path: str
    target: Target
    origins: tuple[Origin, ...]
    inputs: Inputs


def trace(spec: Spec, path: str, settings: Mapping[str, Any] | None = None) -> Trace:
    """Find where the value at a path comes from.

    Args:
        spec: the spec, with a variant applied or not.
        path: the path of a node, of a field after a dot, of a `.shape`, or of a weight.
        settings: model arguments that override those of the file.

    Returns:
        The origin of the value, or of all fields of the node.

    Raises:
        ArchError: the spec cannot be resolved, or the path is unknown.
    """
    return Tracing(spec, settings or {}).trace(path)


class Tracing:
    """A network with the origins of its values, resolved once for any number of paths."""

    def __init__(self, spec: Spec, settings: Mapping[str, Any]) -> None:
        resolver = TracingResolver(spec)
        self.graph = resolver.model(spec.values(settings))
        self.origins = Origins(spec, resolver, settings)

    def trace(self, path: str) -> Trace:
        """Find where the value at a path comes from."""
        target = find(self.graph, path)
        node, shapes = target.node, target.body.shapes
        inputs = tuple((ref, shapes[ref]) for ref in node.inputs)
        if target.weight:
            whole = f"{target.path()}/{target.weight}"
            origins = [self._shape(target, whole, node.weights[target.weight].shape, inputs)]
        elif target.field == SHAPE and SHAPE not in fields_of(node):
            whole = f"{target.path()}.{SHAPE}"
            origins = [self._shape(target, whole, node.shape, inputs)]
        else:
            whole = target.path() + (f".{target.field}" if target.field else "")
            names = (target.field,) if target.field else fields_of(node)
            origins = [self.origins.field(target, name) for name in names]
        return Trace(whole, target, tuple(origins), inputs)

    def _shape(self, target: Target, name: str, shape: Shape, inputs: Inputs) -> Origin:
        """The origin of a shape: the fields and inputs that it depends on."""
        node, body = target.node, target.body
        if node.body is not None:
            end = node.body.output.node
            description = f"output of `{end}` inside it: see {target.path()}/{end}.shape"
            return Origin(name, show(shape), "shape", description, span=node.span)
        fields, refs = _deciding(node.op, inputs, target.weight) if node.op is not None else ([], [])
        causes = [self.origins.field(target, field) for field in fields]
        scope = "".join(f"{one.name}/" for one in target.nodes[:-1])
        for ref, given in refs:
            source = next((one for one in body.nodes if one.name == ref.node), None)
            owner = scope.rstrip("/") or body.name
            description = f"output of {scope}{ref}" if source else f"input of {owner}"
            causes.append(Origin(ref, show(given), "shape", description, span=source.span if source else None))
        what = f"{target.weight} shape" if target.weight else "output shape"
        return Origin(name, show(shape), "shape", f"{what} of {node.kind}", span=node.span, causes=tuple(causes))


def _shape_of(op: Op, shapes: list[Shape], weight: str) -> Any:
    """The output shape of an op, or the shape of a weight; None if the op cannot take its inputs."""
    try:
        return op.weights(*shapes)[weight].shape if weight else op.output(*shapes)
    except (OpError, ArithmeticError, LookupError, ValueError):
        return None


def _deciding(op: Op, inputs: Inputs, weight: str) -> tuple[list[str], list[tuple[TensorRef, Shape]]]:
    """Find the fields and inputs that a shape depends on, by changing one field or axis at a time."""
    shapes = [shape for _, shape in inputs]
    now = _shape_of(op, shapes, weight)
    fields = []
    for name in type(op).model_fields:
        others = [op.model_copy(update={name: value}) for value in _other_values(getattr(op, name))]
        if any(_shape_of(other, shapes, weight) != now for other in others):
            fields.append(name)
    refs = []
    for number, (ref, shape) in enumerate(inputs):
        larger = [(*shape[:axis], 2 * shape[axis], *shape[axis + 1 :]) for axis in range(len(shape))]
        if any(_shape_of(op, [*shapes[:number], one, *shapes[number + 1 :]], weight) != now for one in larger):
            refs.append((ref, shape))
    return fields, refs


def _other_values(value: Any) -> list[Any]:
    """Alternative values of a field."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [2 * value or 1]
    if isinstance(value, tuple):
        return [tuple(2 * item if isinstance(item, int) else item for item in value)]
    return ["valid" if value == "same" else "same"] if value in ("same", "valid") else []
