"""What encodes raw values for a network and says what it predicts: saved with the model, and read by this module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from archdsl.data.dataset import Dataset
from archdsl.data.inputs import ArrayInput, CategoryInput, ImageInput, Input, TextInput, TokensInput, VectorInput
from archdsl.data.pixels import Statistics
from archdsl.data.tables import Column
from archdsl.data.targets import (
    ClassTarget,
    ImageTarget,
    MaskTarget,
    NumberTarget,
    TagsTarget,
    Target,
    TokensTarget,
)
from archdsl.errors import ArchError, Problem
from archdsl.recipe import TASKS, TestTime

IMAGE, LABEL = "image", "label"
"""The columns of images with one label each, as version 0.1 had them."""


@dataclass(frozen=True, slots=True)
class DescribedHead:
    """An output of a network that was trained.

    Attributes:
        output: its name; empty if the network has one output.
        column: the target that it predicts.
        task: a word in `archdsl.recipe.TASKS`.
        logits: whether its values become probabilities by a softmax or sigmoid; None if that is not recorded.
    """

    output: str
    column: str
    task: str
    logits: bool | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What encodes raw values for a network and says what it predicts.

    Attributes:
        source: the name of the data set.
        inputs: what each input is made of, by its name; the name is empty if the network has one input.
        targets: what is predicted, by column.
        heads: the outputs that were trained, the main one first.
        test_time: the test-time augmentation, or None.
    """

    source: str
    inputs: Mapping[str, Input]
    targets: Mapping[str, Target]
    heads: tuple[DescribedHead, ...]
    test_time: TestTime | None = None

    @property
    def columns(self) -> dict[str, Column]:
        """The columns of raw values that the inputs are made of, by name."""
        return {name: column for each in self.inputs.values() for name, column in each.needs.items()}

    @property
    def image_name(self) -> str | None:
        """The name of the input of images, or None."""
        return next((name for name, each in self.inputs.items() if isinstance(each, ImageInput)), None)


def describe(
    dataset: Dataset,
    source: str,
    test_time: Mapping[str, Any] | None = None,
    output: str = "",
    heads: Sequence[DescribedHead] = (),
) -> dict[str, Any]:
    """Describe the training data for the model's file (see `archdsl.keras.runtime.DATA`).

    Args:
        source: the data set's name.
        test_time: the arguments of the recipe's `test_time`.
        output: the name of the output that classifies, if the network has several.
        heads: the outputs that are trained, the main one first.
    """
    if not _classifies_images(dataset):
        return {
            "source": source,
            "inputs": {name: each.describe() for name, each in dataset.inputs.items()},
            "targets": {name: each.describe() for name, each in dataset.targets.items()},
            "heads": [asdict(head) for head in heads],
            "test_time": dict(test_time) if test_time else None,
        }
    described = dataset.image.describe()
    fields = ("shape", "largest", "divisor", "mean", "std", "resize")
    return {
        "source": source,
        "classes": list(dataset.label.classes),
        **{name: described[name] for name in fields if name in described},
        "test_time": dict(test_time) if test_time else None,
        "output": output,
    }


def _classifies_images(dataset: Dataset) -> bool:
    """Whether a model is described as in version 0.1: images with one label each, in columns of the usual names."""
    return (
        len(dataset.inputs) == len(dataset.targets) == 1
        and dataset.image_name is not None
        and dataset.class_name == LABEL
        and (dataset.image.column, dataset.image.place) == (IMAGE, "")
    )


def read(data: Mapping[str, Any], file: object) -> Description:
    """Read the description in a file.

    Raises:
        ArchError: fields are invalid (ARCH302); the message lists them.
    """
    kind: type[_ImageClassifier | _Description] = _Description if "inputs" in data else _ImageClassifier
    try:
        return kind.model_validate(dict(data)).made()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        paths = [".".join(str(place)[:40] for place in fault["loc"]) for fault in faults[:12]]
        facts = [
            f"`{path}`: {fault['msg']}" if path else str(fault["msg"])
            for path, fault in zip(paths, faults, strict=False)
        ]
        message = f"{file} has an invalid description of its network's input"
        raise ArchError(Problem("ARCH302", message, facts=tuple(facts))) from None


Name = Annotated[str, Field(max_length=1_000)]
Names = Annotated[tuple[Name, ...], Field(max_length=1_000_000)]
Side = Annotated[int, Field(strict=True, ge=1, le=65_536)]
Sides = Annotated[tuple[Annotated[int, Field(strict=True, ge=1, le=10**9)], ...], Field(max_length=16)]
Largest = Annotated[float, Field(strict=True, gt=0, le=1e9)]
Mean = Annotated[float, Field(strict=True, ge=-1e9, le=1e9)]
Deviation = Annotated[float, Field(strict=True, ge=0, le=1e9)]
Number = Annotated[float, Field(strict=True)]
NotNegative = Annotated[float, Field(strict=True, ge=0)]
Missing = Literal["error", "mean", "drop"]
Channels = Field(min_length=1, max_length=4)


class _Strict(BaseModel):
    """Fields that this version does not know would change what is predicted, so they are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Pixels(BaseModel):
    """The fields of an input of images."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    shape: tuple[Side | None, Side | None, Annotated[int, Field(strict=True, ge=1, le=4)]]
    largest: Largest
    divisor: Largest
    mean: Annotated[list[Mean], Channels] | None
    std: Annotated[list[Deviation], Channels] | None
    resize: Literal["stretch", "crop", "pad"] = "stretch"

    @model_validator(mode="after")
    def _statistics_fit(self) -> _Pixels:
        counts = {len(values) for values in (self.mean, self.std) if values is not None}
        if (self.mean is None) != (self.std is None) or not counts <= {1, self.shape[2]} or len(counts) > 1:
            raise ValueError("expected one number, or one per channel, in `mean` and in `std`")
        return self

    def image(self, column: str) -> ImageInput:
        """The input, whose height and width may be None: any size."""
        statistics = None
        if self.mean is not None:
            statistics = Statistics(np.array(self.mean, np.float32), np.array(self.std, np.float32))
        shape: Any = self.shape
        largest: Any = self.largest
        return ImageInput(column, shape, largest, self.divisor, statistics=statistics, resize=self.resize)


class _ImageClassifier(_Pixels):
    """One input of images and one target of classes, as version 0.1 described them."""

    classes: Names
    source: Name = ""
    test_time: TestTime | None = None
    output: str = ""

    def made(self) -> Description:
        head = DescribedHead(self.output, LABEL, "classification")
        return Description(
            self.source,
            {"": self.image(IMAGE)},
            {LABEL: ClassTarget(LABEL, self.classes)},
            (head,),
            self.test_time,
        )


class _Image(_Pixels):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["image"]
    column: Name
    place: Name = ""

    def made(self) -> ImageInput:
        return replace(self.image(self.column), place=self.place)


class _VectorColumn(_Strict):
    name: Name
    classes: Names | None = None
    mean: Number = 0.0
    std: NotNegative = 0.0
    smallest: Number = 0.0
    largest: Number = 0.0


class _Vector(_Strict):
    kind: Literal["vector"]
    columns: Annotated[list[_VectorColumn], Field(min_length=1, max_length=100_000)]
    missing: Missing

    def made(self) -> VectorInput:
        columns = {
            each.name: Column("number") if each.classes is None else Column("class", classes=each.classes)
            for each in self.columns
        }
        numbers = [each for each in self.columns if each.classes is None]
        statistics = ({each.name: getattr(each, word) for each in numbers} for word in _STATISTICS)
        return VectorInput(columns, self.missing, *statistics)


_STATISTICS = ("mean", "std", "smallest", "largest")


class _Category(_Strict):
    kind: Literal["category"]
    column: Name
    classes: Names
    missing: Missing

    def made(self) -> CategoryInput:
        return CategoryInput(self.column, self.classes, self.missing)


class _Text(_Strict):
    kind: Literal["text"]
    column: Name
    length: Side
    words: Names
    missing: Missing

    def made(self) -> TextInput:
        return TextInput(self.column, self.length, len(self.words), self.words, self.missing)


class _Tokens(_Strict):
    kind: Literal["tokens"]
    column: Name
    length: Side
    unit: Literal["characters", "words"]
    classes: Names

    def made(self) -> TokensInput:
        return TokensInput(self.column, self.classes, self.length, self.unit)


class _Array(_Strict):
    kind: Literal["array"]
    column: Name
    shape: Sides
    dtype: Literal["float32", "int32"]
    ids: Annotated[int, Field(strict=True, ge=1)] | None
    mean: Annotated[list[Number], Field(min_length=1, max_length=1_000_000)] | None
    std: Annotated[list[NotNegative], Field(min_length=1, max_length=1_000_000)] | None

    @model_validator(mode="after")
    def _statistics_fit(self) -> _Array:
        fitting = {1, *self.shape[-1:]}
        if (self.mean is None) != (self.std is None) or (
            self.mean is not None
            and self.std is not None
            and (len(self.mean) != len(self.std) or len(self.mean) not in fitting)
        ):
            raise ValueError("expected one number, or one per channel, in `mean` and in `std`")
        return self

    def made(self) -> ArrayInput:
        mean, std = (None if each is None else np.array(each, np.float64) for each in (self.mean, self.std))
        return ArrayInput(self.column, self.shape, self.dtype, ids=self.ids, mean=mean, std=std)


class _Class(_Strict):
    kind: Literal["class"]
    classes: Names

    def target(self, column: str) -> ClassTarget:
        return ClassTarget(column, self.classes)


class _Tags(_Strict):
    kind: Literal["tags"]
    classes: Names

    def target(self, column: str) -> TagsTarget:
        return TagsTarget(column, self.classes)


class _Numbers(_Strict):
    kind: Literal["number"]
    size: Side
    mean: list[Number] | None
    std: list[NotNegative] | None

    @model_validator(mode="after")
    def _statistics_fit(self) -> _Numbers:
        if any(values is not None and len(values) != self.size for values in (self.mean, self.std)):
            raise ValueError("expected `size` numbers in `mean` and in `std`")
        return self

    def target(self, column: str) -> NumberTarget:
        mean, std = (None if each is None else np.array(each, np.float64) for each in (self.mean, self.std))
        return NumberTarget(column, self.size, mean is not None, mean, std)


class _Mask(_Strict):
    kind: Literal["mask"]
    classes: Annotated[Names, Field(max_length=256)]
    shape: tuple[Side, Side]

    def target(self, column: str) -> MaskTarget:
        return MaskTarget(column, self.classes, self.shape)


class _Picture(_Strict):
    kind: Literal["image"]
    shape: tuple[Side, Side, Annotated[int, Field(strict=True, ge=1, le=4)]]
    largest: Largest

    def target(self, column: str) -> ImageTarget:
        return ImageTarget(column, self.shape, int(self.largest))


class _NextTokens(_Strict):
    kind: Literal["tokens"]
    classes: Names
    length: Side

    def target(self, column: str) -> TokensTarget:
        return TokensTarget(column, self.classes, self.length)


class _Head(_Strict):
    output: Name
    column: Name
    task: Literal[tuple(TASKS)]  # type: ignore[valid-type]
    logits: bool | None


class _Description(_Strict):
    """Any inputs and targets."""

    source: Name
    inputs: dict[
        Name, Annotated[_Image | _Vector | _Category | _Text | _Tokens | _Array, Field(discriminator="kind")]
    ] = Field(min_length=1, max_length=1_000)
    targets: dict[
        Name, Annotated[_Class | _Tags | _Numbers | _Mask | _Picture | _NextTokens, Field(discriminator="kind")]
    ] = Field(min_length=1, max_length=1_000)
    heads: list[_Head] = Field(min_length=1, max_length=1_000)
    test_time: TestTime | None

    @model_validator(mode="after")
    def _heads_predict_targets(self) -> _Description:
        for head in self.heads:
            if head.column not in self.targets:
                raise ValueError(f"`heads` predict `{head.column}`, which is no target")
        return self

    def made(self) -> Description:
        return Description(
            self.source,
            {name: each.made() for name, each in self.inputs.items()},
            {name: each.target(name) for name, each in self.targets.items()},
            tuple(DescribedHead(head.output, head.column, head.task, head.logits) for head in self.heads),
            self.test_time,
        )
