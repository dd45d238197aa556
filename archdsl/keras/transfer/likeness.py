"""Layers that stay alike when only weights are looked at: are they exchangeable, or does an op tell them apart.

Two branches with the same weights may be summed, and then it does not matter which is which; or one of them may gate
the other, and then it does. So all ops are looked at, in the places around the layers that are paired already.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial

from archdsl.keras.transfer.description import described, kind_of, passes_on
from archdsl.keras.transfer.network import End, Network, Step
from archdsl.keras.transfer.partition import Edge, Partition
from archdsl.keras.transfer.wiring import GONE, wire

Call = tuple[int, int]
"""A step of the source (0) or of the target (1)."""


class Likeness:
    """The layers that are alike.

    Args:
        known: the class of each step whose class has as many members in both networks.
    """

    def __init__(self, networks: Sequence[Network], known: Mapping[Call, int]) -> None:
        self.networks = networks
        self.known = known
        self.sizes: dict[int, int] = {}
        for colour in known.values():
            self.sizes[colour] = self.sizes.get(colour, 0) + 1
        self.alike = [call for call, colour in known.items() if self.sizes[colour] > 2 and self._weighs(call)]
        self.names = [_same_names(networks, inputs=inputs) for inputs in (True, False)]

    def settled(self) -> dict[int, int]:
        """The target's step for each of the source's steps that are alike; nothing where that stays open."""
        exact, nodes = self._partition(self._exactly)
        strict = {call: exact.colours[nodes[call]] for call in self.alike}
        if self._balanced(exact, nodes):
            return self._one_by_one(exact, nodes)
        # The networks say their ops otherwise: then each must not tell its own alike layers apart at all.
        rough, nodes = self._partition(self._roughly)
        kinds = {(side, rough.colours[nodes[side, step]], strict[side, step]) for side, step in self.alike}
        uniform = len(kinds) == len({kind[:2] for kind in kinds})
        return self._one_by_one(rough, nodes) if uniform and self._balanced(rough, nodes) else {}

    def _weighs(self, call: Call) -> bool:
        return self.networks[call[0]].steps[call[1]].holder is not None

    def _partition(self, label: Callable[[Call, Step], Hashable]) -> tuple[Partition, dict[Call, int]]:
        """Both networks in classes, and the node of each step; layers that are paired keep their class."""
        labels: list[Hashable] = []
        edges: list[Edge] = []
        nodes: dict[Call, int] = {}
        for side, network in enumerate(self.networks):
            wires = wire(network, partial(_of_side, label, side))
            first = len(labels)
            labels += wires.labels
            nodes |= {(side, step): first + node for node, step in enumerate(wires.steps)}
            edges += [
                (first + one, first + node, place) for node, taken in enumerate(wires.taken) for one, place in taken
            ]
        fixed = {node for call, node in nodes.items() if self._is_fixed(call)}
        return Partition(labels, edges, fixed), nodes

    def _is_fixed(self, call: Call) -> bool:
        does = self.networks[call[0]].steps[call[1]].does
        return (self._weighs(call) and self.sizes[self.known[call]] == 2) or (isinstance(does, End) and does.is_input)

    def _exactly(self, call: Call, step: Step) -> Hashable:
        """A step by all that it computes."""
        if isinstance(step.does, End):
            return self._end(step.does)
        if step.holder is None:
            return None if passes_on(step.does) else described(step)
        colour = self.known.get(call)
        return GONE if colour is None else (colour, described(step) if self.sizes[colour] > 2 else None)

    def _roughly(self, call: Call, step: Step) -> Hashable:
        """A step by its class alone; what takes one tensor and has no weights is passed over."""
        if isinstance(step.does, End):
            return self._end(step.does)
        if step.holder is None:
            return kind_of(step.does) if len(step.inputs) > 1 else None
        return self.known.get(call, GONE)

    def _end(self, end: End) -> Hashable:
        """An input or an output by its name, where both networks have the same names, and else by its place."""
        return end.is_input, end.name if self.names[0 if end.is_input else 1] else end.number

    def _balanced(self, partition: Partition, nodes: Mapping[Call, int]) -> bool:
        """Whether each class has as many layers of the source as of the target."""
        balance: dict[int, int] = {}
        for side, step in self.alike:
            colour = partition.colours[nodes[side, step]]
            balance[colour] = balance.get(colour, 0) + (-1 if side else 1)
        return not any(balance.values())

    def _one_by_one(self, partition: Partition, nodes: Mapping[Call, int]) -> dict[int, int]:
        """Pairs the first of those that are alike, and looks at what that says of the others, until none are left."""
        calls = {node: call for call, node in nodes.items()}
        colours, members = partition.colours, partition.members
        for side, step in self.alike:
            node = nodes[side, step]
            if side == 0 and len(members[colours[node]]) > 2:
                twins = sorted(other for other in members[colours[node]] if calls[other][0] == 1)
                if not twins:
                    return {}
                partition.single_out((node, twins[0]))
        found = {}
        for side, step in self.alike:
            pair = sorted(calls[node] for node in members[colours[nodes[side, step]]])
            if [call[0] for call in pair] != [0, 1]:
                return {}
            found[pair[0][1]] = pair[1][1]
        return found


def _of_side(label: Callable[[Call, Step], Hashable], side: int, number: int, step: Step) -> Hashable:
    return label((side, number), step)


def _same_names(networks: Sequence[Network], *, inputs: bool) -> bool:
    """Whether the ends of both have the same names, each its own."""
    names = [[end.name for end in network.ends(inputs=inputs)] for network in networks]
    return sorted(names[0]) == sorted(names[1]) and len(set(names[0])) == len(names[0])
