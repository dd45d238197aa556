"""Commands for what comes of a training: `predict`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl import output
from archdsl.cli.app import JsonOption, app, complain, print_json, print_text, say
from archdsl.errors import fail

if TYPE_CHECKING:
    from archdsl.training.predicting import Prediction, Predictor

INCOMPLETE = 3
"""How `predict` ends where some of the images could not be read."""


@app.command()
def predict(
    network: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a `.keras` file alone.")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGES", help="Files, folders, or patterns in quotes.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to tell for each image.")] = 3,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Tell what images show: the likeliest classes, each with its probability.

    An image that cannot be read is told on stderr, and the others go on; the exit code is 3 then.
    """
    if as_json and as_csv:
        raise fail("ARCH203", "`--json` cannot stand beside `--csv`", hint="keep one of them")
    if not network.exists():
        raise fail("ARCH204", f"{network} is not there", hint="a run's folder, or a `.keras` file")
    output.keras_side()
    from archdsl.training import predicting
    from archdsl.training.images import find

    predictor = predicting.load(network)
    for lack in predictor.lacks:
        say(lack)
    paths = find(images)
    if not paths:
        raise fail("ARCH301", f"there are no images in {', '.join(images)}")
    top = min(top, len(predictor.classes))
    broken = 0
    predictions = _with_errors_told(_with_bar(predictor.predict(paths), len(paths)))
    if as_json:
        found = list(predictions)
        broken = sum(prediction.error is not None for prediction in found)
        print_json([_data(prediction, predictor, top) for prediction in found])
    else:
        write = _csv_lines if as_csv else _lines
        broken = write(predictions, predictor, paths, top)
    if broken:
        raise typer.Exit(INCOMPLETE)


def _with_errors_told(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    for prediction in predictions:
        if prediction.error is not None:
            complain(prediction.error, pointer=False)
        yield prediction


def _with_bar(predictions: Iterable[Prediction], count: int) -> Iterator[Prediction]:
    """Shows on stderr how far it is, where that is a terminal and stdout, whose lines would tell as much, is none."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from predictions
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(predictions, total=count)


def _lines(predictions: Iterable[Prediction], predictor: Predictor, paths: list[Path], top: int) -> int:
    """A line for each image, in columns; how many images are broken."""
    width, name = max(len(str(path)) for path in paths), max(map(len, predictor.classes))
    broken = 0
    for prediction in predictions:
        broken += prediction.error is not None
        told = [f"{predictor.classes[i]:<{name}} {share:>8.2%}" for i, share in prediction.top(top)]
        if told:
            print_text(f"{prediction.path!s:<{width}}  {'   '.join(told)}")
            sys.stdout.flush()
    return broken


def _csv_lines(predictions: Iterable[Prediction], predictor: Predictor, paths: list[Path], top: int) -> int:
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["image", *(f"{word}_{i}" for i in range(1, top + 1) for word in ("class", "probability"))])
    broken = 0
    for prediction in predictions:
        broken += prediction.error is not None
        told = [word for i, share in prediction.top(top) for word in (predictor.classes[i], f"{share:.6f}")]
        if told:
            table.writerow([prediction.path, *told])
    return broken


def _data(prediction: Prediction, predictor: Predictor, top: int) -> dict[str, Any]:
    if prediction.error is not None:
        return {"image": str(prediction.path), "error": prediction.error.problems[0].data()}
    classes = [{"class": predictor.classes[i], "number": i, "probability": share} for i, share in prediction.top(top)]
    return {"image": str(prediction.path), "classes": classes}
