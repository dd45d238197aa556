"""YAML with locations: scalars of YAML 1.2, nothing that can run or grow, and correct places."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.errors import ArchError, Problem
from archdsl.limits import Limits
from archdsl.parsing.validation import plain
from archdsl.source import Mapping, Node, Scalar, Sequence, read, read_file


def refusal(text: str, **limits: int) -> Problem:
    with pytest.raises(ArchError) as caught:
        read(text, "a.yaml", Limits(**limits))
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("010", 10),
        ("-7", -7),
        ("+7", 7),
        (".5", 0.5),
        ("5.", 5.0),
        ("3:2", "3:2"),
        ("0o17", "0o17"),
        ("0x1f", "0x1f"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-01-02", "2026-01-02"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("''", ""),
        ("1 / 255", "1 / 255"),
        ("a#b", "a#b"),
        ("$a // 4", "$a // 4"),
        ("$s if $i == 0 else 1", "$s if $i == 0 else 1"),
    ],
)
def test_scalars_are_yaml_1_2(text: str, value: object) -> None:
    node = read(f"a: {text}", "a.yaml")
    assert isinstance(node, Mapping)
    found = node.get("a")
    assert isinstance(found, Scalar)
    assert (found.value, type(found.value)) == (value, type(value))


@pytest.mark.parametrize("text", ["-$x", "$a // 4", "$x % 2", "$a != 1", "$s if $i == 0 else 1", "($a)", "$a*2"])
def test_expressions_stand_inside_braces(text: str) -> None:
    assert plain(read(f"{{a: {text}, b: [{text}]}}", "a.yaml")) == {"a": text, "b": [text]}


def test_a_step_with_arguments_stands_inside_brackets() -> None:
    found = plain(read("[layer_norm, attention: {heads: 3}]", "a.yaml"))
    assert found == ["layer_norm", {"attention": {"heads": 3}}]


TRAPS = [
    ("- relu\n  name: x", "ARCH001", "- relu: {}"),
    ("{a: $d[0]}", "ARCH001", "double quotes"),
    ("{a: sum($d[:$i])}", "ARCH001", "double quotes"),
    ("{a: max($x, 1)}", "ARCH011", "double quotes"),
    ("a: 'pad' if $x else 'auto'", "ARCH001", "double quotes"),
    ("{a: ${x}}", "ARCH001", "without braces"),
    ("{a:$x}", "ARCH007", "write `a: $x`"),
    ("a: *x", "ARCH002", "start an expression with"),
    ("a: &x 1", "ARCH002", "anchors"),
    ("a: &x", "ARCH002", "anchors"),
    ("a: !x 1", "ARCH002", "tags"),
    ("a: !x", "ARCH002", "tags"),
    ("a: ! 1", "ARCH002", "tags"),
    ("a: %x", "ARCH001", "start an expression with"),
    ("a: @x", "ARCH001", "start an expression with"),
    ("a: `x`", "ARCH001", "start an expression with"),
    ("a: > x", "ARCH001", "start an expression with"),
    ("a: | x", "ARCH001", "start an expression with"),
    ("a: ? x", "ARCH001", "start an expression with"),
    ("a: 10_000", "ARCH007", "write `10000`"),
    ("a: 1_0.5", "ARCH007", "write `10.5`"),
    ("%YAML 1.1\n---\na: 1", "ARCH002", "remove the line"),
    ("%TAG ! tag:x,2026:\n---\na: 1", "ARCH002", "remove the line"),
    ("a: 1\na: 2", "ARCH004", "remove one of them"),
    ("a: 1\n'a': 2", "ARCH004", "remove one of them"),
    ("a: 1\n---\nb: 2", "ARCH002", "remove the `---` and everything"),
    ("a: 1\n---\n", "ARCH002", "remove the `---` and everything"),
    ("<<: {a: 1}", "ARCH002", "merge keys"),
    ("[a, b]: 1", "ARCH002", "cannot be a list"),
    ("? {a: 1}\n: 1", "ARCH002", "cannot be a list"),
    ("{? [a], b: 1}", "ARCH002", "cannot be a list"),
    ("a:\n\t- b", "ARCH001", "not tabs"),
    ("a: [1, 2\nb: 3", "ARCH001", "unclosed `[`"),
    ("a: {b: 1\nc: 3", "ARCH001", "unclosed `{`"),
    ('a: "b\nc: 3', "ARCH001", "unclosed quote"),
    ("a: $x #2", "ARCH011", "put a space after the `#`"),
    ("a: 123456789012345678901", "ARCH008", "too many digits"),
    ("a: 1e999", "ARCH008", "too large"),
    ("", "ARCH006", "archdsl: 1"),
    ("# nothing", "ARCH006", "archdsl: 1"),
    ("---\n...\n", "ARCH006", "archdsl: 1"),
    ("a: \x07", "ARCH001", "invalid YAML"),
    ("a: b\u2028c", "ARCH001", "ambiguous line break"),
    ("a: b\x85c", "ARCH001", "ambiguous line break"),
]


@pytest.mark.parametrize(("text", "code", "advice"), TRAPS, ids=[text[:20] for text, _, _ in TRAPS])
def test_traps_are_refused_with_advice(text: str, code: str, advice: str) -> None:
    problem = refusal(text)
    assert problem.code == code
    assert advice in f"{problem.message} | {problem.hint}"
    assert problem.span is not None


@pytest.mark.parametrize(
    ("text", "line", "column", "width"),
    [
        ("a: 1\nbb: !x 2", 2, 5, 4),
        ("a: 1\nbb: *xy", 2, 5, 3),
        ("a: 1\nbb: &xy 3", 2, 5, 5),
        ("a: 1\n b: 2", 2, 3, 1),
        ("%YAML 1.1\n---\na: 1", 1, 1, 9),
        ("a: 1\n---\nb: 2", 2, 1, 3),
        ("a: 1\nb: {<<: {c: 1}}", 2, 5, 2),
        ("a: 1\nb: [1_0]", 2, 5, 3),
        ("a: 1\nb: 2\na: 3", 3, 1, 1),
        ("a: 1\nb: [1, 2\nc: 3", 2, 4, 1),
    ],
)
def test_a_refusal_has_its_place(text: str, line: int, column: int, width: int) -> None:
    span = refusal(text).span
    assert span is not None
    assert (span.line, span.column, span.width) == (line, column, width)


def test_a_comment_behind_an_expression_needs_its_blank() -> None:
    assert plain(read("a: $x # two\nb: {c: $x} #3", "a.yaml")) == {"a": "$x", "b": {"c": "$x"}}


@pytest.mark.parametrize("opened", ["[", "{a: ", "- "])
def test_depth_is_bounded(opened: str) -> None:
    start = time.process_time()
    for depth in (33, 1000, 100_000):
        problem = refusal(opened * depth + "1", bytes=10_000_000)
        assert problem.code == "ARCH003"
        assert "32 levels deep" in problem.message
    assert time.process_time() - start < 3  # a quadratic reader would need minutes


def test_depth_up_to_the_limit_is_read() -> None:
    assert read("[" * 32 + "1" + "]" * 32, "a.yaml")
    assert refusal("[" * 33 + "1" + "]" * 33).code == "ARCH003"


def test_nodes_are_bounded() -> None:
    assert read("[" + "1, " * 98 + "1]", "a.yaml", Limits(values=100))
    assert refusal("[" + "1, " * 99 + "1]", values=100).code == "ARCH003"


def test_the_default_budget_is_quick() -> None:
    start = time.process_time()
    assert refusal("[" + "1," * 100_000 + "1]").code == "ARCH003"
    assert time.process_time() - start < 5  # some 10,000 values are read, and no more


def test_size_is_bounded(tmp_path: Path) -> None:
    assert refusal("a" * 101, bytes=100).code == "ARCH003"
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 250_001)
    with pytest.raises(ArchError, match="ARCH003"):
        read_file(large)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(20)),
        "a: &a {x: 1}\nb: {<<: [" + ", ".join(["*a"] * 100) + "]}",
        "a: &a [*a]",
    ],
)
def test_bombs_are_refused_at_their_first_anchor(text: str) -> None:
    start = time.process_time()
    assert refusal(text).code == "ARCH002"
    assert time.process_time() - start < 0.2


class TestFiles:
    def told(self, path: Path) -> Problem:
        with pytest.raises(ArchError) as caught:
            read_file(path)
        return caught.value.problems[0]

    def test_missing(self, tmp_path: Path) -> None:
        problem = self.told(tmp_path / "no.yaml")
        assert problem.code == "ARCH201"
        assert "does not exist" in problem.message

    def test_a_folder(self, tmp_path: Path) -> None:
        assert "a folder" in self.told(tmp_path).message

    def test_no_file_at_all(self) -> None:
        assert "not a regular file" in self.told(Path("/dev/null")).message

    def test_a_name_with_a_zero_byte(self) -> None:
        assert self.told(Path("a\0b.yaml")).code == "ARCH201"

    def test_a_name_that_is_too_long(self) -> None:
        assert self.told(Path("a" * 5000 + ".yaml")).code == "ARCH201"

    def test_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "latin.yaml"
        path.write_bytes(b"a: 1\nb: caf\xe9\n")
        problem = self.told(path)
        assert problem.code == "ARCH001"
        assert problem.span is not None
        assert problem.span.line == 2

    def test_utf_16_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "wide.yaml"
        path.write_bytes("a: 1".encode("utf-16"))
        assert self.told(path).code == "ARCH001"

    def test_a_byte_order_mark_is_no_text(self, tmp_path: Path) -> None:
        path = tmp_path / "marked.yaml"
        path.write_bytes(b"\xef\xbb\xbfa: 1\n")
        node = read(read_file(path), "a.yaml")
        assert plain(node) == {"a": 1}
        assert node.span.column == 1

    def test_windows_line_ends(self, tmp_path: Path) -> None:
        path = tmp_path / "windows.yaml"
        path.write_bytes(b"a: 1\r\nb: $x\r\n")
        node = read(read_file(path), "a.yaml")
        assert isinstance(node, Mapping)
        found = node.get("b")
        assert found is not None
        assert (found.span.line, found.span.column, found.span.text) == (2, 4, "b: $x")


words = st.text("abcxyz$_ /*+-()'\"#é漢😀", min_size=1, max_size=12)
scalars = st.one_of(st.integers(-999, 999), st.booleans(), st.sampled_from([0.5, None, "1e-3"]), words)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4),
    max_leaves=15,
)


def written(value: Any, flow: bool) -> str:
    """Return a tree as YAML on one line, or with a line for each top-level entry."""
    if isinstance(value, dict):
        inner = [f"{key}: {written(item, True)}" for key, item in value.items()]
        return "{" + ", ".join(inner) + "}" if flow or not inner else "\n".join(inner)
    if isinstance(value, list):
        inner = [written(item, True) for item in value]
        return "[" + ", ".join(inner) + "]" if flow or not inner else "\n".join(f"- {item}" for item in inner)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return (
        {None: "null", True: "true", False: "false"}.get(value, str(value)) if not isinstance(value, float) else "0.5"
    )


def each(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from each(item)
    else:
        for key, item in node.items:
            yield key
            yield from each(item)


@given(st.dictionaries(st.sampled_from("abcdef"), trees, min_size=1, max_size=5))
def test_every_place_is_where_the_text_stands(tree: dict[str, Any]) -> None:
    text = written(tree, flow=False) + "\n"
    lines = text.split("\n")
    node = read(text, "a.yaml")
    for scalar in each(node):
        span = scalar.span
        assert span.text == lines[span.line - 1]
        stands = span.text[span.column - 1 : span.column - 1 + span.width]
        if stands.startswith("'"):
            assert stands[1:-1].replace("''", "'") == scalar.text
        else:
            assert stands == scalar.text
    assert plain(node) == tree


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=()), max_size=60)
    | st.text("ab:-[]{}&*!|>'\"%@`#$?, \n\t", max_size=60)
)
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    found: tuple[Problem, ...] = ()
    try:
        read(text, "a.yaml")
    except ArchError as error:
        found = error.problems
    assert all("ARCH001" <= problem.code <= "ARCH011" and problem.span is not None for problem in found)
