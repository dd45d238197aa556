"""Normalisations."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from archdsl.ops.base import Call, Example, Flag, Kind, Op, Positive, Shape, Weight

Momentum = Annotated[float, Field(strict=True, ge=0, le=1)]


class BatchNorm(Op, name="batch_norm"):
    """Each channel to mean 0 and variance 1 over the batch. (..., C) -> (..., C).

    Keras `BatchNormalization`; Ioffe & Szegedy 2015.
    """

    kind: ClassVar[Kind] = "norm"

    momentum: Momentum = 0.99
    epsilon: Positive = 1e-3
    center: Flag = True
    scale: Flag = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((4, 4, 6),), (4, 4, 6)),
        Example({"momentum": 0.9, "epsilon": 1e-5, "scale": False}, ((6,),), (6,)),
        Example({"center": False}, ((4, 4, 6),), (4, 4, 6)),
    )

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        channels = inputs[0][-1:]
        learned = {"gamma": self.scale, "beta": self.center}
        return {name: Weight(channels) for name, there in learned.items() if there} | {
            "moving_mean": Weight(channels, trainable=False),
            "moving_variance": Weight(channels, trainable=False),
        }

    def keras(self) -> Call:
        return self.call(
            "layers.BatchNormalization", momentum="momentum", epsilon="epsilon", center="center", scale="scale"
        )

    def label(self) -> str:
        return "Batch norm"
