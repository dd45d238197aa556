"""Specs whose diagrams tests look at, and where Graphviz puts the nodes."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


NOTEBOOK = ROOT / "specs" / "funny_resnet_notebook.yaml"


LANES = """
archdsl: 1
name: Lanes
input: [32, 32, 3]
defaults:
  conv: {padding: same, norm: batch, activation: relu}
layers:
  Uneven:
    args: {f: 16}
    paths:
      one: [{conv: {filters: $f, kernel: 1}}]
      three: [{conv: {filters: $f, kernel: 1}}, {conv: {filters: $f, kernel: 3}}]
      five: [{conv: {filters: $f, kernel: 1}}, {conv: {filters: $f, kernel: 5}}, {conv: {filters: $f, kernel: [1, 7]}}]
      same: []
    shortcut: none
    merge: concat
  Nested:
    steps:
      - paths:
          left:
            - conv: {filters: 8, kernel: 1}
            - paths:
                upper: [{conv: {filters: 8, kernel: 3}}]
                lower: [{conv: {filters: 8, kernel: 5}}, relu]
              shortcut: identity
              merge: maximum
          right: [batch_norm, {conv: {filters: 8, kernel: 1}}]
        shortcut: [{conv: {filters: 8, kernel: 1}}, {dropout: {rate: 0.5}}]
        merge: add
      - paths: {only: [relu, {conv: {filters: 8, kernel: 3, padding: 1}}]}
        shortcut: identity
        merge: average
  Alone:
    paths: {only: [relu, flatten]}
  Equal:
    paths:
      branch: {repeat: 32, steps: [{conv: {filters: 8, kernel: 1}}]}
    merge: add
model: [Uneven, {Uneven: {f: 32}}, Nested, Equal, Alone, {dense: {units: 10}}]
"""


Box = tuple[float, float, float, float]


def layout(dot: str) -> dict[str, Box]:
    """Every node that is seen, with its centre, width and height in points."""
    pygraphviz = pytest.importorskip("pygraphviz")
    drawn = pygraphviz.AGraph(string=dot)
    drawn.layout(prog="dot")
    found = {}
    for node in drawn.nodes():
        if node.attr["style"] != "invis" and " space " not in node:
            x, y = map(float, node.attr["pos"].split(","))
            found[str(node)] = x, y, 72 * float(node.attr["width"]), 72 * float(node.attr["height"])
    return found


def overlaps(boxes: dict[str, Box]) -> list[tuple[str, str]]:
    return [
        (one, other)
        for (one, a), (other, b) in combinations(boxes.items(), 2)
        if abs(a[0] - b[0]) < (a[2] + b[2]) / 2 and abs(a[1] - b[1]) < (a[3] + b[3]) / 2
    ]
