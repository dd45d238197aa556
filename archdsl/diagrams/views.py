"""What of a network is worth a diagram of its own."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.diagrams.plan import Box, Item, Parallel, plan
from archdsl.graph import Graph
from archdsl.reports.summary import describe_shortcut


def views(graph: Graph) -> dict[str, Graph]:
    """What of a model is worth a diagram: the model itself, then each class of layer.

    The first use of a class goes by the class's name. One that is built otherwise has its own view, which adds what its
    shortcut is, as in `ResidualLayer-projection`, or else a number, as in `Stage-2`.
    """
    by_class: dict[str, dict[object, Graph]] = {}
    seen: set[int] = set()
    waiting = [graph]
    while waiting:
        body = waiting.pop()
        if id(body) not in seen:
            seen.add(id(body))
            by_class.setdefault(body.name, {}).setdefault(_form(plan(body, 1)), body)
            waiting += [node.body for node in reversed(body.nodes) if node.body is not None]
    return {name: body for word, bodies in by_class.items() for name, body in _named(word, [*bodies.values()])}


def _named(word: str, bodies: list[Graph]) -> Iterable[tuple[str, Graph]]:
    """Each body of a class with a name of its own."""
    shortcuts = [body.shortcut.kind if body.shortcut else "" for body in bodies]
    for number, (body, shortcut) in enumerate(zip(bodies, shortcuts, strict=True), start=1):
        is_alone = shortcut and shortcuts.count(shortcut) == 1
        yield word if number == 1 else f"{word}-{shortcut if is_alone else number}", body


def _form(items: Iterable[Item]) -> tuple[object, ...]:
    """Equal for bodies that are built alike, whatever their sizes and however often something is repeated."""
    forms: list[object] = []
    for item in items:
        if isinstance(item, Box):
            body = item.main.body
            forms.append((item.main.kind, describe_shortcut(body)) if body else tuple(node.kind for node in item.step))
        elif isinstance(item, Parallel):
            forms.append(
                (item.merge.kind, tuple((branch.is_shortcut, _form(branch.items)) for branch in item.branches))
            )
    return tuple(one for one, before in zip(forms, [None, *forms], strict=False) if one != before)
