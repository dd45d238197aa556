"""Commands about the network that a spec says: `show`, `eject`, `plot`, `build`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from archdsl.cli import backend, viewer
from archdsl.cli.shared import (
    AllowOption,
    JsonOption,
    OutOption,
    SetOption,
    SpecArgument,
    VariantOption,
    load_spec,
    print_json,
    print_text,
    say,
)
from archdsl.errors import fail
from archdsl.files import new_folder, next_free, write_new

WIDE = 100
"""Characters that a table may take, whatever a terminal tells."""

ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="NAME,NAME", help="Which columns, or `all`: docs/reference/numbers.md tells each."
    ),
]
BatchOption = Annotated[int, typer.Option("--batch", metavar="N", help="Images at once, for the memory they take.")]
PrecisionOption = Annotated[
    str, typer.Option(metavar="POLICY", help="Keras's dtype policy, as `mixed_bfloat16`, for what memory takes.")
]


def show(
    spec: SpecArgument,
    depth: Annotated[
        int | None,
        typer.Option(min=1, help="How many levels of layers to open: 2 in a table, else all.", show_default=False),
    ] = None,
    columns: ColumnsOption = None,
    batch: BatchOption = 1,
    precision: PrecisionOption = "float32",
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV: a line for each layer and op.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
) -> None:
    """Show a network as a table: shapes, parameters, multiply-accumulates, receptive fields, memory."""
    from archdsl.reports import columns as known
    from archdsl.reports.formats import to_csv, to_data, to_markdown
    from archdsl.reports.summary import View, to_text

    if as_json + as_csv + as_markdown > 1:
        raise fail("ARCH203", "`--json`, `--csv` and `--markdown` exclude each other", hint="take one of them")
    if as_json and columns:
        raise fail("ARCH203", "`--columns` does not go with `--json`", hint="JSON tells all of them")
    names = known.parse_columns(columns) if columns else tuple(known.COLUMNS) if as_csv else known.DEFAULT
    width = None if columns == "all" else max(WIDE, shutil.get_terminal_size().columns)
    view = View(names, batch, precision, width)
    _, _, graph = load_spec(spec, settings, variant, allow)
    if as_json:
        print_json(to_data(graph, batch, precision, depth))
    elif as_csv:
        print_text(to_csv(graph, view, depth))
    elif as_markdown:
        print_text(to_markdown(graph, depth or 2, view))
    else:
        print_text(to_text(graph, depth or 2, view))


def eject(
    spec: SpecArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write here instead of to stdout.")] = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
) -> None:
    """Print the generated Python module, which imports only keras."""
    from archdsl.codegen.module import to_python

    loaded, _, _ = load_spec(spec, None, variant, allow)
    source = to_python(loaded)
    if out is None:
        print_text(source)
    else:
        write_new(out, source)
        say(f"wrote {out}")


FEW = 3
"""More pictures than this are told by their number and folder."""

ViewOption = Annotated[str, typer.Option(metavar="NAME", help="What to draw: a name of `--list`, or `all` of them.")]
PathOption = Annotated[
    str | None, typer.Option("--out", metavar="PATH", help="A file such as x.png, which is replaced, or a folder.")
]
FormatOption = Annotated[
    list[str] | None,
    typer.Option("--format", metavar="FORMAT", help="svg, png, pdf, dot or mermaid; may be given often."),
]
DepthOption = Annotated[int, typer.Option(metavar="N", help="1 draws layers as boxes, 2 their inside, ...")]
DetailOption = Annotated[
    str, typer.Option(metavar="compact|full", help="Norms and activations inside other boxes, or each told by itself.")
]
DirectionOption = Annotated[str, typer.Option(metavar="TB|LR", help="Top to bottom, or left to right.")]
ThemeOption = Annotated[str, typer.Option(metavar="light|dark", help="The page that it stands on.")]


def plot(
    context: typer.Context,
    spec: SpecArgument,
    view: ViewOption = "",
    out: PathOption = None,
    formats: FormatOption = None,
    depth: DepthOption = 1,
    detail: DetailOption = "compact",
    direction: DirectionOption = "TB",
    theme: ThemeOption = "light",
    costs: Annotated[bool, typer.Option("--costs", help="Tell parameters and multiply-accumulates.")] = False,
    opened: Annotated[bool, typer.Option("--open", help="Open the picture with the system's viewer.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List what can be drawn, and draw nothing.")] = False,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Beside `--list`: print JSON.")] = False,
) -> None:
    """Draw the network as NAME.svg, or a layer, or each. Imports no TensorFlow.

    What `--format dot` and `--format mermaid` give is text, and goes to stdout where there is no `--out`.
    """
    from archdsl.diagrams import Options, pictures

    if listed or as_json:
        _refuse_beside_list(context)
        graph = load_spec(spec, settings, variant, allow)[2]
        if as_json:
            print_json(pictures.list_data(graph))
        else:
            print_text(pictures.list_text(graph))
        return
    request = pictures.request(view, formats or (), out, opened)
    options = Options(theme=theme, depth=depth, direction=direction, detail=detail, costs=costs)
    loaded, _, graph = load_spec(spec, settings, variant, allow)
    chosen = pictures.pictures(graph, loaded, request)
    for text in pictures.draw(chosen, options):
        print_text(text)
    files = [picture.path for picture in chosen if picture.path is not None]
    if len(files) > FEW:
        say(f"wrote {len(files)} pictures into {files[0].parent}")
    else:
        for file in files:
            say(f"wrote {file}")
    if opened and not viewer.open_file(files[0]):
        say(f"there is no viewer here to open {files[0]} with")


def _refuse_beside_list(context: typer.Context) -> None:
    """Holds `--list` to the spec's own options, and `--json` to `--list`.

    Raises:
        ArchError: another option was given, which `--list` would ignore.
    """
    given = {name for name in context.params if _is_given(context, name)}
    if "listed" not in given:
        raise fail("ARCH203", "`--json` stands beside `--list`", hint="`--format dot` and `--format mermaid` are text")
    for option in context.command.params:
        if option.name in given - _OF_LISTS:
            hint = "`--list` draws nothing"
            raise fail("ARCH203", f"`--list` cannot stand beside `{option.opts[0]}`", hint=hint)


_OF_LISTS = {"spec", "listed", "as_json", "settings", "variant", "allow"}


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def build(
    spec: SpecArgument,
    out: OutOption = None,
    pictures: Annotated[
        bool, typer.Option("--plot", help="Draw the model and each layer, as SVG and PNG, into pictures/.")
    ] = False,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
) -> None:
    """Build the Keras model, check that Keras counts what the spec says, and write module, summary and pictures."""
    from archdsl.codegen.module import to_python
    from archdsl.diagrams.pictures import draw_all
    from archdsl.reports.summary import to_text

    loaded, arguments, graph = load_spec(spec, settings, variant, allow)
    with new_folder(out or next_free("build", loaded.file_stem)) as folder:
        (folder.path / "spec.yaml").write_text(loaded.text, encoding="utf-8", newline="\n")
        (folder.path / f"{loaded.file_stem}.py").write_text(to_python(loaded), encoding="utf-8", newline="\n")
        (folder.path / "summary.txt").write_text(to_text(graph, depth=3), encoding="utf-8", newline="\n")
        model = backend.load_keras().build(loaded, **arguments)
    say(f"wrote {folder.target}")
    counts = f"{model.count_params():,} parameters in {len(model.weights):,} variables"
    print_text(f"{loaded.name}: Keras counts {counts}, as the spec does")
    if pictures:  # last, so that a machine without a renderer has all the rest
        draw_all(graph, loaded, folder.target / "pictures")


COMMANDS = {"show": show, "eject": eject, "plot": plot, "build": build}
