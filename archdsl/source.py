"""Text -> located YAML, read event by event against budgets, so that no text can be expensive or run anything."""

from __future__ import annotations

import errno
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
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

from archdsl.errors import ArchError, Span, fail
from archdsl.files import content
from archdsl.limits import DEFAULTS, NESTING, Limits


@dataclass(frozen=True, slots=True)
class Scalar:
    """One word, number, truth value or nothing. `value` is by YAML 1.2's core rules, `text` as it was written."""

    value: str | int | float | bool | None
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys, each with where it stands, and their nodes. No key stands twice."""

    items: tuple[tuple[Scalar, Node], ...]
    span: Span

    def key(self, name: str) -> Scalar | None:
        """The key itself, for its place."""
        return next((key for key, _ in self.items if key.text == name), None)

    def get(self, name: str) -> Node | None:
        return next((node for key, node in self.items if key.text == name), None)


Node: TypeAlias = Scalar | Sequence | Mapping


def entries(node: Node | None) -> tuple[tuple[Scalar, Node], ...]:
    """The entries of a mapping; none where there is no mapping, as for an op without arguments."""
    return node.items if isinstance(node, Mapping) else ()


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the text of a scalar begins and ends, as offsets; its first line, from 1; and whether it is a block."""

    start: int
    end: int
    line: int
    is_block: bool


LINE_END = re.compile(r"\r\n|[\n\r]")
_ODD_LINE_END = re.compile(r"[\x85\u2028\u2029]")
_UNSPACED_COMMENT = re.compile(r"\s+#(?![\s#]|$)")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_UNDERSCORED = re.compile(r"[-+]?[0-9][0-9_.eE]*_[0-9_.eE]*")
_WORDS: dict[str, bool | None] = {"": None, "~": None}
_WORDS |= dict.fromkeys(("null", "Null", "NULL")) | dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)


def read_file(path: Path, limits: Limits = DEFAULTS) -> str:
    """The text of a spec's file.

    Raises:
        ArchError: the file is missing, no plain file, too large, or not UTF-8.
    """
    try:
        if not os.path.isfile(path):
            kind = "a folder" if os.path.isdir(path) else "not a file" if os.path.exists(path) else "not there"
            raise fail("ARCH201", f"{path} is {kind}", hint="`archdsl specs` lists the specs that ship with archdsl")
        data = content(path, limits.bytes)
    except OSError as error:
        if error.errno == errno.EFBIG:
            message = f"{path} is larger than {limits.bytes:,} bytes"
            raise limits.exceeded("bytes", message, code="ARCH003") from None
        raise fail("ARCH201", f"{path} cannot be read: {error.strerror or error}") from None
    return decode(data, str(path))


def decode(data: bytes, name: str) -> str:
    """The text of a file's bytes.

    Raises:
        ArchError: they are not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fail("ARCH001", "the file is not UTF-8", Span(name, line, 1), hint="save it as UTF-8") from None


def read(text: str, name: str, limits: Limits = DEFAULTS) -> Node:
    """Reads one YAML document.

    Args:
        text: the document.
        name: what to call it in messages, usually the file's path.
        limits: what the text may cost.

    Raises:
        ArchError: the text is not YAML, or uses what specs do not have: tags, anchors, aliases, merge keys,
            directives, several documents, keys that stand twice.
    """
    return read_with_extents(text, name, limits)[0]


def read_with_extents(text: str, name: str, limits: Limits = DEFAULTS) -> tuple[Node, list[Extent]]:
    """What `read` gives, and the extents of all scalars, in the order of the text."""
    if len(text) > limits.bytes:
        raise limits.exceeded("bytes", f"{name} is larger than {limits.bytes:,} bytes", code="ARCH003")
    reader = _EventReader(text, name, limits)
    if (odd := _ODD_LINE_END.search(text)) is not None:
        message = f"the character U+{ord(odd[0]):04X} ends a line for some, and not for others"
        raise fail("ARCH001", message, reader.place(odd.start()), "remove it, or begin a new line")
    return reader.document(), reader.extents


class _LongTag(Exception):
    """A tag that the YAML reader would take longer for than for all else: it copies it for each character."""

    def __init__(self, offset: int, begin: str) -> None:
        super().__init__(offset, begin)
        self.offset, self.begin = offset, begin


class _Scanner(Scanner):  # type: ignore[misc]
    """Reads no long tags, which specs have as little as short ones."""

    def fetch_tag(self) -> None:
        begin = re.match(r"\S*", self.reader.prefix(_TAG + 1))
        if begin and len(begin[0]) > _TAG:
            raise _LongTag(self.reader.index, begin[0])
        super().fetch_tag()


_TAG = 80
"""Characters of a tag that are shown."""


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
                raise fail("ARCH002", "a spec is one YAML document", self._span(event), "remove this `---`")
            if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
                root = self._node(event, 0)
        if root is None or (isinstance(root, Scalar) and root.value is None):
            raise fail("ARCH006", "the file is empty", Span(self.name, 1, 1), "a spec begins with `archdsl: 1`")
        return root

    def place(self, offset: int) -> Span:
        """Where the character at an offset of the text stands."""
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
            except Exception:  # the parser meets some malformed text with AssertionError, ValueError and others
                raise fail("ARCH001", "this text cannot be read as YAML", Span(self.name, 1, 1)) from None
            self._refuse(event)
            yield event

    def _refuse(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            hint = "an expression begins with `$`, a number, `(` or a quote"
            raise fail("ARCH002", "specs have no aliases", self._span(event), hint)
        if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
            line = next(i for i, text in enumerate(self.lines) if text.startswith("%"))
            span = Span(self.name, line + 1, 1, len(self.lines[line]), self.lines[line])
            raise fail("ARCH002", "specs have no YAML directives", span, "remove the line with `%`")
        if getattr(event, "anchor", None):
            hint = "write the value where it is needed, or make it an argument"
            raise fail("ARCH002", "specs have no anchors", self._span(event), hint)
        if getattr(event, "ctag", None) and str(event.ctag) not in ("", "None"):
            raise _tag_error(str(event.ctag).replace("tag:yaml.org,2002:", "!!"), self._span(event))
        if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
            self.nodes += 1
            if self.nodes > self.limits.values:
                message = f"the file has more than {self.limits.values:,} values"
                raise self.limits.exceeded("values", message, self._span(event), "ARCH003")

    def _node(self, event: Any, depth: int) -> Node:
        if depth > NESTING:
            hint = "an entry of `layers` takes a part of the nesting away"
            raise fail("ARCH003", f"values are nested more than {NESTING} deep", self._span(event), hint)
        if isinstance(event, ScalarEvent):
            span = self._span(event)
            block = event.style in ("|", ">")
            self.extents.append(Extent(event.start_mark.index, event.end_mark.index, span.line, block))
            if event.style is not None:
                return Scalar(event.value, event.value, span)
            self._comment(event, span)
            return Scalar(_plain(event.value, span), event.value, span)
        if isinstance(event, SequenceStartEvent):
            items = []
            while not isinstance(inner := next(self.events), SequenceEndEvent):
                items.append(self._node(inner, depth + 1))
            return Sequence(tuple(items), self._span(event, inner))
        return self._mapping(event, depth)

    def _mapping(self, event: Any, depth: int) -> Mapping:
        items: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(inner := next(self.events), MappingEndEvent):
            key = self._node(inner, depth + 1)
            if not isinstance(key, Scalar):
                raise fail("ARCH002", "a key is one word", key.span, _braces_hint(self.lines, key.span))
            if key.text == "<<":
                raise fail("ARCH002", "specs have no merge keys", key.span, "`like` and `defaults` share what repeats")
            if key.text in items:
                first = items[key.text][0].span.line
                raise fail("ARCH004", f"`{key.text}` stands here and on line {first}", key.span, "keep one of them")
            value = self._node(next(self.events), depth + 1)
            if isinstance(value, Scalar) and value.value is None and not value.text:
                _check_key(key)
                value = replace(value, span=_behind(key))
            items[key.text] = (key, value)
        return Mapping(tuple(items.values()), self._span(event, inner))

    def _comment(self, event: Any, span: Span) -> None:
        """Refuses `$x #2`, of which YAML would cut the end in silence."""
        end = event.end_mark
        rest = self.lines[end.line][end.column :] if "$" in event.value else ""
        if _UNSPACED_COMMENT.match(rest):
            part = Span(self.name, end.line + 1, end.column + 1 + rest.index("#"), 1, self.lines[end.line])
            hint = "a blank behind the `#` makes it a comment for certain; an expression has no `#`"
            raise fail("ARCH011", f"`{rest.strip()}` is a comment, and cuts off the expression", part, hint)

    def _span(self, event: Any, last: Any = None) -> Span:
        """Where an event stands; with the last event of a list or mapping in brackets, up to the closing one."""
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
            hint = self._advice(opened.line, opened.column) or "a key is followed by a colon and a blank"
            return fail("ARCH001", "this is not YAML: a key without its `:`", span, hint)
        if opened and _left_open(str(error.context), str(error.problem)) and not self._advice(line, column):
            where = Span(self.name, opened.line + 1, opened.column + 1, 1, self.lines[opened.line])
            mark = where.text[opened.column : opened.column + 1]
            what = "quote" if mark in ("'", '"') else f"`{mark}`"
            if mark in ("'", '"') or line > opened.line:
                closing = {"[": "]", "{": "}"}.get(mark, mark)
                hint = f"close it with `{closing}`"
                return fail("ARCH001", f"this is not YAML: the {what} is not closed", where, hint)
        message = _in_plain_words(error, self.lines[line][:column].strip())
        hint = self._advice(line, column) or (_INDENT if "indent fits" in message else "")
        return fail("ARCH001", f"this is not YAML: {message}", span, hint)

    def _advice(self, line: int, column: int) -> str:
        above, here = self.lines[line - 1] if line else "", self.lines[line]
        word = re.fullmatch(r"\s*-\s+(\w+)\s*(#.*)?", above)
        if word and re.match(r"\s+\w+:", here):
            return f"on line {line} write `- {word[1]}: {{}}`, so that it can have neighbours"
        if here[:column].endswith("\\") or here[column : column + 1] == "\\":
            return "a `$` needs no backslash; in single quotes a backslash is a backslash"
        if "\t" in here:
            return "write blanks in place of tabs" if here[:column].strip() else "indent with blanks, not with tabs"
        if "${" in here:
            return "an argument is written `$name`, without braces"
        if "$" in here and re.search(r"[{\[]", here[:column]):
            return "put the expression in double quotes: inside `{}` and `[]`, YAML reads `[`, `]` and `,` itself"
        if re.search(r":\s+'[^']*'\s*\S", here):
            return "put double quotes around the whole expression"
        if re.search(r"[:\-,\[{]\s+[%@`>|?]", here):
            return "an expression begins with `$`, a number, `(` or a quote; other text stands in quotes"
        if ": " in here[:column] and here[column : column + 1] == ":":
            inside = re.search(r"[{\[]", here[:column])
            return "a comma parts the entries" if inside else "text with a colon in it stands in quotes"
        if here[column : column + 1] == ",":
            return "one comma parts two values"
        return ""


def _tag_error(tag: str, span: Span) -> ArchError:
    word = tag.removeprefix("!")
    hint = f"to negate a value, write `not ${word}`" if word.isidentifier() else "remove the tag"
    return fail("ARCH002", f"specs have no tags, and here is `{tag}`", span, hint)


def _in_plain_words(error: MarkedYAMLError, before: str) -> str:
    """What the YAML reader says, without its words for its own parts.

    Args:
        before: what stands on the line in front of the place.
    """
    problem = f"{error.context or ''} {error.problem or ''}".strip()
    if "<block end>" in problem:
        return "the value ends in front of this" if before else "the indent fits none of the lines above"
    if before and "found character '\\t'" in problem:
        return "a tab cannot stand here"
    for pattern, words in _PLAIN_WORDS:
        if match := re.search(pattern, problem):
            return match.expand(words)
    return problem


_INDENT = "what belongs together begins in the same column"
_PLAIN_WORDS = (
    (r"found character '\\t'", "a tab cannot stand in the indent"),
    (r"found character '`'", "a backtick cannot begin a value"),
    (r"found character '(.+)' that cannot start any token", r"`\1` cannot begin a value"),
    (r"unknown escape character '(.+)'", r"`\\\1` means nothing in double quotes"),
    (r"expected ',' or '(.)', but got", r"`,` or `\1` is due here"),
    (r"expected the node content", "a value is due here"),
    (r"mapping values are not allowed here", "no `:` can stand here"),
    (r"mapping keys are not allowed here", "no `?` can stand here"),
    (r"while scanning a block scalar", "`>` and `|` begin a text of several lines, on the next line"),
    (r"sequence entries are not allowed here", "no `-` can stand here"),
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
        raise fail("ARCH007", f"`{text}` is text in YAML 1.2", span, f"write `{text.replace('_', '')}`")
    return text


def _behind(key: Scalar) -> Span:
    """Where the value of a key without one would begin; the YAML parser gives the next word's place."""
    return replace(key.span, column=key.span.column + key.span.width + 1, width=1)


def _check_key(key: Scalar) -> None:
    if ":" in key.text:
        name, _, rest = key.text.partition(":")
        raise fail("ARCH007", f"`{key.text}` is one word", key.span, f"a blank after the colon: `{name}: {rest}`")
    if re.search(r"[$(),\[\]]", key.text):
        raise fail("ARCH011", f"`{key.text}` became a key of its own", key.span, "put the expression in double quotes")


def _braces_hint(lines: list[str], span: Span) -> str:
    if "${" in lines[span.line - 1]:
        return "an argument is written `$name`, without braces"
    return "a key may be no list and no mapping; text with brackets in it stands in quotes"
