"""The renderers that are here, each alone."""

from __future__ import annotations

import pytest

from archdsl.diagrams import render

PROGRAMS = dict(render.renderers())
RENDERERS = list(dict.fromkeys(["dot", "pygraphviz", *PROGRAMS]))


def only(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Leaves one renderer, or skips the test where it is not here."""
    if name not in PROGRAMS:
        pytest.skip(f"{name} is not here")
    monkeypatch.setattr(render, "renderers", lambda: [(name, PROGRAMS[name])])
    return name
