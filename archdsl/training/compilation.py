"""From a recipe to a compiled network: optimizer, loss and metrics, and whether the data fits at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from archdsl.data.dataset import Dataset
from archdsl.errors import fail
from archdsl.keras.optimizers import RATED, MuonSGD, OneCycle, WarmUp
from archdsl.ops.base import Call
from archdsl.recipe import METRICS, Train
from archdsl.recipe.losses import Loss
from archdsl.training import optimizers

_OURS: dict[str, Any] = {made.__name__: made for made in (MuonSGD, OneCycle, WarmUp, *RATED.values())}
"""What `Call`s of `extra` stand for."""


def instantiate(value: Any) -> Any:
    """What a `Call` stands for, made by Keras; the Calls among its arguments are made first."""
    if isinstance(value, Call):
        package, _, target = value.target.partition(".")
        made: Any = _OURS[target] if package == "extra" else getattr(keras, package)
        for name in () if package == "extra" else target.split("."):
            made = getattr(made, name)
        return made(*map(instantiate, value.positional), **instantiate(value.keywords))
    if isinstance(value, Mapping):
        return {name: instantiate(entry) for name, entry in value.items()}
    return type(value)(map(instantiate, value)) if isinstance(value, list | tuple) else value


def check_fit(model: keras.Model, dataset: Dataset, name: str) -> None:
    """Refuses a network that cannot take the images, or that does not end in one number for each class.

    Raises:
        ArchError: it does not fit (ARCH303).
    """
    check_images(model, dataset, name)
    classes = len(dataset.classes)
    if not _fits(model.output_shape, (classes,)):
        message = f"the network gives {_show(model.output_shape)}, and {name} has {classes} classes"
        raise fail("ARCH303", message, hint=f"let it end in a dense layer of {classes} units")


def check_images(model: keras.Model, dataset: Dataset, name: str) -> None:
    """Refuses a network that cannot take the images.

    Raises:
        ArchError: it does not fit (ARCH303).
    """
    wanted, offered = model.input_shape, dataset.image_shape
    if not _fits(wanted, offered):
        message = f"the network takes {_show(wanted)}, and the images of {name} are {_show((None, *offered))}"
        raise fail("ARCH303", message, hint="change the spec's `input`, or its `data.source`")


def compile_model(
    model: keras.Model,
    recipe: Train,
    epochs: int,
    steps: int,
    *,
    optimizer: Any = None,
    loss: Any = None,
    metrics: Sequence[Any] = (),
    steps_per_execution: int = 1,
) -> None:
    """Compiles a network as its recipe says; `accuracy` is always among the metrics, for it chooses the best epoch.

    Args:
        epochs: how many there will be, which schedules of the learning rate need to know.
        steps: optimizer steps in an epoch.
        optimizer: a user's own, in place of the recipe's.
        loss: a user's own, in place of the recipe's.
        metrics: a user's own, beside the recipe's.
        steps_per_execution: how many steps run in one call where the recipe says `auto`.

    Raises:
        ArchError: Keras refuses the recipe's values (ARCH401).
    """
    together = steps_per_execution if recipe.steps_per_execution == "auto" else recipe.steps_per_execution
    try:
        model.compile(
            optimizer=optimizer or make_optimizer(recipe, model, epochs, steps),
            loss=loss or make_loss(recipe, model),
            metrics=make_metrics(recipe, model, metrics),
            jit_compile=recipe.jit_compile,
            steps_per_execution=together,
        )
    except (ValueError, TypeError) as error:
        raise fail("ARCH401", f"Keras refuses the recipe: {' '.join(str(error).split())}") from None


def make_optimizer(recipe: Train, model: keras.Model, epochs: int, steps: int) -> Any:
    """The recipe's optimizer for this network; `epochs` and `steps` are as in `compile_model`."""
    made = instantiate(optimizers.call(recipe, model, epochs, steps))
    optimizers.hold_decay(made, recipe, model)
    return made


def make_loss(recipe: Train, model: keras.Model) -> Any:
    """The recipe's loss. Where the recipe does not say so, the network itself tells whether it gives logits."""
    made = {output: _loss(loss, recipe, model, output) for output, loss in recipe.losses.items()}
    return made.get("", made)


def _loss(loss: Loss, recipe: Train, model: keras.Model, output: str) -> Any:
    logits = loss.takes("from_logits") and _logits(recipe, model, output, loss)
    return instantiate(loss.to_call(logits, recipe.label_smoothing))


def make_metrics(recipe: Train, model: keras.Model, more: Sequence[Any] = ()) -> Any:
    """The recipe's metrics, with accuracy first; each in its form for one-hot labels or for whole numbers.

    Where several outputs have losses of their own, those that tell classes have the metrics.

    Args:
        more: a user's own, which come last.
    """
    made = {output: [*_metrics(recipe, loss, model, output), *more] for output, loss in recipe.losses.items()}
    if "" in made:
        return made[""]
    return {output: found for output, found in made.items() if recipe.losses[output].takes("from_logits")}


def _metrics(recipe: Train, loss: Loss, model: keras.Model, output: str) -> list[Any]:
    named = {metric.word: metric for metric in (METRICS["accuracy"](), *recipe.metrics)}
    logits = any(metric.logits or metric.probabilities for metric in named.values()) and _logits(
        recipe, model, output, loss
    )
    for word, metric in named.items():
        if metric.probabilities and logits and metric.top_k is None:
            hint = f"`{{{word}: {{top_k: 1}}}}` takes the first class, whatever the outputs are"
            raise fail("ARCH401", f"`{word}` wants probabilities, and the network ends without a softmax", hint=hint)
    return [instantiate(metric.to_call(word, loss.sparse, logits)) for word, metric in named.items()]


def _logits(recipe: Train, model: keras.Model, output: str, loss: Loss) -> bool:
    """Whether an output gives logits: as the recipe says, else as the network shows."""
    return not gives_probabilities(model, output, loss.each) if recipe.from_logits is None else recipe.from_logits


def one_hot(recipe: Train) -> bool:
    """Whether the loss wants one-hot labels, and not whole numbers."""
    return not any(loss.sparse for loss in recipe.losses.values())


def gives_probabilities(model: keras.Model, output: str = "", each: bool = False) -> bool:
    """Whether the outputs (or those of one output by name) are probabilities that add up to 1, as behind a softmax.

    A black image asks the network itself, whatever layers its end is nested in. Without biases, logits of a black
    image are zeros.

    Args:
        each: whether it is enough that each is a probability, as behind a sigmoid; then an image of noise asks, too.
    """
    black = [np.zeros([1, *(side or 32 for side in tensor.shape[1:])], "float32") for tensor in model.inputs]
    if each:
        noise = np.random.default_rng(0)
        outputs = [_outputs(model, [noise.normal(0, 10, image.shape) for image in black], output) for _ in range(4)]
        return bool(all((found >= 0).all() and (found <= 1).all() and found.any() for found in outputs))
    found = _outputs(model, black, output)
    return bool((found >= 0).all() and abs(found.sum() - 1) < 1e-2)


def _outputs(model: keras.Model, images: list[Any], output: str) -> Any:
    given = model(images if len(images) > 1 else images[0], training=False)
    return (given[output] if output else given).numpy().astype("float64")


def _fits(shape: Any, offered: tuple[int, ...]) -> bool:
    """Whether a Keras shape, batch axis first, admits what is offered; a model of many inputs has no such shape."""
    if not isinstance(shape, tuple) or len(shape) != len(offered) + 1:
        return False
    return all(wanted in (None, given) for wanted, given in zip(shape[1:], offered, strict=True))


def _show(shape: Any) -> str:
    """`32x32x3`; an open axis is `?`."""
    if not isinstance(shape, tuple) or not all(side is None or isinstance(side, int) for side in shape):
        shapes = list(shape.values()) if isinstance(shape, dict) else shape
        return f"{len(shapes)} tensors ({', '.join(map(_show, shapes))})"
    return "x".join("?" if side is None else str(side) for side in shape[1:]) or "a number"
