"""The help for an input of the wrong rank: following it makes the error go away, for every op and every rank."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from archdsl import ArchError, loads, resolve
from archdsl.errors import Problem
from archdsl.ops import OPS, OpError, RankError, Shape

SHAPES: tuple[Shape, ...] = ((), (16,), (16, 12), (8, 8, 12), (8, 8, 8, 12), (2, 8, 8, 8, 12))


def refused() -> Iterator[tuple[str, Any, Shape, RankError]]:
    """Every op of one input with the shapes of a wrong rank, for arguments that fit every rank."""
    for name, op in OPS.items():
        examples = [one for one in op.examples if not any(isinstance(value, list) for value in one.fields.values())]
        if not op.is_own() or op.without_input or not examples or len(examples[0].inputs) > 1:
            continue
        for shape in SHAPES:
            try:
                op.model_validate(examples[0].fields).output(shape)
            except RankError as error:
                yield name, examples[0].fields, shape, error
            except OpError:
                continue


CASES = [*refused()]


def resolved(steps: Iterable[str], size: int) -> Problem | None:
    """The error for some steps after an input with so many values, if there is one."""
    lines = "".join(f"  - {step}\n" for step in steps)
    try:
        resolve(loads(f"archdsl: 1\nname: Net\ninput: [{size}]\nmodel:\n{lines}"))
    except ArchError as error:
        return error.problems[0]
    return None


def test_many_ops_are_refused_because_of_the_rank() -> None:
    assert len({name for name, *_ in CASES}) >= 28
    assert len(CASES) >= 80


@pytest.mark.parametrize(("name", "fields", "shape", "error"), CASES, ids=lambda value: str(value)[:40])
def test_following_the_help_makes_the_error_go_away(name: str, fields: Any, shape: Shape, error: RankError) -> None:
    step, size = f"{name}: {json.dumps(fields)}", math.prod(shape)
    start = f"reshape: {{shape: {[*shape]}}}"
    assert re.search(r"expects .*, got ", str(error))
    found = resolved([start, step], size)
    assert found is not None
    assert found.hint == error.hint
    followed: list[list[str]] = []
    if add := re.match(r"add `([^`]+)` before it", error.hint):
        followed = [[add[1], step]]
        followed += [[f"reshape: {{shape: {other}}}", step] for other in re.findall(r"or `(\[[^`]+\])`", error.hint)]
        followed += [[other, step] for other in re.findall(r"or `(\w+)` for", error.hint)]
    elif use := re.match(r"use `(\w+: \{[^`]+\})`", error.hint):
        followed = [[use[1]]]
    elif use := re.match(r"use `conv` with `(filters: \d+)` and `(groups: \d+)`", error.hint):
        followed = [[f"conv: {{kernel: {fields['kernel']}, {use[1]}, {use[2]}}}"]]
    assert followed or not shape, error.hint
    for steps in followed:
        problem = resolved([start, *steps], size)
        assert problem is None or "expects" not in problem.message, steps


@pytest.mark.parametrize(
    ("inputs", "step", "hint", "followed"),
    [
        (
            "{a: [6], b: [6, 3]}",
            "{matmul: {}, from: [a, b]}",
            'use `einsum: "k, k n -> n"`',
            '{einsum: "k, k n -> n", from: [a, b]}',
        ),
        (
            "{a: [2, 5, 6], b: [6]}",
            "{matmul: {}, from: [a, b]}",
            'use `einsum: "b0 m k, k -> b0 m"`',
            '{einsum: "b0 m k, k -> b0 m", from: [a, b]}',
        ),
        (
            "{a: [6], b: [6]}",
            "{matmul: {}, from: [a, b]}",
            'use `einsum: "k, k -> "`',
            '{einsum: "k, k -> ", from: [a, b]}',
        ),
    ],
)
def test_a_product_with_a_vector(inputs: str, step: str, hint: str, followed: str) -> None:
    text = f"archdsl: 1\nname: Net\ninputs: {inputs}\nmodel:\n  - {step}\n"
    with pytest.raises(ArchError) as caught:
        resolve(loads(text))
    assert caught.value.problems[0].hint == hint
    resolve(loads(text.replace(step, followed)))


def test_tokens_for_a_map() -> None:
    text = "archdsl: 1\nname: Net\ninputs: {a: [6, 3], b: [4, 4, 5]}\nmodel:\n"
    attend = "attention: {heads: 2, key: 2}"
    with pytest.raises(ArchError) as caught:
        resolve(loads(f"{text}  - {{{attend}, from: [a, b]}}\n"))
    assert caught.value.problems[0].hint == "give the value one axis of tokens: `reshape: {shape: [-1, 5]}`"
    steps = f"  - {{reshape: {{shape: [-1, 5]}}, from: b, name: c}}\n  - {{{attend}, from: [a, c]}}\n"
    resolve(loads(text + steps))


@pytest.mark.parametrize("kind", ["lstm", "gru", "simple_rnn"])
def test_a_sequence_that_became_a_vector(kind: str) -> None:
    problem = resolved(["reshape: {shape: [8, 2]}", f"{kind}: {{units: 3}}", "lstm: {units: 3}"], 16)
    assert problem is not None
    assert problem.hint == f"set `return_sequences: true` in `{kind}` on line 6"
    steps = ["reshape: {shape: [8, 2]}", f"{kind}: {{units: 3, return_sequences: true}}", "lstm: {units: 3}"]
    assert resolved(steps, 16) is None
