"""Metrics of Keras for labels, with their arguments, as inert data."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from archdsl.ops.base import Call
from archdsl.ops.field_types import Positive
from archdsl.ops.keras_objects import Argument, KerasObject, KerasWords, Word
from archdsl.recipe.base import Closed, Counted


class Metric(KerasObject):
    """A metric."""

    sparse: ClassVar[str] = ""
    """Its counterpart for integer labels; empty if it supports only one-hot labels."""
    logits: ClassVar[bool] = False
    """Whether its Keras class has the argument `from_logits`."""
    binary: ClassVar[str] = ""
    """Its counterpart for one output that decides between two classes; empty if it is the same."""
    probabilities: ClassVar[bool] = False
    """Whether it requires probabilities."""

    counts_classes: ClassVar[bool] = False
    """Whether its Keras class has the argument `num_classes`."""
    of_numbers: ClassVar[bool] = False
    """Whether it compares numbers, not classes."""

    @property
    def takes_ids(self) -> bool:
        """Whether it supports integer labels."""
        return bool(self.sparse) or self.counts_classes

    @property
    def depends_on_logits(self) -> bool:
        """Whether its arguments depend on whether the network outputs logits."""
        return bool(self.binary) or self.word == "binary_accuracy" or self.has_threshold

    @property
    def has_threshold(self) -> bool:
        """Whether it takes the largest output as the only positive one, unless it has a threshold."""
        return self.takes("threshold") and self.word != "binary_accuracy"

    def to_call(
        self,
        name: str,
        encoding: Literal["one_hot", "ids", "binary"],
        from_logits: bool,
        classes: int = 0,
        each: bool = False,
    ) -> Call:
        """Its constructor.

        Args:
            name: its name in logs.
            encoding: how the loss takes classes: one-hot, as numbers, or as 0 and 1 for one output.
            from_logits: whether the network outputs logits.
            classes: the number of classes.
            each: whether each output decides by itself, as in multi-label classification.
        """
        if each and self.binary and not self.counts_classes:
            encoding = "binary"
        each = each or encoding == "binary"
        threshold = 0.0 if from_logits else 0.5
        if self.counts_classes:
            if encoding == "binary":
                return Call(self.binary, (), {"threshold": threshold, "name": name})
            given = {"num_classes": classes, "sparse_y_pred": False, "sparse_y_true": encoding == "ids"}
            return Call(self.target, (), {**given, "name": name})
        if encoding == "binary" and self.binary:
            decides = {"threshold": threshold} if self.word == "accuracy" else {}
            logits: dict[str, Any] = {"from_logits": from_logits} if self.logits else {}
            return Call(self.binary, (), {**decides, **logits, "name": name})
        # With the Keras default of `average`, the result is one number per class, so ours is always passed.
        average = self.model_dump(include={"average"})
        logits = {"from_logits": from_logits} if self.logits else {}
        if self.word == "binary_accuracy" and from_logits:
            logits = {"threshold": threshold}
        if self.has_threshold and each:
            logits = {"threshold": 0.5}  # otherwise Keras takes the largest output as the only positive one
        target = self.sparse if encoding == "ids" and self.sparse else self.target
        return Call(target, (), {**average, **logits, **self.given(), "name": name})


ARGUMENTS = {
    "k": Argument("number of top predictions to consider.", Counted),
    "average": Argument(
        "average over classes (`macro`), over images (`micro`), or over classes weighted by size (`weighted`).",
        Literal["macro", "micro", "weighted"],
        "macro",
    ),
    "threshold": Argument(
        "threshold above which an output is positive; by default, only the largest output is.",
        Annotated[float, Field(strict=True, gt=0, le=1)],
    ),
    "binary_accuracy.threshold": Argument("threshold above which an output is positive.", Closed),
    "thresholds": Argument("threshold above which an output is positive; defaults to 0.5.", Closed),
    "top_k": Argument("number of largest outputs that are positive; by default, `thresholds` decides.", Counted),
    "class_id": Argument(
        "class to compute the metric for, counted from 0; defaults to all.", Annotated[int, Field(strict=True, ge=0)]
    ),
    "num_thresholds": Argument(
        "number of thresholds of the curve.", Annotated[int, Field(strict=True, ge=2, le=100_000)]
    ),
    "curve": Argument("ROC curve or precision-recall curve.", Literal["ROC", "PR"]),
    "summation_method": Argument("summation method for the area.", Literal["interpolation", "minoring", "majoring"]),
    "multi_label": Argument("whether to compute one curve per class and average the areas."),
    "beta": Argument("weight of recall relative to precision.", Positive),
}

METRICS = KerasWords(
    __name__,
    "metrics",
    Metric,
    ARGUMENTS,
    {
        "accuracy": Word(
            "CategoricalAccuracy",
            "Fraction of images whose class is predicted correctly.",
            name="Accuracy",
            sparse="metrics.SparseCategoricalAccuracy",
            binary="metrics.BinaryAccuracy",
        ),
        "top_5_accuracy": Word(
            "TopKCategoricalAccuracy",
            "Fraction of images whose class is among the top 5 predictions.",
            name="TopFiveAccuracy",
            without=("k",),
            sparse="metrics.SparseTopKCategoricalAccuracy",
        ),
        "top_k_accuracy": Word(
            "TopKCategoricalAccuracy",
            "Fraction of images whose class is among the top `k` predictions.",
            name="TopAccuracy",
            sparse="metrics.SparseTopKCategoricalAccuracy",
        ),
        "binary_accuracy": Word("BinaryAccuracy", "Fraction of outputs on the correct side of `threshold`."),
        "mean_iou": Word(
            "MeanIoU",
            "Intersection over union of the predicted and true pixels of each class, averaged over classes.",
            name="MeanIou",
            without=("num_classes", "sparse_y_true", "sparse_y_pred", "axis", "ignore_class"),
            counts_classes=True,
            binary="metrics.BinaryIoU",
        ),
        "crossentropy": Word(
            "CategoricalCrossentropy",
            "Cross-entropy between labels and predictions.",
            name="Crossentropy",
            sparse="metrics.SparseCategoricalCrossentropy",
            binary="metrics.BinaryCrossentropy",
            logits=True,
        ),
        "precision": Word("Precision", "Fraction of positive predictions that are correct.", probabilities=True),
        "recall": Word("Recall", "Fraction of positives that are found.", probabilities=True),
        "auc": Word(
            "AUC", "Area under the ROC or precision-recall curve.", name="Auc", without=("thresholds",), logits=True
        ),
        "f1_score": Word("F1Score", "F1 score: the harmonic mean of precision and recall."),
        "fbeta_score": Word("FBetaScore", "F-beta score: the weighted harmonic mean of precision and recall."),
        "mean_squared_error": Word(
            "MeanSquaredError", "Mean squared error between labels and predictions.", of_numbers=True
        ),
        "mean_absolute_error": Word(
            "MeanAbsoluteError", "Mean absolute error between labels and predictions.", of_numbers=True
        ),
        "r2_score": Word(
            "R2Score",
            "Coefficient of determination: 1 is perfect, 0 is as good as always predicting the mean.",
            without=("class_aggregation", "num_regressors"),
            of_numbers=True,
        ),
    },
)
