"""Each promise of docs/explanation/security.md names a test that is there."""

from __future__ import annotations

import re

import pytest
from documents import ROOT

TEXT = (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (`tests/.+`) \|$", TEXT, re.MULTILINE)


def test_there_are_promises() -> None:
    assert len(ROWS) >= 12


@pytest.mark.parametrize(("promise", "tests"), ROWS)
def test_a_promise_is_held_by_a_test(promise: str, tests: str) -> None:
    for name in re.findall(r"`(.+?)`", tests):
        path, _, function = name.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {function or 'test_'}" in text
