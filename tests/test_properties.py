"""Made-up specs resolve or are refused; spoiled specs are refused; nothing else ever happens."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from archdsl import ArchError, loads, resolve
from archdsl.expectations import check
from archdsl.graph import Graph, total
from archdsl.spec import INPUT
from archdsl.zoo import names

small = st.integers(1, 4)
padding = st.sampled_from(["same", "valid", 1, [[0, 1], [1, 0]]])
convs = st.fixed_dictionaries(
    {"filters": small | st.sampled_from(["$n", "$n * 2", "$channels", "$channels // 2"]), "kernel": small},
    optional={
        "padding": padding,
        "stride": st.integers(1, 2),
        "norm": st.sampled_from(["batch", "none"]),
        "activation": st.sampled_from(["relu", "none", {"leaky_relu": {"slope": 0.1}}]),
        "bias": st.booleans(),
    },
)
ops = st.one_of(
    convs.map(lambda fields: {"conv": fields}),
    st.sampled_from(["relu", "batch_norm", "swish", "flatten", "global_average_pool", "A", "B"]),
    st.fixed_dictionaries({"size": small}, optional={"padding": padding}).map(lambda fields: {"max_pool": fields}),
    st.sampled_from([{"dense": {"units": 3}}, {"dropout": {"rate": 0.5}}, {"A": {"n": 2}}, {"B": {"n": "$n + 1"}}]),
)
loops = st.sampled_from(
    [{}, {}, {}, {"repeat": 2}, {"repeat": "$n - 1"}, {"when": "$n > 1"}, {"for": {"i": 2}, "when": "$i < 1"}]
)


def step_of(action: Any, loop: dict[str, Any], name: str | None) -> Any:
    step = {action: {}} if isinstance(action, str) else dict(action)
    return step | loop | ({"name": name} if name else {})


def bunch_of(paths: Any, shortcut: str, merge: str, after: Any) -> dict[str, Any]:
    return {"paths": paths, "shortcut": shortcut, "merge": merge, "after": after}


def larger(steps: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    path = st.lists(steps, max_size=2)
    paths = st.lists(path, min_size=1, max_size=3) | st.dictionaries(
        st.sampled_from("abc"), path, min_size=1, max_size=3
    )
    shortcut = st.sampled_from(["identity", "projection", "auto", "none"])
    merge = st.sampled_from(["add", "concat", "multiply", "maximum"])
    return st.builds(bunch_of, paths, shortcut, merge, st.lists(steps, max_size=1))


steps = st.recursive(
    st.builds(step_of, ops, loops, st.sampled_from([None, None, None, "x", "y"])), larger, max_leaves=5
)
bodies = st.lists(steps, max_size=4)
specs = st.fixed_dictionaries(
    {
        "archdsl": st.just(1),
        "name": st.just("Net"),
        "input": st.sampled_from([[8, 8, 4], [5, 7, 3], [6]]),
        "args": st.just({"n": 2}),
        "defaults": st.sampled_from([{}, {"conv": {"padding": "same", "norm": "batch"}}]),
        "layers": st.fixed_dictionaries(
            {
                "A": bodies.map(lambda body: {"args": {"n": 1}, "steps": [*body, {"relu": {}, "when": "$n > 0"}]}),
                "B": bodies.map(lambda body: {"args": {"n": 1}, "steps": [*body, {"relu": {}, "when": "$n > 0"}]}),
            }
        ),
        "model": bodies.map(lambda body: [*body, {"relu": {}, "when": "$n > 0"}]),
    }
)


def written(data: Any) -> str:
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.width = 100_000
    yaml.dump(data, stream)
    return stream.getvalue()


def sound(graph: Graph) -> None:
    """What holds of every graph: inputs stand before, sums are sums, names are unique, weights are counted."""
    seen = {INPUT: graph.input}
    for node in graph.nodes:
        assert node.name not in seen
        shapes = [seen[name] for name in node.inputs]
        if node.op is not None:
            assert node.op.output(*shapes) == node.shape
            assert dict(node.weights) == node.op.weights(*shapes)
        else:
            assert node.body is not None
            assert (node.body.input, node.body.shape) == (shapes[0], node.shape)
            sound(node.body)
        assert all(side > 0 for side in node.shape)
        seen[node.name] = node.shape
    assert graph.shape == seen[graph.output]
    assert graph.totals == total(graph.nodes)
    weights = list(graph.weights())
    assert len({name for name, _ in weights}) == len(weights) == graph.totals.variables
    assert sum(weight.size for _, weight in weights) == graph.totals.parameters


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(specs)
def test_made_up_specs_resolve_or_are_refused(data: Any) -> None:
    graph, error = outcome(written(data))
    if graph is not None:
        sound(graph)
    if error is not None:
        assert error.exit_code == 1
        assert all(problem.span is not None for problem in error.problems)
        assert str(error)


def outcome(text: str) -> tuple[Graph | None, ArchError | None]:
    """The graph of a spec that holds, or the error of one that does not."""
    try:
        spec = loads(text)
        graph = resolve(spec)
        check(spec, graph)
    except ArchError as error:
        return None, error
    return graph, None


@pytest.mark.parametrize("name", sorted(names()))
def test_the_zoo_is_sound(name: str) -> None:
    sound(resolve(loads(names()[name].read_text(encoding="utf-8"))))


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value of a file."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(data: Any, path: tuple[Any, ...], change: Any) -> Any:
    """The file with its value at the path replaced by what `change` makes of its parent and key."""
    key, *rest = path
    copied = dict(data) if isinstance(data, dict) else list(data)
    if rest:
        copied[key] = changed(copied[key], tuple(rest), change)
        return copied
    return change(copied, key)


def without(parent: Any, key: Any) -> Any:
    del parent[key]
    return parent


def misspelt(parent: Any, key: Any) -> Any:
    if isinstance(parent, list):
        return [*parent, parent[key]]
    return {f"{key}x" if k == key else k: value for k, value in parent.items()}


def put(value: Any) -> Any:
    def change(parent: Any, key: Any) -> Any:
        parent[key] = value
        return parent

    return change


CHANGES = {
    "without": without,
    "misspelt": misspelt,
    "null": put(None),
    "number": put(-7),
    "fraction": put(2.5),
    "text": put("nothing"),
    "list": put([[1]]),
    "mapping": put({"conv": {"filters": 3}}),
    "expression": put("$nothing + 1"),
    "true": put(True),
}


def spoil(name: str, change: str, start: int, step: int) -> None:
    """Changes every `step`-th value of a spec of the zoo; most changes are wrong, and none may crash."""
    data = YAML(typ="safe", pure=True).load(names()[name].read_text(encoding="utf-8"))
    refused = tried = 0
    for path in list(places(data))[start::step]:
        tried += 1
        _, error = outcome(written(changed(data, path, CHANGES[change])))
        assert error is None or str(error)
        refused += error is not None
    assert tried >= 5
    assert refused > tried // 3


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", sorted(names()))
def test_spoiled_specs_are_refused_or_resolve(name: str, change: str) -> None:
    spoil(name, change, list(CHANGES).index(change), 11)


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", sorted(names()))
def test_spoiled_specs_are_refused_or_resolve_everywhere(name: str, change: str) -> None:
    spoil(name, change, 0, 1)


@pytest.mark.parametrize("name", sorted(names()))
def test_a_misspelt_key_is_always_told(name: str) -> None:
    data = YAML(typ="safe", pure=True).load(names()[name].read_text(encoding="utf-8"))
    keys = [path for path in places(data) if isinstance(path[-1], str) and len(path) == 1]
    assert len(keys) >= 6
    for path in keys:
        with pytest.raises(ArchError, match="ARCH0"):
            loads(written(changed(data, path, misspelt)))


@pytest.mark.parametrize("name", sorted(names()))
def test_a_key_that_stands_twice_is_always_told(name: str) -> None:
    lines = names()[name].read_text(encoding="utf-8").splitlines()
    doubled = [i for i, line in enumerate(lines) if line.split(":")[0].strip().isidentifier() and ":" in line]
    assert len(doubled) > 5
    for i in doubled:
        if lines[i].count("{") == lines[i].count("}") and not lines[i].rstrip().endswith(":"):
            with pytest.raises(ArchError, match=r"ARCH004"):
                loads("\n".join([*lines[: i + 1], lines[i], *lines[i + 1 :]]))
