"""Token prediction: the next token at each step of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.pipeline.targets import Encoding
from archdsl.data.targets import Target, TokensTarget
from archdsl.errors import fail
from archdsl.recipe.losses import Loss
from archdsl.runs.folder import Details
from archdsl.training.answers import TokensAnswer
from archdsl.training.tasks.base import Link, Pictures, Scorer, Task
from archdsl.training.tasks.shapes import output_shapes, shape_text

SMALLEST = 1e-9
"""The smallest probability that counts, so that a perplexity stays finite."""

CONTINUED = 200
"""The number of tokens that the network adds to a text for the report."""


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
            subject = f"the output `{output}`" if output else "the network"
            message = f"{subject} returns {shape_text(shape)}, but the text needs at least {wanted}"
            hint = (
                f"end the network with `dense: {{units: {len(target.classes)}}}` at each of the {target.length:,} steps"
            )
            raise fail("ARCH303", message, hint=hint)

    def encoding(self, loss: Loss) -> Encoding:
        return "ids"

    def answers(self, values: NDArray[Any], target: Target) -> list[TokensAnswer]:
        assert isinstance(target, TokensTarget)
        ids = values[..., : len(target.classes)].argmax(axis=-1)
        return [TokensAnswer([target.classes[number] for number in row]) for row in ids]

    def scorer(self, column: str, dataset: Dataset) -> TokenScorer:
        target = dataset.targets[column]
        assert isinstance(target, TokensTarget)
        return TokenScorer(target.classes)


@dataclass
class TokenScorer(Scorer):
    """Counts tokens that are predicted correctly, and sums the logarithms of the probabilities of the true ones."""

    tokens: tuple[str, ...] = ()
    correct: int = 0
    count: int = 0
    surprise: float = 0.0
    sample: list[int] = field(default_factory=list)

    def update(self, outputs: NDArray[Any], values: NDArray[Any], single_view: NDArray[Any] | None = None) -> None:
        wide = _shares(outputs)
        of_true = np.take_along_axis(wide, values[..., None].astype(np.int64), axis=-1)
        self.surprise -= float(np.log(np.maximum(of_true, SMALLEST)).sum())
        self.correct += int((wide.argmax(axis=-1) == values).sum())
        self.count += values.size

    def scores(self) -> dict[str, float]:
        return {"accuracy": self.correct / self.count, "perplexity": float(np.exp(self.surprise / self.count))}

    def details(self) -> Details:
        return Details(sample=self.text(self.sample) if self.sample else None)

    def draw(self, pictures: Pictures, dataset: Dataset) -> list[str]:
        return []

    def try_out(self, run: Callable[[NDArray[Any]], NDArray[Any]], inputs: NDArray[Any]) -> None:
        """Continue the first test text: each token is drawn from its predicted probabilities, with a fixed seed."""
        random, window = np.random.default_rng(0), inputs[:1].copy()
        for _ in range(CONTINUED):
            shares = _shares(run(window))[0, -1, : len(self.tokens)]
            self.sample.append(int(random.choice(len(shares), p=shares / shares.sum())))
            window = np.concatenate([window[:, 1:], np.array([[self.sample[-1]]], window.dtype)], axis=1)

    def text(self, numbers: Sequence[int]) -> str:
        """Tokens as text: characters side by side, words with spaces."""
        characters = sum(len(token) == 1 for token in self.tokens) > len(self.tokens) / 2
        return ("" if characters else " ").join(self.tokens[number] for number in numbers)


def _shares(outputs: NDArray[Any]) -> NDArray[np.float64]:
    """Outputs (..., tokens) as probabilities; logits go through a softmax."""
    wide = outputs.astype(np.float64)
    if (wide >= 0).all() and np.allclose(wide.sum(axis=-1), 1, atol=1e-2):
        return wide
    powers: NDArray[np.float64] = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


TASK = TokenPrediction()
