"""The tasks that a network can be trained for: what its outputs predict."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.text import percent


@dataclass(frozen=True, slots=True)
class TaskWord:
    """A word for `task`; the module of the same name in `archdsl.training.tasks` judges its predictions.

    Attributes:
        title: what an output predicts, on one line.
        target: the kind of column that it predicts; see `archdsl.data.tables.Kind`.
        loss: the word of the loss, unless the recipe has one.
        metrics: the words of the metrics that are always computed. The first one is the score, which selects the best
            epoch.
        report: what a run writes about its predictions, on one line.
        larger_is_better: whether a larger score is better.
    """

    title: str
    target: str
    loss: str
    metrics: tuple[str, ...]
    report: str
    larger_is_better: bool = True

    @property
    def score(self) -> str:
        """The word of the metric that selects the best epoch."""
        return self.metrics[0]

    @property
    def score_title(self) -> str:
        """The score in words: `mean absolute error`."""
        return title_of(self.score)

    def score_text(self, score: float) -> str:
        """Format a score: `91.20 %`, or `0.4123` if it is no fraction."""
        return text_of(self.score, score)

    @property
    def fraction(self) -> bool:
        """Whether the score is a fraction, which is shown in percent."""
        return self.score in _FRACTIONS


_TITLES = {"f1_score": "F1 score", "mean_iou": "mean IoU", "r2_score": "R2 score"}
_FRACTIONS = {"accuracy", "binary_accuracy", "exact_match", "f1_score", "mean_iou", "single_view_accuracy"}
"""The scores of all tasks that are fractions."""


def title_of(score: str) -> str:
    """A score in words: `mean absolute error`."""
    return _TITLES.get(score, score.replace("_", " "))


def text_of(score: str, value: float) -> str:
    """Format any score of a task: `91.20 %`, or `0.4123` if it is no fraction."""
    return percent(value) if score in _FRACTIONS else f"{value:.4g}"


TASKS: dict[str, TaskWord] = {
    "classification": TaskWord(
        "one of several classes",
        "class",
        "categorical_crossentropy",
        ("accuracy",),
        "confusion matrix, most confident mistakes; precision, recall and F1 of each class",
    ),
    "binary_classification": TaskWord(
        "one of two classes, as one number",
        "class",
        "binary_crossentropy",
        ("accuracy",),
        "as for `classification`",
    ),
    "multi_label": TaskWord(
        "any number of several classes",
        "tags",
        "binary_crossentropy",
        ("binary_accuracy",),
        "precision, recall and F1 of each class, also as a picture",
    ),
    "segmentation": TaskWord(
        "a class for each pixel",
        "mask",
        "sparse_categorical_crossentropy",
        ("mean_iou", "accuracy"),
        "the worst masks over their images; intersection over union of each class",
    ),
    "binary_segmentation": TaskWord(
        "one of two classes for each pixel",
        "mask",
        "binary_crossentropy",
        ("mean_iou", "accuracy"),
        "as for `segmentation`",
    ),
    "token_prediction": TaskWord(
        "the next token at each step",
        "tokens",
        "sparse_categorical_crossentropy",
        ("accuracy",),
        "perplexity; a text that the network continues",
    ),
    "image_to_image": TaskWord(
        "an image",
        "image",
        "mean_squared_error",
        ("mean_absolute_error",),
        "inputs, targets and outputs side by side; peak signal-to-noise ratio",
        larger_is_better=False,
    ),
    "regression": TaskWord(
        "a number",
        "number",
        "mean_squared_error",
        ("mean_absolute_error", "r2_score"),
        "residuals; a table of the largest errors",
        larger_is_better=False,
    ),
}
"""The tasks, in the order in which they are listed."""
