"""What a run leaves for people to look at: curves, confusion matrix, worst mistakes, picture of the network, card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archdsl.backends.diagrams import to_dot
from archdsl.backends.diagrams.render import render
from archdsl.errors import ArchError
from archdsl.resolution import resolve
from archdsl.spec import Spec
from archdsl.training.reports import confusion, curves, mistakes
from archdsl.training.reports.card import card
from archdsl.training.reports.outcome import Outcome
from archdsl.training.result import CARD, CONFUSION, CURVES, MISTAKES, NETWORK, Result, Row, writing

__all__ = ["Outcome", "write"]


def write(folder: Path, spec: Spec, result: Result, rows: Sequence[Row], outcome: Outcome | None = None) -> list[str]:
    """Writes the pictures and the card of a run into its folder, and gives the names of what was written.

    A renderer for the picture of the network may be missing: then that is left out.

    Args:
        spec: the run's, with its variant.
        rows: of its epochs.
        outcome: what the network says of the test images, or None where it was not tested.

    Raises:
        ArchError: the folder cannot be written to (ARCH304).
    """
    written = []
    if rows:
        curves.draw(rows, result, folder / CURVES)
        written.append(CURVES)
    if outcome is not None:
        title = f"{result.spec} on {result.source}"
        right = f"{title}: {float((outcome.predicted == outcome.labels).mean()):.2%} right"
        confusion.draw(outcome.confusion(), _names(result, outcome), right, folder / CONFUSION)
        written.append(CONFUSION)
        largest = float(result.input["largest"]) if result.input else 255.0
        if mistakes.draw(outcome, _names(result, outcome), largest, title, folder / MISTAKES):
            written.append(MISTAKES)
    written += _draw_network(spec, result, folder / NETWORK)
    with writing(folder / CARD) as beside:
        beside.write_text(card(spec, result, outcome, written), encoding="utf-8")
    return [*written, CARD]


def _draw_network(spec: Spec, result: Result, path: Path) -> list[str]:
    try:
        render(to_dot(resolve(spec, **result.arguments)), path, "svg")
    except ArchError as error:
        if error.problems[0].code == "ARCH304":
            raise
        return []
    return [path.name]


def _names(result: Result, outcome: Outcome) -> list[str]:
    """The classes' names; their numbers where they have none."""
    return list(result.classes) or [str(i) for i in range(outcome.probabilities.shape[1])]
