"""The commands that use finished runs: `runs`, `export`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from archdsl.cli import backend, completion
from archdsl.cli.shared import AllowOption, JsonOption, print_colored, print_json, print_text, say
from archdsl.errors import fail, nearest
from archdsl.limits import raised
from archdsl.text import quantity, room


def export(
    network: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or a `.keras` file.", autocompletion=completion.files)
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="A `.keras` file, or a folder for a SavedModel.",
            autocompletion=completion.files,
        ),
    ],
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Include preprocessing: accept raw pixels, return probabilities."),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="keras or saved_model (default: from the name of FILE).",
            autocompletion=completion.one_of("keras", "saved_model"),
        ),
    ] = None,
    allow: AllowOption = None,
) -> None:
    """Export a trained model without its optimizer state.

    A SavedModel requires only TensorFlow. To load a `.keras` file, first `import archdsl.keras`.

    Examples:
        archdsl export runs/my_net-1 --out my_net.keras
        archdsl export runs/my_net-1 --out serving/ --raw
    """
    if form not in (None, "keras", "saved_model"):
        raise fail("ARCH203", f"unknown format `{form}`", hint=nearest(str(form), ("keras", "saved_model")))
    if not network.exists():
        raise fail("ARCH204", f"{network} does not exist", hint="name a run folder or a `.keras` file")
    limits = raised(allow or ())
    backend.load_keras()
    from archdsl.training.export import describe, write_export

    print_text(f"{out}: {describe(write_export(network, out, raw=raw, form=form, limits=limits))}")


def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN", help="A folder of runs, or at least two runs to compare.", autocompletion=completion.files
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="BY",
            help="date, name, score, time, or parameters.",
            autocompletion=completion.one_of("date", "name", "score", "time", "parameters"),
        ),
    ] = "date",
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="List only some runs, as in `score > 0.9` (repeatable)."),
    ] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Set the note of one run.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Draw the curves of one run in the terminal until it ends.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE.png",
            help="Draw the training curves of the compared runs.",
            autocompletion=completion.files,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List training runs, or compare them.

    Lists the runs in the folder `runs` by default.

    A condition compares name, spec, task, data, status, note, date, score, epochs, time (in seconds) or parameters by
    =, !=, <, <=, > or >=. In a text, * matches anything.

    Examples:
        archdsl runs --sort score --where "score>0.9"
        archdsl runs runs/my_net-1 runs/my_net-2 --out curves.png
    """
    from archdsl.runs import listing, selection

    if sort not in listing.SORTS:
        raise fail("ARCH203", f"cannot sort runs by `{sort}`", hint=nearest(sort, listing.SORTS.keys() - {"accuracy"}))
    conditions = [selection.parse(text) for text in where or ()]
    given = folders or [Path("runs")]
    if note is not None:
        _set_note(_single(given, "--note"), note)
        return
    if watch:
        _watch(_single(given, "--watch"))
        return
    if len(given) > 1:
        if conditions:
            raise fail("ARCH203", "`--where` requires a folder of runs", hint="name the runs to compare without it")
        _compare(given, out, as_json)
        return
    if out is not None:
        raise fail("ARCH203", "`--out` requires at least two runs", hint="name the runs to compare")
    known = listing.find(given[0], sort)
    found = selection.select(known, conditions) if conditions else known
    if as_json:
        print_json([run.data() for run in found])
    elif found:
        print_colored(listing.to_text(found, room(sys.stdout)), listing.COLORS)
    else:
        say(f"none of {quantity(len(known), 'run')} meets the conditions")


def _single(folders: list[Path], option: str) -> Path:
    if len(folders) != 1:
        raise fail("ARCH203", f"`{option}` requires one run", hint="name a single run")
    return folders[0]


def _set_note(run: Path, note: str) -> None:
    """Set the note of a run, in its `run.json` and its card."""
    from archdsl.files import writing
    from archdsl.runs import card, folder, lock

    folder.read_result(run)  # without a run, no lock is created
    with lock.known_run(run):
        replace(folder.read_result(run), note=note).write(run)
        path = run / folder.CARD
        if path.is_file():
            text = card.with_note(path.read_text(encoding="utf-8"), note)
            with writing(path) as partial:
                partial.write_text(text, encoding="utf-8", newline="\n")
    say(f"{run}: {'wrote' if note else 'removed'} the note")


def _watch(run: Path) -> None:
    """Draw the curves of a run until it ends, or once if there is no terminal."""
    from archdsl.runs import folder, terminal_curves, watching

    if sys.stdout.isatty():
        watching.watch(run)
        return
    result, rows = folder.read_result(run), folder.read_log(run)
    say(f"{watching.NO_TERMINAL}: drawing them once")
    print_text(terminal_curves.draw(rows, result.judged, result.epochs, terminal_curves.PIPED, color=False))
    print_text(watching.state_line(run, result, rows))


def _compare(folders: list[Path], out: Path | None, as_json: bool) -> None:
    from archdsl.runs import comparison, folder, listing

    found = comparison.read(folders)
    if out is not None:
        comparison.check_one_score(found)
        if out.suffix != ".png":
            message = f"`--out`: expected a file that ends in `.png`, got `{out}`"
            raise fail("ARCH203", message, hint="for example, `--out curves.png`")
        from archdsl.runs import curves

        rows = {run.name: folder.read_log(run.folder) for run in found}
        curves.draw_together(rows, out, found[0].known_result.judged)
        say(f"wrote {out}")
    if as_json:
        print_json(comparison.to_data(found))
    else:
        from archdsl.diff.text import COLORS

        print_colored(comparison.to_text(found, room(sys.stdout)), listing.COLORS | COLORS)


COMMANDS = {"export": export, "runs": runs}
