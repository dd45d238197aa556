"""What is said of a `source` that is none: the hint, applied to the spec, gives one that checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl import zoo
from archdsl.errors import ArchError

SPEC = """\
archdsl: 1
name: Net
input: [8, 8, 1]
model: [flatten, dense: {units: 10, activation: softmax}]
data: {source: WORD}
"""


@pytest.mark.parametrize("word", ["shapes", "my shapes", "shapes.npz"])
def test_the_path_of_data_is_given_its_source(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if not word.endswith(".npz"):
        Path(word).mkdir()
    with pytest.raises(ArchError) as caught:
        zoo.loads(SPEC.replace("WORD", word))
    hint = caught.value.problems[0].hint
    kind = "npz" if word.endswith(".npz") else "folder"
    assert hint.startswith(f"write `source: {{{kind}: ")
    fixed = zoo.loads(SPEC.replace("source: WORD", re.findall("`(.*)`", hint)[0]))
    assert fixed.data is not None
    assert (fixed.data.kind, fixed.data.argument) == (kind, word)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("folder", "write `source: {folder: PATH}`"),
        ("tfds", "write `source: {tfds: NAME}`"),
        ("cifar-10", "did you mean `cifar10`?"),
    ],
)
def test_a_word_that_needs_an_argument_and_a_misspelled_one(word: str, hint: str) -> None:
    with pytest.raises(ArchError) as caught:
        zoo.loads(SPEC.replace("WORD", word))
    assert caught.value.problems[0].hint == hint
