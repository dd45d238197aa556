"""Residual layers of all kinds, for pictures: 1 to 6 paths of 1 to 5 steps, every shortcut and every merge."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Any

from archdsl.diagrams import Options, views
from archdsl.graph import Graph
from archdsl.parsing import parse
from archdsl.resolution import resolve

SHORTCUTS: dict[str, Any] = {
    "none": "none",
    "identity": "identity",
    "projection": "projection",
    "pad": "pad",
    "pool_projection": "pool_projection",
    "auto": "auto",
    "one step": [{"conv": {"filters": 16, "kernel": 1}}],
    "two steps": [{"conv": {"filters": 16, "kernel": 1}}, {"dropout": {"rate": 0.5}}],
}
STRIDED = ("projection", "pad", "pool_projection", "auto")
MERGES = ("add", "concat", "multiply", "average", "maximum")
NAMES = ("wide", "narrow", "third", "pooled", "fifth", "last")
SIZE = 16
"""The channels that come in, and that each path gives."""


@dataclass(frozen=True, slots=True)
class Case:
    """A layer to draw.

    Args:
        name: of the case.
        text: of the spec.
        view: what of it is drawn.
    """

    name: str
    text: str
    view: str
    options: Options

    def graph(self) -> Graph:
        return views(resolve(parse(self.text, f"{self.name}.json")))[self.view]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the paths of a layer are like.

    Args:
        is_plain: whether nothing changes its shape, so nothing is next to the lines.
        stride: of each path's last step.
        deep: how many levels of paths there are inside the paths.
    """

    is_plain: bool
    stride: int = 1
    deep: int = 0


def simple() -> list[Case]:
    """Each shortcut with each number of paths."""
    return [_layer(number, *pair) for number, pair in enumerate(product(range(1, 7), SHORTCUTS))]


def nested(count: int) -> list[Case]:
    """Paths in paths."""
    return [_layer(100 + number, 1 + number % 4, [*SHORTCUTS][number % 8], deep=1) for number in range(count)]


def opened(count: int) -> list[Case]:
    """Blocks that are drawn with the inside of their layers."""
    return [_block(200 + number) for number in range(count)]


def more(count: int) -> list[Case]:
    """Any of these, by chance."""
    cases = []
    for number in range(1000, 1000 + count):
        random = Random(number)
        if number % 3 == 0:
            cases.append(_block(number))
        else:
            cases.append(_layer(number, random.randint(1, 6), random.choice([*SHORTCUTS]), deep=number % 3 - 1))
    return cases


def _layer(number: int, paths: int, shortcut: str, deep: int = 0) -> Case:
    random = Random(number)
    told = random.random() < 0.5
    stride = 2 if shortcut in STRIDED and told and random.random() < 0.6 else 1
    layer = _body(random, MERGES[number % len(MERGES)], paths, shortcut, Shape(not told, stride, deep))
    if random.random() < 0.5:
        layer["after"] = "relu"
    options = Options(
        direction="LR" if number % 3 == 2 else "TB",
        detail="full" if (number + number // 8) % 4 == 3 else "compact",
        costs=number % 7 in (1, 3),
    )
    look = " ".join([options.direction, options.detail, "costs" if options.costs else "", "shapes" if told else ""])
    name = f"{number}: {paths} paths, {shortcut}, {layer['merge']}, {look}"
    return Case(name, _spec({"Layer": layer}, ["Layer"]), "Layer", options)


def _block(number: int) -> Case:
    random = Random(number)
    paths, told = random.randint(1, 4), random.random() < 0.5
    layers = {}
    for name, shortcut in (("First", "projection"), ("Next", "identity")):
        layers[name] = _body(random, "add", paths, shortcut, Shape(not told))
    steps = ["First", {"Next": {}, "repeat": random.randint(1, 3)}]
    options = Options(depth=2, direction="LR" if number % 3 == 2 else "TB", detail=random.choice(["compact", "full"]))
    name = f"{number}: block, {paths} paths, {options.direction} {options.detail}{' shapes' if told else ''}"
    return Case(name, _spec({"Block": {"steps": steps}, **layers}, ["Block"]), "Block", options)


def _spec(layers: dict[str, Any], model: list[Any]) -> str:
    spec = {
        "archdsl": 1,
        "name": "Net",
        "input": [32, 32, SIZE],
        "defaults": {"conv": {"padding": "same", "norm": "batch", "activation": "relu"}},
        "layers": layers,
        "model": model,
    }
    return json.dumps(spec, indent=1)


def _body(random: Random, merge: str, paths: int, shortcut: str, shape: Shape) -> dict[str, Any]:
    rows = {name: _path(random, shape) for name in NAMES[:paths]}
    for name, row in rows.items():
        if shape.deep and (name == NAMES[0] or random.random() < 0.4):
            inner = replace(shape, stride=1, deep=shape.deep - 1)
            bunch = _body(random, random.choice(["add", "average", "maximum"]), random.randint(2, 3), "auto", inner)
            row.insert(random.randint(0, len(row) - 1), bunch)
    return {"paths": rows, "shortcut": SHORTCUTS[shortcut], "merge": merge}


def _path(random: Random, shape: Shape) -> list[Any]:
    """Steps that give `SIZE` channels."""
    steps: list[Any] = []
    for _ in range(random.randint(0, 4)):
        filters = SIZE if shape.is_plain else random.choice([8, SIZE, 128])
        conv = {"filters": filters, "kernel": random.choice([1, 3, 5, [1, 7]])}
        steps.append(random.choice(["relu", "batch_norm", {"conv": conv}, {"conv": conv}, {"conv": conv}]))
    last = {"filters": SIZE, "kernel": random.choice([1, 3])}
    strided = {"stride": 2, "activation": "none"} if shape.stride > 1 else {}
    return [*steps, {"conv": {**last, **strided}}]
