"""Random small specs for property tests: layers with paths, shortcuts, merges, loops and expressions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

from archdsl.steps import SHORTCUTS

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
    "$here.channels",
    "$input.channels + $here.channels // 2",
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
CONDITIONS = [
    "$wide",
    "not $wide",
    "$stride > 1",
    "$channels > 4",
    "$here.channels > 4",
    "$here.height > 4",
    "$depth > 1 and $wide",
    "$channels == $filters",
]
COUNTS = [0, 1, 2, "$depth", "$here.channels // 4", "$depth - 1", "$depth + 1", "len($sizes)", "$depth * $factor * 2"]
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


def several(first: int, many: int) -> Iterator[str]:
    """The specs of so many seeds; a test that fails shows the last one printed."""
    for seed in range(first, first + many):
        print(f"random spec {seed}")
        yield spec(Random(seed))


def spec(chance: Random) -> str:
    """The text of a spec, which may not resolve; equal states of `chance` give equal specs."""
    layers: dict[str, Any] = {}
    for number in range(chance.randint(1, 2)):
        name = f"Layer{'AB'[number]}"
        layers[name] = _layers(chance, dict(layers))
    if "shortcut" in next(iter(layers.values())).get("args", {}) and chance.random() < 0.5:
        layers["Like"] = {"like": "LayerA", "with": {"shortcut": chance.choice([*SHORTCUTS])}}
    model = [{"conv": {"filters": chance.choice([4, 6]), "kernel": 3, "padding": "same"}}]
    for name in layers:
        model.append(_uses(chance, name, layers))
    if chance.random() < 0.5:
        model += _bodies(chance, ["$width", 4], {}, 1)
    model += chance.choice([["global_average_pool"], ["flatten"], []])
    model.append({"dense": {"units": 3, "activation": chance.choice(["none", "softmax"])}})
    whole: dict[str, Any] = {"archdsl": 1, "name": "Net", "input": [8, 8, 3]}
    if args := _used(model, {**ARGUMENTS, "filters": 4, "width": 6}):
        whole["args"] = args
    conv = {"norm": chance.choice(["none", "batch"]), "activation": chance.choice(ACTIVATIONS)}
    whole["defaults"] = {"conv": conv}
    return json.dumps({**whole, "layers": layers, "model": model}, indent=1)


def _used(body: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that a body uses, for one that nobody uses is an error."""
    names = set(re.findall(r"\$(\w+)", json.dumps(body)))
    return {name: value for name, value in arguments.items() if name in names}


def _layers(chance: Random, others: dict[str, Any]) -> dict[str, Any]:
    if chance.random() < 0.5:
        body: dict[str, Any] = {"steps": _bodies(chance, WIDTHS, others, 2)}
    else:
        body = _bunches(chance, WIDTHS, others, 2)
    return {"args": args, **body} if (args := _used(body, ARGUMENTS)) else body


def _uses(chance: Random, name: str, layers: dict[str, Any]) -> dict[str, Any]:
    """A step that uses a layer, perhaps in a loop."""
    layer = layers[name]
    base = layers[layer["like"]] if "like" in layer else layer
    args = {key for key in base.get("args", {}) if key not in layer.get("with", {})}
    given: dict[str, Any] = {}
    if "filters" in args:
        given["filters"] = chance.choice([4, 6, 8])
    if "shortcut" in args and chance.random() < 0.5:
        given["shortcut"] = chance.choice([*SHORTCUTS])
    if "wide" in args and chance.random() < 0.5:
        given["wide"] = False
    if "depth" in args and chance.random() < 0.5:
        given["depth"] = chance.choice([0, 1, 3])
    if "stride" in args and chance.random() < 0.5:
        given["stride"] = 2
    step: dict[str, Any] = {name: given}
    match chance.randint(0, 5):
        case 0:
            step["repeat"] = 2
        case 1 if "filters" in args:
            given["filters"] = "$f"
            step["for"] = {"f": [4, 6]}
        case 2 if "depth" in args:
            given["depth"] = "$i + 1"
            step["for"] = {"i": 2}
        case 3:
            step["name"] = chance.choice(NAMES)
    return step


def _bodies(chance: Random, widths: list[Any], others: dict[str, Any], deep: int) -> list[Any]:
    body = [_steps(chance, widths) for _ in range(chance.randint(1, 3))]
    for _ in range(chance.randint(0, 2) if deep else 0):
        bunch = _bunches(chance, widths, others, deep - 1)
        if chance.randint(0, 3) == 0:
            bunch["when"] = chance.choice(CONDITIONS if len(widths) > 3 else ["$width > 1", True])
        body.insert(chance.randint(0, len(body)), bunch)
    return body


def _steps(chance: Random, widths: list[Any]) -> Any:
    """An op that keeps height and width, perhaps in a loop."""
    if chance.randint(0, 2) == 0:
        step = chance.choice(PLAIN)
        if isinstance(step, str) and chance.random() < 0.5:
            return step
        step = {step: {}} if isinstance(step, str) else dict(step)
        columns: dict[str, Any] = {}
    else:
        table = chance.choice(TABLES) if len(widths) > 3 and chance.randint(0, 3) == 0 else {}
        columns = table
        step = _convs(chance, widths, columns)
        if columns:
            step["for"] = dict(columns)
    if "for" in step and "i" in columns:
        word = chance.choice(["when", "repeat"])
        return {**step, word: "$i > 0" if word == "when" else "$i"}
    inside = len(widths) > 3
    match chance.randint(0, 6):
        case 0:
            step["repeat"] = chance.choice(COUNTS if inside else [0, 2])
        case 1:
            step["when"] = chance.choice(CONDITIONS if inside else ["$width > 4", "$channels > 4"])
        case 2 if "for" not in step:
            step["name"] = chance.choice(NAMES)
        case 3 if inside:
            step["repeat"] = chance.choice(COUNTS)
            step["when"] = chance.choice(CONDITIONS)
    return step


def _convs(chance: Random, widths: list[Any], columns: dict[str, Any]) -> dict[str, Any]:
    kind = chance.choice(["conv", "conv", "conv", "depthwise_conv", "batch_norm", "max_pool", "average_pool"])
    kernel: Any = chance.choice([1, 3, [1, 3]] + (["$kernel"] if len(widths) > 3 else []))
    padding: Any = chance.choice(["same", "same", 1, [[1, 1], [1, 1]]])
    if padding != "same":
        kernel = 3
    if "f" in columns:
        kind = "conv"
    if kind == "batch_norm":
        return {kind: chance.choice([{}, {"momentum": 0.9}, {"scale": False}])}
    if kind == "max_pool":
        return {kind: {"size": 3, "stride": 1, "padding": chance.choice(["same", 1])}}
    if kind == "average_pool":
        return {kind: {"size": 2, "stride": 1, "padding": "same"}}
    given = {"kernel": "$k" if "k" in columns else kernel, "padding": "same" if "k" in columns else padding}
    if kind == "conv":
        given["filters"] = "$f" if "f" in columns else chance.choice(widths)
    if chance.random() < 0.5:
        given["norm"] = chance.choice(["none", "batch"])
    if chance.random() < 0.5:
        given["activation"] = chance.choice(ACTIVATIONS)
    if chance.randint(0, 3) == 0:
        given["bias"] = False
    return {kind: given}


def _bunches(chance: Random, widths: list[Any], others: dict[str, Any], deep: int) -> dict[str, Any]:
    """Paths that mostly can be merged, with a shortcut."""
    merge = chance.choice(MERGES)
    stride = chance.choice([1, 1, "$stride", 2]) if len(widths) > 3 else 1
    out = chance.choice(widths)
    inside = len(widths) > 3

    def end(kernel: int = 1) -> dict[str, Any]:
        return {"conv": {"filters": out, "kernel": kernel, "stride": stride, "padding": "same"}}

    def path() -> Any:
        body = _bodies(chance, widths, others, deep) if chance.random() < 0.5 else []
        steps = [*body, end()] if chance.random() < 0.5 else [end(3), *[chance.choice(PLAIN)][: len(body)]]
        if stride == 1 and chance.randint(0, 5) == 0:
            steps = chance.choice([[], [{"relu": {}, "when": "$channels > 4"}], ["relu"]])
        if others and chance.randint(0, 3) == 0:
            steps.insert(0, _uses(chance, next(iter(others)), others))
        match chance.randint(0, 5):
            case 0 if inside:
                return {"steps": steps, "repeat": chance.choice(COUNTS)}
            case 1 if inside:
                return {"steps": steps, "when": chance.choice(CONDITIONS)}
            case 2 if inside:
                end_of = {"conv": {"filters": "$f" if merge == "concat" else out, "kernel": "$k", "padding": "same"}}
                table = {"f": [4, 6], "k": [1, 3]} if merge == "concat" else {"k": [1, 3]}
                end_of["conv"]["stride"] = stride
                return {"steps": [end_of], "for": table}
        return steps

    names = chance.sample(NAMES, chance.randint(1, 3))
    paths: Any = {name: path() for name in names}
    if chance.random() < 0.5:
        paths = list(paths.values())
    own = [end()] if chance.random() < 0.5 else [{**end(), "name": "mine"}, "relu"]
    shortcut = chance.choice([*SHORTCUTS, *SHORTCUTS, "$shortcut" if inside else "auto", own])
    bunch: dict[str, Any] = {"paths": paths, "shortcut": shortcut, "merge": merge}
    if chance.random() < 0.5:
        bunch["after"] = chance.choice(["relu", ["batch_norm", "relu"], [{"relu": {}, "when": "$channels > 4"}]])
    return bunch
