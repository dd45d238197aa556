"""What `data:` may say: where the images come from, and what is done to them before a network sees them."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Field, WrapValidator, create_model, model_validator
from pydantic_core import PydanticCustomError

from archdsl.ops.choices import unknown
from archdsl.ops.field_types import Flag, NotNegative, Share, Size, either, pair, whole
from archdsl.recipe.base import Closed, Conflict, Counted, Section, invalid


@dataclass(frozen=True, slots=True)
class DataSource:
    """A word of `source`. The module of its name in `archdsl.data.sources` reads it.

    Attributes:
        title: what it is, in one line.
        takes: what the word takes: nothing, the path of a file or of a folder, or a name.
        argument: what that is, for the JSON schema.
        needs_tensorflow: whether reading it imports TensorFlow.
    """

    title: str
    takes: Literal["", "file", "folder", "name"] = ""
    argument: str = ""
    needs_tensorflow: bool = False


DATA_SOURCES: dict[str, DataSource] = {
    "digits": DataSource("1,797 handwritten digits of 8x8, embedded (Alpaydin & Kaynak 1998; CC BY 4.0)"),
    "fashion_mnist": DataSource("70,000 pictures of clothes of 28x28 in 10 classes (Xiao et al. 2017)"),
    "cifar10": DataSource("60,000 photographs of 32x32 in 10 classes (Krizhevsky 2009)"),
    "cifar100": DataSource("60,000 photographs of 32x32 in 100 classes (Krizhevsky 2009)"),
    "npz": DataSource("arrays in one file of NumPy, such as `{npz: flowers.npz}`", "file", "its path"),
    "folder": DataSource(
        "a folder of images with a folder for each class, such as `{folder: flowers}`",
        "folder",
        "its path; in it is a folder for each class",
    ),
    "tfds": DataSource(
        "a data set of TensorFlow Datasets, such as `{tfds: oxford_flowers102}`",
        "name",
        "its name",
        needs_tensorflow=True,
    ),
}
"""The words of `source`, in the order in which they are listed."""

_WITH_ARGUMENT = {name: source for name, source in DATA_SOURCES.items() if source.takes}
_WITHOUT_ARGUMENT = tuple(name for name in DATA_SOURCES if name not in _WITH_ARGUMENT)


def _source(value: Any) -> Any:
    if isinstance(value, str):
        if value in _WITHOUT_ARGUMENT:
            return value
        raise unknown(value, DATA_SOURCES)
    if not isinstance(value, dict) or len(value) != 1:
        *forms, last = (
            f"`{{{name}: {'NAME' if source.takes == 'name' else 'PATH'}}}`" for name, source in _WITH_ARGUMENT.items()
        )
        wanted = f"a data set's name, or one of {', '.join(forms)} and {last},"
        raise PydanticCustomError("kind", "{wanted} is due", {"wanted": wanted})
    word, argument = next(iter(value.items()))
    if word not in _WITH_ARGUMENT:
        raise unknown(str(word), DATA_SOURCES)
    if not isinstance(argument, str) or not argument.strip():
        raise PydanticCustomError("kind", "{wanted} is due", {"wanted": f"text, as in `{{{word}: ...}}`,"})
    return {word: argument}


def _named(value: Any) -> Any:
    """A class's name: 7 is taken for "7"."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _section(name: str, source: DataSource) -> type[Section]:
    """`{npz: PATH}` as a model, for the JSON schema."""
    doc = f"{source.title}.\n\nArgs:\n    {name}: {source.argument}."
    fields: dict[str, Any] = {name: (str, ...)}
    return create_model(name.capitalize(), __base__=Section, __module__=__name__, __doc__=doc, **fields)


_Input: Any = Union[Literal[_WITHOUT_ARGUMENT], *(_section(*item) for item in _WITH_ARGUMENT.items())]
Source = Annotated[str | dict[str, str], BeforeValidator(_source, json_schema_input_type=_Input)]
ClassName = Annotated[str, BeforeValidator(_named)]
ClassWeights = Annotated[
    Literal["none", "balanced"] | dict[ClassName, NotNegative],
    WrapValidator(either("`none`, `balanced`, or a weight for each of some classes, as `{cat: 2.0}`,")),
]


class Augment(Section):
    """What may happen to a training image; each draw is made anew in every epoch.

    Args:
        flip: `horizontal` mirrors left and right, `vertical` above and below, each in half of the draws; `alternate`
            mirrors left and right in every second epoch, and which images begin is drawn once (Jordan 2024).
        shift: how far it moves along each axis at most, as a share of the side.
        rotation: how far it turns either way at most, in degrees.
        zoom: how much it grows or shrinks at most, as a share of the size.
        shear: how far it is slanted either way at most, in degrees.
        fill: what stands where a moved image shows nothing: its nearest pixel, its mirror image, its other side, black.
        crop: how many pixels are put on each side, as `fill` says, before an image of its own size is cut out.
        cutout: side in pixels of a square that becomes grey (DeVries & Taylor 2017).
        brightness: how much lighter or darker it becomes at most, as a share of the range, as Keras `RandomBrightness`.
        contrast: how much contrast it wins or loses at most, as a share, as Keras `RandomContrast`.
        saturation: how much colour it wins or loses at most, as a share, as Keras `RandomSaturation`.
        hue: how far its colours turn at most, as a share, as Keras `RandomHue`.
        mixup: alpha of the Beta distribution by which images and their labels are mixed (Zhang et al. 2017).
        cutmix: alpha of the Beta distribution of the share of a box that another image fills (Yun et al. 2019); beside
            `mixup`, each image gets one of the two.
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
    """Where the images come from, and what is done to them before the network sees them.

    Args:
        source: the data set: a name, or `{npz: PATH}`, `{folder: PATH}`, `{tfds: NAME}`.
        batch_size: images in a training step.
        size: height and width that images are resized to; without it, a folder's become what the network takes, and
            others stay as they are.
        scale: whether to divide by the source's largest value, so that pixels lie in [0, 1].
        standardize: takes the training set's mean away and divides by its standard deviation: one of each over
            everything (true), or one for each channel (`channel`).
        validation: the share of the training set that is held out, and on which the best epoch is chosen; 0 for none.
        test: the share of all images that is held out as the test set, where the source has none of its own.
        classes: only these classes, in this order.
        limit: how many training images are taken, each class with its share.
        class_weights: what the images of a class weigh in the loss: `balanced` makes all classes weigh alike.
        augment: what may happen to a training image.
    """

    source: Source
    batch_size: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=100_000)] = 128
    size: Annotated[tuple[Size, Size], BeforeValidator(pair)] | None = None
    scale: Flag = True
    standardize: Annotated[Flag | Literal["channel"], WrapValidator(either("`true`, `false` or `channel`"))] = False
    validation: Share = 0.1
    test: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.2
    classes: Annotated[list[ClassName], Field(min_length=2)] | None = None
    limit: Counted | None = None
    class_weights: ClassWeights = "none"
    augment: Augment = Augment.model_construct()

    @property
    def kind(self) -> str:
        """The source's word: `cifar10`, or `npz`, `folder` or `tfds`."""
        return self.source if isinstance(self.source, str) else next(iter(self.source))

    @property
    def argument(self) -> str:
        """The path or the name that the source's word takes; empty where it takes none."""
        return "" if isinstance(self.source, str) else next(iter(self.source.values()))

    @property
    def source_name(self) -> str:
        """What the source is called in messages: `cifar10`, `npz flowers.npz`."""
        return f"{self.kind} {self.argument}".strip()

    @model_validator(mode="after")
    def _each_class_once(self) -> "Data":
        if self.classes is not None and len(set(self.classes)) < len(self.classes):
            raise invalid(Conflict("`classes` wants each class once", ("classes",)))
        return self
