"""Comparison of networks: every edit is reported as what it is, where it is, and the weights are counted correctly."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from edited_specs import BASE, EDITS, FIRST, NEW
from random_specs import several

from archdsl import ArchError, loads, resolve, zoo
from archdsl.diff import Comparison, alignment, compare
from archdsl.diff.text import to_data, to_markdown, to_text
from archdsl.diff.weights import parameters
from archdsl.graph import Graph
from archdsl.limits import Limits

FURTHER = {
    "a_layer_renamed_and_named": ("  Block:\n", "  Part:\n"),
    "an_argument_more": ("kernel: 1, stride", "kernel: $size, stride"),
}
"""The other arguments of an edit."""


def graph_of(text: str) -> Graph:
    return resolve(loads(text, "net.yaml"))


def edited(name: str) -> Comparison:
    text = BASE
    for old, new in filter(None, (EDITS[name], FURTHER.get(name))):
        assert old in text, name
        text = text.replace(old, new)
    return compare(graph_of(BASE), graph_of(text))


@pytest.mark.parametrize("name", EDITS)
def test_the_text_of_each_edit(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.txt", to_text(edited(name), ("net.yaml", f"{name}.yaml"), depth=2))


def test_markdown(golden: Callable[[str, str], None]) -> None:
    told = [
        to_markdown(edited(name), ("net.yaml", f"{name}.yaml"))
        for name in ("a_step_in_front", "a_field_in_a_layer", "nothing")
    ]
    golden("pull_request.md", "\n".join(told))


def test_all_shows_resulting_changes() -> None:
    found = edited("another_width")
    names = "net.yaml", "wide.yaml"
    assert "and 11 resulting changes (--all)" in to_text(found, names)
    whole = to_text(found, names, whole=True)
    assert len([line for line in whole.splitlines() if line.startswith("~ ")]) == 12
    assert "--all" not in whole


def whats(found: Comparison) -> set[tuple[str, str, str]]:
    return {(edit.word, *use) for edit in found.edits for use in edit.uses}


def test_a_step_with_a_different_input_is_reported() -> None:
    text = (
        f"{BASE}  - dense: {{units: 4}}\n    from: early\n    name: side\n".replace(
            "model:", "outputs: [seen, side]\nmodel:"
        )
        .replace("  - batch_norm\n", "  - batch_norm: {}\n    name: early\n")
        .replace("  - global_average_pool\n  - dense: {units: 10}\n", "")
    )
    other = text.replace("from: early", "from: seen")
    found = compare(graph_of(text), graph_of(other))
    (edit,) = [edit for edit in found.edits if edit.word == "rewired"]
    assert (edit.path, edit.before, edit.after) == ("side", "early", "seen")
    assert "from early → seen" in to_text(found, ("a", "b"))


def test_the_order_of_paths_is_a_change_only_if_it_matters() -> None:
    text = BASE.replace("merge: add", "merge: concat").replace("shortcut: auto", "shortcut: none")
    wide, narrow = text.index("      wide:"), text.index("      narrow:")
    end = text.index("    shortcut: none")
    other = text[:wide] + text[narrow:end] + text[wide:narrow] + text[end:]
    found = compare(graph_of(text), graph_of(other))
    assert [(c.word, c.count, [f.name for f in c.fields]) for c in found.edits] == [("changed", 3, ["parts"])]


def test_moved_steps_report_what_happens_to_their_weights() -> None:
    found = edited("a_step_in_front")
    assert ("moved", "conv_1", "conv_2") in whats(found)
    assert ("moved", "conv_2", "conv_3") in whats(found)
    assert ("added", "", "conv_1") in whats(found)
    assert {tensor.path: tensor.was for tensor in found.weights.moved}["conv_3/kernel"] == "conv_2/kernel"
    cured = edited("a_step_with_a_name_in_front")
    assert cured.weights.moved == cured.weights.strangers == ()
    assert [tensor.path for tensor in cured.weights.new] == ["mine/kernel", "mine/bias"]


def test_weights_that_match_by_path_but_belong_to_a_different_step_are_reported() -> None:
    text = BASE.replace(
        "kernel: 3, padding: same}\n  - conv: {filters: 12, kernel: 1, activation: relu}", "kernel: 3, padding: same}"
    )
    more = text.replace(
        FIRST,
        "  - conv: {filters: 8, kernel: 3, padding: same, activation: relu}\n  - conv: {filters: 3, kernel: 1}\n"
        + FIRST,
    )
    found = compare(graph_of(text), graph_of(more))
    assert ("moved", "conv_1", "conv_3") in whats(found)
    assert {tensor.path: tensor.was for tensor in found.weights.strangers} == {"conv_1/kernel": "", "conv_1/bias": ""}
    assert "2 of these belong to different steps" in to_text(found, ("a", "b"))


def test_one_place_of_the_file_is_one_change() -> None:
    found = edited("a_field_in_a_layer")
    (edit,) = [edit for edit in found.edits if not edit.follows]
    assert (edit.count, edit.path) == (3, "Block_1/wide/conv_2")
    assert [(field.name, field.before, field.after) for field in edit.fields] == [("kernel", 3, 5)]


@pytest.mark.parametrize("name", sorted(zoo.names()))
def test_a_network_is_equal_to_itself(name: str) -> None:
    spec = zoo.load(name)
    one, other = resolve(spec), resolve(zoo.load(name))
    found = compare(one, other)
    assert found.is_equal
    assert list(found.rows(99)) == []
    assert len(found.weights.carried) == one.totals.variables
    assert parameters(found.weights.carried) == one.totals.parameters
    assert to_text(found, ("a", "b")) == "--- a\n+++ b\n\nthe networks are identical\n"


@pytest.mark.parametrize("name", [name for name in sorted(zoo.names()) if zoo.load(name).variants])
def test_each_variant_is_compared_with_its_file(name: str) -> None:
    spec = zoo.load(name)
    graphs = [resolve(one) for one in spec.every()]
    for one, other in pairwise(graphs):
        hold_sound(one, other)


def hold_sound(one: Graph, other: Graph) -> None:
    """Check a comparison against independent counts, and against the reverse comparison."""
    found, back = compare(one, other), compare(other, one)
    old, new = dict(one.weights()), dict(other.weights())
    both = {path for path in old.keys() & new.keys() if old[path].shape == new[path].shape}
    assert {tensor.path for tensor in found.weights.carried} == both
    weights = found.weights
    kinds = (weights.carried, weights.moved, weights.reshaped, weights.new)
    paths = [tensor.path for kind in kinds for tensor in kind]
    assert sorted(paths) == sorted(new)
    assert sum(map(parameters, kinds)) == other.totals.parameters
    assert all(tensor.path in old and tensor.path not in new for tensor in weights.missing)
    assert all(old[tensor.was].shape == new[tensor.path].shape for tensor in weights.moved)
    mirrored = {"added": "removed", "removed": "added"}
    assert {(mirrored.get(what, what), new, old) for what, old, new in whats(found)} == whats(back)
    assert found.is_equal == back.is_equal
    to_data(found, ("a", "b")), to_markdown(found, ("a", "b"))
    difference = dict.fromkeys(("parameters", "macs"), 0)
    for row in found.rows(1):
        for key in difference:
            before, after = (getattr(side, key) if side else 0 for side in row.totals)
            difference[key] += after - before
    assert difference == {key: getattr(other.totals, key) - getattr(one.totals, key) for key in difference}


def hold_random(first: int, many: int) -> None:
    """Consecutive random specs, and each spec with one word changed."""
    known: list[Graph] = []
    compared = 0
    for text in several(first, many):
        try:
            known.append(graph_of(text))
        except ArchError:
            continue
        if len(known) > 1:
            hold_sound(known[-2], known[-1])
            compared += 1
    assert compared > many // 4


def test_random_networks() -> None:
    hold_random(0, 24)


@pytest.mark.slow
def test_many_random_networks() -> None:
    hold_random(500, 600)


MUTATIONS: list[tuple[str, str, str]] = [
    ("conv", "kernel", "7"),
    ("conv", "bias", "false"),
    ("batch_norm", "momentum", "0.5"),
    ("dense", "units", "11"),
]


@pytest.mark.parametrize("seed", range(12))
def test_a_random_change_is_reported_at_its_place(seed: int) -> None:
    """In a chain of steps with one changed, inserted or removed, exactly that edit is reported."""
    chance = Random(seed)
    steps = [
        f"conv: {{filters: {chance.randint(4, 9)}, kernel: {chance.choice([1, 3])}, padding: same}}" for _ in range(8)
    ]
    steps = [step if chance.random() < 0.7 else chance.choice(["relu", "batch_norm", "gelu"]) for step in steps]
    at = chance.randrange(len(steps))
    what = chance.choice(["changed", "added", "removed"])
    new = f"conv: {{filters: {chance.randint(20, 30)}, kernel: 5, padding: same}}"
    if what == "changed":
        steps[at] = "conv: {filters: 5, kernel: 3, padding: same}"
    other = {"changed": [*steps[:at], new, *steps[at + 1 :]], "added": [*steps[:at], new, *steps[at:]]}.get(
        what, [*steps[:at], *steps[at + 1 :]]
    )
    head = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\nmodel:\n"
    graphs = [graph_of(head + "".join(f"  - {step}\n" for step in body)) for body in (steps, other)]
    found = [edit for edit in compare(*graphs).edits if edit.word in ("changed", "added", "removed")]
    assert [edit.word for edit in found] == [what]
    word = steps[at].partition(":")[0] if what == "removed" else "conv"
    if what != "removed":  # of equal neighboring steps, it is unknown which one was removed
        number = sum(step.startswith("conv") for step in other[: at + 1])
        assert found[0].path == f"{word}_{number}"
    assert found[0].kind == word


def test_resulting_changes_do_not_split_an_edit() -> None:
    found = compare(
        graph_of(BASE), graph_of(BASE.replace("width: 8", "width: 16").replace(*EDITS["a_field_in_a_layer"]))
    )
    (edit,) = [edit for edit in found.edits if not edit.follows]
    assert (edit.count, [field.name for field in edit.fields]) == (3, ["kernel"])


def test_weights_of_equal_size_and_different_shape_do_not_carry_over() -> None:
    head = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\nmodel:\n"
    one, other = (graph_of(f"{head}  - conv: {{filters: 2, kernel: {kernel}}}\n") for kernel in ("[1, 3]", "[3, 1]"))
    weights = compare(one, other).weights
    assert [tensor.path for tensor in weights.carried] == ["conv_1/bias"]
    assert [(tensor.before, tensor.shape) for tensor in weights.reshaped] == [((1, 3, 3, 2), (3, 1, 3, 2))]


def test_long_chains_are_aligned_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(alignment, "cost")
    head = "archdsl: 1\nname: Net\ninput: [4, 4, 3]\nmodel:\n"
    steps = [f"  - conv: {{filters: {n % 37 + 1}, kernel: 1}}\n" for n in range(1200)]
    limits = Limits(values=100_000)
    one, other = (resolve(loads(head + "".join(body), limits=limits)) for body in (steps, [NEW, *steps]))
    found = compare(one, other)
    assert found.edits
    hold_sound(one, other)


def test_equal_steps_are_paired_by_name() -> None:
    head = "archdsl: 1\nname: Net\ninput: [4, 4, 3]\nmodel:\n"
    steps = [f"  - conv: {{filters: {filters}, kernel: 1}}\n" for filters in (2, 8, 8, 8, 5)]
    changed = steps[0].replace("2", "3")
    found = whats(compare(graph_of(head + "".join(steps)), graph_of(head + "".join([changed, *steps[2:]]))))
    assert found == {("changed", "conv_1", "conv_1"), ("removed", "conv_4", ""), ("moved", "conv_5", "conv_4")}


def test_many_moves_take_few_lines() -> None:
    head = "archdsl: 1\nname: Net\ninput: [4, 4, 3]\nmodel:\n"
    steps = [f"  - conv: {{filters: {n + 1}, kernel: 1}}\n" for n in range(40)]
    found = compare(graph_of(head + "".join(steps)), graph_of(head + "".join(steps[1:])))
    text = to_text(found, ("a", "b"))
    assert "> conv_1 to conv_39  were conv_2 to conv_40\n" in text
    assert text.count("help: add `name: conv_") == 3
    assert "help: likewise for 36 more\n" in text
    assert len(to_data(found, ("a", "b"))["advice"]) == 39


def test_advice_keeps_the_weights() -> None:
    """After the suggested edits, every existing weight keeps its path."""
    gone = BASE.replace(FIRST, "")
    (told,) = [
        line for line in to_text(compare(graph_of(BASE), graph_of(gone)), ("a", "b")).splitlines() if "help" in line
    ]
    assert told.startswith("help: add `name: conv_2` to `conv_1` (line 18)")
    lines = gone.splitlines(keepends=True)
    lines.insert(18, "    name: conv_2\n")
    cured = compare(graph_of(BASE), graph_of("".join(lines))).weights
    assert cured.moved == cured.strangers == ()
    assert {tensor.path for tensor in cured.missing} == {"conv_1/kernel", "conv_1/bias"}


def test_data_is_plain(golden: Callable[[str, str], None]) -> None:
    data: dict[str, Any] = to_data(edited("a_step_in_front"), ("net.yaml", "other.yaml"))
    golden("a_step_in_front.json", json.dumps(data, indent=1) + "\n")
    assert data["weights"]["carried"]["tensors"] + len(data["weights"]["new"]["paths"]) > 10


def test_sharing_a_layer_is_one_edit_and_takes_its_weights_away() -> None:
    text = """archdsl: 1
name: Net
input: [4]
model:
  - {dense: {units: 4}, name: a}
  - {dense: {units: 4}, name: b}
  - {dense: {units: 4, kernel: {share: a.kernel}}, name: c}
"""
    before = resolve(loads(text))
    found = compare(before, resolve(loads(text.replace("{dense: {units: 4}, name: b}", "{share: a, name: b}"))))
    (edit,) = found.edits
    assert edit.word == "changed"
    assert [(field.name, field.after) for field in edit.fields] == [("share", "a")]
    assert [tensor.path for tensor in found.weights.missing] == ["b/kernel", "b/bias"]
    (edit,) = compare(before, resolve(loads(text.replace(", kernel: {share: a.kernel}", "")))).edits
    assert edit.word == "changed"
    assert [(field.name, field.before) for field in edit.fields] == [("kernel", "a.kernel")]
