"""Patterns of weights: what they match, how they are refused, and that a hostile one takes no time."""

from __future__ import annotations

import time

import pytest

import archdsl
from archdsl.errors import ArchError
from archdsl.names import path_matches

HEAD = "archdsl: 1\nname: Net\ninput: [8]\ndata: {source: digits}\n"


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("stem", ["stem", "stem/kernel"], ["stem_norm/gamma", "a/stem/kernel"]),
        ("stem*", ["stem/kernel", "stem_norm/gamma"], ["a/stem"]),
        ("block_?", ["block_1/conv_1/bias"], ["block_10/conv_1/bias", "block_"]),
        ("**/kernel", ["kernel", "a/kernel", "a/b/c/kernel"], ["a/kernels"]),
        ("a/*/c", ["a/b/c", "a/b/c/kernel"], ["a/c", "a/b/b/c"]),
        ("a/**/c", ["a/c", "a/b/b/c/kernel"], ["b/c"]),
        ("a*b*c", ["abc", "axbxbxc", "abcc"], ["acb", "ab"]),
        ("**", ["a", "a/b"], []),
    ],
)
def test_a_pattern_matches_paths_and_what_is_inside(pattern: str, matching: list[str], other: list[str]) -> None:
    assert [path for path in (*matching, *other) if path_matches(pattern, path)] == matching


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    began = time.perf_counter()
    assert not path_matches("*a" * 90 + "c", "a" * 63 + "b")
    assert not path_matches("**/" * 60 + "x", "/".join(["a" * 60] * 32))
    assert time.perf_counter() - began < 0.5


def test_too_many_patterns_for_so_many_weights_are_refused() -> None:
    patterns = ", ".join(f"dense_{number}" for number in range(1, 101))
    text = f"{HEAD}model:\n  - dense: {{units: 8}}\n    repeat: 2000\ntrain: {{freeze: [{patterns}]}}\n"
    with pytest.raises(ArchError) as caught:
        archdsl.resolve(archdsl.loads(text))
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("ARCH025", "too many patterns: 100 for 4,000 weights")
    assert problem.hint == "use at most 62 patterns"
    assert problem.span is not None
