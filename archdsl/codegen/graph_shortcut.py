"""The shortcut beside paths in a functional graph: sure, or one thing or another by an argument or by the shapes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

from archdsl.codegen.methods import raise_value_error
from archdsl.codegen.printer import Bracket, Source, before, listed, quote
from archdsl.codegen.projection import projection, shortcut_call, words_of
from archdsl.codegen.sequences import sequential_call
from archdsl.spec import Branches, Step, Value

if TYPE_CHECKING:
    from archdsl.codegen.graph_body import Flow, Wiring

_AUTO = quote("auto")


def list_of(parts: list[str]) -> Source:
    """The list of the parts of a merge; of one list alone, that list."""
    if len(parts) == 1 and parts[0].startswith("*"):
        return parts[0].removeprefix("*")
    return listed(parts)


def write_shortcut(wiring: Wiring, branches: Branches, parts: list[str], flow: Flow) -> tuple[str, ...]:
    """Adds a shortcut that is sure to the parts; of one that is not, writes the choice.

    Returns:
        The words that it may be, where the lines put it into the list `parts`; else nothing.
    """
    at = 0 if _ahead(branches) else len(parts)
    shortcut = branches.shortcut
    if not isinstance(shortcut, Value):
        parts.insert(at, _own_steps(wiring, shortcut, wiring.segment("shortcut"), flow))
        return ()
    words = words_of(wiring.place.spec, shortcut)
    name = wiring.segment("shortcut") if branches.may_have_steps else ""
    if words == ("none",):
        return ()
    if words == ("identity",):
        parts.insert(at, flow[0])
        return ()
    if len(words) == 1 and words != ("auto",) and projection(branches, wiring.place.types).known:
        local = wiring.local("shortcut")
        wiring.called(local, shortcut_call(wiring.place, branches, words[0], name), flow)
        parts.insert(at, local)
        return ()
    wiring.out.add(before("parts = ", list_of(parts)))
    first = "parts[0]" if any(not part.startswith("*") for part in parts) else f"(parts or [{flow[0]}])[0]"
    _choose(wiring, branches, words, name, flow[0], first)
    return words


def _ahead(branches: Branches) -> bool:
    """Whether the shortcut stands before the paths."""
    return bool(getattr(branches.merge and branches.merge.op, "shortcut_first", False))


def _own_steps(wiring: Wiring, steps: tuple[Step, ...], name: str, flow: Flow) -> str:
    """A shortcut that is steps of its own."""
    if not steps:
        return flow[0]
    local = wiring.local("shortcut")
    if wiring.is_row(steps):
        wiring.called(local, sequential_call(steps, wiring.place.fresh(), name), flow)
    else:
        wiring.model(steps, wiring.place, name, local, flow)
    return local


def _choose(wiring: Wiring, branches: Branches, words: tuple[str, ...], name: str, x: str, first: str) -> None:
    """Writes a shortcut that is one thing or another behind the line that puts the paths into `parts`.

    Args:
        x: what the shortcut takes.
        first: the first part; what goes in where there is none.
    """
    out, kind = wiring.out, wiring.local("kind")
    assert isinstance(branches.shortcut, Value)
    text = wiring.place.text(branches.shortcut)
    sure = len(words) == 1 and words != ("auto",)
    if text != _AUTO and not sure:
        out.add(f"{kind} = {text}")
    if "auto" in words:
        with out.block(f"if {kind} == {_AUTO}:") if text != _AUTO else nullcontext():
            if not wiring.fixed:
                _refuse_open(wiring, x, "`auto`")
            out.add(f'{kind} = "identity" if {first}.shape == {x}.shape else "projection"')
    for word, head in _heads(words, kind, text == _AUTO):
        with out.block(head) if head and not sure else nullcontext():
            part: Source = x
            if word != "identity":
                _write_from_shapes(wiring, branches, x, first)
                part = before("", shortcut_call(wiring.place, branches, word, name), f"({x})")
            items: tuple[Source, ...] = ("0", part) if _ahead(branches) else (part,)
            out.add(Bracket("parts.insert(" if _ahead(branches) else "parts.append(", items, ")"))
    if not sure and text != _AUTO:
        with out.block(f'elif {kind} != "none":'):
            raise_value_error(out, "There is no such shortcut. ", f"Received: {{{kind}!r}}")
    wiring.taken.discard(kind)


def _heads(words: tuple[str, ...], kind: str, decided: bool) -> Iterator[tuple[str, str]]:
    """Each word that puts something into `parts`, with the line that it stands under.

    Args:
        decided: whether it is one of these for certain.
    """
    made = set(words) | ({"identity", "projection"} if "auto" in words else set())
    found = [word for word in ("projection", "pool_projection", "pad", "identity") if word in made]
    for index, word in enumerate(found):
        last = decided and index == len(found) - 1
        yield word, "else:" if last else f"{'el' if index else ''}if {kind} == {quote(word)}:"


def _write_from_shapes(wiring: Wiring, branches: Branches, x: str, first: str) -> None:
    """Writes what a shortcut takes from the shapes, where the paths do not tell it."""
    known = projection(branches, wiring.place.types)
    if not known.known:
        wiring.out.add(f"merged = {first}.shape")
    if known.stride is None:
        if not wiring.fixed:
            _refuse_open(wiring, x, "This shortcut")
        wiring.out.add(f"sides = zip({x}.shape[1:3], merged[1:3])")
        wiring.out.add("strides = tuple(-(-before // after) for before, after in sides)")


def _refuse_open(wiring: Wiring, x: str, what: str) -> None:
    """The lines that refuse a tensor whose height or width is not known."""
    with wiring.out.block(f"if None in {x}.shape[1:]:"):
        raise_value_error(wiring.out, f"{what} needs a known height and width. ", f"Received: {{{x}.shape}}")
