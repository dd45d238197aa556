"""Optimizers of Keras with all their arguments, and one of archdsl, as inert data."""

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
    # Keras uses it as a regular expression, and some of those never terminate.
    if not re.fullmatch(r"[\w/-]+", text):
        raise PydanticCustomError("name_part", "expected a part of a name: letters, digits, `_`, `-` and `/`")
    return text


class Optimizer(KerasObject):
    """An optimizer, with at most one kind of gradient clipping."""

    def to_call(self, epochs: int, steps: int) -> Call:
        """Its constructor, for `epochs` epochs of `steps` optimizer steps."""
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
            message = " and ".join(f"`{clip}`" for clip in clips) + " are mutually exclusive"
            raise invalid(Conflict(message, (clips[1],)))
        return self


ARGUMENTS = {
    "learning_rate": Argument(
        "learning rate: a number or a schedule, such as `{cosine: {rate: 0.1}}`.",
        Annotated[Any, ObjectChoice("a schedule", SCHEDULES, number=True)],
    ),
    "weight_decay": Argument("decoupled weight decay, scaled by the learning rate.", NotNegative | None),
    "clipnorm": Argument("maximum norm of the gradient of each weight.", Positive),
    "clipvalue": Argument("maximum absolute value of the gradients.", Positive),
    "global_clipnorm": Argument("maximum global norm of all gradients.", Positive),
    "use_ema": Argument("whether to use an exponential moving average (EMA) of the weights (Polyak & Juditsky 1992)."),
    "ema_momentum": Argument("momentum of the EMA.", Closed),
    "ema_overwrite_frequency": Argument(
        "number of steps after which the weights are overwritten by their EMA; by default only at the end.", Counted
    ),
    "loss_scale_factor": Argument(
        "loss scaling factor, which keeps small gradients from underflowing in half precision.", Positive
    ),
    "gradient_accumulation_steps": Argument(
        "number of batches to average gradients over before the weights are updated.",
        Annotated[int, BeforeValidator(whole), Field(strict=True, ge=2, le=10_000_000)],
    ),
    "rho": Argument("decay rate of the moving average of squared gradients.", Share),
    "adadelta.rho": Argument("decay rate of the moving averages of squared gradients and squared updates.", Share),
    "learning_rate_power": Argument(
        "power of the learning rate decay during training; 0 for a constant learning rate.",
        Annotated[float, Field(strict=True, le=0, allow_inf_nan=False)],
    ),
    "initial_accumulator_value": Argument("initial value of the accumulated squared gradients.", NotNegative),
    "momentum": Argument("momentum: the fraction of the last update added to the next.", Share),
    "sgd.nesterov": Argument("whether to use Nesterov momentum (Nesterov 1983)."),
    "beta_1": Argument("decay rate of the first-moment estimate.", Share),
    "schedule_free_adamw.beta_1": Argument(
        "decay rate of the first-moment estimate.", Annotated[float, Field(strict=True, gt=0, lt=1)]
    ),
    "lion.beta_1": Argument(
        "weight of the moving average of gradients in the update.", Annotated[float, Field(strict=True, gt=0, le=1)]
    ),
    "beta_2": Argument("decay rate of the second-moment estimate.", Share),
    "adamax.beta_2": Argument("decay rate of the infinity norm of the gradients.", Share),
    "lion.beta_2": Argument("decay rate of the moving average of gradients.", Share),
    "adam_beta_1": Argument("`beta_1` of AdamW.", Share),
    "adam_beta_2": Argument("`beta_2` of AdamW.", Share),
    "adam_weight_decay": Argument("`weight_decay` of AdamW.", NotNegative),
    "epsilon": Argument("small number for numerical stability.", Positive),
    "amsgrad": Argument("whether to use the AMSGrad variant (Reddi et al. 2018)."),
    "centered": Argument(
        "whether to normalize gradients by their estimated variance instead of the uncentered second moment."
    ),
    "warmup_steps": Argument("number of linear warmup steps.", Whole),
    "beta_2_decay": Argument(
        "exponent of the decay rate of the second-moment estimate.",
        Annotated[float, Field(strict=True, lt=0, allow_inf_nan=False)],
    ),
    "epsilon_1": Argument("small number added to the squared gradients.", Positive),
    "epsilon_2": Argument("lower bound of the root mean square of a weight, which scales its updates.", Positive),
    "clip_threshold": Argument("maximum root mean square of an update.", Positive),
    "relative_step": Argument("whether to limit the learning rate to 1 / sqrt(step)."),
    "l1_regularization_strength": Argument("L1 penalty.", NotNegative),
    "l2_regularization_strength": Argument("L2 penalty.", NotNegative),
    "l2_shrinkage_regularization_strength": Argument(
        "L2 shrinkage: a penalty on the magnitude of the gradients.", NotNegative
    ),
    "beta": Argument("beta of the FTRL paper, added to the root of the accumulator."),
    "exclude_layers": Argument(
        "parts of the names of weights that are updated by AdamW.", list[Annotated[str, AfterValidator(_name_part)]]
    ),
    "exclude_embeddings": Argument("whether embeddings are updated by AdamW."),
    "muon_a": Argument("coefficient of X in the Newton-Schulz polynomial."),
    "muon_b": Argument("coefficient of the third power of X."),
    "muon_c": Argument("coefficient of the fifth power of X."),
    "adam_lr_ratio": Argument("learning rate of AdamW, relative to `learning_rate`.", Positive),
    "muon.momentum": Argument("momentum of Muon.", Share),
    "muon_sgd.momentum": Argument("momentum for kernels.", Share),
    "muon_sgd.nesterov": Argument("whether to use Nesterov momentum for kernels."),
    "ns_steps": Argument("number of Newton-Schulz iterations.", Counted),
    "muon_sgd.ns_steps": Argument("number of Newton-Schulz iterations, which orthogonalize the update.", Counted),
    "nesterov": Argument("whether to use Nesterov momentum."),
    "rms_rate": Argument(
        "root mean square of an update before the learning rate; by default, the shape of the matrix sets the scale.",
        Positive | None,
    ),
    "hold_norm": Argument("whether to rescale each kernel to a norm of sqrt(filters) before each update."),
    "sgd_lr_ratio": Argument("learning rate of SGD, relative to `learning_rate`.", Positive),
    "sgd_momentum": Argument("momentum of SGD.", Share),
}
"""The arguments of all optimizers first, then those of some."""

OPTIMIZERS = KerasWords(
    __name__,
    "optimizers",
    Optimizer,
    ARGUMENTS,
    {
        "sgd": Word("SGD", "Stochastic gradient descent with momentum.", name="Sgd"),
        "rmsprop": Word(
            "RMSprop",
            "Gradients divided by the root of a moving average of their squares.",
            source="Hinton 2012",
            name="RmsProp",
        ),
        "adam": Word(
            "Adam", "Adaptive estimates of the first and second moments of the gradients.", source="Kingma & Ba 2015"
        ),
        "adamw": Word("AdamW", "Adam with decoupled weight decay.", source="Loshchilov & Hutter 2019"),
        "adadelta": Word(
            "Adadelta", "Adaptive learning rates from a moving window of gradients.", source="Zeiler 2012"
        ),
        "adafactor": Word(
            "Adafactor", "Adam with a factored second moment, which saves memory.", "Shazeer & Stern 2018"
        ),
        "adagrad": Word(
            "Adagrad", "Adaptive learning rates from accumulated squared gradients.", source="Duchi et al. 2011"
        ),
        "adamax": Word("Adamax", "Variant of Adam based on the infinity norm.", "Kingma & Ba 2015"),
        "ftrl": Word("Ftrl", "Follow the regularized leader (FTRL).", "McMahan et al. 2013"),
        "lamb": Word("Lamb", "Layer-wise adaptive moments, for large batches.", "You et al. 2020"),
        "lion": Word("Lion", "Updates by the sign of the momentum.", "Chen et al. 2023"),
        "muon": Word(
            "Muon",
            "Orthogonalized updates for matrices; AdamW for all other weights, including conv kernels.",
            "Jordan et al. 2024",
        ),
        "muon_sgd": Word(
            "extra.MuonSGD",
            "Orthogonalized updates for kernels, including conv kernels; SGD with Nesterov momentum for all other"
            " weights: norms, biases, embeddings and the last kernel of the network.",
            "Jordan et al. 2024; not in Keras",
            name="MuonSgd",
        ),
        "nadam": Word("Nadam", "Adam with Nesterov momentum.", "Dozat 2016"),
        "schedule_free_adamw": Word(
            "ScheduleFreeAdamW",
            "AdamW without a schedule, which averages its iterates instead.",
            "Defazio et al. 2024",
        ),
    },
)
