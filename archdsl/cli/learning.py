"""The commands that train and evaluate: `train`, `evaluate`."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl.cli import backend, completion
from archdsl.cli.shared import (
    AllowOption,
    DataOption,
    JsonOption,
    OutOption,
    SetOption,
    SkipBrokenOption,
    VariantOption,
    load_spec,
    print_json,
    print_text,
    say,
)
from archdsl.cli.written import run_files, say_written
from archdsl.errors import fail
from archdsl.files import next_free
from archdsl.limits import Limits, raised
from archdsl.parsing.overriding import learning_rate_word, with_recipe
from archdsl.recipe import TASKS
from archdsl.runs.trackers import TRACKERS
from archdsl.spec import Spec
from archdsl.text import byte_size, columns, duration, in_line, percent, quantity, room

if TYPE_CHECKING:
    from archdsl.runs.folder import Result
    from archdsl.training.dry_run import DryRunReport

TRACKER_NAMES = " or ".join([", ".join([*TRACKERS][:-1]), [*TRACKERS][-1]])


LogOption = Annotated[
    list[str] | None,
    typer.Option(
        "--log", metavar="WHERE", help=f"Log to {TRACKER_NAMES}.", autocompletion=completion.one_of(*TRACKERS)
    ),
]


def train(
    spec: Annotated[
        str | None,
        typer.Argument(
            metavar="SPEC",
            help="A spec file, or the name of a spec in `archdsl specs`.",
            autocompletion=completion.specs,
        ),
    ] = None,
    out: OutOption = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name the run: write it to the new folder runs/NAME.")
    ] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Add a note to the run.")] = "",
    epochs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Override the epochs of the spec.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Train on N examples only.")] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PLACE",
            help="Train on another data set, and adapt the network to its classes.",
            autocompletion=completion.files,
        ),
    ] = None,
    data_dir: DataOption = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Override the seed of the spec.")] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option("--lr", metavar="RATE", help="Override the learning rate; a schedule keeps its form."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, metavar="N", help="Override the batch size.")] = None,
    skip_broken: SkipBrokenOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Run one step and report time and memory.")] = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Continue an interrupted run.", autocompletion=completion.files)
    ] = None,
    log: LogOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Draw the curves in the terminal.")] = False,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model from a spec.

    The checkpoints, metrics and plots of the run are written to a new folder in `runs`.

    Examples:
        archdsl train digits_resnet --epochs 5
        archdsl train "resnet_cifar[resnet20]" --data flowers/
    """
    for tracker in log or ():
        if tracker not in TRACKERS:
            hint = f"pass `--log` with one of {', '.join(TRACKERS)}"
            raise fail("ARCH203", f"unknown tracker `{tracker}`", hint=hint)
    if watch:
        _check_watch()
    if resume is not None:
        more = (data, name, note, skip_broken, learning_rate, batch_size, settings, variant)
        _check_resume_options(spec, out, limit, seed, dry_run, *more)
        _print_result(_resumed(resume, epochs, data_dir, log or (), raised(allow or ()), watch), resume, as_json)
        return
    if spec is None:
        raise fail("ARCH203", "missing argument SPEC", hint="run `archdsl train SPEC` or `archdsl train --resume RUN`")
    loaded, arguments, _ = load_spec(spec, settings, variant, allow)
    if data is not None:
        loaded, arguments = _with_data(loaded, arguments, data, data_dir)
    loaded = _with_options(loaded, learning_rate, batch_size)
    run = _folder(out, name, loaded.file_stem)
    given: dict[str, Any] = {"arguments": arguments, "epochs": epochs, "limit": limit}
    given |= {"data_dir": data_dir, "seed": seed, "skip_broken": skip_broken}
    backend.load_keras(loaded.train)
    if dry_run:
        from archdsl.runs.folder import check_free
        from archdsl.training.dry_run import try_training
        from archdsl.training.setup import Overrides

        check_free(run)
        report = try_training(loaded, run, Overrides(**given))
        if as_json:
            print_json({**asdict(report), "warnings": [problem.data() for problem in report.warnings]})
            return
        print_text(_dry_run_text(report))
        for problem in report.warnings:
            say(problem.render())
        return
    from archdsl.training import fit

    command = shlex.join(["archdsl", *sys.argv[1:]]) if sys.argv[1:2] == ["train"] else ""
    _print_result(fit.train(loaded, run, **given, log=log or (), command=command, note=note, watch=watch), run, as_json)


def _check_watch() -> None:
    """Check that curves can be drawn, and say so if there is no terminal."""
    from archdsl.runs import terminal_curves, watching

    terminal_curves.check()
    if not sys.stderr.isatty():
        say(f"{watching.NO_TERMINAL}: printing a line for each epoch")


def _folder(out: Path | None, name: str | None, stem: str) -> Path:
    """Return the folder of a new run: `--out`, the one named by `--name`, or the next numbered one."""
    if name is None:
        return out or next_free("runs", stem)
    if out is not None:
        raise fail("ARCH203", "`--name` and `--out` cannot be combined", hint="pass only one of them")
    if not re.fullmatch(r"\w[\w.-]*", name):
        message = f"`--name`: expected letters, digits, `_`, `-` and `.`, got `{in_line(name, 60)}`"
        raise fail("ARCH203", message, hint="to write the run to another folder, use `--out`")
    return Path("runs") / name


def _with_data(spec: Spec, arguments: dict[str, Any], place: str, data_dir: Path | None) -> tuple[Spec, dict[str, Any]]:
    """Return the spec with another data set and the arguments that fit it, and print what was changed."""
    from archdsl.data.adaptation import adapted

    result = adapted(spec, arguments, place, data_dir)
    say(columns(result.changes, width=room(sys.stderr)).rstrip())
    return result.spec, result.arguments


def _with_options(spec: Spec, learning_rate: float | None, batch_size: int | None) -> Spec:
    """Return the spec with the values of `--lr` and `--batch-size`, which override `--set`."""
    if learning_rate is not None:
        if not 0 < learning_rate < math.inf:
            raise fail("ARCH203", f"expected a learning rate above 0, got {learning_rate:g}")
        spec = with_recipe(spec, {learning_rate_word(spec): learning_rate})
    if batch_size is not None and spec.data is not None:
        spec = with_recipe(spec, {"data.batch_size": batch_size})
    return spec


def _resumed(
    run: Path, epochs: int | None, data_dir: Path | None, log: Sequence[str], limits: Limits, watch: bool
) -> Result:
    from archdsl.runs.folder import read_recipe

    backend.load_keras(read_recipe(run, limits))
    from archdsl.training import fit

    return fit.resume(run, epochs=epochs, data_dir=data_dir, log=log, limits=limits, watch=watch)


def evaluate(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run folder written by `archdsl train`.", autocompletion=completion.files),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PLACE",
            help="Evaluate on other data: a file, a folder, a name, or NAME:PLACE.",
            autocompletion=completion.files,
        ),
    ] = None,
    data_dir: DataOption = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Evaluate on N examples only.")] = None,
    skip_broken: SkipBrokenOption = False,
    allow: AllowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate a trained model on its test set, or on other data.

    Examples:
        archdsl evaluate runs/houses-1 --data sold_in_may.csv
        archdsl evaluate runs/digits_resnet-1 --limit 100 --json
    """
    from archdsl.runs.folder import read_recipe

    limits = raised(allow or ())
    backend.load_keras(read_recipe(run, limits))
    from archdsl.training import fit

    evaluation = fit.evaluate(
        run, data=data or "", data_dir=data_dir, limit=limit, limits=limits, skip_broken=skip_broken
    )
    if as_json:
        print_json(asdict(evaluation))
    else:
        line = _score_line(run, evaluation.task, evaluation.scores, evaluation.images)
        print_text(line if data is None else line.replace(": test ", f" on {in_line(data)}: ", 1))


def _print_result(result: Result, run: Path, as_json: bool) -> None:
    if as_json:
        print_json(asdict(result))
    else:
        print_text(_score_line(run, result.task, result.test_scores or {}, result.images["test"]))
    say_written(run, run_files(result.heads or ()), "card.md")


def _score_line(run: Path, word: str, scores: Mapping[str, float], count: int) -> str:
    task = TASKS[word]
    score = scores[task.score]
    line = f"{run}: test {task.score_title} {task.score_text(score)}"
    if task.target != "class":
        return f"{line} ({quantity(count, 'example')})"
    line += f" ({round(score * count):,} of {count:,})"
    single_view = scores.get("single_view_accuracy")
    return line if single_view is None else f"{line}; {percent(single_view)} without test-time augmentation"


def _check_resume_options(spec: Any, out: Any, limit: Any, seed: Any, dry_run: bool, *more: Any) -> None:
    """Reject options that are fixed when a run starts."""
    names = ("--data", "--name", "--note", "--skip-broken", "--lr", "--batch-size", "--set", "--variant")
    words = {"a spec": spec, "--out": out, "--limit": limit, "--seed": seed, "--dry-run": dry_run}
    for name, value in {**words, **dict(zip(names, more, strict=True))}.items():
        if value:
            hint = "pass only `--epochs`, `--data-dir`, `--log`, `--watch` or `--allow`; the run folder has the rest"
            raise fail("ARCH203", f"{name} cannot be used with --resume", hint=hint)


def _dry_run_text(report: DryRunReport) -> str:
    """Describe a planned training and its cost, one fact per line."""
    parts = ", ".join(f"{count:,} {name}" for name, count in report.images.items())
    rate = report.learning_rate
    rates = [f"{rate['first']:.3g}"]
    if rate["largest"] > max(rate["first"], rate["last"]):
        rates.append(f"peak {rate['largest']:.3g}")
    if rate["last"] != rate["first"]:
        rates.append(f"{rate['last']:.3g} in the last step")
    memory = f"{byte_size(report.weight_bytes)} of weights and optimizer state"
    if report.activation_bytes is not None:
        memory += f", at least {byte_size(report.activation_bytes)} of activations"
    most, streamed = ("at most ", "streamed ") if report.streamed else ("", "")
    memory += f", {most}{byte_size(report.data_bytes)} of {streamed}data"
    speed = f"{report.batch_size / report.step_seconds:,.0f} examples/s, {_milliseconds(report.step_seconds)} per step"
    compiler = "XLA" if report.jit_compile else "no XLA"
    lines = [
        ("data", f"{report.source} from {report.origin}"),
        ("examples", f"{parts}; {report.classes} classes"),
        ("network", f"{report.parameters:,} parameters ({report.trainable:,} trainable), {report.precision}"),
        ("epochs", f"{report.epochs} of {report.steps:,} steps, batch size {report.batch_size}"),
        ("execution", f"{compiler}, steps per execution: {report.steps_per_execution}"),
        ("optimizer", f"{report.optimizer}, learning rate {', '.join(rates)}"),
        ("first loss", f"{report.loss:.4f}"),
        ("memory", memory),
        ("speed", f"{speed}; the first step took {duration(report.first_step_seconds)}"),
        ("time", f"about {duration(report.seconds)}, plus {duration(report.preparing_seconds)} of preparation"),
        ("run folder", report.out),
    ]
    return columns(lines, width=room(sys.stdout)) + ("\n" + report.start.text() if report.start else "")


def _milliseconds(seconds: float) -> str:
    """Format a short time: `0.35 ms`, `1,950 ms`."""
    number = seconds * 1000
    return f"{number:.2g} ms" if number < 10 else f"{number:,.0f} ms"


COMMANDS = {"train": train, "evaluate": evaluate}
