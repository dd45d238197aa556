"""Liveness: the parts of each tensor that are read by the outputs in inference and by gradients in training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from archdsl.errors import Span
from archdsl.graph import Node
from archdsl.ops import Op, Shape
from archdsl.ops.index_sets import ALL, Positions, clipped, everything

# How it works. As in compilers, liveness is propagated from the outputs back to the inputs. The liveness of a tensor is
# the union of what its readers read, with an index set for each axis. Each op turns the liveness of its output into
# that of its inputs (`Op.reads`). Batch normalization reads only what its output needs in inference, but all positions
# in training, for its statistics, so there are two sets. An op that does not read all of its input, even if all of its
# output is read, causes unread positions. It is passed along with the liveness, so a finding can name it.


class PartialReader(NamedTuple):
    """An op that does not read all of its input, even if all of its output is read.

    Args:
        name: the name of the node.
        kind: the kind of the node.
        span: the argument in the spec that causes it.
        step: the start of its step.
        hint: an edit that makes it read more.
    """

    name: str
    kind: str
    span: Span | None
    step: Span | None
    hint: str


class Liveness(NamedTuple):
    """The positions of a tensor that are read, along each axis, by any reader.

    Args:
        inference: the positions that the outputs depend on in inference.
        training: the positions that receive gradients in training; batch statistics read everything.
        mean_unread: whether all readers subtract the mean of each channel.
        readers: the ops that leave the other positions unread.
    """

    inference: Positions
    training: Positions
    mean_unread: bool = False
    readers: tuple[PartialReader, ...] = ()


def all_live(shape: Shape) -> Liveness:
    """Return the liveness of a tensor that is read as a whole."""
    return Liveness((ALL,) * len(shape), (ALL,) * len(shape))


def is_dead(positions: Positions) -> bool:
    """Whether no position is read."""
    return 0 in positions


def is_whole(positions: Positions) -> bool:
    """Whether all positions are read."""
    return all(places == ALL for places in positions)


def live_share(positions: Positions, shape: Shape) -> float:
    """Return the share of positions that are read."""
    parts = (1.0 if p == ALL else p.bit_count() / length for p, length in zip(positions, shape, strict=True))
    return math.prod(parts)


def joined(several: Sequence[Liveness], shape: Shape) -> Liveness:
    """Join the liveness of a tensor from all of its readers, the last reader first."""
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
    """Return the place of the first of these arguments that the spec has, or the place of the step."""
    return next((node.fields[name].span for name in fields if name in node.fields), node.span)


_SELECTING = ("stride", "size", "kernel", "index", "border", "start", "stop", "step")
"""The arguments by which ops leave some of their input unread."""


class InputLiveness:
    """Computes the liveness of the inputs of ops, once for equal ops with equal shapes and readers."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[tuple[Positions, Positions, bool], ...]] = {}

    def of(
        self, node: Node, shapes: tuple[Shape, ...], live: Liveness, hint: Callable[[Node], str]
    ) -> tuple[tuple[Liveness, ...], PartialReader | None]:
        """Compute the liveness of the inputs of an op, and return the op as a `PartialReader` if it is one.

        Args:
            node: the node of the op.
            shapes: the shapes of its inputs.
            live: the liveness of its output.
            hint: computes the hint for a partial reader.
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
    """For each input, the positions read in inference and in training, and whether the op can read all of them."""
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
