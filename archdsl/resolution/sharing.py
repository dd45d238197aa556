"""Calls of a layer after the first, which use the same weights and do their own work."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.errors import ArchError, Problem, fail, nearest
from archdsl.graph import Graph, Node, TiedWeight
from archdsl.ops import Weight
from archdsl.ops.base import show
from archdsl.resolution.body import Body
from archdsl.steps import Share, Tie


class Difference(NamedTuple):
    """The path of a node that differs between two calls, and the node at each; None if there is none."""

    path: str
    first: Node | None
    again: Node | None


class SharedBodies:
    """Compares and marks the bodies of shared layers, each distinct body once."""

    def __init__(self) -> None:
        self._marked: dict[int, Graph] = {}
        self._alike: set[tuple[int, int]] = set()
        self._rows: dict[int, bool] = {}

    def is_row(self, body: Graph) -> bool:
        """Whether each step of a body takes the one above, also inside layers, so its class works at any size.

        The class of any other body contains Keras models, which take inputs of one size.
        """
        if id(body) not in self._rows:
            refs = [*body.inputs, *(node.name for node in body.nodes)]
            self._rows[id(body)] = len(body.inputs) == 1 and all(
                node.inputs == (ref,)
                and not node.path
                and not node.shares
                and (node.body is None or self.is_row(node.body))
                for ref, node in zip(refs, body.nodes, strict=False)
            )
        return self._rows[id(body)]

    def marked(self, body: Graph) -> Graph:
        """Return a body as part of a layer that is called again: its weights count at the first call."""
        if id(body) not in self._marked:
            nodes = tuple(
                node.sharing(node.shares or node.name, self.marked(node.body) if node.body is not None else None)
                for node in body.nodes
            )
            self._marked[id(body)] = body.sharing(nodes)
        return self._marked[id(body)]

    def difference(self, first: Graph, again: Graph, scope: str) -> Difference | None:
        """Return the first node that is not the same layer in two bodies, or None.

        Args:
            first: The body at the first call.
            again: The body at another call.
            scope: The path of the body, with a `/` at the end.
        """
        if first is again or (id(first), id(again)) in self._alike:
            return None
        names = dict.fromkeys([*(node.name for node in first.nodes), *(node.name for node in again.nodes)])
        ones, others = ({node.name: node for node in body.nodes} for body in (first, again))
        for name in names:
            one, other = ones.get(name), others.get(name)
            if one is None or other is None or (one.op, one.weights) != (other.op, other.weights):
                return Difference(f"{scope}{name}", one, other)
            if one.body is not None and other.body is not None:
                found = self.difference(one.body, other.body, f"{scope}{name}/")
                if found is not None:
                    return found
        self._alike.add((id(first), id(again)))
        return None


def different_layers(share: Share, found: Difference, before: str, now: str) -> ArchError:
    """Return the error for a shared layer that would not be the same at another call.

    Args:
        share: The call.
        found: The first difference.
        before: The shapes of the inputs of the first call.
        now: The shapes of the inputs of this call.
    """
    where, one, other = found
    one_text, other_text = _told(one, other), _told(other, one)
    facts = (f"{before} into `{share.name}`: {one_text}", f"{now} into this step: {other_text}")
    same_weights = one is not None and other is not None and one.weights == other.weights
    message = f"this input needs {'another layer' if same_weights else 'other weights'} in `{where}`"
    hint = f"give this step an input of {before}, or write the layer again, with weights of its own"
    return ArchError(Problem("ARCH020", message, share.span, facts, hint=hint))


def _told(node: Node | None, other: Node | None) -> str:
    """Describe one side of a difference."""
    if node is None:
        return "there is no such layer"
    names = [name for name, weight in node.weights.items() if other is None or other.weights.get(name) != weight]
    if names:
        return f"`{names[0]}` is {show(node.weights[names[0]].shape)}"
    return f"it is `{node.op!r}`" if node.op is not None else f"it is a `{node.kind}`"


def tied_weight(body: Body, word: str, tie: Tie, needed: Weight) -> TiedWeight:
    """Return the weight of another node that an op uses in place of its own.

    Args:
        body: The body so far.
        word: The name of the op's own weight.
        tie: The weight in the spec.
        needed: The weight that the op would create.
    """
    nodes = body.shareable.get(tie.name, ())
    if not nodes:
        raise body.absent(tie.name, tie.name, tie.span, "give this step the same `when`")
    node = next((node for node in nodes if node.role == "main"), nodes[0])
    if node.body is not None:
        hint = "name an op of the same body"
        raise fail("ARCH018", f"`{tie.name}` is a layer: only a weight of an op can be shared alone", tie.span, hint)
    if tie.weight not in node.weights:
        hint = nearest(tie.weight, node.weights) if node.weights else f"`{tie.name}` has no weights"
        raise fail("ARCH018", f"`{tie.name}` has no weight `{tie.weight}`", tie.span, hint)
    shape = node.weights[tie.weight].shape
    used = shape[::-1] if tie.transpose else shape
    if used != needed.shape:
        hint = ""
        if needed.shape == used[::-1]:
            hint = "remove `transpose`" if tie.transpose else "add `transpose: true`"
        transposed = ", transposed" if tie.transpose else ""
        message = f"`{word}` must be {show(needed.shape)}, but `{tie.name}.{tie.weight}` is {show(used)}{transposed}"
        raise fail("ARCH020", message, tie.span, hint)
    return TiedWeight(node.name, tie.weight, tie.transpose)
