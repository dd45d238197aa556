"""Commands that train and test: `train`, `evaluate`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from archdsl import output
from archdsl.cli.app import (
    AllowOption,
    DataOption,
    JsonOption,
    OutOption,
    SetOption,
    SpecArgument,
    VariantOption,
    app,
    load_spec,
    print_json,
    print_text,
)


@app.command()
def train(
    spec: SpecArgument,
    out: OutOption = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the spec's.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Train on N images only.")] = None,
    data_dir: DataOption = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the spec's.")] = None,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the model as the spec says, into a run folder."""
    loaded, arguments, _ = load_spec(spec, settings, variant, allow)
    run = out or output.next_free("runs", loaded)
    output.keras_side()
    from archdsl.training import fit

    result = fit.train(loaded, run, arguments=arguments, epochs=epochs, limit=limit, data_dir=data_dir, seed=seed)
    if as_json:
        print_json(asdict(result))
    else:
        print_text(f"{run}: {result.test_accuracy:.2%} of {result.images['test']:,} test images are right")


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
        print_json(asdict(found))
    else:
        print_text(f"{run}: {found.accuracy:.2%} of {found.images:,} test images are right")
