"""Pairs the layers with weights of two networks by what leads to them and by what they lead to.

1. Both networks become one graph of inputs, layers with weights, and ops whose inputs have an order. All other ops
   pass on what they take, so it does not matter how a model writes its activations, pads and blocks.
2. A node's cone stands for all that leads to it. Nodes stay if both networks have each cone equally often.
3. Color refinement splits the nodes of equal cones by what they lead to. A class of one layer from each network is a
   pair.
4. In larger classes, weights alone cannot tell the layers apart. Their networks are refined again with all ops: if the
   layers can be exchanged (branches of a sum), they are paired in order; if not (one branch gates another) and the ops
   do not agree, they stay unpaired.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from archdsl.keras.transfer.flat_network import Endpoint, FlatNetwork, FlatNode, WeightedLayer

Use: TypeAlias = tuple[int, int]
"""A node of a network: 0 for the source or 1 for the target, and the node's number there."""

Port: TypeAlias = tuple[int, int]
"""How a node takes from another: at which place, 0 if places do not count, and which of its outputs."""

Sources: TypeAlias = frozenset[tuple[int, int]]
"""The nodes whose outputs make up a tensor, each with the number of that output."""

REMOVED: Final = object()
"""The label of a node that is left out, with all that only it leads to."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Which layer is which.

    Args:
        pairs: of the source and of the target.
        alike: layers of the target with several twins in the source, none of which is the right one for certain.
    """

    pairs: tuple[tuple[WeightedLayer, WeightedLayer], ...]
    alike: tuple[WeightedLayer, ...]


@dataclass(slots=True)
class JointGraph:
    """Nodes of both networks, each after those that it takes from.

    Args:
        labels: of each node.
        uses: where each node is from.
        inputs: what each node takes: another node, and how.
    """

    labels: list[Hashable] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    inputs: list[list[tuple[int, Port]]] = field(default_factory=list)


def match(source: FlatNetwork, target: FlatNetwork) -> Matching:
    """Pairs the layers of two networks. What leads to a pair from the inputs is the same in both."""
    networks = source, target
    known = _classes_by_weights(_weights_graph(networks))
    twins: dict[int, tuple[list[int], list[int]]] = {}
    for (side, number), class_ in known.items():
        if networks[side].nodes[number].layer is not None:
            twins.setdefault(class_, ([], []))[side].append(number)
    is_certain = all(len(ones) == 1 for ones, _ in twins.values())
    settled = {} if is_certain else Lookalikes(networks, known).settle()
    twin_of: dict[int, WeightedLayer | None] = {}
    alike: list[WeightedLayer | None] = []
    for ones, others in twins.values():
        if len(ones) == 1:
            twin_of[others[0]] = source.nodes[ones[0]].layer
        elif ones[0] in settled:
            twin_of |= {settled[one]: source.nodes[one].layer for one in ones}
        else:
            alike += [target.nodes[other].layer for other in others]
    # A layer of the target that is used several times must have the same twin each time.
    candidates: dict[WeightedLayer, set[WeightedLayer | None]] = {}
    for number, node in enumerate(target.nodes):
        if node.layer is not None:
            candidates.setdefault(node.layer, set()).add(twin_of.get(number))
    pairs = []
    for layer, (twin, *more) in candidates.items():
        if twin is not None and not more:
            pairs.append((twin, layer))
    return Matching(tuple(pairs), tuple(dict.fromkeys(layer for layer in alike if layer is not None)))


def _weights_graph(networks: Sequence[FlatNetwork]) -> JointGraph:
    """The inputs, the layers with weights, and the ops whose inputs have an order.

    A stem for other channels is passed over: a layer that one network alone has, and that reads an input with a size
    that the other network has not.
    """
    signatures = set.intersection(*({layer.signature for layer in network.layers()} for network in networks))
    sizes = set.intersection(*({_size(end) for end in network.endpoints(inputs=True)} for network in networks))
    stems = set[Use]()
    for side, network in enumerate(networks):
        is_foreign: list[bool] = []  # whether a node's output still has such channels
        for number, node in enumerate(network.nodes):
            foreign = any(is_foreign[source] for source, _ in node.inputs)
            if node.endpoint is not None:
                foreign = node.endpoint.is_input and _size(node.endpoint) not in sizes
            elif node.layer is not None:
                is_stem = foreign and node.layer.signature not in signatures
                stems |= {(side, number)} if is_stem else set()
                foreign = is_stem and not node.layer.is_trainable  # a normalization leaves the channels as they are
            is_foreign.append(foreign)

    def label(use: Use, node: FlatNode) -> Hashable:
        if node.endpoint is not None:
            size = _size(node.endpoint)
            return ("input", size if size in sizes else None) if node.endpoint.is_input else None
        if node.layer is not None:
            return None if use in stems else ("layer", node.layer.signature)
        if node.is_concat:
            return "concat", node.concat_axis
        return "ordered" if len(node.inputs) > 1 and not node.is_symmetric else None

    return _join(networks, label, merge_concats=True)


def _size(end: Endpoint) -> Hashable:
    """What must fit of an input: its axes and channels, not the height and width of an image."""
    return len(end.shape), end.shape[-1]


def _join(
    networks: Sequence[FlatNetwork], label: Callable[[Use, FlatNode], Hashable], merge_concats: bool = False
) -> JointGraph:
    """The graph of those nodes that have a label.

    Args:
        label: of a node; None for one that passes on what it takes, `REMOVED` for one that is left out.
        merge_concats: whether a concatenation of concatenations along the same axis is one.
    """
    graph = JointGraph()
    for side, network in enumerate(networks):
        outputs: list[Sources | int] = []  # of each node: its number in the graph, or what it passes on
        parts: dict[int, list[Sources]] = {}  # of each concatenation
        for number, node in enumerate(network.nodes):
            taken: list[Sources] = []
            for source, output in node.inputs:
                sources = outputs[source]
                taken.append(frozenset([(sources, output)]) if isinstance(sources, int) else sources)
            name = label((side, number), node)
            is_lost = node.layer is None and bool(node.inputs) and not any(taken)
            if name is None or name is REMOVED or is_lost:
                outputs.append(frozenset() if name is REMOVED else frozenset().union(*taken))
                continue
            own = len(graph.labels)
            if merge_concats and node.is_concat:
                flat: list[Sources] = []
                for sources in taken:
                    inner = next(iter(sources))[0] if len(sources) == 1 else -1
                    flat += parts[inner] if inner in parts and graph.labels[inner] == name else [sources]
                taken = parts[own] = flat
            is_ordered = len(taken) > 1 and not node.is_symmetric
            graph.labels.append(name)
            graph.uses.append((side, number))
            graph.inputs.append(
                [
                    (source, (place if is_ordered else 0, output))
                    for place, sources in enumerate(taken, 1)
                    for source, output in sources
                ]
            )
            outputs.append(own)
    return graph


def _classes_by_weights(graph: JointGraph) -> dict[Use, int]:
    """The class of each node that both networks have equally often, as all have that lead to it."""
    known: dict[Hashable, int] = {}
    cones: list[int] = []
    for label, inputs in zip(graph.labels, graph.inputs, strict=True):
        key = label, tuple(sorted((port, cones[source]) for source, port in inputs))
        cones.append(known.setdefault(key, len(known)))
    unbalanced = _unbalanced(zip(graph.uses, cones, strict=True))
    # Equal cones contain equal cones, so a class stays or goes as a whole.
    shared = set[int]()
    for node, inputs in enumerate(graph.inputs):
        if cones[node] not in unbalanced and shared.issuperset(source for source, _ in inputs):
            shared.add(node)
    inputs_of = {node: graph.inputs[node] for node in shared}
    sizes = Counter(cones)
    # One cone on each side is a pair, whatever reads it.
    classes = Partition(cones, inputs_of, {node for node in shared if sizes[cones[node]] == 2}).classes
    bad = _unbalanced((graph.uses[node], classes[node]) for node in shared)
    while more := {classes[n] for n in shared for source, _ in inputs_of[n] if classes[source] in bad} - bad:
        bad |= more
    return {graph.uses[node]: classes[node] for node in sorted(shared) if classes[node] not in bad}


def _unbalanced(classes: Iterable[tuple[Use, int]]) -> set[int]:
    """The classes that have more nodes of one network than of the other."""
    balance = Counter[int]()
    for (side, _), class_ in classes:
        balance[class_] += -1 if side else 1
    return {class_ for class_, difference in balance.items() if difference}


class Partition:
    """The nodes of a graph in classes: nodes of one class have equally many neighbors of each class, either way.

    This is color refinement (Weisfeiler & Leman 1968): classes are split until none has nodes with other neighbors.

    Args:
        labels: of each node; nodes with different labels are in different classes from the start.
        inputs: what each node takes.
        fixed: nodes that stay in their class whatever their neighbors are.
    """

    def __init__(
        self, labels: Sequence[Hashable], inputs: Mapping[int, list[tuple[int, Port]]], fixed: Collection[int]
    ) -> None:
        numbers: dict[Hashable, int] = {}
        self.classes = [numbers.setdefault(label, len(numbers)) for label in labels]
        self.members: list[set[int]] = [set() for _ in numbers]
        for node, class_ in enumerate(self.classes):
            self.members[class_].add(node)
        self._neighbors: list[list[tuple[int, bool, Port]]] = [[] for _ in labels]
        for node, taken in inputs.items():
            for source, port in taken:
                self._neighbors[node].append((source, True, port))
                self._neighbors[source].append((node, False, port))
        self._fixed = fixed
        self._refine(set(range(len(self.members))))

    def single_out(self, nodes: Collection[int]) -> None:
        """Puts some nodes of one class into a class of their own, and refines."""
        self._separate(nodes)
        self._refine(self._classes_around(nodes))

    def _refine(self, waiting: set[int]) -> None:
        """Splits these classes by their nodes' neighbors, then the classes around what was split, and so on."""
        while waiting:
            groups: dict[Hashable, list[int]] = defaultdict(list)
            members = self.members[waiting.pop()]
            for node in members if len(members) > 1 else ():
                if node not in self._fixed:
                    around = sorted((self.classes[other], *how) for other, *how in self._neighbors[node])
                    groups[tuple(around)].append(node)
            smaller = sorted(groups.values(), key=len)[:-1]
            for group in smaller:
                self._separate(group)
            for group in smaller:
                waiting |= self._classes_around(group)

    def _separate(self, nodes: Collection[int]) -> None:
        for node in nodes:
            self.members[self.classes[node]].remove(node)
            self.classes[node] = len(self.members)
        self.members.append(set(nodes))

    def _classes_around(self, nodes: Collection[int]) -> set[int]:
        return {self.classes[other] for node in nodes for other, _, _ in self._neighbors[node]}


class Lookalikes:
    """Layers that weights alone cannot tell apart.

    Args:
        known: the class of each node that both networks have equally often.
    """

    def __init__(self, networks: Sequence[FlatNetwork], known: Mapping[Use, int]) -> None:
        self.networks = networks
        self.known = known
        self.sizes = Counter(known.values())
        self.uses = [use for use, class_ in known.items() if self.sizes[class_] > 2 and self._node(use).layer]
        self.have_same_names: dict[bool, bool] = {}
        for inputs in (True, False):
            one, other = ([end.name for end in network.endpoints(inputs=inputs)] for network in networks)
            self.have_same_names[inputs] = sorted(one) == sorted(other) and len({*one}) == len(one)

    def settle(self) -> dict[int, int]:
        """The target's node for each of the source's lookalikes; empty if that stays open."""
        exact, nodes = self._partition(self._exact_label)
        by_ops = {use: exact.classes[nodes[use]] for use in self.uses}
        if not _unbalanced(by_ops.items()):
            return self._pair_one_by_one(exact, nodes)
        # The networks write their ops differently: then neither may tell its own lookalikes apart by its ops.
        rough, nodes = self._partition(self._rough_label)
        by_merges = {use: rough.classes[nodes[use]] for use in self.uses}
        kinds = {(side, by_merges[side, number], by_ops[side, number]) for side, number in self.uses}
        is_uniform = len(kinds) == len({kind[:2] for kind in kinds})
        return self._pair_one_by_one(rough, nodes) if is_uniform and not _unbalanced(by_merges.items()) else {}

    def _node(self, use: Use) -> FlatNode:
        return self.networks[use[0]].nodes[use[1]]

    def _partition(self, label: Callable[[Use, FlatNode], Hashable]) -> tuple[Partition, dict[Use, int]]:
        """Both networks in classes, and each node's number there. Inputs and pairs keep their class."""
        graph = _join(self.networks, label)
        fixed = set[int]()
        for number, use in enumerate(graph.uses):
            node = self._node(use)
            is_pair = node.layer is not None and self.sizes[self.known[use]] == 2
            if is_pair or (node.endpoint is not None and node.endpoint.is_input):
                fixed.add(number)
        partition = Partition(graph.labels, dict(enumerate(graph.inputs)), fixed)
        return partition, {use: number for number, use in enumerate(graph.uses)}

    def _exact_label(self, use: Use, node: FlatNode) -> Hashable:
        """A node by all that it computes."""
        if node.endpoint is not None:
            return self._endpoint_label(node.endpoint)
        if node.layer is None:
            return None if node.is_identity else node.computation()
        class_ = self.known.get(use)
        return REMOVED if class_ is None else (class_, node.computation() if self.sizes[class_] > 2 else None)

    def _rough_label(self, use: Use, node: FlatNode) -> Hashable:
        """A node by its Keras class alone; one that takes one tensor and has no weights is passed over."""
        if node.endpoint is not None:
            return self._endpoint_label(node.endpoint)
        if node.layer is None:
            return node.class_name if len(node.inputs) > 1 else None
        return self.known.get(use, REMOVED)

    def _endpoint_label(self, end: Endpoint) -> Hashable:
        """An input or output by its name if both networks have the same names, and else by its position."""
        return end.is_input, end.name if self.have_same_names[end.is_input] else end.number

    def _pair_one_by_one(self, partition: Partition, nodes: Mapping[Use, int]) -> dict[int, int]:
        """Pairs the first two lookalikes, refines by what that says of the others, and so on."""
        uses = {node: use for use, node in nodes.items()}
        pairs = {}
        for side, number in self.uses:
            node = nodes[side, number]
            class_ = partition.classes[node]
            if side == 0 and len(partition.members[class_]) > 2:
                twins = sorted(other for other in partition.members[class_] if uses[other][0] == 1)
                if not twins:
                    return {}
                partition.single_out((node, twins[0]))
        for side, number in self.uses:
            pair = sorted(uses[node] for node in partition.members[partition.classes[nodes[side, number]]])
            if [use[0] for use in pair] != [0, 1]:
                return {}
            pairs[pair[0][1]] = pair[1][1]
        return pairs
