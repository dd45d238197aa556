"""Noise in training, against learning by heart; nothing at all in inference."""

from typing import ClassVar

from archdsl.ops.base import AliasesInput, Call, Example, Kind, Op, Positive, Seed, Shape, Share, Traits, image
from archdsl.ops.receptive_field import POINTWISE, ReceptiveField

_X = ((3, 2, 5),)


class _Noise(Op):
    """Something random.

    Args:
        seed: makes the draws the same in each run.
    """

    kind: ClassVar[Kind] = "dropout"
    aliases_input: ClassVar[AliasesInput] = "inference"
    traits: ClassVar[Traits] = Traits(elementwise=True)
    layer: ClassVar[str] = ""

    seed: Seed = None

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return POINTWISE

    def label(self) -> str:
        return f"{super().label()} {getattr(self, 'rate', 0):g}"

    def keras(self) -> Call:
        return self.call(self.layer, "rate")


class Dropout(_Noise, name="dropout"):
    """In training, zeros a `rate` of the numbers and scales the rest up. Any shape -> the same shape.

    Keras `Dropout`; Srivastava et al. 2014.

    Args:
        rate: the share of numbers that become 0.
    """

    layer: ClassVar[str] = "layers.Dropout"
    traits: ClassVar[Traits] = Traits(elementwise=True, drops=True, keeps_zero=True, values="same_sign")

    rate: Share

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"rate": 0.5}, _X, _X[0]),
        Example({"rate": 0.1, "seed": 3}, ((7,),), (7,)),
    )


class SpatialDropout(_Noise, name="spatial_dropout"):
    """In training, zeros a `rate` of the channels and scales the rest up. (H, W, C) -> (H, W, C).

    Keras `SpatialDropout2D`; Tompson et al. 2014.

    Args:
        rate: the share of channels that become 0.
    """

    layer: ClassVar[str] = "layers.SpatialDropout2D"
    traits: ClassVar[Traits] = Traits(elementwise=True, drops=True, keeps_zero=True, values="same_sign")

    rate: Share

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"rate": 0.5}, _X, _X[0]),
        Example({"rate": 0.1, "seed": 3}, _X, _X[0]),
    )

    def fits(self, *inputs: Shape) -> None:
        image(inputs[0], self.name)


class StochasticDepth(_Noise, name="stochastic_depth"):
    """In training, drops this path for a `rate` of the images and scales the rest up. Any shape -> the same shape.

    It stands last on a path beside a shortcut. Huang et al. 2016; also called drop path.

    Args:
        rate: the share of images that go without this path.
    """

    layer: ClassVar[str] = "StochasticDepth"
    traits: ClassVar[Traits] = Traits(elementwise=True, keeps_zero=True, values="same_sign")

    rate: Share

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"rate": 0.2}, _X, _X[0]),
        Example({"rate": 0.0, "seed": 3}, ((7,),), (7,)),
    )


class AlphaDropout(_Noise, name="alpha_dropout"):
    """Dropout that keeps mean and variance, behind `selu`. Any shape -> the same shape.

    Keras `AlphaDropout`; Klambauer et al. 2017.

    Args:
        rate: the share of numbers that are dropped.
    """

    layer: ClassVar[str] = "layers.AlphaDropout"

    rate: Share

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"rate": 0.5}, _X, _X[0]),
        Example({"rate": 0.1, "seed": 3}, ((7,),), (7,)),
    )


class GaussianDropout(_Noise, name="gaussian_dropout"):
    """In training, each number times one of a normal distribution about 1. Any shape -> the same shape.

    Keras `GaussianDropout`; Srivastava et al. 2014.

    Args:
        rate: gives the standard deviation, sqrt(rate / (1 - rate)).
    """

    layer: ClassVar[str] = "layers.GaussianDropout"
    traits: ClassVar[Traits] = Traits(elementwise=True, drops=True, keeps_zero=True)

    rate: Share

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"rate": 0.5}, _X, _X[0]),
        Example({"rate": 0.1, "seed": 3}, ((7,),), (7,)),
    )


class GaussianNoise(_Noise, name="gaussian_noise"):
    """In training, adds numbers of a normal distribution about 0. Any shape -> the same shape. Keras `GaussianNoise`.

    Args:
        stddev: their standard deviation.
    """

    stddev: Positive

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"stddev": 0.5}, _X, _X[0]),
        Example({"stddev": 0.1, "seed": 3}, ((7,),), (7,)),
    )

    def keras(self) -> Call:
        return self.call("layers.GaussianNoise", "stddev")

    def label(self) -> str:
        return f"Gaussian noise {self.stddev:g}"
