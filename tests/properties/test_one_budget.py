"""What one command may cost, whatever the spec: its variants and its outputs share one budget."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from forked import run_commands
from hostile_grammar import commands

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\n"
MODULES = (
    "archdsl.linting",
    "archdsl.reports.formats",
    "archdsl.diagrams.pictures",
    "archdsl.ops.conv",
    "archdsl.ops.merge",
)
NAMES = [f"s{number}" for number in range(700)]
LIST = f"[[{', '.join(['1'] * 4_000)}]]"

SPECS = {
    "variants": HEAD
    + "args: {n: 1}\nlayers: {A: {args: {i: int}, steps: [{relu: {}, when: $i > -1}]}}\nvariants: {"
    + ", ".join(f"v{number}: {{args: {{n: {number + 2}}}}}" for number in range(99))
    + "}\nmodel: [{relu: {}, repeat: $n}, {A: {i: $i}, for: {i: 1600}}]\n",
    "kernels": HEAD
    + "args: {n: 1}\nvariants: {"
    + ", ".join(f"v{number}: {{args: {{n: {number + 2}}}}}" for number in range(99))
    + "}\nmodel: [{relu: {}, repeat: $n}, {conv: {filters: $i % 3 + 1, kernel: 1}, for: {i: 1600}}]\n",
    "chain": HEAD
    + "layers: {A: {args: {m: int}, steps: [relu, {A: {m: $m - 1}, when: $m > 1}]}}\n"
    + "model: [{A: {m: $i % 20 + 1}, for: {i: 2000}}]\n",
    "steps": HEAD + "model:\n" + "  - relu\n" * 1_500,
    "terms": HEAD
    + "args: {n: 1}\nmodel:\n"
    + "".join(f"  - {{relu: {{}}, repeat: $n + {number}}}\n" for number in range(100)),
    "named steps": HEAD
    + f"model: [{', '.join(f'{{relu: {{}}, name: {name}}}' for name in NAMES)}, "
    + f"{{add: {{}}, from: [{', '.join(NAMES)}]}}]",
    "long tag": HEAD + f"model: [!{'a' * 240_000} relu]\n",
    "lists in rows": HEAD
    + f"args: {{a: {LIST}, b: {LIST}}}\n"
    + "model:\n  - relu: {}\n    for: {i: 9900}\n    when: $a == $b and $i > -1\n",
}

CASES = {
    "check 100 variants of thousands of layers": (["check", "variants.yaml"], "variants.yaml:7:", "ARCH025"),
    "sweep over 100 variants of thousands of layers": (["sweep", "variants.yaml"], "variants.yaml:7:", "ARCH025"),
    "eject 100 variants of thousands of kernels": (["eject", "kernels.yaml"], "class Net(keras.Model)", ""),
    "eject 1,500 steps": (["eject", "steps.yaml"], "class Net(keras.Model)", ""),
    "eject sums of many terms": (["eject", "terms.yaml"], "terms.yaml:57:6", "ARCH025"),
    "plot a chain of 2,000 layers": (["plot", "chain.yaml", "--out", "x.dot"], "wrote x.dot", ""),
    "plot a chain of 2,000 layers from left to right": (
        ["plot", "chain.yaml", "--direction", "LR", "--out", "x.dot"],
        "wrote x.dot",
        "",
    ),
    "plot 700 named steps that are added": (["plot", "named_steps.yaml", "--out", "x.dot"], "wrote x.dot", ""),
    "check a tag of 240 kB": (["check", "long_tag.yaml"], "long_tag.yaml:4:9:", "ARCH002"),
    "check lists that are compared in each row": (
        ["check", "lists_in_rows.yaml"],
        "lists_in_rows.yaml:8:11:",
        "ARCH025",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="each command is a fork")
def test_a_command_ends_within_a_second(tmp_path: Path) -> None:
    for name, text in SPECS.items():
        (tmp_path / f"{name.replace(' ', '_')}.yaml").write_text(text, encoding="utf-8")
    ended = run_commands({name: words for name, (words, *_) in CASES.items()}, tmp_path, MODULES)
    assert {name: faults for name, one in ended.items() if (faults := one.faults(1, 200))} == {}
    for name, (_, place, code) in CASES.items():
        assert place in ended[name].text
        assert code in ended[name].text
        assert ended[name].code == int(bool(code))
        assert ended[name].text.count("error[") == int(bool(code))


@pytest.mark.skipif(sys.platform != "linux", reason="each command is a fork")
@pytest.mark.parametrize("count", [60, pytest.param(480, marks=pytest.mark.slow)])
def test_no_hostile_spec_does_harm(count: int, tmp_path: Path) -> None:
    """No traceback, no control character, and no command that costs more than a second or 300 MB."""
    texts, cases = commands(count, seed=14)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    ended = run_commands(cases, tmp_path, MODULES)
    for _ in range(2):  # on a machine that is busy with other things, the second or third time counts
        slow = {name: cases[name] for name, one in ended.items() if one.cpu > 1}
        ended |= run_commands(slow, tmp_path, MODULES)
    assert {name: faults for name, one in ended.items() if (faults := one.faults(1))} == {}
    assert {one.code for one in ended.values()} >= {0, 1}
