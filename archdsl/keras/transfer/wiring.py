"""From a network's steps to the graph that is compared: some become nodes, and the others pass on what they take."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from archdsl.keras.transfer.description import is_concat, is_symmetric
from archdsl.keras.transfer.network import Network, Step, Tensor

Atoms: TypeAlias = frozenset[tuple[int, int]]
"""What flows in a tensor: nodes, each with the number of the output that is meant."""

Place: TypeAlias = tuple[int, int]
"""How a node takes from another: at which place, 0 where places do not count, and which of its outputs."""

GONE: Final = object()
"""The label of a step that is left out, with all that only it leads to."""


@dataclass(slots=True)
class Wires:
    """The nodes, each behind those it takes from.

    Args:
        labels: of each node.
        steps: the number of each node's step.
        taken: what each node takes: another node, and how.
    """

    labels: list[Hashable] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    taken: list[list[tuple[int, Place]]] = field(default_factory=list)


def wire(network: Network, label: Callable[[int, Step], Hashable], spliced: bool = False) -> Wires:
    """The graph of those steps that have a label.

    Args:
        label: of a step; None for one that passes on what it takes, `GONE` for one that is not there.
        spliced: whether a concatenation of concatenations is one.
    """
    wires = Wires()
    given: list[Atoms | int] = []
    parts: dict[int, list[Atoms]] = {}
    for number, step in enumerate(network.steps):
        taken = [_flow(given, tensor) for tensor in step.inputs]
        told = label(number, step)
        lost = step.holder is None and bool(step.inputs) and not any(taken)
        if told is None or told is GONE or lost:
            given.append(frozenset() if told is GONE else frozenset().union(*taken))
            continue
        node = len(wires.labels)
        if is_concat(step.does):
            if spliced:
                taken = [part for atoms in taken for part in _spliced(atoms, told, wires, parts)]
            parts[node] = taken
        ordered = len(taken) > 1 and not is_symmetric(step.does)
        wires.labels.append(told)
        wires.steps.append(number)
        wires.taken.append(
            [(atom, (place + 1 if ordered else 0, out)) for place, atoms in enumerate(taken) for atom, out in atoms]
        )
        given.append(node)
    return wires


def _flow(given: list[Atoms | int], tensor: Tensor) -> Atoms:
    source = given[tensor[0]]
    return frozenset([(source, tensor[1])]) if isinstance(source, int) else source


def _spliced(atoms: Atoms, label: Hashable, wires: Wires, parts: dict[int, list[Atoms]]) -> list[Atoms]:
    """The parts of a concatenation that is a part of another one along the same axis."""
    if len(atoms) == 1:
        ((node, _),) = atoms
        if node in parts and wires.labels[node] == label:
            return parts[node]
    return [atoms]
