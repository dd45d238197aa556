"""Diagrams: whatever the wiring, every node and every edge of the graph is drawn once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from dot_edges import WIRED, drawn, hold_complete
from dot_layout import layout, overlaps
from random_specs import several
from random_wiring import Wiring
from reading import quickly

from archdsl import ArchError
from archdsl.diagrams import Options, to_dot, views
from archdsl.graph import Graph
from archdsl.parsing import parse
from archdsl.resolution import resolve


@pytest.fixture(scope="module")
def wired() -> dict[str, Graph]:
    return views(resolve(parse(WIRED, "wired.yaml")))


@pytest.mark.parametrize("name", ["Wired", "Stage", "Fuse", "Tapped", "Far", "Level"])
def test_taps_and_named_ends(wired: dict[str, Graph], golden: Callable[[str, str], None], name: str) -> None:
    assert hold_complete(wired[name], 1, "LR")
    golden(f"dot/{name}.dot", hold_complete(wired[name], 1))


def test_inside_layers_with_several_inputs_and_outputs(
    wired: dict[str, Graph], golden: Callable[[str, str], None]
) -> None:
    golden("dot/Wired-3.dot", hold_complete(wired["Wired"], 3))


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_boxes_overlap(wired: dict[str, Graph], direction: str, depth: int) -> None:
    assert [*wired] == ["Wired", "Stage", "Fuse", "Tapped", "Far", "Level", "Level-2", "Level-3"]
    for graph in wired.values():
        boxes = layout(to_dot(graph, Options(direction=direction, depth=depth)))
        assert overlaps(boxes) == [], graph.name


def test_inputs_and_outputs_stand_side_by_side(wired: dict[str, Graph]) -> None:
    boxes = layout(to_dot(wired["Wired"]))
    image, facts = boxes["(input image)"], boxes["(input facts)"]
    assert image[0] < facts[0]
    assert image[1] == pytest.approx(facts[1])
    assert boxes["(output label)"][1] == pytest.approx(boxes["(output age)"][1])


def test_what_skips_steps_leaves_their_column_straight(wired: dict[str, Graph]) -> None:
    boxes = layout(to_dot(wired["Far"]))
    column = [boxes[name][0] for name in ("stem", "conv_1", "conv_2", "late", "add_1")]
    assert column == pytest.approx([column[0]] * 5, abs=1)


def test_a_tapped_shortcut_begins_under_its_tap(wired: dict[str, Graph]) -> None:
    boxes = layout(to_dot(wired["Tapped"]))
    tap, shortcut = boxes["main/active"], boxes["shortcut/conv_1"]
    assert tap[0] < shortcut[0]
    assert tap[1] > shortcut[1] == pytest.approx(boxes["main/conv_1"][1], abs=1)


def test_an_unmerged_shortcut_is_not_the_next_bunch_s() -> None:
    dot = drawn("""
  - {paths: {gone: {repeat: 0, steps: [relu]}}, shortcut: [relu], merge: add}
  - {paths: {a: [{paths: {b: [gelu], c: [swish]}, merge: add}]}, shortcut: identity, merge: add}
""")
    assert "identity" in dot


def test_lanes_and_layers_that_are_tapped_are_not_folded() -> None:
    paths = ", ".join(f"p{number}: [{{relu: {{}}, name: n{number}}}]" for number in range(6))
    assert "&#160;×6&#160;" in drawn(f"  - {{paths: {{{paths}}}, merge: add}}\n")
    dot = drawn(f"  - {{paths: {{{paths}}}, shortcut: [{{gelu: {{}}, from: n3}}], merge: add}}\n")
    assert dot.count("<B>ReLU</B>") == 6
    for depth in (1, 2):
        assert "&#160;×3&#160;" in drawn("  - {Same: {}, repeat: 3, name: x}\n", depth)
        dot = drawn("  - {Same: {}, repeat: 3, name: x}\n  - {add: {}, from: [x, x_1]}\n", depth)
        assert "&#160;×2&#160;" in dot
        assert "&#160;×3&#160;" not in dot


def test_lanes_start_where_they_start() -> None:
    inner = "{paths: {b: [relu], c: [gelu]}, shortcut: identity, merge: add}"
    dot = drawn(f"  - {{paths: {{a: [{inner}], d: [swish]}}, merge: add}}\n")
    assert '"(input)" -> "a/add_1 fork"' in dot
    assert '"(input)" -> "add_1 1 d space 0"' in dot


def test_a_head_that_begins_with_lanes_has_a_dot_for_them() -> None:
    lanes = "  - {paths: {b: [relu], c: [gelu]}, merge: add}\n"
    assert '"add_1 fork"' in drawn(f"  - Same\n{lanes}  - global_average_pool\n")


def hold_views(text: str) -> bool:
    """Holds every view of a spec at three depths; whether it resolves at all."""
    try:
        with quickly():
            graph = resolve(parse(text, "net.json"))
    except ArchError:
        return False
    for view in views(graph).values():
        for depth in (1, 2, 3):
            hold_complete(view, depth)
    return True


def test_random_wiring() -> None:
    assert sum(hold_views(Wiring(seed).spec()) for seed in range(50)) >= 45


@pytest.mark.slow
def test_more_random_wiring() -> None:
    assert sum(hold_views(Wiring(seed).spec()) for seed in range(50, 400)) >= 315


def test_random_specs() -> None:
    assert sum(map(hold_views, several(0, 150))) >= 60


@pytest.mark.slow
def test_many_random_specs() -> None:
    assert sum(map(hold_views, several(1000, 600))) >= 250
