"""Random networks over sequences, maps and volumes, with inputs of all dtypes, flexible axes and shared layers.

They are those of `random_specs` and `random_bodies`, at another rank and with other inputs. What is drawn often does
not resolve, so `networks` draws until something does, and a `Network` says what it has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any

import random_bodies
import random_specs
from random_sharing import Sharer

from archdsl import ArchError, Graph, Spec, loads, resolve

LARGEST = 24
"""The most layers of most networks, so that they are built in a fraction of a second; one in ten has up to 60."""

SIDES: dict[int, tuple[int, ...]] = {1: (6, 8, 12), 2: (4, 6, 8), 3: (2, 4, 6)}
AXES = {1: ["length"], 2: ["height", "width"], 3: ["depth", "height", "width"]}
IDS = ("int32", "int64")
VOCABULARY = 9

_HERE = "$here.channels"
OF_RANK: dict[int, tuple[Any, ...]] = {
    1: (
        {"gru": {"units": _HERE, "return_sequences": True}},
        {"lstm": {"units": _HERE, "return_sequences": True, "bidirectional": "sum"}},
        {"simple_rnn": {"units": _HERE, "return_sequences": True}},
        {"attention": {"heads": 2, "key": 2}},
        {"conv": {"filters": _HERE, "kernel": 2, "dilation": 2, "padding": "causal"}},
        {"steps": [{"rearrange": "t c -> c t"}, {"relu": {}}, {"rearrange": "c t -> t c"}]},
    ),
    2: (
        {"steps": [{"rearrange": "h w c -> w h c"}, {"batch_norm": {}}, {"rearrange": "w h c -> h w c"}]},
        {"paths": [["batch_norm"], [{"reduce": {"mean": "h w c -> 1 1 c"}}]], "merge": "multiply"},
        {"conv": {"filters": _HERE, "kernel": [1, 3], "padding": "same", "norm": "batch"}},
    ),
    3: (
        {"conv": {"filters": _HERE, "kernel": [1, 3, 2], "padding": "same", "activation": "relu"}},
        {"paths": [["batch_norm"], [{"reduce": {"max": "d h w c -> d 1 1 c"}}]], "merge": "multiply"},
        {"spatial_dropout": {"rate": 0.25}},
    ),
}
"""Steps that need this rank, and keep the shape."""

OF_ANY: tuple[Any, ...] = (
    {"dense": {"units": _HERE, "activation": "gelu"}},
    {"abs": {}},
    {"clip": {"min": -2.0, "max": 2.0}},
    {"steps": [{"zero_pad": {"padding": 1}}, {"crop": {"border": 1}}]},
    {"paths": [["relu"], [{"global_average_pool": {"keepdims": True}}, "sigmoid"]], "merge": "multiply"},
)


@dataclass(frozen=True)
class Network:
    """A spec that resolves.

    Args:
        seed: the one it comes from.
        rank: how many axes it has besides the channels.
    """

    seed: int
    rank: int
    spec: Spec
    graph: Graph

    @property
    def features(self) -> frozenset[str]:
        """What it has, in words."""
        nodes = [node for _, node in self.graph.walk()]
        given = {
            f"rank {self.rank}": True,
            "shared": any(node.shares for node in nodes),
            "layers": any(node.body is not None for node in nodes),
            "several inputs": len(self.graph.inputs) > 1,
            "several outputs": len(self.graph.outputs) > 1,
        }
        flexible = {f"flexible {axis}" for one in self.spec.inputs.values() for axis in one.flexible}
        ops = {node.op.name for node in nodes if node.op is not None}
        dtypes = {one.dtype for one in self.spec.inputs.values()}
        return frozenset({name for name, has in given.items() if has} | flexible | ops | dtypes)

    def sizes(self) -> Iterator[Graph]:
        """Its graph at other sizes: two in most cases, and none if it is not flexible."""
        chance, seen = Random(self.seed), [self.graph.inputs]
        flexible = any(one.flexible for one in self.spec.inputs.values())
        for _ in range(20 if flexible else 0):
            sides = {axis: chance.choice((4, 6, 8, 10, 12)) for axis in [*AXES[1], *AXES[3]]}
            inputs = {}
            for name, one in self.spec.inputs.items():
                known = [sides[axis] if axis in one.flexible else 0 for axis in one.axes]
                known += [0] * (len(one.shape) - len(known))
                shape = tuple(side or old for side, old in zip(known, one.shape, strict=True))
                inputs[name] = replace(one, shape=shape)
            try:
                graph = resolve(replace(self.spec, inputs=inputs))
            except ArchError:  # too small for a window, or odd
                continue
            if graph.inputs not in seen:
                seen.append(graph.inputs)
                yield graph
            if len(seen) == 3:
                return


class Maker:
    """Makes up one spec.

    Args:
        chance: equal states give equal specs.
    """

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.rank = chance.choice((1, 2, 3))

    def one(self, choices: Iterable[Any]) -> Any:
        return self.chance.choice(list(choices))

    def now(self, share: float) -> bool:
        return self.chance.random() < share

    def spec(self) -> str:
        """The text of a spec, which may not resolve."""
        tree = json.loads(self.one((random_specs.spec, random_bodies.spec))(self.chance))
        flexible = self.now(0.45)
        if flexible:  # a shape has to be lost before a dense layer
            tree["model"] = ["global_average_pool" if step == "flatten" else step for step in tree["model"]]
        end = len(tree["model"]) - self.head(tree["model"])
        body, head = tree["model"][:end], tree["model"][end:]
        bodies = [layer for layer in tree["layers"].values() if "steps" in layer and "outputs" not in layer]
        for layer in bodies:
            layer["steps"] = self.sown(layer["steps"])
        body = self.sown(body)
        if self.now(0.5):
            sharer = Sharer(self.chance)
            for layer in bodies:
                layer["steps"] = sharer.steps(layer["steps"])
            body = sharer.steps(body)
        tree["model"] = [*body, *head]
        tree["layers"] = used(tree["layers"], tree["model"])
        self.at_rank(tree)
        self.inputs(tree, flexible)
        return json.dumps(tree, indent=1)

    def head(self, steps: list[Any]) -> int:
        """How many steps at the end are no longer on a map."""
        words = [step if isinstance(step, str) else next(iter(step)) for step in steps]
        first = next((i for i, word in enumerate(words) if word in ("global_average_pool", "flatten")), len(words))
        return len(words) - first

    def sown(self, steps: list[Any]) -> list[Any]:
        """The same steps, with some of this rank among them; the first stays, as it may have several inputs."""
        found = list(steps)
        for _ in range(self.chance.choice((0, 0, 1, 1, 2))):
            step = json.loads(json.dumps(self.one(OF_RANK[self.rank] if self.now(0.7) else OF_ANY)))
            found.insert(self.chance.randint(1, len(found)), step)
        return found

    def at_rank(self, tree: Any) -> None:
        """Writes lists with one entry for each axis, and the names of axes, for the rank."""
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            if key in ("kernel", "padding", "border") and isinstance(value, list):
                tree[key] = (value * 3)[: self.rank]
            elif isinstance(value, str) and self.rank == 1:
                tree[key] = value.replace(".height", ".length").replace(".width", ".length")
            elif isinstance(value, dict | list):
                self.at_rank(value)
        if isinstance(tree, dict) and self.rank == 3:
            for word in ("depthwise_conv", "separable_conv"):  # Keras has none for volumes
                if word in tree:
                    given = tree.pop(word)
                    tree["conv"] = {"filters": "$here.channels", **given}

    def inputs(self, tree: dict[str, Any], flexible: bool) -> None:
        """Gives the inputs shapes of the rank, dtypes and flexible axes, and turns them into floats again."""
        old = tree.pop("inputs", None) or {"input": tree.pop("input")}
        sides = [self.one(SIDES[self.rank]) for _ in range(self.rank)]
        axes = [axis for axis in AXES[self.rank] if flexible and self.now(0.7)] or (AXES[self.rank] if flexible else [])
        new: dict[str, Any] = {}
        first: list[Any] = []
        read: dict[str, str] = {}
        for name, shape in old.items():
            own = name if len(old) > 1 else "image"
            dtype = self.one(("float32", "float32", "float32", "uint8", "int32", "int64"))
            ids = dtype in IDS and not (flexible and self.rank > 1)
            new[own] = {"shape": [*sides, *([] if ids else shape[-1:])], "dtype": dtype, "flexible": axes}
            if dtype == "float32":
                read[name] = own
                continue
            read[name] = f"read_{own}"
            step = {"embedding": {"vocabulary": VOCABULARY, "size": shape[-1]}} if ids else self.to_floats()
            if ids and self.rank == 1 and self.now(0.3):
                step["embedding"]["mask_zero"] = True
            first.append({**step, "from": own, "name": read[name]})
        if self.now(0.25):
            new["mask"] = {"shape": [*sides, 1], "dtype": "bool", "flexible": axes}
            main = next(iter(read))
            first.append({"cast": {"dtype": "float32"}, "from": "mask", "name": "shown"})
            first.append({"multiply": {}, "from": [read[main], "shown"], "name": "masked"})
            read[main] = "masked"
        for name in new:
            new[name] = {key: value for key, value in new[name].items() if value not in ("float32", [])}
        steps = tree["model"]
        if len(new) == 1 and not first:
            tree["input"] = new["image"]
            return
        tree["inputs"] = new
        self.rename(steps, {"input": list(read.values()), **read} if len(old) > 1 else read)
        if isinstance(steps[0], str):
            steps[0] = {steps[0]: {}}
        steps[0].setdefault("from", list(read.values()) if len(old) > 1 else next(iter(read.values())))
        tree["model"] = [*first, *steps]

    def to_floats(self) -> dict[str, Any]:
        return self.one(({"rescale": {"scale": 0.25}}, {"cast": {"dtype": "float32"}}))

    def rename(self, steps: Any, names: dict[str, Any]) -> None:
        """Lets the steps of the model take the floats that are made of its inputs."""
        for key, value in steps.items() if isinstance(steps, dict) else enumerate(steps):
            if key == "from" and isinstance(value, list):
                found = [names.get(name, name) for name in value]
                steps[key] = [name for one in found for name in (one if isinstance(one, list) else [one])]
            elif key == "from":
                steps[key] = names.get(value, value)
            elif isinstance(value, dict | list):
                self.rename(value, names)


def used(layers: dict[str, Any], body: Any) -> dict[str, Any]:
    """The layers that a body uses, itself or through others."""
    found: dict[str, Any] = {}
    while True:
        text = json.dumps([body, list(found.values())])
        more = {name: layer for name, layer in layers.items() if name not in found and f'"{name}"' in text}
        if not more:
            return {name: layer for name, layer in layers.items() if name in found}
        found |= more


def spec(chance: Random) -> str:
    """The text of a spec, which may not resolve; equal states of `chance` give equal specs."""
    return Maker(chance).spec()


def networks(many: int, first: int = 0) -> Iterator[Network]:
    """The first small networks among the specs of the seeds; a test that fails shows the last one printed."""
    for seed in count(first):
        if not many:
            return
        maker = Maker(Random(seed))
        try:
            one = loads(maker.spec()).every()[0]
            graph = resolve(one)
        except ArchError:
            continue
        if 2 <= graph.totals.layers <= (60 if many % 10 == 1 else LARGEST) and graph.totals.parameters < 10**5:
            print(f"random network {seed}")
            many -= 1
            yield Network(seed, maker.rank, one, graph)
