"""Noise in training, against learning by heart; nothing at all in inference."""

from typing import ClassVar

from archdsl.ops.base import Example, Op, Shape, Traits, image
from archdsl.ops.field_types import Positive, Seed, Share
from archdsl.ops.receptive_field import POINTWISE

_X = ((3, 2, 5),)


class _Noise(Op, kind="dropout"):
    """Something random.

    Args:
        seed: makes the draws the same in each run.
    """

    aliases_input = "inference"
    traits = Traits(elementwise=True)
    depends_on = POINTWISE

    seed: Seed = None

    def label(self) -> str:
        (strength,) = self.keras().positional
        return f"{super().label()} {strength:g}"


class _Dropout(_Noise):
    """Noise of a `rate`, on tensors of any shape."""

    rate: Share

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"rate": 0.5}, _X, _X[0]),
        Example({"rate": 0.1, "seed": 3}, ((7,),), (7,)),
    )


class Dropout(_Dropout, name="dropout", layer="layers.Dropout"):
    """In training, zeros a `rate` of the numbers and scales the rest up. Any shape -> the same shape.

    Keras `Dropout`; Srivastava et al. 2014.

    Args:
        rate: the share of numbers that become 0.
    """

    traits = Traits(elementwise=True, drops=True, keeps_zero=True, values="same_sign")


class SpatialDropout(_Dropout, name="spatial_dropout", layer="layers.SpatialDropout2D"):
    """In training, zeros a `rate` of the channels and scales the rest up. (H, W, C) -> (H, W, C).

    Keras `SpatialDropout2D`; Tompson et al. 2014.

    Args:
        rate: the share of channels that become 0.
    """

    traits = Traits(elementwise=True, drops=True, keeps_zero=True, values="same_sign")

    examples = (Example({"rate": 0.5}, _X, _X[0]), Example({"rate": 0.1, "seed": 3}, _X, _X[0]))

    def fits(self, *inputs: Shape) -> None:
        image(inputs[0], self.name)


class StochasticDepth(_Dropout, name="stochastic_depth", layer="StochasticDepth"):
    """In training, drops this path for a `rate` of the images and scales the rest up. Any shape -> the same shape.

    It stands last on a path beside a shortcut. Huang et al. 2016; also called drop path.

    Args:
        rate: the share of images that go without this path.
    """

    traits = Traits(elementwise=True, keeps_zero=True, values="same_sign")

    examples = (Example({"rate": 0.2}, _X, _X[0]), Example({"rate": 0.0, "seed": 3}, ((7,),), (7,)))


class AlphaDropout(_Dropout, name="alpha_dropout", layer="layers.AlphaDropout"):
    """Dropout that keeps mean and variance, behind `selu`. Any shape -> the same shape.

    Keras `AlphaDropout`; Klambauer et al. 2017.

    Args:
        rate: the share of numbers that are dropped.
    """


class GaussianDropout(_Dropout, name="gaussian_dropout", layer="layers.GaussianDropout"):
    """In training, each number times one of a normal distribution about 1. Any shape -> the same shape.

    Keras `GaussianDropout`; Srivastava et al. 2014.

    Args:
        rate: gives the standard deviation, sqrt(rate / (1 - rate)).
    """

    traits = Traits(elementwise=True, drops=True, keeps_zero=True)


class GaussianNoise(_Noise, name="gaussian_noise", layer="layers.GaussianNoise"):
    """In training, adds numbers of a normal distribution about 0. Any shape -> the same shape. Keras `GaussianNoise`.

    Args:
        stddev: their standard deviation.
    """

    stddev: Positive

    examples = (Example({"stddev": 0.5}, _X, _X[0]), Example({"stddev": 0.1, "seed": 3}, ((7,),), (7,)))
