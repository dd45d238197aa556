"""Alignment of the steps of two bodies, by name where possible, otherwise by the fewest edits.

How it works: first, branches are matched from the outside in, by name or by content. Then the steps of each matched
branch are aligned in order, with an edit distance whose costs prefer equal names, then equal work. Common prefixes and
suffixes are removed before, and above `MOST` pairs only names count. The remaining steps are paired across the whole
body: steps with equal name and work, steps with weights and equal work, and steps with equal name and kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archdsl.diff.steps import ComparedStep, steps_of
from archdsl.graph import BranchPath, Graph, StepName

MOST = 250_000
"""The number of pairs of steps in a branch up to which edit distances are computed; above it, only names count."""

ALONE = 1.0
"""The cost of an added or removed step. A moved step costs a little, and a changed one almost as much as this."""

_MOVED, _CHANGED, _FIELD, _OTHER = 0.001, 0.8, 0.05, 1.5


@dataclass(frozen=True, slots=True)
class StepPair:
    """A step that both bodies have.

    Args:
        before: the step in the first body.
        after: the step in the second body.
        crossed: whether its position among its neighbors changed.
    """

    before: ComparedStep
    after: ComparedStep
    crossed: bool = False


@dataclass(frozen=True)
class Alignment:
    """The alignment of two bodies.

    Args:
        pairs: the steps that both bodies have.
        removed: the steps that only the first body has.
        added: the steps that only the second body has.
        branches: the renamed branches, from old to new name.
    """

    pairs: tuple[StepPair, ...]
    removed: tuple[ComparedStep, ...]
    added: tuple[ComparedStep, ...]
    branches: Mapping[BranchPath, BranchPath]

    @cached_property
    def of_before(self) -> Mapping[str, StepPair]:
        """The pairs by the names of all nodes in the first body."""
        return {node.name: pair for pair in self.pairs for node in pair.before.nodes}

    @cached_property
    def of_after(self) -> Mapping[str, StepPair]:
        """The pairs by the names of all nodes in the second body."""
        return {node.name: pair for pair in self.pairs for node in pair.after.nodes}


def align(before: Graph, after: Graph) -> Alignment:
    """Align the steps of two bodies."""
    old, new = _by_branch(steps_of(before)), _by_branch(steps_of(after))
    branches = _matched_branches(old, new)
    pairs: list[StepPair] = []
    for branch, other in branches.items():
        pairs += _in_order(old.get(branch, []), new.get(other, []))
    removed, added = _left(old, (p.before for p in pairs)), _left(new, (p.after for p in pairs))
    for rule in (_same_place, _same_work, _same_name):
        found = rule(removed, added, branches)
        pairs += found
        removed = _without(removed, (p.before for p in found))
        added = _without(added, (p.after for p in found))
    renamed = {branch: other for branch, other in branches.items() if branch != other}
    order = {step.name: number for number, step in enumerate(steps_of(after))}
    pairs.sort(key=lambda pair: order[pair.after.name])
    return Alignment(tuple(pairs), tuple(removed), tuple(added), renamed)


def _by_branch(steps: Iterable[ComparedStep]) -> dict[BranchPath, list[ComparedStep]]:
    found: dict[BranchPath, list[ComparedStep]] = {(): []}
    for step in steps:
        for depth in range(len(step.name.path) + 1):
            found.setdefault(step.name.path[:depth], [])
        found[step.name.path].append(step)
    return found


def _left(branches: Mapping[BranchPath, list[ComparedStep]], taken: Iterable[ComparedStep]) -> list[ComparedStep]:
    return _without([step for steps in branches.values() for step in steps], taken)


def _without(steps: list[ComparedStep], taken: Iterable[ComparedStep]) -> list[ComparedStep]:
    names = {step.name for step in taken}
    return [step for step in steps if step.name not in names]


def _matched_branches(
    old: Mapping[BranchPath, list[ComparedStep]], new: Mapping[BranchPath, list[ComparedStep]]
) -> dict[BranchPath, BranchPath]:
    """Match branches of the two bodies that have the same name or the same steps."""
    found: dict[BranchPath, BranchPath] = {(): ()}
    pending: list[BranchPath] = [()]
    while pending:
        parent = pending.pop()
        inner, others = _inside(old, parent), _inside(new, found[parent])
        names = {other[-1]: other for other in others}
        matched = {one: names[one[-1]] for one in inner if one[-1] in names}
        free = [other for other in others if other not in matched.values()]
        for one in inner:
            alike = [other for other in free if _content(new, other) == _content(old, one)]
            if one not in matched and alike:
                matched[one] = alike[0]
                free.remove(alike[0])
        found |= matched
        pending += matched
    return found


def _inside(branches: Iterable[BranchPath], parent: BranchPath) -> list[BranchPath]:
    return sorted(branch for branch in branches if len(branch) == len(parent) + 1 and branch[:-1] == parent)


def _content(
    branches: Mapping[BranchPath, list[ComparedStep]], path: BranchPath
) -> list[tuple[BranchPath, list[tuple[str, str]]]]:
    """The content of a branch, independent of its name."""
    size = len(path)
    return sorted((one[size:], [s.signature for s in steps]) for one, steps in branches.items() if one[:size] == path)


def _in_order(old: Sequence[ComparedStep], new: Sequence[ComparedStep]) -> list[StepPair]:
    """Pair the steps of a branch in order, with the fewest edits."""
    first, last = 0, 0
    while first < min(len(old), len(new)) and _same(old[first], new[first]):
        first += 1
    while last < min(len(old), len(new)) - first and _same(old[-1 - last], new[-1 - last]):
        last += 1
    ends = [
        *zip(old[:first], new[:first], strict=True),
        *zip(old[len(old) - last :], new[len(new) - last :], strict=True),
    ]
    old, new = old[first : len(old) - last], new[first : len(new) - last]
    middle = _fewest_edits(old, new) if len(old) * len(new) <= MOST else _by_name(old, new)
    return [StepPair(one, other) for one, other in [*ends, *middle]]


def _same(one: ComparedStep, other: ComparedStep) -> bool:
    return one.name.own == other.name.own and one.signature == other.signature


def _by_name(old: Sequence[ComparedStep], new: Sequence[ComparedStep]) -> list[tuple[ComparedStep, ComparedStep]]:
    """Pair steps with equal names, as long as their order is the same."""
    names = {step.name.own: number for number, step in enumerate(new)}
    found, last = [], -1
    for step in old:
        number = names.get(step.name.own, -1)
        if number > last and new[number].kind == step.kind:
            found.append((step, new[number]))
            last = number
    return found


def _fewest_edits(old: Sequence[ComparedStep], new: Sequence[ComparedStep]) -> list[tuple[ComparedStep, ComparedStep]]:
    """Pair the steps with the least edit distance (Wagner & Fischer 1974), independent of the order of the lists."""
    costs = [[ALONE * column for column in range(len(new) + 1)]]
    paired = [[cost(one, other) for other in new] for one in old]
    for i in range(len(old)):
        above, row = costs[-1], [ALONE * (i + 1)]
        for j in range(len(new)):
            row.append(min(above[j] + paired[i][j], above[j + 1] + ALONE, row[j] + ALONE))
        costs.append(row)
    found = []
    i, j = len(old), len(new)
    while i and j:
        here = costs[i][j]
        if here == costs[i - 1][j - 1] + paired[i - 1][j - 1]:
            i, j = i - 1, j - 1
            found.append((old[i], new[j]))
            continue
        gone, come = here == costs[i - 1][j] + ALONE, here == costs[i][j - 1] + ALONE
        # Break ties by the steps themselves, so that swapping the lists gives the same alignment.
        if gone and (not come or _key(old[i - 1]) >= _key(new[j - 1])):
            i -= 1
        else:
            j -= 1
    return found[::-1]


def _key(step: ComparedStep) -> tuple[str, tuple[str, str]]:
    return step.name.own, step.signature


def cost(one: ComparedStep, other: ComparedStep) -> float:
    """The cost of pairing two steps; unrelated steps cost more than removing one and adding the other."""
    is_named = one.name.own == other.name.own
    if one.signature == other.signature:
        return 0 if is_named else _MOVED
    if one.kind == other.kind:
        return _changed(one, other) if is_named else _OTHER
    if one.main.body and other.main.body and (one.settings, one.totals) == (other.settings, other.totals):
        return _CHANGED  # the layer was renamed
    merges = one.main.role == other.main.role == "merge"
    return _OTHER if merges or (is_named and not one.is_numbered) else 3 * ALONE


def _changed(one: ComparedStep, other: ComparedStep) -> float:
    fields: int = sum(
        one.settings.get(name) != other.settings.get(name) for name in one.settings.keys() | other.settings.keys()
    )
    return float(min(_CHANGED + _FIELD * fields, _OTHER))


def _same_place(
    removed: list[ComparedStep], added: list[ComparedStep], branches: Mapping[BranchPath, BranchPath]
) -> list[StepPair]:
    """Pair steps with equal name and work whose position among their neighbors changed."""
    names = {step.name: step for step in added}
    places = [(step, names.get(_place(step, branches))) for step in removed]
    return [
        StepPair(one, other, True) for one, other in places if other is not None and one.signature == other.signature
    ]


def _place(step: ComparedStep, branches: Mapping[BranchPath, BranchPath]) -> StepName:
    """The name that a step of the first body has in the second, if its number did not change."""
    name = step.name
    return StepName(name.base, name.number, branches.get(name.path, name.path))


def _same_work(
    removed: list[ComparedStep], added: list[ComparedStep], _: Mapping[BranchPath, BranchPath]
) -> list[StepPair]:
    """Pair steps with weights and equal work, anywhere in the body."""
    waiting: dict[tuple[str, str], list[ComparedStep]] = defaultdict(list)
    for step in added:
        if step.totals.variables:
            waiting[step.signature].append(step)
    return [StepPair(step, waiting[step.signature].pop(0), True) for step in removed if waiting.get(step.signature)]


def _same_name(
    removed: list[ComparedStep], added: list[ComparedStep], branches: Mapping[BranchPath, BranchPath]
) -> list[StepPair]:
    """Pair steps with equal name and kind that were changed and moved."""
    names = {step.name: step for step in added}
    places = [(step, names.get(_place(step, branches))) for step in removed]
    return [StepPair(one, other, True) for one, other in places if other is not None and one.kind == other.kind]
