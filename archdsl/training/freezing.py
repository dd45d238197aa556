"""Freezes weights at the start of a training, and unfreezes them after some epochs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import groupby
from typing import Any

import keras

from archdsl.graph import Graph
from archdsl.recipe import Train
from archdsl.resolution import fine_tuning
from archdsl.runs.initial_weights import Part


class Freezing(keras.callbacks.Callback):  # type: ignore[misc]
    """Unfreezes weights at the beginning of an epoch.

    A layer whose weights are all frozen is not trainable, so that its batch normalization runs in inference mode. The
    optimizer has a state for trainable weights only. Therefore, a new one replaces it when more weights are trained, as
    after `compile` in Keras: moments of different age would make the first steps of the new weights too long.

    Args:
        new_optimizer: returns an optimizer for the trainable weights of the model, after a number of epochs.
    """

    def __init__(self, model: keras.Model, recipe: Train, new_optimizer: Callable[[int], Any]) -> None:
        super().__init__()
        self.set_model(model)
        self.after = recipe.unfreeze.after if recipe.unfreeze else None
        self.new_optimizer = new_optimizer
        # Some weights are never trained, such as moving statistics, or a convolution that whitens.
        self._trainable = [(one, one.trainable) for one in (*_layers(model), *model.weights)]
        self.frozen = fine_tuning.frozen(recipe, _paths(model))
        self.later = fine_tuning.unfrozen(recipe, self.frozen)
        if recipe.unfreeze and not recipe.unfreeze.batch_norms:
            norms = (layer for layer in _layers(model) if isinstance(layer, keras.layers.BatchNormalization))
            self.later -= {path for layer in norms for path in _paths(layer)}

    def parts(self, graph: Graph, recipe: Train, new: Collection[str]) -> list[Part]:
        """Describe the steps of the model that have weights.

        Args:
            new: the weights that were not copied.
        """
        weights = dict(graph.weights())
        rates = fine_tuning.rates(recipe, weights)
        parts = []
        for name, group in groupby(weights.items(), lambda item: item[0].partition("/")[0]):
            found = list(group)
            trained = [path for path, weight in found if weight.trainable]
            sizes = {path: weight.size for path, weight in found}
            parts.append(
                Part(
                    names=[name],
                    parameters=sum(sizes.values()),
                    copied=sum(size for path, size in sizes.items() if path not in new),
                    trainable=sum(sizes[path] for path in trained),
                    frozen=sum(sizes[path] for path in trained if path in self.frozen),
                    later=sum(sizes[path] for path in trained if path in self.later),
                    rates=sorted({rates.get(path, 1.0) for path in trained}),
                )
            )
        return parts

    def freeze(self) -> None:
        """Freeze the weights, before the optimizer is built."""
        self._freeze(self.frozen)

    def unfreeze(self) -> None:
        """Unfreeze the weights, and replace the optimizer."""
        for one, trainable in self._trainable:
            one.trainable = trainable
        self._freeze(self.frozen - self.later)
        optimizer = self.new_optimizer(self.after or 0)
        if isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(self.model.trainable_variables)
        self.model.optimizer = optimizer
        self.model.make_train_function(force=True)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.after and self.later:
            self.unfreeze()

    def _freeze(self, paths: set[str]) -> None:
        for layer in _layers(self.model):
            own = _paths(layer)
            if own and paths.issuperset(own):
                layer.trainable = False
        for variable in self.model.weights:
            if variable.path in paths:
                variable.trainable = False


def _layers(model: keras.Model) -> list[Any]:
    """All layers, each before those inside of it."""
    return list(model._flatten_layers(include_self=False, recursive=True))


def _paths(layer: Any) -> list[str]:
    """The paths of the weights of a layer."""
    return [variable.path for variable in layer.weights if "seed_generator" not in variable.path]
