"""What the commands share: their options, how they load a spec, and how they print."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from archdsl import zoo
from archdsl.cli.settings import parse_settings
from archdsl.errors import ArchError
from archdsl.graph import Graph
from archdsl.limits import raised
from archdsl.resolution import resolve
from archdsl.resolution.expectations import check as hold
from archdsl.resolution.loops import Budget
from archdsl.spec import Spec
from archdsl.text import BOLD_RED, BOLD_YELLOW, GREEN, WIDTH, YELLOW, Styled, colored, in_line, printable

SpecArgument = Annotated[
    str, typer.Argument(metavar="SPEC", help="A spec's file, or the name of one of `archdsl specs`.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An argument of the model; may be given several times."),
]
VariantOption = Annotated[
    str | None, typer.Option("--variant", metavar="NAME", help="One of the spec's `variants`, laid over it.")
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="LIMIT=NUMBER", help="Raise a limit, as in `steps=500000`; may be given often."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="The folder to write, still empty; without it, a new one is numbered."),
]
DataOption = Annotated[Path | None, typer.Option("--data-dir", metavar="PATH", help="Where the data set lies.")]


COLORS = {
    r"error\[ARCH\d+\]": BOLD_RED,
    r"warning\[ARCH\d+\]": BOLD_YELLOW,
    r"^ +\| +(\^+)$": YELLOW,
    r"^  (help:)": GREEN,
}
"""How a terminal shows the parts of a message: its code, the carets under a place, and the help."""


def print_error(error: ArchError, pointer: bool = True) -> None:
    """Prints an error on stderr; in a terminal it fits the width, has colors, and may point to the explanation."""
    if not sys.stderr.isatty():
        print_to(str(error), sys.stderr)
        return
    text = error.render(min(WIDTH, shutil.get_terminal_size().columns))
    if pointer:
        text += f"\n`archdsl explain {error.problems[0].code}` says more"
    print_to(text if os.environ.get("NO_COLOR") else colored(text, COLORS), sys.stderr)


def print_text(text: str) -> None:
    print_to(text, sys.stdout)


def print_json(data: Any) -> None:
    print_text(json.dumps(data, indent=2))


def say(text: str) -> None:
    print_to(text, sys.stderr)


def print_to(text: str, stream: IO[str]) -> None:
    """Prints on a stream; colors pass only in a text that `colored` made."""
    # A progress bar of rich may stand before the stream, so that its own escaping is not enough.
    stream.write(text if isinstance(text, Styled) else printable(text))
    if not text.endswith("\n"):
        stream.write("\n")


def load_spec(
    name: str, settings: Sequence[str] | None, variant: str | None = None, allow: Sequence[str] | None = None
) -> tuple[Spec, dict[str, Any], Graph]:
    """The spec, the arguments that were set, and the graph, held to the spec's `expect` where nothing was set."""
    return resolved(zoo.load(name, variant or "", raised(allow or ())), settings)


def resolved(
    spec: Spec, settings: Sequence[str] | None, budget: Budget | None = None
) -> tuple[Spec, dict[str, Any], Graph]:
    """A spec that is read already, as `load_spec` gives it; its variants may share a budget."""
    arguments = parse_settings(settings or (), spec)
    graph = resolve(spec, budget, **arguments)
    if not arguments:
        hold(spec, graph)
    elif spec.expect.model_fields_set:
        title = f"{spec.file} [{spec.variant}]" if spec.variant else spec.file
        say(f"{in_line(title)}: `expect` is not held, for arguments were set")
    return spec, arguments, graph
