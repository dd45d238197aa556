"""Token prediction: the next token at each step of a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.pipeline.targets import Encoding
from archdsl.data.targets import Target, TokensTarget
from archdsl.errors import fail
from archdsl.recipe.losses import Loss
from archdsl.runs.folder import Result
from archdsl.training.answers import TokensAnswer
from archdsl.training.tasks.base import Link, Scorer, Task
from archdsl.training.tasks.shapes import output_shapes, shape_text

SMALLEST = 1e-9
"""The smallest probability that counts, so that a perplexity stays finite."""


class TokenPrediction(Task):
    """An output of (length, tokens), which may have more tokens than the text."""

    word = "token_prediction"
    link: Link = "softmax"

    def fits(self, shape: Any, target: Target) -> bool:
        if not isinstance(target, TokensTarget) or not isinstance(shape, tuple) or len(shape) != 3:
            return False
        return shape[1] in (None, target.length) and (shape[2] or 0) >= len(target.classes)

    def check(
        self, model: keras.Model, output: str, column: str, dataset: Dataset, setting: Callable[[int, int], str]
    ) -> None:
        shape, target = output_shapes(model)[output], dataset.targets[column]
        if not self.fits(shape, target) and isinstance(target, TokensTarget):
            wanted = shape_text((None, target.length, len(target.classes)))
            raise fail("ARCH303", f"the network returns {shape_text(shape)}, but the text needs at least {wanted}")

    def encoding(self, loss: Loss) -> Encoding:
        return "ids"

    def answers(self, values: NDArray[Any], target: Target) -> list[TokensAnswer]:
        assert isinstance(target, TokensTarget)
        ids = values[..., : len(target.classes)].argmax(axis=-1)
        return [TokensAnswer([target.classes[number] for number in row]) for row in ids]

    def scorer(self, column: str, dataset: Dataset) -> TokenScorer:
        return TokenScorer()


@dataclass
class TokenScorer(Scorer):
    """Counts tokens that are predicted correctly, and sums the logarithms of the probabilities of the true ones."""

    correct: int = 0
    count: int = 0
    surprise: float = 0.0

    def update(self, outputs: NDArray[Any], values: NDArray[Any], single_view: NDArray[Any] | None = None) -> None:
        wide = outputs.astype(np.float64)
        if (wide < 0).any() or not np.allclose(wide.sum(axis=-1), 1, atol=1e-2):
            powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
            wide = powers / powers.sum(axis=-1, keepdims=True)
        of_true = np.take_along_axis(wide, values[..., None].astype(np.int64), axis=-1)
        self.surprise -= float(np.log(np.maximum(of_true, SMALLEST)).sum())
        self.correct += int((wide.argmax(axis=-1) == values).sum())
        self.count += values.size

    def scores(self) -> dict[str, float]:
        return {"accuracy": self.correct / self.count, "perplexity": float(np.exp(self.surprise / self.count))}

    def facts(self) -> dict[str, Any]:
        return {}

    def draw(self, folder: Path, result: Result, dataset: Dataset) -> list[str]:
        return []


TASK = TokenPrediction()
