"""Ops that are called for each step of the first axis, as in Keras's `TimeDistributed`."""

from functools import cache
from typing import Any, ClassVar

from archdsl.ops.base import ANALYSED, Counts, Op, SavedForBackward, Shape, Traits, Weight
from archdsl.ops.receptive_field import ReceptiveField


class EachStep(Op):
    """Base class of the ops that call another one for each step. Its class has the fields of that op.

    It takes the shapes of all steps together: (T, ...) -> (T, ...). The analyses make no assumptions about it.
    """

    one_step: ClassVar[type[Op]]
    """The class of the op that is called for each step."""
    depends_on: ClassVar[ReceptiveField] = "whole"
    saved: ClassVar[SavedForBackward] = SavedForBackward()
    traits: ClassVar[Traits] = Traits()
    ranks: ClassVar[tuple[int, ...]] = ()
    aliases_input = "never"

    @property
    def inner(self) -> Op:
        """The op that is called for each step."""
        return self.one_step.model_construct(**dict(self))

    def output(self, *inputs: Shape) -> Shape:
        return inputs[0][0], *self.inner.output(*_inside(inputs))

    def gives(self, *dtypes: str) -> str:
        return self.inner.gives(*dtypes)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return self.inner.weights(*_inside(inputs))

    def macs(self, *inputs: Shape) -> int:
        return inputs[0][0] * self.inner.macs(*_inside(inputs))

    def activations(self, *inputs: Shape) -> int:
        return inputs[0][0] * self.inner.activations(*_inside(inputs))

    def fvcore(self, *inputs: Shape) -> Counts:
        return Counts(*(inputs[0][0] * count for count in self.inner.fvcore(*_inside(inputs))))

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return self.depends_on

    def sliding_windows(self, x: Shape, y: Shape) -> None:
        return None

    def workspace(self, *inputs: Shape) -> int:
        return inputs[0][0] * self.inner.workspace(*_inside(inputs))

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        kept = self.inner.saved_for_backward(*_inside(inputs))
        return kept._replace(workspace=inputs[0][0] * kept.workspace)

    def label_of_rank(self, rank: int) -> str:
        return self.inner.label_of_rank(rank - 1)

    def label(self) -> str:
        return self.inner.label()


for _fact in ANALYSED:
    setattr(EachStep, _fact, getattr(Op, _fact))


def _inside(inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """The shapes of one step."""
    return tuple(x[1:] for x in inputs)


def each_step(op: Op) -> Op:
    """The op that calls another one for each step."""
    return _class_for(type(op)).model_construct(**dict(op))


@cache
def _class_for(one_step: type[Op]) -> type[EachStep]:
    facts: dict[str, Any] = {"one_step": one_step, "name": one_step.name, "__module__": one_step.__module__}
    facts["__annotations__"] = {"one_step": ClassVar[type[Op]]}
    bases = (one_step,) if issubclass(one_step, EachStep) else (EachStep, one_step)
    made: type[EachStep] = type(EachStep)(f"EachStep{one_step.__name__}", bases, facts)  # type: ignore[misc]
    return made
