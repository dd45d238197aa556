"""Texts as integers, for an `embedding`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import checked, empty_cells, reading
from archdsl.data.inputs.base import Input
from archdsl.data.ports import Port
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values, chunks
from archdsl.data.tables import Column, Table
from archdsl.errors import fail
from archdsl.recipe import Data

VOCABULARY = 20_000
"""The most different words, if the network does not say."""

LONGEST, OFTEN = 512, 0.2
"""The largest number of words that is chosen, and the share of texts that are cut from which a training reports it."""

UNKNOWN = 1
"""The number of an unknown word."""

AT_ONCE = 4_096
"""The number of texts to encode at a time."""


@dataclass(frozen=True, slots=True)
class TextInput(Input):
    """A column of texts as the numbers of their words: int32 (length,), padded with 0; 1 is an unknown word.

    A text without words is one unknown word: a mean that leaves padding out would be NaN.

    Keras's `TextVectorization` makes lower-case words without punctuation, and numbers the most frequent words of the
    training texts.

    Attributes:
        column: the name of the column.
        length: the number of words; longer texts are cut, shorter ones padded. 0 for an input of any length, until
            it is chosen: 95 % of the training texts are not cut, if that is at most `LONGEST`.
        most: the most different words, with the two special ones.
        words: the words in the order of their numbers, once known.
        missing: as in the recipe. `mean` accepts empty texts.
        notes: which length was chosen, or how many texts are cut.
    """

    column: str
    length: int
    most: int = VOCABULARY
    words: tuple[str, ...] = ()
    missing: Literal["error", "mean", "drop"] = "error"
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, columns: Sequence[str], raw: RawDataset, data: Data, port: Port | None = None) -> TextInput:
        (name,) = columns
        if port is None or len(port.shape) != 1:
            message = f"the length of the texts in `{name}` is not known"
            hint = "give the network an input such as `{shape: [200], dtype: int32}`"
            raise fail("ARCH303", message, hint=hint)
        return cls(name, port.shape[0] or 0, port.ids or VOCABULARY, missing=data.missing)

    def read(self, table: Table) -> NDArray[np.object_]:
        values, found = reading(table, self.column, lambda texts: np.asarray(texts, object))
        if self.missing != "mean":
            found = (*found, *empty_cells(table, self.column, values == "", found))
        return checked(values, found)

    def fitted(self, values: Values) -> TextInput:
        counts = np.array([len(text.split()) for texts in chunks(values) for text in texts.tolist()])
        length = self.length or int(np.clip(np.ceil(np.quantile(counts, 0.95)), 1, LONGEST))
        notes, cut = list[str](), float((counts > length).mean())
        if not self.length:
            notes.append(f"the texts of `{self.column}` are cut or padded to {length:,} words: few have more")
        elif cut > OFTEN:
            notes.append(f"{cut:.0%} of the texts of `{self.column}` have more than {length:,} words, and are cut")
        layer = _vectorization(max_tokens=self.most, output_sequence_length=length)
        layer.adapt(texts.tolist() for texts in chunks(values))
        return replace(self, length=length, words=tuple(layer.get_vocabulary()), notes=tuple(notes))

    def encoded(self, values: NDArray[np.object_]) -> NDArray[np.int32]:
        result = np.zeros((len(values), self.length), np.int32)
        layer = _vectorization(vocabulary=list(self.words), output_sequence_length=self.length)
        for start in range(0, len(values), AT_ONCE):
            result[start : start + AT_ONCE] = np.asarray(layer(values[start : start + AT_ONCE].tolist()))
        result[:, 0] = np.maximum(result[:, 0], UNKNOWN)
        return result

    @property
    def made_shape(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def needs(self) -> dict[str, Column]:
        return {self.column: Column("text")}

    def describe(self) -> dict[str, Any]:
        words = {"kind": "text", "column": self.column, "length": self.length, "words": list(self.words)}
        return {**words, "missing": self.missing}


def _vectorization(**arguments: Any) -> Any:
    import keras

    return keras.layers.TextVectorization(**arguments)
