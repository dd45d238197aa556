"""The card of a network of any inputs lists its columns and says how to predict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from finished_run import RUN

import archdsl
from archdsl.runs import card_inputs
from archdsl.runs.card import card

AGE = {"name": "age", "mean": 40.0, "std": 9.0, "smallest": 18.0, "largest": 90.5}
CLIENTS: dict[str, Any] = {
    "source": "csv bank.csv",
    "inputs": {
        "facts": {"kind": "vector", "missing": "mean", "columns": [AGE, {"name": "home", "classes": ["own", "rent"]}]},
        "job": {"kind": "category", "column": "job", "classes": [f"job {i}" for i in range(12)], "missing": "mean"},
        "note": {"kind": "text", "column": "a | note", "length": 8, "words": ["", "[UNK]", "good"], "missing": "mean"},
    },
    "targets": {"buys": {"kind": "class", "classes": ["no", "yes"]}},
    "heads": [{"output": "", "column": "buys", "task": "binary_classification", "logits": True}],
    "test_time": None,
}
SPEC = "archdsl: 1\nname: Clients\ninput: [3]\nmodel: [{dense: {units: 1}}]\n"


def test_a_card_lists_columns(golden: Any) -> None:
    run = replace(RUN, input=CLIENTS, source="csv bank.csv", classes=("no", "yes"), task="binary_classification")
    text = card(archdsl.loads(SPEC), replace(run, mean=None, std=None, test_scores={"accuracy": 0.98}), None, [])
    golden("card_of_columns.md", text)


@pytest.mark.parametrize(
    ("each", "target", "command"),
    [
        ({"kind": "tokens"}, "tokens", 'archdsl predict m.keras --text "The beginning" --tokens 200'),
        ({"kind": "image"}, "mask", "archdsl predict m.keras picture.png --out predictions"),
        ({"kind": "image"}, "number", "archdsl predict m.keras picture.png"),
        ({"kind": "array"}, "tags", "archdsl predict m.keras arrays.npz"),
        ({"kind": "text"}, "class", 'archdsl predict m.keras --text "A text"'),
    ],
)
def test_the_command_suits_the_input(each: dict[str, str], target: str, command: str) -> None:
    described = {"inputs": {"": each}, "targets": {"y": {"kind": target}}, "heads": [{"column": "y"}]}
    assert card_inputs.commands(described, "m.keras")[0] == command
