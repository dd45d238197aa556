"""Comments that suppress a finding on their line: `# archdsl: allow ARCH506 - as in the paper`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from archdsl.errors import CODES, Span, nearest
from archdsl.linting.finding import Finding
from archdsl.linting.rules import RULES
from archdsl.linting.rules.spec import UnusedSuppression
from archdsl.source import LINE_END, read_with_extents
from archdsl.spec import Spec

UNUSED = UnusedSuppression()

_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*archdsl:\s*allow\b(?P<rest>.*)")
_CODES = re.compile(r"\s*(?P<codes>\w+(?:\s*,\s*\w+)*)?\s*(?:-+\s*(?P<reason>\S.*)?)?")
_WRITE = "write `# archdsl: allow CODE - REASON`"


@dataclass(eq=False)
class _Suppression:
    """One code in one comment.

    Args:
        line: the line that it applies to.
        fault: why it cannot suppress anything, if so.
    """

    code: str
    line: int
    span: Span
    fault: str = ""
    hint: str = ""
    used: bool = False


@dataclass
class Suppressions:
    """The suppressions in a file, and which of them were used.

    A comment applies to its line, or, if it is alone on its line, to the next line that is not a comment. On the first
    line of a layer it applies to the whole layer, and on the first line of the file to the whole file.
    """

    spec: Spec
    _found: list[_Suppression] = field(init=False)

    def __post_init__(self) -> None:
        spec = self.spec
        self._found = list(_read(spec)) if "archdsl:" in spec.text and "allow" in spec.text else []

    def cover(self, finding: Finding) -> bool:
        """Whether a finding is suppressed."""
        if not self._found:
            return False
        lines = self._lines(finding)
        matching = [one for one in self._found if one.code == finding.code and one.line in lines and not one.fault]
        for one in matching:
            one.used = True
        return bool(matching)

    def _lines(self, finding: Finding) -> set[int]:
        """The lines where a comment suppresses a finding: its own, of its step, of its layer, and the first."""
        own = {place.line for place in (finding.span, finding.step) if place is not None}
        heads = sorted(layer.span.line for layer in self.spec.layers.values())
        end = self._model_line()
        for line in tuple(own):
            if heads and line >= heads[0] and not (end > heads[0] and line >= end):
                own.add(heads[bisect_right(heads, line) - 1])
        return own | {self._first}

    @property
    def _first(self) -> int:
        """The line of the first key in the file."""
        lines = LINE_END.split(self.spec.text)
        return next((n for n, text in enumerate(lines, 1) if text.strip() and not text.lstrip().startswith("#")), 1)

    def _model_line(self) -> int:
        steps = self.spec.model
        return steps[0].span.line if steps else 0

    def unused(self) -> Iterator[Finding]:
        """Findings about the suppressions themselves: no reason, no such code, or nothing to suppress."""
        for one in self._found:
            if one.fault:
                yield Finding(UNUSED.code, one.fault, one.span, hint=one.hint, rule=UNUSED)
            elif not one.used:
                yield Finding(UNUSED.code, f"unused suppression of {one.code}", one.span, hint="remove it", rule=UNUSED)


def _read(spec: Spec) -> Iterator[_Suppression]:
    _, extents = read_with_extents(spec.text, spec.file, spec.limits)
    starts = [extent.start for extent in extents]
    lines = LINE_END.split(spec.text)
    offset = 0
    for number, (text, end) in enumerate(zip(lines, [*LINE_END.findall(spec.text), ""], strict=True), 1):
        if (match := _COMMENT.search(text)) is not None:
            at = offset + match.start()
            before = extents[bisect_right(starts, at) - 1] if starts and starts[0] <= at else None
            body = spec.text[before.start : at] if before is not None else ""
            inside = before is not None and at < before.end and not (before.is_block and "\n" not in body)
            if not inside:
                yield from _suppressions(spec, lines, number, match)
        offset += len(text) + len(end)


def _suppressions(spec: Spec, lines: list[str], number: int, match: re.Match[str]) -> Iterator[_Suppression]:
    text = lines[number - 1]
    line = number
    if not text[: match.start()].strip():
        rest = range(number, len(lines))
        line = next((i + 1 for i in rest if (t := lines[i].strip()) and not t.startswith("#")), number)
    span = Span(spec.file, number, match.start() + 1, len(match[0].rstrip()), text)
    words = _CODES.fullmatch(match["rest"].rstrip())
    if words is None or not words["codes"]:
        yield _Suppression("", line, span, "this suppression names no code", _WRITE)
        return
    warnings = [rule.code for rule in RULES]
    for code in re.split(r"\s*,\s*", words["codes"]):
        if code not in warnings:
            known = nearest(code, warnings)
            what = f"`{code}` is an error, which cannot be suppressed" if code in CODES else f"unknown code `{code}`"
            yield _Suppression(code, line, span, what, known)
        elif not words["reason"]:
            yield _Suppression(code, line, span, f"the suppression of {code} gives no reason", _WRITE)
        else:
            yield _Suppression(code, line, span)
