"""A text whose next characters or words are predicted: one file, or all `.txt` files of a folder."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import search, texts
from archdsl.data.readers.tokens import UNKNOWN
from archdsl.data.readers.tokens import split as tokens_of
from archdsl.data.sources.base import RawDataset, Source
from archdsl.data.tables import Column, Table, in_memory
from archdsl.errors import fail
from archdsl.recipe import Data
from archdsl.text import in_line, quantity

TEST, VALIDATION = 0.1, 0.1
"""The shares at the end of a text that are held out: neighbors of a window must not be in another split."""


class Text(Source):
    """Cuts a text into windows: the input is the tokens of a window, the target the token after each of them."""

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Read a text.

        Raises:
            ArchError: the file is missing (ARCH301) or no text (ARCH302), or is too short, or the network does not
                predict tokens (ARCH303).
        """
        path, searched = search.find(data.argument, "file", data_dir)
        paths = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
        if not paths:
            raise fail("ARCH302", f"{path} contains no `.txt` files", hint="name a text file, or a folder of them")
        text = "\n".join(texts.read(each) for each in paths)
        if not text.strip():
            raise fail("ARCH302", f"{path} is empty", hint="name a file with a text")
        tokens = tokens_of(text, data.tokens)
        length, most = _wanted(ports)
        ends = round(len(tokens) * (1 - TEST - VALIDATION)), round(len(tokens) * (1 - TEST))
        if ends[0] <= length or ends[1] - ends[0] <= length:
            message = f"{path} has {quantity(len(tokens), 'token')}, which is too short for windows of {length}"
            least = math.ceil((length + 1) / min(TEST, VALIDATION))
            raise fail("ARCH303", message, hint=f"use a text of at least {least:,} tokens, or a shorter input")
        names = _vocabulary(tokens[: ends[0]], most)
        if len(set(tokens)) < 2:
            message = f"{path} has only one token, `{in_line(tokens[0])}`: there is nothing to predict"
            raise fail("ARCH303", message, hint="name a file with a text")
        index = {name: number for number, name in enumerate(names)}
        numbers = np.array([index.get(token, 0) for token in tokens], np.int32)
        train, validation, test = (
            _windows(part, length) for part in (numbers[: ends[0]], numbers[ends[0] : ends[1]], numbers[ends[1] :])
        )
        columns = {"tokens": Column("tokens", (length,), names), "next": Column("tokens", (length,), names)}
        return RawDataset(
            columns,
            ("tokens",),
            ("next",),
            train,
            test,
            str(path.absolute()),
            validation,
            notes=(f"{quantity(len(tokens), 'token')}, {len(names):,} different ones",),
            searched=searched,
        )


def _wanted(ports: Ports | None) -> tuple[int, int]:
    """The length of a window, and the most different tokens."""
    if ports is None:
        return 128, 20_000
    port, end = next(iter(ports.inputs.values())), next(iter(ports.outputs.values()))
    if len(port.shape) != 1 or not port.is_integer or port.shape[0] is None or len(end.shape) != 2:
        hint = "give it an input such as `{shape: [128], dtype: int32}`, and an output of (length, tokens)"
        raise fail("ARCH303", "the network does not predict the tokens of a text", hint=hint)
    most = int(end.shape[1] or 0)
    return port.shape[0], most if port.ids is None else min(most, port.ids)


def _vocabulary(tokens: list[str], most: int) -> tuple[str, ...]:
    """The most frequent tokens, after the one for all others."""
    common = Counter(tokens).most_common(most - 1)
    return (UNKNOWN, *(token for token, _ in sorted(common, key=lambda each: (-each[1], each[0]))))


def _windows(numbers: NDArray[np.int32], length: int) -> Table:
    """Windows side by side: the tokens, and those one step later."""
    count = (len(numbers) - 1) // length
    used = numbers[: count * length + 1]
    return in_memory(tokens=used[:-1].reshape(count, length), next=used[1:].reshape(count, length))


SOURCE = Text()
