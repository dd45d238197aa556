"""The command that looks at data sets: `data`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from archdsl import zoo
from archdsl.cli import backend
from archdsl.cli.shared import (
    AllowOption,
    DataOption,
    JsonOption,
    SetOption,
    VariantOption,
    load_spec,
    print_json,
    print_text,
    say,
)
from archdsl.errors import fail, nearest
from archdsl.recipe import DATA_SOURCES, Augment, Data

FALLBACK_SIDE = 64
"""The height and width of a folder's images where their own differ and no spec sets a size."""


def show_data(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAME|SPEC|PATH",
            help="A data set's name, a spec that has `data`, a folder of images, an .npz file, or tfds:NAME.",
        ),
    ],
    data_dir: DataOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.png", help="Draw samples; a spec's augmented ones too.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Bring the set first, by Keras's own loader.")] = False,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at a data set: where it lies, what is in it, how even its classes are, and samples of it."""
    if out is not None and out.suffix.lower() != ".png":
        raise fail("ARCH203", f"`--out {out}`: the picture is a PNG", hint="for one, `--out samples.png`")
    data, shape, seed = _asked(target, settings, variant, allow)
    augments = out is not None and data.augment != Augment()
    if download or augments or DATA_SOURCES[data.kind].needs_tensorflow:
        backend.load_keras()
    from archdsl.data import inspection, samples, sources
    from archdsl.data.dataset import from_raw

    if download:
        sources.download(data, data_dir)
    raw = sources.read(data, data_dir, shape, FALLBACK_SIDE if shape is None else None)
    if shape is None and raw.validation is None:
        data = data.model_copy(update={"validation": 0.0})
    dataset = from_raw(raw, data)
    result = inspection.inspect(dataset, shape)
    if as_json:
        print_json(result.data())
    else:
        print_text(inspection.to_text(result))
    if out is not None:
        samples.draw(dataset, out, samples.augmented(dataset, data, seed) if augments else None)
        say(f"wrote {out}")


def _asked(
    target: str, settings: list[str] | None, variant: str | None, allow: list[str] | None
) -> tuple[Data, tuple[int | None, ...] | None, int]:
    """The data that is asked for, the shape that a spec's network takes, and the spec's seed."""
    source = _source(target)
    if source is not None:
        if settings or variant or allow:
            raise fail("ARCH203", "`--set`, `--variant` and `--allow` are for specs", hint=f"`{target}` is data itself")
        return Data.model_validate({"source": source}), None, 0
    spec, _, graph = load_spec(target, settings, variant, allow)
    if spec.data is None:
        raise fail("ARCH006", f"{spec.name} has no `data`", hint="such as `data: {source: digits}`")
    inputs = list(graph.inputs.values()) if isinstance(graph.inputs, dict) else []
    return spec.data, tuple(inputs[0]) if len(inputs) == 1 else (), spec.train.seed if spec.train else 0


def _source(target: str) -> str | dict[str, str] | None:
    """The source that a word names; None where it is a spec's."""
    takes = {name: source.takes for name, source in DATA_SOURCES.items()}
    if takes.get(target) == "":
        return target
    prefix, colon, name = target.partition(":")
    if colon and takes.get(prefix) == "name":
        return {prefix: name}
    path = Path(target)
    suffix = path.suffix.removeprefix(".")
    if takes.get(suffix) == "file":
        return {suffix: target}
    if os.path.isdir(path):
        return {"folder": target}
    if os.path.exists(path) or len(path.parts) > 1 or path.suffix in (".yaml", ".yml") or target in zoo.names():
        return None
    known = [*(name for name, argument in takes.items() if not argument), *zoo.names()]
    raise fail("ARCH203", f"there is no data set `{target}`, nor a spec", hint=nearest(target, known))


COMMANDS = {"data": show_data}
