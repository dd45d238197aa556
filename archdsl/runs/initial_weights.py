"""Where the weights of a network come from, and which of them are trained: for people, `run.json` and the card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

from pydantic import Field

from archdsl.text import columns, quantity

WIDTH = 80
"""The width of the table, in characters."""

MOST_ROWS, MOST_PATHS = 24, 4
"""The number of rows and of paths that are listed."""

Count = Annotated[int, Field(ge=0, le=10**15)]


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """The trained weights that a run started from.

    Attributes:
        source: the origin, for people.
        file: the path of the file.
        sha256: the checksum of the file.
        revision: the revision in a hub, if known.
        license: the license of the weights, if known.
        parameters: the number of copied parameters.
        new: the paths of the weights that were initialized, because the file has no match.
        left: the paths of the weights in the file that were not copied.
    """

    source: str
    file: str
    sha256: str
    revision: str
    license: str
    parameters: Count
    new: Sequence[str]
    left: Sequence[str]


@dataclass(frozen=True, slots=True)
class Part:
    """A step of the model at the start of a training, or several that do not differ.

    Attributes:
        names: the names of the steps.
        parameters: the number of parameters.
        copied: the number of parameters that were copied.
        trainable: the number of parameters that can be trained.
        frozen: the number of these that are frozen at the start.
        later: the number of these that are trained later.
        rates: the learning rate multipliers of its weights.
    """

    names: Sequence[str]
    parameters: Count
    copied: Count
    trainable: Count
    frozen: Count
    later: Count
    rates: Sequence[Annotated[float, Field(ge=0, allow_inf_nan=False)]]

    @property
    def origin(self) -> str:
        """Where its weights come from, in words."""
        if not self.parameters:
            return ""
        names = {0: "new", self.parameters: "copied"}
        return names.get(self.copied, f"{self.copied / self.parameters:.0%} copied")

    def training(self, after: int | None) -> str:
        """Whether it is trained, in words.

        Args:
            after: the number of epochs after which weights are unfrozen.
        """
        rate = "several rates" if len(self.rates) > 1 else f"rate x{self.rates[0]:g}" if self.rates else ""
        rate = "" if rate == "rate x1" else rate
        if not self.frozen or not self.trainable:
            return (rate or "trained") if self.trainable else ""
        words = "frozen" if self.frozen == self.trainable else "partly frozen"
        if self.later:
            words += f" for {quantity(after or 0, 'epoch')}"
            words += "" if self.later == self.frozen else ", some always"
        return ", ".join([words, rate] if rate and self.frozen - self.later < self.trainable else [words])

    def same(self, after: int | None) -> tuple[str, str]:
        return self.origin, self.training(after)


@dataclass(frozen=True, slots=True)
class Start:
    """The weights at the start of a training.

    Attributes:
        weights: where they come from, or None if all are new.
        after: the number of epochs after which weights are unfrozen, or None.
        parts: the steps of the model.
    """

    weights: InitialWeights | None
    after: Annotated[int, Field(ge=1, le=10**9)] | None
    parts: Sequence[Part]

    @property
    def is_plain(self) -> bool:
        """Whether all weights are new, and trained alike."""
        return self.weights is None and all(part.training(None) in ("trained", "") for part in self.parts)

    def rows(self) -> list[tuple[str, ...]]:
        """The rows of its table, with a head. Neighbors that do not differ share a row."""
        groups = [list(found) for _, found in groupby(self.parts, lambda part: part.same(self.after))]
        rows = list[tuple[str, ...]]()
        for group in groups:
            names = [name for part in group for name in part.names]
            name = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
            cells = (name, f"{sum(part.parameters for part in group):,}", *group[0].same(self.after))
            rows.append(cells)
        if len(rows) > MOST_ROWS:
            half = MOST_ROWS // 2
            rows[half:-half] = [(f"... {len(rows) - 2 * half} more ...", "", "", "")]
        rows.insert(0, ("step", "parameters", "weights", "training"))
        return rows if self.weights else [(*row[:2], row[3]) for row in rows]

    def facts(self) -> Iterator[tuple[str, str]]:
        """What else there is to know, each with a name."""
        whole = sum(part.parameters for part in self.parts)
        if self.weights:
            yield "weights", f"{self.weights.parameters:,} of {whole:,} parameters copied from {self.weights.source}"
            yield "new", listed(self.weights.new) or "nothing"
            yield "left over", listed(self.weights.left) or "nothing"
        frozen, later = (sum(getattr(part, name) for part in self.parts) for name in ("frozen", "later"))
        trainable = sum(part.trainable for part in self.parts)
        more = f", {trainable - frozen + later:,} after {quantity(self.after or 0, 'epoch')}" if later else ""
        yield "trainable", f"{trainable - frozen:,} of {whole:,} parameters{more}"

    def text(self) -> str:
        """The table and the facts, for a terminal."""
        return columns(self.rows(), right={1}, width=WIDTH) + columns(list(self.facts()), width=WIDTH)


def listed(paths: Sequence[str]) -> str:
    """The first paths, and how many more there are."""
    more = f", and {len(paths) - MOST_PATHS:,} more" if len(paths) > MOST_PATHS else ""
    return ", ".join(paths[:MOST_PATHS]) + more
