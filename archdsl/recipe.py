"""What `data:` and `train:` may say. Keras's classes are named as data; nothing is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from archdsl.ops.base import Call, Flag, Positive, Share, either, whole

Whole = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=10_000_000)]
Epochs = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=100_000)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]

SOURCES = {
    "digits": "1,797 handwritten digits of 8x8, embedded (Alpaydin & Kaynak 1998; CC BY 4.0)",
    "cifar10": "60,000 photographs of 32x32 in 10 classes (Krizhevsky 2009)",
}
"""The data sets, and what they are."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Augment(_Entry):
    """What may happen to a training image; each draw is made anew in every epoch.

    Args:
        flip: `horizontal` mirrors left and right, `vertical` above and below; each in half of the draws.
        shift: how far it moves along each axis at most, as a share of the side.
        rotation: how far it turns either way at most, in degrees.
        zoom: how much it grows or shrinks at most, as a share of the size.
        shear: how far it is slanted either way at most, in degrees.
    """

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    shift: Share = 0.0
    rotation: Annotated[float, Field(strict=True, ge=0, le=180)] = 0.0
    zoom: Share = 0.0
    shear: Annotated[float, Field(strict=True, ge=0, lt=90)] = 0.0


class Data(_Entry):
    """Where the images come from, and what is done to them before the network sees them.

    Args:
        source: the data set.
        batch_size: images in a training step.
        scale: whether to divide by the source's largest value, so that pixels lie in [0, 1].
        standardize: takes the training set's mean away and divides by its standard deviation: one of each over
            everything (true), or one for each channel (`channel`).
        validation: the share of the training set on which the best epoch is chosen.
        augment: what may happen to a training image.
    """

    source: Literal["digits", "cifar10"]
    batch_size: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=100_000)] = 128
    scale: Flag = True
    standardize: Annotated[Flag | Literal["channel"], WrapValidator(either("`true`, `false` or `channel`"))] = False
    validation: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.1
    augment: Augment = Augment.model_construct()


class Cosine(_Entry):
    """From `rate` down to `final` * `rate` along half a cosine over all epochs, after `warmup` epochs of a line up.

    Args:
        rate: the largest learning rate.
        final: the last learning rate, as a share of `rate`.
        warmup: epochs, which may be a fraction, from 0 up to `rate`.
    """

    rate: Positive
    final: Share = 0.0
    warmup: NotNegative = 0.0

    def keras(self, epochs: int, steps: int) -> Call:
        warmup = round(self.warmup * steps)
        start = {"warmup_target": self.rate, "warmup_steps": warmup} if warmup else {}
        return Call(
            "optimizers.schedules.CosineDecay",
            (0.0 if warmup else self.rate, max(1, epochs * steps - warmup)),
            {"alpha": self.final, **start},
        )


class Step(_Entry):
    """`rate`, times `factor` at the start of each of the epochs in `at` (counted from 0).

    Args:
        rate: the first learning rate.
        at: ascending epochs.
        factor: what the learning rate is multiplied by.
    """

    rate: Positive
    at: Annotated[list[Epochs], Field(min_length=1)]
    factor: Positive = 0.1

    def keras(self, epochs: int, steps: int) -> Call:
        # Keras lets a value last until the step of its boundary, that one included.
        values = [self.rate * self.factor**i for i in range(len(self.at) + 1)]
        return Call("optimizers.schedules.PiecewiseConstantDecay", ([epoch * steps - 1 for epoch in self.at], values))

    @model_validator(mode="after")
    def _ascending(self) -> Step:
        if self.at != sorted(set(self.at)):
            raise PydanticCustomError("ascending", "`at` wants ascending epochs, each once")
        return self


class Exponential(_Entry):
    """`rate`, times `factor` every `every` epochs, smoothly.

    Args:
        rate: the first learning rate.
        factor: what the learning rate is multiplied by.
        every: in how many epochs, which may be a fraction.
    """

    rate: Positive
    factor: Positive
    every: Positive = 1.0

    def keras(self, epochs: int, steps: int) -> Call:
        length = max(1, round(self.every * steps))
        return Call("optimizers.schedules.ExponentialDecay", (self.rate, length, self.factor))


Schedule = Cosine | Step | Exponential
SCHEDULES: dict[str, type[Schedule]] = {"cosine": Cosine, "step": Step, "exponential": Exponential}


def _word(value: Any) -> str:
    """What `adam` and `{adam: {...}}` name; a number names itself."""
    if isinstance(value, dict) and len(value) == 1:
        return str(next(iter(value)))
    return value if isinstance(value, str) else "number"


def _inner(value: Any) -> Any:
    """The arguments of `adam` and of `{adam: {...}}`."""
    return (next(iter(value.values())) or {}) if isinstance(value, dict) else {}


def _choice(table: dict[str, Any], *others: Any) -> Any:
    tagged = [Annotated[entry, BeforeValidator(_inner), Tag(name)] for name, entry in table.items()]
    return Annotated[Union[*tagged, *others], Discriminator(_word)]


if TYPE_CHECKING:
    _RATE: TypeAlias = Any
else:
    _RATE = _choice(SCHEDULES, Annotated[Positive, Tag("number")])


class Optimizer(_Entry):
    """What every Keras optimizer takes. Without a `learning_rate`, Keras's own.

    Args:
        learning_rate: a number, or a schedule: `{cosine: {rate: 0.1}}`.
        weight_decay: how much of each weight is taken away in a step, times the learning rate.
        clipnorm: the largest norm of each weight's gradient.
        clipvalue: the largest absolute value in a gradient.
        global_clipnorm: the largest norm of all gradients together.
    """

    target: ClassVar[str] = ""

    learning_rate: _RATE = None
    weight_decay: NotNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None

    def keras(self, epochs: int, steps: int) -> Call:
        """Its constructor; `steps` is the number of optimizer steps in an epoch."""
        given = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        if isinstance(self.learning_rate, Schedule):
            given["learning_rate"] = self.learning_rate.keras(epochs, steps)
        return Call(f"optimizers.{self.target}", (), given)

    @model_validator(mode="after")
    def _one_clip(self) -> Optimizer:
        clips = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(clips) > 1:
            raise PydanticCustomError("one_clip", "{given} exclude each other", {"given": " and ".join(clips)})
        return self


class Sgd(Optimizer):
    """Stochastic gradient descent, with momentum. Keras `SGD`.

    Args:
        momentum: how much of the last step goes into the next.
        nesterov: whether the gradient is taken where the momentum leads (Nesterov 1983).
    """

    target: ClassVar[str] = "SGD"

    momentum: Share = 0.0
    nesterov: Flag = False


class RmsProp(Optimizer):
    """Keras `RMSprop`; Hinton 2012.

    Args:
        rho: how long the mean of squared gradients remembers.
        momentum: how much of the last step goes into the next.
        epsilon: what is added to a divisor, so that it is never 0.
        centered: whether gradients are divided by their standard deviation.
    """

    target: ClassVar[str] = "RMSprop"

    rho: Share = 0.9
    momentum: Share = 0.0
    epsilon: Positive = 1e-7
    centered: Flag = False


class Adam(Optimizer):
    """Keras `Adam`; Kingma & Ba 2015.

    Args:
        beta_1: how long the mean of gradients remembers.
        beta_2: how long the mean of squared gradients remembers.
        epsilon: what is added to a divisor, so that it is never 0.
        amsgrad: whether the largest mean of squared gradients so far is taken (Reddi et al. 2018).
    """

    target: ClassVar[str] = "Adam"

    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7
    amsgrad: Flag = False


class AdamW(Adam):
    """Keras `AdamW`; Loshchilov & Hutter 2019."""

    target: ClassVar[str] = "AdamW"


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": Sgd, "rmsprop": RmsProp, "adam": Adam, "adamw": AdamW}

if TYPE_CHECKING:
    _OPTIMIZER: TypeAlias = Any
else:
    _OPTIMIZER = _choice(OPTIMIZERS)

Loss = Literal[
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_focal_crossentropy",
    "mean_squared_error",
]
Metric = Literal["accuracy", "top_5_accuracy"]

if TYPE_CHECKING:
    _LOSS: TypeAlias = Loss | dict[str, Loss]
else:
    _LOSS = Annotated[
        Annotated[Loss, Tag("word")] | Annotated[dict[str, Loss], Tag("outputs")],
        Discriminator(lambda value: "outputs" if isinstance(value, dict) else "word"),
    ]


class Train(_Entry):
    """How the network is trained: Keras's words.

    Args:
        epochs: how often the training set is seen.
        optimizer: one word, or one with arguments: `{adam: {learning_rate: 0.001}}`.
        loss: what is made small.
        from_logits: whether the network ends without a softmax; without it, the last op tells.
        label_smoothing: how much of each label is spread over all classes.
        metrics: what is measured beside the loss.
        seed: makes the weights, the order and the augmentation the same each time.
    """

    epochs: Epochs = 10
    optimizer: _OPTIMIZER = Adam.model_construct()
    loss: _LOSS = "categorical_crossentropy"
    from_logits: Flag | None = None
    label_smoothing: Share = 0.0
    metrics: list[Metric] = ["accuracy"]
    seed: Whole = 0

    @model_validator(mode="after")
    def _smoothing(self) -> Train:
        if self.label_smoothing and self.loss != "categorical_crossentropy":
            raise PydanticCustomError("label_smoothing", "label_smoothing wants the loss categorical_crossentropy")
        return self
