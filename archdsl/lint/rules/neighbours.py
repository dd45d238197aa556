"""Rules about an op and the one before it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.analysis.dataflow import OpFacts
from archdsl.lint.finding import Case, case, percent
from archdsl.ops import Op


def rules(site: OpFacts) -> Iterator[Case]:
    """What is to be said of one op and its neighbours."""
    node = site.node
    yield from _bias(site)
    if node.op and node.op.kind == "activation":
        yield from _activation(site)
    if node.op and node.op.kind == "norm":
        yield from _norm(site)
    yield from _constant(site)
    yield from _linear(site)


def _bias(site: OpFacts) -> Iterator[Case]:
    """A bias that the norm behind it takes away again."""
    node = site.node
    if not site.live.mean_unread or "bias" not in node.weights or not site.op.traits.filters:
        return
    size = node.weights["bias"].size
    yield case(
        "ARCH506",
        node,
        site.body,
        "the norm behind it takes the bias away again: {parameters} parameters do nothing",
        at=("bias",),
        hint="`bias: false`, here or for all in `defaults`",
        parameters=size,
        of=size,
    )


def _activation(site: OpFacts) -> Iterator[Case]:
    node, before = site.node, site.inputs[0]
    op, given, to = site.op, before.range, site.op.clips()
    last = before.producer
    idle = (
        to is not None and given.least == 0 and (to.most is None or (given.most is not None and given.most <= to.most))
    )
    stacked = last is not None and last.kind == "activation" and "always" not in (last.passes, op.passes)
    if idle:
        held = f" and {given.most:g} at most" if given.most is not None else ""
        fact = f"what it gets from `{last.name if last else ''}` is 0 at least{held}"
        yield case("ARCH507", node, site.body, f"this `{node.kind}` changes nothing", fact, at=(), hint="remove it")
    elif stacked:
        yield case(
            "ARCH507",
            node,
            site.body,
            f"two activations in a row: `{node.kind}` of `{last.name if last else ''}`",
            "no weights stand between them",
            hint="keep one of them; `activation: none` takes one of a convolution or a dense layer away",
        )


def _norm(site: OpFacts) -> Iterator[Case]:
    node, before = site.node, site.inputs[0]
    last = before.producer
    if last is not None and last.kind == "norm":
        yield case(
            "ARCH508",
            node,
            site.body,
            f"two norms in a row: `{node.kind}` of `{last.name}`",
            f"`{node.name}` normalises what is normalised already",
            hint="keep one of them; `norm: none` takes that of a convolution away",
            parameters=node.totals.parameters,
        )
    if last is not None and site.op.traits.batch_statistics and before.dropout_rate:
        factor = 1 / (1 - before.dropout_rate)
        yield case(
            "ARCH514",
            node,
            site.body,
            f"batch norm learns its statistics behind `{last.name}`, which is not there in inference",
            f"a rate of {before.dropout_rate:g} makes the mean square {factor:.2f} times as large while training",
            hint="put the dropout behind the norm and its activation, or before the last layer alone",
        )


def _constant(site: OpFacts) -> Iterator[Case]:
    """A norm or a softmax over one number, which gives the same whatever that number is."""
    node = site.node
    if not (gives := site.op.constant(site.shapes[0])):
        return
    yield case(
        "ARCH516",
        node,
        site.body,
        f"this `{node.kind}` gives {gives}, whatever the input: nothing before it can learn",
        "it works on 1 number at a time",
        hint="`sigmoid` for two classes by one number"
        if site.op.kind == "activation"
        else "another norm here, or none",
    )


def _linear(site: OpFacts) -> Iterator[Case]:
    """Two linear layers with nothing between, where one of them would take fewer weights."""
    node, before = site.node, site.before
    if before is None or not site.alone or "kernel" not in node.weights or "kernel" not in before.weights:
        return
    if not (_full(site.op) and math.prod(node.weights["kernel"].shape[:-2]) == 1 and _full(before.op)):
        return
    both = node.weights["kernel"].size + before.weights["kernel"].size
    one = before.weights["kernel"].size // before.shape[-1] * node.shape[-1]
    if one >= before.weights["kernel"].size:
        return
    yield case(
        "ARCH518",
        node,
        site.body,
        f"`{before.name}` and `{node.name}` are one linear layer: no activation stands between them",
        f"together they have {both:,} weights; one layer that does the same has {one:,}",
        at=(),
        hint=f"an activation or a norm on `{before.name}`, or one layer in place of both",
        parameters=both - one,
        of=both,
    )


def _full(op: Op | None) -> bool:
    """Whether its kernel connects all channels."""
    return op is not None and op.traits.linear and getattr(op, "groups", 1) == 1


def heavy_head(site: OpFacts, parameters: int) -> Iterator[Case]:
    """A dense layer behind `flatten` that holds most of the network."""
    node, places = site.node, site.inputs[0].flattened
    if not site.op.traits.filters or places < 2 or 2 * node.totals.parameters < parameters:
        return
    weights = node.weights["kernel"].size
    fact = f"behind a global pool it would have {weights // places:,} weights in place of {weights:,}"
    yield case(
        "ARCH517",
        node,
        site.body,
        f"one dense layer behind `flatten` holds {percent(node.totals.parameters, parameters)} of all parameters",
        fact,
        at=("units",),
        hint="`global_average_pool` in place of `flatten`",
        parameters=node.totals.parameters,
    )
