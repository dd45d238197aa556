"""What a run leaves for people to look at: curves, confusion matrix, worst mistakes, picture of the network, card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from archdsl.diagrams import to_dot
from archdsl.diagrams.render import render
from archdsl.errors import ArchError
from archdsl.files import writing
from archdsl.resolution import resolve
from archdsl.runs import curves
from archdsl.runs.card import card
from archdsl.runs.folder import CARD, CONFUSION, CURVES, MISTAKES, NETWORK, Result, Row, spec_of
from archdsl.spec import Spec
from archdsl.training.reports import confusion, mistakes
from archdsl.training.reports.outcome import Outcome

if TYPE_CHECKING:
    from archdsl.data.dataset import Dataset

__all__ = ["Outcome", "write"]


def write(
    folder: Path,
    result: Result,
    dataset: Dataset,
    probabilities: NDArray[Any] | None,
    rows: Sequence[Row],
) -> list[str]:
    """Writes the pictures and the card of a run into its folder, and gives the names of what was written.

    A renderer for the picture of the network may be missing: then that is left out.

    Args:
        probabilities: of the test images, (N, classes), or None where the network was not tested.
        rows: of the run's epochs.

    Raises:
        ArchError: the folder holds no spec (ARCH204), or cannot be written to (ARCH304).
    """
    spec = spec_of(folder, result)
    written = []
    if rows:
        curves.draw(rows, result, folder / CURVES)
        written.append(CURVES)
    outcome = None
    if probabilities is not None:
        outcome = Outcome(probabilities, dataset.test.labels, dataset.test.images)
        title = f"{result.spec} on {result.source}"
        right = (
            f"{title}: {float((outcome.predicted == outcome.labels).mean()) * 100:.2f} % of the test images are right"
        )
        confusion.draw(outcome.confusion(), dataset.classes, right, folder / CONFUSION)
        written.append(CONFUSION)
        if mistakes.draw(outcome, dataset.classes, dataset.largest, title, folder / MISTAKES):
            written.append(MISTAKES)
    written += _draw_network(spec, result, folder / NETWORK)
    with writing(folder / CARD) as beside:
        beside.write_text(card(spec, result, outcome, written), encoding="utf-8", newline="\n")
    return [*written, CARD]


def _draw_network(spec: Spec, result: Result, path: Path) -> list[str]:
    try:
        render(to_dot(resolve(spec, **result.arguments)), path, "svg")
    except ArchError as error:
        if error.problems[0].code == "ARCH304":
            raise
        return []
    return [path.name]
