"""The base classes of tasks: what an output of a network predicts, and how that is judged."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import keras
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.pipeline.targets import Encoding
from archdsl.data.targets import TARGETS, NumberTarget, Target
from archdsl.recipe import TASKS
from archdsl.recipe.losses import Loss
from archdsl.recipe.tasks import TaskWord
from archdsl.runs.card import Reliability
from archdsl.runs.folder import Details
from archdsl.training.answers import Answer

Link: TypeAlias = Literal["", "softmax", "sigmoid"]


@dataclass(frozen=True, slots=True)
class Head:
    """An output of a network that is trained.

    Attributes:
        output: its name; empty if the network has one output.
        column: the target column that it predicts.
        task: what it predicts.
        classes: the number of classes of the target; 0 if it has none.
        numbers: the target, if it is numbers.
    """

    output: str
    column: str
    task: Task
    classes: int = 0
    numbers: NumberTarget | None = None


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where the pictures of an output go.

    Attributes:
        folder: the run folder.
        title: what the pictures are of, such as `Small on digits`.
        output: the name of the output, which becomes part of the file names; empty for the main one.
    """

    folder: Path
    title: str
    output: str = ""

    def name(self, file: str) -> str:
        """The name of a picture: `confusion.png`, or `confusion-parity.png`."""
        stem, _, suffix = file.rpartition(".")
        return f"{stem}-{self.output}.{suffix}" if self.output else file

    def path(self, file: str) -> Path:
        """The path of a picture."""
        return self.folder / self.name(file)


class Scorer(ABC):
    """Judges the outputs of a head, one batch after the other."""

    @abstractmethod
    def update(self, outputs: NDArray[Any], values: NDArray[Any], single_view: NDArray[Any] | None = None) -> None:
        """Add the outputs of a batch and the values of its target.

        Args:
            outputs: the outputs (N, ...), of a task with a sigmoid as probabilities; with test-time augmentation, their
                mean over several views.
            values: the target (N, ...), as the data set has it.
            single_view: with test-time augmentation, the outputs for the examples themselves.
        """

    @abstractmethod
    def scores(self) -> dict[str, float]:
        """The scores of all batches by name; that of the task first."""

    @abstractmethod
    def details(self) -> Details:
        """What else a run reports."""

    @abstractmethod
    def draw(self, pictures: Pictures, dataset: Dataset) -> list[str]:
        """Draw pictures of the outputs.

        Returns:
            The names of the files.

        Raises:
            ArchError: the folder is not writable (ARCH304).
        """

    def try_out(  # noqa: B027 most tasks have nothing to try
        self, run: Callable[[NDArray[Any]], NDArray[Any]], inputs: NDArray[Any]
    ) -> None:
        """Run the network on inputs of its own.

        Args:
            run: the network, from inputs (N, ...) to the outputs of this head (N, ...).
            inputs: that of the first test example, (1, ...).
        """

    def reliability(self) -> Reliability | None:
        """What the model card says about the reliability of single predictions."""
        return None


class Task(ABC):
    """What an output of a network predicts, and how that is judged. Its module has one instance, `TASK`."""

    word: ClassVar[str]
    """Its word in `archdsl.recipe.TASKS`."""

    @property
    def target(self) -> type[Target]:
        """What it predicts."""
        return TARGETS[self.facts.target]

    @property
    def facts(self) -> TaskWord:
        """What is known about it without a framework."""
        return TASKS[self.word]

    link: Link = ""
    """What makes probabilities of logits; empty if it predicts no classes."""

    is_picture: ClassVar[bool] = False
    """Whether what it predicts is a picture."""

    @abstractmethod
    def fits(self, shape: Any, target: Target) -> bool:
        """Whether an output of a Keras shape predicts a target."""

    @abstractmethod
    def check(
        self, model: keras.Model, output: str, column: str, dataset: Dataset, setting: Callable[[int, int], str]
    ) -> None:
        """Check that an output has the shape that predicts a target.

        Args:
            output: its name; empty if the network has one output.
            setting: given the size of the output and the size that it should have, the setting of an argument that
                gives it, such as `classes=3`; empty if there is none.

        Raises:
            ArchError: it has another shape (ARCH303).
        """

    def encoding(self, loss: Loss) -> Encoding:
        """How a loss takes the classes of the target."""
        return "ids" if loss.sparse else "one_hot"

    def better(self, score: Any, loss: Any, best_score: Any, best_loss: Any) -> bool:
        """Whether score and loss are better than the best so far; NaN is the worst loss."""
        if score != best_score:
            return bool(score > best_score if self.facts.larger_is_better else score < best_score)
        return bool(loss < best_loss or (math.isnan(best_loss) and not math.isnan(loss)))

    @abstractmethod
    def answers(self, values: NDArray[Any], target: Target) -> Sequence[Answer]:
        """What an output says about each example.

        Args:
            values: the outputs (N, ...); of classes, probabilities.
        """

    @abstractmethod
    def scorer(self, column: str, dataset: Dataset) -> Scorer:
        """A judge of predictions of a target."""
