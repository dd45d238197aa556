"""Which weights of one network another can take over: by path and shape, and by what the steps are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from archdsl.diff.alignment import Alignment
from archdsl.graph import Graph
from archdsl.ops import Shape, Weight


@dataclass(frozen=True, slots=True)
class WeightTensor:
    """A weight tensor of the second network; of the first where it is missing.

    Args:
        was: its path in the first network, where that is another one.
        before: its shape there, where that is another one.
    """

    path: str
    shape: Shape
    size: int
    was: str = ""
    before: Shape | None = None


@dataclass(frozen=True, slots=True)
class CarriedWeights:
    """The weight tensors of two networks.

    Every tensor of the second is in one of `carried`, `moved`, `reshaped` and `new`. What is `missing` is in the first
    alone: the second has nothing of its path, and nothing is filled from it.

    Args:
        carried: of the same path and shape.
        strangers: those of `carried` that another step of the first network has: the path fits, and the work does not.
        moved: of the same step and shape, under another path.
        reshaped: of the same path, and another shape.
    """

    carried: tuple[WeightTensor, ...]
    strangers: tuple[WeightTensor, ...]
    moved: tuple[WeightTensor, ...]
    reshaped: tuple[WeightTensor, ...]
    new: tuple[WeightTensor, ...]
    missing: tuple[WeightTensor, ...]


def carried_weights(before: Graph, after: Graph, align: Callable[[Graph, Graph], Alignment]) -> CarriedWeights:
    """Sorts the weight tensors of two networks."""
    old, new = dict(before.weights()), dict(after.weights())
    sources = dict(_sources(before, after, "", "", align))
    carried, strangers, moved, reshaped, fresh = [], [], [], [], []

    def tensor(path: str, weight: Weight, was: str = "") -> WeightTensor:
        return WeightTensor(path, weight.shape, weight.size, was)

    for path, weight in new.items():
        there, source = old.get(path), sources.get(path, "")
        fits = bool(source) and old[source].shape == weight.shape
        if there is not None and there.shape == weight.shape:
            carried.append(tensor(path, weight))
            if source != path:
                strangers.append(tensor(path, weight, source))
        elif fits:
            moved.append(tensor(path, weight, source))
        elif there is not None:
            reshaped.append(WeightTensor(path, weight.shape, weight.size, "", there.shape))
        else:
            fresh.append(tensor(path, weight))
    used = {tensor.was for tensor in moved}
    missing = [tensor(path, weight) for path, weight in old.items() if path not in new and path not in used]
    return CarriedWeights(*map(tuple, (carried, strangers, moved, reshaped, fresh, missing)))


def parameters(tensors: tuple[WeightTensor, ...]) -> int:
    """How many parameters some tensors have."""
    return sum(tensor.size for tensor in tensors)


def _sources(
    before: Graph, after: Graph, old: str, new: str, align: Callable[[Graph, Graph], Alignment]
) -> Iterator[tuple[str, str]]:
    """The path of each weight of the second network whose step the first has, too, and its path there."""
    for pair in align(before, after).pairs:
        one, other = pair.before.main, pair.after.main
        if one.body is not None and other.body is not None:
            yield from _sources(one.body, other.body, f"{old}{one.name}/", f"{new}{other.name}/", align)
        roles: Mapping[str, str] = {node.role: node.name for node in pair.before.nodes}
        known = {f"{node.role} {name}" for node in pair.before.nodes for name in node.weights}
        for node in pair.after.nodes:
            for name in node.weights:
                if f"{node.role} {name}" in known:
                    yield f"{new}{node.name}/{name}", f"{old}{roles[node.role]}/{name}"
