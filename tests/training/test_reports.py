"""The report of a run: numbers of its predictions, the confusion matrix, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finished_run import DIGITS
from hypothesis import given
from hypothesis import strategies as st

from archdsl.runs.card import Reliability
from archdsl.training.reports import confusion, mistakes
from archdsl.training.reports.labeled_predictions import LabeledPredictions, class_scores


def predictions(images: int = 200, classes: int = 10, wrong: int = 30) -> LabeledPredictions:
    """Probabilities that are right for all but the first images, about which they are the less sure the later."""
    labels = np.arange(images) % classes
    said = np.where(np.arange(images) < wrong, (labels + 1) % classes, labels)
    sure = np.linspace(0.95, 0.6, images)
    probabilities = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, axis=1)
    probabilities[np.arange(images), said] = sure
    pictures = (np.arange(images * 64) % 17).astype(np.uint8).reshape(images, 8, 8, 1)
    return LabeledPredictions(probabilities, labels, pictures)


@given(st.integers(2, 6), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60))
def test_the_numbers_agree_with_a_count_by_hand(classes: int, pairs: list[tuple[int, int]]) -> None:
    labels, said = (np.array([pair[i] % classes for pair in pairs]) for i in (0, 1))
    found = LabeledPredictions(np.eye(classes)[said], labels, np.zeros((len(pairs), 1, 1, 1), np.uint8))
    counts = found.confusion()
    for row in range(classes):
        for column in range(classes):
            assert counts[row, column] == sum((labels == row) & (said == column))
    names = [f"class {i}" for i in range(classes)]
    scores = class_scores(counts, names)
    assert {name for name, one in scores.items() if one.count} == {names[i] for i in set(labels.tolist())}
    right = sum(scores[names[i]].recall * sum(labels == i) for i in set(labels.tolist()))
    assert right == pytest.approx(sum(labels == said))
    assert set(found.mistakes()) == set(np.flatnonzero(labels != said))
    reliability = found.reliability(1.0, most=classes**2)
    assert sum(times for *_, times in reliability.confusions) == sum(labels != said)
    assert reliability.confident == 1.0
    assert reliability.confident_accuracy == found.accuracy == pytest.approx(np.mean(labels == said))


def test_the_most_confident_mistakes_stand_first() -> None:
    found = predictions()
    assert found.mistakes().tolist() == list(range(30))
    assert found.reliability(0.99, most=1) == Reliability(0.99, 0.0, 0.0, [(0, 1, 3)])


@pytest.mark.parametrize("named", [29, 30])
def test_many_classes_are_drawn_with_names_or_without(
    named: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confusion, "NAMED", named)
    confusion.draw(np.eye(30, dtype=np.int64), [f"class {i}" for i in range(30)], "", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_are_drawn_and_files_are_whole(tmp_path: Path) -> None:
    found = predictions()
    drawn: dict[str, Callable[[Path], Any]] = {
        "confusion": lambda path: confusion.draw(found.confusion(), DIGITS, "a $title$", path),
        "two classes": lambda path: confusion.draw(np.array([[4, 0], [0, 0]]), ("cat", "a" * 99), "", path),
        "mistakes": lambda path: mistakes.draw(found, DIGITS, 16, "digits", path),
        "one mistake": lambda path: mistakes.draw(predictions(wrong=1), DIGITS, 16, "digits", path),
    }
    for name, draw in drawn.items():
        draw(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG"), name
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(drawn)


def test_where_nothing_is_wrong_there_is_no_picture_of_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "mistakes.png"
    path.write_bytes(b"of another time")
    assert not mistakes.draw(predictions(wrong=0), DIGITS, 16, "digits", path)
    assert not path.exists()
