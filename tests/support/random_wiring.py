"""Random specs whose steps take from any step above: taps, nested and repeated bunches, several inputs and outputs."""

from __future__ import annotations

import json
from random import Random
from typing import Any

LAYERS: dict[str, Any] = {
    "Two": {"inputs": ["left", "right"], "steps": ["add"]},
    "Split": {
        "steps": [{"relu": {}, "name": "high"}, {"batch_norm": {}, "name": "low"}],
        "outputs": ["high", "low"],
    },
    "Pair": {
        "inputs": ["p", "q"],
        "steps": [{"add": {}, "from": ["p", "q"], "name": "r"}, {"multiply": {}, "from": ["r", "q"], "name": "s"}],
        "outputs": ["r", "s"],
    },
    "Same": {"args": {"on": False}, "steps": [{"relu": {}, "when": "$on"}]},
    "Twice": {
        "steps": [
            {"add": {}, "from": ["input", "input"]},
            {"Same": {}, "name": "same"},
            {"add": {}, "from": ["same", "input"]},
        ]
    },
}
"""Layers that keep the shape."""


class Wiring:
    """Makes up one spec.

    Args:
        seed: equal seeds give equal specs.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.number = 0

    def spec(self) -> str:
        layers = {**LAYERS, "Inner": {"steps": self.body(["input"], 2)}}
        first = [{"add": {}, "from": ["one", "other"], "name": "first"}]
        seen = ["one", "other", "first"]
        model = [*first, *self.body(seen, 3)]
        last = {"relu": {}, "name": "last"}
        outputs = ["last", self.random.choice(seen[2:])] if self.random.random() < 0.5 else ["last"]
        spec = {
            "archdsl": 1,
            "name": "Net",
            "inputs": {"one": [8, 8, 4], "other": [8, 8, 4]},
            "layers": {name: layer for name, layer in layers.items() if f'"{name}"' in json.dumps([model, layers])},
            "model": [*model, last],
            "outputs": list(dict.fromkeys(outputs)),
        }
        return json.dumps(spec, indent=1)

    def named(self, seen: list[str], step: dict[str, Any]) -> dict[str, Any]:
        self.number += 1
        seen.append(f"n{self.number}")
        return {**step, "name": seen[-1]}

    def body(self, seen: list[str], deep: int) -> list[Any]:
        """Steps, each of which takes from the one before it, and now and then from another that is seen."""
        steps: list[Any] = []
        for _ in range(self.random.randint(1, 4)):
            before = seen[-1]
            if steps and self.random.random() < 0.4:
                merge = self.random.choice(["add", "multiply", "maximum"])
                others = self.random.sample(seen, min(len(seen), self.random.randint(1, 2)))
                steps.append(self.named(seen, {merge: {}, "from": [before, *others]}))
            elif deep and self.random.random() < 0.5:
                steps.append(self.named(seen, self.bunch(seen, deep - 1)))
            elif deep > 1 and self.random.random() < 0.4:
                steps += self.layers(seen)
            else:
                op = self.random.choice(["relu", "batch_norm", "swish"])
                conv = {"conv": {"filters": 4, "kernel": 3, "padding": "same", "norm": "batch", "activation": "relu"}}
                steps.append(self.named(seen, conv if self.random.random() < 0.4 else {op: {}}))
        return steps

    def layers(self, seen: list[str]) -> list[Any]:
        """Uses of layers with several inputs or outputs, or of one in a row."""
        before, other = seen[-1], self.random.choice(seen)
        two = {"Two": {}, "from": [before, other]}
        steps = self.random.choice(
            [
                [{"Split": {}, "name": "s"}, {"Two": {}}],
                [{"Split": {}, "name": "s"}, {"Pair": {}, "repeat": self.random.randint(1, 3)}, {"Two": {}}],
                [{"Split": {}, "name": "s"}, {"relu": {}, "from": "s.low"}, {"add": {}, "from": ["s.high", "s.low"]}],
                [two],
                [{"Same": {}, "repeat": self.random.randint(1, 3)}],
                [{"Inner": {}, "repeat": self.random.randint(1, 3)}],
                [{"Twice": {}}],
            ]
        )
        if len(steps) > 1 and "add" in steps[-1]:
            self.number += 1
            steps[0]["name"], steps[1]["name"] = f"s{self.number}", f"t{self.number}"
            steps[1]["from"] = f"s{self.number}.low"
            steps[2]["from"] = [f"t{self.number}", f"s{self.number}.high"]
        elif "Split" in steps[0]:
            self.number += 1
            steps[0]["name"] = f"s{self.number}"
        return [*steps[:-1], self.named(seen, steps[-1])]

    def bunch(self, seen: list[str], deep: int) -> dict[str, Any]:
        fork, inside = seen[-1], list(seen)
        paths: dict[str, Any] = {}
        for number in range(self.random.randint(1, 3)):
            steps: list[Any] = [] if self.random.random() < 0.15 else self.body([*inside[:-1], fork], deep)
            if steps and number and self.random.random() < 0.3:
                steps[0] = {**steps[0], "from": [self.random.choice(inside)]} if "paths" not in steps[0] else steps[0]
            inside = [*inside, *(step["name"] for step in steps if "name" in step and "repeat" not in step)]
            self.number += 1
            many = self.random.random() < 0.15 and steps
            paths[f"p{self.number}"] = {"steps": steps, "repeat": self.random.choice([0, 2, 6])} if many else steps
            inside = inside if not many else list(seen)
        words: list[Any] = ["identity", "none", "projection", "auto"]
        own = [{"relu": {}, "from": self.random.choice(inside)}, "batch_norm"]
        shortcut = own if self.random.random() < 0.3 else self.random.choice(words)
        merge = self.random.choice(["add", "average", "maximum"])
        bunch = {"paths": paths, "shortcut": shortcut, "merge": merge}
        more = self.random.choice([{}, {}, {"after": "relu"}, {"repeat": 2}, {"when": "$channels > 3"}])
        return {**bunch, **more}
