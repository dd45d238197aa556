"""What holds of every graph, whatever spec it comes from."""

from __future__ import annotations

from archdsl.graph import Graph, total


def sound(graph: Graph) -> None:
    """What holds of every graph: inputs come first, sums are sums, names are unique, weights are counted."""
    seen = dict(graph.inputs)
    assert seen
    names = set(seen)
    for node in graph.nodes:
        assert node.name not in names
        names.add(node.name)
        assert node.name in (node.step, f"{node.step}_{node.role}")
        assert node.path == tuple(node.name.split("/")[:-1])
        assert all(ref == (f"{ref.node}.{ref.output}" if ref.output else ref.node) for ref in node.inputs)
        assert (node.shortcut is not None) == ("shortcut" in node.parts)
        shapes = [seen[ref] for ref in node.inputs]
        if node.op is not None:
            assert node.op.output(*shapes) == node.shape
            own = {name: weight for name, weight in node.op.weights(*shapes).items() if name not in node.tied}
            assert dict(node.weights) == own
        else:
            assert node.body is not None
            assert list(node.body.inputs.values()) == shapes
            assert {name: end.shape for name, end in node.body.outputs.items()} == (
                dict(node.outputs) or {"output": node.shape}
            )
            sound(node.body)
        assert all(side > 0 for side in node.shape)
        seen |= node.output_shapes
    assert all(end.shape == seen[end.ref] for end in graph.outputs.values())
    assert graph.totals == total(graph.nodes)
    weights = list(graph.weights())
    assert len({name for name, _ in weights}) == len(weights) == graph.totals.variables
    assert sum(weight.size for _, weight in weights) == graph.totals.parameters
    assert leads_to_the_end(graph)


def leads_to_the_end(graph: Graph) -> bool:
    """Whether every node and every input is used."""
    takes = {node.name: {ref.node for ref in node.inputs} for node in graph.nodes}
    pending, used = [end.ref.node for end in graph.outputs.values()], set()
    while pending:
        name = pending.pop()
        if name not in used:
            used.add(name)
            pending += takes.get(name, ())
    return used >= takes.keys() | graph.inputs.keys()
