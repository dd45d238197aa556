"""How a network's input is computed, as plain data in the model's file, from which prediction computes it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archdsl.data.dataset import Dataset


def describe(
    dataset: Dataset, source: str, test_time: Mapping[str, Any] | None = None, output: str = ""
) -> dict[str, Any]:
    """What a model's file records of its training data (see `archdsl.keras.runtime.DATA`).

    Args:
        source: the data set's name.
        test_time: the arguments of the recipe's `test_time`.
        output: the name of the output with the classes, where the network has several.
    """
    statistics = dataset.statistics
    return {
        "source": source,
        "classes": list(dataset.classes),
        "shape": list(dataset.image_shape),
        "largest": float(dataset.largest),
        "divisor": float(dataset.divisor),
        "mean": [float(value) for value in statistics.mean] if statistics else None,
        "std": [float(value) for value in statistics.std] if statistics else None,
        "test_time": dict(test_time) if test_time else None,
        "output": output,
    }
