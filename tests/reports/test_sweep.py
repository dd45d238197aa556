"""`archdsl sweep` compares networks that differ in one argument, and `docs/how-to/try-more-paths.md` shows it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from archdsl import ArchError, load, resolve
from archdsl.analysis.measures import measure
from archdsl.cli import app

STEPS = ("parameters", "trainable", "macs", "activations", "weight_bytes", "peak_bytes", "kept_bytes")


def sweep(*words: str) -> Result:
    return CliRunner().invoke(app, ["sweep", *words])


def data(*words: str) -> list[dict[str, Any]]:
    return json.loads(sweep(*words, "--json").stdout)  # type: ignore[no-any-return]


def test_each_path_adds_the_same() -> None:
    rows = data("funny_resnet", "paths=1..6")
    assert [row["paths"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for name in STEPS:
        added = {more[name] - row[name] for row, more in pairwise(rows)}
        assert len(added) == 1, name
    share = {name: (rows[1][name] - rows[0][name]) / rows[0][name] for name in STEPS}
    assert all(0.09 < share[name] < 0.11 for name in ("parameters", "macs"))
    assert all(0.32 < share[name] < 0.35 for name in ("peak_bytes", "kept_bytes"))


def test_a_row_has_the_measures_of_the_network() -> None:
    rows = data("funny_resnet", "paths=1..3", "--batch", "8", "--precision", "float16", "--set", "width=16")
    found = measure(resolve(load("funny_resnet"), paths=3, width=16), 8, "float16")
    assert rows[2] == {
        "paths": 3,
        "parameters": found.totals.parameters,
        "trainable": found.totals.trainable,
        "macs": found.totals.macs,
        "activations": found.activations,
        "weight_bytes": found.weight_bytes,
        "peak_bytes": found.peak_bytes,
        "kept_bytes": found.kept_bytes,
        "batch": 8,
        "precision": "float16",
    }
    assert found.weight_bytes == 2 * found.totals.parameters


def test_two_paths_are_the_network_of_the_file() -> None:
    spec = load("funny_resnet")
    assert data("funny_resnet", "paths=2")[0]["parameters"] == spec.expect.parameters
    assert data("funny_resnet", "paths=2")[0]["macs"] == spec.expect.macs


def test_all_combinations_of_arguments_are_listed() -> None:
    rows = data("resnet_cifar", "depth=14,20", "shortcut=pad,auto")
    chosen = [(row["depth"], row["shortcut"]) for row in rows]
    assert chosen == [(14, "pad"), (14, "auto"), (20, "pad"), (20, "auto")]
    assert [row["depths"] for row in data("resnet", "depths=[1,1,1,1],[2,2,2,2]")] == [[1, 1, 1, 1], [2, 2, 2, 2]]


def test_without_arguments_it_lists_the_variants() -> None:
    spec = load("resnet_cifar")
    rows = data("resnet_cifar")
    assert [row["variant"] for row in rows] == ["-", *spec.variants]
    assert [row["parameters"] for row in rows] == [one.expect.parameters for one in spec.every()]
    assert [row["variant"] for row in data("resnet_cifar", "--variant", "resnet44")] == ["resnet44"]


def test_the_tables_of_text_and_markdown_have_the_same_cells() -> None:
    text, markdown = (sweep("funny_resnet", "paths=1,6", *more).stdout.splitlines() for more in ([], ["--markdown"]))
    assert [line.split()[:5] for line in text[1:3]] == [line[2:].split(" | ")[:5] for line in markdown[2:]]
    assert len({len(line) for line in text[:3]}) == 1
    assert "float32" in text[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["path=1"], "has no argument `path`"),
        (["paths"], "cannot parse `paths`"),
        (["paths="], "`paths=` has no values"),
        (["paths=3..1"], "`paths=3..1` has no values"),
        (["paths=[1"], "`paths=[1`: the value is not valid YAML"),
        (["paths=1..999999999"], "more than 100 networks"),
        (["paths=0..99999999999999999999"], "more than 100 networks"),
        (["paths=1..20", "width=1..20"], "more than 100 networks"),
        (["paths=1", "paths=2"], "duplicate argument `paths`"),
        (["paths=1", "--set", "paths=2"], "duplicate argument `paths`"),
        (["paths=1,many"], "expected an integer for `paths`, got `many`"),
        (["paths=0"], "`repeat` must be an integer of at least 0"),
        (["paths=1", "--json", "--markdown"], "cannot be combined"),
    ],
)
def test_contradictory_options_are_reported(words: list[str], message: str) -> None:
    done = sweep("funny_resnet", *words)
    assert isinstance(done.exception, ArchError)
    assert message in str(done.exception)
    assert done.stdout == ""
