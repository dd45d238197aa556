"""The command that inspects data sets: `data`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archdsl import zoo
from archdsl.cli import backend, completion
from archdsl.cli.shared import (
    AllowOption,
    DataOption,
    JsonOption,
    SetOption,
    VariantOption,
    load_spec,
    print_folded,
    print_json,
    say,
)
from archdsl.errors import fail, nearest
from archdsl.graph import Graph
from archdsl.recipe import DATA_SOURCES, Augment, Data, source_at
from archdsl.text import byte_size, quantity

if TYPE_CHECKING:
    from archdsl.data.sources.base import RawDataset

FALLBACK_SIDE = 64
"""The side length for a folder of images of different sizes, if no spec sets one."""


def show_data(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAME|SPEC|PATH",
            help="The name of a data set, a spec with `data`, a file, a folder, or tfds:NAME.",
            autocompletion=completion.data,
        ),
    ],
    data_dir: DataOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE.png", help="Draw samples, augmented as in the spec.", autocompletion=completion.files
        ),
    ] = None,
    shards: Annotated[
        Path | None,
        typer.Option(
            "--write-shards",
            metavar="FOLDER",
            help="Write the data set as TFRecord files, for `source: {shards: FOLDER}`.",
            autocompletion=completion.files,
        ),
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Download the data set first, with Keras.")] = False,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Inspect a data set: location, size, columns, classes, and samples.

    Examples:
        archdsl data digits
        archdsl data photos/ --out samples.png
        archdsl data mine.yaml --write-shards mine-shards
        archdsl data houses.csv --json
    """
    if out is not None and out.suffix.lower() != ".png":
        message = f"`--out`: expected a file that ends in `.png`, got `{out}`"
        raise fail("ARCH203", message, hint="for example, `--out samples.png`")
    data, graph, seed = _asked(target, settings, variant, allow)
    augments = out is not None and data.augment != Augment()
    if download or augments or shards is not None or DATA_SOURCES[data.kind].needs_tensorflow:
        backend.load_keras()
    from archdsl.data import inspection, samples, sources, table_inspection
    from archdsl.data.dataset import from_raw
    from archdsl.data.ports import Ports

    if download:
        sources.download(data, data_dir)
    ports = None if graph is None else Ports.of(graph)
    raw = sources.read(data, data_dir, ports, FALLBACK_SIDE if ports is None else None)
    if shards is not None:
        _write_shards(raw, shards)
        return
    if not _are_labeled_images(raw):
        if out is not None:
            raise fail("ARCH203", "`--out` draws images of classes only", hint="leave `--out` out")
        table = table_inspection.inspect(raw, data, ports)
        print_json(table.data()) if as_json else print_folded(table_inspection.to_text(table))
        return
    if ports is None and raw.validation is None:
        data = data.model_copy(update={"validation": 0.0})
    dataset = from_raw(raw, data, ports=ports)
    result = inspection.inspect(dataset, ports.inputs[""].shape if ports and "" in ports.inputs else None)
    if as_json:
        print_json(result.data())
    else:
        print_folded(inspection.to_text(result))
    if out is not None:
        samples.draw(dataset, out, samples.augmented(dataset, data, seed) if augments else None)
        say(f"wrote {out}")


def _write_shards(raw: RawDataset, folder: Path) -> None:
    from archdsl.data.shards import write

    files = [shard for split in write(raw, folder).splits.values() for shard in split]
    size = byte_size(sum(shard.bytes for shard in files))
    examples = quantity(sum(shard.examples for shard in files), "example")
    say(f"wrote {folder}: {examples} in {quantity(len(files), 'shard')}, {size}")


def _are_labeled_images(raw: RawDataset) -> bool:
    kinds = {raw.columns[name].kind for name in raw.inputs}, {raw.columns[name].kind for name in raw.targets}
    return kinds == ({"image"}, {"class"})


def _asked(
    target: str, settings: list[str] | None, variant: str | None, allow: list[str] | None
) -> tuple[Data, Graph | None, int]:
    """Return the data, the spec's network, and the spec's seed."""
    source = _source(target)
    if source is not None:
        if settings or variant or allow:
            raise fail(
                "ARCH203",
                "`--set`, `--variant` and `--allow` require a spec",
                hint=f"`{target}` is a data set",
            )
        return Data.model_validate({"source": source}), None, 0
    spec, _, graph = load_spec(target, settings, variant, allow)
    if spec.data is None:
        from archdsl.data.suggestions import missing_data

        raise missing_data(graph)
    return spec.data, graph, spec.train.seed if spec.train else 0


def _source(target: str) -> str | dict[str, str] | None:
    """Return the source that a word names, or None for a spec."""
    found = source_at(target)
    if found is not None:
        return found
    path = Path(target)
    if os.path.exists(path) or len(path.parts) > 1 or path.suffix in (".yaml", ".yml") or target in zoo.names():
        return None
    known = [*(name for name, source in DATA_SOURCES.items() if not source.takes), *zoo.names()]
    raise fail("ARCH203", f"there is no data set or spec `{target}`", hint=nearest(target, known))


COMMANDS = {"data": show_data}
