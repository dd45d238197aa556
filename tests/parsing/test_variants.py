"""Variants: each overrides keys of the file and is selected by its name."""

from __future__ import annotations

import pytest

from archdsl import ArchError, loads, resolve
from archdsl.errors import Problem
from archdsl.expansion import expand, lay_over
from archdsl.resolution.expectations import check
from archdsl.spec import Input, Spec

SPEC = """\
archdsl: 1
name: Net
doc: The file's own.
input: [8, 8, 4]
args: {width: 3, depth: 1, rate: 0.5}
variants:
  wide: {args: {width: 6}, expect: {parameters: 30, output: [8, 8, 6]}}
  deep: {args: {depth: 2}, doc: Two of them., expect: {parameters: 27, output: [8, 8, 3]}}
  tiny: {input: [4, 4, 1], expect: {parameters: 6, output: [4, 4, 3]}}
  same: {}
model:
  - {dense: {units: $width}, repeat: $depth}
  - dropout: {rate: $rate}
expect: {parameters: 15, trainable: 15, output: [8, 8, 3]}
"""


def problem(text: str) -> Problem:
    with pytest.raises(ArchError) as caught:
        loads(text)
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0]


def spec(variants: str, head: str = "args: {w: int}\n") -> Spec:
    return loads(f"archdsl: 1\nname: Net\ninput: [4]\n{head}variants: {variants}\nmodel: [dense: {{units: $w}}]\n")


class TestLaidOver:
    def test_arguments_key_by_key(self) -> None:
        args = loads(SPEC).varied("wide").args
        assert {name: arg.default and arg.default.content for name, arg in args.items()} == {
            "width": 6,
            "depth": 1,
            "rate": 0.5,
        }

    def test_the_input(self) -> None:
        assert dict(loads(SPEC).varied("tiny").inputs) == {"input": Input((4, 4, 1))}
        assert resolve(loads(SPEC).varied("tiny")).shape == (4, 4, 3)

    def test_one_of_several_inputs(self) -> None:
        text = "archdsl: 1\nname: Net\ninputs: {a: [4], b: [5]}\nvariants: {v: {inputs: {b: [6]}}}\nmodel: [concat]\n"
        assert dict(loads(text).varied("v").inputs) == {"a": Input((4,)), "b": Input((6,))}
        assert resolve(loads(text).varied("v")).shape == (10,)

    def test_the_doc_where_it_has_one(self) -> None:
        found = loads(SPEC)
        assert [found.varied(name).doc for name in ("deep", "wide")] == ["Two of them.", "The file's own."]

    def test_what_is_expected_key_by_key(self) -> None:
        assert loads(SPEC).varied("same").expect == loads(SPEC).expect
        text = SPEC.replace("wide: {args: {width: 6}, expect: {parameters: 30,", "wide: {args: {width: 6}, expect: {")
        varied = loads(text).varied("wide")
        assert varied.expect.model_dump(exclude_none=True) == {
            "parameters": 15,
            "trainable": 15,
            "output": [8, 8, 6],
        }
        with pytest.raises(ArchError) as caught:
            check(varied, resolve(varied))
        assert [p.span and p.span.line for p in caught.value.problems] == [14, 14]  # the file's own expectations

    def test_a_broken_expectation_stands_in_the_variant(self) -> None:
        varied = loads(SPEC.replace("parameters: 27", "parameters: 28")).varied("deep")
        with pytest.raises(ArchError) as caught:
            check(varied, resolve(varied))
        places = {p.message: p.span and p.span.line for p in caught.value.problems}
        name = "for the variant `deep`, got 27"
        assert places == {f"expected 28 parameters {name}": 8, f"expected 15 trainable parameters {name}": 14}

    def test_the_file_itself_stays_as_it_is(self) -> None:
        found = loads(SPEC)
        found.varied("wide")
        assert resolve(found).shape == (8, 8, 3)
        assert (found.variant, found.varied("wide").variant) == ("", "wide")

    def test_its_values_take_arguments_from_outside(self) -> None:
        assert resolve(loads(SPEC).varied("wide"), width=9).shape == (8, 8, 9)
        assert resolve(loads(SPEC).varied("wide"), depth=3).totals.variables == 6


class TestEvery:
    def test_the_file_and_each_variant(self) -> None:
        assert [one.variant for one in loads(SPEC).every()] == ["", "wide", "deep", "tiny", "same"]

    def test_the_file_alone_where_it_has_none(self) -> None:
        text = "archdsl: 1\nname: Net\ninput: [4]\nargs: {w: int}\nmodel: [dense: {units: $w}]\n"
        assert [one.variant for one in loads(text).every()] == [""]

    def test_no_file_without_values(self) -> None:
        found = spec("{a: {args: {w: 5}}, b: {args: {w: 6}}}")
        assert [one.variant for one in found.every()] == ["a", "b"]
        assert [resolve(one).shape for one in found.every()] == [(5,), (6,)]

    def test_the_hint_for_a_missing_value_names_a_variant(self) -> None:
        with pytest.raises(ArchError, match=r"ARCH016(.|\n)*select a variant: `[^`]*\[a\]`"):
            resolve(spec("{a: {args: {w: 5}}}"))

    def test_a_variant_may_lack_a_value_too(self) -> None:
        with pytest.raises(ArchError, match="ARCH016"):
            resolve(spec("{a: {args: {w: 5}}, b: {}}").varied("b"))


class TestRefused:
    def test_a_name_that_is_none(self) -> None:
        with pytest.raises(ArchError, match="did you mean `wide`"):
            loads(SPEC).varied("wid")
        with pytest.raises(ArchError, match="has no `variants`"):
            loads("archdsl: 1\nname: Net\ninput: [4]\nmodel: [relu]\n").varied("wide")

    @pytest.mark.parametrize(
        ("variants", "code", "said"),
        [
            ("[a]", "ARCH007", "must be a mapping"),
            ("a", "ARCH007", "must be a mapping"),
            ("", "ARCH007", "must be a mapping"),
            ("{a: }", "ARCH007", "must be a mapping"),
            ("{a: 3}", "ARCH007", "must be a mapping"),
            ("{a: [w]}", "ARCH007", "must be a mapping"),
            ("{1a: {}}", "ARCH010", "invalid variant name"),
            ("{'a b': {}}", "ARCH010", "invalid variant name"),
            ("{class: {}}", "ARCH010", "a Python keyword"),
            ("{../a: {}}", "ARCH010", "invalid variant name"),
            ("{a: {arg: {w: 5}}}", "ARCH005", "did you mean `args`"),
            ("{a: {model: [relu]}}", "ARCH005", "available"),
            ("{a: {defaults: {}}}", "ARCH005", "available"),
            ("{a: {args: {v: 5}}}", "ARCH015", "available: `w`"),
            ("{a: {args: {w: 2.5}}}", "ARCH007", "expected an integer"),
            ("{a: {args: {w: five}}}", "ARCH007", "expected an integer"),
            ("{a: {args: {w: true}}}", "ARCH007", "expected an integer"),
            ("{a: {args: {w: }}}", "ARCH007", "expected an integer"),
            ("{a: {args: {w: $w}}}", "ARCH019", "expressions are not allowed"),
            ("{a: {args: [w]}}", "ARCH007", "`args` must be a mapping"),
            ("{a: {input: 4}}", "ARCH007", "four integers"),
            ("{a: {inputs: {b: [4]}}}", "ARCH005", "unknown input `b`"),
            ("{a: {doc: [b]}}", "ARCH007", "`doc` must be a string"),
            ("{a: {expect: {parameter: 3}}}", "ARCH005", "did you mean `parameters`"),
            ("{a: {expect: {parameters: few}}}", "ARCH007", "expected an integer"),
        ],
    )
    def test_what_cannot_be_a_variant(self, variants: str, code: str, said: str) -> None:
        text = f"archdsl: 1\nname: Net\ninput: [4]\nargs: {{w: int}}\nvariants: {variants}\n"
        found = problem(text + "model: [dense: {units: $w}]\n")
        assert found.code == code
        assert said in f"{found.message} {found.hint}"
        assert found.span is not None
        assert found.span.line == 5

    def test_a_name_twice(self) -> None:
        assert problem(SPEC.replace("  deep:", "  wide:")).code == "ARCH004"

    def test_a_whole_float_is_taken_for_an_int(self) -> None:
        (found,) = spec("{a: {args: {w: 5.0}}}").every()
        assert resolve(found).shape == (5,)
        assert found.values({}) == {"w": 5}

    def test_what_a_variant_does_not_know_is_told_at_its_own_line(self) -> None:
        text = "archdsl: 1\nname: Net\ninputs: {a: [4], b: [4]}\nmodel: [concat]\n"
        found = problem(text + "variants:\n  v:\n    inputs:\n      a: [5]\n      c: [5]\n")
        assert (found.code, found.span and found.span.line) == ("ARCH005", 9)


RECIPE = """\
archdsl: 1
name: Net
input: [8, 8, 1]
variants:
  quick:
    data: {batch_size: 64, augment: {shift: 0.1}}
    train: {epochs: 2, optimizer: {sgd: {learning_rate: 0.5}}}
  plain: {}
  other:
    data: {source: fashion_mnist}
model: [flatten, dense: {units: 10}]
data: {source: digits, validation: 0.2, augment: {flip: both, shift: 0.3}}
train: {epochs: 9, optimizer: {adam: {beta_1: 0.8}}, seed: 4}
"""


class TestRecipes:
    def test_keys_take_the_place_of_the_files_own(self) -> None:
        found = loads(RECIPE).varied("quick")
        assert (found.data.source, found.data.batch_size, found.data.validation) == ("digits", 64, 0.2)
        assert (found.train.epochs, found.train.seed) == (2, 4)

    def test_a_mapping_is_replaced_whole_and_augment_by_key(self) -> None:
        found = loads(RECIPE).varied("quick")
        assert (found.data.augment.flip, found.data.augment.shift) == ("both", 0.1)
        assert (type(found.train.optimizer).__name__, found.train.optimizer.learning_rate) == ("Sgd", 0.5)

    def test_what_a_variant_does_not_say_is_the_files(self) -> None:
        found = loads(RECIPE)
        assert found.varied("plain").data is found.data
        assert found.varied("plain").train is found.train
        assert found.varied("other").train == found.train
        assert found.varied("other").data.source == "fashion_mnist"

    def test_a_variant_may_bring_what_the_file_has_not(self) -> None:
        text = RECIPE.replace("data: {source: digits, validation: 0.2, augment: {flip: both, shift: 0.3}}\n", "")
        found = loads(text.replace("    data: {batch_size: 64, augment: {shift: 0.1}}\n", ""))
        assert found.data is None
        assert found.varied("other").data.source == "fashion_mnist"
        assert problem(text).message == "missing required key `source`"

    @pytest.mark.parametrize(
        ("old", "new", "line", "said"),
        [
            ("epochs: 2", "epochs: 0", 7, "expected at least 1"),
            ("shift: 0.1", "shft: 0.1", 6, "did you mean `shift`"),
            ("learning_rate: 0.5", "momentum: 2.0", 7, "less than 1"),
            ("augment: {shift: 0.1}", "augment: {mixup: 0.1}", 6, "`mixup` mixes labels"),
            ("epochs: 9", "epochs: x", 13, "expected an integer"),
        ],
    )
    def test_each_fault_is_told_once_where_it_stands(self, old: str, new: str, line: int, said: str) -> None:
        text = RECIPE.replace(old, new)
        text = text.replace("{epochs: 2,", "{epochs: 2, loss: circle,") if "mixup" in new else text
        found = problem(text)
        assert found.span is not None
        assert found.span.line == line
        assert said in f"{found.message} {found.hint}"

    def test_a_step_that_a_recipe_names_is_looked_up_in_each_variant(self) -> None:
        text = RECIPE.replace("plain: {}", "plain: {train: {whiten: {layer: dense_1}}}")
        resolve(loads(text))
        with pytest.raises(ArchError, match="the step `dense_1` is not a convolution"):
            resolve(loads(text).varied("plain"))

    def test_the_long_form_of_a_variant_has_it_all(self) -> None:
        long = loads(expand(RECIPE, variant="quick"))
        found = loads(RECIPE).varied("quick")
        assert long.variants == {}
        for word in ("epochs", "seed", "label_smoothing", "keep", "early_stopping"):
            assert getattr(long.train, word) == getattr(found.train, word)
        assert long.train.optimizer == found.train.optimizer
        assert long.data == found.data

    def test_laid_over_it_keeps_its_form(self) -> None:
        text = lay_over(RECIPE, "spec.yaml", "quick")
        assert "data: {source: digits, validation: 0.2, augment: {flip: both, shift: 0.1}, batch_size: 64}\n" in text
        assert (loads(text).data, loads(text).train) == (
            loads(RECIPE).varied("quick").data,
            loads(RECIPE).varied("quick").train,
        )


class TestExpect:
    def test_another_network_without_its_own_is_not_held_to_the_files(self) -> None:
        found = loads(SPEC.replace("variants:", "variants:\n  free: {args: {width: 9}}"))
        assert found.varied("free").expect.model_fields_set == set()
        assert "expect" not in lay_over(found.text, "net.yaml", "free")

    def test_the_message_names_the_variant(self) -> None:
        found = loads(SPEC.replace("variants:", "variants:\n  odd: {args: {width: 9}, expect: {parameters: 1}}"))
        with pytest.raises(ArchError, match="expected 1 parameters for the variant `odd`, got "):
            check(found.varied("odd"), resolve(found.varied("odd")))
