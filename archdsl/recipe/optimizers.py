"""Keras's optimizers with all their arguments, and one of archdsl's own, as inert data."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from archdsl.ops.base import Call
from archdsl.ops.field_types import NotNegative, Positive, Share, whole
from archdsl.ops.keras_objects import Argument, KerasObject, KerasWords, Word
from archdsl.ops.registry import Words
from archdsl.recipe.base import Closed, Conflict, Counted, Whole, invalid
from archdsl.recipe.choices import ObjectChoice


def _schedule(word: str) -> type[KerasObject]:
    from archdsl.recipe.schedules import MODELS

    return MODELS[word]


SCHEDULES = Words(("constant", "step", "cosine", "linear", "exponential", "one_cycle"), _schedule)


def _name_part(text: str) -> str:
    # Keras takes it for a regular expression, and some of those never end.
    if not re.fullmatch(r"[\w/-]+", text):
        raise PydanticCustomError("name_part", "a part of a name has letters, digits, `_`, `-` and `/`")
    return text


class Optimizer(KerasObject):
    """An optimizer. At most one of its three ways to clip gradients is chosen."""

    def to_call(self, epochs: int, steps: int) -> Call:
        """Its constructor; `steps` is the number of optimizer steps in an epoch."""
        given = self.given()
        rate = given.get("learning_rate")
        if isinstance(rate, KerasObject):
            schedule: Any = rate
            given["learning_rate"] = schedule.to_call(epochs, steps)
        return Call(self.target, (), given)

    @model_validator(mode="after")
    def _one_clip(self) -> "Optimizer":
        clips = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(clips) > 1:
            message = " and ".join(f"`{clip}`" for clip in clips) + " exclude each other"
            raise invalid(Conflict(message, (clips[1],)))
        return self


ARGUMENTS = {
    "learning_rate": Argument(
        "a number, or a schedule: `{cosine: {rate: 0.1}}`.",
        Annotated[Any, ObjectChoice("a schedule", SCHEDULES, number=True)],
    ),
    "weight_decay": Argument(
        "how much of each weight is taken away in a step, times the learning rate.", NotNegative | None
    ),
    "clipnorm": Argument("the largest norm of each weight's gradient.", Positive),
    "clipvalue": Argument("the largest absolute value in a gradient.", Positive),
    "global_clipnorm": Argument("the largest norm of all gradients together.", Positive),
    "use_ema": Argument("whether the weights become a moving average of themselves (Polyak & Juditsky 1992)."),
    "ema_momentum": Argument("how much of the average stays in a step.", Closed),
    "ema_overwrite_frequency": Argument(
        "after how many steps each time the weights become their average; else in the end.", Counted
    ),
    "loss_scale_factor": Argument(
        "what the loss is multiplied by and the gradients divided by, so that small ones are not lost.", Positive
    ),
    "gradient_accumulation_steps": Argument(
        "of how many batches the gradients are averaged before the weights move.",
        Annotated[int, BeforeValidator(whole), Field(strict=True, ge=2, le=10_000_000)],
    ),
    "rho": Argument("how long the mean of squared gradients remembers.", Share),
    "adadelta.rho": Argument("how long the means of squared gradients and of squared steps remember.", Share),
    "learning_rate_power": Argument(
        "the power by which the learning rate falls; 0 lets it stay.",
        Annotated[float, Field(strict=True, le=0, allow_inf_nan=False)],
    ),
    "initial_accumulator_value": Argument("what the sums of squared gradients begin with.", NotNegative),
    "momentum": Argument("how much of the last step goes into the next.", Share),
    "sgd.nesterov": Argument("whether the gradient is taken where the momentum leads (Nesterov 1983)."),
    "beta_1": Argument("how long the mean of gradients remembers.", Share),
    "schedule_free_adamw.beta_1": Argument(
        "how long the mean of gradients remembers.", Annotated[float, Field(strict=True, gt=0, lt=1)]
    ),
    "lion.beta_1": Argument("how much of the mean goes into a step.", Annotated[float, Field(strict=True, gt=0, le=1)]),
    "beta_2": Argument("how long the mean of squared gradients remembers.", Share),
    "adamax.beta_2": Argument("how long the largest gradient is remembered.", Share),
    "lion.beta_2": Argument("how long the mean of gradients remembers.", Share),
    "adam_beta_1": Argument("AdamW's `beta_1`.", Share),
    "adam_beta_2": Argument("AdamW's `beta_2`.", Share),
    "adam_weight_decay": Argument("AdamW's `weight_decay`.", NotNegative),
    "epsilon": Argument("what is added to a divisor, so that it is never 0.", Positive),
    "amsgrad": Argument("whether the largest mean of squared gradients so far is taken (Reddi et al. 2018)."),
    "centered": Argument("whether gradients are divided by their standard deviation."),
    "warmup_steps": Argument("steps of a line up to the learning rate.", Whole),
    "beta_2_decay": Argument(
        "the power of the step by which the mean of squared gradients forgets.",
        Annotated[float, Field(strict=True, lt=0, allow_inf_nan=False)],
    ),
    "epsilon_1": Argument("what is added to squared gradients.", Positive),
    "epsilon_2": Argument("the smallest size of a weight, by which its steps are measured.", Positive),
    "clip_threshold": Argument("the largest root mean square of a step.", Positive),
    "relative_step": Argument("whether the learning rate is at most 1 / sqrt(step)."),
    "l1_regularization_strength": Argument("how strongly weights are drawn to 0, evenly.", NotNegative),
    "l2_regularization_strength": Argument("how strongly weights are drawn to 0, by their size.", NotNegative),
    "l2_shrinkage_regularization_strength": Argument(
        "the same of the gradient alone, as a penalty on its size.", NotNegative
    ),
    "beta": Argument("what is added to the root of the sums."),
    "exclude_layers": Argument(
        "parts of names of weights that go by AdamW.", list[Annotated[str, AfterValidator(_name_part)]]
    ),
    "exclude_embeddings": Argument("whether embeddings go by AdamW."),
    "muon_a": Argument("of the polynomial of a Newton-Schulz step, the factor of X."),
    "muon_b": Argument("the factor of its third power."),
    "muon_c": Argument("the factor of its fifth power."),
    "adam_lr_ratio": Argument("AdamW's learning rate, as a factor on Muon's.", Positive),
    "muon.momentum": Argument("how much of the last step goes into the next.", Share),
    "muon_sgd.momentum": Argument("how much of the last step goes into the next, for kernels.", Share),
    "muon_sgd.nesterov": Argument("whether the gradient is taken where the momentum leads, for kernels."),
    "ns_steps": Argument("Newton-Schulz steps.", Counted),
    "muon_sgd.ns_steps": Argument("Newton-Schulz steps, which make a step nearly orthogonal.", Counted),
    "nesterov": Argument("whether the gradient is taken where the momentum leads."),
    "rms_rate": Argument(
        "the root mean square of a step before the learning rate; none scales by the matrix's sides.", Positive | None
    ),
    "hold_norm": Argument("whether a kernel is scaled to the root of the number of its filters before each step."),
    "sgd_lr_ratio": Argument("the learning rate of SGD, as a factor on that of the kernels.", Positive),
    "sgd_momentum": Argument("how much of the last step goes into the next, for SGD.", Share),
}
"""First what every optimizer takes, then what some do."""

OPTIMIZERS = KerasWords(
    __name__,
    "optimizers",
    Optimizer,
    ARGUMENTS,
    {
        "sgd": Word("SGD", "Stochastic gradient descent, with momentum.", name="Sgd"),
        "rmsprop": Word("RMSprop", source="Hinton 2012", name="RmsProp"),
        "adam": Word("Adam", source="Kingma & Ba 2015"),
        "adamw": Word("AdamW", source="Loshchilov & Hutter 2019"),
        "adadelta": Word("Adadelta", source="Zeiler 2012"),
        "adafactor": Word(
            "Adafactor", "Adam's second mean by rows and columns, for little memory.", "Shazeer & Stern 2018"
        ),
        "adagrad": Word("Adagrad", source="Duchi et al. 2011"),
        "adamax": Word("Adamax", "Adam by the largest gradient in place of the mean square.", "Kingma & Ba 2015"),
        "ftrl": Word("Ftrl", "Follow the regularised leader.", "McMahan et al. 2013"),
        "lamb": Word("Lamb", "Adam with steps as large as each weight's norm, for large batches.", "You et al. 2020"),
        "lion": Word("Lion", "Steps by the sign of a mean of gradients.", "Chen et al. 2023"),
        "muon": Word(
            "Muon",
            "Orthogonal steps for matrices, AdamW for all other weights, those of convolutions among them.",
            "Jordan et al. 2024",
        ),
        "muon_sgd": Word(
            "extra.MuonSGD",
            "Orthogonal steps for kernels, those of convolutions among them, and SGD with Nesterov's momentum for the"
            " rest. The rest are norms, biases, embeddings, and the network's last kernel.",
            "Jordan et al. 2024; Keras has none",
            name="MuonSgd",
        ),
        "nadam": Word("Nadam", "Adam with Nesterov's momentum.", "Dozat 2016"),
        "schedule_free_adamw": Word(
            "ScheduleFreeAdamW",
            "AdamW that needs no schedule, for it averages its own iterates.",
            "Defazio et al. 2024",
        ),
    },
)
