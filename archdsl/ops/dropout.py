"""Dropout and noise: ops that act only during training."""

from typing import ClassVar

from archdsl.ops.base import Example, Op, OpError, Shape, Traits, lengths, show
from archdsl.ops.field_types import NotNegative, Positive, Seed, Share
from archdsl.ops.receptive_field import POINTWISE

_X = ((3, 2, 5),)


class _Noise(Op, kind="dropout"):
    """Base class of the random ops.

    Args:
        seed: random seed, for reproducible results.
    """

    aliases_input = "inference"
    traits = Traits(elementwise=True)
    depends_on = POINTWISE

    seed: Seed = None

    def label(self) -> str:
        (strength,) = self.keras().positional
        return f"{super().label()} {strength:g}"


class _Dropout(_Noise):
    """Base class of the random ops with a `rate`, on tensors of any shape."""

    rate: Share

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"rate": 0.5}, _X, _X[0]),
        Example({"rate": 0.1, "seed": 3}, ((7,),), (7,)),
    )


class Dropout(_Dropout, name="dropout", layer="layers.Dropout"):
    """Sets a random fraction of the inputs to 0 during training. Any shape -> the same shape.

    Keras `Dropout`; Srivastava et al. 2014. The remaining inputs are scaled by 1 / (1 - rate).

    Args:
        rate: fraction of the inputs to drop.
    """

    traits = Traits(elementwise=True, drops=True, keeps_zero=True, values="same_sign")


class SpatialDropout(_Dropout, name="spatial_dropout", layer="layers.SpatialDropout2D"):
    """Sets a random fraction of the channels to 0 during training. (H, W, C) -> (H, W, C).

    Keras `SpatialDropout2D`; Tompson et al. 2014. The remaining channels are scaled by 1 / (1 - rate). On sequences
    (T, C), it is Keras's `SpatialDropout1D`, and on volumes (D, H, W, C), `SpatialDropout3D`.

    Args:
        rate: fraction of the channels to drop.
    """

    traits = Traits(elementwise=True, drops=True, keeps_zero=True, values="same_sign")

    ranks = (1, 2, 3)

    examples = (
        Example({"rate": 0.5}, _X, _X[0]),
        Example({"rate": 0.1, "seed": 3}, _X, _X[0]),
        Example({"rate": 0.5}, ((5, 4),), (5, 4)),
        Example({"rate": 0.5}, ((5, 4, 3, 2),), (5, 4, 3, 2)),
    )

    def fits(self, *inputs: Shape) -> None:
        lengths(inputs[0], self)


class StochasticDepth(_Dropout, name="stochastic_depth", layer="StochasticDepth"):
    """Drops a residual branch for a random fraction of the images during training. Any shape -> the same shape.

    Huang et al. 2016. Also called drop path. Use it as the last step of the branch, before the sum with the
    shortcut. For the remaining images, the branch is scaled by 1 / (1 - rate).

    Args:
        rate: probability of dropping the branch.
    """

    traits = Traits(elementwise=True, keeps_zero=True, values="same_sign")

    examples = (Example({"rate": 0.2}, _X, _X[0]), Example({"rate": 0.0, "seed": 3}, ((7,),), (7,)))


class AlphaDropout(_Dropout, name="alpha_dropout", layer="layers.AlphaDropout"):
    """Dropout that preserves the mean and variance of its inputs, for use with `selu`. Any shape -> the same shape.

    Keras `AlphaDropout`; Klambauer et al. 2017.

    Args:
        rate: probability of dropping an input.
    """


class GaussianDropout(_Dropout, name="gaussian_dropout", layer="layers.GaussianDropout"):
    """Multiplies the inputs by Gaussian noise with mean 1 during training. Any shape -> the same shape.

    Keras `GaussianDropout`; Srivastava et al. 2014.

    Args:
        rate: drop probability, as in `dropout`; the noise has standard deviation sqrt(rate / (1 - rate)).
    """

    traits = Traits(elementwise=True, drops=True, keeps_zero=True)


class GaussianNoise(_Noise, name="gaussian_noise", layer="layers.GaussianNoise"):
    """Adds Gaussian noise with mean 0 during training. Any shape -> the same shape. Keras `GaussianNoise`.

    Args:
        stddev: standard deviation of the noise.
    """

    stddev: Positive

    examples = (Example({"stddev": 0.5}, _X, _X[0]), Example({"stddev": 0.1, "seed": 3}, ((7,),), (7,)))


class SampleNormal(_Noise, name="sample_normal", layer="NormalSampling"):
    """Samples from a normal distribution with a given mean and log variance. Two equal shapes -> the same shape.

    The reparameterization trick of Kingma & Welling 2013: mean + exp(log_variance / 2) * noise. The inputs are the
    mean and the logarithm of the variance, in this order. At inference, the output is the mean.

    Args:
        kl: factor of the Kullback-Leibler divergence from a standard normal distribution, which is added to the loss:
            the sum over all values, averaged over the batch. 0 adds nothing.
    """

    many = True
    sign = "∼"

    kl: NotNegative = 0.0

    examples = (
        Example({}, ((7,), (7,)), (7,)),
        Example({"kl": 0.5, "seed": 3}, ((3, 2, 5), (3, 2, 5)), (3, 2, 5)),
    )

    def fits(self, *inputs: Shape) -> None:
        if len(inputs) != 2:
            hint = "name both in `from`: `from: [mean, log_variance]`"
            raise OpError(f"`sample_normal` takes a mean and a log variance, got {len(inputs)} inputs", hint=hint)
        if inputs[0] != inputs[1]:
            raise OpError(f"`sample_normal` needs equal shapes, got {show(inputs[0])} and {show(inputs[1])}")

    def label(self) -> str:
        return "Sample normal"
