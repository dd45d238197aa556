"""Every row of timm's table, compared with the counts of archdsl for the network of that name in the zoo."""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from archdsl import resolve, zoo
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
    (spec,) = [spec for spec in named if next(iter(spec.inputs.values())) == (size, size, 3)]
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
