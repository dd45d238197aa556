"""Phrases that read as translated stay out of all that people read: docs, messages, help, docstrings, goldens."""

from __future__ import annotations

import re
import subprocess

import pytest
from documents import ROOT

RETIRED = re.compile(
    r"\b(is due|are due|(?:is|are|be) told(?! apart)|tells (?:the|what|how|all|where|a|of)|hangs? on"
    r"|hands? on|handed on|flows? past|says yes to|stands? (?:beside|behind|there|before|in front)"
    r"|goes before the|a silence|silences"
    r"|nothing to say|and here is|and gets \d|would do it|as it stands|if it is meant so|where is looked"
    r"|is no ending|knows? the ending|the ending (?:says|tells)"
    r"|is not known here|known here|in so many words|what (?:it|they) hangs?)\b",
    re.IGNORECASE,
)
READ = ("*.md", "*.py", "*.yaml", "*.txt", "*.json", "*.sh", "*.ipynb", "*.toml")
ALLOWED = {"tests/docs/test_plain_words.py"}


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", *READ], cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in listed.stdout.splitlines() if name not in ALLOWED]


def test_retired_phrases_are_found() -> None:
    for line in ("a mapping is due, and here is `x`", "`--list` tells the templates", "what stands behind it"):
        assert RETIRED.search(line)


def test_no_retired_phrase_is_left() -> None:
    names = files()
    if not names:
        pytest.skip("there is no git here to list the files")
    found = [
        f"{name}:{number}: {match[0]}: {line.strip()[:90]}"
        for name in names
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if (match := RETIRED.search(line))
    ]
    assert found == []
