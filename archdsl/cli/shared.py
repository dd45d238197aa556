"""Options, loading and printing shared by the commands."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from archdsl import zoo
from archdsl.cli import completion
from archdsl.cli.settings import parse_settings
from archdsl.errors import ArchError
from archdsl.graph import Graph
from archdsl.limits import raised
from archdsl.parsing.reshaping import is_another_network, with_settings
from archdsl.resolution import resolve
from archdsl.resolution.expectations import check as hold
from archdsl.resolution.loops import Budget
from archdsl.spec import Spec
from archdsl.text import (
    BOLD_RED,
    BOLD_YELLOW,
    GREEN,
    WIDTH,
    YELLOW,
    Styled,
    colored,
    fold,
    in_line,
    printable,
    room,
    wants_color,
)

SpecArgument = Annotated[
    str,
    typer.Argument(
        metavar="SPEC", help="A spec file, or the name of a spec in `archdsl specs`.", autocompletion=completion.specs
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Override an argument of the model, its `input`, or a word of the recipe (repeatable).",
    ),
]
VariantOption = Annotated[
    str | None,
    typer.Option("--variant", metavar="NAME", help="Use a variant of the spec.", autocompletion=completion.variants),
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="LIMIT=NUMBER", help="Raise a limit, such as `steps=500000` (repeatable)."),
]
SkipBrokenOption = Annotated[
    bool, typer.Option("--skip-broken", help="Leave out examples that cannot be read, up to 10 % of them.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="The folder to write, new or empty (default: a new numbered folder).",
        autocompletion=completion.files,
    ),
]
FileOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write to a file instead of stdout.", autocompletion=completion.files),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="PATH", help="The folder of the data set.", autocompletion=completion.files),
]


COLORS = {
    r"error\[ARCH\d+\]": BOLD_RED,
    r"warning\[ARCH\d+\]": BOLD_YELLOW,
    r"^ +\| +(\^+)$": YELLOW,
    r"^  (help:)": GREEN,
}
"""Colors of the parts of a message: the code, the carets, and the help."""


def print_error(error: ArchError, pointer: bool = True) -> None:
    """Print an error to stderr; in a terminal, wrapped to its width and with a pointer to the explanation."""
    is_terminal = sys.stderr.isatty()
    text = error.render(min(WIDTH, shutil.get_terminal_size().columns)) if is_terminal else str(error)
    if pointer and is_terminal:
        text += f"\nrun `archdsl explain {error.problems[0].code}` for details"
    print_to(colored(text, COLORS) if wants_color(sys.stderr) else text, sys.stderr)


def print_text(text: str) -> None:
    print_to(text, sys.stdout)


def print_colored(text: str, styles: Mapping[str, str]) -> None:
    """Print text, in color if stdout shows color."""
    print_text(colored(text, styles) if wants_color(sys.stdout) else text)


def print_folded(text: str) -> None:
    """Print text; in a terminal, lines that are too wide are broken between words."""
    print_text("\n".join(part for line in text.splitlines() for part in fold(line, room(sys.stdout), 4)))


def print_json(data: Any) -> None:
    print_text(json.dumps(data, indent=2))


def say(text: str) -> None:
    print_to(text, sys.stderr)


def print_to(text: str, stream: IO[str]) -> None:
    """Print to a stream; only a text made by `colored` keeps its colors."""
    # A progress bar of rich may replace the stream, and with it the escaping of `Screen`.
    stream.write(text if isinstance(text, Styled) else printable(text))
    if not text.endswith("\n"):
        stream.write("\n")


def load_spec(
    name: str, settings: Sequence[str] | None, variant: str | None = None, allow: Sequence[str] | None = None
) -> tuple[Spec, dict[str, Any], Graph]:
    """Load a spec and resolve it: the spec, its overridden arguments, and the graph.

    `expect` is verified unless the network is overridden.
    """
    return resolved(zoo.load(name, variant or "", raised(allow or ())), settings)


def resolved(
    spec: Spec, settings: Sequence[str] | None, budget: Budget | None = None
) -> tuple[Spec, dict[str, Any], Graph]:
    """Resolve a loaded spec, as `load_spec` does; variants may share a budget."""
    given = parse_settings(settings or (), spec)
    chosen, arguments = with_settings(spec, given)
    graph = resolve(chosen, budget, **arguments)
    if not is_another_network(given):
        hold(spec, graph)
    elif spec.expect.model_fields_set:
        say(f"{in_line(spec.title)}: skipped `expect`: `--set` overrides the network")
    return chosen, arguments, graph
