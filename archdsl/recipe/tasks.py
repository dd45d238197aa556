"""The tasks that a network can be trained for: what its outputs predict."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.text import percent


@dataclass(frozen=True, slots=True)
class TaskWord:
    """A word for `task`; the module of the same name in `archdsl.training.tasks` judges its predictions.

    Attributes:
        title: what an output predicts, on one line.
        loss: the word of the loss, unless the recipe has one.
        metrics: the words of the metrics that are always computed. The first one is the score, which selects the best
            epoch.
        larger_is_better: whether a larger score is better.
        fraction: whether the score is a fraction, which is shown in percent.
    """

    title: str
    loss: str
    metrics: tuple[str, ...]
    larger_is_better: bool = True
    fraction: bool = True

    @property
    def score(self) -> str:
        """The word of the metric that selects the best epoch."""
        return self.metrics[0]

    @property
    def score_title(self) -> str:
        """The score in words: `mean absolute error`."""
        return self.score.replace("_", " ")

    def score_text(self, score: float) -> str:
        """Format a score: `91.20 %`, or `0.4123` if it is no fraction."""
        return percent(score) if self.fraction else f"{score:.4g}"


TASKS: dict[str, TaskWord] = {
    "classification": TaskWord("one of several classes", "categorical_crossentropy", ("accuracy",)),
    "binary_classification": TaskWord("one of two classes, as one number", "binary_crossentropy", ("accuracy",)),
    "multi_label": TaskWord("any number of several classes", "binary_crossentropy", ("binary_accuracy",)),
    "segmentation": TaskWord("a class for each pixel", "sparse_categorical_crossentropy", ("mean_iou", "accuracy")),
    "binary_segmentation": TaskWord(
        "one of two classes for each pixel", "binary_crossentropy", ("mean_iou", "accuracy")
    ),
    "token_prediction": TaskWord("the next token at each step", "sparse_categorical_crossentropy", ("accuracy",)),
    "image_to_image": TaskWord(
        "an image", "mean_squared_error", ("mean_absolute_error",), larger_is_better=False, fraction=False
    ),
    "regression": TaskWord(
        "a number",
        "mean_squared_error",
        ("mean_absolute_error", "r2_score"),
        larger_is_better=False,
        fraction=False,
    ),
}
"""The tasks, in the order in which they are listed."""
