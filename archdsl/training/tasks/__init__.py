"""The tasks that a network is trained for: one module for each, imported when it is used."""

from archdsl.data.targets import Target
from archdsl.training.tasks import classification, regression
from archdsl.training.tasks.base import Head, Scorer, Task

__all__ = ["Head", "Scorer", "Task", "task_of"]


def task_of(target: Target) -> Task:
    """The task of predicting a target."""
    return next(task for task in TASKS if isinstance(target, task.target))


TASKS: tuple[Task, ...] = (classification.TASK, regression.TASK)
