"""Dense layers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from archdsl.ops.base import Call, Count, Example, Flag, Kind, Op, OpError, Shape, Weight


class Dense(Op, name="dense"):
    """Each output from all channels. (..., C) -> (..., units). Keras `Dense`."""

    kind: ClassVar[Kind] = "dense"

    units: Count
    bias: Flag = True
    activation: Any = "none"

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"units": 5}, ((7,),), (5,)),
        Example({"units": 5, "bias": False}, ((4, 4, 7),), (4, 4, 5)),
    )

    def shape(self, *inputs: Shape) -> Shape:
        if not inputs[0]:
            raise OpError("`dense` wants channels, and gets a number")
        return (*inputs[0][:-1], self.units)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        kernel = Weight((inputs[0][-1], self.units))
        return {"kernel": kernel} | ({"bias": Weight((self.units,))} if self.bias else {})

    def macs(self, *inputs: Shape) -> int:
        return math.prod(inputs[0]) * self.units

    def keras(self) -> Call:
        return self.call("layers.Dense", "units", activation="activation", use_bias="bias")

    def label(self) -> str:
        return f"Dense {self.units}"
