"""The tasks that a network is trained for."""

from typing import Any

from archdsl.data.targets import Target
from archdsl.training.tasks import (
    classification,
    image_to_image,
    multi_label,
    regression,
    segmentation,
    token_prediction,
)
from archdsl.training.tasks.base import Head, Pictures, Scorer, Task

__all__ = ["Head", "Pictures", "Scorer", "Task", "task_named", "task_of"]


def task_of(target: Target, shape: Any) -> Task:
    """The task of predicting a target.

    Args:
        shape: the Keras shape of the output.
    """
    suitable = [task for task in TASKS if isinstance(target, task.target)]
    return next((task for task in suitable if task.fits(shape, target)), suitable[0])


def task_named(word: str) -> Task:
    """The task of a word of the recipe."""
    return next(task for task in TASKS if task.word == word)


TASKS: tuple[Task, ...] = (
    classification.TASK,
    classification.BINARY,
    multi_label.TASK,
    segmentation.TASK,
    segmentation.BINARY,
    token_prediction.TASK,
    image_to_image.TASK,
    regression.TASK,
)
"""All tasks. For a target that several predict, the first is the usual one."""
