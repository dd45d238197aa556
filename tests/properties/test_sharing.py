"""What holds of made-up specs in which steps share layers."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from random import Random

import pytest
import random_sharing
from soundness import sound

from archdsl import ArchError, Graph, Spec, lint, loads, resolve
from archdsl.codegen.module import to_python
from archdsl.diagrams.dot import to_dot
from archdsl.diagrams.mermaid import to_mermaid
from archdsl.diff.comparison import compare
from archdsl.expansion import expand
from archdsl.reports.formats import to_data
from archdsl.tracing import Tracing


def networks(seeds: range) -> Iterator[tuple[str, Spec, Graph]]:
    for seed in seeds:
        text = random_sharing.spec(Random(seed))
        try:
            spec = loads(text).every()[0]
            graph = resolve(spec)
        except ArchError:
            continue
        if any(node.shares for _, node in graph.walk()):
            yield text, spec, graph


def test_made_up_networks_with_shared_layers_are_sound_in_every_command() -> None:
    assert hold(range(6)) >= 1


@pytest.mark.slow
def test_many_made_up_networks_with_shared_layers_are_sound_in_every_command() -> None:
    assert hold(range(6, 100)) >= 16


def hold(seeds: range) -> int:
    tried = 0
    for text, spec, graph in networks(seeds):
        tried += 1
        sound(graph)
        long = expand(text)
        assert expand(long) == long
        again = resolve(loads(long).every()[0])
        assert (again.totals, list(again.weights())) == (graph.totals, list(graph.weights()))
        assert not compare(again, graph).edits
        ast.parse(to_python(spec))
        assert all(found.span is not None for found in lint(spec))
        assert not compare(graph, graph).edits
        assert to_dot(graph)
        assert to_mermaid(graph)
        shared = [layer["shares"] for layer in json.loads(json.dumps(to_data(graph)))["layers"] if "shares" in layer]
        nodes = dict(graph.walk())
        assert shared
        assert not any(nodes[path].shares for path in shared if "/" not in path)
        tracing = Tracing(spec, {})
        for path in list(nodes)[:40]:
            assert tracing.trace(path).target.first_call().node.shares == ""
    return tried
