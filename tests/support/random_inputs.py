"""Random specs with flexible axes and integer pixels, and other sizes for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import random_specs

from archdsl.spec import Spec


def spec(chance: Random) -> str:
    """The text of a spec, which may not resolve; equal states of `chance` give equal specs."""
    tree = json.loads(random_specs.spec(chance))
    tree["model"] = ["global_average_pool" if step == "flatten" else step for step in tree["model"]]
    axes = chance.choice([["height"], ["width"], ["height", "width"], ["height", "width"]])
    tree["input"] = {"shape": tree["input"], "flexible": axes}
    dtype = chance.choice(["float32", "uint8", "int32"])
    if dtype != "float32":
        tree["input"]["dtype"] = dtype
        tree["model"].insert(0, {"rescale": {"scale": 0.25}})
    return json.dumps(tree, indent=1)


def sizes(spec: Spec, chance: Random) -> Iterator[Spec]:
    """The spec at the written size and at two others."""
    yield spec
    for _ in range(2):
        inputs = {}
        for name, one in spec.inputs.items():
            known = dict(zip(one.axes, one.shape, strict=False))
            sides = (4 * chance.randint(2, 6) if axis in one.flexible else side for axis, side in known.items())
            inputs[name] = replace(one, shape=(*sides, one.shape[-1]))
        yield replace(spec, inputs=inputs)
