"""Limits on the size of a spec: each error has a place and shows how to raise the limit."""

from __future__ import annotations

import time
from dataclasses import fields, replace

import pytest

from archdsl import ArchError, Graph, loads, resolve
from archdsl.errors import Problem
from archdsl.limits import DEFAULTS, NESTING, Limits, raised
from archdsl.parsing import parse

HEAD = "archdsl: 1\nname: Net\ninput: [8]\n"
RECURSIVE = "layers:\n  A:\n    args: {n: int}\n    steps: [relu, {A: {n: $n - 1}, when: $n > 1}]\nmodel: [A: {n: %d}]"


def problem(text: str, limits: Limits) -> Problem:
    with pytest.raises(ArchError) as caught:
        resolve(parse(text, "a.yaml", limits))
    (found,) = caught.value.problems
    return found


CASES = {
    "bytes": (HEAD + "model: [relu]", len(HEAD) + 13, "ARCH003"),
    "values": (HEAD + "model: [relu]", 11, "ARCH003"),
    "steps": (HEAD + "model: [{relu: {}, repeat: 7}]", 7, "ARCH025"),
    "recursion": (HEAD + RECURSIVE % 5, 5, "ARCH024"),
    "ops": (HEAD + "layers: {A: {steps: [relu, gelu]}}\nmodel: [{A: {}, repeat: 3}]", 6, "ARCH025"),
    "parameters": (HEAD + "model: [dense: {units: 4}]", 36, "ARCH025"),
}


def test_there_is_a_case_for_each() -> None:
    assert set(CASES) == {field.name for field in fields(Limits)}


@pytest.mark.parametrize("name", CASES)
def test_up_to_the_limit_and_no_further(name: str) -> None:
    text, enough, code = CASES[name]
    if name == "values":  # keys and the mapping itself count too
        enough = next(n for n in range(1, 99) if fits(text, replace(DEFAULTS, values=n)))
    assert fits(text, replace(DEFAULTS, **{name: enough}))
    found = problem(text, replace(DEFAULTS, **{name: enough - 1}))
    assert found.code == code
    assert f"`--allow {name}=" in found.hint
    assert found.span is not None or name == "bytes"


def fits(text: str, limits: Limits) -> bool:
    try:
        resolve(parse(text, "a.yaml", limits))
    except ArchError:
        return False
    return True


@pytest.mark.parametrize("name", CASES)
def test_the_hint_raises_it_far_enough(name: str) -> None:
    text, enough, _ = CASES[name]
    low = max(2, enough // 9)
    hint = problem(text, replace(DEFAULTS, **{name: low})).hint
    number = int(hint.split("--allow ")[1].split("`")[0].split("=")[1])
    assert number == 10 * low
    assert fits(text, replace(DEFAULTS, **{name: number}))


def test_a_limit_that_ten_times_as_much_does_not_meet_gets_no_hint() -> None:
    for body in ("model: [{relu: {}, repeat: 1000000}]", "model: [{dense: {units: 1000000}, repeat: 3}]"):
        found = problem(HEAD + body, DEFAULTS)
        assert (found.code, found.hint) == ("ARCH025", "")


def graph(body: str, head: str = HEAD, /) -> Graph:
    return resolve(loads(head + body))


def refused(body: str) -> ArchError:
    with pytest.raises(ArchError) as caught:
        graph(body)
    return caught.value


class TestCosts:
    def test_of_nodes_layers_and_parameters(self) -> None:
        spec = loads(HEAD + "model: [{dense: {units: 10}, repeat: 5}]")
        assert resolve(replace(spec, limits=Limits(steps=5, ops=5, parameters=530)))
        for limits in (Limits(steps=4), Limits(ops=4), Limits(parameters=529)):
            with pytest.raises(ArchError, match=r"ARCH025(.|\n)*--allow"):
                resolve(replace(spec, limits=limits))

    @pytest.mark.parametrize(
        "step",
        [
            "{relu: {}, repeat: 1000000000}",
            "{relu: {}, repeat: 9007199254740992}",
            "{relu: {}, for: {i: 1000000000}, when: $i == 1}",
            "{relu: {}, for: {i: 1000000000}, when: $i < 0}",
            "{relu: {}, for: {i: 1000000}, repeat: $i * 0}",
        ],
    )
    def test_what_would_be_endless_is_refused_at_once(self, step: str) -> None:
        start = time.process_time()
        assert refused(f"model: [{step}]").problems[0].code == "ARCH025"
        assert time.process_time() - start < 0.5

    def test_loops_that_leave_nothing_are_bounded_too(self) -> None:
        """Rows whose `when` is false create no node, but the work is still bounded."""
        text = "layers:\n  A: {args: {n: int}, steps: [{relu: {}, for: {i: 19000}, when: $i < 0 and $n > 0}]}\n"
        start = time.process_time()
        assert refused(text + "model: [{A: {n: $i}, for: {i: 1000}}]").problems[0].code == "ARCH025"
        assert time.process_time() - start < 1

    def test_a_network_of_networks_is_bounded(self) -> None:
        text = "layers:\n  L0: {steps: [relu]}\n" + "".join(
            f"  L{i}: {{steps: [{{L{i - 1}: {{}}, repeat: 100}}]}}\n" for i in range(1, 9)
        )
        assert refused(text + "model: [L8]").problems[0].code == "ARCH025"


class TestAllow:
    def test_each_by_its_name(self) -> None:
        assert raised([]) == DEFAULTS
        assert raised(["steps=100000"]) == replace(DEFAULTS, steps=100_000)
        assert raised(["steps=100,000", "ops=2_000_000", "steps=5"]) == replace(DEFAULTS, steps=5, ops=2_000_000)

    @pytest.mark.parametrize("word", ["step=5", "nesting=40", "=5", "", "Steps=5", "steps =5"])
    def test_what_is_no_limit(self, word: str) -> None:
        with pytest.raises(ArchError, match=r"ARCH203.*unknown limit"):
            raised([word])

    @pytest.mark.parametrize(
        "number", ["", "0", "-1", "1.5", "many", "1e6", "²", "٣", "9" * 19, "1" + "0" * 16, "0x10", " 5"]
    )
    def test_what_is_no_number(self, number: str) -> None:
        with pytest.raises(ArchError, match=r"ARCH203.*expected an integer from 1 to 1,000,000,000,000,000"):
            raised([f"steps={number}"])

    def test_recursion_has_an_end_of_its_own(self) -> None:
        assert raised(["recursion=64"]).recursion == 64
        with pytest.raises(ArchError, match="from 1 to 64"):
            raised(["recursion=65"])


class TestRecursion:
    def test_32_deep_and_no_deeper(self) -> None:
        assert resolve(loads(HEAD + RECURSIVE % 32)).totals.layers == 32
        found = problem(HEAD + RECURSIVE % 33, DEFAULTS)
        assert found.code == "ARCH024"
        assert "32 levels deep" in found.message
        assert "with a `when`" in found.hint
        assert "--allow recursion=64" in found.hint

    @pytest.mark.parametrize("deep", [33, 40, 64])
    def test_deeper_where_that_is_allowed(self, deep: int) -> None:
        limits = raised([f"recursion={deep}"])
        assert resolve(parse(HEAD + RECURSIVE % deep, "a.yaml", limits)).totals.layers == deep
        assert problem(HEAD + RECURSIVE % (deep + 1), limits).code == "ARCH024"

    def test_at_the_highest_there_is_nothing_to_raise(self) -> None:
        found = problem(HEAD + RECURSIVE % 65, raised(["recursion=64"]))
        assert "--allow" not in found.hint

    PATHS = "paths: {a: [{paths: {b: [{A: {n: $n - 1}, when: $n > 1}]}, merge: add}]}, shortcut: [relu], merge: add"

    def test_in_paths_and_shortcuts_too(self) -> None:
        text = HEAD + f"layers:\n  A: {{args: {{n: int}}, {self.PATHS}}}\nmodel: [A: {{n: 40}}]"
        assert resolve(parse(text, "a.yaml", raised(["recursion=40"]))).totals.layers == 80

    def test_where_pythons_stack_ends_first(self) -> None:
        body = "{A: {n: $n - 1}, when: $n > 1}"
        for name in "abcdef":
            body = f"{{paths: {{{name}: [{body}]}}, merge: add}}"
        text = HEAD + f"layers:\n  A: {{args: {{n: int}}, steps: [{body}]}}\nmodel: [A: {{n: 40}}]"
        found = problem(text, raised(["recursion=64"]))
        assert found.code == "ARCH024"
        assert found.span is not None


def test_the_nesting_of_a_file() -> None:
    assert NESTING == 32
    assert problem(HEAD + "model: " + "[" * 33, DEFAULTS).code == "ARCH003"
