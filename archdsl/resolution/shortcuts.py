"""Convert the kind of a shortcut to steps, with the filters and the stride of the branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archdsl.errors import Span
from archdsl.expr import Expression
from archdsl.graph import Node, Shortcut, Tensor, TensorRef
from archdsl.ops import OPS, Op, Shape
from archdsl.ops.base import is_one
from archdsl.resolution.step_values import reads_here
from archdsl.steps import Branch, Branches, Loop, OpCall, Step, Value


def shortcut_steps(word: str, projection: tuple[OpCall, ...], filters: Value, stride: Value) -> tuple[Step, ...]:
    """Return the steps of a shortcut.

    Args:
        word: `projection` (He et al. 2015, options B and C), `pad` (option A), or `pool_projection` (He et al. 2018,
            ResNet-D).
        projection: The parts of a 1x1 conv with the `defaults` of the file.
        filters: The number of output channels of the paths.
        stride: The product of the strides in the first path, or the ratio of the shapes: see `plain_ops`.
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
    branch: str,
    end: TensorRef,
    start: Sequence[Tensor],
    own: Sequence[Node],
    parts: Mapping[str, Tensor],
    others: Sequence[Node],
    level: int,
) -> Shortcut:
    """Return the resolved shortcut, whether the spec gives its kind or its steps.

    Args:
        branch: The branch that contains its steps.
        end: The output of the shortcut.
        start: The input of the paths and the shortcut.
        own: The nodes of its steps.
        parts: The outputs of the paths.
        others: The nodes of the paths.
        level: The number of branches around the merge.
    """
    if end.node not in {node.name for node in own}:
        named = () if end in [tensor.ref for tensor in start] else (end,)
        return Shortcut("shortcut" if named else "identity", source=named)
    steps = tuple(node.kind for node in own if node.role in ("main", "layer", "merge"))
    first: dict[str, tuple[TensorRef, ...]] = {}
    for node in others:
        first.setdefault(node.path[level], node.inputs)
    if own[0].inputs not in [first.get(name, (part.ref,)) for name, part in parts.items()]:
        return Shortcut("shortcut", branch, steps, own[0].inputs)
    is_point = all(is_one(getattr(node.op, "kernel", 1)) for node in own)
    return Shortcut(_WORDS.get(steps, "shortcut") if is_point else "shortcut", branch, steps)


_WORDS = {("pad_shortcut",): "pad", ("conv",): "projection", ("average_pool", "conv"): "pool_projection"}
"""The kinds of shortcuts, by their steps."""


def shortcut_stride(branches: Branches, first: Sequence[Node], start: Shape, end: Shape) -> tuple[Value, ...]:
    """Return the product of the strides in the first branch if it has only plain ops, else the ratio of the shapes.

    Args:
        branches: The parallel branches.
        first: The nodes of the first branch.
        start: The shape of the input.
        end: The shape of the first branch's output.
    """
    span = branches.place
    rank = len(start) - 1
    if rank < 1 or len(start) != len(end):
        return (Value(1, span),) * max(rank, 1)
    if not branches.paths or plain_ops(branches.paths[0]) is None:
        return tuple(Value(-(-before // after), span) for before, after in zip(start[:-1], end[:-1], strict=True))
    product = [1] * rank
    for node in first:
        stride = getattr(node.op, "stride", None) or getattr(node.op, "size", None) or 1
        steps = (stride,) * rank if isinstance(stride, int) else stride
        product = [one * other for one, other in zip(product, steps, strict=False)]
    return tuple(Value(side, span) for side in product)


def sized_shortcut(branches: Branches) -> Span | None:
    """Return the place of a shortcut for which the generated class needs the sizes of tensors, or None.

    It does not need them if the first path is a plain sequence of ops whose strides it can multiply.
    """
    shortcut = branches.shortcut
    if not isinstance(shortcut, Value) or shortcut.content in ("identity", "none"):
        return None
    parts = plain_ops(branches.paths[0]) if branches.paths else None
    if parts is None:
        return shortcut.span
    strides = [part.fields.get("stride") or part.fields.get("size") for part in parts]
    contents = [stride.content for stride in strides if stride is not None]
    factors = [content for content in contents if isinstance(content, Expression)]
    numbers = [content for content in contents if not isinstance(content, Expression)]
    is_known = all(type(n) is int for n in numbers) and (not factors or (len(factors) == 1 and {*numbers} <= {1}))
    return None if is_known else shortcut.span


def _main(op: str, **fields: Value) -> tuple[OpCall, ...]:
    return (OpCall("main", OPS[op], fields),)


def plain_ops(branch: Branch) -> list[OpCall] | None:
    """Return the ops of a branch that is a plain sequence of ops, so that its strides multiply.

    Returns None if the branch contains a loop, a `when`, a `from`, a layer, branches, an upsampling op or a value that
    depends on what arrives at its step. Then only the shapes determine the stride of a projection. The result depends
    only on the spec, not on values, so the generated source agrees with the resolver.
    """
    if branch.loop.many or branch.loop.when is not None:
        return None
    calls: list[OpCall] = []
    for step in branch.steps:
        once = not step.loop.many and step.loop.when is None and not step.refs and not reads_here(step)
        if not once or not isinstance(step.action, tuple) or any(_resizes(call.op) for call in step.action):
            return None
        calls += step.action
    return calls


def _resizes(op: type[Op]) -> bool:
    """Return whether the `stride` or `size` of an op is not the subsampling factor."""
    return op.name == "conv_transpose" or ("size" in op.model_fields and "stride" not in op.model_fields)
