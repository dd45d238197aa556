"""Keras's losses with all their arguments, as inert data, and which labels each wants."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archdsl.ops.base import Call
from archdsl.ops.field_types import Flag, NotNegative, Positive, Share
from archdsl.ops.keras_objects import Argument, KerasObject, KerasWords, Word
from archdsl.recipe.base import Closed

Axis = Annotated[int, Field(strict=True, ge=-8, le=8)]


class Loss(KerasObject):
    """What is made small."""

    sparse: ClassVar[bool] = False
    """Whether its labels are whole numbers, and not one-hot."""
    each: ClassVar[bool] = False
    """Whether it takes each class by itself, so that probabilities need not add up to 1."""

    def to_call(self, from_logits: bool, label_smoothing: float) -> Call:
        """Its constructor.

        Args:
            from_logits, label_smoothing: what holds where the loss takes them and does not say them itself.
        """
        given = self.given()
        for name, shared in (("from_logits", from_logits), ("label_smoothing", label_smoothing)):
            if self.takes(name) and given.get(name) is None:
                given[name] = shared
        return Call(self.target, (), given)


AXES = Argument("over which axes it is taken; without it over all, the batch too.", Axis | list[Axis])

ARGUMENTS = {
    "reduction": Argument(
        "what becomes of the losses of a batch: their mean, their sum, or their mean by class weights.",
        Literal["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"],
    ),
    "from_logits": Argument(
        "whether the network ends without a softmax or sigmoid; without it, as `train` says.", Flag, None
    ),
    "label_smoothing": Argument(
        "how much of each label is spread over all classes; without it, as `train` says.", Closed, None
    ),
    "ignore_class": Argument(
        "a class whose images do not count.", Annotated[int, Field(strict=True, ge=-1, le=1_000_000)]
    ),
    "axis": Argument("which axis has the classes.", Axis),
    "cosine_similarity.axis": Argument("along which axis they are vectors.", Axis),
    "dice.axis": AXES,
    "tversky.axis": AXES,
    "apply_class_balancing": Argument("whether `alpha` weighs what is there, and 1 - `alpha` what is not."),
    "categorical_focal_crossentropy.alpha": Argument("what all classes weigh.", NotNegative),
    "categorical_focal_crossentropy.gamma": Argument("how much less an easy image counts.", NotNegative),
    "binary_focal_crossentropy.alpha": Argument("the weight of what is there.", NotNegative),
    "binary_focal_crossentropy.gamma": Argument("how much less an easy one counts.", NotNegative),
    "tversky.alpha": Argument("the weight of false alarms.", NotNegative),
    "tversky.beta": Argument("the weight of misses.", NotNegative),
    "q": Argument(
        "0 is near cross-entropy, 1 near mean absolute error.", Annotated[float, Field(strict=True, gt=0, lt=1)]
    ),
    "delta": Argument("from where on a difference is large.", Positive),
    "circle.gamma": Argument("how strongly far pairs count.", Positive),
    "margin": Argument("how near and how far pairs shall be.", Share),
    "remove_diagonal": Argument("whether an image is no pair with itself."),
}

LOSSES = KerasWords(
    __name__,
    "losses",
    Loss,
    ARGUMENTS,
    {
        "categorical_crossentropy": Word("CategoricalCrossentropy", "How surprised the network is by the class."),
        "sparse_categorical_crossentropy": Word(
            "SparseCategoricalCrossentropy", "The same of labels that are whole numbers.", sparse=True
        ),
        "categorical_focal_crossentropy": Word(
            "CategoricalFocalCrossentropy", "Cross-entropy in which easy images count less.", "Lin et al. 2018"
        ),
        "categorical_generalized_cross_entropy": Word(
            "CategoricalGeneralizedCrossEntropy",
            "Between cross-entropy and mean absolute error, for wrong labels.",
            "Zhang & Sabuncu 2018",
            sparse=True,
        ),
        "binary_crossentropy": Word("BinaryCrossentropy", "Each class by itself, as behind a sigmoid.", each=True),
        "binary_focal_crossentropy": Word(
            "BinaryFocalCrossentropy", "Each class by itself, and easy ones count less.", "Lin et al. 2018", each=True
        ),
        "categorical_hinge": Word("CategoricalHinge", "The margin between the class and the best other one."),
        "hinge": Word("Hinge", "Each output's margin."),
        "squared_hinge": Word("SquaredHinge", "Each output's margin, squared."),
        "kl_divergence": Word("KLDivergence", "How far one distribution is from the other."),
        "poisson": Word("Poisson", "Outputs as rates of counts."),
        "mean_squared_error": Word("MeanSquaredError", "The squared difference."),
        "mean_absolute_error": Word("MeanAbsoluteError", "The absolute difference."),
        "mean_absolute_percentage_error": Word(
            "MeanAbsolutePercentageError", "The absolute difference, as a percentage of the label."
        ),
        "mean_squared_logarithmic_error": Word("MeanSquaredLogarithmicError", "The squared difference of logarithms."),
        "huber": Word(
            "Huber", "The squared difference where it is small, the absolute one where it is large.", "Huber 1964"
        ),
        "log_cosh": Word("LogCosh", "The logarithm of the hyperbolic cosine of the difference."),
        "cosine_similarity": Word("CosineSimilarity", "The angle between labels and outputs."),
        "dice": Word("Dice", "How little labels and outputs overlap.", "Sudre et al. 2017"),
        "tversky": Word(
            "Tversky", "How little labels and outputs overlap, false alarms and misses weighed.", "Salehi et al. 2017"
        ),
        "circle": Word(
            "Circle",
            "Brings images of one class together and others apart, of outputs of length 1.",
            "Sun et al. 2020",
            sparse=True,
        ),
    },
)
