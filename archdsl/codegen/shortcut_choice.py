"""A shortcut in a generated layer that is one thing or another, by an argument or by the shapes."""

from __future__ import annotations

import ast
from contextlib import nullcontext
from dataclasses import dataclass

from archdsl.codegen.methods import Flow, Item, Methods, Statements, raise_value_error
from archdsl.codegen.printer import before, quote
from archdsl.codegen.projection import Projection, projection, shortcut_call, words_of
from archdsl.codegen.sequences import Place, step_values
from archdsl.expr import Expression
from archdsl.spec import Branches, Value


@dataclass(frozen=True)
class Choice:
    """What a shortcut may be.

    Args:
        shortcut: the word, or the expression that gives it.
        words: what it may be in the end, where `auto` is the one or the other.
        auto: whether the shapes may decide.
        ahead: whether it stands before the paths.
        name: its name among the names of weights, as source; nothing where the spec says that it has none.
    """

    branches: Branches
    shortcut: Value
    words: tuple[str, ...]
    auto: bool
    ahead: bool
    name: str

    @classmethod
    def of(cls, place: Place, branches: Branches, shortcut: Value, ahead: bool) -> Choice:
        found = words_of(place.spec, shortcut)
        name = place.numbers.segment("shortcut", place.read) if branches.may_have_steps else ""
        auto = "auto" in found
        words = tuple(w for w in ("projection", "identity", "none") if w in found or (auto and w != "none"))
        return cls(branches, shortcut, words, auto, ahead, name)

    def sure(self, methods: Methods, start: Flow) -> Item | None:
        """The shortcut as a part, where it is the same whatever the arguments are."""
        if self.words == ("identity",):
            return Item(start.x, start.built, start.shape)
        known = projection(self.branches, methods.place.types)
        if self.words != ("projection",) or not known.known:
            return None
        make, place = _maker(methods, known, self.branches)
        own = methods.attribute("shortcut", place is methods.late)
        make.add(before(f"{own} = ", shortcut_call(place, self.branches, "projection", self.name)))
        methods.build.add(f"{own}.build({start.built})")
        built, shape = (f"{own}.compute_output_shape({shape})" for shape in (start.built, start.shape))
        return Item(f"{own}({start.x}, training=training)", built, shape)

    def write(self, methods: Methods, start: Flow, items: list[Item], known_shape: bool) -> None:
        """Writes the shortcut's lines, behind those that put the paths into `parts` and `shapes`.

        Args:
            known_shape: whether `compute_output_shape` does without it.
        """
        known = projection(self.branches, methods.place.types)
        make, place = _maker(methods, known, self.branches) if known.known else (methods.build, methods.late)
        argument = self._argument(methods)
        late = not known.known or place is methods.late or not argument or self.auto
        own = methods.attribute("shortcut", late) if "projection" in self.words else ""
        if argument:
            words = words_of(methods.place.spec, self.shortcut)
            _refuse_others(methods.make, argument, methods.place.read(argument), words)
        kind = f"self.{argument}"
        if len(self.words) > 1 and (self.auto or not argument):
            kind = methods.attribute("shortcut_kind", True)
            self._write_kind(methods, kind, start, items, known)
        if own and not late:
            with make.block(f'if {methods.place.read(argument)} == "projection":'):
                make.add(before(f"{own} = ", shortcut_call(place, self.branches, "projection", self.name)))
        targets = (methods.build, methods.call, *(() if known_shape else (methods.shape,)))
        for statements in targets:
            for word, head in self.heads(kind):
                projected = own if word == "projection" else ""
                with statements.block(head) if head else nullcontext():
                    if projected and statements is methods.build:
                        if late:
                            _make_late(methods, self, start, items, known, own)
                        statements.add(f"{own}.build({start.built})")
                    self._put(methods, statements, projected, start)

    def _argument(self, methods: Methods) -> str:
        """The layer's argument that is the shortcut's word, where one is."""
        tree = self.shortcut.content.tree if isinstance(self.shortcut.content, Expression) else None
        return tree.id if isinstance(tree, ast.Name) and tree.id in methods.place.types else ""

    def heads(self, kind: str) -> list[tuple[str, str]]:
        """Each word with the `if` that it stands under; nothing where it is sure."""
        written = [word for word in self.words if word != "none"]
        if len(self.words) == 1:
            return [(word, "") for word in written]
        heads = []
        for index, word in enumerate(written):
            otherwise = index > 0 and word == self.words[-1]
            heads.append((word, "else:" if otherwise else f'{"el" if index else ""}if {kind} == "{word}":'))
        return heads

    def _put(self, methods: Methods, statements: Statements, own: str, start: Flow) -> None:
        """Adds the part to the list: what goes in, or what its layer makes of it."""
        put = "insert(0, " if self.ahead else "append("
        if statements is methods.call:
            part = f"{own}({start.x}, training=training)" if own else start.x
            statements.add(f"parts.{put}{part})")
            return
        shape = start.built if statements is methods.build else start.shape
        statements.add(f"shapes.{put}{f'{own}.compute_output_shape({shape})' if own else shape})")

    def _write_kind(self, methods: Methods, kind: str, start: Flow, items: list[Item], known: Projection) -> None:
        text = methods.late.text(self.shortcut)
        if text == '"auto"':
            self._write_auto(methods, kind, start, items, known)
            return
        methods.build.add(f"{kind} = {text}")
        if self.auto:
            with methods.build.block(f'if {kind} == "auto":'):
                self._write_auto(methods, kind, start, items, known)

    def _write_auto(self, methods: Methods, kind: str, start: Flow, items: list[Item], known: Projection) -> None:
        build, built = methods.build, start.built
        build.add(f"equal = tuple({_first(items, built)}) == tuple({built})")
        stride = known.stride
        if stride is None or stride.content != 1:
            moved = "" if stride is None or type(stride.content) is int else f"{methods.late.text(stride)} != 1 and "
            with build.block(f"if equal and {moved}None in {built}[1:]:"):
                raise_value_error(
                    build, "`auto` needs a known height and width. ", f"Received: input_shape={{{built}}}"
                )
        build.add(f'{kind} = "identity" if equal else "projection"')


def _maker(methods: Methods, known: Projection, branches: Branches) -> tuple[Statements, Place]:
    """Where a projection is made whose fields are known: in `build` where one of them reads `$channels`."""
    late = any("channels" in v.names for step in known.steps(branches, "projection") for v in step_values(step))
    return (methods.make_late, methods.late) if late else (methods.make, methods.place)


def _first(items: list[Item], start: str) -> str:
    """The shape of the first part; what goes in, where there is none."""
    return "shapes[0]" if any(item.sure for item in items) else f"(shapes or [{start}])[0]"


def _make_late(methods: Methods, choice: Choice, start: Flow, items: list[Item], known: Projection, own: str) -> None:
    """Writes the making of a projection in `build`, from the shapes where the paths do not tell its fields."""
    build = methods.build
    start_shape = start.built
    if not known.known:
        build.add(f"merged = {_first(items, start_shape)}")
    if known.stride is None:
        with build.block(f"if None in {start_shape}[1:]:"):
            due = "This projection needs a known height and width. "
            raise_value_error(build, due, f"Received: input_shape={{{start_shape}}}")
        sides = f"zip({start_shape}[1:3], merged[1:3])"
        build.add(f"strides = tuple(-(-before // after) for before, after in {sides})")
    build.add(before(f"{own} = ", shortcut_call(methods.late, choice.branches, "projection", choice.name)))


def _refuse_others(make: Statements, argument: str, value: str, words: tuple[str, ...]) -> None:
    """The lines that refuse every other value of an argument that decides structure."""
    head = f"if {value} not in ({', '.join(quote(word) for word in words)}{',' if len(words) == 1 else ''}):"
    if any(line.strip() == head for line in make.text):
        return
    *first, last = (f"'{word}'" for word in words)
    told = f"{', '.join(first)} or {last}" if first else last
    with make.block(head):
        raise_value_error(make, f"`{argument}` must be {told}. ", f"Received: {argument}={{{value}!r}}")
