"""Patterns of named axes in the notation of einops: `(h p) (w q) c -> (h w) (p q c)`. Imports no framework."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeAlias

from archdsl.ops.base import OpError, Shape, show

LONGEST = 500
"""The maximum length of a pattern."""

MOST_AXES = 24
"""The maximum number of different axes, because `einsum` has a letter for each of them and for the batch."""

ELLIPSIS = "..."

# How it works. A pattern has sides: its inputs, separated by commas, and its output after `->`. A side has a group for
# each axis of the tensor, without the batch. A group is the product of its axes: `(h p)` is one axis of length h * p,
# `c` is a group of one axis, `1` and `()` are groups of none. Every part has its place in the text, for error messages.
# When the shapes are known, `...` is replaced by as many groups as the tensor has further axes, and the length of each
# axis is inferred.


class PatternError(Exception):
    """An error in a pattern.

    Args:
        message: the error message.
        offset: where the wrong part begins in the pattern.
        width: the number of characters of the wrong part.
        hint: the help line.
    """

    def __init__(self, message: str, offset: int = 0, width: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.offset, self.width, self.hint = offset, width, hint


class Axis(NamedTuple):
    """An axis of a pattern: its name, which is unique for a number, its place, and the length if it is a number."""

    name: str
    offset: int
    length: int | None = None

    @property
    def width(self) -> int:
        return len(str(self.length)) if self.length else len(self.name)

    def described(self, lengths: Mapping[str, int]) -> str:
        """The axis with its length: `p = 16`."""
        return str(self.length) if self.length else f"{self.name} = {lengths[self.name]}"


class Group(NamedTuple):
    """One axis of a tensor: the product of some axes of the pattern."""

    axes: tuple[Axis, ...]
    offset: int
    width: int


class Side(NamedTuple):
    """The axes of an input or of the output, and its place in the pattern."""

    groups: tuple[Group, ...]
    offset: int
    width: int

    @property
    def axes(self) -> tuple[Axis, ...]:
        return tuple(axis for group in self.groups for axis in group.axes)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    def shape(self, lengths: Mapping[str, int]) -> Shape:
        """The shape of the tensor, for the length of each axis."""
        return tuple(math.prod(lengths[axis.name] for axis in group.axes) for group in self.groups)

    def expanded(self, more: int) -> "Side":
        """The side with `more` axes for its `...`."""
        groups: list[Group] = []
        for group in self.groups:
            whole = [axis for axis in group.axes if axis.name != ELLIPSIS]
            if len(whole) == len(group.axes):
                groups.append(group)
                continue
            at = next(axis.offset for axis in group.axes if axis.name == ELLIPSIS)
            others = [Axis(f"{ELLIPSIS}{i}", at) for i in range(more)]
            if len(group.axes) == 1 and group.width == len(ELLIPSIS):
                groups += [Group((axis,), at, len(ELLIPSIS)) for axis in others]
            else:
                inner = chain.from_iterable(others if axis.name == ELLIPSIS else [axis] for axis in group.axes)
                groups.append(group._replace(axes=tuple(inner)))
        return self._replace(groups=tuple(groups))


Sides: TypeAlias = tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern."""

    inputs: Sides
    output: Side

    def matched(self, shapes: Sequence[Shape], field: str) -> "Pattern":
        """The pattern for some shapes, without `...`.

        Args:
            shapes: the shapes of the inputs.
            field: the argument that contains the pattern.

        Raises:
            OpError: The number of inputs or of their axes differs.
        """
        if len(shapes) != len(self.inputs):
            first, last = self.inputs[0], self.inputs[-1]
            place = first.offset, last.offset + last.width - first.offset
            message = f"the pattern has {_counted(len(self.inputs), 'input')}, got {len(shapes)}"
            raise OpError(message, field, "separate the inputs by commas, and name them in `from`", place)
        extra: int | None = None
        sides = []
        for side, shape in zip(self.inputs, shapes, strict=True):
            named = sum(ELLIPSIS not in (axis.name for axis in group.axes) for group in side.groups)
            open_ended = named < len(side.groups)
            more = len(shape) - named
            if more < 0 or (more and not open_ended):
                wanted = f"{'at least ' if open_ended else ''}{_counted(named, 'axis')}"
                message = f"the pattern expects {wanted} without the batch, got {show(shape)}"
                hint = f"name each axis of {show(shape)} in the pattern" if shape else ""
                raise OpError(message, field, hint, (side.offset, side.width))
            if open_ended:
                if extra is not None and more != extra:
                    at = next(axis.offset for axis in side.axes if axis.name == ELLIPSIS)
                    message = f"`...` is {_counted(more, 'axis')} here, but {extra} in an input before"
                    raise OpError(message, field, "", (at, len(ELLIPSIS)))
                extra = more
            sides.append(side.expanded(more))
        return Pattern(tuple(sides), self.output.expanded(extra or 0))

    def lengths(self, shapes: Sequence[Shape], sizes: Mapping[str, int], field: str) -> dict[str, int]:
        """The length of each axis; the pattern has no `...` any more.

        Args:
            shapes: the shapes of the inputs.
            sizes: the lengths that are given.
            field: the argument that contains the pattern.

        Raises:
            OpError: A length cannot be inferred, or two lengths disagree.
        """
        found = {**{axis.name: axis.length for side in self.inputs for axis in side.axes if axis.length}, **sizes}
        lengths: dict[str, int] = {name: length for name, length in found.items() if length is not None}
        for side, shape in zip(self.inputs, shapes, strict=True):
            for number, (group, length) in enumerate(zip(side.groups, shape, strict=True)):
                _infer(group, length, lengths, field, f"axis {number + 1} of {show(shape)}")
        return lengths


def _infer(group: Group, length: int, lengths: dict[str, int], field: str, where: str) -> None:
    """Enter the length of the axis of a group that is not known yet, or check that all agree."""
    known = math.prod(lengths[axis.name] for axis in group.axes if axis.name in lengths)
    unknown = [axis for axis in group.axes if axis.name not in lengths]
    place = group.offset, group.width
    if len(unknown) > 1:
        names = " and ".join(f"`{axis.name}`" for axis in unknown)
        hint = f"give all but one of their sizes, as in `{unknown[-1].name}: 2`"
        raise OpError(f"cannot infer the sizes of {names} from {length}", field, hint, place)
    if unknown and length % known == 0:
        lengths[unknown[0].name] = length // known
    elif unknown:
        parts = " * ".join(axis.described(lengths) for axis in group.axes if axis.name in lengths)
        raise OpError(f"{where} is not divisible by {parts}", field, "", place)
    elif known != length and len(group.axes) == 1:
        (axis,) = group.axes
        name = f"`{axis.name}`" if axis.length is None else "this axis"
        raise OpError(f"{name} is {known}, but {where} is {length}", field, "", place)
    elif known != length:
        raise OpError(f"the product of these axes is {known}, but {where} is {length}", field, "", place)


_TOKEN = re.compile(r"\.\.\.|[A-Za-z][A-Za-z0-9_]*|[0-9]+|[()]|\s+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def names(text: str) -> frozenset[str]:
    """The names of axes in the text of a pattern, which may be wrong."""
    return frozenset(_NAME.findall(text[:LONGEST]))


def parse(text: str) -> Pattern:
    """Parse a pattern.

    Raises:
        PatternError: The text is not a pattern, or an axis occurs twice.
    """
    if len(text) > LONGEST:
        raise PatternError(f"the pattern is longer than {LONGEST} characters")
    left, arrow, right = text.partition("->")
    if not arrow:
        raise PatternError("the pattern has no `->`", 0, len(text), "write the axes of the output after `->`")
    if "->" in right:
        at = text.rindex("->")
        raise PatternError("the pattern has two `->`", at, 2, "write one `->`, between the inputs and the output")
    inputs, offset = [], 0
    for part in left.split(","):
        inputs.append(_side(part, offset))
        offset += len(part) + 1
    pattern = Pattern(tuple(inputs), _side(right, len(left) + 2))
    if len({axis.name for side in (*pattern.inputs, pattern.output) for axis in side.axes}) > MOST_AXES:
        raise PatternError(f"the pattern has more than {MOST_AXES} axes", 0, len(text))
    return pattern


def _tokens(text: str, offset: int) -> Iterator[tuple[str, int]]:
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            hint = "write axes as words, separated by spaces: `(h p) (w q) c -> (h w) (p q c)`"
            raise PatternError(f"unexpected `{text[at]}` in a pattern", offset + at, 1, hint)
        if not token[0].isspace():
            yield token[0], offset + at
        at = token.end()


def _side(text: str, offset: int) -> Side:
    groups: list[Group] = []
    seen: set[str] = set()
    inside: list[Axis] | None = None
    opened = 0
    for word, at in _tokens(text, offset):
        if word == "(":
            if inside is not None:
                raise PatternError("a group cannot contain a group", at, 1, "remove the inner `(` and `)`")
            inside, opened = [], at
        elif word == ")":
            if inside is None:
                raise PatternError("`)` without a `(`", at, 1, "add the `(`, or remove the `)`")
            groups.append(Group(tuple(inside), opened, at + 1 - opened))
            inside = None
        else:
            axes = [] if word == "1" else [_axis(word, at, seen)]
            if inside is None:
                groups.append(Group(tuple(axes), at, len(word)))
            else:
                inside += axes
    if inside is not None:
        raise PatternError("`(` without a `)`", opened, 1, "add the `)`")
    stripped = text.strip()
    start = offset + text.index(stripped) if stripped else offset
    return Side(tuple(groups), start, max(1, len(stripped)))


def _axis(word: str, at: int, seen: set[str]) -> Axis:
    if word.isdigit():
        if not 0 < int(word) <= 65_536:
            raise PatternError("expected a length of 1 to 65,536", at, len(word))
        return Axis(f"{word}@{at}", at, int(word))
    if word in seen:
        raise PatternError(f"`{word}` occurs twice in one tensor", at, len(word), "give each axis its own name")
    seen.add(word)
    return Axis(word, at)


def check_rearrange(pattern: Pattern) -> None:
    """Check a pattern that keeps all axes.

    Raises:
        PatternError: An axis occurs only on one side.
    """
    check_reduce(pattern)
    (left,), right = pattern.inputs, pattern.output
    _no_numbers(left, "give an axis a name and its size: `(h p)` with `p: 2`")
    for axis in left.axes:
        if axis.name not in right.names:
            hint = f"add `{axis.name}` after `->`, or use `reduce`"
            raise PatternError(f"`{axis.name}` is not in the output", axis.offset, axis.width, hint)


def check_reduce(pattern: Pattern) -> None:
    """Check a pattern of one input that may drop axes.

    Raises:
        PatternError: There are several inputs, or an axis occurs only in the output.
    """
    if len(pattern.inputs) > 1:
        second = pattern.inputs[1]
        hint = "for several inputs, use `einsum`"
        raise PatternError("the pattern must have one input", second.offset, second.width, hint)
    for group in pattern.inputs[0].groups:
        for axis in group.axes:
            if axis.name == ELLIPSIS and group.width != len(ELLIPSIS):
                message = "`...` cannot be in a group of the input"
                raise PatternError(message, axis.offset, axis.width, "write `...` without parentheses")
    _no_numbers(pattern.output, "give the axis a name in the input")
    _known(pattern)


def check_einsum(pattern: Pattern) -> None:
    """Check a pattern of one to three inputs without groups.

    Raises:
        PatternError: There is a group or a number, or an axis occurs only in the output.
    """
    if len(pattern.inputs) > 3:
        fourth = pattern.inputs[3]
        message = "a pattern has at most three inputs"
        raise PatternError(message, fourth.offset, fourth.width, "use two steps, of two inputs each")
    for side in (*pattern.inputs, pattern.output):
        for group in side.groups:
            if len(group.axes) != 1 or group.width != group.axes[0].width or group.axes[0].length is not None:
                hint = "use `rearrange` before or after `einsum`"
                message = "`einsum` has only named axes, without groups and numbers"
                raise PatternError(message, group.offset, group.width, hint)
    _known(pattern)


def _no_numbers(side: Side, hint: str) -> None:
    for axis in side.axes:
        if axis.length is not None:
            raise PatternError("only `1` is allowed as a number here", axis.offset, axis.width, hint)


def _known(pattern: Pattern) -> None:
    """Check that each axis of the output is an axis of an input."""
    known = {axis.name for side in pattern.inputs for axis in side.axes}
    for axis in pattern.output.axes:
        if axis.name not in known:
            listed = ", ".join(f"`{name}`" for name in _plain(known))
            hint = f"use the axes of the input: {listed}" if listed else ""
            raise PatternError(f"`{axis.name}` is not in the input", axis.offset, axis.width, hint)


def _plain(found: Iterable[str]) -> list[str]:
    return sorted(name for name in found if "@" not in name)


def _counted(number: int, noun: str) -> str:
    plural = "axes" if noun == "axis" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
