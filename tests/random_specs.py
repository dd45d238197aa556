"""Random small specs for property tests: layers with paths, shortcuts, merges, loops and expressions."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import strategies as st

from archdsl.spec import SHORTCUTS

ARGUMENTS: dict[str, Any] = {
    "filters": "int",
    "stride": 1,
    "depth": 2,
    "wide": True,
    "factor": 0.5,
    "sizes": [4, 6],
    "kernel": 3,
    "shortcut": "auto",
    "epsilon": 0.001,
}
WIDTHS = [
    "$filters",
    "$filters // 2",
    "$filters * 2",
    "$channels",
    "divisible($filters * $factor, 4)",
    "ceil($filters * $factor)",
    "floor($filters * $factor) + 1",
    "round($filters * $factor)",
    "$filters * $factor",
    "$filters / 2",
    "$sizes[0]",
    "$sizes[-1] if $wide else 4",
    "len($sizes) * 2",
    "sum($sizes)",
    "max($filters, 4)",
    "max($sizes)",
    6,
]
CONDITIONS = ["$wide", "not $wide", "$stride > 1", "$channels > 4", "$depth > 1 and $wide", "$channels == $filters"]
COUNTS = [0, 1, 2, "$depth", "$depth - 1", "$depth + 1", "len($sizes)", "$depth * $factor * 2"]
TABLES = [
    {"i": 2},
    {"i": "$depth"},
    {"f": "$sizes"},
    {"f": [4, 6], "k": [1, 3]},
    {"f": "$sizes", "i": 2},
    {"f": ["$filters", "$filters * 2"]},
    {"f": "$sizes", "k": [1, "$kernel"]},
]
ACTIVATIONS = ["none", "relu", "gelu", "elu", "swish", {"leaky_relu": {"slope": 0.1}}, {"relu": {"max_value": 6.0}}]
NAMES = ["mid", "x", "inputs", "fork", "parts", "training", "steps", "shape", "shapes", "layer", "filters", "self"]
NAMES += ["path", "number", "dtype", "range", "after", "built", "keras", "config", "mid_layer", "channels", "merged"]
MERGES = ["add", "average", "maximum", "concat", "multiply"]
PLAIN = ["batch_norm", "relu", "gelu", "relu6", {"dropout": {"rate": 0.2}}, {"elu": {"alpha": 0.5}}]


@st.composite
def specs(draw: st.DrawFn) -> str:
    """The text of a spec, which may not resolve."""
    layers: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 2))):
        name = f"Layer{'AB'[number]}"
        layers[name] = draw(_layers(dict(layers)))
    if "shortcut" in next(iter(layers.values())).get("args", {}) and draw(st.booleans()):
        layers["Like"] = {"like": "LayerA", "with": {"shortcut": draw(st.sampled_from(SHORTCUTS))}}
    model = [{"conv": {"filters": draw(st.sampled_from([4, 6])), "kernel": 3, "padding": "same"}}]
    for name in layers:
        model.append(draw(_uses(name, layers)))
    if draw(st.booleans()):
        model += draw(_bodies(["$width", 4], {}, 1))
    model += draw(st.sampled_from([["global_average_pool"], ["flatten"], []]))
    model.append({"dense": {"units": 3, "activation": draw(st.sampled_from(["none", "softmax"]))}})
    spec: dict[str, Any] = {"archdsl": 1, "name": "Net", "input": [8, 8, 3]}
    if args := _used(model, {**ARGUMENTS, "filters": 4, "width": 6}):
        spec["args"] = args
    conv = {"norm": draw(st.sampled_from(["none", "batch"])), "activation": draw(st.sampled_from(ACTIVATIONS))}
    spec["defaults"] = {"conv": conv}
    return json.dumps({**spec, "layers": layers, "model": model}, indent=1)


def _used(body: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that a body uses, for one that nobody uses is an error."""
    names = set(re.findall(r"\$(\w+)", json.dumps(body)))
    return {name: value for name, value in arguments.items() if name in names}


@st.composite
def _layers(draw: st.DrawFn, others: dict[str, Any]) -> dict[str, Any]:
    if draw(st.booleans()):
        body: dict[str, Any] = {"steps": draw(_bodies(WIDTHS, others, 2))}
    else:
        body = draw(_bunches(WIDTHS, others, 2))
    return {"args": args, **body} if (args := _used(body, ARGUMENTS)) else body


@st.composite
def _uses(draw: st.DrawFn, name: str, layers: dict[str, Any]) -> dict[str, Any]:
    """A step that uses a layer, perhaps in a loop."""
    layer = layers[name]
    base = layers[layer["like"]] if "like" in layer else layer
    args = {key for key in base.get("args", {}) if key not in layer.get("with", {})}
    given: dict[str, Any] = {}
    if "filters" in args:
        given["filters"] = draw(st.sampled_from([4, 6, 8]))
    if "shortcut" in args and draw(st.booleans()):
        given["shortcut"] = draw(st.sampled_from(SHORTCUTS))
    if "wide" in args and draw(st.booleans()):
        given["wide"] = False
    if "depth" in args and draw(st.booleans()):
        given["depth"] = draw(st.sampled_from([0, 1, 3]))
    if "stride" in args and draw(st.booleans()):
        given["stride"] = 2
    step: dict[str, Any] = {name: given}
    match draw(st.integers(0, 5)):
        case 0:
            step["repeat"] = 2
        case 1 if "filters" in args:
            given["filters"] = "$f"
            step["for"] = {"f": [4, 6]}
        case 2 if "depth" in args:
            given["depth"] = "$i + 1"
            step["for"] = {"i": 2}
        case 3:
            step["name"] = draw(st.sampled_from(NAMES))
    return step


@st.composite
def _bodies(draw: st.DrawFn, widths: list[Any], others: dict[str, Any], deep: int) -> list[Any]:
    body = [draw(_steps(widths)) for _ in range(draw(st.integers(1, 3)))]
    for _ in range(draw(st.integers(0, 2)) if deep else 0):
        bunch = draw(_bunches(widths, others, deep - 1))
        if draw(st.integers(0, 3)) == 0:
            bunch["when"] = draw(st.sampled_from(CONDITIONS if len(widths) > 3 else ["$width > 1", True]))
        body.insert(draw(st.integers(0, len(body))), bunch)
    return body


@st.composite
def _steps(draw: st.DrawFn, widths: list[Any]) -> Any:
    """An op that keeps height and width, perhaps in a loop."""
    if draw(st.integers(0, 2)) == 0:
        step = draw(st.sampled_from(PLAIN))
        if isinstance(step, str) and draw(st.booleans()):
            return step
        step = {step: {}} if isinstance(step, str) else dict(step)
        columns: dict[str, Any] = {}
    else:
        table = draw(st.sampled_from(TABLES)) if len(widths) > 3 and draw(st.integers(0, 3)) == 0 else {}
        columns = table
        step = draw(_convs(widths, columns))
        if columns:
            step["for"] = dict(columns)
    if "for" in step and "i" in columns:
        word = draw(st.sampled_from(["when", "repeat"]))
        return {**step, word: "$i > 0" if word == "when" else "$i"}
    inside = len(widths) > 3
    match draw(st.integers(0, 6)):
        case 0:
            step["repeat"] = draw(st.sampled_from(COUNTS if inside else [0, 2]))
        case 1:
            step["when"] = draw(st.sampled_from(CONDITIONS if inside else ["$width > 4", "$channels > 4"]))
        case 2 if "for" not in step:
            step["name"] = draw(st.sampled_from(NAMES))
        case 3 if inside:
            step["repeat"] = draw(st.sampled_from(COUNTS))
            step["when"] = draw(st.sampled_from(CONDITIONS))
    return step


@st.composite
def _convs(draw: st.DrawFn, widths: list[Any], columns: dict[str, Any]) -> dict[str, Any]:
    kind = draw(st.sampled_from(["conv", "conv", "conv", "depthwise_conv", "batch_norm", "max_pool", "average_pool"]))
    kernel: Any = draw(st.sampled_from([1, 3, [1, 3]] + (["$kernel"] if len(widths) > 3 else [])))
    padding: Any = draw(st.sampled_from(["same", "same", 1, [[1, 1], [1, 1]]]))
    if padding != "same":
        kernel = 3
    if "f" in columns:
        kind = "conv"
    if kind == "batch_norm":
        return {kind: draw(st.sampled_from([{}, {"momentum": 0.9}, {"scale": False}]))}
    if kind == "max_pool":
        return {kind: {"size": 3, "stride": 1, "padding": draw(st.sampled_from(["same", 1]))}}
    if kind == "average_pool":
        return {kind: {"size": 2, "stride": 1, "padding": "same"}}
    given = {"kernel": "$k" if "k" in columns else kernel, "padding": "same" if "k" in columns else padding}
    if kind == "conv":
        given["filters"] = "$f" if "f" in columns else draw(st.sampled_from(widths))
    if draw(st.booleans()):
        given["norm"] = draw(st.sampled_from(["none", "batch"]))
    if draw(st.booleans()):
        given["activation"] = draw(st.sampled_from(ACTIVATIONS))
    if draw(st.integers(0, 3)) == 0:
        given["bias"] = False
    return {kind: given}


@st.composite
def _bunches(draw: st.DrawFn, widths: list[Any], others: dict[str, Any], deep: int) -> dict[str, Any]:
    """Paths that mostly can be merged, with a shortcut."""
    merge = draw(st.sampled_from(MERGES))
    stride = draw(st.sampled_from([1, 1, "$stride", 2])) if len(widths) > 3 else 1
    out = draw(st.sampled_from(widths))
    inside = len(widths) > 3

    def end(kernel: int = 1) -> dict[str, Any]:
        return {"conv": {"filters": out, "kernel": kernel, "stride": stride, "padding": "same"}}

    def path() -> Any:
        body = draw(_bodies(widths, others, deep)) if draw(st.booleans()) else []
        steps = [*body, end()] if draw(st.booleans()) else [end(3), *[draw(st.sampled_from(PLAIN))][: len(body)]]
        if stride == 1 and draw(st.integers(0, 5)) == 0:
            steps = draw(st.sampled_from([[], [{"relu": {}, "when": "$channels > 4"}], ["relu"]]))
        if others and draw(st.integers(0, 3)) == 0:
            steps.insert(0, draw(_uses(next(iter(others)), others)))
        match draw(st.integers(0, 5)):
            case 0 if inside:
                return {"steps": steps, "repeat": draw(st.sampled_from(COUNTS))}
            case 1 if inside:
                return {"steps": steps, "when": draw(st.sampled_from(CONDITIONS))}
            case 2 if inside:
                end_of = {"conv": {"filters": "$f" if merge == "concat" else out, "kernel": "$k", "padding": "same"}}
                table = {"f": [4, 6], "k": [1, 3]} if merge == "concat" else {"k": [1, 3]}
                end_of["conv"]["stride"] = stride
                return {"steps": [end_of], "for": table}
        return steps

    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3))
    paths: Any = {name: path() for name in names}
    if draw(st.booleans()):
        paths = list(paths.values())
    own = [end()] if draw(st.booleans()) else [{**end(), "name": "mine"}, "relu"]
    shortcut = draw(st.sampled_from([*SHORTCUTS, *SHORTCUTS, "$shortcut" if inside else "auto", own]))
    bunch: dict[str, Any] = {"paths": paths, "shortcut": shortcut, "merge": merge}
    if draw(st.booleans()):
        bunch["after"] = draw(
            st.sampled_from(["relu", ["batch_norm", "relu"], [{"relu": {}, "when": "$channels > 4"}]])
        )
    return bunch
