"""Keras's metrics that say something of labels, with their arguments, as inert data."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archdsl.ops.base import Call
from archdsl.ops.field_types import Positive
from archdsl.ops.keras_objects import Argument, KerasObject, KerasWords, Word
from archdsl.recipe.base import Closed, Counted


class Metric(KerasObject):
    """What is measured beside the loss."""

    sparse: ClassVar[str] = ""
    """Its twin for labels that are whole numbers; without one, it wants one-hot labels."""
    logits: ClassVar[bool] = False
    """Whether Keras's class must be told that the network ends without a softmax."""
    probabilities: ClassVar[bool] = False
    """Whether it makes sense of probabilities alone."""

    def to_call(self, name: str, sparse: bool, from_logits: bool) -> Call:
        """Its constructor.

        Args:
            name: what it is called in logs.
            sparse: whether labels are whole numbers.
            from_logits: whether the network ends without a softmax.
        """
        # Keras's own default of `average` gives a number for each class, so that ours is always passed.
        average = self.model_dump(include={"average"})
        logits = {"from_logits": from_logits} if self.logits else {}
        return Call(self.sparse if sparse else self.target, (), {**average, **self.given(), **logits, "name": name})


ARGUMENTS = {
    "k": Argument("how many these are.", Counted),
    "average": Argument(
        "over classes alike (`macro`), over images (`micro`), or over classes by their images (`weighted`).",
        Literal["macro", "micro", "weighted"],
        "macro",
    ),
    "threshold": Argument(
        "from where on an output says yes; without it, the largest one does.",
        Annotated[float, Field(strict=True, gt=0, le=1)],
    ),
    "binary_accuracy.threshold": Argument("from where on an output says yes.", Closed),
    "thresholds": Argument("from where on an output says yes; without it 0.5.", Closed),
    "top_k": Argument("the network says yes to so many of its first classes.", Counted),
    "class_id": Argument("of one class alone, counted from 0.", Annotated[int, Field(strict=True, ge=0)]),
    "num_thresholds": Argument(
        "of how many points the curve is made.", Annotated[int, Field(strict=True, ge=2, le=100_000)]
    ),
    "curve": Argument("receiver operating characteristic, or precision by recall.", Literal["ROC", "PR"]),
    "summation_method": Argument(
        "how the area between two points is filled.", Literal["interpolation", "minoring", "majoring"]
    ),
    "multi_label": Argument("whether each class has a curve of its own, whose areas are averaged."),
    "beta": Argument("how much more recall weighs.", Positive),
}

METRICS = KerasWords(
    __name__,
    "metrics",
    Metric,
    ARGUMENTS,
    {
        "accuracy": Word(
            "CategoricalAccuracy",
            "The share of images whose class is the network's first.",
            name="Accuracy",
            sparse="metrics.SparseCategoricalAccuracy",
        ),
        "top_5_accuracy": Word(
            "TopKCategoricalAccuracy",
            "The share of images whose class is among the network's first five.",
            name="TopFiveAccuracy",
            without=("k",),
            sparse="metrics.SparseTopKCategoricalAccuracy",
        ),
        "top_k_accuracy": Word(
            "TopKCategoricalAccuracy",
            "The share of images whose class is among the network's first few.",
            name="TopAccuracy",
            sparse="metrics.SparseTopKCategoricalAccuracy",
        ),
        "binary_accuracy": Word("BinaryAccuracy", "The share of outputs that are on the right side of a threshold."),
        "crossentropy": Word(
            "CategoricalCrossentropy",
            "How surprised the network is by the class.",
            name="Crossentropy",
            sparse="metrics.SparseCategoricalCrossentropy",
            logits=True,
        ),
        "precision": Word("Precision", "The share of what the network says yes to that is so.", probabilities=True),
        "recall": Word("Recall", "The share of what is so that the network says yes to.", probabilities=True),
        "auc": Word(
            "AUC", "The area under a curve over all thresholds.", name="Auc", without=("thresholds",), logits=True
        ),
        "f1_score": Word("F1Score", "The harmonic mean of precision and recall."),
        "fbeta_score": Word("FBetaScore", "The harmonic mean of precision and recall, one of them weighed more."),
        "mean_squared_error": Word("MeanSquaredError", "The squared difference of labels and outputs."),
        "mean_absolute_error": Word("MeanAbsoluteError", "The absolute difference of labels and outputs."),
    },
)
