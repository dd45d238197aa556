"""Specs with one thing wrong: words misspelt where they stand; keys dropped, doubled, retyped; values broken.

A misspelling is made in the file's own text. Everything else is made in a text of one word a line, so that a line
says which word is meant.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from archdsl.ops import OPS
from archdsl.parsing import FILE, LAYER, VARIANT
from archdsl.parsing.steps import ACTIVATIONS, NORMS, PATHS_KEYS
from archdsl.parsing.values import STEP_KEYS
from archdsl.recipe import DATA_SOURCES, LOSSES, METRICS, OPTIMIZERS, SCHEDULES, Augment, Data, Train
from archdsl.source import LINE_END, Mapping, Node, Scalar, Sequence, read
from archdsl.spec import TYPES, Expectation
from archdsl.steps import SHORTCUTS
from archdsl.zoo import names

Where: TypeAlias = tuple[int, ...]
"""The way to an entry: which entry of which entry."""

VOCABULARY = {*OPS, *FILE, *LAYER, *VARIANT, *STEP_KEYS, *PATHS_KEYS, *SHORTCUTS, *TYPES, *NORMS, *ACTIVATIONS, "none"}
VOCABULARY |= {field for op in OPS.values() for field in op.model_fields} | {"same", "valid", "true", "false"}
VOCABULARY |= {*OPTIMIZERS, *SCHEDULES, *DATA_SOURCES, *LOSSES, *METRICS}
VOCABULARY |= {field for model in (Augment, Data, Train, Expectation) for field in model.model_fields}
VOCABULARY |= {
    field
    for model in (*OPTIMIZERS.values(), *SCHEDULES.values(), *LOSSES.values(), *METRICS.values())
    for field in model.model_fields
}

LETTERS = string.ascii_lowercase + "_"
DEFINING = {"args", "layers", "variants", "inputs", "paths", "for"}
"""Under these stand names that the file gives itself."""

RETYPED = ("word", "[1]", "{conv: {filters: 3}}", "null", "-7", "2.5", "true", "[]")
BROKEN = ("$nothing + 1", "$(", "1e999", "99999999999999999999", "word word", "!tag x")


@dataclass(frozen=True)
class Mutant:
    """A text with one thing wrong.

    Args:
        kind: what was done.
        text: the whole file.
        line: where it was done.
        lines: where else an error may rightly point: at what the word belongs to, and at what mentions it.
        word, typed: of a misspelling, the word and what became of it.
        known: whether the misspelt word is one of the language, or one that the file gave a name before.
        column, width: of a misspelling, the place of what was typed.
    """

    kind: str
    text: str
    line: int
    lines: frozenset[int]
    word: str = ""
    typed: str = ""
    known: bool = False
    column: int = 0
    width: int = 0


def files() -> dict[str, str]:
    """Every spec of the repository whose ops are all there, by its name."""
    root = Path(__file__).parents[2]
    paths = {*names().values(), *(root / "specs").glob("*.yaml"), *(root / "examples").rglob("*.yaml")}
    own = [path for path in sorted(paths) if not path.with_name("pyproject.toml").exists()]  # that brings ops along
    return {path.stem: path.read_text(encoding="utf-8") for path in own}


def slips(word: str, count: int, chance: random.Random) -> str:
    """The word with so many letters inserted, deleted, replaced or swapped with their neighbour."""
    typed = word
    for _ in range(count):
        at, letter = chance.randrange(len(typed) or 1), chance.choice(LETTERS)
        head, tail = typed[:at], typed[at:]
        swapped = head + tail[1:2] + tail[:1] + tail[2:]
        typed = chance.choice([head + letter + tail, head + tail[1:], head + letter + tail[1:], swapped])
    return typed


def misspelt(text: str, each: int, seed: int = 0) -> Iterator[Mutant]:
    """Every word of a file, misspelt in several ways where it stands.

    Args:
        each: how often each word is misspelt with one slip; with two slips half as often.
    """
    lines = LINE_END.split(text)
    own = set(re.findall(r"\w+", text))
    for scalar, about in words(read(text, "spec"), ()):
        written = lines[scalar.span.line - 1][scalar.span.column - 1 :]
        if not written.startswith(scalar.text):
            continue  # quoted, or a text of several lines
        for match in re.finditer(r"[A-Za-z_]\w*", scalar.text):
            word = match[0]
            reserved = {"if", "else", "and", "or", "not"}
            if word in reserved or (not word.isidentifier()) or scalar.text[: match.start()].count("'") % 2:
                continue
            chance = random.Random(f"{word} {scalar.span} {seed}")
            for count in [1] * each + [2] * (each // 2 if len(word) > 4 else 0):
                typed = slips(word, count, chance)
                if typed == word or not typed or typed in VOCABULARY or typed in own or typed in reserved:
                    continue
                column = scalar.span.column + match.start()
                line = lines[scalar.span.line - 1]
                changed = line[: column - 1] + typed + line[column - 1 + len(word) :]
                mutated = [*lines[: scalar.span.line - 1], changed, *lines[scalar.span.line :]]
                rightly = mentions(mutated, {word, typed, about}) | {1} if about else {scalar.span.line}
                yield Mutant(
                    f"misspelt by {count}",
                    "\n".join(mutated),
                    scalar.span.line,
                    frozenset(rightly),
                    word,
                    typed,
                    not about,
                    column,
                    len(typed),
                )


def words(node: Node, above: tuple[str, ...]) -> Iterator[tuple[Scalar, str]]:
    """The words of a spec. Those that give a name rather than use one come with the name that they are about."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and not (above and above[-1] == "doc") and above != ("name",):
            yield node, _about(node.text, above)
    elif isinstance(node, Sequence):
        for item in node.items:
            for scalar, about in words(item, above):
                yield scalar, about or (scalar.text if above and above[-1] == "inputs" else "")
    else:
        for key, value in node.items:
            defines = above and above[-1] in DEFINING and not _overlaid(above)
            yield key, key.text if defines or _of_data(above) else ""
            yield from words(value, (*above, key.text))


def _about(text: str, above: tuple[str, ...]) -> str:
    """The name that a value is about, where it is free text: of a step, or of an argument that it stands for."""
    if (above and above[-1] == "name") or _of_data(above):
        return text
    given = len(above) > 1 and (above[-2] in ("args", "with") or above[-2][:1].isupper())
    return above[-1] if given and "$" not in text else ""


def _of_data(above: tuple[str, ...]) -> bool:
    """Whether a word is a path or the name of a column, which only the data set can refuse."""
    section = above[2:] if above[:1] == ("variants",) else above
    return (section[:1] == ("data",) and section[1:2] in (("inputs",), ("targets",), ("columns",))) or (
        section[:2] == ("data", "source") and len(section) > 2
    )


def _overlaid(above: tuple[str, ...]) -> bool:
    """Whether names are those that the file has given: a variant's arguments."""
    return above[:1] == ("variants",) and len(above) > 1


def mentions(lines: list[str], wanted: set[str]) -> set[int]:
    """The lines on which one of some words stands."""
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, sorted(wanted)))})(_\d+)?\b")
    return {number for number, line in enumerate(lines, 1) if pattern.search(line)}


class Block:
    """A spec as text of one word a line, and the line of every entry."""

    def __init__(self, root: Mapping) -> None:
        self.lines: list[str] = []
        self.at: dict[Where, int] = {}
        self.last: dict[Where, int] = {}
        self.keys: dict[Where, str] = {}
        self.inside: dict[Where, set[str]] = {}
        self._entries(root, (), 0)

    def _entries(self, node: Mapping | Sequence, where: Where, indent: int) -> None:
        for number, item in enumerate(node.items):
            place = (*where, number)
            self.at[place] = len(self.lines) + 1
            if isinstance(item, tuple):
                self.keys[place] = item[0].text
                self._value(f"{' ' * indent}{quoted(item[0])}:", item[1], place, indent + 2)
            else:
                self._value(f"{' ' * indent}-", item, place, indent + 2)
            self.last[place] = len(self.lines)
            self.inside[place] = set(re.findall(r"\w+", " ".join(self.lines[self.at[place] - 1 :])))

    def _value(self, head: str, node: Node, place: Where, indent: int) -> None:
        if isinstance(node, Scalar):
            self.lines.append(f"{head} {quoted(node)}".rstrip())
        elif not node.items:
            self.lines.append(f"{head} {'{}' if isinstance(node, Mapping) else '[]'}")
        else:
            self.lines.append(head)
            self._entries(node, place, indent)

    def text(self, place: Where, instead: list[str]) -> str:
        """The text with an entry replaced."""
        return "\n".join([*self.lines[: self.at[place] - 1], *instead, *self.lines[self.last[place] :]]) + "\n"

    def own(self, place: Where) -> list[str]:
        """The lines of an entry."""
        return self.lines[self.at[place] - 1 : self.last[place]]

    def rightly(self, place: Where, instead: int) -> frozenset[int]:
        """Where an error may point when an entry is gone, or when one line stands `instead` of it.

        At what it belonged to and at its neighbours there, where a missing entry is reported; and at every line that
        mentions a name of it, or the name of what it belonged to.
        """
        above = place[:-1]
        beside = {line for other, line in self.at.items() if other[:-1] == above}
        owner = {self.at[above]} if above else {1}
        named = self.inside[place] | ({self.keys[above]} if above in self.keys else set())
        told = mentions(self.lines, named)
        below = {line + 1 for line in told if self.lines[line - 1].endswith(":")}  # where what a key holds begins
        lines = beside | owner | told | below
        return frozenset(shifted(lines, self.at[place], len(self.own(place)), instead))


def quoted(scalar: Scalar) -> str:
    """A scalar as it may stand in block style."""
    if not isinstance(scalar.value, str) or re.fullmatch(r"\$?[A-Za-z_][\w.]*", scalar.text):
        return scalar.text
    return "'" + " ".join(scalar.text.split()).replace("'", "''") + "'"


def spoilt(text: str) -> Iterator[Mutant]:
    """A spec with one entry dropped, doubled, retyped or broken."""
    root = read(text, "spec")
    assert isinstance(root, Mapping)
    block = Block(root)
    for place, line in block.at.items():
        own = block.own(place)
        key = block.keys.get(place, "")
        head = own[0].split(":")[0] + ":" if key else own[0].split("-")[0] + "-"
        if key:
            lines = block.rightly(place, 0)
            yield Mutant("dropped", block.text(place, []), min(lines), lines, key)
            again = line + len(own)
            yield Mutant("doubled", block.text(place, own + own), again, frozenset({again}), key)
        lines = block.rightly(place, 1) | {line}
        for kind, values in (("retyped", RETYPED), ("broken", BROKEN)):
            for value in values:
                if own != [instead := f"{head} {value}"]:
                    yield Mutant(kind, block.text(place, [instead]), line, lines, key, value)


def shifted(lines: set[int], start: int, count: int, instead: int) -> set[int]:
    """Line numbers behind the replacement of `count` lines from `start` on by `instead` lines."""
    kept = {line for line in lines if not start <= line < start + count}
    return {line if line < start else line - count + instead for line in kept}
