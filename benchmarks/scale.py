"""What `check` costs where specs grow: equal layers cost next to nothing, and distinct ones grow it in a line."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import Found, memory, pairs, process

SPEC = "funny_resnet_notebook"
MEMORY = 100_000_000
"""Bytes that a check may take."""

DEEP = """\
archdsl: 1
name: Deep
input: [16, 16, 16]
defaults: {conv: {kernel: 3, padding: same, bias: false, norm: batch, activation: relu}}
layers:
  Block:
    args: {filters: int, rate: 0.0}
    paths: {main: [conv: {filters: $filters}, conv: {filters: $channels}, dropout: {rate: $rate}]}
    shortcut: identity
    merge: add
    after: relu
model:
"""


def equal(number: int) -> str:
    """A spec of as many equal layers."""
    return f"{DEEP}  - Block: {{filters: 16}}\n    repeat: {number}\n"


def distinct(number: int) -> str:
    """A spec of as many layers, of which no two are equal."""
    return f"{DEEP}  - Block: {{filters: 1 + $i % 64, rate: $i / {2 * number}}}\n    for: {{i: {number}}}\n"


def scaling(count: int) -> Found:
    """Measures it.

    Args:
        count: how many pairs of each.
    """
    check = (sys.executable, "-m", "archdsl", "check")
    found = {"peak memory of a check / 100 MB (1 at most)": _memory([*check, SPEC], count)}
    with tempfile.TemporaryDirectory() as folder:

        def checked(name: str, text: str) -> tuple[str, ...]:
            path = Path(folder) / f"{name}.yaml"
            path.write_text(text, encoding="utf-8")
            return (*check, str(path), "--allow", "steps=1000000")

        deep, shallow = checked("deep", equal(10_000)), checked("shallow", equal(100))
        found["check of 10,000 equal layers / of 100 (2 at most)"] = pairs(process(*deep), process(*shallow), count)
        many, few = checked("many", distinct(10_000)), checked("few", distinct(1_000))
        few_pairs = max(3, count // 2)
        found["check of 10,000 distinct layers / of 1,000 (10 at most, if it grows in a line)"] = pairs(
            process(*many), process(*few), few_pairs
        )
    return found


def _memory(command: list[str], count: int) -> tuple[float, float, float, float]:
    shares = [memory(*command) / MEMORY for _ in range(count)]
    return statistics.median(shares), min(shares), max(shares), process(*command)()
