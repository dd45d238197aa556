"""Misspelled words of the language: the first suggestion is the intended word."""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from archdsl.errors import nearest
from archdsl.limits import Limits
from archdsl.ops import OPS
from archdsl.parsing import FILE, LAYER
from archdsl.parsing.steps import ACTIVATIONS, NORMS, PATHS_KEYS
from archdsl.parsing.values import LOOP_KEYS, STEP_KEYS
from archdsl.recipe import DATA_SOURCES, LOSSES, METRICS, OPTIMIZERS, SCHEDULES, Augment, Data, Train
from archdsl.spec import TYPES, Expectation
from archdsl.steps import SHORTCUTS

LETTERS = string.ascii_lowercase + "_"


def _vocabularies() -> dict[str, set[str]]:
    """Return every set of words that suggestions come from."""
    models: dict[str, type[BaseModel]] = {"data": Data, "train": Train, "augment": Augment, "expect": Expectation}
    found = {
        "steps": {*OPS, "paths"},
        "keys of a file": set(FILE),
        "keys of a layer": set(LAYER),
        "keys of a path": {"steps", *LOOP_KEYS},
        "beside a step": set(STEP_KEYS),
        "beside paths": {*STEP_KEYS, *PATHS_KEYS},
        "shortcuts": set(SHORTCUTS),
        "merges": {name for name, op in OPS.items() if op.many},
        "norms": {*NORMS, "none"},
        "activations": {*ACTIVATIONS, "none"},
        "types": set(TYPES),
        "limits": set(Limits.__dataclass_fields__),
        "optimizers": set(OPTIMIZERS),
        "schedules": set(SCHEDULES),
        "losses": set(LOSSES),
        "metrics": set(METRICS),
        "sources": set(DATA_SOURCES),
    }
    models |= {**OPTIMIZERS, **SCHEDULES, **LOSSES}
    models |= {f"the metric {name}": metric for name, metric in METRICS.items() if metric.model_fields}
    found |= {f"fields of {name}": set(model.model_fields) for name, model in models.items()}
    found |= {f"fields of {name}": set(op.model_fields) for name, op in OPS.items() if op.model_fields}
    return found


VOCABULARIES = _vocabularies()


def typos(word: str, slips: int, count: int) -> Iterator[str]:
    """Return misspellings of a word: inserted, deleted, replaced and swapped letters."""
    chance = random.Random(f"{word} {slips}")
    for _ in range(count):
        typed = word
        for _ in range(slips):
            at, letter = chance.randrange(max(1, len(typed))), chance.choice(LETTERS)
            head, tail = typed[:at], typed[at:]
            more, less, other = head + letter + tail, head + tail[1:], head + letter + tail[1:]
            typed = chance.choice([more, less, other, head + tail[1:2] + tail[:1] + tail[2:]])
        if typed:
            yield typed


def counted(each: int) -> dict[str, Counter[tuple[int, int]]]:
    """Count the typos and the correct suggestions, by number of slips and length of the word."""
    found: dict[str, Counter[tuple[int, int]]] = {"typos": Counter(), "understood": Counter(), "misled": Counter()}
    for words in VOCABULARIES.values():
        for word in sorted(words):
            for slips in (1, 2):
                for typed in typos(word, slips, each):
                    if typed not in words:
                        found["typos"][slips, len(word)] += 1
                        hint = nearest(typed, words)
                        found["understood"][slips, len(word)] += hint.startswith("did you mean") and f"`{word}`" in hint
                        found["misled"][slips, len(word)] += hint.startswith("did you mean") and f"`{word}`" not in hint
    return found


def share(counts: dict[str, Counter[tuple[int, int]]], slips: tuple[int, ...], lengths: range = range(100)) -> float:
    """Return the fraction of typos with a correct suggestion."""
    keys = [key for key in counts["typos"] if key[0] in slips and key[1] in lengths]
    return sum(counts["understood"][key] for key in keys) / sum(counts["typos"][key] for key in keys)


@pytest.mark.parametrize("each", [12, pytest.param(60, marks=pytest.mark.slow)])
def test_the_first_suggestion_is_right(each: int) -> None:
    counts = counted(each)
    assert counts["typos"].total() > 600 * each
    for length in sorted({length for _, length in counts["typos"]}):
        one, two = (share(counts, (slips,), range(length, length + 1)) for slips in (1, 2))
        print(f"{length:>3} letters: one slip {one:6.1%}, two {two:6.1%}")
    one, two, both = share(counts, (1,)), share(counts, (2,)), share(counts, (1, 2))
    print(f"all words:   one slip {one:6.1%}, two {two:6.1%}, both {both:.1%}")
    assert one >= 0.97
    assert share(counts, (2,), range(7, 100)) >= 0.97
    assert share(counts, (1,), range(4, 7)) >= 0.97
    assert counts["misled"].total() <= 0.004 * counts["typos"].total()


def test_the_vocabularies_are_those_of_the_language() -> None:
    assert len(VOCABULARIES) > 60
    assert all(VOCABULARIES.values())


@pytest.mark.parametrize("words", VOCABULARIES.values(), ids=VOCABULARIES)
def test_where_nothing_is_near_the_known_words_are_listed(words: set[str]) -> None:
    hint = nearest("zzzzzzzz", words)
    assert hint.startswith("available: ")
    assert all(f"`{word}`" in hint for word in sorted(words)[:16])


@pytest.mark.parametrize("words", VOCABULARIES.values(), ids=VOCABULARIES)
def test_a_word_that_is_right_but_for_its_case_is_understood(words: set[str]) -> None:
    for word in words:
        assert nearest(word.upper(), words) == f"did you mean `{word}`?"
