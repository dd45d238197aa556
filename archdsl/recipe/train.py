"""What `train:` may say: how a network is trained, in Keras's words."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, WrapValidator, model_validator

from archdsl.errors import nearest
from archdsl.ops.field_types import Flag, NotNegative, Positive, either, whole
from archdsl.recipe.base import NONE, Closed, Conflict, Counted, Epochs, Section, Whole, invalid
from archdsl.recipe.choices import LossChoice, ObjectChoice
from archdsl.recipe.data import Data
from archdsl.recipe.losses import LOSSES
from archdsl.recipe.metrics import METRICS
from archdsl.recipe.optimizers import OPTIMIZERS

Metric = Annotated[Any, ObjectChoice("a metric", METRICS)]
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16", "float64"]
Monitor = Literal["validation_loss", "validation_accuracy"]


class Rates(Section):
    """Factors on the learning rate by kind of weight; the weight decay is not scaled.

    Args:
        kernels: on that of kernels and of everything that is none of the others.
        biases: on that of the biases of convolutions and dense layers.
        norm_scales: on that of what norms multiply by.
        norm_biases: on that of what norms add.
    """

    kernels: NotNegative = 1.0
    biases: NotNegative = 1.0
    norm_scales: NotNegative = 1.0
    norm_biases: NotNegative = 1.0


class EarlyStopping(Section):
    """Ends the training when nothing gets better.

    Args:
        patience: after how many epochs without a better value.
        monitor: the value.
        min_delta: by how much a value must be better to count.
    """

    patience: Epochs = 10
    monitor: Monitor = "validation_loss"
    min_delta: NotNegative = 0.0


class Lookahead(Section):
    """Slow weights that follow the fast ones (Zhang et al. 2019).

    Args:
        every: after how many steps each time slow weights move to the fast ones, and those go on from there.
        share: how much of the slow weights stays.
        grow: `cubic` lets that share grow from 0 by the third power of the training's progress (Jordan 2024).
    """

    every: Counted = 5
    share: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.77
    grow: Literal["cubic", "none"] = "cubic"


class Whiten(Section):
    """A convolution that whitens the training images' patches, and stays so (Jordan 2024).

    Args:
        layer: the name of the convolution's step.
        epsilon: what is added to each variance.
    """

    layer: str
    epsilon: Positive = 0.0005


class TestTime(Section):
    """Predictions as means over changed images.

    Args:
        flip: whether the mirrored image counts, too.
        shift: by how many pixels images moved up-left and down-right count, too; 0 for none.
    """

    flip: Flag = True
    shift: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=1_000)] = 1


class Train(Section):
    """How the network is trained: Keras's words.

    Args:
        epochs: how often the training set is seen.
        optimizer: one word, or one with arguments: `{adam: {learning_rate: 0.001}}`.
        decay: which weights `weight_decay` takes from: `kernels` leaves norms and biases out.
        rates: factors on the learning rate by kind of weight.
        loss: what is made small: one word, or one with arguments: `{huber: {delta: 2.0}}`.
        from_logits: whether the network ends without a softmax; without it, the last op tells.
        label_smoothing: how much of each label is spread over all classes.
        metrics: what is measured beside the loss.
        precision: Keras's dtype policy.
        jit_compile: whether XLA compiles the training step; `auto` leaves it to Keras.
        onednn: whether TensorFlow computes with oneDNN's kernels on a CPU; `auto` leaves it to TensorFlow, which does
            so where there is AVX-512. Elsewhere, too, convolutions take half to two thirds of the time with them.
        steps_per_execution: how many steps run in one call; `auto` chooses by the size of the training set.
        early_stopping: ends the training when nothing gets better.
        keep: which epoch's network is the run's; without a validation part it is the last.
        lookahead: slow weights that follow the fast ones.
        whiten: a convolution that whitens the training images' patches, and stays so.
        test_time: predictions as means over mirrored and shifted images.
        deterministic: whether the same seed gives the same run to the bit, which costs time.
        seed: makes the weights, the order and the augmentation the same each time.
    """

    epochs: Epochs = 10
    optimizer: Annotated[Any, ObjectChoice("an optimizer", OPTIMIZERS)] = Field("adam", validate_default=True)
    decay: Literal["all", "kernels"] = "all"
    rates: Rates = Rates.model_construct()
    loss: Annotated[Any, LossChoice("a loss", LOSSES)] = Field("categorical_crossentropy", validate_default=True)
    from_logits: Flag | None = None
    label_smoothing: Closed = 0.0
    metrics: list[Metric] = Field(["accuracy"], validate_default=True)
    precision: Precision = "float32"
    jit_compile: Annotated[Flag | Literal["auto"], WrapValidator(either("`true`, `false` or `auto`"))] = "auto"
    onednn: Annotated[Flag | Literal["auto"], WrapValidator(either("`true`, `false` or `auto`"))] = "auto"
    steps_per_execution: Annotated[
        Counted | Literal["auto"], WrapValidator(either("`auto` or a whole number from 1 on"))
    ] = "auto"
    early_stopping: Annotated[EarlyStopping | None, NONE] = None
    keep: Literal["best", "last"] = "best"
    lookahead: Annotated[Lookahead | None, NONE] = None
    whiten: Annotated[Whiten | None, NONE] = None
    test_time: Annotated[TestTime | None, NONE] = None
    deterministic: Flag = False
    seed: Whole = 0

    @property
    def losses(self) -> dict[str, Any]:
        """The loss of each output by name; of one output by nothing."""
        return self.loss if isinstance(self.loss, dict) else {"": self.loss}

    @model_validator(mode="after")
    def _smoothing(self) -> "Train":
        if self.label_smoothing and not any(loss.takes("label_smoothing") for loss in self.losses.values()):
            taking = [f"`{word}`" for word, loss in LOSSES.items() if loss.takes("label_smoothing")]
            message = f"`label_smoothing` wants one of the losses {', '.join(taking)}"
            raise invalid(Conflict(message, ("label_smoothing",)))
        return self

    @model_validator(mode="after")
    def _together(self) -> "Train":
        together, slow = self.steps_per_execution, self.lookahead
        if isinstance(together, int) and slow is not None and slow.every % together:
            message = f"`lookahead` moves every {slow.every} steps, which {together} steps in one call do not divide"
            raise invalid(Conflict(message, ("steps_per_execution",)))
        return self

    @model_validator(mode="after")
    def _labels(self) -> "Train":
        whole = [loss for loss in self.losses.values() if loss.sparse]
        for number, metric in enumerate(self.metrics):
            if whole and not metric.sparse:
                message = f"`{metric.word}` wants one-hot labels, and `{whole[0].word}` has whole numbers"
                raise invalid(Conflict(message, ("metrics", number)))
        return self

    @model_validator(mode="after")
    def _decay(self) -> "Train":
        if self.decay == "kernels" and not self.optimizer.weight_decay:
            message = f"`{self.optimizer.word}` has no `weight_decay` that `decay` could hold"
            raise invalid(Conflict(message, ("decay",)))
        return self

    @model_validator(mode="after")
    def _outputs(self, info: ValidationInfo) -> "Train":
        """Each of several outputs has a loss; `outputs` of the context are their names."""
        if info.context is None:
            return self
        names: list[str] = info.context["outputs"]
        conflicts = []
        if isinstance(self.loss, dict):
            for output in self.loss:
                if output not in names:
                    hint = nearest(output, names) if names else "this network has one output: write the loss alone"
                    message = f"`{output}` is no output of this network"
                    conflicts.append(Conflict(message, ("loss", output), hint, "ARCH005"))
            for name in names:
                if name not in self.loss:
                    message, hint = f"the output `{name}` has no loss", f"add `{name}: ...`"
                    conflicts.append(Conflict(message, ("loss",), hint, "ARCH006", at_key=False))
        elif len(names) > 1:
            hint = f"`loss: {{{', '.join(f'{name}: ...' for name in names)}}}`"
            message = "each of several outputs has a loss of its own"
            conflicts.append(Conflict(message, ("loss",), hint, "ARCH007", at_key=False))
        if conflicts:
            raise invalid(*conflicts)
        return self


class Recipe(Section):
    """Both sections of a file, or what a variant makes of them, and what they must have in common.

    Args:
        data: where the images come from.
        train: how the network is trained.
    """

    data: Data | None = None
    train: Train | None = None

    @model_validator(mode="after")
    def _together(self) -> "Recipe":
        if self.data is None:
            return self
        train, conflicts = self.train or Train(), []
        mixes = [word for word in ("mixup", "cutmix") if getattr(self.data.augment, word)]
        sparse = [loss.word for loss in train.losses.values() if loss.sparse]
        if mixes and sparse:
            message = f"`{mixes[0]}` mixes labels, and `{sparse[0]}` wants whole ones"
            hint = "take a loss of one-hot labels, such as `categorical_crossentropy`"
            conflicts.append(Conflict(message, ("data", "augment", mixes[0]), hint))
        if not self.data.validation:
            hint = "`data.validation` holds out a share of the training set"
            if train.early_stopping is not None:
                message = "without a validation part, nothing tells when to stop"
                conflicts.append(Conflict(message, ("train", "early_stopping"), hint))
            if "keep" in train.model_fields_set and train.keep == "best":
                message = "without a validation part, no epoch is known to be the best"
                conflicts.append(Conflict(message, ("train", "keep"), hint))
        if conflicts:
            raise invalid(*conflicts)
        return self
