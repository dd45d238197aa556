"""Every row of timm's table, compared with the counts of archdsl for the network of that name in the zoo."""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from archdsl import loads, resolve, zoo
from archdsl.analysis.measures import fvcore
from archdsl.spec import Spec

TABLE = Path(__file__).parent / "timm.csv"
LINES = TABLE.read_text(encoding="utf-8").splitlines()
ROWS = {
    (row["model"], int(row["image_size"])): (row["parameters_millions"], row["gmacs"], row["activations_millions"])
    for row in csv.DictReader(line for line in LINES if not line.startswith("#"))
}
"""Trainable parameters (millions), GMACs and activations (millions), as printed."""

DIFFERENT: dict[tuple[str, int], tuple[str, tuple[str, str, str]]] = {}
"""Rows that differ: the reason, and the counts of archdsl."""


@cache
def variants() -> dict[str, list[Spec]]:
    """All specs in the zoo with a variant applied, by the name of the variant."""
    found: dict[str, list[Spec]] = {}
    for path in zoo.names().values():
        spec = zoo.load(path)
        for name in spec.variants:
            found.setdefault(name, []).append(spec.varied(name))
    return found


def found(model: str, size: int) -> Spec:
    """The variant of a row: `MODEL_SIZE`, or `MODEL` if its images have that size; exactly one exists."""
    named = [spec for name in (f"{model}_{size}", model) for spec in variants().get(name, ())]
    (spec,) = [spec for spec in named if next(iter(spec.inputs.values())).shape == (size, size, 3)]
    return spec


def counted(model: str, size: int) -> tuple[str, str, str]:
    """The counts of archdsl for a row, formatted like those of timm."""
    graph = resolve(found(model, size))
    counts = fvcore(graph)
    numbers = (graph.totals.trainable / 1e6, counts.macs / 1e9, counts.activations / 1e6)
    return tuple(f"{round(number, 2):g}" for number in numbers)  # type: ignore[return-value]


def test_the_table_is_complete_and_names_its_source() -> None:
    assert "timm" in LINES[0]
    assert "Apache License 2.0" in LINES[0]
    assert len(ROWS) == 75
    assert min(Counter(re.match(r"[a-z]+", model)[0] for model, _ in ROWS).values()) >= 2  # type: ignore[index]
    assert DIFFERENT.keys() <= ROWS.keys()


@pytest.mark.parametrize(("model", "size"), ROWS)
def test_a_row_is_what_timm_published(model: str, size: int) -> None:
    published = tuple(f"{float(number):g}" for number in ROWS[model, size])
    if (model, size) not in DIFFERENT:
        assert counted(model, size) == published
        return
    reason, numbers = DIFFERENT[model, size]
    assert reason
    assert counted(model, size) == numbers
    assert numbers != published, "it is equal now: take it out of DIFFERENT"


CONV_MIXER = """
archdsl: 1
name: ConvMixer
input: [224, 224, 3]
args: {width: int, depth: int, kernel: int, patch: int}
layers:
  Block:
    args: {kernel: int}
    steps:
      - paths: {main: [depthwise_conv: {kernel: $kernel, padding: same, activation: gelu}, batch_norm]}
        shortcut: identity
        merge: add
      - conv: {filters: $channels, kernel: 1, activation: gelu}
      - batch_norm
model:
  - conv: {filters: $width, kernel: $patch, stride: $patch, activation: gelu}
  - batch_norm
  - Block: {kernel: $kernel}
    repeat: $depth
  - global_average_pool
  - dense: {units: 1000}
"""


@pytest.mark.parametrize(
    ("width", "depth", "kernel", "patch", "published"),
    [
        (768, 32, 7, 7, (21.11, 19.55, 25.95)),
        (1024, 20, 9, 14, (24.38, 5.55, 5.51)),
        (1536, 20, 9, 7, (51.63, 48.68, 33.03)),
    ],
)
def test_fvcore_leaves_out_convolutions_with_the_word_same(
    width: int, depth: int, kernel: int, patch: int, published: tuple[float, float, float]
) -> None:
    """In torch, they are another op, which fvcore does not know; timm has it in these three networks alone.

    archdsl counts them: elsewhere, timm writes the same padding as a number, and fvcore counts it.
    """
    graph = resolve(loads(CONV_MIXER), width=width, depth=depth, kernel=kernel, patch=patch)
    side = 224 // patch
    values = depth * width * side * side
    macs, activations = fvcore(graph)
    found = graph.totals.trainable / 1e6, (macs - values * kernel**2) / 1e9, (activations - values) / 1e6
    assert tuple(round(number, 2) for number in found) == published
    one = resolve(
        loads(CONV_MIXER.replace("same", str(kernel // 2))), width=width, depth=depth, kernel=kernel, patch=patch
    )
    assert fvcore(one) == (macs, activations)
