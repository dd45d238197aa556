"""The arguments of ops: each has a description and an example; words become nested calls or clear errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import archdsl
from archdsl import expr
from archdsl.codegen.expressions import ExpressionWriter
from archdsl.codegen.printer import flat
from archdsl.errors import ArchError
from archdsl.ops import OPS, Call, Op, weights
from archdsl.ops.base import Written
from archdsl.ops.choices import WordChoice
from archdsl.recipe import LOSSES, METRICS, OPTIMIZERS, SCHEDULES, data, train
from archdsl.schema import docstrings

TABLES = (weights.INITIALIZERS, weights.REGULARIZERS, weights.CONSTRAINTS)


def models() -> Iterator[type[BaseModel]]:
    """Every model whose fields a spec may contain."""
    yield from OPS.values()
    for table in (*TABLES, LOSSES, METRICS, OPTIMIZERS, SCHEDULES):
        yield from table.values()
    for module in (data, train):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__:
                yield value


MODELS = {f"{model.__module__}.{model.__name__}": model for model in models()}


def test_every_model_is_found() -> None:
    assert len(MODELS) >= 115
    assert {weights.REGULARIZERS["l2"], OPTIMIZERS["adam"], OPS["conv"]} <= set(MODELS.values())


@pytest.mark.parametrize("name", MODELS)
def test_every_field_is_described(name: str) -> None:
    model = MODELS[name]
    told = docstrings.arguments(model)
    assert set(told) == set(model.model_fields)
    for text in told.values():
        assert len(text) > 5
        assert text.endswith(".")
        assert "\n" not in text


@pytest.mark.parametrize("name", OPS)
def test_an_op_documents_its_rule_and_source(name: str) -> None:
    op = OPS[name]
    assert docstrings.summary(op).endswith(".")
    assert re.search(r"\S -> \S", docstrings.rule(op))
    assert re.search(r"(Keras|NumPy's|Torch's) `\w|(19|20)\d\d", docstrings.source(op))


def test_own_descriptions_override_those_of_a_base() -> None:
    told = docstrings.arguments(OPS["conv_transpose"])
    assert told["padding"] == "`valid` or `same`."
    assert told["kernel"] == docstrings.arguments(OPS["conv"])["kernel"]
    assert told["kernel"] == "size of the convolution window: one number, or one per axis."
    assert list(told)[:3] == ["filters", "padding", "output_padding"]


def test_a_description_may_span_several_lines() -> None:
    class Documented:
        """It has one. (C) -> (C). Somebody et al. 2020. And a note.

        Args:
            first: begins here,
                and ends there.
            second: short.

        Nothing of this.
        """

    assert docstrings.arguments(Documented) == {"first": "begins here, and ends there.", "second": "short."}
    assert docstrings.summary(Documented) == "It has one."
    assert docstrings.rule(Documented) == "(C) -> (C)"
    assert docstrings.source(Documented) == "Somebody et al. 2020."
    assert docstrings.notes(Documented) == "And a note."


@pytest.mark.parametrize("name", OPS)
def test_every_argument_is_used_in_an_example(name: str) -> None:
    said = {field for example in OPS[name].examples for field in example.fields}
    assert said == set(OPS[name].model_fields) - {*OPS[name].block_fields}


def build(name: str, **fields: Any) -> Op:
    return OPS[name].model_validate(fields)


@pytest.mark.parametrize(
    ("field", "value", "source"),
    [
        ("kernel_initializer", "he_normal", '"he_normal"'),
        ("kernel_initializer", {"he_normal": {"seed": 3}}, "keras.initializers.HeNormal(seed=3)"),
        ("kernel_initializer", {"random_normal": {"stddev": 0.02}}, "keras.initializers.RandomNormal(stddev=0.02)"),
        ("kernel_initializer", {"constant": 2.0}, "keras.initializers.Constant(2.0)"),
        ("kernel_initializer", {"orthogonal": {"gain": 2.0, "seed": 1}}, "keras.initializers.Orthogonal(2.0, seed=1)"),
        ("kernel_initializer", {"ones": {}}, '"ones"'),
        ("kernel_initializer", {"ones": None}, '"ones"'),
        ("kernel_regularizer", "l2", '"l2"'),
        ("kernel_regularizer", {"l2": 0.5}, "keras.regularizers.L2(0.5)"),
        ("kernel_regularizer", {"l2": {"l2": 0.5}}, "keras.regularizers.L2(0.5)"),
        ("kernel_regularizer", {"l1_l2": {"l2": 0.5, "l1": 0.1}}, "keras.regularizers.L1L2(l1=0.1, l2=0.5)"),
        ("kernel_constraint", {"max_norm": 3.0}, "keras.constraints.MaxNorm(3.0)"),
        ("kernel_constraint", {"unit_norm": {"axis": [0, 1]}}, "keras.constraints.UnitNorm([0, 1])"),
    ],
)
def test_a_word_with_arguments_is_a_nested_call(field: str, value: Any, source: str) -> None:
    for op in (build("dense", units=3, **{field: value}), OPS["dense"].model_construct(units=3, **{field: value})):
        assert flat(ExpressionWriter({}).write(op.keras())) == f"layers.Dense(3, {field}={source})"


@pytest.mark.parametrize("value", ["none", None])
def test_none_and_the_default_are_omitted(value: Any) -> None:
    for word in ("kernel_regularizer", "kernel_constraint"):
        assert build("dense", units=3, **{word: value}).keras() == Call("layers.Dense", (3,))
        assert OPS["dense"].model_construct(units=3, **{word: value}).keras() == Call("layers.Dense", (3,))
    for same in ("glorot_uniform", {"glorot_uniform": {}}):
        assert build("dense", units=3, kernel_initializer=same).keras() == Call("layers.Dense", (3,))


def test_expressions_stay_expressions() -> None:
    decay, word = expr.parse("$decay / 2"), expr.parse("$word")
    fields = {"kernel_regularizer": {"l2": decay}, "bias_regularizer": word, "kernel_initializer": word}
    source = flat(ExpressionWriter({}).write(OPS["dense"].model_construct(units=3, **fields).keras()))
    assert "kernel_regularizer=keras.regularizers.L2(decay / 2)" in source
    assert "bias_regularizer=unless_none(word)" in source
    assert "kernel_initializer=word" in source


NET = """
archdsl: 1
name: Net
input: [4]
args: {{decay: {decay}, word: {word}}}
model:
  - dense: {{units: 3, kernel_regularizer: {{l2: $decay}}, bias_regularizer: $word}}
"""


def test_expressions_have_the_same_ranges() -> None:
    graph = archdsl.resolve(archdsl.loads(NET.format(decay=0.5, word="none")))
    assert graph.nodes[0].op.keras() == Call(
        "layers.Dense", (3,), {"kernel_regularizer": Call("keras.regularizers.L2", (0.5,))}
    )
    for decay, word, fact in ((-0.5, "l2", "expected at least 0, got `-0.5`"), (0.5, "l3", "unknown value `l3`")):
        with pytest.raises(ArchError, match=fact):
            archdsl.resolve(archdsl.loads(NET.format(decay=decay, word=word)))


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        ("he_norml", "unknown value `he_norml`.*did you mean `he_normal`"),
        ("{truncated_normal: {stdev: 0.1}}", "unknown value `stdev`.*did you mean `stddev`"),
        ("{truncated_normal: {stddev: big}}", "expected a number, got `big`"),
        ("{truncated_normal: {stddev: 0.0}}", "expected more than 0"),
        ("{truncated_normal: 0.1}", "expected named arguments: `{truncated_normal: {mean: "),
        ("{ones: {}, zeros: {}}", "expected a name, or `{name: {argument: value}}`"),
        ("{}", "expected a name, or `{name: {argument: value}}`"),
        ("0.1", "expected a name, or `{name: {argument: value}}`, got `0.1`"),
        ("[ones]", "expected a name, or `{name: {argument: value}}`"),
        ("none", "unknown value `none`"),
    ],
)
def test_an_invalid_initializer_is_reported(value: str, fact: str) -> None:
    text = f"archdsl: 1\nname: Net\ninput: [4]\nmodel:\n  - dense: {{units: 3, kernel_initializer: {value}}}\n"
    with pytest.raises(ArchError) as caught:
        archdsl.loads(text)
    assert re.search(fact, str(caught.value), re.DOTALL)
    assert caught.value.problems[0].span.line == 5  # type: ignore[union-attr]
    assert len(caught.value.problems) == 1


def test_a_table_is_in_the_metadata_of_its_fields() -> None:
    fields = OPS["conv"].model_fields
    tables = [item for item in fields["kernel_regularizer"].metadata if isinstance(item, Written)]
    assert [type(table) for table in tables] == [WordChoice]
    assert set(tables[0].entries) == set(weights.REGULARIZERS) - {"orthogonal_regularizer"}


@pytest.mark.parametrize(
    ("name", "fields", "word"),
    [
        ("conv", {"filters": 3, "kernel": 3}, {"kernel_initializer": "identity"}),
        ("conv", {"filters": 3, "kernel": 3}, {"kernel_regularizer": "orthogonal_regularizer"}),
        ("conv", {"filters": 3, "kernel": 3}, {"bias_initializer": "orthogonal"}),
        ("batch_norm", {}, {"gamma_initializer": "identity"}),
    ],
)
def test_a_word_that_does_not_support_the_rank_is_unknown(name: str, fields: Any, word: Any) -> None:
    with pytest.raises(ValidationError, match="unknown"):
        build(name, **fields, **word)


def test_a_matrix_supports_every_word() -> None:
    for word in weights.INITIALIZERS:
        assert build("dense", units=3, kernel_initializer=word).keras_value("kernel_initializer") == word
    for word in weights.REGULARIZERS:
        assert build("dense", units=3, kernel_regularizer=word).keras_value("kernel_regularizer") == word
