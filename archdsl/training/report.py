"""The report of a run: curves, pictures of its predictions, picture of the network, and model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from archdsl import files
from archdsl.data.dataset import Dataset
from archdsl.diagrams import to_dot
from archdsl.diagrams.render import render
from archdsl.errors import ArchError
from archdsl.limits import DEFAULTS, Limits
from archdsl.resolution import resolve
from archdsl.runs import curves
from archdsl.runs.card import Reliability, card
from archdsl.runs.folder import CARD, CURVES, NETWORK, Result, Row, read_spec
from archdsl.training.tasks import Pictures, Scorer


def write(
    folder: Path,
    result: Result,
    dataset: Dataset,
    scorers: Mapping[str, Scorer],
    rows: Sequence[Row],
) -> list[str]:
    """Write the pictures and the model card of a run into its folder.

    The picture of the network is omitted if no renderer is installed.

    Args:
        scorers: the judge of each output by name, that of the main one first; empty if the model was not tested.
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
    title = f"{result.spec} on {result.source}"
    for place, (output, scorer) in enumerate(scorers.items()):
        reliability = reliability if place else scorer.reliability()
        written += scorer.draw(Pictures(folder, title, output if place else ""), dataset)
    try:
        render(to_dot(resolve(spec, **result.arguments)), folder / NETWORK, "svg")
        written.append(NETWORK)
    except ArchError as error:
        if error.problems[0].code == "ARCH304":
            raise
    files.write(folder / CARD, card(spec, result, reliability, written))
    return [*written, CARD]
