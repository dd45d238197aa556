"""The section `train` of a recipe: how a network is trained, in Keras's words."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, WrapValidator, model_validator

from archdsl.errors import nearest
from archdsl.ops.field_types import Flag, NotNegative, Positive, either, whole
from archdsl.recipe.base import NONE, Closed, Conflict, Counted, Epochs, Section, Whole, invalid
from archdsl.recipe.choices import LossChoice, ObjectChoice
from archdsl.recipe.data import Data
from archdsl.recipe.fine_tuning import Parts, Patterns, Unfreeze, Weights
from archdsl.recipe.losses import LOSSES
from archdsl.recipe.metrics import METRICS
from archdsl.recipe.optimizers import OPTIMIZERS
from archdsl.recipe.tasks import TASKS

Metric = Annotated[Any, ObjectChoice("a metric", METRICS)]
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16", "float64"]
Task: TypeAlias = Literal[tuple(TASKS)]  # type: ignore[valid-type]
Monitor = Literal["validation_loss", "validation_score", "validation_accuracy"]


SCORE, LOSS = "validation_score", "validation_loss"
"""The values of `monitor` that are not the name of an output."""


class Rates(Section):
    """Learning rate multipliers by kind and by path of weight; they do not apply to the weight decay.

    Args:
        kernels: multiplier for kernels and all weights not listed below.
        biases: multiplier for the biases of convolutions and dense layers.
        norm_scales: multiplier for the scales (gamma) of normalizations.
        norm_biases: multiplier for the offsets (beta) of normalizations.
        parts: additional multipliers by path or pattern of weights, such as `{stem: 0.1}`. If several match a weight,
            the last one applies.
    """

    kernels: NotNegative = 1.0
    biases: NotNegative = 1.0
    norm_scales: NotNegative = 1.0
    norm_biases: NotNegative = 1.0
    parts: Parts = {}


class EarlyStopping(Section):
    """Stops training when a monitored value has stopped improving.

    Args:
        patience: number of epochs without improvement after which training stops.
        monitor: value to monitor; `validation_score` is the score of the task. `validation_accuracy`, its old name, is
            the same.
        min_delta: minimum change that counts as an improvement.
    """

    patience: Epochs = 10
    monitor: Monitor = "validation_loss"
    min_delta: NotNegative = 0.0


class Lookahead(Section):
    """Lookahead: slow weights that are updated from the fast weights every few steps (Zhang et al. 2019).

    Args:
        every: number of steps between updates; the fast weights then continue from the slow weights.
        share: fraction of the slow weights to keep in an update.
        grow: `cubic` increases that fraction from 0 with the third power of the training progress (Jordan 2024).
    """

    every: Counted = 5
    share: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.77
    grow: Literal["cubic", "none"] = "cubic"


class Whiten(Section):
    """Initializes a convolution to whiten the patches of the training images, and freezes it (Jordan 2024).

    Args:
        layer: name of the convolution's step.
        epsilon: small number added to the eigenvalues of the patch covariance.
    """

    layer: str
    epsilon: Positive = 0.0005


class TestTime(Section):
    """Test-time augmentation: averages the predictions over transformed images.

    Args:
        flip: whether to include the horizontally flipped image.
        shift: distance in pixels of two more images, shifted up-left and down-right; 0 for none.
    """

    flip: Flag = True
    shift: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=1_000)] = 1


class Train(Section):
    """How the network is trained, in Keras's words.

    Args:
        epochs: number of epochs.
        optimizer: optimizer, with or without arguments: `adam`, `{adam: {learning_rate: 0.001}}`.
        decay: weights that `weight_decay` applies to; `kernels` excludes norms and biases.
        weights: trained weights to start from. What they do not have is initialized.
        freeze: paths or patterns of weights that are not trained, such as `[stem, "block_*/**"]`. A path includes
            everything inside. A batch normalization that is frozen runs in inference mode.
        unfreeze: trains frozen weights, too, after some epochs.
        rates: learning rate multipliers by kind and by path of weight.
        task: what the network predicts, or what each of its outputs does; by default, inferred from the data, the loss
            and the shape of the output.
        loss: loss function, with or without arguments: `huber`, `{huber: {delta: 2.0}}`; by default, that of the task.
        from_logits: whether the network outputs logits, without a softmax; by default, inferred from the last op.
        label_smoothing: amount of label smoothing: the fraction of each label to spread over all classes.
        loss_weights: weight of each output's loss in the total loss, by output; defaults to 1.
        metrics: metrics to compute, in addition to those of the task.
        precision: Keras dtype policy.
        jit_compile: whether to compile the training step with XLA; with `auto`, Keras decides.
        onednn: whether TensorFlow uses oneDNN kernels on a CPU; with `auto`, TensorFlow decides and uses them if the
            CPU has AVX-512. Without AVX-512, they still cut the time of convolutions to between half and two thirds.
        steps_per_execution: number of steps to run in one call; `auto` chooses by the size of the training set.
        early_stopping: stops training when a monitored value has stopped improving.
        keep: epoch whose weights to keep: the `best` on the validation set or the `last`. Without a validation set, it
            is the last.
        monitor: value that selects the best epoch: `validation_score` of the first output, `validation_loss`, or the
            name of an output, whose score it is.
        lookahead: slow weights that are updated from the fast weights every few steps.
        whiten: initializes a convolution to whiten the patches of the training images, and freezes it.
        test_time: test-time augmentation: averages the predictions over flipped and shifted images.
        deterministic: whether the same seed gives bit-identical results, at the cost of speed.
        seed: random seed of the weights, the order of images and the augmentation.
    """

    misplaced: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("lr", "learning_rate"), "set it on the optimizer: `optimizer: {adam: {learning_rate: 0.001}}`"
        ),
        "momentum": "set it on the optimizer: `optimizer: {sgd: {momentum: 0.9}}`",
        "weight_decay": "set it on the optimizer: `optimizer: {adamw: {weight_decay: 0.004}}`",
        **{word: f"move `{word}` to `data`" for word in ("batch_size", "augment", "class_weights", "validation")},
    }

    epochs: Epochs = 10
    optimizer: Annotated[Any, ObjectChoice("an optimizer", OPTIMIZERS)] = Field("adam", validate_default=True)
    decay: Literal["all", "kernels"] = "all"
    weights: Annotated[Weights | None, NONE] = None
    freeze: Patterns = []
    unfreeze: Annotated[Unfreeze | None, NONE] = None
    rates: Rates = Rates.model_construct()
    task: Task | dict[str, Task] | None = None
    loss: Annotated[Any, LossChoice("a loss", LOSSES)] = None
    from_logits: Flag | None = None
    label_smoothing: Closed = 0.0
    loss_weights: dict[str, NotNegative] | None = None
    metrics: list[Metric] = []
    precision: Precision = "float32"
    jit_compile: Annotated[Flag | Literal["auto"], WrapValidator(either("`true`, `false` or `auto`"))] = "auto"
    onednn: Annotated[Flag | Literal["auto"], WrapValidator(either("`true`, `false` or `auto`"))] = "auto"
    steps_per_execution: Annotated[
        Counted | Literal["auto"], WrapValidator(either("`auto` or an integer of at least 1"))
    ] = "auto"
    early_stopping: Annotated[EarlyStopping | None, NONE] = None
    keep: Literal["best", "last"] = "best"
    monitor: str = SCORE
    lookahead: Annotated[Lookahead | None, NONE] = None
    whiten: Annotated[Whiten | None, NONE] = None
    test_time: Annotated[TestTime | None, NONE] = None
    deterministic: Flag = False
    seed: Whole = 0

    @property
    def losses(self) -> dict[str, Any]:
        """The losses that are known without the data, by output; a single loss has an empty name."""
        if self.loss is not None:
            return self.loss if isinstance(self.loss, dict) else {"": self.loss}
        return {"": LOSSES[TASKS[self.task].loss]()} if isinstance(self.task, str) else {}

    def task_of(self, output: str) -> str | None:
        """The task of an output, or None if it is inferred."""
        task: str | None = self.task.get(output) if isinstance(self.task, dict) else self.task
        return task

    @model_validator(mode="after")
    def _unfreezing(self) -> "Train":
        if self.unfreeze is not None and not self.freeze:
            hint = "add `freeze` with the weights to freeze first"
            raise invalid(Conflict("`unfreeze` requires `freeze`", ("unfreeze",), hint))
        if self.unfreeze is not None and self.unfreeze.after >= self.epochs:
            message = f"`after: {self.unfreeze.after}` is never reached: training has {self.epochs} epochs"
            raise invalid(Conflict(message, ("unfreeze", "after")))
        return self

    @model_validator(mode="after")
    def _smoothing(self) -> "Train":
        losses = self.losses.values()
        if self.label_smoothing and losses and not any(loss.takes("label_smoothing") for loss in losses):
            raise invalid(self.no_smoothing())
        return self

    @staticmethod
    def no_smoothing() -> Conflict:
        """The conflict of `label_smoothing` with losses that do not have it."""
        taking = [f"`{word}`" for word, loss in LOSSES.items() if loss.takes("label_smoothing")]
        return Conflict(f"`label_smoothing` requires one of the losses {', '.join(taking)}", ("label_smoothing",))

    @model_validator(mode="after")
    def _together(self) -> "Train":
        together, slow = self.steps_per_execution, self.lookahead
        if isinstance(together, int) and slow is not None and slow.every % together:
            message = f"`steps_per_execution: {together}` does not divide `lookahead.every: {slow.every}`"
            raise invalid(Conflict(message, ("steps_per_execution",)))
        return self

    @model_validator(mode="after")
    def _labels(self) -> "Train":
        whole = [loss for loss in self.losses.values() if loss.sparse]
        for number, metric in enumerate(self.metrics):
            if whole and not metric.takes_ids:
                raise invalid(needs_one_hot(number, metric, whole[0]))
        return self

    @model_validator(mode="after")
    def _decay(self) -> "Train":
        if self.decay == "kernels" and not self.optimizer.weight_decay:
            message = (
                f"`decay: kernels` requires an optimizer with `weight_decay`, but `{self.optimizer.word}` has none"
            )
            raise invalid(Conflict(message, ("decay",)))
        return self

    @model_validator(mode="after")
    def _outputs(self, info: ValidationInfo) -> "Train":
        """Check that each output has a loss; the names of the outputs are in the context."""
        if info.context is None:
            return self
        names: list[str] = info.context["outputs"]
        conflicts = []
        for field in ("loss", "task", "loss_weights"):
            given = getattr(self, field)
            for output in given if isinstance(given, dict) else ():
                if output not in names:
                    alone = f"this network has one output: write the {field.replace('_', ' ')} without its name"
                    if field == "loss_weights":
                        alone = "this network has one output, so its weight changes nothing: remove it"
                    hint = nearest(output, names) if names else alone
                    conflicts.append(Conflict(f"unknown output `{output}`", (field, output), hint, "ARCH005"))
        if isinstance(self.loss, dict):
            for name in names:
                if name not in self.loss:
                    message, hint = f"missing loss for the output `{name}`", f"add `{name}: ...`"
                    conflicts.append(Conflict(message, ("loss",), hint, "ARCH006", at_key=False))
        elif self.loss is not None and len(names) > 1:
            hint = f"`loss: {{{', '.join(f'{name}: ...' for name in names)}}}`"
            message = f"expected one loss for each of the {len(names)} outputs"
            conflicts.append(Conflict(message, ("loss",), hint, "ARCH007", at_key=False))
        if self.monitor not in (SCORE, LOSS, *names):
            hint = nearest(self.monitor, [SCORE, LOSS, *names])
            message = f"unknown value `{self.monitor}` of `monitor`"
            conflicts.append(Conflict(message, ("monitor",), hint, at_key=False))
        if conflicts:
            raise invalid(*conflicts)
        return self


def needs_one_hot(number: int, metric: Any, loss: Any) -> Conflict:
    """The conflict of a metric that requires one-hot labels with a loss that requires integer labels."""
    message = f"`{metric.word}` requires one-hot labels, but `{loss.word}` uses integer labels"
    return Conflict(message, ("metrics", number))


def mixes_labels(data: Data, loss: str) -> Conflict:
    """The conflict of an augmentation that mixes labels with a loss that requires whole ones."""
    message = f"`{data.mixes[0]}` mixes labels, but `{loss}` requires integer labels"
    hint = "use a loss for one-hot labels, such as `categorical_crossentropy`"
    return Conflict(message, ("data", "augment", data.mixes[0]), hint)


class Recipe(Section):
    """The sections `data` and `train` of a spec or of one of its variants.

    Args:
        data: the data set, its preprocessing and its augmentation.
        train: how the network is trained.
    """

    data: Data | None = None
    train: Train | None = None

    @model_validator(mode="after")
    def _together(self) -> "Recipe":
        if self.data is None:
            return self
        train, conflicts = self.train or Train(), []
        sparse = [loss.word for loss in train.losses.values() if loss.sparse]
        if self.data.mixes and sparse:
            conflicts.append(mixes_labels(self.data, sparse[0]))
        if not self.data.validation:
            hint = "set `data.validation` to hold out a fraction of the training set"
            if train.early_stopping is not None:
                message = "`early_stopping` requires a validation set"
                conflicts.append(Conflict(message, ("train", "early_stopping"), hint))
            if "keep" in train.model_fields_set and train.keep == "best":
                message = "`keep: best` requires a validation set"
                conflicts.append(Conflict(message, ("train", "keep"), hint))
        if conflicts:
            raise invalid(*conflicts)
        return self


def planned_steps(data: Data | None, train: Train | None) -> int | None:
    """The number of steps of a training, if it is known without reading the data."""
    steps = data.known_steps if data else None
    return None if steps is None else steps * (train or Train()).epochs
