"""A recipe's optimizer for a network: which weights decay, and at which rate each kind of weight learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import keras

from archdsl.ops.base import Call
from archdsl.recipe import Train

Kind: TypeAlias = Literal["kernels", "biases", "norm_scales", "norm_biases"]
"""The kinds of weights that a recipe tells apart; whatever is none of the others is among the kernels."""

_NORMS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
)
_OF_NORMS: dict[str, Kind] = {"gamma": "norm_scales", "scale": "norm_scales", "beta": "norm_biases"}


def kinds(model: keras.Model) -> dict[str, Kind]:
    """The kind of each trainable weight, by its path."""
    found: dict[str, Kind] = {variable.path: "kernels" for variable in model.trainable_variables}
    for layer in _layers(model):
        for variable in layer._trainable_variables:
            if isinstance(layer, _NORMS):
                found[variable.path] = _OF_NORMS[variable.name]
            elif variable.name == "bias" or variable.name.endswith("_bias"):
                found[variable.path] = "biases"
    return {variable.path: found[variable.path] for variable in model.trainable_variables}


def _layers(model: keras.Model) -> Iterator[Any]:
    yield from model._flatten_layers(include_self=False, recursive=True)


def call(recipe: Train, model: keras.Model, epochs: int, steps: int) -> Call:
    """The constructor of a recipe's optimizer: Keras's own, where every weight learns at the same rate.

    Args:
        epochs, steps: as in `compile_model`.
    """
    made: Call = recipe.optimizer.to_call(epochs, steps)
    factors = factors_of(recipe, model)
    if not factors:
        return made
    name = made.target.rpartition(".")[2]
    return replace(made, target=f"extra.Rated{name}", keywords={**made.keywords, "rates": factors})


def factors_of(recipe: Train, model: keras.Model) -> Mapping[str, float]:
    """The factor on the learning rate of each weight that has another than 1, by its path."""
    wanted = {path: getattr(recipe.rates, kind) for path, kind in kinds(model).items()}
    return {path: factor for path, factor in wanted.items() if factor != 1}


def hold_decay(optimizer: Any, recipe: Train, model: keras.Model) -> None:
    """Leaves norms and biases out of the weight decay, where the recipe says so."""
    if recipe.decay == "kernels":
        told = kinds(model)
        optimizer.exclude_from_weight_decay(
            var_list=[variable for variable in model.trainable_variables if told[variable.path] != "kernels"]
        )
