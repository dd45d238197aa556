"""Pairs the layers with weights of two networks by what leads to them and by what they lead to.

First by weights alone: two layers are the same where their weights have the same shapes, and the same layers lead to
them from the inputs and follow them. So it does not matter how a model writes its activations, pads and blocks. Those
that stay alike are looked at again with all ops (see `likeness`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from archdsl.keras.transfer.description import axis_of, is_concat, is_symmetric
from archdsl.keras.transfer.likeness import Likeness
from archdsl.keras.transfer.network import End, Holder, Label, Network, Step
from archdsl.keras.transfer.partition import Edge, Partition
from archdsl.keras.transfer.wiring import Wires, wire

Side = int
"""0 for the source, 1 for the target."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Which layer is which.

    Args:
        pairs: of the source and of the target.
        alike: layers of the target with several twins in the source, none of which is the right one for certain.
    """

    pairs: tuple[tuple[Holder, Holder], ...]
    alike: tuple[Holder, ...]


def match(source: Network, target: Network) -> Matching:
    """Pairs the layers of two networks. What leads to a pair from the inputs is the same in both."""
    networks = source, target
    wires = _wired(networks)
    offset = len(wires[0].labels)
    colours = _leading(wires)
    kept = _in_both(wires, colours)
    edges = _edges(wires, kept)
    labels = [colour if node in kept else (node,) for node, colour in enumerate(colours)]
    sizes = Counter(colours[node] for node in kept)
    # What leads to it tells a node for certain where there is one on each side, whatever its readers are.
    classes = Partition(labels, edges, {node for node in kept if sizes[colours[node]] == 2}).colours
    sound = _sound(classes, kept, edges, offset)
    steps = [(side, step) for side in (0, 1) for step in wires[side].steps]
    known = {steps[node]: classes[node] for node in sorted(sound)}
    found = _found(networks, known)
    if any(len(ones) > 1 for ones, _ in found.values()):
        settled = Likeness(networks, known).settled()
    else:
        settled = {}
    calls, alike = [], []
    for ones, others in found.values():
        if len(ones) == 1:
            calls.append((ones[0], others[0]))
        elif ones[0] in settled:
            calls += [(one, settled[one]) for one in ones]
        else:
            alike += [target.steps[other].holder for other in others]
    pairs = _consistent(networks, calls)
    return Matching(pairs, tuple(dict.fromkeys(holder for holder in alike if holder is not None)))


def _found(networks: Sequence[Network], known: dict[tuple[Side, int], int]) -> dict[int, tuple[list[int], list[int]]]:
    """The steps with weights of both sides by their class."""
    found: dict[int, tuple[list[int], list[int]]] = {}
    for (side, step), colour in known.items():
        if networks[side].steps[step].holder is not None:
            found.setdefault(colour, ([], []))[side].append(step)
    return found


def _wired(networks: tuple[Network, Network]) -> tuple[Wires, Wires]:
    """Both as graphs of inputs, layers with weights, and ops for which the order of their inputs counts."""
    labels = [{holder.label for holder in network.holders()} for network in networks]
    seen = [{_size(end) for end in network.ends(inputs=True)} for network in networks]
    one, other = (
        wire(network, _labelled(network, labels[0] & labels[1], seen[0] & seen[1]), spliced=True)
        for network in networks
    )
    return one, other


def _size(end: End) -> Hashable:
    """What must fit of an input: its axes and channels, not the sides of an image."""
    return len(end.shape), end.shape[-1]


def _labelled(network: Network, shared: set[Label], sizes: set[Hashable]) -> Callable[[int, Step], Hashable]:
    """What each step is. A layer that alone reads images of other channels is passed over."""
    foreign: list[bool] = []  # whether other channels than the other network knows come in here
    stems = set()
    for number, step in enumerate(network.steps):
        comes = any(foreign[source] for source, _ in step.inputs)
        if isinstance(step.does, End):
            comes = step.does.is_input and _size(step.does) not in sizes
        elif step.holder is not None:
            is_stem = comes and step.holder.label not in shared
            stems |= {number} if is_stem else set()
            comes = is_stem and not step.holder.trains  # statistics leave the channels as they are
        foreign.append(comes)

    def label(number: int, step: Step) -> Hashable:
        if isinstance(step.does, End):
            size = _size(step.does)
            return ("input", size if size in sizes else None) if step.does.is_input else None
        if step.holder is not None:
            return None if number in stems else ("layer", step.holder.label)
        if is_concat(step.does):
            return "concat", axis_of(step)
        return "ordered" if len(step.inputs) > 1 and not is_symmetric(step.does) else None

    return label


def _leading(wires: Sequence[Wires]) -> list[int]:
    """A colour for each node of both: the same where all that leads to them is the same."""
    known: dict[Hashable, int] = {}
    colours: list[int] = []
    for one in wires:
        own: list[int] = []
        for label, taken in zip(one.labels, one.taken, strict=True):
            key = label, tuple(sorted((place, own[node]) for node, place in taken))
            own.append(known.setdefault(key, len(known)))
        colours += own
    return colours


def _in_both(wires: Sequence[Wires], colours: Sequence[int]) -> set[int]:
    """The nodes to which the same leads as often in both, and to which nothing else leads."""
    offset = len(wires[0].labels)
    taken = [[node for node, _ in nodes] for nodes in wires[0].taken]
    taken += [[node + offset for node, _ in nodes] for nodes in wires[1].taken]
    kept = set(range(len(colours)))
    while True:
        counts = [Counter(colours[node] for node in kept if (node < offset) == first) for first in (True, False)]
        left = set[int]()
        for node in sorted(kept):
            if counts[0][colours[node]] == counts[1][colours[node]] and left.issuperset(taken[node]):
                left.add(node)
        if left == kept:
            return kept
        kept = left


def _edges(wires: Sequence[Wires], kept: set[int]) -> list[Edge]:
    offset = len(wires[0].labels)
    every = chain(
        ((one, node, place) for node, taken in enumerate(wires[0].taken) for one, place in taken),
        ((one + offset, node + offset, place) for node, taken in enumerate(wires[1].taken) for one, place in taken),
    )
    return [edge for edge in every if edge[0] in kept and edge[1] in kept]


def _sound(classes: Sequence[int], kept: Iterable[int], edges: Sequence[Edge], offset: int) -> set[int]:
    """The nodes of classes with as many nodes on both sides, to which only such nodes lead."""
    balance = Counter[int]()
    for node in kept:
        balance[classes[node]] += 1 if node < offset else -1
    bad = {colour for colour in classes if balance[colour]}
    while more := {classes[node] for one, node, _ in edges if classes[one] in bad} - bad:
        bad |= more
    return {node for node in kept if classes[node] not in bad}


def _consistent(networks: Sequence[Network], calls: Iterable[tuple[int, int]]) -> tuple[tuple[Holder, Holder], ...]:
    """The pairs of layers: a layer of the target that is used several times has the same twin each time."""
    twins: dict[int, Holder | None] = {other: networks[0].steps[one].holder for one, other in calls}
    found: dict[Holder, set[Holder | None]] = {}
    for number, step in enumerate(networks[1].steps):
        if step.holder is not None:
            found.setdefault(step.holder, set()).add(twins.get(number))
    pairs = []
    for holder, ones in found.items():
        twin = next(iter(ones))
        if twin is not None and len(ones) == 1:
            pairs.append((twin, holder))
    return tuple(pairs)
