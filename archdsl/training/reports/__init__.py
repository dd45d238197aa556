"""The report of a run: curves, confusion matrix, worst mistakes, picture of the network, and model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from archdsl import files
from archdsl.diagrams import to_dot
from archdsl.diagrams.render import render
from archdsl.errors import ArchError
from archdsl.limits import DEFAULTS, Limits
from archdsl.resolution import resolve
from archdsl.runs import curves
from archdsl.runs.card import Reliability, card
from archdsl.runs.folder import CARD, CONFUSION, CURVES, MISTAKES, NETWORK, Result, Row, read_spec
from archdsl.text import percent
from archdsl.training.reports import confusion, mistakes
from archdsl.training.reports.labeled_predictions import LabeledPredictions

if TYPE_CHECKING:
    from archdsl.data.dataset import Dataset

__all__ = ["LabeledPredictions", "write"]


def write(
    folder: Path,
    result: Result,
    dataset: Dataset,
    probabilities: NDArray[Any] | None,
    rows: Sequence[Row],
) -> list[str]:
    """Writes the pictures and the card of a run into its folder.

    The picture of the network is left out if no program is there that can draw it.

    Args:
        probabilities: of the test images, (N, classes), or None if the network was not tested.
        rows: of the run's epochs.

    Returns:
        The names of the files that were written.

    Raises:
        ArchError: the folder holds no spec (ARCH204), or cannot be written to (ARCH304).
    """
    # The run is this process's own, so that its limits are its caller's.
    spec = read_spec(folder, result, Limits(**result.limits) if result.limits else DEFAULTS)
    written: list[str] = []
    reliability: Reliability | None = None
    if rows:
        curves.draw(rows, result, folder / CURVES)
        written.append(CURVES)
    if probabilities is not None:
        predictions = LabeledPredictions(probabilities, dataset.test.labels, dataset.test.images)
        reliability = predictions.reliability()
        title = f"{result.spec} on {result.source}"
        accuracy = f"{title}: test accuracy {percent(predictions.accuracy)}"
        confusion.draw(predictions.confusion(), dataset.classes, accuracy, folder / CONFUSION)
        written.append(CONFUSION)
        if mistakes.draw(predictions, dataset.classes, dataset.largest, title, folder / MISTAKES):
            written.append(MISTAKES)
    try:
        render(to_dot(resolve(spec, **result.arguments)), folder / NETWORK, "svg")
        written.append(NETWORK)
    except ArchError as error:
        if error.problems[0].code == "ARCH304":
            raise
    files.write(folder / CARD, card(spec, result, reliability, written))
    return [*written, CARD]
