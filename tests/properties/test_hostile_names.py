"""Ten thousand names that mean harm: refused as the spec is read, or harmless in the generated source."""

from __future__ import annotations

import ast
import builtins
import json
import keyword
import re
from collections import Counter
from functools import cache
from random import Random
from typing import Any

import pytest
from reading import quickly

from archdsl import ArchError, loads
from archdsl.codegen.module import to_python
from archdsl.names import CLASS_RESERVED, RESERVED

PLAIN = {"class": "Zebra", "word": "zebra"}
"""A name that nobody else has, for each kind of name."""

PIECES: tuple[str, ...] = ("import os", "os.system('id')", "__import__", "__class__", "eval", "exec", "'", '"')
PIECES += (
    "'''",
    '"""',
    "\n",
    "\r",
    "\\",
    "#",
    ";",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "$",
    "${",
    "%s",
    "{0}",
    "<",
    ">",
)
PIECES += ("&", "|", "`", "~", "..", "/", "\0", "\x1b", "\u202e", "\u200b", "\ufeff", "\u0430", "\uff45", "\u00e9")
PIECES += ("\U0001d465", "\ufb01", "\u0661", " ", "\t", "_", "__", "-", "=", "==", "a", "B", "x1", "self", "class")
PIECES += ("def", "lambda", "return", "yield", "await", "None", "True", "match", "type")


def spec_with(place: str, name: str) -> dict[str, Any]:
    """A spec that has the name at one place."""
    spec: dict[str, Any] = {"archdsl": 1, "name": "Net", "input": [8, 8, 4]}
    match place:
        case "model":
            return {**spec, "name": name, "model": ["relu"]}
        case "layer":
            return {**spec, "layers": {name: {"steps": ["relu"]}}, "model": [{name: {}}]}
        case "argument":
            step = {"dense": {"units": f"${name} + 1"}}
            return {**spec, "layers": {"Own": {"args": {name: 3}, "steps": [step]}}, "model": [{"Own": {}}]}
        case "model's argument":
            return {**spec, "args": {name: 3}, "model": [{"dense": {"units": f"${name} + 1"}}]}
        case "column":
            row: dict[str, Any] = {"dense": {"units": f"${name} + 1"}, "for": {name: [3, 4]}}
            return {**spec, "layers": {"Own": {"steps": [row]}}, "model": [{"Own": {}}]}
        case "step":
            return {**spec, "layers": {"Own": {"steps": [{"relu": {}, "name": name}, "gelu"]}}, "model": [{"Own": {}}]}
        case "tap":
            taps = [{"relu": {}, "name": name}, {"add": {}, "from": [name, "input"]}]
            return {**spec, "layers": {"Own": {"steps": taps}}, "model": [{"Own": {}}]}
        case "path":
            bunch: dict[str, Any] = {"paths": {name: ["relu"], "other": []}, "merge": "add"}
            return {**spec, "layers": {"Own": bunch}, "model": [{"Own": {}}]}
        case "variant":
            return {**spec, "variants": {name: {}}, "model": ["relu"]}
        case "doc":
            told = {"doc": name, "steps": ["relu"]}
            return {**spec, "doc": name, "layers": {"Own": told}, "model": [{"Own": {}}]}
        case "default":
            asked = [{"relu": {}, "when": "$text != 'a'"}]
            return {**spec, "layers": {"Own": {"args": {"text": name}, "steps": asked}}, "model": [{"Own": {}}]}
        case "output":
            two = [{"relu": {}, "name": "first"}, {"gelu": {}, "name": name}]
            own = {"steps": two, "outputs": ["first", name]}
            return {**spec, "layers": {"Own": own}, "model": [{"Own": {}, "name": "own"}, {"add": {}, "from": "own"}]}
    steps = [{"add": {}, "from": [name, "other"]}]
    layers = {"Own": {"inputs": [name, "other"], "steps": steps}}
    return {**spec, "layers": layers, "model": [{"Own": {}, "from": ["input", "input"]}]}


CLASSES = ("model", "layer")
PLACES = (*CLASSES, "argument", "model's argument", "column", "step", "tap", "path", "variant", "output", "input")
TEXTS = ("doc", "default")


def words_of(text: str) -> set[str]:
    """Every identifier of a module: names, attributes, arguments, keywords, definitions, imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        for field in ("id", "attr", "arg", "name", "module", "asname"):
            word = getattr(node, field, None)
            found |= {word} if isinstance(word, str) else set()
    return found


@cache
def usual(place: str) -> frozenset[str]:
    """The identifiers of the source of a spec with a plain name; and `layer`, which parts lines that are too long."""
    plain = PLAIN["class" if place in CLASSES else "word"]
    return frozenset(words_of(to_python(loads(json.dumps(spec_with(place, plain))))) | {"layer"})


def renamed(words: frozenset[str], plain: str, name: str) -> set[str]:
    """The identifiers where one is called otherwise, also inside others: `self.zebra`, `zebra_layers`."""
    return {re.sub(rf"(?<![A-Za-z]){plain}(?![A-Za-z])", name, word) for word in words}


def became(place: str, name: str) -> str:
    """Whether a name is refused, or harmless in the source; or what it brings there."""
    data = spec_with(place, name)
    try:
        with quickly():
            spec = loads(json.dumps(data))
        text = to_python(spec)
    except ArchError as error:
        return "refused" if all(problem.span for problem in error.problems) else f"{name!r}: {error}"
    plain = PLAIN["class" if place in CLASSES else "word"]
    allowed = usual(place) if place in TEXTS else renamed(usual(place), plain, name)
    numbered = re.compile(rf"{re.escape(name)}_([0-9]+|layer)")  # so are names that Python has written
    strange = {word for word in words_of(text) - allowed if not numbered.fullmatch(word)}
    return "harmless" if not strange else f"{place} {name!r} brings {sorted(strange)}"


@cache
def owned() -> list[str]:
    """Names that Python, Keras or the generated source has."""
    python = {*dir(builtins), *keyword.kwlist, *keyword.softkwlist}
    return sorted(python | RESERVED | CLASS_RESERVED | usual("argument") | usual("path") | usual("column"))


def hostile(chance: Random) -> str:
    """A name: of pieces that mean something, or one that somebody else has."""
    taken = chance.random()
    if taken < 0.4:
        word = chance.choice(owned())
        return chance.choice([word, word.title(), f"{word}_1"])
    name = "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 4)))
    return name if taken < 0.9 else name * chance.choice([1, 20, 100])


def names_hold(first: int, many: int) -> None:
    outcomes: dict[str, Counter[str]] = {place: Counter() for place in (*PLACES, *TEXTS)}
    for seed in range(first, first + many):
        chance = Random(seed)
        place = chance.choice([*PLACES, *TEXTS])
        outcomes[place][became(place, hostile(chance))] += 1
    found = set().union(*outcomes.values())
    assert found <= {"refused", "harmless"}, sorted(found - {"refused", "harmless"})[:9]
    for place, counts in outcomes.items():
        assert counts["harmless"], (place, counts)
        assert counts["refused"] or place in TEXTS, (place, counts)


def test_hostile_names() -> None:
    names_hold(0, 250)


@pytest.mark.slow
def test_hostile_names_at_length() -> None:
    names_hold(100_000, 10_000)


@pytest.mark.parametrize("place", [*PLACES, *TEXTS])
def test_a_plain_name_is_harmless(place: str) -> None:
    assert became(place, PLAIN["class" if place in CLASSES else "word"]) == "harmless"
    assert became(place, "Quagga" if place in CLASSES else "quagga") == "harmless"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["__class__", "a'); import os; ('", "a\nb", "class", "а", "a" * 65, "", "a.b", "../a"])
def test_names_that_are_no_names_are_refused(place: str, name: str) -> None:
    assert became(place, name) == "refused"
