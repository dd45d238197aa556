"""A file becomes a typed spec, with the place of each value; every name is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from archdsl import loads, resolve
from archdsl.errors import ArchError, Problem
from archdsl.expr import Expression
from archdsl.names import CLASS_RESERVED, RESERVED, name_fault
from archdsl.ops import OPS
from archdsl.parsing import FILE, LAYER, parse
from archdsl.parsing.steps import ACTIVATIONS, NORMS
from archdsl.recipe import OPTIMIZERS, SCHEDULES
from archdsl.spec import Input, Spec
from archdsl.steps import SHORTCUTS, Branches, LayerCall

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\n"


def spec(body: str, head: str = HEAD) -> Spec:
    return parse(head + body, "a.yaml")


def problems(body: str, head: str = HEAD) -> tuple[Problem, ...]:
    with pytest.raises(ArchError) as caught:
        resolve(parse(head + body, "a.yaml"))
    return caught.value.problems


def problem(body: str, head: str = HEAD) -> Problem:
    found = problems(body, head)
    assert len(found) == 1, [p.message for p in found]
    return found[0]


class TestFile:
    def test_a_small_one(self) -> None:
        found = spec("doc: >\n  A small\n  one.\nmodel: [relu]\n")
        assert (found.name, found.doc, found.file) == ("Net", "A small one.", "a.yaml")
        assert found.inputs == {"input": Input((8, 8, 3))}
        assert found.text.startswith("archdsl: 1")
        assert found.data is found.train is None
        assert (found.span.line, found.span.column) == (2, 7)

    def test_loads_names_its_text(self) -> None:
        assert loads(HEAD + "model: [relu]").file == "<text>"
        assert loads(HEAD + "model: [relu]", "mine").file == "mine"

    @pytest.mark.parametrize("key", FILE)
    def test_each_key_misspelt(self, key: str) -> None:
        text = HEAD + "model: [relu]\nargs:\ndefaults:\nlayers:\n"
        misspelt = text.replace(f"{key}:", f"{key}x:") if f"{key}:" in text else text + f"{key}x: 1\n"
        told = " ".join(p.message + p.hint for p in problems(misspelt, ""))
        assert f"unknown key `{key}x`" in told or key == "archdsl"

    def test_all_problems_are_told_in_one_run(self) -> None:
        found = problems("model:\n  - conv: {filters: 0, kernal: 3}\n  - rellu\nexpect: {parameter: 3}\n")
        assert [p.code for p in found] == ["ARCH008", "ARCH015", "ARCH014", "ARCH005"]

    @pytest.mark.parametrize("shape", ["32", "[0, 1]", "[1.5]", "[a]", "[1, 2, 3, 4, 5]", "[65537]", "[true]"])
    def test_input_is_a_shape(self, shape: str) -> None:
        assert problem("model: [relu]", f"archdsl: 1\nname: Net\ninput: {shape}\n").code == "ARCH007"

    @pytest.mark.parametrize("version", ["2", "0", "1.5", "true", "'1'", "[1]", "{a: 1}", ""])
    def test_the_version_is_one(self, version: str) -> None:
        assert problem("model: [relu]", f"archdsl: {version}\nname: Net\ninput: [4]\n").code == "ARCH009"

    @pytest.mark.parametrize("body", ["model:", "model: []", "model: {}"])
    def test_a_model_has_a_step(self, body: str) -> None:
        """`model: []` is an explicit identity; a model without a value is an error."""
        if body == "model: []":
            assert resolve(spec(body)).shape == (8, 8, 3)
        else:
            assert problem(body).code in ("ARCH007", "ARCH014")

    def test_a_doc_may_have_a_dollar(self) -> None:
        assert spec("doc: costs $5\nmodel: [relu]").doc == "costs $5"
        assert problem("doc: [a]\nmodel: [relu]").code == "ARCH007"


class TestNames:
    @pytest.mark.parametrize(
        ("name", "fault"),
        [
            ("filters", ""),
            ("k", ""),
            ("_k", "starts with a letter"),
            ("2k", "starts with a letter"),
            ("a-b", "letters, digits"),
            ("naïve", "letters, digits"),
            ("", "letters, digits"),
            ("a" * 65, "at most 64"),
            ("class", "a Python keyword"),
            ("match", "a Python keyword"),
            ("None", "a Python keyword"),
            ("max", "a function in expressions"),
            ("index", ""),
            ("shape", ""),
            ("training", "an attribute of Keras layers and models"),
            ("name", "an attribute of Keras layers and models"),
            ("dtype", "an attribute of Keras layers and models"),
            ("trainable", "an attribute of Keras layers and models"),
            ("weights", "an attribute of Keras layers and models"),
            ("layers", "an attribute of Keras layers and models"),
            ("losses", "an attribute of Keras layers and models"),
            ("call", "an attribute of Keras layers and models"),
            ("channels", "a name in the generated code"),
            ("keras", "a name in the generated code"),
            ("self", "an attribute of Keras layers and models"),
        ],
    )
    def test_of_arguments(self, name: str, fault: str) -> None:
        found = name_fault(name, RESERVED)
        assert (fault in found) if fault else not found

    @pytest.mark.parametrize("name", ["print", "Exception", "int", "Spec", "None", "keras"])
    def test_of_classes(self, name: str) -> None:
        assert name_fault(name, CLASS_RESERVED)

    @pytest.mark.parametrize("name", ["relu", "conv", "add"])
    def test_a_layer_is_not_named_as_an_op(self, name: str) -> None:
        assert problem(f"layers: {{{name}: {{steps: [relu]}}}}\nmodel: [relu]").code == "ARCH010"

    @pytest.mark.parametrize("name", ["3", "true", "", "[a]", "My Net", "relu", "$x"])
    def test_a_model_has_a_class_name(self, name: str) -> None:
        found = problems("model: [relu]", f"archdsl: 1\nname: {name}\ninput: [4]\n")
        assert {p.code for p in found} <= {"ARCH010", "ARCH019", "ARCH006"}


class TestArguments:
    def test_types_and_defaults(self) -> None:
        found = spec(
            "args: {a: 1, b: 0.5, c: true, d: same, e: [1, 2], f: int, g: float, h: bool, i: str, j: list}\n"
            "model:\n  - dense: {units: $a + $f + len($e) + len($j) + floor($b + $g)}\n"
            "    when: ($c or $h) and $d != $i\n"
        ).args
        kinds = {name: (arg.type, arg.default is None) for name, arg in found.items()}
        assert kinds == {
            "a": ("int", False),
            "b": ("float", False),
            "c": ("bool", False),
            "d": ("str", False),
            "e": ("list", False),
            "f": ("int", True),
            "g": ("float", True),
            "h": ("bool", True),
            "i": ("str", True),
            "j": ("list", True),
        }

    def test_the_values_of_a_model(self) -> None:
        found = spec("args: {units: int, rate: 0.5}\nmodel: [dense: {units: $units}, dropout: {rate: $rate}]")
        assert found.values({"units": 3.0}) == {"units": 3, "rate": 0.5}
        assert found.values({"units": 3, "rate": 0}) == {"units": 3, "rate": 0}
        for wrong, code in [({}, "ARCH016"), ({"unit": 3}, "ARCH203"), ({"units": "3"}, "ARCH203")]:
            with pytest.raises(ArchError, match=code):
                found.values(wrong)
        for value in (True, 2.5, None, [3]):
            with pytest.raises(ArchError, match="expected an integer for `units`"):
                found.values({"units": value})

    @pytest.mark.parametrize(
        ("type_", "good", "bad"),
        [
            ("int", ["3", "3.0", "$channels", "6 / $channels"], ["2.5", "true", "x", "[1]", "$channels / 2"]),
            ("float", ["3", "0.5", "$channels / 2"], ["true", "x", "[0.5]"]),
            ("bool", ["true", "$channels == 3"], ["1", "yes", "no", "$channels"]),
            ("str", ["x", "\"'x' if $channels == 3 else 'y'\""], ["1", "true", "[x]", "$channels"]),
            ("list", ["[1, 2]", "[]", "[$channels]"], ["1", "x", "$channels"]),
        ],
    )
    def test_a_use_gives_the_type(self, type_: str, good: list[str], bad: list[str]) -> None:
        layer = f"layers:\n  A:\n    args: {{a: {type_}}}\n    steps:\n"
        layer += "      - relu: {}\n        for: {i: [$a]}\n        when: $i == $a\n"
        for text in good:
            assert resolve(spec(layer + f"model:\n  - A: {{a: {text}}}\n")).totals.layers == 1
        for text in bad:
            found = problem(layer + f"model:\n  - A: {{a: {text}}}\n")
            assert found.code == "ARCH007", text
            assert found.span is not None
            assert found.span.line == 12

    def test_a_null_is_no_value(self) -> None:
        layer = "layers: {A: {args: {a: int}, steps: [dense: {units: $a}]}}\nmodel:\n"
        assert problem(layer + "  - A: {a: }\n").code == "ARCH007"
        assert problem(layer + "  - A: {a: null}\n").code == "ARCH007"

    @pytest.mark.parametrize("default", ["", "null", "{a: 1}"])
    def test_an_argument_has_a_type_or_a_default(self, default: str) -> None:
        assert problems(f"args: {{a: {default}}}\nmodel: [dense: {{units: $a}}]")[0].code == "ARCH007"

    @pytest.mark.parametrize("where", ["steps", "shortcut", "repeat", "when", "for", "after"])
    def test_a_use_anywhere_is_a_use(self, where: str) -> None:
        bodies = {
            "steps": "steps: [dense: {units: $a}]",
            "shortcut": "{paths: [[relu]], shortcut: \"'none' if $a == 1 else 'identity'\", merge: add}",
            "repeat": "steps: [{relu: {}, repeat: $a}]",
            "when": "steps: [{relu: {}, when: $a == 1}]",
            "for": "steps: [{dense: {units: $i + 1}, for: {i: $a}}]",
            "after": "{paths: [[relu]], merge: add, after: [dense: {units: $a}]}",
        }
        body = bodies[where].strip("{}") if bodies[where].startswith("{") else bodies[where]
        assert spec(f"layers: {{A: {{args: {{a: 1}}, {body}}}}}\nmodel: [A]")
        unused = body.replace("$a", "$channels")
        with pytest.raises(ArchError, match="unused argument `a`"):
            spec(f"layers: {{A: {{args: {{a: 1}}, {unused}}}}}\nmodel: [A]")

    def test_a_body_sees_nothing_of_its_caller(self) -> None:
        found = problem("args: {w: 3}\nlayers: {A: {steps: [dense: {units: $w}]}}\nmodel: [A, dense: {units: $w}]")
        assert found.code == "ARCH012"

    def test_a_column_is_seen_inside_alone(self) -> None:
        assert problem("model:\n  - {relu: {}, for: {i: 2}, when: $i > 0}\n  - dense: {units: $i}\n").code == "ARCH012"
        assert problem("model:\n  - {relu: {}, for: {i: 2, j: $i}, when: $i == $j}\n").code == "ARCH012"


@pytest.mark.parametrize(
    "body",
    [
        "defaults: {conv: {filters: $a}}\nmodel: [conv: {kernel: $a}]",
        "model: [dense: {units: $a}]\nexpect: {parameters: $a}",
        "layers:\n  A: {args: {b: 1}, steps: [dense: {units: $b}]}\n  B: {like: A, with: {b: $a}}\n"
        "model: [B, dense: {units: $a}]",
        "model: [{dense: {units: $a}, name: $a}]",
        "model: [dense: {units: $a}]\ndata: {source: digits, batch_size: $a}",
        "model: [dense: {units: $a}]\ntrain: {epochs: $a}",
    ],
)
def test_no_expression_stands_where_none_may(body: str) -> None:
    found = problem("args: {a: 3}\n" + body)
    assert found.code == "ARCH019"
    assert found.span is not None
    assert "$a" in found.span.text


def test_a_dollar_in_args_is_refused() -> None:
    assert "ARCH019" in {p.code for p in problems("args: {a: 3, b: $a}\nmodel: [dense: {units: $a + $b}]")}


class TestSteps:
    def first(self, body: str, index: int = 0) -> Any:
        return spec(body).model[index]

    def test_a_word_a_mapping_and_neighbours(self) -> None:
        steps = spec("model:\n  - relu\n  - relu:\n  - relu: {}\n  - {relu: {}, name: x, repeat: 1}\n").model
        assert [step.kind for step in steps] == ["relu"] * 4
        assert [step.name for step in steps] == [None, None, None, "x"]
        assert steps[3].loop.many
        assert not steps[0].loop.many

    def test_one_step_is_a_body(self) -> None:
        assert len(spec("model: relu").model) == 1
        assert len(spec("model: {conv: {filters: 3, kernel: 1}}").model) == 1

    def test_a_conv_block_has_parts(self) -> None:
        step = self.first("model: [conv: {filters: 3, kernel: 3, padding: 1, norm: batch, activation: relu}]")
        assert [(part.role, part.op.name) for part in step.action] == [
            ("pad", "zero_pad"),
            ("main", "conv"),
            ("norm", "batch_norm"),
            ("activation", "relu"),
        ]
        assert "padding" not in step.action[1].fields

    @pytest.mark.parametrize("padding", ["same", "valid"])
    def test_words_of_padding_make_no_part(self, padding: str) -> None:
        step = self.first(f"model: [conv: {{filters: 3, kernel: 3, padding: {padding}}}]")
        assert [part.role for part in step.action] == ["main"]

    def test_an_activation_takes_arguments(self) -> None:
        step = self.first("model: [conv: {filters: 3, kernel: 3, activation: {leaky_relu: {slope: 0.1}}}]")
        assert step.action[1].op is OPS["leaky_relu"]
        assert step.action[1].fields["slope"].content == 0.1

    def test_an_expression_keeps_its_place(self) -> None:
        found = spec("args: {w: 3}\nmodel:\n  - conv: {filters: $w * 2, kernel: [$w, 1]}\n").model[0].action[0].fields  # type: ignore[union-attr]
        assert found["filters"].content == Expression("$w * 2", found["filters"].content.tree, frozenset({"w"}))
        assert found["filters"].span.part(0, 6).column == 21
        assert found["kernel"].names == {"w"}
        assert found["kernel"].evaluate({"w": 5}) == [5, 1]

    def test_the_words_of_norm_and_activation(self) -> None:
        assert NORMS["batch"] is OPS["batch_norm"]
        assert {"relu", "swish", "gelu", "softmax"} <= set(ACTIVATIONS)

    @pytest.mark.parametrize(
        "step",
        [
            "relu: 3",
            "relu: [3]",
            "relu: x",
            "conv: [64, 3]",
            "[relu]",
            "[[relu]]",
            "3",
            "true",
            "{}",
            "",
            "'relu relu'",
        ],
    )
    def test_what_is_no_step(self, step: str) -> None:
        assert problem(f"model:\n  - {step}\n").code in ("ARCH007", "ARCH014")


class TestBunches:
    def branches(self, body: str) -> Branches:
        action = spec(f"layers: {{A: {{{body}}}}}\nmodel: [A]").layers["A"].steps[0].action
        assert isinstance(action, Branches)
        return action

    def test_paths_by_name_and_as_a_list(self) -> None:
        assert [p.name for p in self.branches("paths: {a: [relu], b: []}, merge: add").paths] == ["a", "b"]
        assert [p.name for p in self.branches("paths: [[relu], []], merge: add").paths] == [None, None]

    def test_a_path_may_be_a_mapping(self) -> None:
        (path,) = self.branches("paths: {a: {steps: [relu], repeat: 3}}, merge: concat").paths
        assert path.loop.many
        assert len(path.steps) == 1

    def test_steps_with_paths_are_the_same_as_paths(self) -> None:
        long = "layers: {A: {steps: [{paths: [[relu], []], merge: add}]}}\nmodel: [A]"
        assert (
            resolve(spec(long)).totals
            == resolve(spec("layers: {A: {paths: [[relu], []], merge: add}}\nmodel: [A]")).totals
        )

    def test_after_is_a_step_or_a_list(self) -> None:
        assert len(self.branches("paths: [[relu], []], merge: add, after: relu").after) == 1
        assert len(self.branches("paths: [[relu], []], merge: add, after: [relu, relu]").after) == 2

    @pytest.mark.parametrize("merge", ["add", "average", "maximum", "multiply", "concat", "{add: {}}", "{concat: }"])
    def test_merges(self, merge: str) -> None:
        part = self.branches(f"paths: [[relu], []], merge: {merge}").merge
        assert part is not None
        assert part.op.many

    @pytest.mark.parametrize(
        "merge", ["relu", "sum", "[add]", "3", "{add: {}, concat: {}}", "{add: {axis: 1}}", "$m", ""]
    )
    def test_what_is_no_merge(self, merge: str) -> None:
        found = problem(f"layers: {{A: {{paths: [[relu], []], merge: {merge}}}}}\nmodel: [A]")
        assert found.code in ("ARCH006", "ARCH007", "ARCH015", "ARCH012", "ARCH019")

    @pytest.mark.parametrize("shortcut", [*SHORTCUTS, "[relu]", "[]"])
    def test_shortcuts(self, shortcut: str) -> None:
        assert self.branches(f"paths: [[relu], [relu]], shortcut: {shortcut}, merge: add")

    @pytest.mark.parametrize("shortcut", ["relu", "3", "true", "{relu: {}}", "padd", "identiti", "''"])
    def test_what_is_no_shortcut(self, shortcut: str) -> None:
        found = problem(f"layers: {{A: {{paths: [[relu], [relu]], shortcut: {shortcut}, merge: add}}}}\nmodel: [A]")
        assert found.code == "ARCH007"

    @pytest.mark.parametrize(
        "paths", ["relu", "3", "{a: relu}", "{a: {repeat: 2}}", "[relu]", "{1a: [relu]}", "", "{}", "[]"]
    )
    def test_what_are_no_paths(self, paths: str) -> None:
        assert problems(f"layers: {{A: {{paths: {paths}, merge: add}}}}\nmodel: [A]")

    def test_a_merge_is_due(self) -> None:
        assert problem("layers: {A: {paths: [[relu], []]}}\nmodel: [A]").code == "ARCH006"
        assert problem("layers: {A: {paths: [[relu]], shortcut: identity}}\nmodel: [A]").code == "ARCH006"
        assert problem("layers: {A: {paths: [{steps: [relu], repeat: 2}]}}\nmodel: [A]").code == "ARCH006"
        assert self.branches("paths: [[relu]]").merge is None

    @pytest.mark.parametrize("word", ["shortcut: identity", "merge: add", "after: relu", "paths: [[relu]]"])
    def test_words_that_stand_beside_paths(self, word: str) -> None:
        assert problems(f"layers: {{A: {{steps: [relu], {word}}}}}\nmodel: [A]")
        assert problems(f"model:\n  - {{relu: {{}}, {word}}}\n")


class TestLike:
    BASE = "layers:\n  A: {args: {a: int, b: 1}, steps: [dense: {units: $a + $b}]}\n"

    def test_fixed_arguments_are_gone(self) -> None:
        found = spec(self.BASE + "  B: {like: A, with: {b: 5}}\n  C: {like: B, with: {a: 2}}\nmodel: [B: {a: 1}, C]")
        assert list(found.layers["B"].args) == ["a"]
        assert list(found.layers["C"].args) == []
        assert resolve(found).shape == (8, 8, 7)
        use = found.model[0].action
        assert isinstance(use, LayerCall)
        assert use.layer == "B"

    def test_a_like_may_stand_before_what_it_is_like(self) -> None:
        assert spec(
            "layers:\n  B: {like: A, with: {a: 2}}\n  A: {args: {a: int}, steps: [dense: {units: $a}]}\nmodel: [B]"
        )

    @pytest.mark.parametrize(
        ("like", "code"),
        [
            ("{like: A, with: {b: x}}", "ARCH007"),
            ("{like: A, with: {c: 1}}", "ARCH015"),
            ("{like: Z, with: {b: 1}}", "ARCH014"),
            ("{like: A}", "ARCH006"),
            ("{like: A, with: [b]}", "ARCH007"),
            ("{like: A, with: {b: 1}, args: {c: 1}}", "ARCH005"),
            ("{like: [A], with: {b: 1}}", "ARCH014"),
            ("{like: B, with: {b: 1}}", "ARCH024"),
        ],
    )
    def test_what_is_refused(self, like: str, code: str) -> None:
        assert problem(self.BASE + f"  B: {like}\nmodel: [A: {{a: 1}}]").code == code

    def test_a_fixed_argument_cannot_be_given(self) -> None:
        assert problem(self.BASE + "  B: {like: A, with: {b: 2}}\nmodel: [B: {a: 1, b: 3}]").code == "ARCH015"


class TestSections:
    def test_data_and_train(self) -> None:
        found = spec(
            "model: [flatten]\ndata: {source: digits}\n"
            "train: {optimizer: {adam: {learning_rate: {cosine: {rate: 0.1}}}}}"
        )
        assert found.data.source == "digits"
        assert isinstance(found.train.optimizer, OPTIMIZERS["adam"])
        assert isinstance(found.train.optimizer.learning_rate, SCHEDULES["cosine"])

    @pytest.mark.parametrize(
        ("section", "code"),
        [
            ("data: 3", "ARCH007"),
            ("data: {}", "ARCH006"),
            ("data: {source: imagenet}", "ARCH007"),
            ("data: {source: digits, scale: no}", "ARCH007"),
            ("data: {source: digits, standardize: no}", "ARCH007"),
            ("data: {source: digits, augment: {flip: sideways}}", "ARCH007"),
            ("data: {source: digits, augment: {shift: 2}}", "ARCH008"),
            ("data: {source: digits, augment: {rotate: 2}}", "ARCH005"),
            ("train: {epochs: many}", "ARCH007"),
            ("train: {epochs: 1.5}", "ARCH007"),
            ("train: {optimizer: 3}", "ARCH007"),
            ("train: {optimizer: {adam: {}, sgd: {}}}", "ARCH007"),
            ("train: {optimizer: {adam: 3}}", "ARCH007"),
            ("train: {optimizer: {adam: {learning_rate: fast}}}", "ARCH007"),
            ("train: {optimizer: {adam: {learning_rate: -1}}}", "ARCH008"),
            ("train: {optimizer: {adam: {learning_rate: {cosin: {rate: 1}}}}}", "ARCH007"),
            ("train: {optimizer: {adam: {learning_rate: {cosine: {}}}}}", "ARCH006"),
            ("train: {optimizer: {sgd: {nesterov: on}}}", "ARCH007"),
            ("train: {metrics: [acuracy]}", "ARCH007"),
            ("train: {loss: 3}", "ARCH007"),
            ("expect: [1]", "ARCH007"),
            ("expect: {parameters: -1}", "ARCH008"),
            ("expect: {parameters: 1.5}", "ARCH007"),
            ("expect: {parameters: true}", "ARCH007"),
            ("expect: {output: 10}", "ARCH007"),
            ("expect: {output: [0]}", "ARCH008"),
            ("expect: {output: [a]}", "ARCH007"),
            ("expect: {output: {a: 3}}", "ARCH007"),
            ("expect: {output: {a: [0]}}", "ARCH008"),
        ],
    )
    def test_what_is_refused(self, section: str, code: str) -> None:
        found = problem(f"model: [flatten]\n{section}\n")
        assert found.code == code
        assert found.span is not None
        assert found.span.line == 5


def test_the_words_of_a_layer_are_few() -> None:
    own = ["after", "args", "doc", "inputs", "like", "merge", "outputs", "paths", "shortcut", "steps", "with"]
    assert sorted(LAYER) == own


@pytest.mark.parametrize("make", [lambda: spec("model: [relu]"), lambda: resolve(spec("model: [relu]"))])
def test_data_is_frozen(make: Callable[[], Any]) -> None:
    made = make()
    with pytest.raises(AttributeError):
        made.name = "Other"
