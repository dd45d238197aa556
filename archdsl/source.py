"""Parse YAML with locations, event by event and within limits, so that no text can run code or use up resources."""

from __future__ import annotations

import errno
import math
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.scanner import Scanner

from archdsl.errors import ArchError, Span, fail, shown
from archdsl.files import content
from archdsl.limits import DEFAULTS, NESTING, Limits


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, number, boolean or null. `value` follows the core schema of YAML 1.2; `text` is the source text.

    Like all nodes, it lies from the offset `start` up to `end` of the document it was read from.
    """

    value: str | int | float | bool | None
    text: str
    span: Span
    start: int = field(default=0, compare=False, repr=False)
    end: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    span: Span
    start: int = field(default=0, compare=False, repr=False)
    end: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their nodes. Each key has its place and occurs only once."""

    items: tuple[tuple[Scalar, Node], ...]
    span: Span
    start: int = field(default=0, compare=False, repr=False)
    end: int = field(default=0, compare=False, repr=False)

    def key(self, name: str) -> Scalar | None:
        """Return the key with this name, for its place."""
        return next((key for key, _ in self.items if key.text == name), None)

    def get(self, name: str) -> Node | None:
        return next((node for key, node in self.items if key.text == name), None)


Node: TypeAlias = Scalar | Sequence | Mapping


def entries(node: Node | None) -> tuple[tuple[Scalar, Node], ...]:
    """Return the entries of a mapping; none for anything else, such as an op without arguments."""
    return node.items if isinstance(node, Mapping) else ()


def items(node: Node | None) -> tuple[Node, ...]:
    """Return the items of a list; none for anything else."""
    return node.items if isinstance(node, Sequence) else ()


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of a scalar: start and end offsets, its first line (1-based), and whether it is a block scalar."""

    start: int
    end: int
    line: int
    is_block: bool


LINE_END = re.compile(r"\r\n|[\n\r]")
START = "start the spec with `archdsl: 1`"
"""The hint for a file without its first line."""

_ODD_LINE_END = re.compile(r"[\x85\u2028\u2029]")
_UNSPACED_COMMENT = re.compile(r"\s+#(?![\s#]|$)")
_COLON = re.compile(r"\s*:")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_UNDERSCORED = re.compile(r"[-+]?[0-9][0-9_.eE]*_[0-9_.eE]*")
_WORDS: dict[str, bool | None] = {"": None, "~": None}
_WORDS |= dict.fromkeys(("null", "Null", "NULL")) | dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)


def read_file(path: Path, limits: Limits = DEFAULTS) -> str:
    """Read the text of a spec file.

    Raises:
        ArchError: If the file does not exist, is not a regular file, is too large, or is not valid UTF-8.
    """
    try:
        if not os.path.isfile(path):
            kind = "is a folder" if os.path.isdir(path) else "is not a regular file"
            fault = kind if os.path.exists(path) else "does not exist"
            raise fail(
                "ARCH201", f"{path} {fault}", hint="run `archdsl specs` to list the specs that ship with archdsl"
            )
        data = content(path, limits.bytes)
    except OSError as error:
        if error.errno == errno.EFBIG:
            message = f"{path} is larger than {limits.bytes:,} bytes"
            raise limits.exceeded("bytes", message, code="ARCH003") from None
        raise fail("ARCH201", f"{path} cannot be read: {error.strerror or error}") from None
    return decode(data, str(path))


def decode(data: bytes, name: str) -> str:
    """Decode the bytes of a file.

    Raises:
        ArchError: If the bytes are not valid UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fail("ARCH001", "the file is not valid UTF-8", Span(name, line, 1), hint="save it as UTF-8") from None


def read(text: str, name: str, limits: Limits = DEFAULTS) -> Node:
    """Parse a YAML document.

    Args:
        text: The document.
        name: The name of the document in messages, usually the path of the file.
        limits: Limits on the size of the document.

    Raises:
        ArchError: If the text is not valid YAML or uses an unsupported feature: tags, anchors, aliases, merge keys,
            directives, several documents or duplicate keys.
    """
    return read_with_extents(text, name, limits)[0]


@lru_cache(maxsize=2)  # a command reads a document for its spec, and again for comments or places; parsing is slow
def read_with_extents(text: str, name: str, limits: Limits = DEFAULTS) -> tuple[Node, tuple[Extent, ...]]:
    """Parse a YAML document as `read` does, and also return the extents of all scalars, in the order of the text."""
    if len(text) > limits.bytes:
        raise limits.exceeded("bytes", f"{name} is larger than {limits.bytes:,} bytes", code="ARCH003")
    reader = _EventReader(text, name, limits)
    if (odd := _ODD_LINE_END.search(text)) is not None:
        message = f"ambiguous line break U+{ord(odd[0]):04X}"
        raise fail("ARCH001", message, reader.place(odd.start()), "remove it, or start a new line")
    return reader.document(), tuple(reader.extents)


def flow(value: Any) -> str:
    """Return a value as YAML on one line: `{adam: {learning_rate: 0.001}}`.

    Raises:
        ArchError: If the value cannot be written as YAML.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = True, sys.maxsize, True
    yaml.sort_base_mapping_type_on_output = False
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    text = StringIO()
    try:
        yaml.dump([value], text)  # in a list, because a bare value would be followed by a line `...`
    except YAMLError:
        raise fail("ARCH203", f"expected a value of YAML, got {shown(value)}") from None
    return text.getvalue().strip()[1:-1]


class _LongTag(Exception):
    """A long tag. The YAML parser copies it for each character, which takes quadratic time."""

    def __init__(self, offset: int, begin: str) -> None:
        super().__init__(offset, begin)
        self.offset, self.begin = offset, begin


class _Scanner(Scanner):  # type: ignore[misc]
    """Rejects long tags early. Short ones are rejected later."""

    def fetch_tag(self) -> None:
        begin = re.match(r"\S*", self.reader.prefix(_TAG + 1))
        if begin and len(begin[0]) > _TAG:
            raise _LongTag(self.reader.index, begin[0])
        super().fetch_tag()


_TAG = 80
"""The number of characters of a tag to show."""


class _EventReader:
    def __init__(self, text: str, name: str, limits: Limits) -> None:
        self.text, self.name, self.limits = text, name, limits
        self.lines = LINE_END.split(text)
        self.nodes = 0
        self.extents: list[Extent] = []
        self.events = self._checked()

    def document(self) -> Node:
        root = None
        for event in self.events:
            if isinstance(event, DocumentStartEvent) and root is not None:
                raise fail(
                    "ARCH002",
                    "expected a single YAML document",
                    self._span(event),
                    "remove the `---` and everything after it",
                )
            if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
                root = self._node(event, 0)
        if root is None or (isinstance(root, Scalar) and root.value is None):
            raise fail("ARCH006", "the file is empty", Span(self.name, 1, 1), START)
        return root

    def place(self, offset: int) -> Span:
        """Return the place of the character at an offset."""
        above = LINE_END.split(self.text[:offset])
        return Span(self.name, len(above), len(above[-1]) + 1, 1, self.lines[len(above) - 1])

    def _checked(self) -> Iterator[Any]:
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner = _Scanner
        parser = yaml.parse(self.text)
        while True:
            try:
                event = next(parser)
            except StopIteration:
                return
            except MarkedYAMLError as error:
                raise self._malformed(error) from None
            except _LongTag as tag:
                raise _tag_error(f"{tag.begin}...", self.place(tag.offset)) from None
            except Exception:  # malformed text may raise AssertionError, ValueError and others
                raise fail("ARCH001", "invalid YAML", Span(self.name, 1, 1)) from None
            self._refuse(event)
            yield event

    def _refuse(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            hint = "start an expression with `$`, a number, `(` or a quote"
            raise fail("ARCH002", "YAML aliases are not supported", self._span(event), hint)
        if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
            line = next(i for i, text in enumerate(self.lines) if text.startswith("%"))
            span = Span(self.name, line + 1, 1, len(self.lines[line]), self.lines[line])
            raise fail("ARCH002", "YAML directives are not supported", span, "remove the line that starts with `%`")
        if getattr(event, "anchor", None):
            hint = "repeat the value where it is needed, or make it an argument"
            raise fail("ARCH002", "YAML anchors are not supported", self._span(event), hint)
        if getattr(event, "ctag", None) and str(event.ctag) not in ("", "None"):
            raise _tag_error(str(event.ctag).replace("tag:yaml.org,2002:", "!!"), self._span(event))
        if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
            self.nodes += 1
            if self.nodes > self.limits.values:
                message = f"the file has more than {self.limits.values:,} values"
                raise self.limits.exceeded("values", message, self._span(event), "ARCH003")

    def _node(self, event: Any, depth: int) -> Node:
        if depth > NESTING:
            hint = "move a part of the nesting into a layer under `layers`"
            raise fail(
                "ARCH003", f"lists and mappings are nested more than {NESTING} levels deep", self._span(event), hint
            )
        if isinstance(event, ScalarEvent):
            span = self._span(event)
            block = event.style in ("|", ">")
            self.extents.append(Extent(event.start_mark.index, event.end_mark.index, span.line, block))
            extent = event.start_mark.index, event.end_mark.index
            if event.style is not None:
                return Scalar(event.value, event.value, span, *extent)
            self._comment(event, span)
            return Scalar(_plain(event.value, span), event.value, span, *extent)
        if isinstance(event, SequenceStartEvent):
            items = []
            while not isinstance(inner := next(self.events), SequenceEndEvent):
                items.append(self._node(inner, depth + 1))
            return Sequence(tuple(items), self._span(event, inner), *_extent(event, inner, items))
        return self._mapping(event, depth)

    def _mapping(self, event: Any, depth: int) -> Mapping:
        items: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(inner := next(self.events), MappingEndEvent):
            key = self._node(inner, depth + 1)
            if not isinstance(key, Scalar):
                raise fail("ARCH002", "a key must be a single word", key.span, _braces_hint(self.lines, key.span))
            if key.text == "<<":
                hint = "to share values, use `like` or `defaults`"
                raise fail("ARCH002", "YAML merge keys are not supported", key.span, hint)
            if key.text in items:
                first = items[key.text][0].span.line
                message = f"duplicate key `{key.text}`, first used on line {first}"
                raise fail("ARCH004", message, key.span, "remove one of them")
            value = self._node(next(self.events), depth + 1)
            if isinstance(value, Scalar) and value.value is None and not value.text:
                _check_key(key)
                colon = _COLON.match(self.text, key.end)  # the YAML parser reports the place of the next token here too
                at = colon.end() if colon else key.end
                value = replace(value, span=_behind(key), start=at, end=at)
            items[key.text] = (key, value)
        values = [value for _, value in items.values()]
        return Mapping(tuple(items.values()), self._span(event, inner), *_extent(event, inner, values))

    def _comment(self, event: Any, span: Span) -> None:
        """Reject `$x #2`, because YAML would silently cut off the end."""
        end = event.end_mark
        rest = self.lines[end.line][end.column :] if "$" in event.value else ""
        if _UNSPACED_COMMENT.match(rest):
            part = Span(self.name, end.line + 1, end.column + 1 + rest.index("#"), 1, self.lines[end.line])
            hint = "for a comment, put a space after the `#`; an expression cannot contain `#`"
            raise fail("ARCH011", f"`{rest.strip()}` starts a comment that cuts off the expression", part, hint)

    def _span(self, event: Any, last: Any = None) -> Span:
        """Return the place of an event; for a list or mapping in brackets, up to its last event."""
        flow = last is not None and event.flow_style
        start, end = event.start_mark, (last if flow else event).end_mark
        text = self.lines[start.line] if start.line < len(self.lines) else ""
        width = end.column - start.column if end.line == start.line else len(text) - start.column
        return Span(self.name, start.line + 1, start.column + 1, max(1, width), text)

    def _malformed(self, error: MarkedYAMLError) -> ArchError:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line if mark else 0, len(self.lines) - 1)
        column = min(mark.column if mark else 0, len(self.lines[line]))
        span = Span(self.name, line + 1, column + 1, 1, self.lines[line])
        opened = error.context_mark
        if opened and "could not find expected ':'" in str(error.problem):
            span = Span(self.name, opened.line + 1, opened.column + 1, 1, self.lines[opened.line])
            hint = self._advice(opened.line, opened.column) or "follow the key with a colon and a space"
            return fail("ARCH001", "invalid YAML: missing `:` after a key", span, hint)
        if opened and _left_open(str(error.context), str(error.problem)) and not self._advice(line, column):
            where = Span(self.name, opened.line + 1, opened.column + 1, 1, self.lines[opened.line])
            mark = where.text[opened.column : opened.column + 1]
            what = "quote" if mark in ("'", '"') else f"`{mark}`"
            if mark in ("'", '"') or line > opened.line:
                closing = {"[": "]", "{": "}"}.get(mark, mark)
                hint = f"add the closing `{closing}`"
                return fail("ARCH001", f"invalid YAML: unclosed {what}", where, hint)
        message = _in_plain_words(error, self.lines[line][:column].strip())
        hint = self._advice(line, column) or (_INDENT if "indentation" in message else "")
        return fail("ARCH001", f"invalid YAML: {message}", span, hint)

    def _advice(self, line: int, column: int) -> str:
        above, here = self.lines[line - 1] if line else "", self.lines[line]
        word = re.fullmatch(r"\s*-\s+(\w+)\s*(#.*)?", above)
        if word and re.match(r"\s+\w+:", here):
            return f"to add keys next to `{word[1]}`, write `- {word[1]}: {{}}` on line {line}"
        if here[:column].endswith("\\") or here[column : column + 1] == "\\":
            return "remove the backslash: `$` needs none; for a literal backslash, use single quotes"
        if "\t" in here:
            return "replace the tab with spaces" if here[:column].strip() else "indent with spaces, not tabs"
        if "${" in here:
            return "write `$name`, without braces"
        if "$" in here and re.search(r"[{\[]", here[:column]):
            return "put the expression in double quotes: inside `{}` and `[]`, YAML treats `[`, `]` and `,` as syntax"
        if re.search(r":\s+'[^']*'\s*\S", here):
            return "put the whole expression in double quotes"
        if re.search(r"[:\-,\[{]\s+[%@`>|?]", here):
            return "start an expression with `$`, a number, `(` or a quote; put other text in quotes"
        if ": " in here[:column] and here[column : column + 1] == ":":
            inside = re.search(r"[{\[]", here[:column])
            return "separate the entries with a comma" if inside else "put text that contains a colon in quotes"
        if here[column : column + 1] == ",":
            return "remove the extra comma"
        return ""


def _extent(event: Any, last: Any, values: list[Node]) -> tuple[int, int]:
    """Return where a list or mapping starts and ends. Without brackets, it ends with its last value."""
    return event.start_mark.index, last.end_mark.index if event.flow_style or not values else values[-1].end


def _tag_error(tag: str, span: Span) -> ArchError:
    word = tag.removeprefix("!")
    hint = f"to negate a value, write `not ${word}`" if word.isidentifier() else "remove the tag"
    return fail("ARCH002", f"YAML tags are not supported: `{tag}`", span, hint)


def _in_plain_words(error: MarkedYAMLError, before: str) -> str:
    """Return the message of the YAML parser without its internal terms.

    Args:
        error: The error of the YAML parser.
        before: The text before the place on its line.
    """
    problem = f"{error.context or ''} {error.problem or ''}".strip()
    if "<block end>" in problem:
        return "unexpected text after the value" if before else "the indentation matches no line above"
    if before and "found character '\\t'" in problem:
        return "unexpected tab"
    for pattern, words in _PLAIN_WORDS:
        if match := re.search(pattern, problem):
            return match.expand(words)
    return problem


_INDENT = "start all entries of a list or mapping in the same column"
_PLAIN_WORDS = (
    (r"found character '\\t'", "a tab cannot be used for indentation"),
    (r"found character '`'", "a backtick cannot start a value"),
    (r"found character '(.+)' that cannot start any token", r"`\1` cannot start a value"),
    (r"unknown escape character '(.+)'", r"unknown escape `\\\1` in double quotes"),
    (r"expected ',' or '(.)', but got", r"expected `,` or `\1`"),
    (r"expected the node content", "expected a value"),
    (r"mapping values are not allowed here", "unexpected `:`"),
    (r"mapping keys are not allowed here", "unexpected `?`"),
    (r"while scanning a block scalar", "`>` and `|` start a block of text on the next line"),
    (r"sequence entries are not allowed here", "unexpected `-`"),
)


def _left_open(context: str, problem: str) -> bool:
    flow = "flow" in context and problem.startswith("expected ','")
    return flow or "unexpected end of stream" in problem or "unexpected document separator" in problem


def _plain(text: str, span: Span) -> str | int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _FLOAT.fullmatch(text):
        if len(text) > 18 and _INT.fullmatch(text):
            raise fail("ARCH008", "this number has too many digits", span)
        number = int(text) if _INT.fullmatch(text) else float(text)
        if not math.isfinite(number):
            raise fail("ARCH008", "this number is too large", span)
        return number
    if _UNDERSCORED.fullmatch(text):
        raise fail("ARCH007", f"expected a number, got the string `{text}`", span, f"write `{text.replace('_', '')}`")
    return text


def _behind(key: Scalar) -> Span:
    """Return where the missing value of a key would start. The YAML parser reports the place of the next token."""
    return replace(key.span, column=key.span.column + key.span.width + 1, width=1)


def _check_key(key: Scalar) -> None:
    if ":" in key.text:
        name, _, rest = key.text.partition(":")
        message = f"missing space after the colon in `{key.text}`"
        raise fail("ARCH007", message, key.span, f"write `{name}: {rest}`")
    if re.search(r"[$(),\[\]]", key.text):
        message = f"the expression is cut off: `{key.text}` is read as a separate key"
        raise fail("ARCH011", message, key.span, "put the expression in double quotes")


def _braces_hint(lines: list[str], span: Span) -> str:
    if "${" in lines[span.line - 1]:
        return "an argument is written `$name`, without braces"
    return "a key cannot be a list or a mapping; put text that contains brackets in quotes"
