"""A grammar of hostile specs: what makes a spec large, deep or wrong, combined by chance, with sizes by chance."""

from __future__ import annotations

from random import Random

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
    """A spec that is valid or not."""
    size = chance.choice((3, 30, 300, 2_000))
    steps = [step(chance, size) for _ in range(chance.randint(1, 4))]
    if chance.random() < 0.4:
        steps.insert(chance.randint(0, len(steps)), chance.choice(WRONG))
    variants = ", ".join(
        f"v{number}: {{args: {{n: {number + 1}}}}}" for number in range(chance.choice((0, 2, 99, 101)))
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
            f"{{paths: [{', '.join(['[relu]'] * min(size, 300))}], merge: {chance.choice(('add', 'concat', 'mean'))}}}",
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
