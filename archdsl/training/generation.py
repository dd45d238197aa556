"""Continues texts with a network that predicts the next token at each step."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from archdsl.data.inputs import TokensInput
from archdsl.data.readers import tokens
from archdsl.data.targets import TokensTarget
from archdsl.errors import fail
from archdsl.training.prediction import Predictor

MOST_TOKENS = 100_000
"""The most tokens that a text is continued by."""


class Generator:
    """Continues texts, token by token.

    A window of the last tokens is the input of the network. A shorter text is padded behind its last token, which a
    network that predicts the next token does not see.

    Args:
        predictor: a network that predicts tokens.

    Raises:
        ArchError: it predicts something else (ARCH303).
    """

    def __init__(self, predictor: Predictor) -> None:
        given, target = predictor.description.inputs.get(""), predictor.description.targets[predictor.head.column]
        if not isinstance(given, TokensInput) or not isinstance(target, TokensTarget):
            raise fail("ARCH303", "the network does not continue texts: it does not predict the tokens of a text")
        self.input, self.logits = given, bool(predictor.head.logits)
        self.numbers = {token: number for number, token in enumerate(given.classes)}
        network = predictor.network
        self._run = tf.function(lambda window: tf.cast(network(window, training=False), tf.float32))

    def tokens(self, prompt: str) -> list[int]:
        """The numbers of the tokens of a prompt; 0 is a token that the training text does not have.

        Raises:
            ArchError: the prompt is empty (ARCH203).
        """
        found = [self.numbers.get(token, 0) for token in tokens.split(prompt, self.input.unit)]
        if not found:
            raise fail("ARCH203", "the prompt is empty", hint="pass at least one character, such as `--text 'The'`")
        return found

    def text(self, prompt: str, count: int, temperature: float = 1.0, seed: int = 0) -> str:
        """The prompt with its continuation.

        Args:
            count: the number of tokens to add.
            temperature: how random they are: 0 takes the most likely token, 1 draws from the predicted distribution.
            seed: the seed of the random choices.

        Raises:
            ArchError: the prompt is empty, or a number is out of range (ARCH203).
        """
        if not 0 <= count <= MOST_TOKENS:
            raise fail("ARCH203", f"expected at most {MOST_TOKENS:,} tokens, got {count:,}")
        if not 0 <= seed < 2**32:
            raise fail("ARCH203", f"expected a seed from 0 to {2**32 - 1}, got {seed}")
        if not 0 <= temperature < np.inf:
            raise fail("ARCH203", f"expected a temperature of at least 0, got {temperature:g}")
        random, numbers = np.random.RandomState(seed), self.tokens(prompt)
        given = len(numbers)
        for _ in range(count):
            numbers.append(self._next(numbers[-self.input.length :], temperature, random))
        added = [self.input.classes[number] for number in numbers[given:]]
        if self.input.unit == "characters":
            return prompt + "".join(added)
        # The prompt keeps its own spaces; between it and the first new word, there is one.
        last = tokens.split(prompt, self.input.unit)[-1]
        return prompt.rstrip(" ") + tokens.join([last, *added], self.input.unit)[len(last) :]

    def _next(self, numbers: list[int], temperature: float, random: np.random.RandomState) -> int:
        window = np.zeros((1, self.input.length), np.int32)
        window[0, : len(numbers)] = numbers
        values = self._run(window).numpy()[0, len(numbers) - 1].astype(np.float64)[: len(self.input.classes)]
        scores = values if self.logits else np.log(np.maximum(values, 1e-30))
        scores[0] = -np.inf  # the unknown token is no text
        if not temperature or not np.isfinite(scores[1:]).any():
            return int(scores.argmax())
        powers = np.exp((scores - scores.max()) / temperature)
        return int(random.choice(len(powers), p=powers / powers.sum()))
