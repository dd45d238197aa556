"""Source of graph bodies, which runs for any batch size and dtype policy, and rejects unknown sizes."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from arriving_spec import ARRIVING

import archdsl
from archdsl import zoo
from archdsl.codegen.module import to_python

EXAMPLES = Path(__file__).parents[2] / "examples"

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 4]\n"

REPEATED = (
    HEAD
    + """
args: {depth: 2}
layers:
  Tree:
    doc: A path that forks again and again, and paths that are repeated.
    args: {filters: int, depth: int, wide: false}
    steps:
      - paths:
          main:
            - paths:
                leaf:
                  repeat: $depth
                  steps: [{conv: {filters: $filters, kernel: 1}, name: mid}, {relu: {}, from: mid}]
                other: {when: not $wide, steps: [conv: {filters: $filters, kernel: 1}]}
              merge: add
              repeat: $depth
            - {relu: {}, name: active}
        shortcut: [{steps: [{conv: {filters: $filters, kernel: 1}, from: active}], when: $wide}, batch_norm]
        merge: concat
      - paths: [[conv: {filters: $filters, kernel: 1}], [batch_norm, conv: {filters: $filters, kernel: 1}]]
        shortcut: auto
        merge: add
        repeat: 2
  Both:
    inputs: [left, right]
    outputs: [low, high]
    args: {filters: int}
    steps:
      - {conv: {filters: $filters, kernel: 1}, from: left, name: low}
      - {add: {}, from: [low, right], name: high}
model:
  - {Tree: {filters: 4, depth: $depth}, name: tree}
  - {Tree: {filters: 4, depth: 1, wide: true}, name: wide}
  - {Both: {filters: 4}, from: [tree, wide], name: both}
  - {conv: {filters: 4, kernel: 1}, from: both.low, repeat: 3, name: row}
  - {add: {}, from: [row_1, row_3, both.high]}
"""
)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("unet", zoo.load("unet")),
        ("resnet50_v2", zoo.load("resnet50_v2")),
        ("two_in_two_out", zoo.load(EXAMPLES / "two_in_two_out.yaml")),
        ("repeated_paths", archdsl.loads(REPEATED)),
    ],
)
def test_the_source_is_unchanged(golden: Any, name: str, spec: archdsl.Spec) -> None:
    golden(f"{name}.py.txt", to_python(spec))


def test_a_sequence_of_layers_needs_no_graph() -> None:
    """Only a body that forks within paths or uses `from` builds a graph."""
    source = to_python(zoo.load("resnet"))
    assert "keras.name_scope" not in source
    assert "self.body" not in source
    assert "self.body" in to_python(zoo.load("resnet50_v2"))


def test_nested_loops_count_in_separate_variables() -> None:
    tree = ast.parse(to_python(archdsl.loads(REPEATED)))
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
    inside = [(outer, inner) for outer in loops for inner in ast.walk(outer) if isinstance(inner, ast.For)]
    pairs = [(ast.unparse(outer.target), ast.unparse(inner.target)) for outer, inner in inside if outer is not inner]
    assert pairs
    assert all(outer != inner for outer, inner in pairs)


@pytest.mark.tensorflow
class TestLayers:
    def test_a_layer_takes_any_batch_and_any_policy(self) -> None:
        import numpy as np

        layers = archdsl.compile(archdsl.loads(REPEATED))
        for policy in ("float32", "mixed_bfloat16"):
            both = layers.Both(4, dtype=policy)
            for batch in (1, 3):
                images = np.ones((batch, 8, 8, 4), "float32")
                given = both([images, images])
                assert {name: tuple(tensor.shape) for name, tensor in given.items()} == {
                    "low": (batch, 8, 8, 4),
                    "high": (batch, 8, 8, 4),
                }
                assert given["high"].dtype == both.compute_dtype
            assert {weight.dtype for weight in both.weights} == {"float32"}

    def test_a_chain_outputs_two_of_its_steps(self) -> None:
        import numpy as np

        text = (
            HEAD
            + """
layers:
  Split:
    outputs: [high, low]
    steps:
      - {conv: {filters: 3, kernel: 3}, name: high}
      - {conv: {filters: 5, kernel: 3}, name: low}
model:
  - {Split: {}, name: split}
  - {conv: {filters: 2, kernel: 1}, from: split.high}
"""
        )
        spec = archdsl.loads(text)
        given = archdsl.compile(spec).Split()(np.zeros((1, 8, 8, 4)))
        assert {name: tensor.shape for name, tensor in given.items()} == {"high": (1, 6, 6, 3), "low": (1, 4, 4, 5)}
        assert archdsl.build(spec).output_shape == (None, 6, 6, 2)

    def test_a_layer_infers_its_shape_before_it_is_built(self) -> None:
        layers = archdsl.compile(archdsl.loads(REPEATED))
        assert layers.Tree(4, 2).compute_output_shape((None, 8, 8, 4)) == (None, 8, 8, 4)
        shapes = layers.Both(4).compute_output_shape([(None, 8, 8, 4), (None, 8, 8, 4)])
        assert shapes == {"low": (None, 8, 8, 4), "high": (None, 8, 8, 4)}

    def test_a_layer_rejects_an_unknown_shortcut(self) -> None:
        text = HEAD + (
            "layers: {A: {args: {kind: str}, paths: [[conv: {filters: 4, kernel: 1}]], shortcut: $kind, merge: add}}\n"
            "model: [A: {kind: identity}, A: {kind: pad}]"
        )
        layer = archdsl.compile(archdsl.loads(text)).A("residual")
        with pytest.raises(ValueError, match=r"Unknown shortcut\. Received: 'residual'"):
            layer.build((None, 8, 8, 4))

    def test_auto_requires_a_fixed_input_size_if_the_stride_is_unknown(self) -> None:
        text = HEAD + (
            "layers: {A: {args: {filters: 4}, steps: [conv: {filters: $filters, kernel: 1}]},\n"
            "  B: {args: {n: 1}, paths: [[{A: {}, repeat: $n}]], shortcut: auto, merge: add}}\nmodel: [B]"
        )
        with pytest.raises(ValueError, match="`auto` requires a fixed input size"):
            archdsl.compile(archdsl.loads(text)).B().build((None, None, None, 4))
        archdsl.compile(archdsl.loads(REPEATED)).Tree(4, 1).build((None, None, None, 4))

    def test_references_to_the_input_are_trained(self) -> None:
        import numpy as np

        model = archdsl.build(archdsl.loads(REPEATED))
        model.compile("sgd", "mse")
        before = [weight.numpy() for weight in model.trainable_weights]
        model.fit(np.ones((2, 8, 8, 4)), np.zeros((2, 8, 8, 4)), verbose=0)
        moved = [not np.array_equal(a, b.numpy()) for a, b in zip(before, model.trainable_weights, strict=True)]
        assert sum(moved) > len(moved) / 2


def test_shapes_are_read_from_the_tensors(golden: Any) -> None:
    golden("arriving.py.txt", to_python(archdsl.loads(ARRIVING)))
