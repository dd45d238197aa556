"""The steps that the words of a shortcut mean, with the filters and the stride that the branches have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archdsl.graph import Node, Shortcut, Tensor, TensorRef
from archdsl.ops import OPS, Op, Shape
from archdsl.spec import Branch, Branches, Loop, OpCall, Step, Value


def shortcut_steps(word: str, projection: tuple[OpCall, ...], filters: Value, stride: Value) -> tuple[Step, ...]:
    """The steps of a shortcut.

    Args:
        word: `projection` (He et al. 2015, options B and C), `pad` (the same, option A), or `pool_projection`
            (He et al. 2018, ResNet-D).
        projection: the parts of a 1x1 conv under the file's `defaults`.
        filters: how many channels the paths give.
        stride: the product of the strides along the first path, or what the shapes say: see `plain_ops`.
    """
    span = filters.span
    if word == "pad":
        return (Step("pad_shortcut", _main("pad_shortcut", filters=filters, stride=stride), Loop(), None, span),)
    pooled: tuple[Step, ...] = ()
    if word == "pool_projection":
        pool = _main("average_pool", size=stride, stride=stride, padding=Value("same", span))
        pooled, stride = (Step("average_pool", pool, Loop(), None, span),), Value(1, span)
    own = {"filters": filters, "stride": stride}
    parts = tuple(OpCall(p.role, p.op, {**p.fields, **own}) if p.role == "main" else p for p in projection)
    return (*pooled, Step("conv", parts, Loop(), None, span))


def shortcut_of(
    branch: str, end: TensorRef, own: Sequence[Node], parts: Mapping[str, Tensor], others: Sequence[Node], level: int
) -> Shortcut:
    """What a shortcut has become, whichever way the spec says it: as a word that stands for its steps, or as these.

    Args:
        branch: that its steps are in.
        end: what it gives to the merge.
        own: the nodes of its steps.
        parts: what each path ends in.
        others: the nodes of the paths.
        level: in how many branches the merge is.
    """
    if end.node not in {node.name for node in own}:
        return Shortcut("identity")
    steps = tuple(node.kind for node in own if node.role in ("main", "layer", "merge"))
    first: dict[str, tuple[TensorRef, ...]] = {}
    for node in others:
        first.setdefault(node.path[level], node.inputs)
    if own[0].inputs not in [first.get(name, (part.ref,)) for name, part in parts.items()]:
        return Shortcut("shortcut", branch, steps, own[0].inputs)
    is_point = all(getattr(node.op, "kernel", (1, 1)) == (1, 1) for node in own)
    return Shortcut(_WORDS.get(steps, "shortcut") if is_point else "shortcut", branch, steps)


_WORDS = {("pad_shortcut",): "pad", ("conv",): "projection", ("average_pool", "conv"): "pool_projection"}
"""The words for a shortcut, by the steps that they mean."""


def shortcut_stride(branches: Branches, first: Sequence[Node], start: Shape, end: Shape) -> tuple[Value, ...]:
    """The product of the strides along the first branch where that is plain ops, and else what the shapes say.

    Args:
        branches: what the shortcut leads past.
        first: the nodes of the first of them.
        start: the shape of what the shortcut takes.
        end: the shape of what the first branch gives.
    """
    span = branches.place
    if len(start) != 3 or len(end) != 3:
        return (Value(1, span), Value(1, span))
    if not branches.paths or plain_ops(branches.paths[0]) is None:
        return tuple(Value(-(-before // after), span) for before, after in zip(start[:2], end[:2], strict=True))
    product = [1, 1]
    for node in first:
        stride = getattr(node.op, "stride", None) or getattr(node.op, "size", None) or (1, 1)
        product = [product[0] * stride[0], product[1] * stride[1]]
    return tuple(Value(side, span) for side in product)


def _main(op: str, **fields: Value) -> tuple[OpCall, ...]:
    return (OpCall("main", OPS[op], fields),)


def plain_ops(branch: Branch) -> list[OpCall] | None:
    """The ops of a branch that is nothing but ops, one after the other, so that its strides multiply.

    None where it has a loop, a `when`, a `from`, a layer or branches in it, or an op that enlarges: then only the
    shapes determine a projection's stride. The text alone decides, so that the generated source does as the resolver.
    """
    if branch.loop.many or branch.loop.when is not None:
        return None
    calls: list[OpCall] = []
    for step in branch.steps:
        once = not step.loop.many and step.loop.when is None and not step.refs
        if not once or not isinstance(step.action, tuple) or any(_resizes(call.op) for call in step.action):
            return None
        calls += step.action
    return calls


def _resizes(op: type[Op]) -> bool:
    """Whether an op's `stride` or `size` says something else than how far apart the pixels are that it keeps."""
    return op.name == "conv_transpose" or ("size" in op.model_fields and "stride" not in op.model_fields)
