"""Shortcuts given by a word: the possible words, and the layers of a projection."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from archdsl.codegen.expressions import ExpressionWriter, expression_type
from archdsl.codegen.printer import Bracket, quote
from archdsl.codegen.ranks import LayerClasses
from archdsl.codegen.references import uses_input
from archdsl.codegen.scope import SourceScope
from archdsl.codegen.sequences import sequential_call
from archdsl.errors import Span
from archdsl.expr import Expression, parse
from archdsl.ops import Op
from archdsl.resolution.shortcuts import plain_ops, shortcut_steps
from archdsl.resolution.words import possible_words as words_of_value
from archdsl.spec import Spec
from archdsl.steps import SHORTCUTS, Branches, OpCall, Step, Value

_KEEPS_CHANNELS = {"zero_pad", "lowest_pad", "max_pool", "average_pool"}
_BY_SHAPES = {"shapes": "merged[-1]", "parts": "strides"}
"""Placeholders for filters and a stride that depend on shapes; no argument has these names."""

# How a shortcut is chosen. Unlike the resolver, the generated class does not know the arguments and the shapes, so it
# contains code for every word that the spec may pass (`possible_words`). A single word needs no `if`. `auto` depends on
# the shapes when the layer is built: an identity if they are equal, else a projection. If the first branch consists of
# plain ops, a projection has its last filters and the product of its strides; otherwise both follow from the shapes.


def possible_words(spec: Spec, shortcut: Value) -> tuple[str, ...]:
    """The possible words of a shortcut, over all values that the spec passes to its arguments."""
    words = words_of_value(spec, shortcut, tuple(SHORTCUTS), tuple(SHORTCUTS))
    return tuple(word for word in SHORTCUTS if word in words or not words.keys() & SHORTCUTS.keys())


@dataclass(frozen=True)
class ShortcutChoice:
    """The possible outcomes of a shortcut.

    Args:
        branches: the branches it is parallel to.
        words: the possible words.
        filters: the filters of its projection; None if they depend on shapes.
        stride: the stride of its projection; None if it depends on shapes.
        name: its name in weight names, as source; empty if it has no layers.
        classes: the Keras classes of its ops.
    """

    branches: Branches
    words: tuple[str, ...]
    filters: Value | None
    stride: Value | None
    name: str
    classes: LayerClasses

    @classmethod
    def of(cls, branches: Branches, scope: SourceScope, name: str) -> ShortcutChoice:
        """The choice for the word or expression of some branches."""
        assert isinstance(branches.shortcut, Value)
        parts = plain_ops(branches.paths[0]) if branches.paths else None
        filters = _filters(parts) if parts else None
        stride = _stride(parts, scope.types, branches.place) if parts else None
        return cls(branches, possible_words(scope.spec, branches.shortcut), filters, stride, name, scope.classes)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The possible outcomes; `auto` is an identity or a projection."""
        words = {*self.words} | ({"projection", "identity"} if "auto" in self.words else set())
        return tuple(w for w in ("projection", "pool_projection", "pad", "identity", "none") if w in words)

    @property
    def is_static(self) -> bool:
        """Whether the spec alone determines the filters and the stride of its projection."""
        return self.filters is not None and self.stride is not None

    @property
    def is_late(self) -> bool:
        """Whether its projection must be created in `build`, because of a field that is `$channels` or its rank."""
        steps = self._steps("projection")
        return uses_input(steps) or self.classes.varies(steps)

    def _steps(self, word: str) -> tuple[Step, ...]:
        shortcut = self.branches.shortcut
        assert isinstance(shortcut, Value)
        span = shortcut.span
        filters, stride = (
            replace(value, span=span) if value else Value(parse(f"${name}"), span)
            for value, name in zip((self.filters, self.stride), _BY_SHAPES, strict=True)
        )
        return shortcut_steps(word, self.branches.projection, filters, stride)

    def call(self, word: str, scope: SourceScope) -> Bracket:
        """The `keras.Sequential` of the layers of a word; it may use `merged` and `strides`."""
        names = ExpressionWriter({**scope.names.by_name, **_BY_SHAPES})
        return sequential_call(self._steps(word), replace(scope, names=names), self.name)

    def heads(self, kind: str, exhaustive: bool) -> Iterator[tuple[str, str]]:
        """Each word with a tensor, with its `if` or `else`; a single word needs none.

        Args:
            kind: the variable with the word at run time.
            exhaustive: whether the last word may use `else`.
        """
        words = [word for word in self.outcomes if word != "none"]
        for index, word in enumerate(words):
            if len(self.outcomes) == 1:
                yield word, ""
            elif exhaustive and 0 < index == len(words) - 1:
                yield word, "else:"
            else:
                yield word, f"{'el' if index else ''}if {kind} == {quote(word)}:"


def _filters(parts: Sequence[OpCall]) -> Value | None:
    """The filters of the last op that changes the channels."""
    for part in reversed(parts):
        if value := part.fields.get("filters") or part.fields.get("units"):
            return value
        if part.op.output is not Op.output and part.op.name not in _KEEPS_CHANNELS:
            return None
    return None


def _stride(parts: Sequence[OpCall], types: Mapping[str, str], span: Span) -> Value | None:
    """The product of the strides of some ops, if each is an integer or an expression of integers."""
    number, factors = 1, []
    for part in parts:
        size = part.op.model_fields.get("size")
        value = part.fields.get("stride") or part.fields.get("size")
        content = value.content if value else size.default if size else 1
        if isinstance(content, Expression):
            factors.append(content)
        elif type(content) is int:
            number *= content
        else:
            return None
    if not factors:
        return Value(number, span)
    if len(factors) == 1 and number == 1:
        return Value(factors[0], span)
    if any(expression_type(factor.tree, types) != "int" for factor in factors):
        return None
    texts = [f.text if isinstance(f.tree, ast.Name) else f"({f.text})" for f in factors]
    return Value(parse(" * ".join([*texts, *([str(number)] if number != 1 else [])])), span)
