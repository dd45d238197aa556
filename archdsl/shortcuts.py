"""What the words of a shortcut stand for: steps, made of the filters and the stride that the paths have."""

from __future__ import annotations

from archdsl.ops import OPS
from archdsl.spec import Loop, Part, Step, Value


def shortcut_steps(word: str, projection: tuple[Part, ...], filters: Value, stride: Value) -> tuple[Step, ...]:
    """The steps of a shortcut.

    Args:
        word: `projection` (He et al. 2015, options B and C), `pad` (the same, option A), or `pool_projection`
            (He et al. 2018, ResNet-D).
        projection: the parts of a 1x1 conv under the file's `defaults`.
        filters: how many channels the paths give.
        stride: the product of the strides along the first path.
    """
    span = filters.span
    if word == "pad":
        return (Step("pad_shortcut", _main("pad_shortcut", filters=filters, stride=stride), Loop(), None, span),)
    pooled: tuple[Step, ...] = ()
    if word == "pool_projection":
        pool = _main("average_pool", size=stride, stride=stride, padding=Value("same", span))
        pooled, stride = (Step("average_pool", pool, Loop(), None, span),), Value(1, span)
    own = {"filters": filters, "stride": stride}
    parts = tuple(Part(p.role, p.op, {**p.fields, **own}) if p.role == "main" else p for p in projection)
    return (*pooled, Step("conv", parts, Loop(), None, span))


def _main(op: str, **fields: Value) -> tuple[Part, ...]:
    return (Part("main", OPS[op], fields),)
