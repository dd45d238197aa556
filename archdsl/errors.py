"""What went wrong, where it stands in the file, and how it prints. Imports nothing else of the package."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

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
    "ARCH017": "an argument that nobody uses",
    "ARCH019": "an expression where none may stand",
    "ARCH020": "an op that cannot take this shape",
    "ARCH021": "parts of a merge whose shapes differ",
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
    "ARCH306": "TensorFlow or Keras is not there",
    "ARCH401": "training went wrong",
}
"""Every code, by what it stands for. The hundreds say how the program ends: see `ArchError.exit_code`."""


SHOWN = 20
"""How many problems an error's text tells; `problems` has them all."""


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

    def render(self) -> str:
        """The problem as text of several lines, with the line of the file and a caret under the place."""
        where = f"{self.span.file}:{self.span.line}:{self.span.column}: " if self.span else ""
        lines = [f"{where}error[{self.code}]: {self.message}"]
        if self.span and self.span.text:
            lines += _excerpt(self.span)
        lines += [f"  {fact}" for fact in self.facts]
        lines += [f"  {step}" for step in _shortened(self.trail)]
        if self.hint:
            lines.append(f"  help: {self.hint}")
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """The problem as plain data, for `--json`."""
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


class ArchError(Exception):
    """The one exception that users meet. It holds one `Problem` or more.

    Args:
        problems: one problem or several, in the order of the file.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        told = [problem.render() for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            told.append(f"... and {len(self.problems) - SHOWN:,} more")
        return "\n".join(told)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.problems

    @property
    def exit_code(self) -> int:
        """1 the spec is wrong, 2 usage, 3 data or environment, 4 training failed: the code's hundreds."""
        return max(1, int(self.problems[0].code[4]))


@dataclass
class Problems:
    """Collects problems, so that one run tells them all."""

    found: list[Problem] = field(default_factory=list)

    def add(self, code: str, message: str, span: Span | None, hint: str = "") -> None:
        self.found.append(Problem(code, message, span, hint=hint))

    def extend(self, error: ArchError) -> None:
        self.found.extend(error.problems)

    def stop(self) -> None:
        """Raises what was found, in the order of the file and each thing once; nothing where nothing was found."""
        if self.found:
            raise ArchError(*dict.fromkeys(sorted(self.found, key=_position)))


def fail(code: str, message: str, span: Span | None = None, hint: str = "") -> ArchError:
    """An `ArchError` of one problem, to be raised by the caller."""
    return ArchError(Problem(code, message, span, hint=hint))


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint with the known word most like `word`; where none is near, the known words."""
    known = sorted(set(words))
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6) or [w for w in known if w.lower() == word.lower()]
    if close:
        return f"did you mean `{close[0]}`?"
    shown = ", ".join(f"`{w}`" for w in known[:16]) + (", ..." if len(known) > 16 else "")
    return f"known here: {shown}" if known else ""


def quantity(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _shortened(trail: tuple[str, ...]) -> tuple[str, ...]:
    if len(trail) <= 8:
        return trail
    return (*trail[:4], f"... {len(trail) - 8} more ...", *trail[-4:])


def _position(problem: Problem) -> tuple[str, int, int]:
    span = problem.span
    return (span.file, span.line, span.column) if span else ("", 0, 0)


def _excerpt(span: Span) -> list[str]:
    gutter = f"{span.line:>5} | "
    start, text = span.column - 1, span.text
    room = 110
    if len(text) > room:
        cut = max(0, min(start - 40, len(text) - room))
        text, start = text[cut : cut + room], start - cut
    text = "".join(c if c.isprintable() else " " for c in text)
    width = max(1, min(span.width, len(text) - start))
    return [gutter + text, " " * (len(gutter) - 2) + "| " + " " * start + "^" * width]
