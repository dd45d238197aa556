"""Translation of `for`, `when` and `repeat` to Python's `for` and `if`, and the numbering of the copies."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from archdsl.codegen.expressions import SPEC_NAMES, ExpressionWriter, plus, total, value_type
from archdsl.codegen.printer import Bracket, Source, flat, quote
from archdsl.codegen.scope import SourceScope
from archdsl.steps import Branch, Branches, Loop, Step


@dataclass(frozen=True)
class LoopClauses:
    """The loop around a step or a branch, as source.

    Args:
        name: the name of one copy, with an expression in braces if its number is known only at run time.
        header: the `for` clause; empty for a single copy.
        condition: the condition of `when` inside the loop; empty if there is none.
        scope: the scope inside the loop.
    """

    name: str
    header: str
    condition: str
    scope: SourceScope

    @property
    def of_comprehension(self) -> tuple[str, ...]:
        """The `for` and the `if` of a comprehension."""
        return (self.header, *([f"if {self.condition}"] if self.condition else []))

    def assigned_list(self, variable: str, copy: Source) -> Bracket:
        """`variable = [copy for ...]`, or `variable = [copy] if ... else []`."""
        if self.header:
            return Bracket(f"{variable} = [", (copy, *self.of_comprehension), "]", "comprehension")
        alone = Bracket("[", (copy,), "]", "list")
        return Bracket(f"{variable} = ", (alone, f"if {self.condition}", "else []"), "", "operands")


def loop_clauses(item: Step | Branch, scope: SourceScope, number: str = "number") -> LoopClauses:
    """The clauses for the copies of a step or a branch, which are added to the counters of the scope.

    `repeat: $depth` of a conv after two others becomes `for number in range(3, depth + 3)`, with the name
    `conv_{number}`. `for: {width: [4, 6]}` becomes `for number, width in enumerate([4, 6], start=3)`; a table
    becomes a `zip` of its columns. Copies whose `when` is false are also numbered.

    Args:
        item: the step or branch.
        scope: the scope of the clauses.
        number: the variable that counts the copies.
    """
    loop, kind = item.loop, item.base_name
    scope.counters.check(kind, item.span)
    inner = scope.inside_loop(loop.columns)
    condition = inner.write(loop.when) if loop.when is not None else ""
    if not loop.many:
        is_unique = item.name and not (scope.numbered and isinstance(item, Step))
        return LoopClauses(kind if is_unique else scope.next_name(kind), "", condition, scope)
    count = scope.counters.count(kind)
    if not loop.columns:
        assert loop.repeat is not None
        times = scope.count(loop.repeat)
        ends = [scope.read(plus(*terms)) for terms in ((count, "1"), (count, times, "1"))]
        scope.counters.advance(kind, _times_if_kept(loop, times))
        return LoopClauses(f"{kind}_{{{number}}}", f"for {number} in range({', '.join(ends)})", condition, scope)
    columns = list(loop.columns)
    variables = {name: inner.names.by_name[name] for name in columns}
    target = ", ".join(variables.values())
    rows, length = _rows(loop, scope)
    if loop.repeat is not None:
        times = _times_if_kept(loop, inner.count(loop.repeat))
        each = ExpressionWriter(variables).expression(ast.parse(times, mode="eval").body)
        length = f"sum({each} for {target} in {rows})"
        row = next(name for name in ("row", "row_of_table", "row_of_columns") if name not in inner.types)
        cells = {name: row if len(columns) == 1 else f"{row}[{index}]" for index, name in enumerate(columns)}
        own_times = ExpressionWriter(cells).expression(ast.parse(times, mode="eval").body)
        rows = f"({row} for {row} in {rows} for _ in range({own_times}))"
    scope.counters.advance(kind, length)
    if loop.repeat is None and len(columns) == 1 and rows.startswith("range("):
        own = scope.read(plus(target, count, "1"))
        return LoopClauses(f"{kind}_{{{own}}}", f"for {target} in {scope.read(rows)}", condition, inner)
    target = target if len(columns) == 1 else f"({target})"
    start = scope.read(plus(count, "1"))
    header = f"for {number}, {target} in enumerate({scope.read(rows)}, start={start})"
    return LoopClauses(f"{kind}_{{{number}}}", header, condition, inner)


def _times_if_kept(loop: Loop, times: str) -> str:
    """How many numbers a repeated sequence uses: one if its `when` is false."""
    if loop.when is None or times == "1":
        return times
    return f"({times} if {flat(SPEC_NAMES.write(loop.when.template()))} else 1)"


def _rows(loop: Loop, scope: SourceScope) -> tuple[str, str]:
    """The rows of a `for` and their count, as source with the names of the spec."""
    texts, count = [], ""
    for value in loop.columns.values():
        text = flat(SPEC_NAMES.write(value.template()))
        if isinstance(value.content, tuple):
            count = str(len(value.content))
        elif value_type(value, scope.types) in ("list", "floats"):
            count = count or f"len({text})"
        else:
            length = scope.count(value)
            text = f"range({length})"
            count = count if count.isdigit() else length
        texts.append(text)
    if len(texts) == 1:
        return texts[0], count
    literal = all(isinstance(v.content, tuple | int) for v in loop.columns.values())
    return f"zip({', '.join(texts)}{'' if literal else ', strict=True'})", count


# If the counts differ between the copies of repeated branches, the generated code keeps them: it sets
# `counts = {"conv": 2, ...}` before the loop, numbers the steps inside the loop from `counts["conv"]`, and updates the
# counts at the end of each copy.


def start_counting(branches: Branches, scope: SourceScope, local: Callable[[str], str]) -> Iterator[Source]:
    """Write the lines before repeated branches that start counting their kinds at run time.

    Args:
        branches: the repeated branches.
        scope: the scope of the lines.
        local: function that returns a free variable.
    """
    variables = scope.counters.variables
    kinds = list(dict.fromkeys(_kinds(branches)))
    new = [kind for kind in kinds if kind not in variables]
    yield from _counted([kind for kind in kinds if kind not in new], scope)
    if new:
        variable = local("counts")
        items = tuple(f"{quote(kind)}: {scope.read(scope.counters.count(kind))}" for kind in new)
        yield Bracket(f"{variable} = {{", items, "}", "list")
        variables |= {kind: f"{variable}[{quote(kind)}]" for kind in new}
        scope.counters.terms |= {kind: Counter([variables[kind]]) for kind in new}


def kinds_once(step: Step, scope: SourceScope) -> list[str]:
    """The kinds in a repeated group if each copy has one step of each kind, which has the number of the copy."""
    assert isinstance(step.action, Branches)
    kinds = list(_kinds(step.action))
    is_plain = all(inner.loop == Loop() and not isinstance(inner.action, Branches) for inner in step.action.after)
    counts = {scope.counters.count(kind) for kind in (step.base_name, *kinds)}
    is_group = step.action.is_group and step.loop.many and step.loop.when is None
    return kinds if is_group and is_plain and len(set(kinds)) == len(kinds) and len(counts) == 1 else []


def count_copy(branches: Branches, scope: SourceScope) -> Iterator[str]:
    """Write the lines that update the counts after one copy of repeated branches."""
    return _counted(dict.fromkeys(_kinds(branches)), scope)


def _counted(kinds: Iterable[str], scope: SourceScope) -> Iterator[str]:
    counters = scope.counters
    for kind in kinds:
        more = total(counters.terms[kind] - Counter([counters.variables[kind]]))
        if more != "0":
            yield f"{counters.variables[kind]} += {scope.read(more)}"
        counters.terms[kind] = Counter([counters.variables[kind]])


def count_if(step: Step, scope: SourceScope, before: Mapping[str, Counter[str]]) -> None:
    """Make the counts since `before`, a copy of the counters, depend on the `when` of a step."""
    assert step.loop.when is not None
    condition = scope.count(step.loop.when)
    for kind, terms in scope.counters.terms.items():
        known, variable = before.get(kind, Counter()), scope.counters.variables.get(kind, "")
        if known and variable in terms and variable not in known:
            continue  # `start_counting` has replaced the known terms
        more = total(terms - known)
        if more != "0":
            scope.counters.terms[kind] = known + Counter([f"({more} if {condition} else 0)"])
            scope.counters.check(kind, step.span)


def _kinds(branches: Branches) -> Iterator[str]:
    """The kinds that branches count in the enclosing body; kinds of branches start with a slash."""
    for branch in branches.paths:
        yield f"/{branch.name}" if branch.name and not branch.loop.many else branch.base_name
    if branches.may_have_steps:
        yield "/shortcut"
    if branches.merge is not None:
        yield branches.merge_name
    for step in branches.after:
        if isinstance(step.action, Branches):
            yield from _kinds(step.action)
        else:
            yield step.base_name
