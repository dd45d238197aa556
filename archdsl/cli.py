"""The commands. No logic: each reads its arguments, calls the package, and prints."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from archdsl import __version__, output, zoo
from archdsl.errors import ArchError
from archdsl.graph import Graph
from archdsl.resolution import check as hold
from archdsl.resolution import resolve
from archdsl.spec import Spec

app = typer.Typer(
    help="Neural network architectures as YAML: checked, drawn, compiled to Keras layers, and trained.",
    epilog="Exit codes: 0 good, 1 the spec is wrong, 2 usage, 3 data or environment, 4 training failed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

SpecArgument = Annotated[
    str, typer.Argument(metavar="SPEC", help="A spec's file, or the name of one of `archdsl specs`.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An argument of the model; may be given several times."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="The folder to write, still empty; without it, a new one is numbered."),
]
DataOption = Annotated[Path | None, typer.Option("--data-dir", metavar="PATH", help="Where the data set lies.")]


def main() -> None:
    """Runs the program; every `ArchError` becomes its message and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without `×` gets a `?`
    try:
        app()
    except ArchError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _complain(error: ArchError) -> None:
    text = str(error)
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        text = output.colored(text)
    print(text, file=sys.stderr)


def _print(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def _print_json(data: Any) -> None:
    _print(json.dumps(data, indent=2))


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _load(name: str, settings: Sequence[str] | None) -> tuple[Spec, dict[str, Any], Graph]:
    """The spec, the arguments that were set, and the graph, held to the spec's `expect` where nothing was set."""
    spec = zoo.load(name)
    arguments = output.settings(settings or (), spec)
    graph = resolve(spec, **arguments)
    if not arguments:
        hold(spec, graph)
    elif spec.expect.model_fields_set:
        _say(f"{spec.file}: `expect` is not held, for arguments were set")
    return spec, arguments, graph


def _version(asked: bool) -> None:
    if asked:
        _print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def check(
    specs: Annotated[list[str], typer.Argument(metavar="SPEC...", help="Files, or names of `archdsl specs`.")],
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check specs: the language, every shape, and what they expect. Imports no TensorFlow."""
    report: list[dict[str, Any]] = []
    code = 0
    for name in specs:
        try:
            spec, _, graph = _load(name, settings)
        except ArchError as error:
            code = max(code, error.exit_code)
            report.append({"spec": name, "ok": False, "problems": [problem.data() for problem in error.problems]})
            if not as_json:
                _complain(error)
            continue
        report.append({"spec": name, "ok": True, "name": spec.name, "parameters": graph.totals.parameters})
        if not as_json:
            _print(f"{name}: ok: {spec.name}, {graph.totals.parameters:,} parameters")
    if as_json:
        _print_json(report)
    raise typer.Exit(code)


@app.command()
def show(
    spec: SpecArgument,
    depth: Annotated[int, typer.Option(min=1, help="How many levels of layers to open.")] = 2,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a network as a table: shapes, parameters, multiply-accumulates."""
    from archdsl.backends.summary import to_data, to_text

    _, _, graph = _load(spec, settings)
    if as_json:
        _print_json(to_data(graph))
    else:
        _print(to_text(graph, depth))


@app.command()
def eject(
    spec: SpecArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write here instead of to stdout.")] = None,
) -> None:
    """Print the generated Python module, which imports only keras."""
    from archdsl.backends.python import to_python

    loaded, _, _ = _load(spec, None)
    source = to_python(loaded)
    if out is None:
        _print(source)
    else:
        output.write_new(out, source)
        _say(f"wrote {out}")


@app.command()
def plot(
    spec: SpecArgument,
    out: OutOption = None,
    view: Annotated[str | None, typer.Option(help="One view alone: the model's class or a layer's.")] = None,
    formats: Annotated[list[output.Format] | None, typer.Option("--format", help="svg, png, pdf or dot.")] = None,
    settings: SetOption = None,
) -> None:
    """Draw the model and each of its layers. Imports no TensorFlow."""
    loaded, _, graph = _load(spec, settings)
    wanted = [form.value for form in formats or (output.Format.svg, output.Format.png)]
    with output.new_folder(out or output.next_free("plots", loaded)) as folder:
        output.draw(graph, folder.path, wanted, view)
    _say(f"wrote {folder.target}")


@app.command()
def build(
    spec: SpecArgument,
    out: OutOption = None,
    pictures: Annotated[bool, typer.Option("--plot", help="Draw the model and each layer, as SVG and PNG.")] = False,
    settings: SetOption = None,
) -> None:
    """Build the Keras model, check that Keras counts what the spec says, and write module, summary and pictures."""
    from archdsl.backends.python import to_python
    from archdsl.backends.summary import to_text

    loaded, arguments, graph = _load(spec, settings)
    with output.new_folder(out or output.next_free("build", loaded)) as folder:
        (folder.path / "spec.yaml").write_text(loaded.text, encoding="utf-8")
        (folder.path / f"{output.stem(loaded)}.py").write_text(to_python(loaded), encoding="utf-8")
        (folder.path / "summary.txt").write_text(to_text(graph, depth=3), encoding="utf-8")
        if pictures:
            output.draw(graph, folder.path, ["svg", "png"], None)
        model = output.keras_side().build(loaded, **arguments)
    _say(f"wrote {folder.target}")
    counts = f"{model.count_params():,} parameters in {len(model.weights):,} variables"
    _print(f"{loaded.name}: Keras counts {counts}, as the spec does")


@app.command()
def train(
    spec: SpecArgument,
    out: OutOption = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the spec's.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Train on N images only.")] = None,
    data_dir: DataOption = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the spec's.")] = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the model as the spec says, into a run folder."""
    loaded, arguments, _ = _load(spec, settings)
    run = out or output.next_free("runs", loaded)
    output.keras_side()
    from archdsl.training import fit

    result = fit.train(loaded, run, arguments=arguments, epochs=epochs, limit=limit, data_dir=data_dir, seed=seed)
    if as_json:
        _print_json(asdict(result))
    else:
        _print(f"{run}: {result.test_accuracy:.2%} of {result.images['test']:,} test images are right")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that `archdsl train` wrote.")],
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test a run's best model on the test set."""
    output.keras_side()
    from archdsl.training import fit

    found = fit.evaluate(run, data_dir=data_dir)
    if as_json:
        _print_json(asdict(found))
    else:
        _print(f"{run}: {found.accuracy:.2%} of {found.images:,} test images are right")


@app.command("specs")
def list_specs(as_json: JsonOption = False) -> None:
    """List the specs that ship with archdsl."""
    entries = []
    for name, path in zoo.names().items():
        spec = zoo.load(path)
        graph = resolve(spec)
        entries.append((name, spec, graph.totals))
    if as_json:
        _print_json(
            [
                {"spec": n, "file": s.file, "name": s.name, "doc": s.doc, "parameters": t.parameters}
                for n, s, t in entries
            ]
        )
        return
    _print(output.columns([(n, f"{t.parameters:,}", s.doc) for n, s, t in entries], right={1}))


@app.command("ops")
def list_ops(as_json: JsonOption = False) -> None:
    """List the ops: what a step may be beside a layer of the file."""
    from archdsl.ops import OPS

    if as_json:
        _print_json(
            {name: {"kind": op.kind, "doc": op.__doc__, "arguments": list(op.model_fields)} for name, op in OPS.items()}
        )
        return
    entries = sorted(OPS.items(), key=lambda item: (item[1].kind, item[0]))
    _print(output.columns([(op.kind, name, (op.__doc__ or "").split("\n")[0]) for name, op in entries]))
