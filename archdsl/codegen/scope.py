"""The scope of generated source: the names of variables, their types, and the numbers of steps."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.codegen.arriving import here_names
from archdsl.codegen.expressions import SPEC_NAMES, ExpressionWriter, expression_type, plus, row_type, total
from archdsl.codegen.printer import flat, quote
from archdsl.codegen.ranks import LayerClasses
from archdsl.errors import Span, fail
from archdsl.expr import Expression
from archdsl.names import RESERVED, free_name
from archdsl.ops import Call
from archdsl.spec import Spec
from archdsl.steps import Fields, Value

# Unnamed steps and branches are numbered by kind: the third conv of a body is `conv_3`. After `repeat: $depth`, the
# number is known only at run time, so counts are kept as source with the names of the spec (`depth + 2`), added by
# `plus`, and translated to the names of each method (`self.depth + 2`). The kind of a branch starts with a slash.


@dataclass
class NameCounters:
    """The number of steps of each kind so far.

    Args:
        terms: the terms of the sum for each kind, as source with the names of the spec, and how often each occurs.
        variables: the run-time counter for each kind, if any; see `loops.start_counting`.
        calls: how often each kind was counted.
    """

    terms: dict[str, Counter[str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str) -> str:
        return total(self.terms.get(kind, {}))

    def advance(self, kind: str, count: str = "1") -> None:
        term, times = ("1", int(count)) if count.isdigit() else (count, 1)
        self.terms.setdefault(kind, Counter())[term] += times
        self.calls[kind] += 1

    def check(self, kind: str, span: Span) -> None:
        """Raise an error at a place if a number in the name of a step is a sum of too many terms."""
        if len(self.terms.get(kind, ())) > _MOST_TERMS:
            message = f"the number in the name of a step is a sum of more than {_MOST_TERMS} terms"
            raise fail("ARCH025", message, span, "move some of the steps before it into a layer under `layers`")


_MOST_TERMS = 50
"""The terms may all occur in the name of each step, so the source would grow quadratically."""


@dataclass(frozen=True)
class SourceScope:
    """The scope of an expression at one place of the generated source.

    Args:
        spec: the spec.
        names: the names of arguments and variables in this scope.
        types: the types of the names, as returned by `expression_type`.
        counters: the number of steps of each kind so far.
        numbered: whether a group with copies is around it, so that names get a number.
        number: the number of each step in this copy of a group as source, if it needs no counters.
        classes: the Keras classes of ops that work at several ranks.
    """

    spec: Spec
    names: ExpressionWriter
    types: Mapping[str, str]
    counters: NameCounters = field(default_factory=NameCounters)
    numbered: bool = False
    number: str = ""
    classes: LayerClasses = field(default_factory=LayerClasses)

    def inside_loop(self, columns: Fields) -> SourceScope:
        """A copy with the columns of a `for` as local variables. One that hides a name has a variable of its own."""
        taken = {*self.types, *self.names.by_name.values()}
        variables = {name: free_name(name, taken, "row") if name in self.types else name for name in columns}
        names = ExpressionWriter({**self.names.by_name, **variables})
        types = {name: row_type(column, self.types) for name, column in columns.items()}
        return replace(self, names=names, types={**self.types, **types})

    def at(self, tensor: str) -> SourceScope:
        """A copy for a step at which a tensor arrives, given as source."""
        return replace(self, names=ExpressionWriter({**self.names.by_name, **here_names(tensor)}))

    def numbered_anew(self) -> SourceScope:
        """A copy for a nested body, in which numbers start at 1."""
        return replace(self, counters=NameCounters(), numbered=False, number="")

    def write(self, value: Value) -> str:
        """The source of a value."""
        return flat(self.names.write(value.template()))

    def read(self, text: str) -> str:
        """Translate source with the names of the spec to the names in this scope."""
        return self.names.expression(ast.parse(text, mode="eval").body)

    def integer(self, value: Any) -> Any:
        """The source of an integer; an expression of floats is checked at run time."""
        if isinstance(value, Expression) and expression_type(value.tree, self.types) == "float":
            return Call("whole", (value,))
        if isinstance(value, dict):
            return {key: self.integer(item) for key, item in value.items()}
        return [self.integer(item) for item in value] if isinstance(value, list) else value

    def count(self, value: Value) -> str:
        """A `repeat` or the end of a range, as source with the names of the spec."""
        return flat(SPEC_NAMES.write(self.integer(value.template())))

    def next_name(self, kind: str) -> str:
        """The name of the next step of a kind, which is counted."""
        if self.number:
            return f"{kind}_{{{self.number}}}"
        number = self.read(plus(self.counters.count(kind), "1"))
        self.counters.advance(kind)
        return f"{kind}_{number}" if number.isdigit() else f"{kind}_{{{number}}}"

    def branch_name(self, name: str) -> str:
        """The name of a branch in weight names, as source, which is counted: the second `main` is `main_2`."""
        if "{" in name:  # it has a number of its own already
            return name_literal(name)
        earlier = self.counters.count(f"/{name}")
        self.counters.advance(f"/{name}")
        if earlier.isdigit():
            return name_literal(name if earlier == "0" else f"{name}_{int(earlier) + 1}")
        numbered, condition = name_literal(f"{name}_{{{self.read(plus(earlier, '1'))}}}"), self.read(earlier)
        return f"{numbered} if {f'({condition})' if ' ' in condition else condition} else {quote(name)}"


def name_literal(name: str) -> str:
    """A name as a string literal, or as an f-string if it contains an expression in braces."""
    if "{" not in name:
        return f'"{name}"'
    kind, _, rest = name.partition("{")
    expression, _, ending = rest.rpartition("}")
    single = ast.unparse(ast.parse(expression, mode="eval")) if '"' in expression else expression
    if '"' in single or "\\" in single:
        return f'"{kind}" + str({expression})' + (f' + "{ending}"' if ending else "")
    return f'f"{kind}{{{single}}}{ending}"'


def module_names(spec: Spec) -> set[str]:
    """The names of the generated module and of Python, which no variable of a method may have."""
    return {spec.name, *spec.layers, "divisible", "whole", *dir(builtins)} | RESERVED
