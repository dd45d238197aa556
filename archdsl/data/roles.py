"""Decides which columns of a data set become the inputs of a network, and which its targets."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.data.ports import Ports
from archdsl.data.sources.base import RawDataset
from archdsl.errors import fail, nearest
from archdsl.recipe import Data


def inputs(raw: RawDataset, data: Data, ports: Ports | None) -> dict[str, tuple[str, ...]]:
    """The columns of each input of the network, by its name.

    Args:
        ports: the network; None for the one input that the source suggests.

    Raises:
        ArchError: it is not clear which columns an input takes, or one does not exist (ARCH303).
    """
    chosen = _chosen(raw, data, list(ports.inputs) if ports else [""])
    predicted, taken = targets(raw, data), [name for columns in chosen.values() for name in columns]
    for name in taken:
        # An autoencoder predicts its input.
        if name in predicted and raw.columns[name].kind in ("class", "number", "text") and {*taken} != {*predicted}:
            hint = f"remove `{name}` from `data.inputs`, or name another column in `data.targets`"
            raise fail("ARCH303", f"the column `{name}` is an input and the target, which it gives away", hint=hint)
    return chosen


def _chosen(raw: RawDataset, data: Data, names: list[str]) -> dict[str, tuple[str, ...]]:
    given = data.inputs
    if given is None:
        # An autoencoder takes what it predicts.
        columns = tuple(name for name in raw.inputs if name not in targets(raw, data)) or raw.inputs
        return _by_name(columns, raw, names)
    if not isinstance(given, dict):
        if names != [""]:
            hint = f"`inputs: {{{', '.join(f'{name}: COLUMN' for name in names)}}}`"
            raise fail("ARCH303", f"`data.inputs` must say the columns of each of {len(names)} inputs", hint=hint)
        return {"": _known(raw, _listed(given), "inputs")}
    if names == [""] and len(given) == 1:
        return {"": _known(raw, _listed(next(iter(given.values()))), "inputs")}
    for name in given:
        if name not in names:
            raise fail(
                "ARCH303", f"the network has no input `{name}`, as `data.inputs` says", hint=nearest(name, names)
            )
    for name in names:
        if name not in given:
            raise fail(
                "ARCH303", f"`data.inputs` lacks the columns of the input `{name}`", hint=f"add `{name}: COLUMN`"
            )
    return {name: _known(raw, _listed(columns), "inputs") for name, columns in given.items()}


def targets(raw: RawDataset, data: Data, ports: Ports | None = None) -> tuple[str, ...]:
    """The columns that the network predicts.

    Raises:
        ArchError: there is no such column or output (ARCH303).
    """
    given = data.targets
    if isinstance(given, dict) and ports and "" not in ports.outputs:
        for name in given:
            if name not in ports.outputs:
                message = f"the network has no output `{name}`, as `data.targets` says"
                raise fail("ARCH303", message, hint=nearest(name, ports.outputs))
    return raw.targets if given is None else _known(raw, data.named_targets, "targets")


def _by_name(columns: tuple[str, ...], raw: RawDataset, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The columns that the source suggests: all for the only input, and for several those of their names."""
    if list(names) == [""]:
        return {"": columns}
    for name in names:
        if name not in raw.columns:
            message = f"the data set has no column for the input `{name}`"
            raise fail("ARCH303", message, hint=f"set `data.inputs`; there are the columns {', '.join(raw.columns)}")
    return {name: (name,) for name in names}


def _known(raw: RawDataset, columns: Sequence[str], field: str) -> tuple[str, ...]:
    for column in columns:
        if columns.count(column) > 1:
            message = f"`data.{field}` has the column `{column}` {columns.count(column)} times"
            raise fail("ARCH303", message, hint="name each column once")
        if column not in raw.columns:
            message = f"unknown column `{column}` in `data.{field}`: {raw.origin} has no such column"
            raise fail("ARCH303", message, hint=nearest(column, raw.columns))
    return tuple(columns)


def _listed(columns: str | Sequence[str]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns)
