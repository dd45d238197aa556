"""Random specs with everything that the language has, from a seeded `random.Random`: most of them resolve."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

from archdsl.steps import SHORTCUTS

ARGS: dict[str, Any] = {
    "n": 2,
    "on": True,
    "rate": 0.25,
    "widths": [4, 6],
    "word": "auto",
    "k": 3,
    "norm": "batch",
    "act": "relu",
    "pad": "same",
}
WIDTHS = (
    "$channels",
    "$input.channels",
    "$here.channels",
    4,
    6,
    "$channels * 2",
    "max($widths)",
    "divisible($channels * 0.5, 4)",
    "$n + 3",
)
CONDITIONS = (
    "$here.channels > 4",
    "$here.height == $input.height",
    "$on",
    "not $on",
    "$n > 1",
    "$channels % 2 == 0",
    "$on and $n == 2",
    "len($widths) > $n",
    True,
)
COUNTS = (0, 1, 2, "$here.channels // 4", "$n", "$n - 1", "len($widths)", "$n if $on else 0")
TABLES: tuple[dict[str, Any], ...] = (
    {"i": 2},
    {"i": "$n"},
    {"f": "$widths"},
    {"f": [4, 6], "j": 2},
    {"f": "$widths", "j": [1, "$k"]},
)
PLAIN: tuple[dict[str, Any], ...] = (
    {"relu": {}},
    {"gelu": {}},
    {"batch_norm": {}},
    {"layer_norm": {"epsilon": 1e-6}},
    {"group_norm": {"groups": 1}},
    {"layer_scale": {}},
    {"dropout": {"rate": "$rate"}},
    {"stochastic_depth": {"rate": "$rate / 2"}},
    {"leaky_relu": {"slope": 0.1}},
    {"max_pool": {"size": 3, "stride": 1, "padding": 1}},
    {"average_pool": {"size": 2, "stride": 1, "padding": "same"}},
    {"depthwise_conv": {"kernel": "$k", "padding": "same"}},
    {"conv_transpose": {"filters": "$channels", "kernel": 1}},
    {"separable_conv": {"filters": "$channels", "kernel": 3, "padding": "same"}},
    {"rescale": {"scale": 0.5}},
)
MERGES = ("add", "average", "maximum", "multiply", "concat")
PADDINGS = ("same", "$pad", 1, [[1, 1], [1, 1]])
NORMS = ("none", "batch", "$norm", "'layer' if $on else 'none'", {"batch": {"momentum": 0.9}})
ACTIVATIONS = ("none", "relu", "$act", {"leaky_relu": {"slope": "$rate"}})


@dataclass
class Body:
    """What a body sees while it is made up.

    Args:
        names: of the steps above that can be taken, and of the inputs.
        inside: whether `args` are seen.
    """

    names: list[str] = field(default_factory=lambda: ["input"])
    layers: tuple[str, ...] = ()
    deep: int = 2


class Maker:
    """Makes up one spec.

    Args:
        chance: equal states give equal specs.
    """

    def __init__(self, chance: Random) -> None:
        self.chance, self.count = chance, 0
        self.layers: dict[str, Any] = {}

    def one(self, choices: Any) -> Any:
        return self.chance.choice(list(choices))

    def now(self, share: float) -> bool:
        return self.chance.random() < share

    def spec(self) -> dict[str, Any]:
        """A spec, as JSON has it."""
        for number in range(self.chance.randint(0, 3)):
            self.layers[f"Layer{number}"] = self.layer(tuple(self.layers))
        if self.now(0.2):
            self.layers["Down"] = self.recursive()
        if self.now(0.3):
            self.layers["Pair"] = {
                "inputs": ["left", "right"],
                "steps": [{"add": {}, "name": "sum"}, {"multiply": {}, "from": ["sum", "right"], "name": "product"}],
                "outputs": ["sum", "product"],
            }
        spec: dict[str, Any] = {"archdsl": 1, "name": "Net"}
        names = ["input"]
        if self.now(0.25):
            spec["inputs"] = {"one": [6, 6, 4], "other": [6, 6, 4]}
            names = ["one", "other"]
        else:
            spec["input"] = [6, 6, 4]
        body = Body(names, tuple(self.layers))
        model = self.first(body) + self.steps(body)
        outputs = self.outputs(model)
        spec |= {"args": args} if (args := used(model)) else {}
        if args and self.now(0.4):
            spec["variants"] = self.variants(args)
        if self.now(0.5):
            spec["defaults"] = {"conv": {"norm": self.one(["none", "batch", "layer"]), "bias": self.now(0.5)}}
        spec |= {"outputs": outputs} if outputs else {}
        return {**spec, "layers": self.layers, "model": model}

    def variants(self, args: dict[str, Any]) -> dict[str, Any]:
        name = self.one(args)
        other = {"n": 1, "on": False, "rate": 0.1, "widths": [6], "word": "projection", "k": 1}.get(name, "none")
        return {"small": {"args": {name: other}, "doc": "Another."}, "same": {}}

    def first(self, body: Body) -> list[Any]:
        """What makes one tensor of the inputs, with the width that all steps begin with."""
        if len(body.names) == 1:
            return []
        if "Pair" in self.layers and self.now(0.5):
            return [{"Pair": {}, "name": "pair"}, {"add": {}, "from": ["pair.sum", "pair.product"]}]
        return [{self.one(MERGES): {}, "from": self.one([["one", "other"], ["other", "one"], "input"])}]

    def outputs(self, model: list[Any]) -> list[str]:
        """Names for the last step, and perhaps for one before it."""
        if self.now(0.7):
            return []
        model += [{"global_average_pool": {}, "name": "pooled"}, {"dense": {"units": 3}, "name": "label"}]
        return ["label", "pooled"] if self.now(0.5) else ["label"]

    def layer(self, others: tuple[str, ...]) -> dict[str, Any]:
        body = Body(layers=others)
        inner = {"steps": self.steps(body)} if self.now(0.6) else self.bunch(body)
        return {"args": args, **inner} if (args := used(inner)) else inner

    def recursive(self) -> dict[str, Any]:
        below = {"Down": {"level": "$level - 1"}, "when": "$level > 0"}
        if self.now(0.5):
            return {"args": {"level": 2}, "steps": [{"relu": {}}, below]}
        paths = {"below": [{"max_pool": {}}, {"Down": {"level": "$level - 1"}}, {"upsample": {}}]}
        bunch = {"paths": paths, "shortcut": "identity", "merge": "add", "when": "$level > 0"}
        return {"args": {"level": 1}, "steps": [{"batch_norm": {}}, bunch]}

    def steps(self, body: Body, most: int = 4) -> list[Any]:
        steps: list[Any] = []
        for _ in range(self.chance.randint(1, most)):
            steps += self.step(body)
        return steps

    def step(self, body: Body) -> list[Any]:
        """A step, or two where the second takes the first by its name."""
        kind = self.chance.random()
        if kind < 0.08 and body.deep:
            step = {"steps": self.steps(Body(list(body.names), body.layers, body.deep - 1), 3)}
        elif kind < 0.2 and body.deep:
            step = self.bunch(Body(list(body.names), body.layers, body.deep - 1))
        elif kind < 0.35 and body.layers:
            step = self.use(self.one(body.layers))
        elif kind < 0.6:
            step = self.conv()
        else:
            step = dict(self.one(PLAIN))
        if self.now(0.3):
            return self.tapped(body, step)
        self.loop(step)
        if self.now(0.2):
            step["name"] = self.name()
            body.names += [step["name"]]
        return [step]

    def tapped(self, body: Body, step: dict[str, Any]) -> list[Any]:
        """A named step, and a merge of it with one above; both are used."""
        step["name"] = self.name()
        merge: dict[str, Any] = {self.one(MERGES): {}, "from": [step["name"], self.one(body.names)]}
        if self.now(0.5):
            merge["from"].reverse()
        if self.now(0.3):
            merge["name"] = self.name()
            body.names += [merge["name"]]
        if self.now(0.2):
            outside = {"when": self.one(CONDITIONS), **({"name": merge.pop("name")} if "name" in merge else {})}
            merge = {"steps": [merge], **outside}
        body.names += [step["name"]]
        return [step, merge]

    def name(self) -> str:
        self.count += 1
        return f"{self.one(['a', 'mid', 'x', 'tap'])}{self.count}"

    def conv(self) -> dict[str, Any]:
        given: dict[str, Any] = {"filters": self.one(WIDTHS), "kernel": 3, "padding": self.one(PADDINGS)}
        if self.now(0.3):
            given["norm"] = self.one(NORMS)
        if self.now(0.3):
            given["activation"] = self.one(ACTIVATIONS)
        return {"conv": given}

    def use(self, layer: str) -> dict[str, Any]:
        if layer == "Pair":
            return {"gelu": {}}
        args = self.layers.get(layer, {}).get("args", {})
        given = {}
        for name in args:
            if self.now(0.3):
                given[name] = {
                    "n": self.one([1, 2, 3]),
                    "on": False,
                    "rate": 0,
                    "widths": [4, 4],
                    "word": self.one(SHORTCUTS),
                    "k": 1,
                    "norm": self.one(["layer", "none"]),
                    "act": self.one(["leaky_relu", "swish", "none"]),
                    "pad": "same",
                    "level": self.one([0, 1, 2]),
                }[name]
        return {layer: given}

    def loop(self, step: dict[str, Any]) -> None:
        """Perhaps a loop, whose columns the step uses."""
        kind = self.chance.random()
        if kind < 0.1:
            step["repeat"] = self.one(COUNTS)
        elif kind < 0.2:
            step["when"] = self.one(CONDITIONS)
        elif kind < 0.3 and "conv" in step:
            table = dict(self.one(TABLES))
            step["for"] = table
            step["conv"]["filters"] = "$f" if "f" in table else "4 + $i * 2"
            if "j" in table:
                step["when" if self.now(0.5) else "repeat"] = "$j > 0" if "when" in step else "max($j, 1) > 0"
                step.pop("repeat", None)
                step["when"] = "$j >= 0"

    def bunch(self, body: Body) -> dict[str, Any]:
        merge = self.one(MERGES)
        out = self.one(WIDTHS)
        stride = self.one([1, 1, 1, 2])
        paths = [self.path(body, out, stride) for _ in range(self.chance.randint(1, 3))]
        named = self.now(0.6)
        bunch: dict[str, Any] = {
            "paths": dict(zip(("main", "wide", "deep"), paths, strict=False)) if named else paths,
            "merge": merge if self.now(0.9) else {merge: {}},
        }
        if self.now(0.7):
            own = [{"conv": {"filters": out, "kernel": 1, "stride": stride}}]
            taps = [name for name in body.names if name != "input"]
            if taps and self.now(0.3) and stride == 1:
                own[0]["from"] = self.one(taps)
            named = {"from": self.one(body.names), **({"steps": own} if self.now(0.5) and len(taps) < 2 else {})}
            bunch["shortcut"] = self.one([*SHORTCUTS, "auto", "projection", "$word", own, named, named])
        if self.now(0.3):
            bunch["after"] = self.one(["relu", ["batch_norm", "relu"], [{"relu": {}, "when": "$on"}]])
        return bunch

    def path(self, body: Body, out: Any, stride: int) -> Any:
        inner = Body(body.names, body.layers, body.deep - 1)
        apart = self.now(0.25)
        if apart:
            inner.names = list(body.names)
        steps = self.steps(inner, 2) if body.deep and self.now(0.6) else []
        steps.append({"conv": {"filters": out, "kernel": 3, "stride": stride, "padding": "same"}})
        if not apart and self.now(0.2):
            return {"from": self.one(body.names), **({"steps": steps} if self.now(0.7) else {})}
        if apart:
            kind = self.one(["repeat", "when", "for"])
            if kind != "for":
                return {"steps": steps, kind: self.one(COUNTS if kind == "repeat" else CONDITIONS)}
            return {"steps": [*steps, {"relu": {}, "when": "$i >= 0"}], "for": {"i": self.one([1, 2, "$n"])}}
        return steps


def used(body: Any) -> dict[str, Any]:
    """The arguments that a body uses, for one that nobody uses is an error."""
    found = set(re.findall(r"\$(\w+)", json.dumps(body)))
    return {name: value for name, value in ARGS.items() if name in found}


def data(chance: Random) -> dict[str, Any]:
    """A spec, as JSON has it, which mostly resolves."""
    return Maker(chance).spec()


def spec(chance: Random) -> str:
    """Its text."""
    return json.dumps(data(chance), indent=1)
