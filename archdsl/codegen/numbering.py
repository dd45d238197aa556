"""The numbers in names of layers: known as source, or counted in variables where paths are repeated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archdsl.codegen.printer import Bracket, Names, Source, quote
from archdsl.spec import Branch, Branches, Step

_PLAIN = Names({})


@dataclass
class Numbers:
    """The numbers that names of a lane go on from: how many of each kind there were, as source in the spec's names.

    Args:
        counters: the kinds that are counted while the lines run, each with its count as source.
    """

    counts: dict[str, list[str]] = field(default_factory=dict)
    counters: dict[str, str] = field(default_factory=dict)

    def offset(self, kind: str) -> str:
        """How many of the kind came before."""
        return plus(*self.counts.get(kind, ()))

    def advance(self, kind: str, count: str = "1") -> None:
        self.counts.setdefault(kind, []).append(count)

    def segment(self, name: str, read: Callable[[str], str]) -> str:
        """A path's name among the names of weights, as source; the second `main` of a body is `main_2`.

        Args:
            read: source in the spec's names, as it reads there.
        """
        if "{" in name:  # it has a number of its own already
            return name_literal(name)
        number = self.offset(f"/{name}")
        self.advance(f"/{name}")
        if not number.isdigit():
            numbered, earlier = name_literal(f"{name}_{{{read(plus(number, '1'))}}}"), read(number)
            return f"{numbered} if {f'({earlier})' if ' ' in earlier else earlier} else {quote(name)}"
        return name_literal(name if number == "0" else f"{name}_{int(number) + 1}")

    def counted(self, branches: Branches, local: Callable[[str], str], read: Callable[[str], str]) -> Iterator[Source]:
        """The lines before repeated paths, from which on the kinds in them are counted in a dict.

        Args:
            local: gives a free variable.
            read: source in the spec's names, as it reads there.
        """
        kinds = list(dict.fromkeys(_kinds(branches)))
        new = [kind for kind in kinds if kind not in self.counters]
        for kind in kinds:
            if kind not in new:
                yield from self._caught_up(kind, read)
        if new:
            variable = local("counts")
            items = tuple(f"{quote(kind)}: {read(self.offset(kind))}" for kind in new)
            yield Bracket(f"{variable} = {{", items, "}", "list")
            self.counters |= {kind: f"{variable}[{quote(kind)}]" for kind in new}
            self.counts |= {kind: [self.counters[kind]] for kind in new}

    def under(self, condition: str, before: Mapping[str, Sequence[str]]) -> None:
        """Counts what came since `before` only where a condition holds."""
        for kind, counts in self.counts.items():
            known = before.get(kind, ())
            more = plus(*counts[len(known) :])
            if more != "0":
                self.counts[kind] = [*known, f"({more} if {condition} else 0)"]

    def caught_up(self, branches: Branches, read: Callable[[str], str]) -> Iterator[str]:
        """The lines that count what one copy of repeated paths has made."""
        for kind in dict.fromkeys(_kinds(branches)):
            yield from self._caught_up(kind, read)

    def _caught_up(self, kind: str, read: Callable[[str], str]) -> Iterator[str]:
        more = plus(*self.counts[kind][1:])
        if more != "0":
            yield f"{self.counters[kind]} += {read(more)}"
        self.counts[kind] = [self.counters[kind]]


def _kinds(branches: Branches) -> Iterator[str]:
    """The kinds whose numbers branches take in the branch around them; those of paths begin with a slash."""
    for path in branches.paths:
        yield f"/{path.name}" if path.name and not path.loop.many else path_kind(path)
    if branches.may_have_steps:
        yield "/shortcut"
    if branches.merge is not None:
        yield branches.merge.op.name
    yield from _step_kinds(branches.after)


def _step_kinds(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if isinstance(step.action, Branches):
            yield from _kinds(step.action)
        else:
            yield step.name or step.kind


def path_kind(path: Branch) -> str:
    """What a path's number counts."""
    return path.name or "path"


def plus(*terms: str) -> str:
    """The sum of some terms as source, as short as it can be told: `depth - 1` and 1 give `depth`."""
    known, kept = 0, []
    for term in terms:
        tree = ast.parse(term, mode="eval").body
        while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub) and _is_int(tree.right):
            known += tree.right.value * (1 if isinstance(tree.op, ast.Add) else -1)  # type: ignore[attr-defined]
            tree = tree.left
        if _is_int(tree):
            known += tree.value  # type: ignore[attr-defined]
        else:
            kept.append(tree)
    if not kept:
        return str(known)
    total = kept[0]
    for tree in kept[1:]:
        total = ast.BinOp(total, ast.Add(), tree)
    if known:
        total = ast.BinOp(total, ast.Add() if known > 0 else ast.Sub(), ast.Constant(abs(known)))
    return _PLAIN.expression(total)


def _is_int(tree: ast.expr) -> bool:
    return isinstance(tree, ast.Constant) and type(tree.value) is int


def name_literal(name: str) -> str:
    """A name as a literal; one with an expression in braces becomes an f-string."""
    if "{" not in name:
        return f'"{name}"'
    kind, _, rest = name.partition("{")
    expression, _, ending = rest.rpartition("}")
    single = ast.unparse(ast.parse(expression, mode="eval")) if '"' in expression else expression
    if '"' in single or "\\" in single:
        return f'"{kind}" + str({expression})' + (f' + "{ending}"' if ending else "")
    return f'f"{kind}{{{single}}}{ending}"'
