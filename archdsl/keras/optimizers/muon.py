"""Muon that includes convolutions, which Keras's own version leaves to AdamW."""

import math

import keras


@keras.saving.register_keras_serializable(package="archdsl_extra")
class MuonSGD(keras.optimizers.Optimizer):
    """Muon for kernels, and SGD with Nesterov momentum for all other weights (Jordan et al. 2024).

    Muon treats a kernel (..., in, out) as a matrix with `out` rows, and orthogonalizes its update. The last kernel of
    the network, embeddings and vectors are updated by SGD.

    Args:
        learning_rate: Learning rate of Muon.
        momentum: Momentum of Muon.
        nesterov: Whether to use Nesterov momentum.
        ns_steps: Number of Newton-Schulz iterations.
        hold_norm: Whether to scale each kernel to the norm sqrt(out) before each step.
        sgd_lr_ratio: Learning rate of SGD relative to `learning_rate`.
        sgd_momentum: Momentum of SGD.
        arguments: Arguments of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.1,
        momentum=0.6,
        nesterov=True,
        ns_steps=3,
        hold_norm=True,
        sgd_lr_ratio=3.5,
        sgd_momentum=0.85,
        **arguments,
    ):
        super().__init__(learning_rate=learning_rate, **arguments)
        self.momentum = momentum
        self.nesterov = nesterov
        self.ns_steps = ns_steps
        self.hold_norm = hold_norm
        self.sgd_lr_ratio = sgd_lr_ratio
        self.sgd_momentum = sgd_momentum
        self._momentums = []
        self._turned = []

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums = [self.add_variable_from_reference(variable, name="momentum") for variable in variables]
        kernels = [variable for variable in variables if len(variable.shape) > 1]
        self._turned = [self._turns(variable) and variable is not kernels[-1] for variable in variables]

    def _turns(self, variable):
        if len(variable.shape) < 2 or "embedding" in variable.path.lower():
            return False
        # The kernel of a depthwise convolution has one row, which cannot be orthogonalized.
        return min(variable.shape[-1], math.prod(variable.shape[:-1])) > 1

    def update_step(self, gradient, variable, learning_rate):
        ops = keras.ops
        index = self._get_variable_index(variable)
        turned, last = self._turned[index], self._momentums[index]
        momentum = self.momentum if turned else self.sgd_momentum
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign(last, momentum * last + gradient)
        step = gradient + momentum * last if self.nesterov else last
        if not turned:
            self.assign_sub(variable, self.sgd_lr_ratio * rate * step)
            return
        rows = variable.shape[-1]
        turn = orthogonal(ops.transpose(ops.reshape(step, (-1, rows))), self.ns_steps)
        step = ops.reshape(ops.transpose(turn), variable.shape)
        scale = math.sqrt(rows) / ops.sqrt(ops.sum(ops.square(variable))) if self.hold_norm else 1.0
        self.assign(variable, scale * variable - rate * step)

    def get_config(self):
        own = ("momentum", "nesterov", "ns_steps", "hold_norm", "sgd_lr_ratio", "sgd_momentum")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def orthogonal(matrix, steps):
    """Approximate the nearest semi-orthogonal matrix, with singular values around 1.

    Each Newton-Schulz step is a polynomial of degree 5 with a steep slope at 0 (Jordan et al. 2024).
    """
    ops = keras.ops
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
    for _ in range(steps):
        square = ops.matmul(x, ops.transpose(x))
        x = 3.4445 * x + ops.matmul(2.0315 * ops.matmul(square, square) - 4.775 * square, x)
    return ops.transpose(x) if tall else x
