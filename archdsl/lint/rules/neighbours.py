"""Rules about an op and the one before it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.analysis.dataflow import Site
from archdsl.analysis.value_range import NOISE, plain_relu
from archdsl.analysis.windows import CONVOLUTIONS
from archdsl.lint.finding import Case, case, percent
from archdsl.ops.conv import Conv
from archdsl.ops.dense import Dense


def rules(site: Site) -> Iterator[Case]:
    """What is to be said of one op and its neighbours."""
    node = site.node
    if node.op is None:
        return
    yield from _bias(site)
    if node.op.kind == "activation":
        yield from _activation(site)
    if node.op.kind == "norm":
        yield from _norm(site)
    yield from _constant(site)
    yield from _linear(site)


def _bias(site: Site) -> Iterator[Case]:
    """A bias that the norm behind it takes away again."""
    node = site.node
    if not site.need.centred or "bias" not in node.weights or not isinstance(node.op, (*CONVOLUTIONS, Dense)):
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


def _activation(site: Site) -> Iterator[Case]:
    node, before = site.node, site.flows[0]
    op = node.op
    most = 6.0 if node.kind == "relu6" else getattr(op, "max_value", None)
    idle = plain_relu(op) and before.least == 0 and (most is None or (before.most is not None and before.most <= most))
    stacked = before.kind == "activation" and "linear" not in (before.last, node.kind)
    if idle:
        held = f" and {before.most:g} at most" if before.most is not None else ""
        fact = f"what it gets from `{before.last}` is 0 at least{held}"
        yield case("ARCH507", node, site.body, f"this `{node.kind}` changes nothing", fact, at=(), hint="remove it")
    elif stacked:
        yield case(
            "ARCH507",
            node,
            site.body,
            f"two activations in a row: `{node.kind}` of `{before.last}`",
            "no weights stand between them",
            hint="keep one of them; `activation: none` takes one of a convolution or a dense layer away",
        )


def _norm(site: Site) -> Iterator[Case]:
    node, before = site.node, site.flows[0]
    if before.kind == "norm":
        yield case(
            "ARCH508",
            node,
            site.body,
            f"two norms in a row: `{node.kind}` of `{before.last}`",
            f"`{node.name}` normalises what is normalised already",
            hint="keep one of them; `norm: none` takes that of a convolution away",
            parameters=node.totals.parameters,
        )
    if node.kind == "batch_norm" and before.last in NOISE and before.rate:
        factor = 1 / (1 - before.rate)
        yield case(
            "ARCH514",
            node,
            site.body,
            f"batch norm learns its statistics behind `{before.last}`, which is not there in inference",
            f"a rate of {before.rate:g} makes the mean square {factor:.2f} times as large while training",
            hint="put the dropout behind the norm and its activation, or before the last layer alone",
        )


def _constant(site: Site) -> Iterator[Case]:
    """A norm or a softmax over one number, which gives the same whatever that number is."""
    node, shape = site.node, site.shapes[0]
    if (together := _together(site)) != 1 or not shape:
        return
    gives = {"softmax": "1", "sparsemax": "1", "log_softmax": "0"}.get(node.kind, "beta")
    yield case(
        "ARCH516",
        node,
        site.body,
        f"this `{node.kind}` gives {gives}, whatever the input: nothing before it can learn",
        f"it works on {together} number at a time",
        hint="`sigmoid` for two classes by one number" if node.kind in _ONE else "another norm here, or none",
    )


_ONE = ("softmax", "sparsemax", "log_softmax")


def _together(site: Site) -> int:
    """How many numbers an op brings together, where it takes what they have in common away; 0 for other ops."""
    node, shape = site.node, site.shapes[0]
    if node.kind in (*_ONE, "layer_norm"):
        axis = getattr(node.op, "axis", -1)
        axes = axis if isinstance(axis, list) else [axis]
        return math.prod(shape[one - 1 if one > 0 else one] for one in axes)
    if node.kind == "instance_norm":
        return math.prod(shape[:-1])
    if node.kind == "group_norm":
        return math.prod(shape) // getattr(node.op, "groups", 1)
    return 0


def _linear(site: Site) -> Iterator[Case]:
    """Two linear layers with nothing between, where one of them would take fewer weights."""
    node, before = site.node, site.before
    if before is None or not site.alone or "kernel" not in node.weights or "kernel" not in before.weights:
        return
    if not (_pointwise(site.node.op) and type(before.op) in (Conv, Dense) and getattr(before.op, "groups", 1) == 1):
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


def _pointwise(op: object) -> bool:
    """Whether each place of the output comes from one place."""
    return isinstance(op, Dense) or (type(op) is Conv and op.kernel == (1, 1) and op.groups == 1)


def heavy_head(site: Site, parameters: int) -> Iterator[Case]:
    """A dense layer behind `flatten` that holds most of the network."""
    node, places = site.node, site.flows[0].places
    if node.kind != "dense" or places < 2 or 2 * node.totals.parameters < parameters:
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
