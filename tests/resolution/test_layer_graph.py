"""The graph of a single layer of a spec."""

from __future__ import annotations

from archdsl import load
from archdsl.resolution.layer_graph import layer_graph


def test_a_layer_has_a_graph_where_the_recipe_names_a_step_of_the_model() -> None:
    spec = load("cifar_fast")
    assert spec.train.whiten.layer == "whitened"
    graph = layer_graph(spec, "Block", {"filters": 8}, [(16, 16, 24)])
    assert graph.outputs["output"].shape == (8, 8, 8)
