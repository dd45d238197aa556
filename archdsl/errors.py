"""Errors with their location in the file, and how to print them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.text import WIDTH, in_line, is_number

CODES = {
    "ARCH001": "invalid YAML",
    "ARCH002": "unsupported YAML feature",
    "ARCH003": "spec too large",
    "ARCH004": "duplicate key",
    "ARCH005": "unknown key",
    "ARCH006": "missing key",
    "ARCH007": "wrong type of value",
    "ARCH008": "value out of range",
    "ARCH009": "missing or unsupported language version",
    "ARCH010": "invalid name",
    "ARCH011": "invalid expression",
    "ARCH012": "unknown name in an expression",
    "ARCH013": "expression without a value",
    "ARCH014": "unknown op or layer",
    "ARCH015": "unknown argument",
    "ARCH016": "missing argument",
    "ARCH017": "unused argument or output",
    "ARCH018": "unknown step",
    "ARCH019": "expression not allowed here",
    "ARCH020": "incompatible input shape",
    "ARCH021": "incompatible shapes in a merge",
    "ARCH022": "wrong number of tensors",
    "ARCH023": "invalid loop",
    "ARCH024": "endless recursion of layers",
    "ARCH025": "network too large",
    "ARCH026": "failed expectation",
    "ARCH027": "network built differently by Keras",
    "ARCH028": "incompatible dtype",
    "ARCH029": "invalid pattern of axes",
    "ARCH030": "flexible size not possible",
    "ARCH201": "spec not found",
    "ARCH202": "output already exists",
    "ARCH203": "invalid option",
    "ARCH204": "run or model not found or invalid",
    "ARCH301": "data not found",
    "ARCH302": "unreadable data",
    "ARCH303": "data does not match the network",
    "ARCH304": "output cannot be written",
    "ARCH305": "picture cannot be rendered",
    "ARCH306": "missing package",
    "ARCH307": "unusable op of an installed package",
    "ARCH308": "weights do not match the model",
    "ARCH401": "training failed",
    "ARCH601": "test set overlaps training set",
    "ARCH602": "unbalanced classes",
    "ARCH603": "small validation set",
    "ARCH604": "slow precision",
    "ARCH605": "loss far above its start",
}
"""The title of each code. The first digit of an error is the exit code: see `ArchError.exit_code`. ARCH5xx are warnings
about specs that can be built but are probably mistakes; each belongs to a lint rule. ARCH6xx are warnings about the
data and the settings of a training, which starts all the same."""


SHOWN = 50
"""The number of problems in the text of an error. `problems` contains all of them."""

ENOUGH = 100
"""The number of problems after which collecting stops, so that a file full of errors is rejected quickly."""

LONGEST, MOST_FACTS = 1000, 20
"""The maximum length of a sentence and the maximum number of facts in the text of a problem."""

ABBREVIATIONS = {
    "as": "name",
    "avg_pool": "average_pool",
    "avgpool": "average_pool",
    "bce": "binary_crossentropy",
    "bn": "batch_norm",
    "branches": "paths",
    "cat": "concat",
    "cross_attention": "attention",
    "deconv": "conv_transpose",
    "fc": "dense",
    "fully_connected": "dense",
    "gap": "global_average_pool",
    "global_avg_pool": "global_average_pool",
    "group": "steps",
    "if": "when",
    "inputs": "from",
    "ln": "layer_norm",
    "lr": "learning_rate",
    "mae": "mean_absolute_error",
    "mean": "average",
    "mha": "attention",
    "mse": "mean_squared_error",
    "mul": "multiply",
    "multi_head_attention": "attention",
    "multiheadattention": "attention",
    "parallel": "paths",
    "pixel_shuffle": "depth_to_space",
    "pos_embedding": "position_embedding",
    "rnn": "simple_rnn",
    "self_attention": "attention",
    "sequential": "steps",
    "sum": "add",
    "times": "repeat",
}
"""Common abbreviations and other names for names in the language."""

MAX_WORDS, MAX_LETTERS = 200, 40
"""The maximum number and length of known words to compare with, because both may come from a file."""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file: `width` characters from `column` in `line` (both 1-based), and the text of the line."""

    file: str
    line: int
    column: int
    width: int = 1
    text: str = ""

    def part(self, offset: int, width: int) -> Span:
        """Return the part of this place with `width` characters from `offset`."""
        return replace(self, column=self.column + offset, width=width)

    def inside(self, text: str, offset: int, width: int) -> Span:
        """Return the part of a string that begins at this place, or this place if its line differs from the string."""
        start = self.column - 1
        quoted = self.text[start : start + 1] in ("'", '"')
        return self.part(offset + quoted, width) if self.text.startswith(text, start + quoted) else self


@dataclass(frozen=True, slots=True)
class Problem:
    """A single problem: a code of `CODES`, a message, its place, and a hint."""

    code: str
    message: str
    span: Span | None = None
    facts: tuple[str, ...] = ()
    trail: tuple[str, ...] = ()
    hint: str = ""

    @property
    def title(self) -> str:
        """The title of its code."""
        return CODES.get(self.code, "")

    @property
    def level(self) -> str:
        """`error`, or `warning` if the network can still be built and trained."""
        return "warning" if self.code.startswith(("ARCH5", "ARCH6")) else "error"

    def render(self, width: int = WIDTH) -> str:
        """Return the problem as text, with the line of the file and a caret under the place."""
        where = f"{_sentence(self.span.file)}:{self.span.line}:{self.span.column}: " if self.span else ""
        lines = [f"{where}{self.level}[{self.code}]: {_sentence(self.message)}"]
        if self.span and self.span.text:
            lines += excerpt(self.span, width)
        lines += [f"  {line}" for line in self._below()]
        return "\n".join(lines)

    def _below(self) -> list[str]:
        """Return the lines after the excerpt: facts, trail and help."""
        facts = list(self.facts[:MOST_FACTS])
        if len(self.facts) > MOST_FACTS:
            facts.append(f"... and {len(self.facts) - MOST_FACTS:,} more")
        hint = [f"help: {self.hint}"] if self.hint else []
        return [_sentence(line) for line in (*facts, *_shortened(self.trail), *hint)]

    def data(self) -> dict[str, Any]:
        """Return the problem as plain data, for JSON."""
        place = self.span and {
            "file": self.span.file,
            "line": self.span.line,
            "column": self.span.column,
            "width": self.span.width,
        }
        return {
            "code": self.code,
            "message": self.message,
            "place": place,
            "facts": list(self.facts),
            "trail": list(self.trail),
            "help": self.hint or None,
        }

    def annotation(self) -> str:
        """Return the problem as a GitHub Actions command, which annotates the line of the file."""
        place = self.span and {
            "file": self.span.file,
            "line": self.span.line,
            "col": self.span.column,
            "endColumn": self.span.column + self.span.width,
        }
        properties = {**(place or {}), "title": f"{self.code} {self.title}"}
        pairs = ",".join(f"{key}={_escaped(_sentence(str(value)), _IN_PROPERTY)}" for key, value in properties.items())
        text = "\n".join([_sentence(self.message), *self._below()])
        return f"::{self.level} {pairs}::{_escaped(text, _IN_MESSAGE)}"


class ArchError(Exception):
    """The exception for all errors that users can cause. It contains at least one `Problem`.

    Args:
        problems: The problems, in the order of the file.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return self.render()

    def render(self, width: int = WIDTH) -> str:
        """Return the first problems as text, and the number of further ones."""
        texts = [problem.render(width) for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            least = "at least " if len(self.problems) >= ENOUGH else ""
            texts.append(f"... and {least}{len(self.problems) - SHOWN:,} more")
        return "\n".join(texts)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.problems

    @property
    def exit_code(self) -> int:
        """The exit code: 1 invalid spec, 2 usage, 3 data or environment, 4 failed training, 5 warnings."""
        return max(1, int(self.problems[0].code[4]))


@dataclass
class Problems:
    """Collects problems, to report all of them in one run."""

    collected: list[Problem] = field(default_factory=list)

    def add(self, code: str, message: str, span: Span | None, hint: str = "") -> None:
        self.collected.append(Problem(code, message, span, hint=hint))
        if len(self.collected) >= ENOUGH:
            self.stop()

    def extend(self, error: ArchError) -> None:
        self.collected.extend(error.problems)

    def stop(self) -> None:
        """Raise the collected problems, if any, in the order of the file and without duplicates."""
        if self.collected:
            raise ArchError(*dict.fromkeys(sorted(self.collected, key=_position)))


def fail(code: str, message: str, span: Span | None = None, hint: str = "") -> ArchError:
    """Return an `ArchError` with one problem, for the caller to raise."""
    return ArchError(Problem(code, message, span, hint=hint))


def nearest(word: str, words: Iterable[str], fixed: bool = False) -> str:
    """Return a hint that suggests the closest known words, or lists the known words if none is close.

    Args:
        word: The unknown word.
        words: The known words.
        fixed: Whether the known words are keys of the language. So few are short that `por` can only mean `for`.
    """
    known = sorted(set(words))
    if close := _closest(word, known, fixed):
        *others, last = (f"`{w}`" for w in close)
        return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"
    shown = ", ".join(f"`{w}`" for w in known[:16]) + (", ..." if len(known) > 16 else "")
    return f"available: {shown}" if known else ""


def _closest(word: str, known: Sequence[str], fixed: bool = False) -> list[str]:
    """Return the known words that `word` may be a misspelling of: several if they are equally likely, none if unsure.

    The criteria, in order: the same letters (`MaxPool` for `max_pool`), the same prefix (`drop`), a small edit
    distance, a long common prefix (`convolution` for `conv`), and a part of several words (`crossentropy`). Different
    digits mean a different word, but the ranks of Keras do not: `conv1d` is `conv`.
    """
    typed = re.sub("[123]d$", "", word[:MAX_LETTERS].lower())
    if (meant := ABBREVIATIONS.get(typed, "")) in known:
        return [meant]
    words = {w[:MAX_LETTERS].lower(): w for w in reversed(known[:MAX_WORDS])}
    bare = _letters(typed)
    if same := [w for candidate, w in words.items() if _letters(candidate) == bare]:
        return same[:1]
    words = {candidate: w for candidate, w in words.items() if _digits(candidate) == _digits(typed)}
    distances = {}
    for candidate in words:
        longer = max(len(typed), len(candidate))
        is_short_slip = len(typed) != len(candidate) or sorted(typed) == sorted(candidate)
        room = 1 + (longer > 6) if longer > 3 - fixed or is_short_slip else 0
        if abs(len(typed) - len(candidate)) <= room and (edits := _edit_distance(typed, candidate, room)) <= room:
            distances[candidate] = edits
    started = [w for w in words if len(bare) > 3 and _letters(w).startswith(bare)]
    if 0 < len(started) <= 3:
        slips = [w for w in started if distances.get(w) == 1]
        return [words[w] for w in slips[:1] or sorted(started)]
    if distances:
        least = sorted(w for w in distances if distances[w] == min(distances.values()))
        least.sort(key=lambda w: _likeness(typed, w), reverse=True)
        several = len(typed) < 6 and sorted(least[0]) != sorted(typed)
        return [words[w] for w in least[: 3 if several else 1]]
    begun = {w: _shared(_letters(candidate), bare) for candidate, w in words.items()}
    begun = {w: n for w, n in begun.items() if n >= 4 and 4 * n >= 3 * min(len(_letters(w)), len(bare))}
    longest = sorted(w for w, n in begun.items() if n == max(begun.values()))
    parts = sorted(w for candidate, w in words.items() if typed in candidate.split("_"))
    return longest if 0 < len(longest) <= 3 else parts if 1 < len(parts) <= 6 else []


def _letters(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def _digits(word: str) -> str:
    return "".join(sorted(filter(str.isdigit, word)))


def _likeness(typed: str, candidate: str) -> int:
    """Break ties: a swap keeps all letters, and the first letter and most others are usually right."""
    swapped, first = sorted(typed) == sorted(candidate), typed[:1] == candidate[:1]
    return 3 * swapped + first + _shared(typed, candidate) + _shared(typed[::-1], candidate[::-1])


def _shared(one: str, other: str) -> int:
    """Return the length of the common prefix."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _edit_distance(typed: str, candidate: str, room: int) -> int:
    """Return the number of inserted, deleted, replaced and swapped letters (Damerau 1964).

    The result is exact up to `room`. A larger result means only that the distance exceeds `room`.
    """
    above: list[int] = []
    row = list(range(len(candidate) + 1))
    for i, letter in enumerate(typed):
        further, above, row = above, row, [i + 1] + [room + 1] * len(candidate)
        if i > room and min(above[i - room : i + room + 1]) > room:
            break  # the distance cannot decrease any more
        for j in range(max(0, i - room), min(len(candidate), i + room + 1)):
            least = min(above[j + 1] + 1, row[j] + 1, above[j] + (letter != candidate[j]))
            if i and j and letter == candidate[j - 1] and candidate[j] == typed[i - 1]:
                least = min(least, further[j - 1] + 1)
            row[j + 1] = least
    return row[-1]


def _shortened(trail: tuple[str, ...]) -> tuple[str, ...]:
    if len(trail) <= 8:
        return trail
    return (*trail[:4], f"... {len(trail) - 8} more ...", *trail[-4:])


def _sentence(text: str) -> str:
    return in_line(text, LONGEST)


def _position(problem: Problem) -> tuple[str, int, int]:
    span = problem.span
    return (span.file, span.line, span.column) if span else ("", 0, 0)


def excerpt(span: Span, width: int) -> list[str]:
    """Return the line of the file, cut around the place if it is too long, and carets under the place."""
    gutter = f"{span.line:>5} | "
    text = "".join(c if c.isprintable() else " " for c in span.text)
    start = span.column - 1
    first, last = _window(text, start, max(20, width - len(gutter)))
    before, inside = text[first:start], text[start : min(start + span.width, last)]
    carets = " " * _cells(before) + "^" * max(1, _cells(inside))
    return [gutter + text[first:last], " " * (len(gutter) - 2) + "| " + carets]


def _window(text: str, start: int, room: int) -> tuple[int, int]:
    """Return where to cut a line so that it fits into `room` terminal cells and shows the text around `start`."""
    first = last = start
    ahead = room * 2 // 5
    while first > 0 and (ahead := ahead - _cells(text[first - 1])) >= 0:
        first -= 1
    room -= _cells(text[first:start])
    while last < len(text) and _cells(text[last]) <= room:
        room -= _cells(text[last])
        last += 1
    while first > 0 and _cells(text[first - 1]) <= room:
        room -= _cells(text[first - 1])
        first -= 1
    return first, last


def _cells(text: str) -> int:
    """Return the width of a text in terminal cells: two for a wide character, none for a combining mark."""
    marks = sum(unicodedata.category(c) in ("Mn", "Me") for c in text)
    return len(text) - marks + sum(unicodedata.east_asian_width(c) in "WF" for c in text)


_IN_MESSAGE: dict[str, str | int | None] = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY: dict[str, str | int | None] = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}


def _escaped(text: str, table: dict[str, str | int | None]) -> str:
    return text.translate(str.maketrans(table))


def shown(value: Any) -> str:
    """Return a value in the syntax of a spec, truncated if it is long."""
    if isinstance(value, dict):
        return "a mapping"
    words = {True: "`true`", False: "`false`", None: "nothing"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = _written(value)
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"


_SHOWN_ITEMS = 40
"""The number of list items to print at most: each takes at least one character."""


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value[:_SHOWN_ITEMS]))}]"
    if isinstance(value, dict):
        return "{...}"
    if isinstance(value, str):
        return f'"{value}"' if is_number(value) else value
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
