"""The keys of `train` for fine-tuning: trained weights to start from, and weights to freeze."""

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from archdsl.ops.field_types import Flag, NotNegative
from archdsl.recipe.base import Conflict, Epochs, Section, invalid

MOST_PATTERNS, LONGEST_PATTERN = 100, 200
"""Limits on patterns, each of which is compared with every weight."""


def _pattern(text: str) -> str:
    if not re.fullmatch(r"[\w*?]+(/[\w*?]+)*", text):
        wanted = "a path of weights or a pattern, such as `stem` or `block_*/**`"
        raise PydanticCustomError("kind", "expected {wanted}", {"wanted": wanted})
    return text


Pattern = Annotated[str, Field(max_length=LONGEST_PATTERN), AfterValidator(_pattern)]
"""A path of weights. `*` and `?` match within a name, `**` matches any number of names."""

Patterns = Annotated[list[Pattern], Field(max_length=MOST_PATTERNS)]

Parts = Annotated[dict[Pattern, NotNegative], Field(max_length=MOST_PATTERNS)]


class Unfreeze(Section):
    """Trains frozen weights, too, after some epochs. The state of the optimizer starts anew; a schedule continues.

    Args:
        after: number of epochs after which weights are unfrozen.
        weights: paths or patterns of the weights to unfreeze; defaults to all.
        batch_norms: whether to unfreeze batch normalizations, too. By default, they keep their statistics, because
            those of a few examples are poor.
    """

    after: Epochs
    weights: Patterns = []
    batch_norms: Flag = False


APPLICATIONS = tuple(
    """
    ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge DenseNet121 DenseNet169 DenseNet201
    EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6
    EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2S EfficientNetV2M
    EfficientNetV2L InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Large MobileNetV3Small NASNetLarge
    NASNetMobile ResNet50 ResNet101 ResNet152 ResNet50V2 ResNet101V2 ResNet152V2 VGG16 VGG19 Xception
    """.split()  # noqa: SIM905 - names are easier to read this way
)
"""The networks of `keras.applications`."""

_APPLICATIONS = {name.lower(): name for name in APPLICATIONS}

PICKLES = (".pt", ".pth", ".pth.tar", ".bin", ".ckpt", ".pkl")
"""Extensions of files that can run code when they are opened."""

KERAS_WEIGHTS, TORCH_WEIGHTS = ".weights.h5", ".safetensors"
"""Extensions of files that have weights without a network."""


def _application(value: Any) -> Any:
    """`resnet50` is `ResNet50`."""
    return _APPLICATIONS.get(value.lower(), value) if isinstance(value, str) else value


Application: TypeAlias = Literal[APPLICATIONS]  # type: ignore[valid-type]


class _Weights(Section):
    """Trained weights to start from: a run or a file (`from`), a network of Keras (`keras`), or of timm (`timm`).

    Args:
        from: a run folder, or a `.keras`, `.weights.h5` or `.safetensors` file; a `.safetensors` file has the names of
            torchvision or timm.
        keras: network of `keras.applications`, whose ImageNet weights are copied, such as `resnet50`.
        timm: name of a network of timm on the Hugging Face hub, such as `resnet50.a1_in1k`.
        where: file of the weights of `keras` or `timm`, or the folder that contains it; defaults to the cache of Keras
            or of the hub. Keras downloads a missing file.
        spec: for a `.weights.h5` file, the spec of the network that was saved, such as `first.yaml` or
            `resnet[resnet18]`; defaults to this spec.
        license: license of the weights, for the model card.
    """

    keras: Annotated[Application | None, BeforeValidator(_application)] = None
    timm: str | None = None
    where: str | None = None
    spec: str | None = None
    license: str | None = None

    @property
    def path(self) -> str | None:
        """The run or the file that `from` names."""
        path: str | None = getattr(self, "from")
        return path

    @model_validator(mode="after")
    def _one_source(self) -> "_Weights":
        given = [word for word in ("from", "keras", "timm") if getattr(self, word) is not None]
        if not given:
            raise invalid(Conflict("missing source of the weights", (), "add `from`, `keras` or `timm`", "ARCH006"))
        if len(given) > 1:
            raise invalid(Conflict(f"`{given[0]}` and `{given[1]}` are mutually exclusive", (given[1],)))
        if self.where is not None and given == ["from"]:
            raise invalid(Conflict("`where` belongs to `keras` and `timm`", ("where",), "remove `where`"))
        if self.spec is not None and not (self.path or "").endswith(KERAS_WEIGHTS):
            message = f"`spec` belongs to a `{KERAS_WEIGHTS}` file: all others describe their network"
            raise invalid(Conflict(message, ("spec",), "remove `spec`"))
        if self.path is not None and self.path.endswith(PICKLES):
            message = f"{self.path} may run code when it is opened"
            hint = "save the tensors with `safetensors.torch.save_file(model.state_dict(), ...)`, and use that file"
            raise invalid(Conflict(message, ("from",), hint, at_key=False))
        return self


# `from` is a keyword of Python, so it cannot be an annotated attribute.
_FROM: Any = {"from": (str | None, None)}
Weights: type[_Weights] = create_model(
    "Weights", __base__=_Weights, __module__=__name__, __doc__=_Weights.__doc__, **_FROM
)
