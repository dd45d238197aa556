"""Random specs in which steps share the layers of earlier steps, made of those of `random_bodies`."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import random_bodies

KEEPING: tuple[dict[str, Any], ...] = (
    {"batch_norm": {}},
    {"layer_scale": {"init": 0.5}},
    {"depthwise_conv": {"kernel": 3, "padding": "same", "activation": "relu"}},
    {"conv": {"filters": "$here.channels", "kernel": 3, "padding": 1, "norm": "batch", "activation": "relu"}},
    {"conv": {"filters": "$here.channels", "kernel": 1, "norm": "layer"}},
    {"dense": {"units": "$here.channels", "activation": {"leaky_relu": {"slope": 0.1}}}},
)
"""Steps with weights that mostly keep the shape, so that they can follow themselves."""


class Sharer:
    """Adds steps with `share` to every list of steps.

    Args:
        chance: equal states give equal specs.
    """

    def __init__(self, chance: Random) -> None:
        self.chance, self.count = chance, 0

    def steps(self, steps: list[Any]) -> list[Any]:
        """The same steps, with some others among them."""
        found: list[Any] = []
        for step in steps:
            found.append(self.opened(step))
            if self.chance.random() < 0.4:
                found += self.pair()
            elif isinstance(step, dict) and self.is_open(step) and self.chance.random() < 0.3:
                found[-1] = {**found[-1], "name": step.get("name") or self.name()}
                found.append({"share": found[-1]["name"]})
        return found

    def is_open(self, step: dict[str, Any]) -> bool:
        """Whether a step is a single use of a layer, or of an op with weights."""
        apart = {"repeat", "for", "when", "paths", "from"} & step.keys()
        return not apart and ("conv" in step or any(word[0].isupper() for word in step))

    def name(self) -> str:
        self.count += 1
        return f"own{self.count}"

    def pair(self) -> list[Any]:
        """A step, and one or two others that call its layer."""
        name = self.name()
        step, kind = {**self.chance.choice(KEEPING), "name": name}, self.chance.random()
        if kind < 0.2:
            return [{**step, "repeat": 2}, {"share": f"{name}_{self.chance.randint(1, 2)}"}]
        if kind < 0.4:
            return [step, {"share": name, "repeat": self.chance.randint(0, 3)}]
        if kind < 0.6:
            return [step, {"paths": [[{"share": name}], ["relu", {"share": name}]], "merge": "add"}]
        if kind < 0.8:
            return [step, {"share": name, "name": self.name()}, {"add": {}, "from": [f"own{self.count}", name]}]
        other = self.name()
        return [step, {"share": name, "name": other}, {"share": other}]

    def opened(self, step: Any) -> Any:
        """A step with paths, with steps added inside."""
        if not isinstance(step, dict) or "paths" not in step:
            return step
        paths = step["paths"]
        if isinstance(paths, dict):
            return {**step, "paths": {name: self.path(path) for name, path in paths.items()}}
        return {**step, "paths": [self.path(path) for path in paths]}

    def path(self, path: Any) -> Any:
        if isinstance(path, dict):
            return {**path, "steps": self.steps(path["steps"])} if "steps" in path else path
        return self.steps(path)


def spec(chance: Random) -> str:
    """The text of a spec, which often resolves."""
    data, sharer = random_bodies.data(chance), Sharer(chance)
    for layer in data["layers"].values():
        if "steps" in layer and "outputs" not in layer:
            layer["steps"] = sharer.steps(layer["steps"])
    end = len(data["model"]) - (2 if "outputs" in data else 0)
    data["model"] = [*sharer.steps(data["model"][:end]), *data["model"][end:]]
    return json.dumps(data, indent=1)
