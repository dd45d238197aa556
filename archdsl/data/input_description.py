"""The preprocessing of a network's images, saved with the model as plain data and repeated for predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from archdsl.data.dataset import Dataset
from archdsl.errors import ArchError, Problem
from archdsl.recipe import TestTime

Side = Annotated[int, Field(strict=True, ge=1, le=65_536)]
Largest = Annotated[float, Field(strict=True, gt=0, le=1e9)]
Mean = Annotated[float, Field(strict=True, ge=-1e9, le=1e9)]
Deviation = Annotated[float, Field(strict=True, ge=0, le=1e9)]
Channels = Field(min_length=1, max_length=4)


class InputDescription(BaseModel):
    """The preprocessing of a network's images; see `archdsl.keras.runtime.DATA` for the fields."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    source: str = Field("", max_length=1_000)
    classes: tuple[Annotated[str, Field(max_length=1_000)], ...] = Field(max_length=1_000_000)
    shape: tuple[Side | None, Side | None, Annotated[int, Field(strict=True, ge=1, le=4)]]
    largest: Largest
    divisor: Largest
    mean: Annotated[list[Mean], Channels] | None
    std: Annotated[list[Deviation], Channels] | None
    test_time: TestTime | None = None
    output: str = ""

    @model_validator(mode="after")
    def _statistics_fit(self) -> InputDescription:
        counts = {len(values) for values in (self.mean, self.std) if values is not None}
        if (self.mean is None) != (self.std is None) or not counts <= {1, self.shape[2]} or len(counts) > 1:
            raise ValueError("expected one number, or one per channel, in `mean` and in `std`")
        return self


def describe(
    dataset: Dataset, source: str, test_time: Mapping[str, Any] | None = None, output: str = ""
) -> dict[str, Any]:
    """Describe the training data for the model's file (see `archdsl.keras.runtime.DATA`).

    Args:
        source: the data set's name.
        test_time: the arguments of the recipe's `test_time`.
        output: the name of the output that classifies, if the network has several.
    """
    if dataset.image_name is None or dataset.class_name is None:
        return {
            "source": source,
            "inputs": {name: each.describe() for name, each in dataset.inputs.items()},
            "targets": {name: each.describe() for name, each in dataset.targets.items()},
        }
    image = dataset.image
    statistics = image.statistics
    return {
        "source": source,
        "classes": list(dataset.label.classes),
        "shape": list(image.shape),
        "largest": float(image.largest),
        "divisor": float(image.divisor),
        "mean": [float(value) for value in statistics.mean] if statistics else None,
        "std": [float(value) for value in statistics.std] if statistics else None,
        "test_time": dict(test_time) if test_time else None,
        "output": output,
    }


def check(data: Mapping[str, Any], file: object) -> None:
    """Check the description of a network's input in a file before it is used.

    Raises:
        ArchError: fields are invalid (ARCH302); the message lists them.
    """
    try:
        InputDescription.model_validate(dict(data))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        paths = [".".join(str(place)[:40] for place in fault["loc"]) for fault in faults[:12]]
        facts = [
            f"`{path}`: {fault['msg']}" if path else str(fault["msg"])
            for path, fault in zip(paths, faults, strict=False)
        ]
        message = f"{file} has an invalid description of its network's input"
        raise ArchError(Problem("ARCH302", message, facts=tuple(facts))) from None
