"""Dtypes of inputs: parsed, followed through the network, and refused where an op cannot compute with them."""

from __future__ import annotations

import pytest

from archdsl import ArchError, loads, resolve
from archdsl.errors import Problem
from archdsl.expansion import expand
from archdsl.graph import Graph

IDS = "{ids: {shape: [8], dtype: int32}, image: {shape: [4, 4, 3], dtype: uint8}}"


def graph(inputs: str, model: str, layers: str = "{}", variant: str = "") -> Graph:
    spec = loads(f"archdsl: 1\nname: Net\n{inputs}\nlayers: {layers}\nmodel:\n{model}")
    return resolve(spec.varied(variant) if variant else spec)


def problem(inputs: str, model: str, layers: str = "{}") -> Problem:
    with pytest.raises(ArchError) as caught:
        graph(inputs, model, layers)
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0]


class TestFollowed:
    def test_from_the_input_to_the_output(self) -> None:
        found = graph(
            "input: {shape: [4, 4, 3], dtype: uint8}",
            "  - flatten\n  - rescale: {scale: 0.5}\n",
        )
        assert found.dtypes == {"input": "uint8"}
        assert [node.dtype for node in found.nodes] == ["uint8", "float32"]
        assert next(iter(found.outputs.values())).dtype == "float32"

    def test_into_layers_and_out(self) -> None:
        found = graph(
            f"inputs: {IDS}",
            "  - Two: {}\n    from: [ids, image]\n    name: two\n"
            "  - {rescale: {scale: 2}, from: two.flat, name: a}\n"
            "  - dense: {units: 2}\n    from: two.scaled\n    name: b\n  - concat: {}\n    from: [a, b]\n",
            "{Two: {inputs: [a, b], outputs: [flat, scaled], steps: [{flatten: {}, from: a, name: flat},"
            " {flatten: {}, from: b}, {rescale: {scale: 0.5}, name: scaled}]}}",
        )
        body = found.nodes[0].body
        assert body is not None
        assert body.dtypes == {"a": "int32", "b": "uint8"}
        assert [tensor.dtype for tensor in found.nodes[0].output_tensors] == ["int32", "float32"]

    def test_a_variant_overrides_only_what_it_has(self) -> None:
        inputs = (
            "input: {shape: [4, 4, 3], dtype: uint8}\n"
            "variants: {big: {input: [8, 8, 3]}, ints: {input: {dtype: int32}}}"
        )
        model = "  - rescale: {scale: 0.5}\n"
        big, ints = (graph(inputs, model, variant=name) for name in ("big", "ints"))
        assert (big.input, big.dtypes) == ((8, 8, 3), {"input": "uint8"})
        assert (ints.input, ints.dtypes) == ((4, 4, 3), {"input": "int32"})
        text = f"archdsl: 1\nname: Net\n{inputs}\nmodel:\n{model}"
        assert "input: {shape: [8, 8, 3], dtype: uint8}" in expand(text, variant="big")
        assert "input: {shape: [4, 4, 3], dtype: int32}" in expand(text, variant="ints")

    def test_the_table_and_the_picture_say_it(self) -> None:
        found = graph("input: {shape: [4, 4, 3], dtype: uint8}", "  - rescale: {scale: 0.5}\n")
        assert "input      uint8" in str(found)
        assert "uint8" in str(found._repr_mimebundle_())


class TestRefused:
    def test_an_op_that_needs_floats(self) -> None:
        found = problem("input: {shape: [4, 4, 3], dtype: uint8}", "  - conv: {filters: 2, kernel: 3}\n")
        assert (found.code, found.span and found.span.line) == ("ARCH028", 6)
        assert found.message == "`conv` takes floats, but `input` is uint8"
        assert "`rescale`" in found.hint

    def test_an_op_after_one_that_keeps_the_dtype(self) -> None:
        found = problem("input: {shape: [8], dtype: int32}", "  - flatten\n  - dense: {units: 2}\n")
        assert found.message == "`dense` takes floats, but `flatten_1` is int32"

    def test_a_merge_of_two_dtypes(self) -> None:
        model = (
            "  - rescale: {scale: 1}\n    from: image\n  - {flatten: {}, name: a}\n  - concat: {}\n    from: [a, ids]\n"
        )
        found = problem(f"inputs: {IDS}", model)
        assert found.message == "`concat` takes floats, but `ids` is int32"
        assert found.facts == ("a -> float32", "ids -> int32")

    def test_a_layer_with_two_dtypes(self) -> None:
        layers = "{Flat: {steps: [flatten]}}"
        model = (
            "  - {Flat: {}, from: image, name: a}\n  - {Flat: {}, from: ids, name: b}\n  - {concat: {}, from: [a, b]}\n"
        )
        found = problem(f"inputs: {IDS}", model, layers)
        assert found.message == "`Flat` takes int32 here, but uint8 on line 6"
        assert found.span is not None
        assert found.span.line == 7

    def test_a_recipe_for_images(self) -> None:
        inputs = "input: {shape: [4, 4, 3], dtype: uint8}\ndata: {source: digits}"
        found = problem(inputs, "  - rescale: {scale: 0.5}\n")
        assert found.message == "`data` provides images of floats, but `input` is uint8"
        assert found.span is not None
        assert (found.span.line, found.span.column) == (4, 16)


@pytest.mark.parametrize(
    ("value", "code", "column"),
    [
        ("{shape: [8, 8, 3], dtype: uint9}", "ARCH007", 34),
        ("{shape: [8, 8, 3], dtype: [a]}", "ARCH007", 34),
        ("{dtype: int32}", "ARCH006", 8),
        ("{shape: [8], dtpe: int32}", "ARCH005", 21),
        ("{shape: [8], flexible: [length]}", "ARCH007", 32),
        ("{shape: [8, 8, 3], flexible: [length]}", "ARCH007", 38),
        ("{shape: [8, 8, 3], flexible: height}", "ARCH007", 37),
        ("{shape: [8, 8, 3], flexible: [height, height]}", "ARCH010", 46),
    ],
)
def test_what_is_no_input(value: str, code: str, column: int) -> None:
    found = problem(f"input: {value}", "  - flatten\n")
    assert (found.code, found.span and found.span.line, found.span and found.span.column) == (code, 3, column)
