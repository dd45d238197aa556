"""What of each tensor is ever read: by the outputs in inference, and by gradients in training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from archdsl.errors import Span
from archdsl.graph import Node
from archdsl.ops import Op, Shape
from archdsl.ops.index_sets import ALL, Positions, clipped, everything

# How it works. The graph is followed from its outputs back to its inputs, as liveness is in compilers. A tensor's
# liveness is the union of what its readers read of it, an index set for each axis; each op turns the liveness of its
# output into that of its inputs (`Op.reads`). A batch norm reads what its output needs in inference, but all positions
# in training, for its statistics: so there are two sets. Where an op reads less than all even if all of its output is
# read, it is the cause of what is unread behind it, and travels along, so that a finding can name it.


class PartialReader(NamedTuple):
    """An op that leaves some of its input unread, whatever is read of its output.

    Args:
        name, kind: the node's.
        span: where the spec has the argument that makes it so.
        step: where its step begins.
        hint: what would make it read more.
    """

    name: str
    kind: str
    span: Span | None
    step: Span | None
    hint: str


class Liveness(NamedTuple):
    """What is read of a tensor. Of several readers, each axis has the positions of all.

    Args:
        inference: what the outputs are computed from, once the network is trained.
        training: what gradients come back from: the statistics of batch norm see everything.
        mean_unread: whether all who read it take each channel's mean away.
        readers: the ops that leave the rest unread.
    """

    inference: Positions
    training: Positions
    mean_unread: bool = False
    readers: tuple[PartialReader, ...] = ()


def all_live(shape: Shape) -> Liveness:
    """The liveness of what is read as a whole."""
    return Liveness((ALL,) * len(shape), (ALL,) * len(shape))


def is_dead(positions: Positions) -> bool:
    """Whether no number is read."""
    return 0 in positions


def is_whole(positions: Positions) -> bool:
    """Whether all numbers are read."""
    return all(places == ALL for places in positions)


def live_share(positions: Positions, shape: Shape) -> float:
    """The share of a tensor's numbers that is read."""
    parts = (1.0 if p == ALL else p.bit_count() / length for p, length in zip(positions, shape, strict=True))
    return math.prod(parts)


def joined(several: Sequence[Liveness], shape: Shape) -> Liveness:
    """The liveness of a tensor with several readers, the last of which comes first."""
    if not several:
        return Liveness((0,) * len(shape), (0,) * len(shape))
    if len(several) == 1:
        return several[0]
    inference = _union((live.inference for live in several), shape)
    readers = (reader for live in reversed(several) for reader in live.readers)
    return Liveness(
        inference,
        _union((live.training for live in several), shape),
        all(live.mean_unread for live in several),
        () if is_whole(inference) else tuple(dict.fromkeys(readers)),
    )


def _union(several: Iterable[Positions], shape: Shape) -> Positions:
    found = [0] * len(shape)
    for positions in several:
        if not is_dead(positions):
            found = [one | other for one, other in zip(found, positions, strict=True)]
    return tuple(clipped(places, length) for places, length in zip(found, shape, strict=True))


def span_of(node: Node, *fields: str) -> Span | None:
    """Where the first of these arguments that is there stands in the spec, or else the step."""
    return next((node.fields[name].span for name in fields if name in node.fields), node.span)


_SELECTING = ("stride", "size", "kernel", "index", "border", "start", "stop", "step")
"""The arguments by which ops leave some of their input unread."""


class InputLiveness:
    """The liveness of ops' inputs; equal ops with equal shapes and readers are asked once."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[tuple[Positions, Positions, bool], ...]] = {}

    def of(
        self, node: Node, shapes: tuple[Shape, ...], live: Liveness, hint: Callable[[Node], str]
    ) -> tuple[tuple[Liveness, ...], PartialReader | None]:
        """The liveness of each of an op's inputs; and the op itself, where it leaves some of an input unread.

        Args:
            live: of its output.
            hint: what would make it read more; asked for where it leaves something unread.
        """
        op = node.op
        key = id(op), shapes, node.shape, live.inference, live.training
        if key not in self._known:
            self._known[key] = _of_inputs(op, shapes, node.shape, live)
        mean_unread = op is not None and (op.takes_mean_away() or (live.mean_unread and op.traits.shifts))
        own, found = None, []
        for inference, training, complete in self._known[key]:
            if not complete and own is None:
                own = PartialReader(node.name, node.kind, span_of(node, *_SELECTING), node.span, hint(node))
            readers = (*live.readers, *((own,) if own and not complete else ()))
            found.append(Liveness(inference, training, mean_unread, () if is_whole(inference) else readers))
        return tuple(found), own


def _of_inputs(
    op: Op | None, inputs: Sequence[Shape], output: Shape, live: Liveness
) -> tuple[tuple[Positions, Positions, bool], ...]:
    """Of each input what is read in inference and in training, and whether the op itself leaves nothing unread."""
    statistics = op is not None and op.traits.batch_statistics
    inference = _read(op, inputs, output, live.inference)
    training = inference
    if statistics and output and not is_dead(live.training):
        training = _read(op, inputs, output, (*(ALL,) * (len(output) - 1), live.training[-1]))
    elif live.training != live.inference:
        training = _read(op, inputs, output, live.training)
    whole = (ALL,) * len(output)
    most = inference if live.inference == whole else _read(op, inputs, output, whole)
    return tuple((one, two, is_whole(three)) for one, two, three in zip(inference, training, most, strict=True))


def _read(op: Op | None, inputs: Sequence[Shape], output: Shape, needed: Positions) -> tuple[Positions, ...]:
    if is_dead(needed):
        return tuple((0,) * len(x) for x in inputs)
    found = everything(inputs) if op is None else op.reads(needed, inputs, output)
    return tuple(
        tuple(clipped(places, length) for places, length in zip(positions, x, strict=True))
        for positions, x in zip(found, inputs, strict=True)
    )
