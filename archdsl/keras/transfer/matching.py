"""Matches the weighted layers of two networks by the layers that precede and follow them.

1. Both networks are joined into one graph of inputs, weighted layers, and ops with ordered inputs. All other ops are
   bypassed, so it does not matter how a model expresses its activations, padding and blocks.
2. The cone of a node represents everything that precedes it. A node is kept if its cone occurs equally often in both
   networks.
3. Color refinement splits the nodes with equal cones by what follows them. A class with one layer of each network is a
   match.
4. In larger classes, weights alone cannot distinguish the layers. The networks are refined again with all ops. If the
   layers are interchangeable (branches of a sum), they are matched in order. Otherwise (one branch gates another), if
   the ops do not agree, they stay unmatched.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from archdsl.keras.transfer.flat_network import Endpoint, FlatNetwork, FlatNode, WeightedLayer

Use: TypeAlias = tuple[int, int]
"""A node of a network: 0 for the source or 1 for the target, and the number of the node."""

Port: TypeAlias = tuple[int, int]
"""A connection between nodes: the position of the input (0 if the order is irrelevant), and the index of the output."""

Sources: TypeAlias = frozenset[tuple[int, int]]
"""The nodes whose outputs make up a tensor, each with the index of the output."""

REMOVED: Final = object()
"""The label of a node to omit, together with everything that follows only from it."""


@dataclass(frozen=True, slots=True)
class Matching:
    """The matched layers.

    Args:
        pairs: the layers of the source and of the target.
        alike: layers of the target with several possible matches in the source.
        ops: the first op of each network that differs from the other network, although its inputs match.
    """

    pairs: tuple[tuple[WeightedLayer, WeightedLayer], ...]
    alike: tuple[WeightedLayer, ...]
    ops: tuple[FlatNode | None, FlatNode | None]


@dataclass(slots=True)
class JointGraph:
    """The nodes of both networks, each after its inputs.

    Args:
        labels: the label of each node.
        uses: the origin of each node.
        inputs: the inputs of each node: another node, and the connection.
    """

    labels: list[Hashable] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    inputs: list[list[tuple[int, Port]]] = field(default_factory=list)


def match(
    source: FlatNetwork, target: FlatNetwork, given: Sequence[tuple[WeightedLayer, WeightedLayer]] = ()
) -> Matching:
    """Match the layers of two networks. The layers that precede a match are the same in both networks.

    Args:
        given: layers that match, whatever precedes them.
    """
    networks = source, target
    graph = _weights_graph(networks, given)
    known = _classes_by_weights(graph)
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
    # A layer of the target that is used several times must have the same match each time.
    candidates: dict[WeightedLayer, set[WeightedLayer | None]] = {}
    for number, node in enumerate(target.nodes):
        if node.layer is not None:
            candidates.setdefault(node.layer, set()).add(twin_of.get(number))
    pairs = []
    for layer, (twin, *more) in candidates.items():
        if twin is not None and not more:
            pairs.append((twin, layer))
    unmatched = tuple(dict.fromkeys(layer for layer in alike if layer is not None))
    return Matching(tuple(pairs), unmatched, _first_unmatched_ops(networks, graph, known))


def _first_unmatched_ops(
    networks: Sequence[FlatNetwork], graph: JointGraph, known: Mapping[Use, int]
) -> tuple[FlatNode | None, FlatNode | None]:
    """The first op of each network without a match, all inputs of which match."""
    first: list[FlatNode | None] = [None, None]
    for (side, number), inputs in zip(graph.uses, graph.inputs, strict=True):
        node = networks[side].nodes[number]
        is_op = node.layer is None and node.endpoint is None
        if is_op and first[side] is None and (side, number) not in known:
            first[side] = node if all(graph.uses[source] in known for source, _ in inputs) else None
    return first[0], first[1]


def _weights_graph(networks: Sequence[FlatNetwork], given: Sequence[tuple[WeightedLayer, WeightedLayer]]) -> JointGraph:
    """Join the inputs, the weighted layers, and the ops with ordered inputs.

    Given matches have a label of their own, and no inputs.

    A stem for other channels is bypassed: a layer that only one network has, and that reads an input of a size that the
    other network lacks.
    """
    signatures = set.intersection(*({layer.signature for layer in network.layers()} for network in networks))
    sizes = set.intersection(*({_size(end) for end in network.endpoints(inputs=True)} for network in networks))
    stems = set[Use]()
    for side, network in enumerate(networks):
        is_foreign: list[bool] = []  # whether the output of a node still has such channels
        for number, node in enumerate(network.nodes):
            foreign = any(is_foreign[source] for source, _ in node.inputs)
            if node.endpoint is not None:
                foreign = node.endpoint.is_input and _size(node.endpoint) not in sizes
            elif node.layer is not None:
                is_stem = foreign and node.layer.signature not in signatures
                stems |= {(side, number)} if is_stem else set()
                foreign = is_stem and not node.layer.is_trainable  # a normalization leaves the channels as they are
            is_foreign.append(foreign)

    anchors = {layer: ("given", number) for number, pair in enumerate(given) for layer in pair}

    def label(use: Use, node: FlatNode) -> Hashable:
        if node.endpoint is not None:
            size = _size(node.endpoint)
            return ("input", size if size in sizes else None) if node.endpoint.is_input else None
        if node.layer in anchors:
            return anchors[node.layer]
        if node.layer is not None:
            return None if use in stems else ("layer", node.layer.signature)
        if node.is_concat:
            return "concat", node.concat_axis
        return "ordered" if len(node.inputs) > 1 and not node.is_symmetric else None

    graph = _join(networks, label, merge_concats=True)
    for number, (side, place) in enumerate(graph.uses):
        if networks[side].nodes[place].layer in anchors:
            graph.inputs[number] = []
    return graph


def _size(end: Endpoint) -> Hashable:
    """The properties of an input that must match: its axes and channels, not the height and width of an image."""
    return len(end.shape), end.shape[-1]


def _join(
    networks: Sequence[FlatNetwork], label: Callable[[Use, FlatNode], Hashable], merge_concats: bool = False
) -> JointGraph:
    """Join the nodes that have a label.

    Args:
        label: returns the label of a node, None to bypass it, or `REMOVED` to omit it.
        merge_concats: whether to merge nested concatenations along the same axis.
    """
    graph = JointGraph()
    for side, network in enumerate(networks):
        outputs: list[Sources | int] = []  # by node: its number in the graph, or the sources that bypass it
        parts: dict[int, list[Sources]] = {}  # by concatenation
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
    """The class of each node that, like all preceding nodes, occurs equally often in both networks."""
    known: dict[Hashable, int] = {}
    cones: list[int] = []
    for label, inputs in zip(graph.labels, graph.inputs, strict=True):
        key = label, tuple(sorted((port, cones[source]) for source, port in inputs))
        cones.append(known.setdefault(key, len(known)))
    unbalanced = _unbalanced(zip(graph.uses, cones, strict=True))
    # Equal cones contain equal cones, so a class is kept or dropped as a whole.
    shared = set[int]()
    for node, inputs in enumerate(graph.inputs):
        if cones[node] not in unbalanced and shared.issuperset(source for source, _ in inputs):
            shared.add(node)
    inputs_of = {node: graph.inputs[node] for node in shared}
    sizes = Counter(cones)
    # A cone that occurs once on each side is a match, whatever follows.
    classes = Partition(cones, inputs_of, {node for node in shared if sizes[cones[node]] == 2}).classes
    bad = _unbalanced((graph.uses[node], classes[node]) for node in shared)
    while more := {classes[n] for n in shared for source, _ in inputs_of[n] if classes[source] in bad} - bad:
        bad |= more
    return {graph.uses[node]: classes[node] for node in sorted(shared) if classes[node] not in bad}


def _unbalanced(classes: Iterable[tuple[Use, int]]) -> set[int]:
    """The classes with more nodes of one network than of the other."""
    balance = Counter[int]()
    for (side, _), class_ in classes:
        balance[class_] += -1 if side else 1
    return {class_ for class_, difference in balance.items() if difference}


class Partition:
    """A partition of nodes into classes: nodes of a class have equally many neighbors of each class, in each direction.

    This is color refinement (Weisfeiler & Leman 1968): classes are split until the nodes of each have equal neighbors.

    Args:
        labels: the label of each node; nodes with different labels start in different classes.
        inputs: the inputs of each node.
        fixed: nodes that stay in their class whatever their neighbors.
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
        """Move some nodes of a class to a new class, and refine."""
        self._separate(nodes)
        self._refine(self._classes_around(nodes))

    def _refine(self, waiting: set[int]) -> None:
        """Split these classes by the neighbors of their nodes, then the classes around the split ones, and so on."""
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
    """Layers that cannot be distinguished by weights alone.

    Args:
        known: the class of each node that occurs equally often in both networks.
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
        """The node of the target for each ambiguous node of the source; empty if undecidable."""
        exact, nodes = self._partition(self._exact_label)
        by_ops = {use: exact.classes[nodes[use]] for use in self.uses}
        if not _unbalanced(by_ops.items()):
            return self._pair_one_by_one(exact, nodes)
        # The networks express their ops differently: then neither may distinguish its own layers by its ops.
        rough, nodes = self._partition(self._rough_label)
        by_merges = {use: rough.classes[nodes[use]] for use in self.uses}
        kinds = {(side, by_merges[side, number], by_ops[side, number]) for side, number in self.uses}
        is_uniform = len(kinds) == len({kind[:2] for kind in kinds})
        return self._pair_one_by_one(rough, nodes) if is_uniform and not _unbalanced(by_merges.items()) else {}

    def _node(self, use: Use) -> FlatNode:
        return self.networks[use[0]].nodes[use[1]]

    def _partition(self, label: Callable[[Use, FlatNode], Hashable]) -> tuple[Partition, dict[Use, int]]:
        """Partition both networks, and number their nodes. Inputs and matches keep their class."""
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
        """Label a node by everything that it computes."""
        if node.endpoint is not None:
            return self._endpoint_label(node.endpoint)
        if node.layer is None:
            return None if node.is_identity else node.computation()
        class_ = self.known.get(use)
        return REMOVED if class_ is None else (class_, node.computation() if self.sizes[class_] > 2 else None)

    def _rough_label(self, use: Use, node: FlatNode) -> Hashable:
        """Label a node by its Keras class only; a node with one input and no weights is bypassed."""
        if node.endpoint is not None:
            return self._endpoint_label(node.endpoint)
        if node.layer is None:
            return node.class_name if len(node.inputs) > 1 else None
        return self.known.get(use, REMOVED)

    def _endpoint_label(self, end: Endpoint) -> Hashable:
        """Label an input or output by name if both networks have the same names, otherwise by position."""
        return end.is_input, end.name if self.have_same_names[end.is_input] else end.number

    def _pair_one_by_one(self, partition: Partition, nodes: Mapping[Use, int]) -> dict[int, int]:
        """Match the first two ambiguous nodes, refine the others accordingly, and so on."""
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
