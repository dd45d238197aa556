"""Compiles a network with the optimizer, loss and metrics of a recipe."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import keras
import numpy as np

from archdsl.data.input_description import DescribedHead
from archdsl.data.pipeline.targets import Encoding
from archdsl.data.targets import NumberTarget
from archdsl.errors import fail
from archdsl.keras.optimizers import RATED, Continued, MuonSGD, OneCycle, WarmUp
from archdsl.ops.base import Call
from archdsl.recipe import LOSSES, METRICS, Train
from archdsl.recipe.losses import Loss
from archdsl.recipe.metrics import Metric
from archdsl.resolution import fine_tuning
from archdsl.training.tasks import Head

EXTRA: dict[str, Any] = {kind.__name__: kind for kind in (Continued, MuonSGD, OneCycle, WarmUp, *RATED.values())}
"""The classes that a `Call` can refer to as `extra`."""

WeightKind: TypeAlias = Literal["kernels", "biases", "norm_scales", "norm_biases"]
"""The kinds of weights in a recipe; any other weight counts as a kernel."""

NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
)
KIND_IN_NORMALIZATIONS: dict[str, WeightKind] = {"gamma": "norm_scales", "scale": "norm_scales", "beta": "norm_biases"}


def instantiate(value: Any) -> Any:
    """Create the Keras object of a `Call`, after those of its arguments."""
    if isinstance(value, Call):
        package, *names = value.target.split(".")
        target: Any = EXTRA[names.pop()] if package == "extra" else getattr(keras, package)
        for name in names:
            target = getattr(target, name)
        return target(*map(instantiate, value.positional), **instantiate(value.keywords))
    if isinstance(value, Mapping):
        return {name: instantiate(entry) for name, entry in value.items()}
    return type(value)(map(instantiate, value)) if isinstance(value, list | tuple) else value


def compile_model(
    model: keras.Model,
    recipe: Train,
    heads: Sequence[Head],
    epochs: int,
    steps: int,
    *,
    optimizer: Any = None,
    loss: Any = None,
    metrics: Sequence[Any] = (),
    steps_per_execution: int = 1,
) -> None:
    """Compile a network for a recipe.

    Args:
        heads: the outputs that are trained.
        epochs: the number of epochs, for learning rate schedules.
        steps: the number of optimizer steps per epoch.
        optimizer: overrides that of the recipe.
        loss: overrides that of the recipe.
        metrics: metrics in addition to those of the recipe.
        steps_per_execution: the number of steps per call if the recipe says `auto`.

    Raises:
        ArchError: Keras rejects a value of the recipe (ARCH401).
    """
    if recipe.steps_per_execution != "auto":
        steps_per_execution = recipe.steps_per_execution
    try:
        model.compile(
            optimizer=optimizer or make_optimizer(recipe, model, epochs, steps),
            loss=loss or make_loss(recipe, model, heads),
            loss_weights=loss_weights(recipe, heads),
            metrics=make_metrics(recipe, model, heads, metrics),
            jit_compile=recipe.jit_compile,
            steps_per_execution=steps_per_execution,
        )
    except (ValueError, TypeError) as error:
        raise fail("ARCH401", f"Keras rejected the recipe: {' '.join(str(error).split())}") from None


def make_optimizer(recipe: Train, model: keras.Model, epochs: int, steps: int) -> Any:
    """Create the optimizer of a recipe; a plain Keras optimizer if all weights have the same learning rate.

    Args:
        epochs, steps: as in `compile_model`.
    """
    kinds = weight_kinds(model)
    call: Call = recipe.optimizer.to_call(epochs, steps)
    of_parts = fine_tuning.rates(recipe, kinds)
    factors = {path: getattr(recipe.rates, kind) * of_parts.get(path, 1.0) for path, kind in kinds.items()}
    rates = {path: rate for path, rate in factors.items() if rate != 1}
    if rates:
        name = call.target.rpartition(".")[2]
        call = replace(call, target=f"extra.Rated{name}", keywords={**call.keywords, "rates": rates})
    optimizer = instantiate(call)
    if recipe.decay == "kernels":
        undecayed = [variable for variable in model.trainable_variables if kinds[variable.path] != "kernels"]
        optimizer.exclude_from_weight_decay(var_list=undecayed)
    return optimizer


def continue_schedule(optimizer: Any, steps: int) -> None:
    """Let the learning rate schedule of a new optimizer begin after a number of steps."""
    schedule = optimizer._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        optimizer.learning_rate = instantiate(Call("extra.Continued", (schedule, steps), {}))


def weight_kinds(model: keras.Model) -> dict[str, WeightKind]:
    """The kind of each trainable weight, by its path."""
    kinds: dict[str, WeightKind] = {variable.path: "kernels" for variable in model.trainable_variables}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        for variable in layer._trainable_variables:
            if variable.path not in kinds:
                continue
            if isinstance(layer, NORMALIZATIONS):
                kinds[variable.path] = KIND_IN_NORMALIZATIONS[variable.name]
            elif variable.name == "bias" or variable.name.endswith("_bias"):
                kinds[variable.path] = "biases"
    return kinds


class UnstandardizedMetric(keras.metrics.Metric):  # type: ignore[misc]
    """A metric of standardized numbers, in the unit of the numbers."""

    def __init__(self, metric: Any, target: NumberTarget) -> None:
        super().__init__(name=metric.name)
        self.metric, self.target = metric, target

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true, predicted = (self.target.restored(keras.ops.cast(each, "float32")) for each in (y_true, y_pred))
        self.metric.update_state(true, predicted, sample_weight)

    def reset_state(self) -> None:
        self.metric.reset_state()

    def result(self) -> Any:
        return self.metric.result()


def make_loss(recipe: Train, model: keras.Model, heads: Sequence[Head]) -> Any:
    """Create the loss of a recipe, or a loss for each output by name.

    If the recipe does not specify `from_logits`, it is inferred from the network.
    """
    losses = {}
    for head in heads:
        loss = loss_of(recipe, head)
        if head.numbers is not None and head.numbers.standardize and not loss.of_difference:
            message = f"`{loss.word}` takes numbers in their own unit, but `{head.column}` is standardized"
            raise fail("ARCH303", message, hint="set `standardize_targets: false` in `data`")
        logits = loss.takes("from_logits") and _ends_in_logits(recipe, model, head.output, loss)
        losses[head.output] = instantiate(loss.to_call(logits, recipe.label_smoothing))
    return losses.get("", losses)


def loss_weights(recipe: Train, heads: Sequence[Head]) -> dict[str, float] | None:
    """The weight of each output's loss in the total loss, or None if all are 1."""
    given = recipe.loss_weights
    return None if given is None else {head.output: given.get(head.output, 1.0) for head in heads}


def loss_of(recipe: Train, head: Head) -> Loss:
    """The loss of an output: that of the recipe, or that of its task."""
    given = recipe.loss[head.output] if isinstance(recipe.loss, dict) else recipe.loss
    loss: Loss = LOSSES[head.task.facts.loss]() if given is None else given
    return loss


def described_heads(recipe: Train, model: keras.Model, heads: Sequence[Head]) -> tuple[DescribedHead, ...]:
    """What a saved model records of its outputs."""
    described = []
    for head in heads:
        loss = loss_of(recipe, head)
        logits = _ends_in_logits(recipe, model, head.output, loss) if loss.takes("from_logits") else None
        described.append(DescribedHead(head.output, head.column, head.task.word, logits))
    return tuple(described)


def make_metrics(recipe: Train, model: keras.Model, heads: Sequence[Head], more: Sequence[Any] = ()) -> Any:
    """Create the metrics of each output: those of its task first, then those of the recipe.

    Args:
        more: the caller's own, which come last.
    """
    metrics = {head.output: [*_metrics(recipe, model, head), *more] for head in heads}
    return metrics.get("", metrics)


def _metrics(recipe: Train, model: keras.Model, head: Head) -> list[Any]:
    own, loss = head.task.facts.metrics, loss_of(recipe, head)
    fitting = (metric for metric in recipe.metrics if fits_metric(head, metric))
    by_word = {metric.word: metric for metric in (*(METRICS[word]() for word in own), *fitting)}
    encoding, each = head.task.encoding(loss), head.task.facts.target == "tags"
    depends = any(
        metric.logits or metric.probabilities or metric.has_threshold or metric.depends_on_logits
        for metric in by_word.values()
    )
    logits = depends and _ends_in_logits(recipe, model, head.output, loss)
    for word, metric in by_word.items():
        one_column = each or encoding == "binary"
        if logits and ((metric.has_threshold and one_column) or (metric.probabilities and metric.top_k is None)):
            hint = f"to count the most likely class, use `{{{word}: {{top_k: 1}}}}`; or end the network with `softmax`"
            hint = "end the network with `sigmoid`" if one_column else hint
            raise fail("ARCH401", f"`{word}` expects probabilities, but the network outputs logits", hint=hint)
    metrics = [
        instantiate(metric.to_call(word, encoding, logits, head.classes, each)) for word, metric in by_word.items()
    ]
    if head.numbers is None or not head.numbers.standardize:
        return metrics
    return [UnstandardizedMetric(metric, head.numbers) for metric in metrics]


def fits_metric(head: Head, metric: Metric) -> bool:
    """Whether a metric judges what an output predicts: a number or one of some classes."""
    return metric.of_numbers or head.task.facts.target not in ("number", "image")


def _ends_in_logits(recipe: Train, model: keras.Model, output: str, loss: Loss) -> bool:
    return not gives_probabilities(model, output, loss.each) if recipe.from_logits is None else recipe.from_logits


def sigmoid_logits(recipe: Train, model: keras.Model, heads: Sequence[Head]) -> frozenset[str]:
    """The outputs whose values become probabilities by a sigmoid."""
    each = [head.output for head in heads if head.task.link == "sigmoid"]
    if recipe.from_logits is not None:
        return frozenset(each if recipe.from_logits else ())
    return frozenset(output for output in each if not gives_probabilities(model, output, each=True))


def encodings(recipe: Train, heads: Sequence[Head]) -> dict[str, Encoding]:
    """How the losses take each target.

    Raises:
        ArchError: two losses take the same target in different ways (ARCH303).
    """
    found: dict[str, Encoding] = {}
    for head in heads:
        loss = loss_of(recipe, head)
        encoding = head.task.encoding(loss)
        if found.setdefault(head.column, encoding) != encoding:
            message = f"the losses of `{head.column}` take it in different ways: `{loss.word}` differs from the others"
            raise fail("ARCH303", message, hint="use one loss for all outputs that predict it")
    return found


def gives_probabilities(model: keras.Model, output: str = "", each: bool = False) -> bool:
    """Whether the outputs (or those of one output by name) are probabilities that sum to 1, as after a softmax.

    The network is run on a black image, whatever layers its end is nested in. Without biases, the logits of a black
    image are zeros.

    Args:
        each: whether it is enough that each is a probability, as after a sigmoid; then random inputs are tried.
    """

    def outputs(images: list[Any]) -> Any:
        with warnings.catch_warnings():  # Keras expects a list of one image, but takes the image
            warnings.filterwarnings("ignore", "The structure of `inputs` doesn't match", UserWarning)
            given = model(images if len(images) > 1 else images[0], training=False)
        return (given[output] if output else given).numpy().astype("float64")

    # The dtype of an integer input is kept: its zeros are ids.
    black = [np.zeros([1, *(side or 32 for side in tensor.shape[1:])], tensor.dtype) for tensor in model.inputs]
    if each:
        ids, random = _valid_ids(model), np.random.default_rng(0)
        rows = 1 if any(one.dtype.kind == "f" for one in black) else 64
        tries = [outputs([_random_like(one, rows, ids, random) for one in black]) for _ in range(4)]
        return bool(all((values >= 0).all() and (values <= 1).all() and values.any() for values in tries))
    values = outputs(black)
    return bool((values >= 0).all() and (abs(values.sum(axis=-1) - 1) < 1e-2).all())


def _valid_ids(model: keras.Model) -> int:
    """How many ids every embedding of a network knows; 2 if it has none."""
    layers = model._flatten_layers(include_self=False, recursive=True)
    return min((layer.input_dim for layer in layers if isinstance(layer, keras.layers.Embedding)), default=2)


def _random_like(black: Any, rows: int, ids: int, random: np.random.Generator) -> Any:
    """Random values of the shape and dtype of a black image; of ids, half of the rows repeat one id."""
    if black.dtype.kind == "f":
        return random.normal(0, 10, (rows, *black.shape[1:]))
    if black.dtype.kind not in "iu":
        return np.repeat(black, rows, axis=0)
    values = random.integers(0, ids, (rows, *black.shape[1:]))
    # A mean over many random ids is nearly the same for all rows.
    repeated = values.reshape(rows, -1)[: rows // 2]
    repeated[:] = repeated[:, :1]
    return values.astype(black.dtype)
