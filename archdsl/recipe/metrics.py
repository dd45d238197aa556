"""Keras's metrics that say something of labels, with their arguments, as inert data."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archdsl.ops.base import Call, Flag, Positive
from archdsl.ops.choices import Entry
from archdsl.recipe.base import Counted

Thresholds = Annotated[float, Field(strict=True, ge=0, le=1)]


class Metric(Entry):
    """What is measured beside the loss."""

    sparse: ClassVar[str] = ""
    """Its twin for labels that are whole numbers; without one, it wants one-hot labels."""
    logits: ClassVar[bool] = False
    """Whether Keras's class must be told that the network ends without a softmax."""
    probabilities: ClassVar[bool] = False
    """Whether it makes sense of probabilities alone."""

    def told(self, name: str, sparse: bool, from_logits: bool) -> Call:
        """Its constructor.

        Args:
            name: what it is called in logs.
            sparse: whether labels are whole numbers.
            from_logits: whether the network ends without a softmax.
        """
        given = {field: getattr(self, field) for field in sorted(self.model_fields_set)}
        given |= {"from_logits": from_logits} if self.logits else {}
        return Call(self.sparse if sparse else self.target, (), {**given, "name": name})


class Accuracy(Metric):
    """The share of images whose class is the network's first. Keras `CategoricalAccuracy`."""

    target: ClassVar[str] = "metrics.CategoricalAccuracy"
    sparse: ClassVar[str] = "metrics.SparseCategoricalAccuracy"


class TopFiveAccuracy(Metric):
    """The share of images whose class is among the network's first five. Keras `TopKCategoricalAccuracy`."""

    target: ClassVar[str] = "metrics.TopKCategoricalAccuracy"
    sparse: ClassVar[str] = "metrics.SparseTopKCategoricalAccuracy"


class TopAccuracy(TopFiveAccuracy):
    """The share of images whose class is among the network's first few. Keras `TopKCategoricalAccuracy`.

    Args:
        k: how many these are.
    """

    k: Counted = 5


class Crossentropy(Metric):
    """How surprised the network is by the class. Keras `CategoricalCrossentropy`."""

    target: ClassVar[str] = "metrics.CategoricalCrossentropy"
    sparse: ClassVar[str] = "metrics.SparseCategoricalCrossentropy"
    logits: ClassVar[bool] = True


class BinaryAccuracy(Metric):
    """The share of outputs that are on the right side of a threshold. Keras `BinaryAccuracy`.

    Args:
        threshold: from where on an output says yes.
    """

    target: ClassVar[str] = "metrics.BinaryAccuracy"

    threshold: Thresholds = 0.5


class Precision(Metric):
    """The share of what the network says yes to that is so. Keras `Precision`.

    Args:
        thresholds: from where on an output says yes; without it 0.5.
        top_k: the network says yes to so many of its first classes.
        class_id: of one class alone, counted from 0.
    """

    target: ClassVar[str] = "metrics.Precision"
    probabilities: ClassVar[bool] = True

    thresholds: Thresholds | None = None
    top_k: Counted | None = None
    class_id: Annotated[int, Field(strict=True, ge=0)] | None = None


class Recall(Precision):
    """The share of what is so that the network says yes to. Keras `Recall`."""

    target: ClassVar[str] = "metrics.Recall"


class Auc(Metric):
    """The area under a curve over all thresholds. Keras `AUC`.

    Args:
        num_thresholds: of how many points the curve is made.
        curve: receiver operating characteristic, or precision by recall.
        summation_method: how the area between two points is filled.
        multi_label: whether each class has a curve of its own, whose areas are averaged.
    """

    target: ClassVar[str] = "metrics.AUC"
    logits: ClassVar[bool] = True

    num_thresholds: Annotated[int, Field(strict=True, ge=2, le=100_000)] = 200
    curve: Literal["ROC", "PR"] = "ROC"
    summation_method: Literal["interpolation", "minoring", "majoring"] = "interpolation"
    multi_label: Flag = False


class F1Score(Metric):
    """The harmonic mean of precision and recall. Keras `F1Score`.

    Args:
        average: over classes alike (`macro`), over images (`micro`), or over classes by their images (`weighted`).
        threshold: from where on an output says yes; without it, the largest one does.
    """

    target: ClassVar[str] = "metrics.F1Score"

    average: Literal["macro", "micro", "weighted"] = "macro"
    threshold: Annotated[float, Field(strict=True, gt=0, le=1)] | None = None

    def told(self, name: str, sparse: bool, from_logits: bool) -> Call:
        made = super().told(name, sparse, from_logits)
        return Call(made.target, (), {"average": self.average, **made.keywords})


class FBetaScore(F1Score):
    """The harmonic mean of precision and recall, one of them weighed more. Keras `FBetaScore`.

    Args:
        beta: how much more recall weighs.
    """

    target: ClassVar[str] = "metrics.FBetaScore"

    beta: Positive = 1.0


class MeanSquaredError(Metric):
    """The squared difference of labels and outputs. Keras `MeanSquaredError`."""

    target: ClassVar[str] = "metrics.MeanSquaredError"


class MeanAbsoluteError(Metric):
    """The absolute difference of labels and outputs. Keras `MeanAbsoluteError`."""

    target: ClassVar[str] = "metrics.MeanAbsoluteError"


METRICS: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "top_5_accuracy": TopFiveAccuracy,
    "top_k_accuracy": TopAccuracy,
    "binary_accuracy": BinaryAccuracy,
    "crossentropy": Crossentropy,
    "precision": Precision,
    "recall": Recall,
    "auc": Auc,
    "f1_score": F1Score,
    "fbeta_score": FBetaScore,
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
}
