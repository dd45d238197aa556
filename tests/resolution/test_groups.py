"""Groups of steps, and named tensors as paths and shortcuts."""

from __future__ import annotations

import pytest

from archdsl import ArchError, Graph, loads, resolve
from archdsl.codegen.module import to_python
from archdsl.errors import Problem
from archdsl.expansion import expand

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 4]\n"
CONV = "{conv: {filters: 4, kernel: 3, padding: same}, name: c}"


def graph(body: str, /, **arguments: object) -> Graph:
    return resolve(loads(HEAD + body), **arguments)


def wiring(body: str, /, **arguments: object) -> dict[str, tuple[str, ...]]:
    return {node.name: node.inputs for node in graph(body, **arguments).nodes}


def problem(body: str, /, **arguments: object) -> Problem:
    with pytest.raises(ArchError) as caught:
        graph(body, **arguments)
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0]


class TestGroups:
    def test_adds_nothing_to_names(self) -> None:
        plain = wiring("model: [relu, gelu, relu, flatten]")
        assert wiring("model: [relu, {steps: [gelu, relu]}, flatten]") == plain
        assert wiring("model: [{steps: [{steps: [relu]}, gelu], name: x}, {steps: relu}, flatten]") == plain

    def test_repeats_its_steps_together(self) -> None:
        found = wiring("model: [{steps: [relu, gelu], repeat: 2}, relu]")
        assert list(found) == ["relu_1", "gelu_1", "relu_2", "gelu_2", "relu_3"]
        assert found["relu_2"] == ("gelu_1",)

    def test_numbers_the_names_of_its_copies(self) -> None:
        body = f"args: {{n: 2}}\nmodel: [{{steps: [{CONV}, {{relu: {{}}, name: r}}, MERGE], repeat: $n}}]"
        named = body.replace("MERGE", "{add: {}, from: [c, r]}")
        assert wiring(named) == {
            "c_1": ("input",),
            "r_1": ("c_1",),
            "add_1": ("c_1", "r_1"),
            "c_2": ("add_1",),
            "r_2": ("c_2",),
            "add_2": ("c_2", "r_2"),
        }
        assert list(wiring(named, n=1)) == ["c_1", "r_1", "add_1"]  # a weight has the same name for any count

    def test_a_column_is_visible_inside(self) -> None:
        found = graph("model: [{steps: [{conv: {filters: $f, kernel: 1}}, relu], for: {f: [5, 6]}, when: $f > 5}]")
        assert [node.name for node in found.nodes] == ["conv_1", "relu_1"]
        assert found.shape == (8, 8, 6)

    @pytest.mark.parametrize(("on", "end"), [(True, "gelu_1"), (False, "input")])
    def test_is_skipped_as_one(self, on: bool, end: str) -> None:
        found = graph(
            "args: {on: true}\nmodel: [{steps: [relu, gelu], when: $on, name: x}, {add: {}, from: [x, input]}]", on=on
        )
        assert found.nodes[-1].inputs == (end, "input")

    def test_keeps_a_from_inside_apart_from_what_passes_through(self) -> None:
        body = (
            "args: {on: true}\nmodel: [{relu: {}, name: a}, {gelu: {}, name: b}, "
            "{steps: [{relu: {}, from: a}], when: $on, name: c}, {concat: {}, from: [a, b, c]}]"
        )
        assert wiring(body, on=True)["concat_1"] == ("a", "b", "relu_1")
        assert wiring(body, on=False)["concat_1"] == ("a", "b", "b")

    def test_a_name_inside_is_visible_outside_unless_it_is_repeated(self) -> None:
        body = f"model: [{{steps: [{CONV}, relu], LOOP}}, {{add: {{}}, from: [c, input]}}]"
        assert problem(body.replace("LOOP", "repeat: 2")).message == "the step `c` is visible only inside its loop"
        assert problem(body.replace("LOOP", "when: true")).message == "the output of `relu_1` is unused"
        assert wiring(body.replace(", LOOP", "").replace(", relu", ""))["add_1"] == ("c", "input")

    def test_takes_and_returns_several(self) -> None:
        pair = "layers: {Pair: {outputs: [high, low], steps: [{relu: {}, name: high}, {gelu: {}, name: low}]}}\n"
        found = wiring(pair + "model: [{steps: [relu, Pair], name: p}, {concat: {}, from: [p.low, p.high]}]")
        assert found["concat_1"] == ("Pair_1.low", "Pair_1.high")
        assert wiring("model: [{steps: [add, relu], from: [input, input]}]")["add_1"] == ("input", "input")

    @pytest.mark.parametrize(
        ("step", "message", "hint"),
        [
            ("steps: []", "`steps` is empty", "add a step, as in `steps: [relu]`"),
            ("{step: [relu], repeat: 2}", "unknown op or layer `step`", "did you mean `steps`?"),
            (
                "{steps: [relu], relu: {}}",
                "two steps in one list item: `steps` and `relu`",
                "start each step with `- `",
            ),
            ("{steps: [relu], merge: add}", "unknown key `merge`", "use `merge` only next to `paths`"),
            ("{steps: [relu], repaet: 2}", "unknown key `repaet`", "did you mean `repeat`?"),
        ],
    )
    def test_errors(self, step: str, message: str, hint: str) -> None:
        found = problem(f"model: [{step}]" if step[0] == "{" else f"model: [{{{step}}}]")
        assert (found.message, found.hint) == (message, hint)

    def test_reads_as_a_loop(self) -> None:
        source = to_python(loads(HEAD + f"model: [{{steps: [{CONV}, {{relu: {{}}, from: c}}], repeat: 2}}]"))
        assert "for number in range(1, 3):" in source
        assert 'name=f"c_{number}"' in source
        assert "counts" not in source

    def test_is_its_own_long_form(self) -> None:
        long = expand(HEAD + "model: [{steps: relu, repeat: 2, name: x}]")
        assert "  - steps:\n      - relu: {" in long
        assert "    repeat: 2\n    name: x\n" in long
        assert expand(long) == long


class TestNamedTensors:
    BODY = """\
model:
  - {relu: {}, name: a}
  - {gelu: {}, name: b}
  - paths: PATHS
    merge: add
    shortcut: SHORTCUT
"""

    def merged(self, paths: str, shortcut: str = "none") -> Graph:
        return graph(self.BODY.replace("PATHS", paths).replace("SHORTCUT", shortcut))

    def test_as_a_path(self) -> None:
        assert self.merged("{x: {from: a}, y: [relu]}").nodes[-1].inputs == ("a", "y/relu_1")
        assert self.merged("[{from: a}, {from: input}]", "identity").nodes[-1].inputs == ("a", "input", "b")

    def test_at_the_start_of_a_path(self) -> None:
        found = self.merged("{x: {from: a, steps: [gelu, relu]}, y: []}")
        assert {node.name: node.inputs for node in found.nodes}["x/gelu_1"] == ("a",)
        found = self.merged("{x: {steps: [add], from: [a, b]}, y: []}")
        assert {node.name: node.inputs for node in found.nodes}["x/add_1"] == ("a", "b")

    def test_each_copy_of_a_path_begins_with_it(self) -> None:
        found = self.merged("{x: {from: a, steps: [gelu], repeat: 2}, y: []}")
        assert found.nodes[-1].inputs == ("x_1/gelu_1", "x_2/gelu_1", "b")

    @pytest.mark.parametrize(
        ("shortcut", "end", "kind"),
        [
            ("{from: a}", "a", "shortcut"),
            ("{from: b}", "b", "identity"),
            ("{from: a, steps: [relu]}", "shortcut/relu_1", "shortcut"),
            ("{steps: [relu]}", "shortcut/relu_1", "shortcut"),
        ],
    )
    def test_as_a_shortcut(self, shortcut: str, end: str, kind: str) -> None:
        node = self.merged("[{from: a, steps: [relu]}, []]", shortcut).nodes[-1]
        assert node.inputs[-1] == end
        assert node.shortcut is not None
        assert node.shortcut.kind == kind

    @pytest.mark.parametrize(
        ("paths", "shortcut", "message", "hint"),
        [
            ("[{form: a}]", "identity", "unknown key `form`", "did you mean `from`?"),
            ("[{from: a, step: []}]", "identity", "unknown key `step`", "did you mean `steps`?"),
            ("[[]]", "{form: a}", "unknown key `form`", "did you mean `from`?"),
            ("[[]]", "{from: c}", "no earlier step is named `c`", "available: `a`, `b`"),
            ("[{from: [a, b]}]", "identity", "the output of the path `path_1` must be a single tensor, got 2", "merge"),
        ],
    )
    def test_errors(self, paths: str, shortcut: str, message: str, hint: str) -> None:
        with pytest.raises(ArchError) as caught:
            self.merged(paths, shortcut)
        found = caught.value.problems[0]
        assert found.message == message
        assert hint in found.hint

    def test_needs_no_layer_in_the_source(self) -> None:
        text = self.BODY.replace("PATHS", "{x: {from: a}, y: [relu]}").replace("SHORTCUT", "{from: input}")
        assert "([a, y, inputs])" in to_python(loads(HEAD + text))

    def test_is_its_own_long_form(self) -> None:
        text = HEAD + self.BODY.replace("PATHS", "{x: {from: a}, y: [relu]}").replace(
            "SHORTCUT", "{from: a, steps: [relu]}"
        )
        long = expand(text)
        assert "      x:\n        from: [a]\n" in long
        assert "    shortcut:\n      from: [a]\n      steps:\n" in long
        assert expand(long) == long
