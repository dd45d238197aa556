"""The arguments of optimizers, losses, metrics and initializers match Keras by name, default and type."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from documents import ROOT

from archdsl.ops.keras_objects import FILE, KerasWords, signatures
from archdsl.ops.weights import CONSTRAINTS, INITIALIZERS, REGULARIZERS
from archdsl.recipe import LOSSES, METRICS, OPTIMIZERS

TABLES: dict[str, KerasWords[Any]] = {
    "optimizers": OPTIMIZERS,
    "losses": LOSSES,
    "metrics": METRICS,
    "initializers": INITIALIZERS,
    "regularizers": REGULARIZERS,
    "constraints": CONSTRAINTS,
}
MODELS = [pytest.param(model, id=f"{name}-{word}") for name, table in TABLES.items() for word, model in table.items()]
LEFT_OUT_OF_METRICS = {
    "axis": "a network for labels has its classes on the last axis",
    "ignore_class": "a data set has no class that does not count",
    "from_sorted_ids": "a network for labels gives a number for each class",
    "from_logits": "`train` and the network tell",
    "label_smoothing": "a measure is taken of the labels as they are",
    "thresholds": "`num_thresholds` places them",
    "num_labels": "the data set tells",
    "label_weights": "`class_weights` of the data weigh",
    "class_aggregation": "an output predicts one number",
    "num_regressors": "the score is not adjusted for the number of inputs",
    "sparse_y_true": "the loss of the recipe tells",
    "sparse_y_pred": "the network gives a number for each class",
    "k": "`top_5_accuracy` has it in its name, and `top_k_accuracy` takes it",
}
OWN_DEFAULTS = {"from_logits": None, "label_smoothing": None, "average": "macro"}
"""`train` has defaults for the first two; with the Keras default of `average`, the result is a list."""


@pytest.mark.generated
@pytest.mark.tensorflow
def test_the_file_matches_keras() -> None:
    spec = importlib.util.spec_from_file_location("keras_signatures", ROOT / "docs/keras_signatures.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    again = "run `python docs/keras_signatures.py`, and give new arguments their meaning and their range"
    assert FILE.read_text(encoding="utf-8") == program.text(), again


def test_the_file_has_the_classes_of_the_tables_and_no_others() -> None:
    assert set(signatures()) == {target for table in TABLES.values() for target in table.targets.values()}
    assert len(MODELS) >= 65


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_every_argument_with_its_default(model: Any) -> None:
    fields = {name: field.default for name, field in model.model_fields.items()}
    left_out = LEFT_OUT_OF_METRICS.keys() - fields.keys() if model.target.startswith("metrics.") else set()
    wanted = {n: OWN_DEFAULTS.get(n, d) for n, d in signatures()[model.target].items() if n not in left_out}
    assert fields == wanted


@pytest.mark.parametrize("model", MODELS)
def test_every_default_is_of_its_type_and_in_its_range(model: Any) -> None:
    defaults = {name: field.default for name, field in model.model_fields.items()}
    made = model.model_validate(defaults)
    for name, default in defaults.items():
        assert getattr(made, name) == default
        assert type(getattr(made, name)) is type(default)


def test_every_row_of_arguments_belongs_to_a_word() -> None:
    """No row remains when Keras or a table loses an argument."""
    used = {id(row) for table in TABLES.values() for word in table for row in table.arguments_of(word).values()}
    rows = {id(row): key for table in TABLES.values() for key, row in table.arguments.items()}
    assert {key for row, key in rows.items() if row not in used} == set()
    assert len(rows) >= 80
