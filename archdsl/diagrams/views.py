"""The views of a network: the model, and each class of layer."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.diagrams.plan import Box, Group, Item, Parallel, plan
from archdsl.graph import Graph
from archdsl.reports.summary import describe_shortcut


def views(graph: Graph) -> dict[str, Graph]:
    """Return the views of a model by name: the model itself, then each class of layer.

    The view of the first use has the name of the class. Uses with a different structure have their own views, named
    after their shortcut, as in `ResidualLayer-projection`, or numbered, as in `Stage-2`.
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
    """Yield the bodies of a class with unique names."""
    shortcuts = [body.shortcut.kind if body.shortcut else "" for body in bodies]
    for number, (body, shortcut) in enumerate(zip(bodies, shortcuts, strict=True), start=1):
        is_alone = shortcut and shortcuts.count(shortcut) == 1
        yield word if number == 1 else f"{word}-{shortcut if is_alone else number}", body


def _form(items: Iterable[Item]) -> tuple[object, ...]:
    """A key that is equal for bodies with the same structure, whatever their sizes and numbers of repetitions."""
    forms: list[object] = []
    for item in items:
        if isinstance(item, Box):
            body = item.main.body
            forms.append((item.main.kind, describe_shortcut(body)) if body else tuple(node.kind for node in item.step))
        elif isinstance(item, Group):
            forms.append(_form(item.items))
        elif isinstance(item, Parallel):
            forms.append(
                (item.merge.kind, tuple((branch.is_shortcut, _form(branch.items)) for branch in item.branches))
            )
    return tuple(one for one, before in zip(forms, [None, *forms], strict=False) if one != before)
