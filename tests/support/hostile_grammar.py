"""A grammar of hostile specs: what makes a spec large, deep or wrong, combined by chance, with sizes by chance."""

from __future__ import annotations

from pathlib import Path
from random import Random

SHIPPED = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))]
ESCAPES = (
    r"\e[2J",
    r"\e]52;c;aGFybQ==\a",
    r"\x9b31m",
    r"\u202e",
    r"\u2028::error::forged",
    r"\r\nok",
    r"\0",
    r"\u2066",
    r"\b\b\b",
    r"\x7f",
    r"\uFEFF",
)
"""What would move the cursor, write to the clipboard, turn text around or forge a line, as YAML writes it."""

COMMANDS = (
    ["check"],
    ["lint"],
    ["show"],
    ["show", "--json"],
    ["plot", "--format", "dot"],
    ["plot", "--format", "mermaid"],
    ["expand"],
    ["eject"],
    ["why"],
    ["diff"],
)
MERGES = ("add", "concat", "average")
WRONG = (
    "rel",
    "$",
    "$n.__class__",
    "{conv: {filters: -1}}",
    "{relu: {}, for: {i: -3}}",
    "[]",
    "{A: {m: 3}}",
    "!x y",
    "&a b",
)


def spec(chance: Random) -> str:
    """A spec that is valid or not: a shipped one with faults, one with control characters, or a large one."""
    return chance.choices((faulty, disguised, large), (1, 1, 3))[0](chance)


def faulty(chance: Random) -> str:
    """A shipped spec in which some pieces are left out, doubled, moved, or replaced by others."""
    text = chance.choice(SHIPPED)
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(text))
        end = min(len(text), start + chance.choice((1, 4, 20, 200)))
        piece, other = text[start:end], chance.randrange(len(text))
        text = text[:start] + chance.choice(("", piece * 2, piece * 200, text[other : other + 20], *WRONG)) + text[end:]
    return text


def disguised(chance: Random) -> str:
    """A spec with control characters in one of the places where text may stand."""
    word = f'"a{chance.choice(ESCAPES)}b"'
    places = dict.fromkeys(("doc", "layer", "name", "key", "choice", "path", "from", "variant", "op"), "a")
    place = chance.choice(list(places))
    places[place] = word
    return (
        "archdsl: 1\nname: Net\ninput: [8, 8, 3]\n"
        f"doc: {places['doc']}\nargs: {{w: {places['choice']}, n: 1}}\n"
        f"variants: {{{places['variant']}: {{args: {{n: 2}}}}}}\n"
        f"layers:\n  L: {{doc: {places['doc']}, args: {{m: str}}, steps: [{{relu: {{}}, when: $m != 'b'}}]}}\n"
        + (f"  {word}: {{steps: [relu]}}\n" if place == "layer" else "")
        + f"model:\n  - {{relu: {{}}, repeat: $n, name: {places['name']}}}\n  - L: {{m: $w}}\n"
        + (f"  - {{relu: {{{word}: 1}}}}\n" if place == "key" else "")
        + (f"  - {{paths: {{{word}: [relu], c: [relu]}}, merge: add}}\n" if place == "path" else "")
        + (f"  - {{relu: {{}}, from: {word}}}\n" if place == "from" else "")
        + (f"  - {word}\n" if place == "op" else "")
    )


def large(chance: Random) -> str:
    """A spec of many steps, variants, rows, tensors or letters."""
    size = chance.choice((3, 30, 300, 2_000))
    steps = [step(chance, size) for _ in range(chance.randint(1, 4))]
    if chance.random() < 0.2:
        steps.insert(chance.randint(0, len(steps)), chance.choice(WRONG))
    variants = ", ".join(
        f"v{number}: {{args: {{n: {number + 1}}}}}" for number in range(chance.choice((0, 0, 0, 2, 9, 99)))
    )
    text = f"archdsl: 1\nname: Net\ninput: [8, 8, 3]\nargs: {{n: 2, l: [{', '.join(['1'] * size)}]}}\n"
    text += f"variants: {{{variants}}}\n" if variants else ""
    text += "layers:\n  A: {args: {m: int}, steps: [relu, {A: {m: $m - 1}, when: $m > 1}]}\n"
    text += "model:\n  - {relu: {}, repeat: $n, when: len($l) > 0}\n  - {A: {m: 2}}\n"
    return text + "".join(f"  - {one}\n" for one in steps)


def step(chance: Random, size: int) -> str:
    """A step that is large, deep, long or plain."""
    name = f"s{chance.randrange(10**9)}_"
    return chance.choice(
        (
            f"{{relu: {{}}, repeat: {size}}}",
            f"{{relu: {{}}, repeat: {size} * $n}}",
            f"{{relu: {{}}, for: {{i: {size}}}, when: sum($l[:]) > $i}}",
            f"{{relu: {{}}, for: {{i: {size}}}, when: $l == $l and $i > 0}}",
            f"{{A: {{m: {chance.choice((1, 5, 31, 40))}}}, repeat: {size}}}",
            f"{{A: {{m: $i % 20 + 1}}, for: {{i: {size}}}}}",
            f"{{conv: {{filters: {size}, kernel: 3, padding: same}}, repeat: $n}}",
            f"{{paths: [{', '.join(['[relu]'] * min(size, 300))}], merge: {chance.choice(MERGES)}}}",
            f"{{relu: {{}}, name: {name}a}}\n  - {{add: {{}}, from: [{', '.join([name + 'a'] * size)}]}}",
            "{" * chance.choice((3, 40)) + "a",
            f"{'x' * size}: {{}}",
            f"!{'x' * size} relu",
            f"{{dense: {{units: '{'$n + ' * min(size, 90)}1'}}}}",
        )
    )


def commands(count: int, seed: int) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The texts of files by their names, and commands about them by the names of cases."""
    chance, texts, cases = Random(seed), {}, {}
    for number in range(count):
        file = f"spec_{number}.yaml"
        texts[file] = spec(chance)
        verb, *options = chance.choice(COMMANDS)
        more = {"why": ["relu"], "diff": [f"spec_{chance.randint(0, number)}.yaml"]}.get(verb, [])
        cases[f"{number}: {verb} {' '.join(options)}"] = [verb, file, *more, *options]
    return texts, cases
