"""Read the arguments of Keras classes and write the file that archdsl ships; run it for a new version of Keras."""

from __future__ import annotations

import inspect
import json
from typing import Any

import keras

from archdsl.keras.optimizers.muon import MuonSGD
from archdsl.ops.keras_objects import FILE, KerasWords
from archdsl.ops.weights import CONSTRAINTS, INITIALIZERS, REGULARIZERS
from archdsl.recipe import LOSSES, METRICS, OPTIMIZERS

TABLES: tuple[KerasWords[Any], ...] = (OPTIMIZERS, LOSSES, METRICS, INITIALIZERS, REGULARIZERS, CONSTRAINTS)
SKIPPED = ("name", "dtype", "input_axes", "output_axes")
"""Arguments that a spec cannot set: names, dtypes, and axes that the weights of archdsl's layers do not have."""


def signatures() -> dict[str, dict[str, Any]]:
    """The default of each argument, by class and name, for all classes in the tables."""
    targets = [target for table in TABLES for target in dict.fromkeys(table.targets.values())]
    return {target: _defaults(target) for target in targets}


def _defaults(target: str) -> dict[str, Any]:
    module, name = target.split(".")
    # Our own optimizer passes other arguments to its Keras base classes.
    kinds = MuonSGD.__mro__ if module == "extra" else [getattr(getattr(keras, module), name)]
    parameters = [parameter for kind in kinds for parameter in inspect.signature(kind).parameters.values()]
    known = {p.name: p.default for p in reversed(parameters) if p.default is not p.empty and p.name not in SKIPPED}
    return {p.name: known[p.name] for p in parameters if p.name in known}


def text() -> str:
    """The content of the file, with one class per line."""
    lines = [f"  {json.dumps(target)}: {json.dumps(defaults)}" for target, defaults in signatures().items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8", newline="\n")
