"""What went wrong, where it stands in the file, and how it prints."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.text import WIDTH, in_line, is_number

CODES = {
    "ARCH001": "the text is not YAML",
    "ARCH002": "a part of YAML that specs do not have",
    "ARCH003": "the text is larger than a spec may be",
    "ARCH004": "a key stands twice",
    "ARCH005": "a key that is not known here",
    "ARCH006": "a key is missing",
    "ARCH007": "a value of another kind is due",
    "ARCH008": "a value is out of its range",
    "ARCH009": "the version of the language",
    "ARCH010": "a name that cannot be used",
    "ARCH011": "an expression that cannot be read",
    "ARCH012": "an expression names something that its body does not see",
    "ARCH013": "an expression has no value",
    "ARCH014": "a step that is neither an op nor a layer of the file",
    "ARCH015": "an argument that the layer does not have",
    "ARCH016": "an argument without a value",
    "ARCH017": "an argument, or what a step gives, that nobody uses",
    "ARCH018": "a name that is not seen from here",
    "ARCH019": "an expression where none may stand",
    "ARCH020": "an op that cannot take this shape",
    "ARCH021": "parts of a merge whose shapes differ",
    "ARCH022": "more or fewer tensors than are taken",
    "ARCH023": "a loop that cannot run",
    "ARCH024": "layers that contain one another without end",
    "ARCH025": "a network larger than the limits allow",
    "ARCH026": "an expectation that does not hold",
    "ARCH027": "a network that Keras counts otherwise",
    "ARCH201": "no such spec",
    "ARCH202": "an output folder that holds something already",
    "ARCH203": "an option that cannot be used",
    "ARCH204": "no such run or model",
    "ARCH301": "data that is not there",
    "ARCH302": "data that cannot be read",
    "ARCH303": "data that does not fit the network",
    "ARCH304": "a place that cannot be written to",
    "ARCH305": "no renderer for pictures",
    "ARCH306": "a package that is not there",
    "ARCH307": "an op of an installed package that cannot be used",
    "ARCH308": "weights that do not fit another model",
    "ARCH401": "training went wrong",
}
"""Every code of an error, by what it stands for. The hundreds say how the program ends: see `ArchError.exit_code`. The
warnings, ARCH5xx, are for what can be built and is likely not meant so: the rules of the lint have them."""


SHOWN = 50
"""How many problems an error's text shows; `problems` has them all."""

ENOUGH = 100
"""How many problems are looked for: a file of nothing but wrong words is refused quickly, too."""

LONGEST, MOST_FACTS = 1000, 20
"""How many characters of a sentence and how many facts a problem's text shows, so that it fits a screen."""

ABBREVIATIONS = {
    "bce": "binary_crossentropy",
    "bn": "batch_norm",
    "deconv": "conv_transpose",
    "gap": "global_average_pool",
    "ln": "layer_norm",
    "lr": "learning_rate",
    "cat": "concat",
    "mae": "mean_absolute_error",
    "mean": "average",
    "mul": "multiply",
    "sum": "add",
    "mse": "mean_squared_error",
}
"""The field's abbreviations of words of the language."""

MAX_WORDS, MAX_LETTERS = 200, 40
"""With how many known words a word is compared, and how many letters of each: both come from files."""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file: `width` characters from `column` of `line` (both from 1), and that line's text."""

    file: str
    line: int
    column: int
    width: int = 1
    text: str = ""

    def part(self, offset: int, width: int) -> Span:
        """The `width` characters from `offset` on inside this place."""
        return replace(self, column=self.column + offset, width=width)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a code of `CODES`, one sentence, the place, and what to do about it."""

    code: str
    message: str
    span: Span | None = None
    facts: tuple[str, ...] = ()
    trail: tuple[str, ...] = ()
    hint: str = ""

    @property
    def title(self) -> str:
        """What its code stands for."""
        return CODES.get(self.code, "")

    @property
    def level(self) -> str:
        """`error`, or `warning` for what can be built all the same."""
        return "warning" if self.code.startswith("ARCH5") else "error"

    def render(self, width: int = WIDTH) -> str:
        """The problem as text of several lines, with the line of the file and a caret under the place."""
        where = f"{_sentence(self.span.file)}:{self.span.line}:{self.span.column}: " if self.span else ""
        lines = [f"{where}{self.level}[{self.code}]: {_sentence(self.message)}"]
        if self.span and self.span.text:
            lines += excerpt(self.span, width)
        lines += [f"  {line}" for line in self._below()]
        return "\n".join(lines)

    def _below(self) -> list[str]:
        """The lines after its sentence: facts, trail and help."""
        facts = list(self.facts[:MOST_FACTS])
        if len(self.facts) > MOST_FACTS:
            facts.append(f"... and {len(self.facts) - MOST_FACTS:,} more")
        hint = [f"help: {self.hint}"] if self.hint else []
        return [_sentence(line) for line in (*facts, *_shortened(self.trail), *hint)]

    def data(self) -> dict[str, Any]:
        """The problem as plain data, for JSON."""
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
        """The problem as a command to GitHub Actions, which shows it beside the line of the file."""
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
    """The one exception that users meet. It holds one `Problem` or more.

    Args:
        problems: one problem or several, in the order of the file.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return self.render()

    def render(self, width: int = WIDTH) -> str:
        """The first problems as text, one below the other, and how many there are besides."""
        texts = [problem.render(width) for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            least = "at least " if len(self.problems) >= ENOUGH else ""
            texts.append(f"... and {least}{len(self.problems) - SHOWN:,} more")
        return "\n".join(texts)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.problems

    @property
    def exit_code(self) -> int:
        """1 the spec is wrong, 2 usage, 3 data or environment, 4 training failed, 5 warnings: the code's hundreds."""
        return max(1, int(self.problems[0].code[4]))


@dataclass
class Problems:
    """Collects problems, so that one run reports them all."""

    collected: list[Problem] = field(default_factory=list)

    def add(self, code: str, message: str, span: Span | None, hint: str = "") -> None:
        self.collected.append(Problem(code, message, span, hint=hint))
        if len(self.collected) >= ENOUGH:
            self.stop()

    def extend(self, error: ArchError) -> None:
        self.collected.extend(error.problems)

    def stop(self) -> None:
        """Raises what was collected, in the order of the file and each problem once; does nothing if there is none."""
        if self.collected:
            raise ArchError(*dict.fromkeys(sorted(self.collected, key=_position)))


def fail(code: str, message: str, span: Span | None = None, hint: str = "") -> ArchError:
    """An `ArchError` of one problem, to be raised by the caller."""
    return ArchError(Problem(code, message, span, hint=hint))


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint with the known words most like `word`; if none is close, the known words."""
    known = sorted(set(words))
    if close := _closest(word, known):
        *others, last = (f"`{w}`" for w in close)
        return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"
    shown = ", ".join(f"`{w}`" for w in known[:16]) + (", ..." if len(known) > 16 else "")
    return f"known here: {shown}" if known else ""


def _closest(word: str, known: Sequence[str]) -> list[str]:
    """The words that `word` may be a slip for: usually one; several if all are as likely; none if a guess may be wrong.

    In this order: the same letters (`MaxPool` for `max_pool`), the same beginning (`drop`), few edits, most of the same
    beginning (`convolution` for `conv`), and a part that several words have (`crossentropy`). Other digits mean another
    thing: `conv1d` is no slip for `conv`, nor is `gru` for `glu`.
    """
    typed = word[:MAX_LETTERS].lower().removesuffix("2d")
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
        room = 1 + (longer > 6) if longer > 3 or is_short_slip else 0
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
    """Breaks ties: a swap leaves all letters there, the first letter is seldom wrong, nor is most of the rest."""
    swapped, first = sorted(typed) == sorted(candidate), typed[:1] == candidate[:1]
    return 3 * swapped + first + _shared(typed, candidate) + _shared(typed[::-1], candidate[::-1])


def _shared(one: str, other: str) -> int:
    """How many letters both begin with."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _edit_distance(typed: str, candidate: str, room: int) -> int:
    """How many letters were added, left out, replaced, or swapped with their neighbour (Damerau 1964).

    Only counts up to `room` are exact; a larger one is only known to be larger.
    """
    above: list[int] = []
    row = list(range(len(candidate) + 1))
    for i, letter in enumerate(typed):
        further, above, row = above, row, [i + 1] + [room + 1] * len(candidate)
        if i > room and min(above[i - room : i + room + 1]) > room:
            break  # it never gets better again
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
    """The line of the file, cut around the place where it is too long, and carets under the place."""
    gutter = f"{span.line:>5} | "
    text = "".join(c if c.isprintable() else " " for c in span.text)
    start = span.column - 1
    first, last = _window(text, start, max(20, width - len(gutter)))
    before, inside = text[first:start], text[start : min(start + span.width, last)]
    carets = " " * _cells(before) + "^" * max(1, _cells(inside))
    return [gutter + text[first:last], " " * (len(gutter) - 2) + "| " + carets]


def _window(text: str, start: int, room: int) -> tuple[int, int]:
    """Where to cut a line, so that it takes `room` cells of a terminal and `start` stands well inside."""
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
    """How many cells of a terminal a text takes: two for a wide character, none for a mark on the one before it."""
    marks = sum(unicodedata.category(c) in ("Mn", "Me") for c in text)
    return len(text) - marks + sum(unicodedata.east_asian_width(c) in "WF" for c in text)


_IN_MESSAGE: dict[str, str | int | None] = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY: dict[str, str | int | None] = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}


def _escaped(text: str, table: dict[str, str | int | None]) -> str:
    return text.translate(str.maketrans(table))


def shown(value: Any) -> str:
    """A value as the file would write it, cut where it is long."""
    if isinstance(value, dict):
        return "a mapping"
    words = {True: "`true`", False: "`false`", None: "nothing"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = _written(value)
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"


_SHOWN_ITEMS = 40
"""As many items of a list as a value's text has letters."""


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value[:_SHOWN_ITEMS]))}]"
    if isinstance(value, dict):
        return "{...}"
    if isinstance(value, str):
        return f'"{value}"' if is_number(value) else value
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
