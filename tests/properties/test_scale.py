"""Work grows with what is distinct in a spec, and never with the square of anything: calls are counted, not seconds."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from archdsl import ArchError, loads, resolve
from archdsl.limits import Limits
from archdsl.ops.conv import Conv

LIMITS = Limits(values=1_000_000, bytes=10_000_000, steps=1_000_000)
HEAD = """
archdsl: 1
name: Net
input: [8, 8, 4]
layers:
  Block:
    args: {filters: int}
    paths: {main: [conv: {filters: $filters, kernel: 3, padding: 1}, conv: {filters: $channels, kernel: 1}]}
    shortcut: identity
    merge: add
model:
"""
BUNCH = """\
  - paths: {main: [conv: {filters: 4, kernel: 3, padding: 1}], side: []}
    shortcut: projection
    merge: add
"""
MODELS: dict[str, Callable[[int], str]] = {
    "equal layers": lambda number: f"  - Block: {{filters: 8}}\n    repeat: {number}\n",
    "distinct layers": lambda number: f"  - Block: {{filters: $i + 1}}\n    for: {{i: {number}}}\n",
    "lines": lambda number: "".join(f"  - conv: {{filters: {i + 1}, kernel: 1}}\n" for i in range(number)),
    "bunches": lambda number: f"{BUNCH}    repeat: {number}\n",
    "paths": lambda number: f"  - paths: {{p: {{repeat: {number}, steps: [relu]}}}}\n    merge: concat\n",
    "names": lambda number: "".join(f"  - relu: {{}}\n    name: step{i}\n" for i in range(number)),
}


def network(model: str) -> Any:
    head = HEAD if "Block" in model else HEAD.partition("layers:")[0] + "model:\n"
    return resolve(loads(head + model, limits=LIMITS))


def calls(action: Callable[[], object]) -> int:
    """How many functions an action calls, Python's own among them."""
    count = 0

    def heard(frame: object, event: str, _: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(heard)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", MODELS)
def test_work_grows_with_the_spec_and_not_with_its_square(name: str) -> None:
    network(MODELS[name](3))  # what is made once for all
    few, more, most = (calls(partial(network, MODELS[name](number))) for number in (50, 100, 200))
    assert more - few > 500
    assert (most - more) / (more - few) < 2.5  # 4 if it were quadratic; caches warmed by other tests change it a little


def test_a_body_is_resolved_once_for_equal_layers() -> None:
    deep = network(MODELS["equal layers"](2500) + "  - relu\n" + MODELS["equal layers"](2500))
    assert len(deep.nodes) == 5001
    assert len({id(node.body) for node in deep.nodes if node.body is not None}) == 1
    equal, distinct = (calls(partial(network, MODELS[name](400))) for name in ("equal layers", "distinct layers"))
    assert 6 * equal < distinct  # arguments of equal copies are not even looked at again


def test_a_use_that_differs_is_resolved_again() -> None:
    """By its shape, by the row of its loop, and by its line."""
    steps = ["Block: {filters: 8}", "conv: {filters: 5, kernel: 1}", "Block: {filters: 8}", "Block: {filters: 9}"]
    lines = "".join(f"  - {step}\n" for step in steps)
    found = network(lines + "  - Block: {filters: $i}\n    for: {i: [3, 4, 4]}\n    repeat: 2\n")
    blocks = [(node.arguments["filters"], node.shape[-1]) for node in found.nodes if node.kind == "Block"]
    assert blocks == [(8, 4), (8, 5), (9, 5), (3, 5), (3, 5), (4, 5), (4, 5), (4, 5), (4, 5)]
    assert found.totals.parameters == sum(
        9 * channels * filters + filters + filters * channels + channels for filters, channels in blocks
    ) + (4 * 5 + 5)
    halved = (
        "layers:\n  Half: {steps: [conv: {filters: $channels // 2, kernel: 1}]}\nmodel:\n  - Half: {}\n    repeat: 2\n"
    )
    shapes = [node.shape[-1] for node in resolve(loads(HEAD.partition("layers:")[0] + halved)).nodes]
    assert shapes == [2, 1]


def test_an_op_is_computed_once_for_equal_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    weights = Conv.weights

    def counted(self: Conv, *inputs: Any) -> Any:
        asked.append(inputs)
        return weights(self, *inputs)

    monkeypatch.setattr(Conv, "weights", counted)
    deep = network("  - conv: {filters: 4, kernel: 3, padding: same}\n    repeat: 1000\n")
    assert len(deep.nodes) == 1000
    assert deep.totals.parameters == 1000 * (9 * 16 + 4)
    assert 1 <= len(asked) <= 3


def test_garbage_is_looked_for_again_afterwards() -> None:
    assert gc.isenabled()
    network("  - relu\n")
    assert gc.isenabled()
    with pytest.raises(ArchError):
        network("  - conv: {filters: 4, kernel: 30}\n")
    assert gc.isenabled()
    gc.disable()
    try:
        network("  - relu\n")
        assert not gc.isenabled()
    finally:
        gc.enable()
