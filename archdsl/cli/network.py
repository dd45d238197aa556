"""Commands about the network that a spec says: `show`, `eject`, `plot`, `build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archdsl import output
from archdsl.cli.app import (
    AllowOption,
    JsonOption,
    OutOption,
    SetOption,
    SpecArgument,
    VariantOption,
    app,
    load_spec,
    print_json,
    print_text,
    say,
)


@app.command()
def show(
    spec: SpecArgument,
    depth: Annotated[int, typer.Option(min=1, help="How many levels of layers to open.")] = 2,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a network as a table: shapes, parameters, multiply-accumulates."""
    from archdsl.backends.summary import to_data, to_text

    _, _, graph = load_spec(spec, settings, variant, allow)
    if as_json:
        print_json(to_data(graph))
    else:
        print_text(to_text(graph, depth))


@app.command()
def eject(
    spec: SpecArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write here instead of to stdout.")] = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
) -> None:
    """Print the generated Python module, which imports only keras."""
    from archdsl.backends.python import to_python

    loaded, _, _ = load_spec(spec, None, variant, allow)
    source = to_python(loaded)
    if out is None:
        print_text(source)
    else:
        output.write_new(out, source)
        say(f"wrote {out}")


@app.command()
def plot(
    spec: SpecArgument,
    out: OutOption = None,
    view: Annotated[str | None, typer.Option(help="One view alone: the model's class or a layer's.")] = None,
    formats: Annotated[list[output.Format] | None, typer.Option("--format", help="svg, png, pdf or dot.")] = None,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
) -> None:
    """Draw the model and each of its layers. Imports no TensorFlow."""
    loaded, _, graph = load_spec(spec, settings, variant, allow)
    wanted = [form.value for form in formats or (output.Format.svg, output.Format.png)]
    with output.new_folder(out or output.next_free("plots", loaded)) as folder:
        output.draw(graph, folder.path, wanted, view)
    say(f"wrote {folder.target}")


@app.command()
def build(
    spec: SpecArgument,
    out: OutOption = None,
    pictures: Annotated[bool, typer.Option("--plot", help="Draw the model and each layer, as SVG and PNG.")] = False,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
) -> None:
    """Build the Keras model, check that Keras counts what the spec says, and write module, summary and pictures."""
    from archdsl.backends.python import to_python
    from archdsl.backends.summary import to_text

    loaded, arguments, graph = load_spec(spec, settings, variant, allow)
    with output.new_folder(out or output.next_free("build", loaded)) as folder:
        (folder.path / "spec.yaml").write_text(loaded.text, encoding="utf-8")
        (folder.path / f"{output.stem(loaded)}.py").write_text(to_python(loaded), encoding="utf-8")
        (folder.path / "summary.txt").write_text(to_text(graph, depth=3), encoding="utf-8")
        if pictures:
            output.draw(graph, folder.path, ["svg", "png"], None)
        model = output.keras_side().build(loaded, **arguments)
    say(f"wrote {folder.target}")
    counts = f"{model.count_params():,} parameters in {len(model.weights):,} variables"
    print_text(f"{loaded.name}: Keras counts {counts}, as the spec does")
