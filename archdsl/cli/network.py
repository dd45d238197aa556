"""The commands about the network of a spec: `show`, `eject`, `plot`, `build`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from archdsl.cli import backend, completion, viewer
from archdsl.cli.shared import (
    AllowOption,
    FileOption,
    JsonOption,
    OutOption,
    SetOption,
    SpecArgument,
    VariantOption,
    load_spec,
    print_colored,
    print_folded,
    print_json,
    print_text,
    say,
)
from archdsl.cli.written import BUILD_FILES, say_written
from archdsl.errors import fail
from archdsl.files import new_folder, next_free, write_new
from archdsl.text import room

ColumnsOption = Annotated[
    str | None,
    typer.Option("--columns", metavar="NAME,NAME", help="The columns to show, or `all`."),
]
BatchOption = Annotated[int, typer.Option("--batch", metavar="N", help="Batch size for the memory estimates.")]
PrecisionOption = Annotated[
    str, typer.Option(metavar="POLICY", help="Keras dtype policy for the memory estimates, such as `mixed_bfloat16`.")
]


def show(
    spec: SpecArgument,
    depth: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Levels to open (default: 2 in tables, else all).", show_default=False),
    ] = None,
    columns: ColumnsOption = None,
    batch: BatchOption = 1,
    precision: PrecisionOption = "float32",
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a row for each layer and op.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
) -> None:
    """Show the shapes, parameters, and costs of each layer.

    Examples:
        archdsl show digits_resnet
        archdsl show my_net.yaml --columns output,parameters,peak_bytes --batch 32
    """
    from archdsl.reports import columns as known
    from archdsl.reports.formats import to_csv, to_data, to_markdown
    from archdsl.reports.summary import COLORS, View, to_text

    if as_json + as_csv + as_markdown > 1:
        raise fail("ARCH203", "`--json`, `--csv` and `--markdown` cannot be combined", hint="pass only one of them")
    if as_json and columns:
        raise fail("ARCH203", "`--columns` and `--json` cannot be combined", hint="JSON has all columns")
    names = known.parse_columns(columns) if columns else tuple(known.COLUMNS) if as_csv else known.DEFAULT
    view = View(names, batch, precision, None if columns == "all" else room(sys.stdout), may_drop=columns is None)
    _, _, graph = load_spec(spec, settings, variant, allow)
    if as_json:
        print_json(to_data(graph, batch, precision, depth))
    elif as_csv:
        print_text(to_csv(graph, view, depth))
    elif as_markdown:
        print_text(to_markdown(graph, depth or 2, view))
    else:
        print_colored(to_text(graph, depth or 2, view), COLORS)


def eject(
    spec: SpecArgument,
    out: FileOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
) -> None:
    """Print the generated Python module, which imports only Keras.

    Examples:
        archdsl eject my_net.yaml --out my_net.py
    """
    from archdsl.codegen.module import to_python

    loaded, _, _ = load_spec(spec, None, variant, allow)
    source = to_python(loaded)
    if out is None:
        print_text(source)
    else:
        write_new(out, source)
        say(f"wrote {out}")


FEW = 3
"""Up to this many pictures are listed by name; more are summarized."""

ViewOption = Annotated[str, typer.Option(metavar="NAME", help="The view to draw: a name shown by `--list`, or `all`.")]
PathOption = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="PATH",
        help="A file such as x.png, which is overwritten, or a folder.",
        autocompletion=completion.files,
    ),
]
FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="svg, png, jpeg, pdf, dot, or mermaid (repeatable).",
        autocompletion=completion.one_of("svg", "png", "jpeg", "pdf", "dot", "mermaid"),
    ),
]
DpiOption = Annotated[
    int | None, typer.Option("--dpi", metavar="N", help="Resolution of a PNG or JPEG [default: 192].")
]
DepthOption = Annotated[int, typer.Option(metavar="N", help="Levels to open: 1 draws each layer as a box.")]
DetailOption = Annotated[
    str,
    typer.Option(
        metavar="compact|full",
        help="Merge norms and activations into other boxes, or draw each op.",
        autocompletion=completion.one_of("compact", "full"),
    ),
]
DirectionOption = Annotated[
    str,
    typer.Option(
        metavar="TB|LR", help="Draw top to bottom or left to right.", autocompletion=completion.one_of("TB", "LR")
    ),
]
ThemeOption = Annotated[
    str,
    typer.Option(
        metavar="light|dark",
        help="Colors for a light or a dark page.",
        autocompletion=completion.one_of("light", "dark"),
    ),
]


def plot(
    context: typer.Context,
    spec: SpecArgument,
    view: ViewOption = "",
    out: PathOption = None,
    formats: FormatOption = None,
    dpi: DpiOption = None,
    depth: DepthOption = 1,
    detail: DetailOption = "compact",
    direction: DirectionOption = "TB",
    theme: ThemeOption = "light",
    costs: Annotated[bool, typer.Option("--costs", help="Show parameters and multiply-accumulates.")] = False,
    opened: Annotated[bool, typer.Option("--open", help="Open the picture in the default viewer.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the views and exit.")] = False,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="With `--list`: print JSON.")] = False,
) -> None:
    """Draw a network or its layers.

    Writes NAME.svg by default. `--format dot` and `--format mermaid` print text to stdout unless `--out` is given.

    Examples:
        archdsl plot digits_resnet --open
        archdsl plot my_net.yaml --view all --format png --out pictures/
    """
    from archdsl.diagrams import Options, pictures

    if listed or as_json:
        _refuse_beside_list(context)
        graph = load_spec(spec, settings, variant, allow)[2]
        if as_json:
            print_json(pictures.list_data(graph))
        else:
            print_folded(pictures.list_text(graph))
        return
    request = pictures.request(view, formats or (), out, opened, dpi)
    options = Options(theme=theme, depth=depth, direction=direction, detail=detail, costs=costs)
    loaded, _, graph = load_spec(spec, settings, variant, allow)
    chosen = pictures.pictures(graph, loaded, request)
    for text in pictures.draw(chosen, options, dpi=request.dpi):
        print_text(text)
    files = [picture.path for picture in chosen if picture.path is not None]
    if len(files) > FEW:
        say(f"wrote {len(files)} pictures into {files[0].parent}")
    else:
        for file in files:
            say(f"wrote {file}")
    if opened and not viewer.open_file(files[0]):
        say(f"cannot open {files[0]}: no viewer found")


def _refuse_beside_list(context: typer.Context) -> None:
    """Reject options that `--list` would ignore, and `--json` without `--list`.

    Raises:
        ArchError: such an option was given.
    """
    given = {name for name in context.params if _is_given(context, name)}
    if "listed" not in given:
        raise fail(
            "ARCH203",
            "`--json` requires `--list`",
            hint="`--format dot` prints the graph",
        )
    for option in context.command.params:
        if option.name in given - _OF_LISTS:
            hint = "`--list` draws nothing: remove one of the two"
            raise fail("ARCH203", f"`--list` and `{option.opts[0]}` cannot be combined", hint=hint)


_OF_LISTS = {"spec", "listed", "as_json", "settings", "variant", "allow"}


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def build(
    spec: SpecArgument,
    out: OutOption = None,
    pictures: Annotated[
        bool, typer.Option("--plot", help="Also draw the model and each layer as SVG and PNG.")
    ] = False,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
) -> None:
    """Build the Keras model and save its code and summary.

    Verifies that Keras counts the same parameters and variables as the spec.

    Examples:
        archdsl build digits_resnet --plot
    """
    from archdsl.codegen.module import to_python
    from archdsl.diagrams.pictures import draw_all
    from archdsl.reports.summary import to_text

    loaded, arguments, graph = load_spec(spec, settings, variant, allow)
    with new_folder(out or next_free("build", loaded.file_stem)) as folder:
        (folder.path / "spec.yaml").write_text(loaded.text, encoding="utf-8", newline="\n")
        (folder.path / f"{loaded.file_stem}.py").write_text(to_python(loaded), encoding="utf-8", newline="\n")
        (folder.path / "summary.txt").write_text(to_text(graph, depth=3), encoding="utf-8", newline="\n")
        model = backend.load_keras().build(loaded, **arguments)
    counts = f"{model.count_params():,} parameters in {len(model.weights):,} variables"
    print_text(f"{loaded.name}: {counts}, checked against Keras")
    module = {f"{loaded.file_stem}.py": "the model as a Python module that imports only keras"}
    try:
        if pictures:  # last: without a renderer, everything else is there
            draw_all(graph, loaded, folder.target / "pictures")
    finally:
        say_written(folder.target, {**module, **BUILD_FILES}, "summary.txt")


COMMANDS = {"show": show, "eject": eject, "plot": plot, "build": build}
