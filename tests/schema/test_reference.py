"""`archdsl ops NAME`: the reference of an op, as text that fits a terminal and as data."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

import archdsl
from archdsl.cli import main
from archdsl.ops import OPS
from archdsl.schema import op_reference

Golden = Callable[[str, str], None]


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["archdsl", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    captured = capsys.readouterr()
    code = caught.value.code
    return code if isinstance(code, int) else 0, captured.out, captured.err


@pytest.mark.parametrize(
    ("name", "width"),
    [("conv", 80), ("attention", 120), ("batch_norm", 80), ("reshape", 80), ("add", 80), ("relu6", 80)],
)
def test_an_op_is_told(
    name: str, width: int, golden: Golden, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = run(monkeypatch, capsys, "ops", name)
    assert (code, err) == (0, "")
    golden(f"ops/{name}.txt", out)


@pytest.mark.parametrize("name", OPS)
def test_the_text_of_every_op_fits(name: str) -> None:
    for width in (80, 120):
        text = op_reference.describe(OPS[name], width)
        assert max(map(len, text.splitlines())) <= width
        assert "Annotated" not in text
        assert "<" not in text.replace("<=", "")
        assert all(f"  {op_reference.argument_name(OPS[name], field)}  " in text for field in OPS[name].model_fields)
        assert "typing" not in text


@pytest.mark.parametrize("name", OPS)
def test_the_examples_are_steps_of_a_spec(name: str) -> None:
    """The text below `Examples` can be copied into a spec."""
    text = op_reference.describe(OPS[name], 80)
    steps = text.split("\nExamples\n")[1]
    spec = f"archdsl: 1\nname: Net\ninput: [4]\nmodel:\n{steps}"
    found = [step for step in archdsl.loads(spec).model if step.action]
    examples = OPS[name].examples[: len(found)]
    assert len(found) == min(4, len(OPS[name].examples))
    for step, example in zip(found, examples, strict=True):
        main_part = next(part for part in step.action if part.role == "main")
        said = {key: value.template() for key, value in main_part.fields.items()}
        pads = [part for part in step.action if part.role == "pad"]
        said |= {key: value.template() for part in pads for key, value in part.fields.items()}
        assert main_part.op.model_validate(said) == OPS[name].model_validate(dict(example.fields))


def test_data_of_an_op(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(monkeypatch, capsys, "ops", "batch_norm", "--json")
    data: Any = json.loads(out)
    assert code == 0
    assert data["name"] == "batch_norm"
    assert data["shape"] == "(..., C) -> (..., C)"
    assert list(data["arguments"]) == op_reference.fields_of(OPS["batch_norm"])
    assert data["arguments"]["momentum"] == {
        "type": "a number (0 to 1)",
        "required": False,
        "default": 0.99,
        "description": "momentum of the moving averages; torch's `momentum` is 1 minus this value.",
    }
    assert data["arguments"]["gamma_regularizer"]["words"] == ["l1", "l2", "l1_l2"]
    assert data["examples"][0]["weights"]["moving_mean"] == {"shape": [6], "trainable": False}
    assert data["examples"][0]["parameters"] == 24
    for name, op in OPS.items():
        assert json.loads(json.dumps(op_reference.data(op)))["name"] == name


@pytest.mark.parametrize(
    ("op", "told"),
    [
        ("conv", ""),
        ("embedding", "Takes integers, and gives floats."),
        ("rescale", "Takes floats or integers, and gives floats."),
        ("flatten", "Takes floats, integers or booleans, and gives the same dtype."),
        ("cast", "Takes floats, integers or booleans, and gives the chosen dtype."),
        ("weight", ""),
    ],
)
def test_the_dtypes_of_an_op(op: str, told: str) -> None:
    assert op_reference.dtypes_of(OPS[op]) == told
    assert not told or told in op_reference.describe(OPS[op], 120)


def test_what_is_required_comes_first() -> None:
    for op in OPS.values():
        required = [op.model_fields[name].is_required() for name in op_reference.fields_of(op)]
        assert required == sorted(required, reverse=True)
        assert set(op_reference.fields_of(op)) == set(op.model_fields)


@pytest.mark.parametrize(("word", "hint"), [("cnv", "conv"), ("batchnorm", "batch_norm"), ("Relu", "relu")])
def test_an_unknown_op_is_told_with_the_nearest(
    word: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "ops", word)
    assert (code, out) == (2, "")
    assert f"there is no op `{word}`" in err
    assert f"did you mean `{hint}`?" in err


@pytest.mark.parametrize(
    ("op", "field", "told"),
    [
        ("conv", "filters", "an integer (1 to 1,000,000)"),
        ("conv", "kernel", "an integer (1 to 65,536) or a list of integers"),
        (
            "conv",
            "padding",
            (
                "`valid`, `same`, `causal`, an integer (0 to 65,536), "
                "or a list of pairs such as [[top, bottom], [left, right]]"
            ),
        ),
        ("conv", "norm", "a normalization, such as `batch`, or `none`"),
        ("conv", "bias", "a boolean"),
        ("conv", "bias_constraint", "a constraint or `none`"),
        ("dropout", "rate", "a number (at least 0 and less than 1)"),
        ("dropout", "seed", "an integer (0 to 2,147,483,647)"),
        ("layer_norm", "axis", "an integer (-8 to 8) or a list of integers"),
        ("layer_norm", "epsilon", "a number (greater than 0)"),
        ("normalization", "mean", "a number or a list of numbers"),
        ("upsample", "interpolation", "`nearest`, `bilinear`, `bicubic`, `lanczos3`, or `lanczos5`"),
        ("zero_pad", "padding", "an integer (0 to 65,536) or a list of pairs such as [[top, bottom], [left, right]]"),
    ],
)
def test_types_in_words(op: str, field: str, told: str) -> None:
    assert op_reference.type_of(field, OPS[op].model_fields[field]) == told
