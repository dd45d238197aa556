"""Keras's optimizers with all their arguments, and one of archdsl's own, as inert data."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from archdsl.ops.base import Call, Flag, Number, Positive, Share, whole
from archdsl.ops.choices import Entry
from archdsl.recipe.base import Counted, NotNegative, Whole, beside
from archdsl.recipe.schedules import SCHEDULES, Schedule
from archdsl.recipe.words import Choice

LearningRate = Annotated[Any, Choice("a schedule", SCHEDULES, number=True)]
Accumulated = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=2, le=10_000_000)]


def _name_part(text: str) -> str:
    # Keras takes it for a regular expression, and some of those never end.
    if not re.fullmatch(r"[\w/-]+", text):
        raise PydanticCustomError("name_part", "a part of a name has letters, digits, `_`, `-` and `/`")
    return text


NamePart = Annotated[str, AfterValidator(_name_part)]


class Optimizer(Entry):
    """What every Keras optimizer takes.

    Args:
        learning_rate: a number, or a schedule: `{cosine: {rate: 0.1}}`.
        weight_decay: how much of each weight is taken away in a step, times the learning rate.
        clipnorm: the largest norm of each weight's gradient.
        clipvalue: the largest absolute value in a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether the weights become a moving average of themselves (Polyak & Juditsky 1992).
        ema_momentum: how much of the average stays in a step.
        ema_overwrite_frequency: after how many steps each time the weights become their average; else in the end.
        loss_scale_factor: what the loss is multiplied by and the gradients divided by, so that small ones are not lost.
        gradient_accumulation_steps: of how many batches the gradients are averaged before the weights move.
    """

    learning_rate: LearningRate = 0.001
    weight_decay: NotNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    use_ema: Flag = False
    ema_momentum: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.99
    ema_overwrite_frequency: Counted | None = None
    loss_scale_factor: Positive | None = None
    gradient_accumulation_steps: Accumulated | None = None

    def told(self, epochs: int, steps: int) -> Call:
        """Its constructor; `steps` is the number of optimizer steps in an epoch."""
        given = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        if isinstance(self.learning_rate, Schedule):
            given["learning_rate"] = self.learning_rate.told(epochs, steps)
        return Call(self.target, (), given)

    @model_validator(mode="after")
    def _one_clip(self) -> "Optimizer":
        clips = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(clips) > 1:
            raise beside(clips[1], " and ".join(f"`{clip}`" for clip in clips) + " exclude each other")
        return self


class Sgd(Optimizer):
    """Stochastic gradient descent, with momentum. Keras `SGD`.

    Args:
        momentum: how much of the last step goes into the next.
        nesterov: whether the gradient is taken where the momentum leads (Nesterov 1983).
    """

    target: ClassVar[str] = "optimizers.SGD"

    learning_rate: LearningRate = 0.01
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

    target: ClassVar[str] = "optimizers.RMSprop"

    rho: Share = 0.9
    momentum: Share = 0.0
    epsilon: Positive = 1e-7
    centered: Flag = False


class Moments(Optimizer):
    """What optimizers take that keep two means.

    Args:
        beta_1: how long the mean of gradients remembers.
        beta_2: how long the mean of squared gradients remembers.
        epsilon: what is added to a divisor, so that it is never 0.
    """

    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7


class Adam(Moments):
    """Keras `Adam`; Kingma & Ba 2015.

    Args:
        amsgrad: whether the largest mean of squared gradients so far is taken (Reddi et al. 2018).
    """

    target: ClassVar[str] = "optimizers.Adam"

    amsgrad: Flag = False


class AdamW(Adam):
    """Keras `AdamW`; Loshchilov & Hutter 2019."""

    target: ClassVar[str] = "optimizers.AdamW"

    weight_decay: NotNegative | None = 0.004


class Adamax(Moments):
    """Adam by the largest gradient in place of the mean square. Keras `Adamax`; Kingma & Ba 2015.

    Args:
        beta_2: how long the largest gradient is remembered.
    """

    target: ClassVar[str] = "optimizers.Adamax"


class Nadam(Moments):
    """Adam with Nesterov's momentum. Keras `Nadam`; Dozat 2016."""

    target: ClassVar[str] = "optimizers.Nadam"


class Lamb(Moments):
    """Adam with steps as large as each weight's norm, for large batches. Keras `Lamb`; You et al. 2020."""

    target: ClassVar[str] = "optimizers.Lamb"


class ScheduleFreeAdamW(Moments):
    """AdamW that needs no schedule, for it averages its own iterates. Keras `ScheduleFreeAdamW`; Defazio et al. 2024.

    Args:
        warmup_steps: steps of a line up to the learning rate.
    """

    target: ClassVar[str] = "optimizers.ScheduleFreeAdamW"

    learning_rate: LearningRate = 0.0025
    beta_1: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.9
    epsilon: Positive = 1e-8
    warmup_steps: Whole = 0


class Adadelta(Optimizer):
    """Keras `Adadelta`; Zeiler 2012.

    Args:
        rho: how long the means of squared gradients and of squared steps remember.
        epsilon: what is added to a divisor, so that it is never 0.
    """

    target: ClassVar[str] = "optimizers.Adadelta"

    rho: Share = 0.95
    epsilon: Positive = 1e-7


class Adagrad(Optimizer):
    """Keras `Adagrad`; Duchi et al. 2011.

    Args:
        initial_accumulator_value: what the sums of squared gradients begin with.
        epsilon: what is added to a divisor, so that it is never 0.
    """

    target: ClassVar[str] = "optimizers.Adagrad"

    initial_accumulator_value: NotNegative = 0.1
    epsilon: Positive = 1e-7


class Adafactor(Optimizer):
    """Adam's second mean by rows and columns, for little memory. Keras `Adafactor`; Shazeer & Stern 2018.

    Args:
        beta_2_decay: the power of the step by which the mean of squared gradients forgets.
        epsilon_1: what is added to squared gradients.
        epsilon_2: the smallest size of a weight, by which its steps are measured.
        clip_threshold: the largest root mean square of a step.
        relative_step: whether the learning rate is at most 1 / sqrt(step).
    """

    target: ClassVar[str] = "optimizers.Adafactor"

    beta_2_decay: Annotated[float, Field(strict=True, lt=0, allow_inf_nan=False)] = -0.8
    epsilon_1: Positive = 1e-30
    epsilon_2: Positive = 1e-3
    clip_threshold: Positive = 1.0
    relative_step: Flag = True


class Ftrl(Optimizer):
    """Follow the regularised leader. Keras `Ftrl`; McMahan et al. 2013.

    Args:
        learning_rate_power: the power by which the learning rate falls; 0 lets it stay.
        initial_accumulator_value: what the sums of squared gradients begin with.
        l1_regularization_strength: how strongly weights are drawn to 0, evenly.
        l2_regularization_strength: how strongly weights are drawn to 0, by their size.
        l2_shrinkage_regularization_strength: the same of the gradient alone, as a penalty on its size.
        beta: what is added to the root of the sums.
    """

    target: ClassVar[str] = "optimizers.Ftrl"

    learning_rate_power: Annotated[float, Field(strict=True, le=0, allow_inf_nan=False)] = -0.5
    initial_accumulator_value: NotNegative = 0.1
    l1_regularization_strength: NotNegative = 0.0
    l2_regularization_strength: NotNegative = 0.0
    l2_shrinkage_regularization_strength: NotNegative = 0.0
    beta: Number = 0.0


class Lion(Optimizer):
    """Steps by the sign of a mean of gradients. Keras `Lion`; Chen et al. 2023.

    Args:
        beta_1: how much of the mean goes into a step.
        beta_2: how long the mean of gradients remembers.
    """

    target: ClassVar[str] = "optimizers.Lion"

    beta_1: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.9
    beta_2: Share = 0.99


class Muon(Optimizer):
    """Orthogonal steps for matrices, AdamW for all other weights, those of convolutions among them.

    Keras `Muon`; Jordan et al. 2024.

    Args:
        adam_beta_1: AdamW's `beta_1`.
        adam_beta_2: AdamW's `beta_2`.
        adam_weight_decay: AdamW's `weight_decay`.
        epsilon: what is added to a divisor, so that it is never 0.
        exclude_layers: parts of names of weights that go by AdamW.
        exclude_embeddings: whether embeddings go by AdamW.
        muon_a: of the polynomial of a Newton-Schulz step, the factor of X.
        muon_b: the factor of its third power.
        muon_c: the factor of its fifth power.
        adam_lr_ratio: AdamW's learning rate, as a factor on Muon's.
        momentum: how much of the last step goes into the next.
        ns_steps: Newton-Schulz steps.
        nesterov: whether the gradient is taken where the momentum leads.
        rms_rate: the root mean square of a step before the learning rate; none scales by the matrix's sides.
    """

    target: ClassVar[str] = "optimizers.Muon"

    weight_decay: NotNegative | None = 0.004
    adam_beta_1: Share = 0.9
    adam_beta_2: Share = 0.999
    adam_weight_decay: NotNegative = 0.004
    epsilon: Positive = 1e-7
    exclude_layers: list[NamePart] | None = None
    exclude_embeddings: Flag = True
    muon_a: Number = 3.4445
    muon_b: Number = -4.775
    muon_c: Number = 2.0315
    adam_lr_ratio: Positive = 1.0
    momentum: Share = 0.95
    ns_steps: Counted = 5
    nesterov: Flag = True
    rms_rate: Positive | None = 0.2


class MuonSgd(Optimizer):
    """Orthogonal steps for kernels, those of convolutions among them, and SGD with Nesterov's momentum for the rest.

    The rest are norms, biases, embeddings, and the network's last kernel. Jordan et al. 2024; Keras has none.

    Args:
        momentum: how much of the last step goes into the next, for kernels.
        nesterov: whether the gradient is taken where the momentum leads, for kernels.
        ns_steps: Newton-Schulz steps, which make a step nearly orthogonal.
        hold_norm: whether a kernel is scaled to the root of the number of its filters before each step.
        sgd_lr_ratio: the learning rate of SGD, as a factor on that of the kernels.
        sgd_momentum: how much of the last step goes into the next, for SGD.
    """

    target: ClassVar[str] = "extra.MuonSGD"

    learning_rate: LearningRate = 0.1
    momentum: Share = 0.6
    nesterov: Flag = True
    ns_steps: Counted = 3
    hold_norm: Flag = True
    sgd_lr_ratio: Positive = 3.5
    sgd_momentum: Share = 0.85


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": Sgd,
    "rmsprop": RmsProp,
    "adam": Adam,
    "adamw": AdamW,
    "adadelta": Adadelta,
    "adafactor": Adafactor,
    "adagrad": Adagrad,
    "adamax": Adamax,
    "ftrl": Ftrl,
    "lamb": Lamb,
    "lion": Lion,
    "muon": Muon,
    "muon_sgd": MuonSgd,
    "nadam": Nadam,
    "schedule_free_adamw": ScheduleFreeAdamW,
}
