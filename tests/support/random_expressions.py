"""Random expressions of the whole grammar, each of a known kind, from a seeded `random.Random`."""

from __future__ import annotations

import random
from typing import Any

NUMBERS = ("0", "1", "2", "3", "7", "40", "512", "0.5", "1.25", "3.0", "2.", ".5", "1e-3", "2E+2", "1048576")
NAMED = {"number": ("$i", "$j", "$k", "$x", "$y"), "truth": ("$p", "$q"), "text": ("$w", "$v"), "list": ("$s", "$e")}
TEXTS = ("'pad'", "'auto'", '"a b"', "''", "'$i'", '"it\'s"', "'('", "'#'", "'and'")
ORDERS = ("<", "<=", ">", ">=", "==", "!=")


def scope(chance: random.Random) -> dict[str, Any]:
    """Values for every name that the expressions use."""
    return {
        "i": chance.randint(-9, 99),
        "j": chance.randint(0, 4),
        "k": chance.randint(1, 512),
        "x": chance.uniform(-4, 4),
        "y": chance.choice([0.0, 0.5, 2.0]),
        "p": chance.random() < 0.5,
        "q": chance.random() < 0.5,
        "w": chance.choice(["pad", "auto", ""]),
        "v": "a b",
        "s": [chance.randint(0, 64) for _ in range(chance.randint(0, 4))],
        "e": [0.5, 2, 64],
        "t": [[1, 2], [3], [chance.randint(0, 9)]],
    }


def expression(chance: random.Random, deep: int = 4) -> str:
    """An expression of any kind."""
    return of(chance.choice(["number", "number", "truth", "text", "list"]), chance, deep)


def of(kind: str, chance: random.Random, deep: int) -> str:
    """An expression of one kind, at most so many levels deep."""
    if deep <= 0 or chance.random() < 0.15:
        return _leaf(kind, chance)
    if chance.random() < 0.12:
        return f"({of(kind, chance, deep - 1)})"
    if chance.random() < 0.15:
        first, second = of(kind, chance, deep - 1), of(kind, chance, deep - 1)
        return f"({first} if {of('truth', chance, deep - 1)} else {second})"
    return {"number": _number, "truth": _truth, "text": _leaf_text, "list": _list}[kind](chance, deep - 1)


def _leaf(kind: str, chance: random.Random) -> str:
    if kind == "number":
        return chance.choice([*NAMED[kind], *NUMBERS])
    if kind == "truth":
        return chance.choice([*NAMED[kind], "true", "false"])
    if kind == "text":
        return chance.choice([*NAMED[kind], *TEXTS])
    return chance.choice([*NAMED[kind], "$t[0]", "$t[-1]"])


def _leaf_text(chance: random.Random, deep: int) -> str:
    return _leaf("text", chance)


def _number(chance: random.Random, deep: int) -> str:
    def inner() -> str:
        return of("number", chance, deep)

    blank = chance.choice(["", " "])
    match chance.randint(0, 8):
        case 0 | 1 | 2:
            sign = chance.choice(["+", "-", "*", "/", "//", "%"])
            return f"{inner()}{blank}{sign}{blank}{inner()}"
        case 3:
            if chance.random() < 0.5:
                return f"({inner()}){blank}**{blank}{chance.choice(['2', '3', '-1', '0.5', '$j'])}"
            return f"{chance.choice('-+')}{blank}{inner()}"
        case 4:
            count = chance.randint(2, 4)
            return f"{chance.choice(['min', 'max'])}({', '.join(inner() for _ in range(count))})"
        case 5:
            name = chance.choice(["sum", "len", "min", "max"])
            return f"{name}({of('list', chance, deep)})"
        case 6:
            return f"{chance.choice(['round', 'ceil', 'floor', 'abs', 'sqrt', 'log'])}{blank}({inner()})"
        case 7:
            return f"divisible({inner()}, {chance.choice(['1', '4', '8', '$k', '$j'])})"
    index = chance.choice(["0", "1", "-1", "-2", "$j", "$j - 1", "len($s) - 1", "3"])
    return f"{chance.choice(['$s', '$e', '$t[0]'])}[{index}]"


def _truth(chance: random.Random, deep: int) -> str:
    def inner(kind: str) -> str:
        return of(kind, chance, deep)

    match chance.randint(0, 4):
        case 0 | 1:
            compared = inner("number")
            for _ in range(chance.randint(1, 3)):
                compared += f" {chance.choice(ORDERS)} {inner('number')}"
            return f"({compared})"
        case 2:
            kind = chance.choice(["text", "list", "truth"])
            return f"({inner(kind)} {chance.choice(['==', '!='])} {inner(kind)})"
        case 3:
            return f"(not {inner('truth')})"
    words = [inner("truth")]
    for _ in range(chance.randint(1, 2)):
        words += [chance.choice(["and", "or"]), inner("truth")]
    return f"({' '.join(words)})"


def _list(chance: random.Random, deep: int) -> str:
    ends = ["", "", "0", "1", "2", "-1", "9", "$j"]
    if chance.random() < 0.3:
        return f"[{', '.join(of('number', chance, deep) for _ in range(chance.randint(0, 3)))}]"
    if chance.random() < 0.3:
        elements = ["$z", "$z * 2", "$z + $k", "ceil($z * $y)", "$z if $p else $x", "sum($s) - $z", "$z ** 2"]
        element = chance.choice(elements)
        return f"[{element} for $z in {_leaf('list', chance)}]"
    return f"{_leaf('list', chance)}[{chance.choice(ends)}:{chance.choice(ends)}]"


SIGNS = "$ab01 .+-*/%()[]:<>=!'\",_#{}\\@~^&|efinorlxt\n\t\0é漢＄"


def spoilt(text: str, chance: random.Random) -> str:
    """The text with a few characters inserted, deleted, replaced or moved."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        head, tail = text[:at], text[at:]
        match chance.randint(0, 3):
            case 0:
                text = head + chance.choice(SIGNS) + tail
            case 1:
                text = head + tail[1:]
            case 2:
                text = head + chance.choice(SIGNS) + tail[1:]
            case _:
                text = tail + head
    return text
