"""The command that compares many networks of one spec: `sweep`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from archdsl import zoo
from archdsl.cli.network import BatchOption, PrecisionOption
from archdsl.cli.settings import parse_grid, parse_settings
from archdsl.cli.shared import (
    AllowOption,
    JsonOption,
    SetOption,
    SpecArgument,
    VariantOption,
    print_colored,
    print_json,
    print_text,
)
from archdsl.errors import fail
from archdsl.limits import raised
from archdsl.parsing.reshaping import with_settings
from archdsl.resolution import resolve
from archdsl.resolution.loops import Budget
from archdsl.text import room

WordsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME=VALUES",
        help="An argument of the model (or `input`) and its values, such as `paths=1..6` or `width=16,32`. Several "
        "arguments are combined (default: the variants of the spec).",
        show_default=False,
    ),
]


def sweep(
    spec: SpecArgument,
    words: WordsArgument = None,
    batch: BatchOption = 1,
    precision: PrecisionOption = "float32",
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
) -> None:
    """Compare the cost of a network across values of an argument.

    Examples:
        archdsl sweep my_net.yaml width=16,32,64
        archdsl sweep resnet --batch 32
    """
    from archdsl.analysis.measures import measure
    from archdsl.reports.sweep import COLORS, SweepRow, to_data, to_markdown, to_text

    if as_json and as_markdown:
        raise fail("ARCH203", "`--json` and `--markdown` cannot be combined", hint="pass only one of them")
    loaded = zoo.load(spec, variant or "", raised(allow or ()))
    fixed = parse_settings(settings or (), loaded)
    if words:
        chosen = [(loaded, each) for each in parse_grid(words, loaded, fixed)]
    else:
        chosen = [
            (each, {"variant": each.variant or "-"}) for each in ((loaded,) if loaded.variant else loaded.every())
        ]
    rows, budget = [], Budget(loaded.limits)
    for each, values in chosen:
        network, arguments = with_settings(each, fixed | (values if words else {}))
        graph = resolve(network, budget, **arguments)
        budget.together = ", together with the rows before it"
        rows.append(SweepRow(values, measure(graph, batch, precision)))
    if as_json:
        print_json(to_data(rows))
    elif as_markdown:
        print_text(to_markdown(rows))
    else:
        print_colored(to_text(rows, room(sys.stdout)), COLORS)


COMMANDS = {"sweep": sweep}
