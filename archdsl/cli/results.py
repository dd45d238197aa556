"""Commands for what comes of a training: `runs`, `predict`, `export`."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli import backend
from archdsl.cli.shared import AllowOption, JsonOption, print_error, print_json, print_text, say
from archdsl.errors import fail, nearest
from archdsl.limits import raised
from archdsl.text import WIDTH, csv_cell, in_line

if TYPE_CHECKING:
    from archdsl.training.prediction import Prediction, Predictor

INCOMPLETE = 3
"""How `predict` ends where some of the images could not be read."""


def predict(
    network: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a `.keras` file alone.")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGES", help="Files, folders, or patterns in quotes.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to tell for each image.")] = 3,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    allow: AllowOption = None,
) -> None:
    """Tell what images show: the likeliest classes, each with its probability.

    An image that cannot be read is told on stderr, and the others go on; the exit code is 3 then.
    """
    if as_json and as_csv:
        raise fail("ARCH203", "`--json` cannot stand beside `--csv`", hint="keep one of them")
    if not network.exists():
        raise fail("ARCH204", f"{network} is not there", hint="a run's folder, or a `.keras` file")
    limits = raised(allow or ())
    backend.load_keras()
    from archdsl.data.images import find
    from archdsl.training.prediction import load

    predictor = load(network, limits)
    for lack in predictor.lacks:
        say(lack)
    paths = find(images)
    if not paths:
        raise fail("ARCH301", f"there are no images in {', '.join(images)}")
    top = min(top, len(predictor.classes))
    broken = 0
    predictions = _with_errors_printed(_with_bar(predictor.predict(paths), len(paths)))
    if as_json:
        found = list(predictions)
        broken = sum(prediction.error is not None for prediction in found)
        print_json([_data(prediction, predictor, top) for prediction in found])
    else:
        write = _csv_lines if as_csv else _lines
        broken = write(predictions, predictor, paths, top)
    if broken:
        raise typer.Exit(INCOMPLETE)


def export(
    network: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a `.keras` file alone.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A `.keras` file, or the folder of a SavedModel.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="Let it take raw pixels, and give probabilities: all as layers of its own.")
    ] = False,
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="keras or saved_model; without, the ending tells.")
    ] = None,
    allow: AllowOption = None,
) -> None:
    """Write a run's network for use elsewhere, without its optimizer.

    A SavedModel needs TensorFlow alone. A `.keras` file needs `import archdsl.keras`.
    """
    if form not in (None, "keras", "saved_model"):
        raise fail("ARCH203", f"`{form}` is no format", hint=nearest(str(form), ("keras", "saved_model")))
    if not network.exists():
        raise fail("ARCH204", f"{network} is not there", hint="a run's folder, or a `.keras` file")
    limits = raised(allow or ())
    backend.load_keras()
    from archdsl.training.export import describe, write_export

    print_text(f"{out}: {describe(write_export(network, out, raw=raw, form=form, limits=limits))}")


def runs(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN...]", help="A folder of runs; or two runs or more, to compare.")
    ] = None,
    sort: Annotated[str, typer.Option(metavar="BY", help="date, name, accuracy, time or parameters.")] = "date",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.png", help="Draw the curves of the runs that are compared.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a folder (without one, of `runs`), or compare some. Imports no TensorFlow."""
    from archdsl.runs import listing

    if sort not in listing.SORTS:
        raise fail("ARCH203", f"runs cannot be sorted by `{sort}`", hint=nearest(sort, listing.SORTS))
    given = folders or [Path("runs")]
    if len(given) > 1:
        _compare(given, out, as_json)
        return
    if out is not None:
        raise fail("ARCH203", "`--out` draws runs that are compared, and here is one folder", hint="name two runs")
    found = listing.find(given[0], sort)
    if as_json:
        print_json([run.data() for run in found])
    else:
        print_text(listing.to_text(found, shutil.get_terminal_size((WIDTH, 24)).columns))


def _compare(folders: list[Path], out: Path | None, as_json: bool) -> None:
    from archdsl.runs import comparison, folder

    found = comparison.read(folders)
    if out is not None:
        if out.suffix != ".png":
            raise fail("ARCH203", f"{out} is no place for a picture", hint="a name that ends in `.png`")
        from archdsl.runs import curves

        curves.draw_together({run.name: folder.read_log(run.folder) for run in found}, out)
        say(f"drew {out}")
    if as_json:
        print_json(comparison.to_data(found))
    else:
        print_text(comparison.to_text(found))


def _with_errors_printed(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    for prediction in predictions:
        if prediction.error is not None:
            print_error(prediction.error, pointer=False)
        yield prediction


def _with_bar(predictions: Iterable[Prediction], count: int) -> Iterator[Prediction]:
    """Shows on stderr how far it is, where that is a terminal and stdout, whose lines would tell as much, is none."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from predictions
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        yield from bar.track(predictions, total=count)


def _lines(predictions: Iterable[Prediction], predictor: Predictor, paths: list[Path], top: int) -> int:
    """A line for each image, in columns; how many images are broken."""
    classes = [in_line(name) for name in predictor.classes]
    width, name = max(len(in_line(str(path))) for path in paths), max(map(len, classes))
    broken = 0
    for prediction in predictions:
        broken += prediction.error is not None
        words = [f"{classes[i]:<{name}} {share:>8.2%}" for i, share in prediction.top(top)]
        if words:
            print_text(f"{in_line(str(prediction.path)):<{width}}  {'   '.join(words)}")
            sys.stdout.flush()
    return broken


def _csv_lines(predictions: Iterable[Prediction], predictor: Predictor, paths: list[Path], top: int) -> int:
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["image", *(f"{word}_{i}" for i in range(1, top + 1) for word in ("class", "probability"))])
    broken = 0
    for prediction in predictions:
        broken += prediction.error is not None
        words = [word for i, share in prediction.top(top) for word in (predictor.classes[i], f"{share:.6f}")]
        if words:
            table.writerow(map(csv_cell, [str(prediction.path), *words]))
    return broken


def _data(prediction: Prediction, predictor: Predictor, top: int) -> dict[str, Any]:
    if prediction.error is not None:
        return {"image": str(prediction.path), "error": prediction.error.problems[0].data()}
    classes = [{"class": predictor.classes[i], "number": i, "probability": share} for i, share in prediction.top(top)]
    return {"image": str(prediction.path), "classes": classes}


COMMANDS = {"predict": predict, "export": export, "runs": runs}
