"""The methods of a generated layer while they are written: their lines, their names, and what flows through them."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from archdsl.codegen.printer import WIDTH, Bracket, Names, Source, before, lines
from archdsl.codegen.sequences import Place, uses_channels
from archdsl.names import RESERVED
from archdsl.spec import Arg, Spec, Step

_BUILTINS = frozenset(dir(builtins))


@dataclass
class Statements:
    """Lines of a method, with an indent that blocks raise."""

    text: list[str] = field(default_factory=list)
    indent: int = 8
    last: tuple[int, Source] = (-1, "")
    """The line that the last statement begins on, and its source."""

    def add(self, *sources: Source) -> None:
        for source in sources:
            self.last = len(self.text), source
            self.text += lines(source, self.indent)

    @contextmanager
    def block(self, head: Source) -> Iterator[None]:
        """What is added inside stands indented under the head; a block without lines is left out."""
        start = len(self.text)
        self.add(head)
        opened = len(self.text)
        self.indent += 4
        yield
        self.indent -= 4
        if len(self.text) == opened:
            del self.text[start:]

    def result(self, end: str, name: str) -> list[str]:
        """The lines with a `return` of what they end in, which is in the variable `name` where that is `end`."""
        start, source = self.last
        assigned = f"{name} = "
        if end == name and start >= 0 and self.text[start].startswith(" " * 8 + assigned):
            value = source.removeprefix(assigned) if isinstance(source, str) else _without(source, assigned)
            return [*self.text[:start], *lines(before("return ", value), 8)]
        return [*self.text, *lines(f"return {end}", 8)]


def _without(source: Bracket, prefix: str) -> Bracket:
    return replace(source, head=source.head.removeprefix(prefix))


def globals_of(spec: Spec) -> set[str]:
    """The names that the generated module has beside Python's own: no variable of a method may be one of them."""
    return {spec.name, *spec.layers, "divisible", "whole"} | _BUILTINS | RESERVED


def free(wanted: str, taken: set[str] | frozenset[str], ending: str) -> str:
    """A name like this one that is not taken: itself, or with an ending, or with an ending and a number."""
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}_{ending}" if number == 2 else f"{wanted}_{ending}_{number - 1}"
    return name


@dataclass
class Methods:
    """The four methods of a layer class while they are written.

    Args:
        place: how names read in `__init__`.
        late: how they read in `build`.
        called, shaped: how they read in `call` and in `compute_output_shape`.
        attributes: those that the class has.
        variables: those that are taken in `build`, `call` and `compute_output_shape`.
        in_build: the attributes that only `build` makes.
        make, make_late: the layers made in `__init__`, and those made in `build`.
    """

    place: Place
    late: Place
    called: Place
    shaped: Place
    attributes: set[str]
    variables: set[str]
    in_build: set[str] = field(default_factory=set)
    make: Statements = field(default_factory=Statements)
    make_late: Statements = field(default_factory=Statements)
    build: Statements = field(default_factory=Statements)
    call: Statements = field(default_factory=Statements)
    shape: Statements = field(default_factory=Statements)

    @classmethod
    def of(cls, spec: Spec, args: Sequence[Arg]) -> Methods:
        """The methods of a layer with these arguments."""
        names = {arg.name: f"self.{arg.name}" for arg in args}
        types = {arg.name: arg.type for arg in args} | {"channels": "int"}
        types |= {arg.name: "floats" for arg in args if arg.type == "list" and _has_float(arg)}
        place = Place(spec, Names({arg.name: arg.name for arg in args}), types)
        late, called, shaped = (
            replace(place, names=Names({**names, "channels": word}))
            for word in ("channels", "inputs.shape[-1]", "input_shape[-1]")
        )
        return cls(place, late, called, shaped, {arg.name for arg in args}, globals_of(spec))

    def attribute(self, name: str, late: bool = False) -> str:
        """A free attribute like this one, as `self.name`.

        Args:
            late: whether `build` makes it.
        """
        found = free(name, self.attributes | RESERVED, "layer")
        self.attributes.add(found)
        if late:
            self.in_build.add(found)
        return f"self.{found}"

    def variable(self, name: str, ending: str = "path") -> str:
        """A free local variable like this one."""
        found = free(name, self.variables, ending)
        self.variables |= {found, f"{found}_shape"}
        return found

    def maker(self, steps: Sequence[Step]) -> tuple[Statements, Place]:
        """Where layers are made: in `build` where they, or their names, depend on the channels, else in `__init__`."""
        makers = [self.making(step.name or step.kind) for step in steps]
        if uses_channels(steps) or any(place is self.late for _, place in makers):
            return self.make_late, self.late
        return self.make, self.place

    def making(self, kind: str) -> tuple[Statements, Place]:
        """Where the next of a kind is made, as far as its number tells."""
        late = re.search(r"\bchannels\b", self.place.numbers.offset(kind))
        return (self.make_late, self.late) if late else (self.make, self.place)


def _has_float(arg: Arg) -> bool:
    value = arg.default.template() if arg.default is not None else None
    return isinstance(value, list) and any(type(item) is float for item in value)


@dataclass(frozen=True)
class Flow:
    """What flows between two steps: a variable of `call`, and the shape as source in `build` and in `shape`."""

    x: str
    built: str
    shape: str


@dataclass(frozen=True)
class Item:
    """A part of a merge, as items of lists in `call`, `build` and `compute_output_shape`.

    Args:
        sure: whether it is one part, and not a starred list of them.
    """

    x: str
    built: str
    shape: str
    sure: bool = True


def assign(statements: Statements, name: str, value: str) -> None:
    """Writes an assignment, where it changes something."""
    if name != value:
        statements.add(f"{name} = {value}")


def raise_value_error(statements: Statements, due: str, received: str) -> None:
    """A `raise ValueError(...)`, its message on two lines where it is long."""
    fits = statements.indent + len(f'f"{due}{received}"') + 4 <= WIDTH
    message = (f'f"{due}{received}"',) if fits else (f'"{due}"', f'f"{received}"')
    statements.add(Bracket("raise ValueError(", message, ")", "comprehension"))
