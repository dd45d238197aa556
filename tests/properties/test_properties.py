"""What holds of any spec: those of the zoo, and made-up ones, which are made smaller where they fail."""

from __future__ import annotations

from random import Random

import pytest
import random_bodies
import random_specs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from soundness import sound

from archdsl import ArchError, loads, resolve
from archdsl.graph import Graph
from archdsl.resolution.expectations import check
from archdsl.zoo import names

calm = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def hold(text: str) -> None:
    """A spec and its variants resolve soundly, or are refused with a place."""
    try:
        spec = loads(text)
        for one in spec.every():
            graph = resolve(one)
            check(one, graph)
            sound(graph)
    except ArchError as error:
        refused(error)


def refused(error: ArchError) -> None:
    assert error.exit_code == 1
    assert all(problem.span is not None for problem in error.problems)
    assert str(error)


@calm
@given(st.randoms(use_true_random=False))
def test_made_up_specs_resolve_or_are_refused(chance: Random) -> None:
    hold(random_bodies.spec(chance))


@calm
@given(st.randoms(use_true_random=False))
def test_other_made_up_specs_resolve_or_are_refused(chance: Random) -> None:
    hold(random_specs.spec(chance))


@pytest.mark.parametrize("name", sorted(names()))
def test_the_zoo_is_sound(name: str) -> None:
    for one in loads(names()[name].read_text(encoding="utf-8")).every():
        sound(resolve(one))


def outcome(text: str) -> Graph | str:
    try:
        return resolve(loads(text))
    except ArchError as error:
        return str(error)


def test_a_spec_has_the_same_graph_or_error_each_time() -> None:
    for seed in range(12):
        text = random_bodies.spec(Random(seed))
        assert outcome(text) == outcome(text)
