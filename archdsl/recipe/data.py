"""The section `data` of a recipe: the data set, preprocessing and augmentation."""

import json
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Union

from pydantic import BeforeValidator, Field, WrapValidator, create_model, model_validator
from pydantic_core import PydanticCustomError

from archdsl.errors import fail, nearest
from archdsl.ops.choices import unknown
from archdsl.ops.field_types import Flag, NotNegative, Share, Size, either, pair, whole
from archdsl.recipe.base import Closed, Conflict, Counted, Section, invalid
from archdsl.recipe.columns import KindOfColumn
from archdsl.recipe.places import EXTENSIONS, kind_at


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data source, which the module of the same name in `archdsl.data.sources` reads.

    Attributes:
        title: one-line description.
        takes: kind of its argument: none, the path of a file or of a folder, or a name.
        argument: description of its argument, for the JSON schema.
        needs_tensorflow: whether reading it imports TensorFlow.
        has_only_images: whether its only input is an image, whatever the file.
        examples: the number of its training examples, if that is known without reading it.
        license: the license of its data, if the data set states one.
    """

    title: str
    takes: Literal["", "file", "folder", "name"] = ""
    argument: str = ""
    needs_tensorflow: bool = False
    has_only_images: bool = True
    examples: int | None = None
    license: str = ""


DATA_SOURCES: dict[str, DataSource] = {
    "digits": DataSource(
        "1,797 handwritten digits, 8x8, included in archdsl (Alpaydin & Kaynak 1998; CC BY 4.0)",
        license="CC BY 4.0",
        examples=1_437,
    ),
    "fashion_mnist": DataSource(
        "70,000 images of clothing, 28x28, 10 classes (Xiao et al. 2017)", license="MIT", examples=60_000
    ),
    "mnist": DataSource("70,000 handwritten digits, 28x28 (LeCun et al. 1998)", examples=60_000),
    "cifar10": DataSource("60,000 color photographs, 32x32, 10 classes (Krizhevsky 2009)", examples=50_000),
    "cifar100": DataSource("60,000 color photographs, 32x32, 100 classes (Krizhevsky 2009)", examples=50_000),
    "npz": DataSource(
        "a NumPy file with arrays, such as `{npz: flowers.npz}`", "file", "path of the file", has_only_images=False
    ),
    "folder": DataSource(
        "a folder of images with one subfolder per class, such as `{folder: flowers}`",
        "folder",
        "path of the folder, which has one subfolder per class",
    ),
    "masks": DataSource(
        "a folder of images with masks, such as `{masks: cells}`",
        "folder",
        "path of the folder, which has the folders `images` and `masks`",
    ),
    "csv": DataSource(
        "a table in a CSV file, such as `{csv: houses.csv}`", "file", "path of the file", has_only_images=False
    ),
    "parquet": DataSource(
        "a table in a Parquet file, such as `{parquet: houses.parquet}`",
        "file",
        "path of the file",
        has_only_images=False,
    ),
    "jsonl": DataSource(
        "a table in a file of JSON lines, such as `{jsonl: reviews.jsonl}`",
        "file",
        "path of the file",
        has_only_images=False,
    ),
    "text": DataSource(
        "a text whose next tokens are predicted, such as `{text: book.txt}`",
        "file",
        "path of the file, or of a folder of `.txt` files",
        has_only_images=False,
    ),
    "text_folder": DataSource(
        "a folder of texts with one subfolder per class, such as `{text_folder: reviews}`",
        "folder",
        "path of the folder, which has one subfolder per class",
        has_only_images=False,
    ),
    "shards": DataSource(
        "a data set in shards, such as `{shards: flowers-shards}`",
        "folder",
        "path of the folder, which `archdsl data SPEC --write-shards` writes",
        needs_tensorflow=True,
        has_only_images=False,
    ),
    "tfds": DataSource(
        "a data set from TensorFlow Datasets, such as `{tfds: oxford_flowers102}`",
        "name",
        "name of the data set",
        needs_tensorflow=True,
    ),
}
"""The data sources, in the order in which they are listed."""

_WITH_ARGUMENT = {name: source for name, source in DATA_SOURCES.items() if source.takes}
_WITHOUT_ARGUMENT = tuple(name for name in DATA_SOURCES if name not in _WITH_ARGUMENT)


def _source(value: Any) -> Any:
    if isinstance(value, str):
        if value in _WITHOUT_ARGUMENT:
            return value
        raise unknown(value, DATA_SOURCES, _with_argument(value))
    if not isinstance(value, dict) or len(value) != 1:
        *forms, last = (
            f"`{{{name}: {'NAME' if source.takes == 'name' else 'PATH'}}}`" for name, source in _WITH_ARGUMENT.items()
        )
        wanted = f"the name of a data set, {', '.join(forms)} or {last}"
        raise PydanticCustomError("kind", "expected {wanted}", {"wanted": wanted})
    word, argument = next(iter(value.items()))
    if word not in _WITH_ARGUMENT:
        raise unknown(str(word), DATA_SOURCES)
    if not isinstance(argument, str) or not argument.strip():
        raise PydanticCustomError("kind", "expected {wanted}", {"wanted": f"a string, as in `{{{word}: ...}}`"})
    return {word: argument}


def _with_argument(word: str) -> str:
    """The hint for a bare word that needs an argument, or that is the path of data; empty for any other word."""
    if word in _WITH_ARGUMENT:
        return f"write `source: {{{word}: {'NAME' if _WITH_ARGUMENT[word].takes == 'name' else 'PATH'}}}`"
    found = source_at(word)
    return f"write `source: {source_text(found)}`" if found else ""


def source_at(place: str) -> str | dict[str, str] | None:
    """The source of a data set, as a recipe writes it: `digits`, `{folder: photos}`, `{tfds: mnist}` for `tfds:mnist`.

    Args:
        place: a name in `DATA_SOURCES`, `tfds:NAME`, or a file or folder; None is returned for anything else.
    """
    if place in _WITHOUT_ARGUMENT:
        return place
    prefix, colon, name = place.partition(":")
    if colon and prefix in _WITH_ARGUMENT and _WITH_ARGUMENT[prefix].takes == "name":
        return {prefix: name}
    kind = kind_at(place)
    return {kind: place} if kind else None


def source_text(source: str | Mapping[str, str]) -> str:
    """A source in YAML, on one line."""
    if isinstance(source, str):
        return source
    kind, argument = next(iter(source.items()))
    return f"{{{kind}: {json.dumps(argument) if _SPECIAL.search(argument) else argument}}}"


_SPECIAL = re.compile(r"[^\w./-]")
"""Characters for which a path is quoted in YAML."""


def _named(value: Any) -> Any:
    """The name of a class; the integer 7 is read as "7"."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _section(name: str, source: DataSource) -> type[Section]:
    """`{npz: PATH}` as a model, for the JSON schema."""
    doc = f"{source.title}.\n\nArgs:\n    {name}: {source.argument}."
    fields: dict[str, Any] = {name: (str, ...)}
    return create_model(name.capitalize(), __base__=Section, __module__=__name__, __doc__=doc, **fields)


_Input: Any = Union[Literal[_WITHOUT_ARGUMENT], *(_section(*item) for item in _WITH_ARGUMENT.items())]
Source = Annotated[str | dict[str, str], BeforeValidator(_source, json_schema_input_type=_Input)]
ClassName = Annotated[str, BeforeValidator(_named)]
Broken = Annotated[
    Literal["error", "skip"] | Closed, WrapValidator(either("`error`, `skip` or a fraction, such as 0.3"))
]
ClassWeights = Annotated[
    Literal["none", "balanced"] | dict[ClassName, NotNegative],
    WrapValidator(either("`none`, `balanced`, or a mapping of classes to weights, such as `{cat: 2.0}`")),
]


def _columns(value: Any) -> Any:
    """A column, a list of columns, or a mapping of names to them."""
    for each in value.values() if isinstance(value, dict) else [value]:
        for name in each if isinstance(each, list) and each else [each]:
            if not isinstance(name, str) or not name.strip():
                raise PydanticCustomError(
                    "kind", "expected {wanted}", {"wanted": "the name of a column, or a list of names"}
                )
    return value


Columns = str | list[str]


class Augment(Section):
    """Random augmentation of the training images, drawn anew in every epoch.

    Args:
        flip: random flips: `horizontal` (left-right) or `vertical` (up-down), each with probability 1/2, or `both`.
            `alternate` flips each image left-right in every second epoch; where it starts is random (Jordan 2024).
        shift: maximum translation along each axis, as a fraction of the side.
        rotation: maximum rotation in either direction, in degrees.
        zoom: maximum zoom in or out, as a fraction of the size.
        shear: maximum shear in either direction, in degrees.
        fill: how pixels outside of the image are filled: the nearest pixel, reflection, wrapping around, or black.
        crop: random crop: number of pixels to pad on each side, filled as `fill` says, before cropping to the original
            size.
        cutout: side in pixels of a random square that is set to gray (DeVries & Taylor 2017).
        brightness: maximum change of brightness, as a fraction of the value range; as in Keras `RandomBrightness`.
        contrast: maximum relative change of contrast; as in Keras `RandomContrast`.
        saturation: maximum relative change of saturation; as in Keras `RandomSaturation`.
        hue: maximum relative change of hue; as in Keras `RandomHue`.
        mixup: alpha of the Beta distribution of the mixing weight of two images and their labels (Zhang et al. 2017).
        cutmix: alpha of the Beta distribution of the area of a box that is replaced by another image (Yun et al. 2019).
            Together with `mixup`, each image gets one of the two.
    """

    flip: Literal["none", "horizontal", "vertical", "both", "alternate"] = "none"
    shift: Share = 0.0
    rotation: Annotated[float, Field(strict=True, ge=0, le=180)] = 0.0
    zoom: Share = 0.0
    shear: Annotated[float, Field(strict=True, ge=0, lt=90)] = 0.0
    fill: Literal["nearest", "reflect", "wrap", "black"] = "nearest"
    crop: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=65_536)] = 0
    cutout: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=65_536)] = 0
    brightness: Closed = 0.0
    contrast: Closed = 0.0
    saturation: Closed = 0.0
    hue: Closed = 0.0
    mixup: NotNegative = 0.0
    cutmix: NotNegative = 0.0


class Data(Section):
    """The data set, its preprocessing and its augmentation.

    Args:
        source: data set: a name, `{npz: PATH}`, `{folder: PATH}` or `{tfds: NAME}`.
        columns: kinds of columns of a table, where they differ from what the cells look like.
        inputs: columns that the network takes: one, a list, or a mapping of its inputs to columns. Defaults to what the
            source suggests, such as its images.
        targets: columns that the network predicts: one, a list, or a mapping of its outputs to columns. Defaults to
            what the source suggests, such as its labels.
        tokens: what the tokens of a `text` are.
        missing: what to do with rows that have empty cells: reject the data, use the mean of the training set, or drop
            them.
        broken: what to do with examples that cannot be read: reject the data; skip them, if they are at most 10 % of a
            split; or skip them up to another fraction, such as 0.3.
        batch_size: number of examples per training step.
        size: height and width that images are resized to. By default, the images of a folder are resized to the input
            size of the network, and all others keep their size.
        resize: how images, masks and image targets are fitted to that size: by stretching them, by cropping the longer
            side, or by padding the shorter side with black, which is class 0 in masks.
        scale: whether to rescale pixels to [0, 1] by dividing by the largest value of the source.
        standardize: whether to subtract the mean of the training set and divide by its standard deviation, computed
            over all pixels (true) or for each channel (`channel`).
        standardize_targets: whether the loss takes numbers that are predicted standardized, by the training set. Scores
            and predictions have the unit of the numbers.
        validation: fraction of the training set to hold out as validation set, which selects the best epoch; 0 for
            none.
        test: fraction of all examples to hold out as test set, if the source has none.
        classes: classes to use, in this order; defaults to all.
        limit: number of training examples to use, with the class proportions preserved; defaults to all.
        class_weights: weight of each class in the loss; `balanced` gives all classes the same total weight.
        license: license of the data, for the model card.
        augment: random augmentation of the training images.
        stream: whether to read examples from the disk when they are needed, rather than to keep all of them in memory.
            The results are the same. `auto` streams data sets that need more than half of the free memory.
    """

    misplaced: ClassVar[Mapping[str, str]] = {
        **{word: f"move `{word}` to `train`" for word in ("epochs", "loss", "metrics", "optimizer", "seed")},
        "shuffle": "remove it: training examples are shuffled in every epoch",
    }

    source: Source
    columns: dict[str, KindOfColumn] = {}
    inputs: Annotated[Columns | dict[str, Columns] | None, BeforeValidator(_columns)] = None
    targets: Annotated[Columns | dict[str, str] | None, BeforeValidator(_columns)] = None
    tokens: Literal["characters", "words"] = "characters"
    missing: Literal["error", "mean", "drop"] = "error"
    broken: Broken = "error"
    batch_size: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=100_000)] = 128
    size: Annotated[tuple[Size, Size], BeforeValidator(pair)] | None = None
    resize: Literal["stretch", "crop", "pad"] = "stretch"
    scale: Flag = True
    standardize: Annotated[Flag | Literal["channel"], WrapValidator(either("`true`, `false` or `channel`"))] = False
    standardize_targets: Flag = True
    validation: Share = 0.1
    test: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.2
    classes: Annotated[list[ClassName], Field(min_length=2)] | None = None
    limit: Counted | None = None
    class_weights: ClassWeights = "none"
    license: str | None = None
    augment: Augment = Augment.model_construct()
    stream: Annotated[Flag | Literal["auto"], WrapValidator(either("`true`, `false` or `auto`"))] = "auto"

    @property
    def kind(self) -> str:
        """The kind of source: `cifar10`, or `npz`, `folder` or `tfds`."""
        return self.source if isinstance(self.source, str) else next(iter(self.source))

    @property
    def argument(self) -> str:
        """The path or name of the source; empty if it takes none."""
        return "" if isinstance(self.source, str) else next(iter(self.source.values()))

    @property
    def named_targets(self) -> tuple[str, ...]:
        """The columns that `targets` names, each once."""
        given = self.targets or []
        named = given.values() if isinstance(given, dict) else [given] if isinstance(given, str) else given
        return tuple(dict.fromkeys(named))

    @property
    def mixes(self) -> list[str]:
        """The augmentations that mix the labels of examples."""
        return [word for word in ("mixup", "cutmix") if getattr(self.augment, word)]

    @property
    def source_name(self) -> str:
        """The name of the source in messages: `cifar10`, `npz flowers.npz`."""
        return f"{self.kind} {self.argument}".strip()

    @property
    def known_steps(self) -> int | None:
        """The number of steps of an epoch, if it is known without reading the data."""
        examples = DATA_SOURCES[self.kind].examples
        if examples is None or self.classes is not None:
            return None
        kept = min(examples, self.limit or examples)
        return math.ceil((kept - round(self.validation * kept)) / self.batch_size)

    @model_validator(mode="after")
    def _each_class_once(self) -> "Data":
        if self.classes is not None and len(set(self.classes)) < len(self.classes):
            raise invalid(Conflict("`classes` lists a class more than once", ("classes",)))
        return self


def data_at(place: str) -> Data:
    """The recipe of a place that `source_at` recognizes, without preprocessing.

    Raises:
        ArchError: there is no data set of that name, no such folder, or the file has another extension (ARCH301).
    """
    source = source_at(place)
    if source is None:
        *most, last = EXTENSIONS
        names = [name for name in DATA_SOURCES if name in _WITHOUT_ARGUMENT]
        hint = nearest(place, names) or f"pass a folder, a file ending in {', '.join(most)} or {last}, or `tfds:NAME`"
        raise fail("ARCH301", f"there is no data set `{place}`", hint=hint)
    if source == place and kind_at(f"./{place}"):
        warnings.warn(
            f"`{place}` is a data set of archdsl; for the folder of that name, write `./{place}`", stacklevel=2
        )
    return Data(source=source)
