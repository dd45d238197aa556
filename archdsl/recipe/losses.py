"""Keras's losses with all their arguments, as inert data, and which labels each wants."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archdsl.ops.base import Call, Flag, Positive, Share
from archdsl.ops.choices import Entry
from archdsl.recipe.base import Closed, NotNegative

Axis = Annotated[int, Field(strict=True, ge=-8, le=8)]


class Loss(Entry):
    """What is made small.

    Args:
        reduction: what becomes of the losses of a batch: their mean, their sum, or their mean by class weights.
    """

    sparse: ClassVar[bool] = False
    """Whether its labels are whole numbers, and not one-hot."""
    each: ClassVar[bool] = False
    """Whether it takes each class by itself, so that probabilities need not add up to 1."""

    reduction: Literal["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"] = "sum_over_batch_size"

    def told(self, from_logits: bool, label_smoothing: float) -> Call:
        """Its constructor.

        Args:
            from_logits, label_smoothing: what holds where the loss takes them and does not say them itself.
        """
        given = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        fields = type(self).model_fields
        for name, shared in (("from_logits", from_logits), ("label_smoothing", label_smoothing)):
            if name in fields and given.get(name) is None:
                given[name] = shared
        return Call(self.target, (), given)


class FromLogits(Loss):
    """A loss of logits or of probabilities.

    Args:
        from_logits: whether the network ends without a softmax or sigmoid; without it, as `train` says.
    """

    from_logits: Flag | None = None


class Crossentropy(FromLogits):
    """A loss of one-hot labels.

    Args:
        label_smoothing: how much of each label is spread over all classes; without it, as `train` says.
        axis: which axis has the classes.
    """

    label_smoothing: Closed | None = None
    axis: Axis = -1


class CategoricalCrossentropy(Crossentropy):
    """How surprised the network is by the class. Keras `CategoricalCrossentropy`."""

    target: ClassVar[str] = "losses.CategoricalCrossentropy"


class SparseCategoricalCrossentropy(FromLogits):
    """The same of labels that are whole numbers. Keras `SparseCategoricalCrossentropy`.

    Args:
        ignore_class: a class whose images do not count.
        axis: which axis has the classes.
    """

    target: ClassVar[str] = "losses.SparseCategoricalCrossentropy"
    sparse: ClassVar[bool] = True

    ignore_class: Annotated[int, Field(strict=True, ge=-1, le=1_000_000)] | None = None
    axis: Axis = -1


class CategoricalFocalCrossentropy(Crossentropy):
    """Cross-entropy in which easy images count less. Keras `CategoricalFocalCrossentropy`; Lin et al. 2018.

    Args:
        alpha: what all classes weigh.
        gamma: how much less an easy image counts.
    """

    target: ClassVar[str] = "losses.CategoricalFocalCrossentropy"

    alpha: NotNegative = 0.25
    gamma: NotNegative = 2.0


class CategoricalGeneralizedCrossEntropy(Loss):
    """Between cross-entropy and mean absolute error, for wrong labels.

    Keras `CategoricalGeneralizedCrossEntropy`; Zhang & Sabuncu 2018.

    Args:
        q: 0 is near cross-entropy, 1 near mean absolute error.
    """

    target: ClassVar[str] = "losses.CategoricalGeneralizedCrossEntropy"
    sparse: ClassVar[bool] = True

    q: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.5


class BinaryCrossentropy(Crossentropy):
    """Each class by itself, as behind a sigmoid. Keras `BinaryCrossentropy`."""

    target: ClassVar[str] = "losses.BinaryCrossentropy"
    each: ClassVar[bool] = True


class BinaryFocalCrossentropy(Crossentropy):
    """Each class by itself, and easy ones count less. Keras `BinaryFocalCrossentropy`; Lin et al. 2018.

    Args:
        apply_class_balancing: whether `alpha` weighs what is there, and 1 - `alpha` what is not.
        alpha: the weight of what is there.
        gamma: how much less an easy one counts.
    """

    target: ClassVar[str] = "losses.BinaryFocalCrossentropy"
    each: ClassVar[bool] = True

    apply_class_balancing: Flag = False
    alpha: NotNegative = 0.25
    gamma: NotNegative = 2.0


class CategoricalHinge(Loss):
    """The margin between the class and the best other one. Keras `CategoricalHinge`."""

    target: ClassVar[str] = "losses.CategoricalHinge"


class Hinge(Loss):
    """Each output's margin. Keras `Hinge`."""

    target: ClassVar[str] = "losses.Hinge"


class SquaredHinge(Loss):
    """Each output's margin, squared. Keras `SquaredHinge`."""

    target: ClassVar[str] = "losses.SquaredHinge"


class KLDivergence(Loss):
    """How far one distribution is from the other. Keras `KLDivergence`."""

    target: ClassVar[str] = "losses.KLDivergence"


class Poisson(Loss):
    """Outputs as rates of counts. Keras `Poisson`."""

    target: ClassVar[str] = "losses.Poisson"


class MeanSquaredError(Loss):
    """The squared difference. Keras `MeanSquaredError`."""

    target: ClassVar[str] = "losses.MeanSquaredError"


class MeanAbsoluteError(Loss):
    """The absolute difference. Keras `MeanAbsoluteError`."""

    target: ClassVar[str] = "losses.MeanAbsoluteError"


class MeanAbsolutePercentageError(Loss):
    """The absolute difference, as a percentage of the label. Keras `MeanAbsolutePercentageError`."""

    target: ClassVar[str] = "losses.MeanAbsolutePercentageError"


class MeanSquaredLogarithmicError(Loss):
    """The squared difference of logarithms. Keras `MeanSquaredLogarithmicError`."""

    target: ClassVar[str] = "losses.MeanSquaredLogarithmicError"


class Huber(Loss):
    """The squared difference where it is small, the absolute one where it is large. Keras `Huber`; Huber 1964.

    Args:
        delta: from where on a difference is large.
    """

    target: ClassVar[str] = "losses.Huber"

    delta: Positive = 1.0


class LogCosh(Loss):
    """The logarithm of the hyperbolic cosine of the difference. Keras `LogCosh`."""

    target: ClassVar[str] = "losses.LogCosh"


class CosineSimilarity(Loss):
    """The angle between labels and outputs. Keras `CosineSimilarity`.

    Args:
        axis: along which axis they are vectors.
    """

    target: ClassVar[str] = "losses.CosineSimilarity"

    axis: Axis = -1


class Dice(Loss):
    """How little labels and outputs overlap. Keras `Dice`; Sudre et al. 2017.

    Args:
        axis: over which axes it is taken; without it over all, the batch too.
    """

    target: ClassVar[str] = "losses.Dice"

    axis: Axis | list[Axis] | None = None


class Tversky(Dice):
    """How little labels and outputs overlap, false alarms and misses weighed. Keras `Tversky`; Salehi et al. 2017.

    Args:
        alpha: the weight of false alarms.
        beta: the weight of misses.
    """

    target: ClassVar[str] = "losses.Tversky"

    alpha: NotNegative = 0.5
    beta: NotNegative = 0.5


class Circle(Loss):
    """Brings images of one class together and others apart, of outputs of length 1. Keras `Circle`; Sun et al. 2020.

    Args:
        gamma: how strongly far pairs count.
        margin: how near and how far pairs shall be.
        remove_diagonal: whether an image is no pair with itself.
    """

    target: ClassVar[str] = "losses.Circle"
    sparse: ClassVar[bool] = True

    gamma: Positive = 80.0
    margin: Share = 0.4
    remove_diagonal: Flag = True


LOSSES: dict[str, type[Loss]] = {
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "categorical_generalized_cross_entropy": CategoricalGeneralizedCrossEntropy,
    "binary_crossentropy": BinaryCrossentropy,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
    "categorical_hinge": CategoricalHinge,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "kl_divergence": KLDivergence,
    "poisson": Poisson,
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "huber": Huber,
    "log_cosh": LogCosh,
    "cosine_similarity": CosineSimilarity,
    "dice": Dice,
    "tversky": Tversky,
    "circle": Circle,
}
