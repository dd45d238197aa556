"""The report of a run: curves, confusion matrix, mistakes, picture of the network, and model card."""

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
    """Write the pictures and the model card of a run into its folder.

    The picture of the network is omitted if no renderer is installed.

    Args:
        probabilities: probabilities of the test images, (N, classes), or None if the model was not tested.
        rows: the rows of the log, one per epoch.

    Returns:
        The names of the files that were written.

    Raises:
        ArchError: the folder contains no spec (ARCH204), or is not writable (ARCH304).
    """
    # This process wrote the run, so its limits are those of the caller.
    spec = read_spec(folder, result, Limits(**result.limits) if result.limits else DEFAULTS)
    written: list[str] = []
    reliability: Reliability | None = None
    if rows:
        curves.draw(rows, result, folder / CURVES)
        written.append(CURVES)
    if probabilities is not None:
        predictions = LabeledPredictions(probabilities, dataset.labels("test"), dataset.images("test"))
        reliability = predictions.reliability()
        title = f"{result.spec} on {result.source}"
        accuracy = f"{title}: test accuracy {percent(predictions.accuracy)}"
        confusion.draw(predictions.confusion(), dataset.label.classes, accuracy, folder / CONFUSION)
        written.append(CONFUSION)
        if mistakes.draw(predictions, dataset.label.classes, dataset.image.largest, title, folder / MISTAKES):
            written.append(MISTAKES)
    try:
        render(to_dot(resolve(spec, **result.arguments)), folder / NETWORK, "svg")
        written.append(NETWORK)
    except ArchError as error:
        if error.problems[0].code == "ARCH304":
            raise
    files.write(folder / CARD, card(spec, result, reliability, written))
    return [*written, CARD]
