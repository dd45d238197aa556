"""Muon for convolutions, too: Keras's own gives everything that is no matrix to AdamW."""

import math

import keras


@keras.saving.register_keras_serializable(package="archdsl_extra")
class MuonSGD(keras.optimizers.Optimizer):
    """Orthogonal steps for kernels, and SGD with Nesterov's momentum for all other weights (Jordan et al. 2024).

    A kernel (..., in, out) is seen as a matrix of `out` rows. The last kernel of the network, embeddings, and whatever
    is a vector go by SGD.

    Args:
        learning_rate: of the orthogonal steps.
        momentum: how much of the last step goes into the next.
        nesterov: whether the gradient is taken where the momentum leads.
        ns_steps: Newton-Schulz steps.
        hold_norm: whether a kernel is scaled to the norm sqrt(out) before each step.
        sgd_lr_ratio: the learning rate of SGD, as a factor on the other.
        sgd_momentum: the momentum of SGD.
        arguments: what every Keras optimizer takes.
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
        # The kernel of a depthwise convolution has one row: there is nothing to turn.
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
    """The nearest matrix of orthogonal rows or columns, roughly: its singular values lie around 1.

    Each step is a polynomial of the fifth degree, whose slope at 0 is steep (Jordan et al. 2024).
    """
    ops = keras.ops
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
    for _ in range(steps):
        square = ops.matmul(x, ops.transpose(x))
        x = 3.4445 * x + ops.matmul(2.0315 * ops.matmul(square, square) - 4.775 * square, x)
    return ops.transpose(x) if tall else x
