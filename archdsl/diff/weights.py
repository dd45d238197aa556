"""The weights that one network can take over from another, by path and shape and by their steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from archdsl.diff.alignment import Alignment
from archdsl.graph import Graph
from archdsl.ops import Shape, Weight


@dataclass(frozen=True, slots=True)
class WeightTensor:
    """A weight tensor of the second network, or of the first if the second does not have it.

    Args:
        path: its path.
        shape: its shape.
        size: its number of parameters.
        was: its path in the first network, if different.
        before: its shape in the first network, if different.
    """

    path: str
    shape: Shape
    size: int
    was: str = ""
    before: Shape | None = None


@dataclass(frozen=True, slots=True)
class CarriedWeights:
    """The weight tensors of two networks.

    Every tensor of the second network is in one of `carried`, `moved`, `reshaped` and `new`.

    Args:
        carried: tensors with the same path and shape.
        strangers: tensors in `carried` that belong to a different step of the first network, despite their path.
        moved: tensors of the same step and shape, under a different path.
        reshaped: tensors with the same path and a different shape.
        new: tensors that only the second network has.
        missing: tensors that only the first network has.
    """

    carried: tuple[WeightTensor, ...]
    strangers: tuple[WeightTensor, ...]
    moved: tuple[WeightTensor, ...]
    reshaped: tuple[WeightTensor, ...]
    new: tuple[WeightTensor, ...]
    missing: tuple[WeightTensor, ...]


def carried_weights(before: Graph, after: Graph, align: Callable[[Graph, Graph], Alignment]) -> CarriedWeights:
    """Classify the weight tensors of two networks."""
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
    """Return the number of parameters in some tensors."""
    return sum(tensor.size for tensor in tensors)


def _sources(
    before: Graph, after: Graph, old: str, new: str, align: Callable[[Graph, Graph], Alignment]
) -> Iterator[tuple[str, str]]:
    """Yield the paths in both networks of each weight whose step both have, that in the second network first."""
    for pair in align(before, after).pairs:
        one, other = pair.before.main, pair.after.main
        if one.shares or other.shares:
            continue
        if one.body is not None and other.body is not None:
            yield from _sources(one.body, other.body, f"{old}{one.name}/", f"{new}{other.name}/", align)
        roles: Mapping[str, str] = {node.role: node.name for node in pair.before.nodes}
        known = {f"{node.role} {name}" for node in pair.before.nodes for name in node.weights}
        for node in pair.after.nodes:
            for name in node.weights:
                if f"{node.role} {name}" in known:
                    yield f"{new}{node.name}/{name}", f"{old}{roles[node.role]}/{name}"
