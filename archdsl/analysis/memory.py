"""How much memory activations take, counted in numbers for one image: at once in inference, and kept in training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from archdsl.analysis.costs import Depth, opens
from archdsl.graph import Graph, Node

# How it works. The ops run in their order. A tensor is there from the op that writes it to the last that reads it, so
# each tensor counts its readers down, and what is there at once is a running sum, whose maximum is the peak. A layer's
# body is run in the same way, and its result is kept by which of its inputs are the same tensor (`slots`) and which of
# them nobody reads after it (`owned`): all else that is there meanwhile is a constant that is added. Training instead
# notes which tensors a gradient reads; those stay until the backward pass.


class _BodyEnds(NamedTuple):
    """What a body leaves behind.

    Args:
        peak: numbers that are there at once while it runs, without the inputs that others still hold.
        outputs: each output's tensor: that of an input as -1 - slot, or its place in `made`.
        made: the sizes of the other tensors.
        left: numbers that are there when it is done, of its own inputs and its outputs.
    """

    peak: int
    outputs: tuple[int, ...]
    made: tuple[int, ...]
    left: int


def peak(graph: Graph) -> int:
    """The most numbers that are there at once when the ops run in their order, for one image.

    Each op writes a tensor of its own, unless it hands its input on as it lies; a tensor goes when the last op has
    read it. Outputs stay. What an op makes inside itself, as attention its scores, is there while it runs.
    """
    slots = tuple(range(len(graph.inputs)))
    return _Inference().ends(graph, slots, frozenset(slots)).peak


def peaks(graph: Graph, depth: Depth = None) -> dict[str, int]:
    """The most numbers that are there at once while each node runs, by the paths of `graph.walk()`.

    Args:
        depth: how many levels of layers to open, or the paths of those to open; without it, all.
    """
    slots = tuple(range(len(graph.inputs)))
    return dict(_Inference().walk(graph, (slots, frozenset(slots)), 0, "", depth, 1))


class _NodeRun(NamedTuple):
    """One node while it runs.

    Args:
        base: numbers that are there whatever the node does.
        slots: for a layer, which of the tensors that it takes each input is.
        owned: for a layer, those of them that nobody takes after it.
    """

    node: Node
    peak: int
    base: int
    slots: tuple[int, ...] = ()
    owned: frozenset[int] = frozenset()


class _Inference:
    """Runs bodies for their memory's sake, each once for each way in which its inputs are held."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, tuple[int, ...], frozenset[int]], _BodyEnds] = {}

    def ends(self, body: Graph, slots: tuple[int, ...], owned: frozenset[int]) -> _BodyEnds:
        """What a body leaves behind.

        Args:
            slots: which tensor each input is; two may be the same.
            owned: the slots whose tensors nobody outside takes after this body.
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
        """Every node's path, with what is there while it runs.

        Args:
            held: the slots of the body's inputs, and those of them that nobody outside takes.
            base: numbers that are there whatever the body does.
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
            self.sizes[slot] = math.prod(shape)
            self._bind(name, slot)
        self.live = self.entered = sum(self.sizes[slot] for slot in owned)

    def steps(self) -> Iterator[_NodeRun]:
        """Runs the nodes, in their order."""
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
        """What is left when all nodes have run."""
        ends = [self.tensors[end.ref] for end in self.body.outputs.values()]
        made = [tensor for tensor in dict.fromkeys(ends) if tensor not in self.slots]
        outputs = tuple(-1 - tensor if tensor in self.slots else made.index(tensor) for tensor in ends)
        return _BodyEnds(highest, outputs, tuple(self.sizes[tensor] for tensor in made), self.live)

    def _op(self, node: Node, taken: list[int]) -> _NodeRun:
        op, base = node.op, self.live
        if op is None or op.aliases_input != "never":
            self._bind(node.name, taken[0])
            return _NodeRun(node, base, base)
        self._bind(node.name, self._new(math.prod(node.shape)))
        self.live += math.prod(node.shape)
        return _NodeRun(node, self.live + op.workspace(*(self.shapes[ref] for ref in node.inputs)), base)

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
    """What training keeps of a body.

    Args:
        inside: numbers of the tensors that are neither inputs nor outputs.
        inputs: the inputs that are kept.
        outputs: of each output: the input that it is, or its place in `made`.
        made: of the other outputs: the size, and whether it is kept.
        moved: whether a gradient goes on from each output.
    """

    inside: int
    inputs: frozenset[int]
    outputs: tuple[int, ...]
    made: tuple[tuple[int, bool], ...]
    moved: tuple[bool, ...]


def saved_for_backward(graph: Graph) -> int:
    """The numbers that training keeps from the forward pass for the backward pass, for one image.

    Every tensor that a gradient reads counts once: what convolutions, dense layers and norms take, what activations
    take or give. A lower bound: gradients, optimizer state, masks of dropout and what a kernel needs while it runs
    are not in it.
    """
    held = _training(graph, (False,) * len(graph.inputs), {})
    entered = [math.prod(shape) for shape in graph.inputs.values()]
    return held.inside + sum(entered[i] for i in held.inputs) + sum(size for size, is_kept in held.made if is_kept)


def _training(
    body: Graph, moved: tuple[bool, ...], known: dict[tuple[int, tuple[bool, ...]], _SavedTensors]
) -> _SavedTensors:
    """What is kept of a body, of which `moved` says the inputs that a gradient is asked of."""
    key = id(body), moved
    if key in known:
        return known[key]
    tape = _Tape(body, moved)
    for node in body.nodes:
        taken = [tape.tensors[ref] for ref in node.inputs]
        if node.body is not None:
            tape.layer(node, _training(node.body, tuple(tape.moved[tensor] for tensor in taken), known), taken)
        else:
            tape.op(node, taken)
    known[key] = tape.held()
    return known[key]


class _Tape:
    """The tensors of one body in training, and which of them gradients read."""

    def __init__(self, body: Graph, moved: tuple[bool, ...]) -> None:
        self.body, self.moved = body, [*moved]
        self.sizes = [math.prod(shape) for shape in body.inputs.values()]
        self.tensors = {name: number for number, name in enumerate(body.inputs)}
        self.shapes = body.shapes
        self.kept: set[int] = set()
        self.inside = 0

    def op(self, node: Node, taken: list[int]) -> None:
        """Adds an op."""
        op, inputs = node.op, [self.shapes[ref] for ref in node.inputs]
        moved = any(self.moved[tensor] for tensor in taken) or any(w.trainable for w in node.weights.values())
        if op is None or op.aliases_input == "always":
            self.tensors[node.name] = taken[0]
            return
        self.tensors[node.name] = self._new(math.prod(node.shape), moved)
        if moved:
            saved = op.saved_for_backward(*inputs)
            self.kept |= {*taken} if saved.inputs else set()
            self.kept |= {self.tensors[node.name]} if saved.output else set()
            self.inside += saved.workspace

    def layer(self, node: Node, held: _SavedTensors, taken: list[int]) -> None:
        """Adds a layer, of which is known what is kept inside it."""
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
        """What is kept of the body."""
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
