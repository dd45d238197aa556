"""Random networks in which everything can be mistaken for something else: the right weights go across all the same."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from small_models import alive, alive_again, dense, outputs, vector

from archdsl.keras import copy_weights

pytestmark = pytest.mark.tensorflow


def plan(random: Random) -> list[tuple[str, tuple[int, ...]]]:
    """A random network of layers that all have the same shapes: each op with the numbers of those it takes from."""
    nodes: list[tuple[str, tuple[int, ...]]] = [("input", ())]
    for _ in range(random.randint(4, 18)):
        kind = random.choice(["dense", "dense", "dense", "relu", "sigmoid", "add", "add", "multiply", "concat"])
        count = random.choice([2, 2, 3]) if kind in ("add", "multiply", "concat") else 1
        taken = {max(0, len(nodes) - 1 - int(random.expovariate(0.4))) for _ in range(count)}
        if len(taken) == count:
            nodes.append((kind, tuple(random.sample(sorted(taken), count))))
    used = {number for _, taken in nodes for number in taken}
    ends = tuple(number for number in range(len(nodes)) if number not in used)
    return [*nodes, ("add", ends) if len(ends) > 1 else ("dense", ends)]


MADE: dict[str, Callable[[list[Any]], Any]] = {
    "dense": lambda taken: dense(taken[0], units=4),
    "relu": lambda taken: layers.ReLU()(taken[0]),
    "sigmoid": lambda taken: layers.Activation("sigmoid")(taken[0]),
    "add": lambda taken: layers.Add()(taken),
    "multiply": lambda taken: layers.Multiply()(taken),
    "concat": lambda taken: dense(layers.Concatenate()(taken), units=4),
}


def planned(nodes: list[tuple[str, tuple[int, ...]]], random: Random) -> keras.Model:
    """The network, its layers made in a random order, with the inputs of sums and products in a random order."""
    made = {0: keras.Input((4,))}
    while len(made) < len(nodes):
        ready = [n for n, (_, taken) in enumerate(nodes) if n not in made and all(other in made for other in taken)]
        number = random.choice(ready)
        kind, numbers = nodes[number]
        taken = [made[other] for other in numbers]
        if kind in ("add", "multiply"):
            random.shuffle(taken)
        made[number] = MADE[kind](taken)
    return keras.Model(made[0], made[len(nodes) - 1])


@pytest.mark.parametrize("seeds", [range(12), pytest.param(range(12, 300), marks=pytest.mark.slow)], ids=str)
def test_random_networks_of_layers_that_are_all_alike(seeds: range) -> None:
    """Whatever can be mistaken for something else is there; all is copied, and the same comes out."""
    compared = 0
    for seed in seeds:
        random = Random(seed)
        nodes = plan(random)
        source, target = alive(planned(nodes, random)), alive_again(planned(nodes, random))
        if not source.weights:
            continue
        assert copy_weights(source, target, strict=True).left == ((), ())
        x = vector(3, 4)
        y = outputs(source, x)
        np.testing.assert_allclose(
            outputs(target, x), y, rtol=1e-4, atol=1e-5 * float(np.abs(y).max()), err_msg=f"{seed}"
        )
        compared += 1
    assert compared > 0.9 * len(seeds)
