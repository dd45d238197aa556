"""The commands that write specs: `new`, `expand`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archdsl import zoo
from archdsl.cli import completion
from archdsl.cli.settings import parse_settings
from archdsl.cli.shared import AllowOption, FileOption, SetOption, SpecArgument, VariantOption, print_text, say
from archdsl.errors import fail
from archdsl.files import write, write_new
from archdsl.limits import raised
from archdsl.parsing.reshaping import with_settings
from archdsl.recipe import data_at
from archdsl.text import columns, room

if TYPE_CHECKING:
    from archdsl.drafts import Draft


def new(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The file to write, such as my_net.yaml.", autocompletion=completion.files),
    ] = None,
    other: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SPEC",
            help="Start from a spec file or a spec in `archdsl specs`.",
            autocompletion=completion.specs,
        ),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            metavar="NAME",
            help="Start from a template (see `--list`).",
            autocompletion=completion.templates,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PLACE",
            help="Look at a data set, and write a spec that trains on it.",
            autocompletion=completion.files,
        ),
    ] = None,
    name: Annotated[
        str,
        typer.Option("--name", metavar="CLASS", help="Class name of the model (default: MyNet for my_net.yaml)."),
    ] = "",
    variant: VariantOption = None,
    op: Annotated[
        Path | None,
        typer.Option("--op", metavar="DIR", help="Write a package for ops of your own, such as my_ops, instead."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the available templates.")] = False,
) -> None:
    """Create a spec from a template, a spec or data, or an op package.

    Examples:
        archdsl new my_net.yaml --from "resnet[resnet34]"
        archdsl new --data photos/
    """
    from archdsl import drafts

    if listed:
        rows = [(found, zoo.load(path).doc) for found, path in drafts.templates().items()]
        print_text(columns(rows, width=room(sys.stdout)))
        return
    if op is not None:
        if file or other or template or data or name or variant:
            raise fail("ARCH203", "`--op` cannot be combined with another argument", hint="write `--op DIR`")
        _new_op_package(op)
        return
    if data is not None:
        if other or template or variant:
            raise fail("ARCH203", "`--data` cannot be combined with a template or another spec", hint=_TRAIN_DATA)
        _new_for_data(file, data, name)
        return
    if file is None:
        raise fail("ARCH203", "missing argument FILE", hint="name the file to write: `archdsl new my_net.yaml`")
    if other is not None and template is not None:
        raise fail("ARCH203", "`--template` and `--from` cannot be combined", hint="pass only one of them")
    if variant is not None and other is None:
        raise fail("ARCH203", "`--variant` requires `--from`", hint="write `--from SPEC --variant NAME`")
    if other is not None:
        draft = drafts.from_spec(file, other, name, variant or "")
    else:
        draft = drafts.from_template(file, template or drafts.STARTER, name)
    write_new(file, draft.text)
    say(f"wrote {file}: {draft.spec.name}, {draft.graphs[0].totals.parameters:,} parameters\n{_next(file, draft)}")


_TRAIN_DATA = "to train a spec on other data, run `archdsl train SPEC --data PLACE`"


def _new_for_data(file: Path | None, place: str, name: str) -> None:
    from archdsl import drafts

    file = file or Path(f"{Path(os.path.abspath(place)).stem.removeprefix('tfds:')}.yaml")
    draft = drafts.for_data(file, data_at(place), name)
    write_new(file, draft.text)
    say(columns(draft.decisions, width=room(sys.stderr)).rstrip())
    say(f"wrote {file}: {draft.spec.name}, {draft.graphs[0].totals.parameters:,} parameters\n{_next(file, draft)}")


def _new_op_package(folder: Path) -> None:
    from archdsl import drafts

    for path, text in drafts.op_package(folder).items():
        write(path, text)
    place = shlex.quote(str(folder))
    steps = [
        (f"  pip install -e {place}", "install the package"),
        ("  archdsl ops my_scale", "print the page of its op"),
        (f"  archdsl check {place}/example.yaml", "build the op's examples once, and check a network with it"),
    ]
    say(f"wrote {folder}: a package with the op `my_scale`\n{columns(steps).rstrip()}")


def _next(file: Path, draft: Draft) -> str:
    """Suggest commands to run on a new spec."""
    steps = [("check", "validate it after each change"), ("show", "print shapes and costs"), ("plot", "draw it")]
    if draft.spec.data is not None:
        steps.append(("train", f"train it on {draft.spec.data.source_name}"))
    return columns([(f"  archdsl {word} {shlex.quote(str(file))}", what) for word, what in steps]).rstrip()


def expand(
    spec: SpecArgument,
    origins: Annotated[bool, typer.Option("--origins", help="Add a comment with the origin of each value.")] = False,
    out: FileOption = None,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
) -> None:
    """Print a spec with every default and shorthand written out.

    Comments are kept.

    Examples:
        archdsl expand my_net.yaml
        archdsl expand "resnet[resnet50]" --origins
    """
    from archdsl.expansion import expand as long_form

    limits = raised(allow or ())
    path, chosen = zoo.choose(spec, variant or "")
    loaded = zoo.load(path, chosen, limits)
    given = parse_settings(settings or (), loaded)
    text = long_form(with_settings(loaded, given)[0].text, str(path), chosen, given, origins, limits)
    if out is None:
        print_text(text)
    else:
        write_new(out, text)
        say(f"wrote {out}")


COMMANDS = {"new": new, "expand": expand}
