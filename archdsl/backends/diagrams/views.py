"""What of a network is worth a diagram of its own."""

from __future__ import annotations

from archdsl.graph import Graph


def views(graph: Graph) -> dict[str, Graph]:
    """What of a model is worth a diagram: the model itself, then the first use of each class of layer."""
    found: dict[str, Graph] = {}
    seen: set[int] = set()
    waiting = [graph]
    while waiting:
        body = waiting.pop()
        if id(body) not in seen:
            seen.add(id(body))
            found.setdefault(body.name, body)
            waiting += [node.body for node in reversed(body.nodes) if node.body is not None]
    return found
