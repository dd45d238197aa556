"""Comments that silence a finding on their line: `# archdsl: allow ARCH506 - the paper has it so`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from archdsl.errors import CODES, Span, nearest
from archdsl.lint.finding import Finding
from archdsl.source import LINE_END, read_with_extents
from archdsl.spec import Spec

_SILENCE = re.compile(r"(?:^|(?<=\s))#\s*archdsl:\s*allow\b(?P<rest>.*)")
_CODES = re.compile(r"\s*(?P<codes>\w+(?:\s*,\s*\w+)*)?\s*(?:-+\s*(?P<reason>\S.*)?)?")
_WRITE = "write `# archdsl: allow ARCH501 - ` and the reason"


@dataclass(eq=False)
class _Silence:
    """One code of one comment.

    Args:
        line: the line of which it speaks.
        fault: why it silences nothing, where that is certain.
    """

    code: str
    line: int
    span: Span
    fault: str = ""
    hint: str = ""
    used: bool = False


@dataclass
class Silences:
    """The silences of a file, and which of them were of use.

    A comment behind something speaks of its line, one on a line of its own of the next line that is none; on a layer's
    first line it speaks of the whole layer, on the file's first of the whole file.
    """

    spec: Spec
    _found: list[_Silence] = field(init=False)

    def __post_init__(self) -> None:
        spec = self.spec
        self._found = list(_read(spec)) if "archdsl:" in spec.text and "allow" in spec.text else []

    def cover(self, finding: Finding) -> bool:
        """Whether a finding is silenced."""
        if not self._found:
            return False
        lines = self._lines(finding)
        matching = [one for one in self._found if one.code == finding.code and one.line in lines and not one.fault]
        for one in matching:
            one.used = True
        return bool(matching)

    def _lines(self, finding: Finding) -> set[int]:
        """The lines on which a finding may be silenced: its own, its step's, its layer's, and the file's first."""
        own = {place.line for place in (finding.span, finding.step) if place is not None}
        heads = sorted(layer.span.line for layer in self.spec.layers.values())
        end = self._model_line()
        for line in tuple(own):
            if heads and line >= heads[0] and not (end > heads[0] and line >= end):
                own.add(heads[bisect_right(heads, line) - 1])
        return own | {self._first}

    @property
    def _first(self) -> int:
        """The line of the file's first key."""
        lines = LINE_END.split(self.spec.text)
        return next((n for n, text in enumerate(lines, 1) if text.strip() and not text.lstrip().startswith("#")), 1)

    def _model_line(self) -> int:
        steps = self.spec.model
        return steps[0].span.line if steps else 0

    def idle(self) -> Iterator[Finding]:
        """What is to be said of the silences themselves: no reason, no such code, or nothing to silence."""
        for one in self._found:
            if one.fault:
                yield Finding("ARCH599", one.fault, one.span, hint=one.hint)
            elif not one.used:
                hint = "remove it; it speaks of its own line, its layer or its file"
                yield Finding("ARCH599", f"nothing here is told as {one.code}", one.span, hint=hint)


def _read(spec: Spec) -> Iterator[_Silence]:
    _, extents = read_with_extents(spec.text, spec.file, spec.limits)
    starts = [extent.start for extent in extents]
    lines = LINE_END.split(spec.text)
    offset = 0
    for number, (text, end) in enumerate(zip(lines, [*LINE_END.findall(spec.text), ""], strict=True), 1):
        if (match := _SILENCE.search(text)) is not None:
            at = offset + match.start()
            before = extents[bisect_right(starts, at) - 1] if starts and starts[0] <= at else None
            body = spec.text[before.start : at] if before is not None else ""
            inside = before is not None and at < before.end and not (before.is_block and "\n" not in body)
            if not inside:
                yield from _silences(spec, lines, number, match)
        offset += len(text) + len(end)


def _silences(spec: Spec, lines: list[str], number: int, match: re.Match[str]) -> Iterator[_Silence]:
    text = lines[number - 1]
    line = number
    if not text[: match.start()].strip():
        rest = range(number, len(lines))
        line = next((i + 1 for i in rest if (t := lines[i].strip()) and not t.startswith("#")), number)
    span = Span(spec.file, number, match.start() + 1, len(match[0].rstrip()), text)
    words = _CODES.fullmatch(match["rest"].rstrip())
    if words is None or not words["codes"]:
        yield _Silence("", line, span, "a silence names the codes that it silences", _WRITE)
        return
    for code in re.split(r"\s*,\s*", words["codes"]):
        if code not in CODES or not code.startswith("ARCH5"):
            known = nearest(code, [known for known in CODES if known.startswith("ARCH5")])
            what = "is an error, and no warning" if code in CODES else "is no code"
            yield _Silence(code, line, span, f"`{code}` {what}", known)
        elif not words["reason"]:
            yield _Silence(code, line, span, f"{code} is not silenced without a reason", _WRITE)
        else:
            yield _Silence(code, line, span)
