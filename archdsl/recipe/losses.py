"""Losses of Keras with all their arguments, as inert data, and the kind of labels that each expects."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archdsl.ops.base import Call
from archdsl.ops.field_types import Flag, NotNegative, Positive, Share
from archdsl.ops.keras_objects import Argument, KerasObject, KerasWords, Word
from archdsl.recipe.base import Closed

Axis = Annotated[int, Field(strict=True, ge=-8, le=8)]


class Loss(KerasObject):
    """A loss function."""

    sparse: ClassVar[bool] = False
    """Whether it expects integer labels instead of one-hot labels."""
    each: ClassVar[bool] = False
    """Whether it treats each class separately, so probabilities need not sum to 1."""

    of_difference: ClassVar[bool] = False
    """Whether it depends only on the difference of label and prediction, so that both can be standardized."""

    @property
    def of_classes(self) -> bool:
        """Whether it judges the probabilities of classes that exclude each other."""
        return self.sparse or self.word.startswith("categorical_")

    def to_call(self, from_logits: bool, label_smoothing: float) -> Call:
        """Its constructor.

        Args:
            from_logits, label_smoothing: defaults for a loss that has these arguments and does not set them.
        """
        given = self.given()
        for name, shared in (("from_logits", from_logits), ("label_smoothing", label_smoothing)):
            if self.takes(name) and given.get(name) is None:
                given[name] = shared
        return Call(self.target, (), given)


AXES = Argument("axis or axes to reduce over; defaults to all, including the batch.", Axis | list[Axis])

ARGUMENTS = {
    "reduction": Argument(
        "reduction of the losses of a batch: mean, sum, or mean weighted by the class weights.",
        Literal["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"],
    ),
    "from_logits": Argument(
        "whether the network outputs logits, without a softmax or sigmoid; defaults to the value in `train`.",
        Flag,
        None,
    ),
    "label_smoothing": Argument("amount of label smoothing; defaults to the value in `train`.", Closed, None),
    "ignore_class": Argument("class to ignore in the loss.", Annotated[int, Field(strict=True, ge=-1, le=1_000_000)]),
    "axis": Argument("axis of the classes.", Axis),
    "cosine_similarity.axis": Argument("axis along which the similarity is computed.", Axis),
    "dice.axis": AXES,
    "tversky.axis": AXES,
    "apply_class_balancing": Argument("whether to weight positives by `alpha` and negatives by 1 - `alpha`."),
    "categorical_focal_crossentropy.alpha": Argument("weight of all classes.", NotNegative),
    "categorical_focal_crossentropy.gamma": Argument(
        "focusing parameter: larger values down-weight easy images.", NotNegative
    ),
    "binary_focal_crossentropy.alpha": Argument("weight of positives.", NotNegative),
    "binary_focal_crossentropy.gamma": Argument(
        "focusing parameter: larger values down-weight easy outputs.", NotNegative
    ),
    "tversky.alpha": Argument("weight of false positives.", NotNegative),
    "tversky.beta": Argument("weight of false negatives.", NotNegative),
    "q": Argument(
        "close to 0 resembles cross-entropy, close to 1 mean absolute error.",
        Annotated[float, Field(strict=True, gt=0, lt=1)],
    ),
    "delta": Argument("error at which the loss changes from quadratic to linear.", Positive),
    "circle.gamma": Argument("scale factor.", Positive),
    "margin": Argument("relaxation margin between similar and dissimilar pairs.", Share),
    "remove_diagonal": Argument("whether to exclude the pairs of an image with itself."),
}

LOSSES = KerasWords(
    __name__,
    "losses",
    Loss,
    ARGUMENTS,
    {
        "categorical_crossentropy": Word(
            "CategoricalCrossentropy", "Cross-entropy between one-hot labels and predictions."
        ),
        "sparse_categorical_crossentropy": Word(
            "SparseCategoricalCrossentropy", "Cross-entropy between integer labels and predictions.", sparse=True
        ),
        "categorical_focal_crossentropy": Word(
            "CategoricalFocalCrossentropy", "Focal cross-entropy, which down-weights easy images.", "Lin et al. 2018"
        ),
        "categorical_generalized_cross_entropy": Word(
            "CategoricalGeneralizedCrossEntropy",
            "Generalized cross-entropy, robust to noisy labels.",
            "Zhang & Sabuncu 2018",
            sparse=True,
        ),
        "binary_crossentropy": Word(
            "BinaryCrossentropy", "Cross-entropy of each class separately, for sigmoid outputs.", each=True
        ),
        "binary_focal_crossentropy": Word(
            "BinaryFocalCrossentropy",
            "Binary cross-entropy that down-weights easy outputs.",
            "Lin et al. 2018",
            each=True,
        ),
        "categorical_hinge": Word(
            "CategoricalHinge", "Categorical hinge loss: the margin between the true class and the best other class."
        ),
        "hinge": Word("Hinge", "Hinge loss: max(1 - y_true * y_pred, 0)."),
        "squared_hinge": Word("SquaredHinge", "Squared hinge loss."),
        "kl_divergence": Word("KLDivergence", "Kullback-Leibler divergence between labels and predictions."),
        "poisson": Word("Poisson", "Poisson loss: y_pred - y_true * log(y_pred)."),
        "mean_squared_error": Word("MeanSquaredError", "Mean squared error.", of_difference=True),
        "mean_absolute_error": Word("MeanAbsoluteError", "Mean absolute error.", of_difference=True),
        "mean_absolute_percentage_error": Word(
            "MeanAbsolutePercentageError", "Mean absolute error as a percentage of the label."
        ),
        "mean_squared_logarithmic_error": Word("MeanSquaredLogarithmicError", "Mean squared error of the logarithms."),
        "huber": Word(
            "Huber", "Huber loss: quadratic for small errors, linear for large ones.", "Huber 1964", of_difference=True
        ),
        "log_cosh": Word("LogCosh", "Logarithm of the hyperbolic cosine of the error.", of_difference=True),
        "cosine_similarity": Word("CosineSimilarity", "Negative cosine similarity between labels and predictions."),
        "dice": Word("Dice", "Dice loss: 1 minus the Dice coefficient of labels and predictions.", "Sudre et al. 2017"),
        "tversky": Word(
            "Tversky",
            "Tversky loss: Dice loss with separate weights for false positives and false negatives.",
            "Salehi et al. 2017",
        ),
        "circle": Word(
            "Circle",
            "Circle loss, for metric learning with L2-normalized embeddings.",
            "Sun et al. 2020",
            sparse=True,
        ),
    },
)
