"""Memory of activations, in bytes per image: the peak in inference, and what is kept in training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from archdsl.analysis.costs import Depth, opens
from archdsl.graph import Graph, Node
from archdsl.ops import Shape
from archdsl.ops.base import DTYPE_BYTES, FLOAT

# How it works. The ops run in order. A tensor is alive from the op that writes it to the last op that reads it. Each
# tensor therefore counts down its readers, and the peak is the maximum of the sum of live tensors. The body of a layer
# is run in the same way. Its result is cached by which of its inputs are the same tensor (`slots`) and which of them
# are not read after it (`owned`); all other live tensors just add a constant. In training, the tensors that a gradient
# reads stay alive until the backward pass.


class _BodyEnds(NamedTuple):
    """The result of running a body.

    Args:
        peak: the peak of live bytes while it runs, without inputs that are read again later.
        outputs: the tensor of each output: -1 - slot for an input, otherwise an index into `made`.
        made: the bytes of the output tensors that are not inputs.
        left: the live bytes at its end, among its own inputs and outputs.
    """

    peak: int
    outputs: tuple[int, ...]
    made: tuple[int, ...]
    left: int


def size_of(shape: Shape, dtype: str, float_bytes: int) -> int:
    """Return the bytes of a tensor of one image.

    Args:
        shape: its shape.
        dtype: its dtype.
        float_bytes: the bytes of a float.
    """
    return math.prod(shape) * DTYPE_BYTES.get(dtype, float_bytes)


def peak(graph: Graph, float_bytes: int) -> int:
    """Compute the peak of live bytes per image when the ops run in order.

    Each op writes a new tensor, unless it returns its input unchanged. A tensor is freed after the last op has read it;
    outputs are kept. Internal values of an op, such as attention scores, are alive while it runs.

    Args:
        graph: the network.
        float_bytes: the bytes of a float.
    """
    slots = tuple(range(len(graph.inputs)))
    return _Inference(float_bytes).ends(graph, slots, frozenset(slots)).peak


def peaks(graph: Graph, float_bytes: int, depth: Depth = None) -> dict[str, int]:
    """Compute the peak of live bytes while each node runs, by the paths of `graph.walk()`.

    Args:
        graph: the network.
        float_bytes: the bytes of a float.
        depth: how many levels of layers to open, or the paths of layers to open; by default all.
    """
    slots = tuple(range(len(graph.inputs)))
    return dict(_Inference(float_bytes).walk(graph, (slots, frozenset(slots)), 0, "", depth, 1))


class _NodeRun(NamedTuple):
    """The memory of one node while it runs.

    Args:
        node: the node.
        peak: the peak of live bytes.
        base: the live bytes that do not depend on the node.
        slots: for a layer, the tensor of each input.
        owned: for a layer, the tensors that are not read after it.
    """

    node: Node
    peak: int
    base: int
    slots: tuple[int, ...] = ()
    owned: frozenset[int] = frozenset()


class _Inference:
    """Simulates the memory of bodies, once for each way in which their inputs are held."""

    def __init__(self, float_bytes: int) -> None:
        self.float_bytes = float_bytes
        self.known: dict[tuple[int, tuple[int, ...], frozenset[int]], _BodyEnds] = {}

    def ends(self, body: Graph, slots: tuple[int, ...], owned: frozenset[int]) -> _BodyEnds:
        """Return the result of running a body.

        Args:
            body: the body.
            slots: the tensor of each input; several inputs can be the same tensor.
            owned: the slots whose tensors are not read after this body.
        """
        key = id(body), slots, owned
        if key not in self.known:
            room = _BodyMemory(body, slots, owned, self)
            highest = max((step.peak for step in room.steps()), default=0)
            self.known[key] = room.ends(max(highest, room.entered))
        return self.known[key]

    def walk(
        self, body: Graph, held: tuple[tuple[int, ...], frozenset[int]], base: int, scope: str, depth: Depth, level: int
    ) -> Iterator[tuple[str, int]]:
        """Yield the path of every node with the peak of live bytes while it runs.

        Args:
            body: the body.
            held: the slots of its inputs, and those that are not read after it.
            base: the live bytes that do not depend on the body.
            scope: the path of the body, with a `/` at the end.
            depth: the layers to open.
            level: the nesting level of the body.
        """
        for step in _BodyMemory(body, *held, self).steps():
            path = f"{scope}{step.node.name}"
            yield path, base + step.peak
            if step.node.body is not None and opens(depth, path, level):
                inner = step.slots, step.owned
                yield from self.walk(step.node.body, inner, base + step.base, f"{path}/", depth, level + 1)


class _BodyMemory:
    """The tensors of one body while it runs."""

    def __init__(self, body: Graph, slots: tuple[int, ...], owned: frozenset[int], inference: _Inference) -> None:
        self.body, self.slots, self.owned, self.inference = body, slots, owned, inference
        self.uses: Counter[str] = Counter(ref for node in body.nodes for ref in node.inputs)
        self.uses.update(end.ref for end in body.outputs.values())
        self.tensors: dict[str, int] = {}
        self.shapes = body.shapes
        self.sizes = [0] * (max(slots, default=-1) + 1)
        self.pending = [0] * len(self.sizes)
        self.gone = [slot not in owned for slot in range(len(self.sizes))]
        for slot, (name, shape) in zip(slots, body.inputs.items(), strict=True):
            self.sizes[slot] = size_of(shape, body.dtypes.get(name, FLOAT), inference.float_bytes)
            self._bind(name, slot)
        self.live = self.entered = sum(self.sizes[slot] for slot in owned)

    def steps(self) -> Iterator[_NodeRun]:
        """Run the nodes in order."""
        for tensor in range(len(self.sizes)):
            self._release(tensor)
        for node in self.body.nodes:
            taken = [self.tensors[ref] for ref in node.inputs]
            before = len(self.sizes)
            if node.body is not None:
                yield self._layer(node, node.body, taken)
            else:
                yield self._op(node, taken)
            for tensor in taken:
                self.pending[tensor] -= 1
            for tensor in {*taken, *range(before, len(self.sizes))}:
                self._release(tensor)

    def ends(self, highest: int) -> _BodyEnds:
        """Return the result after all nodes have run."""
        ends = [self.tensors[end.ref] for end in self.body.outputs.values()]
        made = [tensor for tensor in dict.fromkeys(ends) if tensor not in self.slots]
        outputs = tuple(-1 - tensor if tensor in self.slots else made.index(tensor) for tensor in ends)
        return _BodyEnds(highest, outputs, tuple(self.sizes[tensor] for tensor in made), self.live)

    def _op(self, node: Node, taken: list[int]) -> _NodeRun:
        op, base = node.op, self.live
        if op is None or op.aliases_input != "never":
            self._bind(node.name, taken[0])
            return _NodeRun(node, base, base)
        size = size_of(node.shape, node.dtype, self.inference.float_bytes)
        self._bind(node.name, self._new(size))
        self.live += size
        workspace = op.workspace(*(self.shapes[ref] for ref in node.inputs)) * self.inference.float_bytes
        return _NodeRun(node, self.live + workspace, base)

    def _layer(self, node: Node, body: Graph, taken: list[int]) -> _NodeRun:
        distinct, counts = [*dict.fromkeys(taken)], Counter(taken)
        slots = tuple(distinct.index(tensor) for tensor in taken)
        mine = [t for t in distinct if not self.gone[t] and self.pending[t] == counts[t]]
        owned = frozenset(distinct.index(tensor) for tensor in mine)
        ends = self.inference.ends(body, slots, owned)
        base = self.live - sum(self.sizes[tensor] for tensor in mine)
        self.live = base + ends.left
        kept = {distinct[-1 - end] for end in ends.outputs if end < 0}
        for tensor in mine:
            self.gone[tensor] = tensor not in kept
        made = [self._new(size) for size in ends.made]
        for ref, end in zip(node.output_refs, ends.outputs, strict=True):
            self._bind(ref, distinct[-1 - end] if end < 0 else made[end])
        return _NodeRun(node, base + ends.peak, base, slots, owned)

    def _new(self, size: int) -> int:
        self.sizes.append(size)
        self.pending.append(0)
        self.gone.append(False)
        return len(self.sizes) - 1

    def _bind(self, ref: str, tensor: int) -> None:
        self.tensors[ref] = tensor
        self.pending[tensor] += self.uses[ref]

    def _release(self, tensor: int) -> None:
        if not self.gone[tensor] and not self.pending[tensor]:
            self.gone[tensor] = True
            self.live -= self.sizes[tensor]


class _SavedTensors(NamedTuple):
    """The tensors of a body that are kept in training.

    Args:
        inside: the bytes of kept values that are neither inputs nor outputs.
        inputs: the inputs that are kept.
        outputs: the tensor of each output: -1 - index for an input, otherwise an index into `made`.
        made: the bytes of each other output, and whether it is kept.
        moved: whether each output passes gradients back.
    """

    inside: int
    inputs: frozenset[int]
    outputs: tuple[int, ...]
    made: tuple[tuple[int, bool], ...]
    moved: tuple[bool, ...]


def saved_for_backward(graph: Graph, float_bytes: int) -> int:
    """Count the bytes per image that training keeps from the forward pass for the backward pass.

    Every tensor that a gradient reads counts once: inputs of convolutions, dense layers and normalizations, and inputs
    or outputs of activations. This is a lower bound: it does not include gradients, optimizer state, dropout masks and
    the workspace of kernels.

    Args:
        graph: the network.
        float_bytes: the bytes of a float.
    """
    held = _training(graph, (False,) * len(graph.inputs), float_bytes, {})
    entered = _entered(graph, float_bytes)
    return held.inside + sum(entered[i] for i in held.inputs) + sum(size for size, is_kept in held.made if is_kept)


def _entered(body: Graph, float_bytes: int) -> list[int]:
    """The bytes of the inputs of a body."""
    return [size_of(shape, body.dtypes.get(name, FLOAT), float_bytes) for name, shape in body.inputs.items()]


def _training(
    body: Graph, moved: tuple[bool, ...], float_bytes: int, known: dict[tuple[int, tuple[bool, ...]], _SavedTensors]
) -> _SavedTensors:
    """Find the tensors kept in a body, where `moved` says which inputs need a gradient."""
    key = id(body), moved
    if key in known:
        return known[key]
    tape = _Tape(body, moved, float_bytes)
    for node in body.nodes:
        taken = [tape.tensors[ref] for ref in node.inputs]
        if node.body is not None:
            inner = tuple(tape.moved[tensor] for tensor in taken)
            tape.layer(node, _training(node.body, inner, float_bytes, known), taken)
        else:
            tape.op(node, taken)
    known[key] = tape.held()
    return known[key]


class _Tape:
    """Records the tensors of one body in training, and which of them gradients read."""

    def __init__(self, body: Graph, moved: tuple[bool, ...], float_bytes: int) -> None:
        self.body, self.moved, self.float_bytes = body, [*moved], float_bytes
        self.sizes = _entered(body, float_bytes)
        self.tensors = {name: number for number, name in enumerate(body.inputs)}
        self.shapes = body.shapes
        self.kept: set[int] = set()
        self.inside = 0

    def op(self, node: Node, taken: list[int]) -> None:
        """Record an op."""
        op, inputs = node.op, [self.shapes[ref] for ref in node.inputs]
        moved = (
            any(self.moved[tensor] for tensor in taken)
            or bool(node.tied)
            or any(w.trainable for w in node.weights.values())
        )
        if op is None or op.aliases_input == "always":
            self.tensors[node.name] = taken[0]
            return
        self.tensors[node.name] = self._new(size_of(node.shape, node.dtype, self.float_bytes), moved)
        if moved:
            saved = op.saved_for_backward(*inputs)
            self.kept |= {*taken} if saved.inputs else set()
            self.kept |= {self.tensors[node.name]} if saved.output else set()
            self.inside += saved.workspace * self.float_bytes

    def layer(self, node: Node, held: _SavedTensors, taken: list[int]) -> None:
        """Record a layer, given the tensors kept inside it."""
        self.inside += held.inside
        self.kept |= {taken[i] for i in held.inputs}
        made = []
        for size, is_kept in held.made:
            made.append(self._new(size, False))
            self.kept |= {made[-1]} if is_kept else set()
        for ref, end, moved in zip(node.output_refs, held.outputs, held.moved, strict=True):
            self.tensors[ref] = taken[-1 - end] if end < 0 else made[end]
            self.moved[self.tensors[ref]] = moved

    def held(self) -> _SavedTensors:
        """Return the kept tensors of the body."""
        entered = len(self.body.inputs)
        ends = [self.tensors[end.ref] for end in self.body.outputs.values()]
        made = [tensor for tensor in dict.fromkeys(ends) if tensor >= entered]
        inside = sum(self.sizes[tensor] for tensor in self.kept if tensor >= entered and tensor not in made)
        return _SavedTensors(
            self.inside + inside,
            frozenset(tensor for tensor in self.kept if tensor < entered),
            tuple(-1 - tensor if tensor < entered else made.index(tensor) for tensor in ends),
            tuple((self.sizes[tensor], tensor in self.kept) for tensor in made),
            tuple(self.moved[tensor] for tensor in ends),
        )

    def _new(self, size: int, moved: bool) -> int:
        self.sizes.append(size)
        self.moved.append(moved)
        return len(self.sizes) - 1
