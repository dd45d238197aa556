"""Rules about the length of the training that a recipe plans."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.analysis.dataflow import OpFacts
from archdsl.linting.rule import Network, Occurrence, Rule, example
from archdsl.text import quantity

LEFT = 0.05
"""The share of the initial statistics from which a batch normalization counts as not settled."""

SETTLED = 0.01
"""The share that a suggested momentum leaves at most, if there is one."""

MOMENTUMS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)


class UnsettledBatchNorm(Rule):
    """Checks for batch normalizations whose moving averages still contain at least 5 % of their initial values when
    training ends. The share is `momentum` to the power of the number of steps. The lint checks recipes with a source of
    known size; `archdsl train` and its dry run check all of them.

    The network trains with the statistics of each batch, but validation and predictions use the moving averages. If
    these have not settled, the accuracy on new images is far below that in training, without any other sign. Keras's
    default of 0.99 takes 300 steps to settle, more than a small data set has in a few epochs.
    """

    code = "ARCH521"
    title = "batch norm that does not settle"
    wrong = example(
        "conv: {filters: 8, kernel: 5, bias: false, norm: batch, activation: relu}",
        size="[8, 8, 1]",
        end="  - global_average_pool\n  - dense: {units: 10, activation: softmax}\n",
        recipe="data: {source: digits}\ntrain: {epochs: 5}\n",
    )
    right = example(
        "conv: {filters: 8, kernel: 5, bias: false, norm: {batch: {momentum: 0.9}}, activation: relu}",
        size="[8, 8, 1]",
        end="  - global_average_pool\n  - dense: {units: 10, activation: softmax}\n",
        recipe="data: {source: digits}\ntrain: {epochs: 5}\n",
    )
    condition = (
        f"a batch normalization keeps at least {LEFT * 100:g} % of its initial statistics at the end of training"
    )
    together = "the moving averages of {layers} do not settle during training"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        steps = network.training_steps
        momentum = one.op.averaging_momentum()
        recipe = network.spec.train
        if steps is None or momentum is None or (recipe and recipe.weights):  # trained weights have settled averages
            return
        left = momentum**steps
        if left >= LEFT:
            better = settling(momentum, steps)
            kept = f"after {quantity(steps, 'step')}, {left * 100:.0f} % of their initial values are left"
            edit = f"set `momentum: {better:g}` for `batch_norm`, here or in `defaults`" if better else "train longer"
            yield self.at(
                one,
                f"the moving averages of `{one.node.name}` do not settle during training",
                fields=("momentum",),
                hint=f"{edit}; {kept}",
            )


def settling(momentum: float, steps: int) -> float | None:
    """The largest usual momentum below the given one whose averages settle within a number of steps, if there is one."""
    smaller = [each for each in MOMENTUMS if each < momentum]
    return next((each for each in smaller if each**steps <= SETTLED), smaller[-1] if smaller else None)


RULES: tuple[Rule, ...] = (UnsettledBatchNorm(),)
