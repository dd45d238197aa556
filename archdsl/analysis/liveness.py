"""What of each tensor is ever read, found from last to first through the graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from archdsl.analysis.index_sets import ALL, LONGEST, between, gathered, kept, shifted, smeared, spread
from archdsl.analysis.windows import windows
from archdsl.errors import Span
from archdsl.graph import Node
from archdsl.ops import Op, Shape
from archdsl.ops.base import sides

Places: TypeAlias = tuple[int, ...]
"""The set of positions along each axis."""


class Reader(NamedTuple):
    """An op that leaves some of its input unread: the node's name and kind, and where it stands."""

    name: str
    kind: str
    span: Span | None
    step: Span | None
    hint: str


class Need(NamedTuple):
    """What is read of a tensor. Of several readers, each axis has the positions of all.

    Args:
        seen: what the outputs are computed from, once the network is trained.
        learns: what gradients come back from in training: the statistics of batch norm see everything.
        centred: whether all who read it take each channel's mean away.
        skipping: the ops that leave the rest unread.
    """

    seen: Places
    learns: Places
    centred: bool = False
    skipping: tuple[Reader, ...] = ()


def everything(shape: Shape) -> Need:
    """The need of somebody who reads all."""
    return Need((ALL,) * len(shape), (ALL,) * len(shape))


def nothing(places: Places) -> bool:
    """Whether no number is read."""
    return 0 in places


def together(needs: Sequence[Need], shape: Shape) -> Need:
    """The need of several readers, the last of which comes first."""
    if not needs:
        return Need((0,) * len(shape), (0,) * len(shape))
    if len(needs) == 1:
        return needs[0]
    seen, learns = _union([need.seen for need in needs], shape), _union([need.learns for need in needs], shape)
    readers = (reader for need in reversed(needs) for reader in need.skipping)
    skipping = () if all(places == ALL for places in seen) else tuple(dict.fromkeys(readers))
    return Need(seen, learns, all(need.centred for need in needs), skipping)


def _union(several: Iterable[Places], shape: Shape) -> Places:
    found = [0] * len(shape)
    for places in several:
        if not nothing(places):
            found = [one | other for one, other in zip(found, places, strict=True)]
    return tuple(kept(one, length) for one, length in zip(found, shape, strict=True))


class Needs:
    """What ops read; equal ops with equal shapes and readers are asked once."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[tuple[Places, Places, bool], ...]] = {}

    def of(
        self, node: Node, shapes: tuple[Shape, ...], need: Need, hint: Callable[[Node], str]
    ) -> tuple[tuple[Need, ...], Reader | None]:
        """What an op reads of each of its inputs; and the op itself, where it leaves some of an input unread.

        Args:
            hint: what would make it read more; asked for where it leaves something unread.
        """
        op = node.op
        key = id(op), shapes, node.shape, need.seen, need.learns
        if key not in self._known:
            self._known[key] = _asked(op, shapes, node.shape, need)
        centred = op is not None and (_takes_the_mean(op) or (need.centred and op.name in _LINEAR))
        own, found = None, []
        for seen, learns, complete in self._known[key]:
            if not complete and own is None:
                own = Reader(node.name, node.kind, place(node, *_MOVES), node.span, hint(node))
            skipping = (*need.skipping, *((own,) if own and not complete else ()))
            found.append(Need(seen, learns, centred, () if all(places == ALL for places in seen) else skipping))
        return tuple(found), own


def _asked(op: Op | None, xs: Sequence[Shape], y: Shape, need: Need) -> tuple[tuple[Places, Places, bool], ...]:
    """Of each input what is read in inference and in training, and whether the op itself leaves nothing unread."""
    seen = _reads(op, xs, y, need.seen, training=False)
    same = need.learns == need.seen and not _counts(op)
    learns = seen if same else _reads(op, xs, y, need.learns, training=True)
    full = (ALL,) * len(y)
    complete = seen if need.seen == full else _reads(op, xs, y, full, training=False)
    return tuple(
        (one, two, all(places == ALL for places in most)) for one, two, most in zip(seen, learns, complete, strict=True)
    )


def place(node: Node, *fields: str) -> Span | None:
    """Where one of these arguments stands in the spec, or else the step."""
    return next((node.fields[name].span for name in fields if name in node.fields), node.span)


_MOVES = ("stride", "size", "kernel", "index", "border", "start", "stop", "step")
_LINEAR = ("add", "average", "subtract", "concat")


def _counts(op: Op | None) -> bool:
    return op is not None and op.name == "batch_norm"


def _takes_the_mean(op: Op) -> bool:
    """Whether what is added to a channel everywhere changes nothing behind it."""
    return op.name == "instance_norm" or (op.name == "batch_norm" and not getattr(op, "renorm", True))


def _reads(op: Op | None, xs: Sequence[Shape], y: Shape, needed: Places, training: bool) -> tuple[Places, ...]:
    if nothing(needed):
        return tuple((0,) * len(x) for x in xs)
    rule = _RULES.get(op.name) if op is not None and type(op).__module__.startswith("archdsl.") else _whole
    if rule is None:
        rule = _alike if op is not None and op.kind in ("activation", "dropout", "merge") else _whole
    if training and _counts(op):
        rule = _statistics
    found = rule(op, xs, y, needed)
    return tuple(
        tuple(kept(places, length) for places, length in zip(one, x, strict=True))
        for one, x in zip(found, xs, strict=True)
    )


def _whole(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    return [(ALL,) * len(x) for x in xs]


def _alike(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    """Each number from those at its place; what is stretched has fewer axes, or axes of length 1."""
    return [tuple(ALL if x[-axis] == 1 else needed[-axis] for axis in range(len(x), 0, -1)) for x in xs]


def _statistics(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    return [(*(ALL,) * (len(y) - 1), needed[-1])] if y else [()]


def _along(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    """What is normalised together is read together."""
    axes = op.axis if isinstance(op.axis, list) else [op.axis]
    together = {axis - 1 if axis > 0 else len(y) + axis for axis in axes}
    return [tuple(ALL if axis in together else places for axis, places in enumerate(needed))]


def _window(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    both = windows(op, xs[0], y)
    if both is None:
        return _whole(op, xs, y, needed)
    rows, columns = (window.read(places) for window, places in zip(both, needed, strict=False))
    return [(rows, columns, _channels(op, xs[0][-1], y[-1], needed[-1]))]


def _channels(op: Any, taken: int, given: int, needed: int) -> int:
    """The channels that some channels of the output come from."""
    if needed == ALL or taken > LONGEST or given > LONGEST:
        return ALL
    if op.kind == "pool":
        return needed
    if op.name == "depthwise_conv":
        return _divided(needed, given, op.multiplier)
    groups = getattr(op, "groups", 1)
    inside, outside = taken // groups, given // groups
    chosen = _divided(needed, given, outside) & between(0, groups)
    return smeared(spread(chosen, inside), inside, 1)


def _divided(needed: int, length: int, by: int) -> int:
    """Each position divided by a number."""
    return gathered(smeared(needed & between(0, length), by, 1, down=True), by)


def _pooled(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    return [(ALL, ALL, needed[-1])]


def _padded(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    edges = sides(op.padding)
    return [(*(shifted(places, -edge[0]) for places, edge in zip(needed, edges, strict=False)), needed[-1])]


def _cropped(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    if op.name == "crop":
        starts = [edge[0] for edge in sides(op.border)]
    else:
        starts = [(xs[0][axis] - y[axis]) // 2 for axis in (0, 1)]
    moved = (shifted(_inside(places, y[axis]), starts[axis]) for axis, places in enumerate(needed[:2]))
    return [(*moved, needed[-1])]


def _inside(places: int, length: int) -> int:
    """`ALL` as the positions of an axis, where that is not too long."""
    return ALL if length > LONGEST else places & between(0, length)


def _upsampled(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    if op.interpolation != "nearest" or max(y[:2]) > LONGEST:
        return _whole(op, xs, y, needed)
    moved = (ALL if p == ALL else _divided(p, y[axis], op.size[axis]) for axis, p in enumerate(needed[:2]))
    return [(*moved, needed[-1])]


def _strided(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    """`pad_shortcut`: every stride-th pixel, and of the channels those that were there."""
    rows, columns = (
        ALL if x > LONGEST else spread(_inside(places, out), stride)
        for places, out, x, stride in zip(needed, y, xs[0], op.stride, strict=False)
    )
    return [(rows, columns, needed[-1])]


def _taken(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    length = xs[0][0]
    return [(ALL if length > LONGEST else 1 << op.index % length, *needed)]


def _some_channels(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    length = xs[0][-1]
    if length > LONGEST:
        return _whole(op, xs, y, needed)
    start = range(*slice(op.start, op.stop, op.step).indices(length))[0]
    return [(*needed[:-1], spread(_inside(needed[-1], y[-1]), op.step) << start)]


def _concatenated(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    done, found = 0, []
    for x in xs:
        found.append((*needed[:-1], needed[-1] if needed[-1] == ALL else needed[-1] >> done))
        done += x[-1]
    return found


def _dense(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    return [(*needed[:-1], ALL)]


def _transposed(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    return [tuple(needed[op.axes.index(axis)] for axis in range(1, len(y) + 1))]


def _with_token(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    return [(shifted(needed[0], -1), *needed[1:])]


def _halved(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    channels = ALL if y[-1] > LONGEST else smeared(_inside(needed[-1], y[-1]), 2, y[-1])
    return [(*needed[:-1], channels)]


def _repeated(op: Any, xs: Sequence[Shape], y: Shape, needed: Places) -> list[Places]:
    return [needed[1:]]


_Rule: TypeAlias = Callable[[Any, Sequence[Shape], Shape, Places], list[Places]]
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(("conv", "standardized_conv", "depthwise_conv", "separable_conv"), _window),
    **dict.fromkeys(("conv_transpose", "max_pool", "average_pool"), _window),
    **dict.fromkeys(("global_average_pool", "global_max_pool"), _pooled),
    **dict.fromkeys(("adaptive_average_pool", "adaptive_max_pool"), _pooled),
    **dict.fromkeys(("batch_norm", "rescale", "layer_scale", "position_embedding"), _alike),
    **dict.fromkeys(("layer_norm", "rms_norm", "unit_norm", "softmax", "log_softmax", "sparsemax"), _along),
    **dict.fromkeys(("zero_pad", "lowest_pad"), _padded),
    **dict.fromkeys(("crop", "center_crop"), _cropped),
    "upsample": _upsampled,
    "pad_shortcut": _strided,
    "take": _taken,
    "take_channels": _some_channels,
    "concat": _concatenated,
    "dense": _dense,
    "permute": _transposed,
    "class_token": _with_token,
    "glu": _halved,
    "repeat_vector": _repeated,
}


def share(places: Places, shape: Shape) -> float:
    """The share of a tensor's numbers that is read."""
    parts = (1.0 if p == ALL else p.bit_count() / length for p, length in zip(places, shape, strict=True))
    return math.prod(parts)
