"""Commands about specs and their words: `check`, `specs`, `ops`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from archdsl import output, zoo
from archdsl.cli.app import JsonOption, SetOption, app, complain, load_spec, print_json, print_text
from archdsl.errors import ArchError
from archdsl.resolution import resolve


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
            spec, _, graph = load_spec(name, settings)
        except ArchError as error:
            code = max(code, error.exit_code)
            report.append({"spec": name, "ok": False, "problems": [problem.data() for problem in error.problems]})
            if not as_json:
                complain(error)
            continue
        report.append({"spec": name, "ok": True, "name": spec.name, "parameters": graph.totals.parameters})
        if not as_json:
            print_text(f"{name}: ok: {spec.name}, {graph.totals.parameters:,} parameters")
    if as_json:
        print_json(report)
    raise typer.Exit(code)


@app.command("specs")
def list_specs(as_json: JsonOption = False) -> None:
    """List the specs that ship with archdsl."""
    entries = []
    for name, path in zoo.names().items():
        spec = zoo.load(path)
        graph = resolve(spec)
        entries.append((name, spec, graph.totals))
    if as_json:
        print_json(
            [
                {"spec": n, "file": s.file, "name": s.name, "doc": s.doc, "parameters": t.parameters}
                for n, s, t in entries
            ]
        )
        return
    print_text(output.columns([(n, f"{t.parameters:,}", s.doc) for n, s, t in entries], right={1}))


@app.command("ops")
def list_ops(as_json: JsonOption = False) -> None:
    """List the ops: what a step may be beside a layer of the file."""
    from archdsl.ops import OPS

    if as_json:
        print_json(
            {name: {"kind": op.kind, "doc": op.__doc__, "arguments": list(op.model_fields)} for name, op in OPS.items()}
        )
        return
    entries = sorted(OPS.items(), key=lambda item: (item[1].kind, item[0]))
    print_text(output.columns([(op.kind, name, (op.__doc__ or "").split("\n")[0]) for name, op in entries]))
