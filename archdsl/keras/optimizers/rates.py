"""Optimizers with a learning rate factor for each weight."""

import keras

from archdsl.keras.optimizers.muon import MuonSGD


class RatedOptimizer(keras.optimizers.Optimizer):
    """A Keras optimizer with a learning rate factor for each weight, which does not affect weight decay.

    Args:
        rates: Factor of each weight by path; 1 for other weights.
        arguments: Arguments of the Keras optimizer.
    """

    def __init__(self, *arguments, rates=None, **keywords):
        super().__init__(*arguments, **keywords)
        self.rates = dict(rates or {})
        self._factors = []

    def build(self, variables):
        self._factors = [self.rates.get(variable.path, 1.0) for variable in variables]
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        factor = self._factors[self._get_variable_index(variable)]
        # A factor of 1 is skipped to save a product for each weight and step.
        super().update_step(gradient, variable, learning_rate if factor == 1.0 else learning_rate * factor)

    def get_config(self):
        return {**super().get_config(), "rates": dict(self.rates)}


_NAMES = (
    *("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adafactor", "Adagrad", "Adamax", "Ftrl", "Lamb", "Lion"),
    *("Muon", "Nadam", "ScheduleFreeAdamW"),
)

_BASES = [*(getattr(keras.optimizers, name) for name in _NAMES if hasattr(keras.optimizers, name)), MuonSGD]

RATED = {
    base.__name__: keras.saving.register_keras_serializable(package="archdsl_extra", name=f"Rated{base.__name__}")(
        type(
            f"Rated{base.__name__}", (RatedOptimizer, base), {"__module__": __name__, "__doc__": RatedOptimizer.__doc__}
        )
    )
    for base in _BASES
}
"""The subclass of each optimizer, by name."""
