"""The command that predicts: `predict`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from archdsl import files
from archdsl.cli import backend, completion
from archdsl.cli.shared import AllowOption, JsonOption, print_error, print_json, print_text, say
from archdsl.errors import fail
from archdsl.limits import raised
from archdsl.text import csv_cell, in_line, quantity

if TYPE_CHECKING:
    from archdsl.data.raw_examples import RawExample
    from archdsl.training.prediction import Prediction, Predictor

INCOMPLETE = 3
"""The exit code of `predict` if some examples cannot be read."""

SHOWN = 20
"""The most broken rows that are reported one by one."""

TABLES = {".csv": "csv", ".jsonl": "json", ".ndjson": "json"}
"""The extensions of files of predictions."""


def predict(
    network: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or a `.keras` file.", autocompletion=completion.files)
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="Images, or files of rows: `.csv`, `.jsonl`, `.parquet`, `.npz`; texts.",
            autocompletion=completion.files,
        ),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", metavar="TEXT", help="A text to classify or continue (repeatable).")
    ] = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Number of classes to print for each example.")] = 3,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PLACE",
            help="A `.csv` or `.jsonl` file to write, or a folder for masks and images.",
            autocompletion=completion.files,
        ),
    ] = None,
    tokens: Annotated[int, typer.Option(min=1, metavar="N", help="Number of tokens to continue a text by.")] = 200,
    temperature: Annotated[
        float, typer.Option(min=0, metavar="T", help="0 takes the most likely token, 1 draws one.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the drawn tokens.")] = 0,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    allow: AllowOption = None,
) -> None:
    """Predict images, rows of tables, arrays and texts with a model.

    Prints a line for each example. Of rows, `--json` prints an object per line. Unreadable examples are reported on
    stderr and skipped; the exit code is then 3.

    Examples:
        archdsl predict runs/houses-1 new.csv --out predictions.csv
        archdsl predict runs/poems-1 --text "The sea" --tokens 300 --temperature 0.7
    """
    if as_json and as_csv:
        raise fail("ARCH203", "`--json` and `--csv` cannot be combined", hint="pass only one of them")
    if not network.exists():
        raise fail("ARCH204", f"{network} does not exist", hint="name a run folder or a `.keras` file")
    if not inputs and not text:
        raise fail("ARCH203", "missing argument INPUT", hint="name files to predict, or pass `--text`")
    limits = raised(allow or ())
    backend.load_keras()
    from archdsl.training.prediction import load

    predictor = load(network, limits)
    for lack in predictor.lacks:
        say(lack)
    if predictor.generates:
        _generate(predictor, inputs or (), text or (), tokens, temperature, seed, as_json)
        return
    form = "json" if as_json else "csv" if as_csv else "text"
    output = _Output(predictor, min(top, len(predictor.classes) or top), form, out)
    broken = output.write(_examples(predictor, inputs or (), text or ()))
    for column, (count, first) in predictor.converter.unknown.items():
        say(f"`{column}`: {quantity(count, 'example')} of a class that the network does not know, first {first}")
    if broken:
        raise typer.Exit(INCOMPLETE)


def _generate(
    predictor: Predictor,
    words: Sequence[str],
    texts: Sequence[str],
    tokens: int,
    temperature: float,
    seed: int,
    as_json: bool,
) -> None:
    """Continue texts: each prompt is followed by its continuation."""
    from archdsl.data.raw_examples import text_of
    from archdsl.training.generation import Generator

    generator = Generator(predictor)
    for prompt in (*texts, *(text_of(Path(word)) for word in words)):
        continued = generator.text(prompt, tokens, temperature, seed)
        if as_json:
            print_text(json.dumps({"prompt": prompt, "text": continued}))
        else:
            print_text(continued)


def _examples(predictor: Predictor, words: Sequence[str], texts: Sequence[str]) -> Iterator[RawExample]:
    from archdsl.data.raw_examples import RawExample, find, listed

    columns = predictor.description.columns
    if texts and [column.kind for column in columns.values()] != ["text"]:
        raise fail("ARCH203", f"`--text` does not apply: the network takes {listed(columns)}")
    given = (RawExample("text", text, "`--text`", dict.fromkeys(columns, text)) for text in texts)
    examples = chain(given, find(words, columns))
    first = next(examples, None)
    if first is None:
        noun = "images" if predictor.description.image_name is not None else "examples"
        raise fail("ARCH301", f"there are no {noun} in {', '.join(words)}")
    return chain([first], examples)


class _Output:
    """Writes predictions as they are made.

    Args:
        top: the number of classes to list.
        form: how they are printed: `text`, `json` or `csv`.
        out: the file or folder to write to, if any.
    """

    def __init__(self, predictor: Predictor, top: int, form: str, out: Path | None) -> None:
        self.predictor, self.top, self.form, self.out = predictor, top, form, out
        self.broken, self.written = 0, set[str]()
        table = TABLES.get(out.suffix.lower()) if out is not None else None
        self.form = table or form
        self.folder = out if out is not None and table is None else None
        pictures = any(predictor.tasks[head.output].is_picture for head in predictor.heads)
        if self.folder is not None and not pictures:
            hint = "for example, `--out predictions.csv`"
            raise fail("ARCH203", f"cannot write predictions to {out}: expected a `.csv` or `.jsonl` file", hint=hint)
        if pictures and self.folder is None and any(head.task == "image_to_image" for head in predictor.heads):
            raise fail("ARCH203", "the network predicts images", hint="pass a folder for them: `--out FOLDER`")
        if self.folder is not None:
            _make_folder(self.folder)

    def write(self, examples: Iterator[RawExample]) -> int:
        """Predict and write all examples, and return the number of broken ones."""

        first = next(examples)
        rest: Iterable[RawExample] = chain([first], examples)
        # The names of images are aligned, and a bar counts them. Rows may be too many to list.
        listed = [*rest] if first.key == "image" else None
        predictions = self.predictor.predict(listed or rest)
        if listed:
            predictions = _with_bar(predictions, len(listed))
        predictions = self._with_errors_printed(predictions)
        width = max(len(in_line(str(example.name))) for example in listed) if listed else 6
        with ExitStack() as stack:
            stream: IO[str] = sys.stdout
            if self.out is not None and self.folder is None:
                partial = stack.enter_context(files.writing(self.out))
                stream = stack.enter_context(open(partial, "w", encoding="utf-8", newline=""))
            if self.form == "text":
                self._lines(predictions, width)
            elif self.form == "csv":
                self._csv(predictions, stream)
            elif listed and stream is sys.stdout:
                print_json([self._data(prediction) for prediction in predictions])
            else:
                for prediction in predictions:
                    stream.write(json.dumps(self._data(prediction)) + "\n")
        if self.broken > SHOWN and first.key == "row":
            say(f"... and {self.broken - SHOWN:,} more rows that cannot be read")
        if self.out is not None:
            say(f"wrote {self.out}")
        return self.broken

    def _lines(self, predictions: Iterable[Prediction], width: int) -> None:
        for prediction in predictions:
            if prediction.error is None:
                answers = prediction.answers
                titles = {name: f"{name}: " if len(answers) > 1 else "" for name in answers}
                parts = [f"{titles[name]}{answer.text(self.top)}" for name, answer in answers.items()]
                self._pictures(prediction)
                print_text(f"{in_line(str(prediction.example.name)):<{width}}  {'   '.join(parts)}")
                if prediction.example.key == "image":
                    sys.stdout.flush()

    def _csv(self, predictions: Iterable[Prediction], stream: IO[str]) -> None:
        table, names = csv.writer(stream, lineterminator="\n"), list[str]()
        for prediction in predictions:
            if prediction.error is not None:
                continue
            several = len(prediction.answers) > 1
            cells: dict[str, Any] = {prediction.example.key: prediction.example.name}
            for output, answer in prediction.answers.items():
                own = answer.cells(self.top)
                cells |= {f"{output}.{name}": cell for name, cell in own.items()} if several else own
            cells |= self._pictures(prediction)
            if not names:
                names = [*cells]
                table.writerow(map(csv_cell, names))
            table.writerow([csv_cell(cells[name]) for name in names])

    def _data(self, prediction: Prediction) -> dict[str, Any]:
        named: dict[str, Any] = {prediction.example.key: prediction.example.name}
        if prediction.error is not None:
            return {**named, "error": prediction.error.problems[0].data()}
        answers, pictures = prediction.answers, self._pictures(prediction)
        data = {name: answer.data(self.top) for name, answer in answers.items()}
        return {**named, **({"outputs": data} if len(data) > 1 else next(iter(data.values()))), **pictures}

    def _pictures(self, prediction: Prediction) -> dict[str, str]:
        """Write the pictures of a prediction; return their paths by what they are."""
        if self.folder is None:
            return {}
        from archdsl.data.images import size_of

        example, written = prediction.example, {}
        how = next(iter(self.predictor.description.columns.values())).resize
        size = size_of(prediction.path) if example.key == "image" else None
        stem = prediction.path.stem if example.key == "image" else str(example.name)
        for name, answer in prediction.answers.items():
            picture = answer.picture(size, how)
            if picture is not None:
                path = self.folder / f"{self._free(f'{stem}_{name}' if name else stem)}.png"
                with files.writing(path) as partial:
                    picture.save(partial)
                written[f"{name}.file" if len(prediction.answers) > 1 else "file"] = str(path)
        return written

    def _free(self, stem: str) -> str:
        """A name that no other picture has: images in several folders may have the same."""
        free, number = stem, 2
        while free in self.written:
            free, number = f"{stem}-{number}", number + 1
        self.written.add(free)
        return free

    def _with_errors_printed(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        for prediction in predictions:
            if prediction.error is not None:
                self.broken += 1
                if self.broken <= SHOWN or prediction.example.key != "row":
                    print_error(prediction.error, pointer=False)
            yield prediction


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise fail("ARCH202", f"{folder} is not empty", hint="choose a new folder")
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be written: {error.strerror}") from None


def _with_bar(predictions: Iterable[Prediction], count: int) -> Iterator[Prediction]:
    """Show progress on stderr if it is a terminal and stdout is not."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from predictions
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        yield from bar.track(predictions, total=count)


COMMANDS: dict[str, Callable[..., None]] = {"predict": predict}
