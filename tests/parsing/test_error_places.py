"""Places of errors are correct in all files: with other line breaks, marks, tabs, wide characters and long lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl import ArchError, load, loads
from archdsl.errors import Problem

LINES = (
    "archdsl: 1",
    "name: Net",
    "doc: Größe 漢字 😀 é",
    "input: [8, 8, 3]",
    "args: {width: 3}",
    "model:",
    "  - conv: {filters: $width, kernal: 3}",
    "  - relu",
    "  - dense: {units: $widht + 1}",
)
EXPECTED = tuple((number, LINES[number - 1].index(word) + 1, word) for number, word in ((7, "kernal"), (9, "$widht")))
"""The line, the column and the word of each of its problems."""

HEAD = (*LINES[:4], "model:")


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ArchError) as caught:
        loads(text)
    return caught.value.problems


def found(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return the place of each problem and the text there."""
    places = [problem.span for problem in problems(text) if problem.span]
    return tuple((p.line, p.column, p.text[p.column - 1 : p.column - 1 + p.width]) for p in places)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=ascii)
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(end: str, last: bool) -> None:
    assert found(end.join(LINES) + end * last) == EXPECTED


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=ascii)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_with_a_byte_order_mark(tmp_path: Path, mark: bytes, end: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(mark + end.join(LINES).encode())
    with pytest.raises(ArchError) as caught:
        load(path)
    assert [p.span and (p.span.line, p.span.column) for p in caught.value.problems] == [place[:2] for place in EXPECTED]
    assert caught.value.problems[0].span is not None
    assert caught.value.problems[0].span.file == str(path)


def test_line_ends_mixed() -> None:
    text = "".join(line + end for line, end in zip(LINES, ["\n", "\r\n", "\r"] * 3, strict=True))
    assert found(text) == EXPECTED


def test_blank_lines_and_comments() -> None:
    text = "# ä 漢\n\n" + "\n# 😀\n".join(LINES)
    assert [(line, word) for line, _, word in found(text)] == [(3 + 6 * 2, "kernal"), (3 + 8 * 2, "$widht")]


@pytest.mark.parametrize("before", ["é", "漢字", "😀", "👩‍👩‍👧", "\u0301", "\u202e", "\u200b", "ﬁ", "Ａ"], ids=ascii)
def test_characters_before_the_place(before: str) -> None:
    """Columns count code points, as editors do."""
    step = f"  - dropout: {{rate: 0.5, '{before}': 1, rte: 3}}"
    assert (6, step.index("rte") + 1, "rte") in found("\n".join([*HEAD, step]))


def test_carets_stand_under_wide_characters() -> None:
    (problem,) = problems("archdsl: 1\nname: Net\ninput: [4]\nmodel: [{dropout: {rate: 0.5}, '漢字': 1}]\n")
    line, caret = problem.render().splitlines()[1:3]
    assert line.index("'漢字'") == caret.index("^")
    assert caret.count("^") == len("'漢字'") + len("漢字")  # each is two cells wide


@pytest.mark.parametrize("blanks", [1, 100, 5_000, 100_000])
def test_long_lines(blanks: int) -> None:
    step = f"  - conv: {{filters: 3,{' ' * blanks}kernal: 3}}{' ' * blanks}# end"
    text = "\n".join([*HEAD, step, "  - relu"])
    assert found(text) == ((6, step.index("kernal") + 1, "kernal"),)
    (problem,) = problems(text)
    assert max(map(len, problem.render(80).splitlines())) <= 80
    assert "kernal: 3" in problem.render(80)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("\t- relu", "tab"),
        ("  -\trelu: {", "unexpected tab"),
        ("  - conv:\t{filters: 3, kernal: 3}", "unexpected tab"),
        ("  - conv: {filters: 3,\tkernal: 3}", "kernal"),
        ("  - conv: {filters: 3, kernal: 3}\t", "unexpected tab"),
        ("  - conv: {filters: 3, kernal: 3} # \tx", "kernal"),
    ],
)
def test_tabs(line: str, said: str) -> None:
    """A tab is a space inside brackets and an error elsewhere; either way the line is correct."""
    problem, *_ = problems("\n".join([*HEAD, line, ""]))
    assert problem.span is not None
    assert problem.span.line == 6
    assert said in f"{problem.message} {problem.hint}"
    if said == "kernal":
        assert problem.span.text[problem.span.column - 1 :].startswith("kernal")


@pytest.mark.parametrize("quote", ["'", '"'])
def test_the_part_of_a_quoted_expression(quote: str) -> None:
    step = f"  - dense: {{units: {quote}$width + $dpeth{quote}}}"
    assert found("\n".join([*LINES[:6], step])) == ((7, step.index("$dpeth") + 1, "$dpeth"),)


@pytest.mark.parametrize("indicator", [">", "|", ">-", "|+"])
def test_behind_a_text_of_several_lines(indicator: str) -> None:
    doc = [f"doc: {indicator}", "  Größe", "", "  漢字 😀", ""]
    text = "\n".join([*LINES[:2], *doc, *LINES[3:]])
    assert [(line - 4, column, word) for line, column, word in found(text)] == list(EXPECTED)


def test_a_key_without_a_value_is_told_at_the_key() -> None:
    text = "archdsl: 1\nname: Net\ninput:\n\n# something else\nmodel: [relu]\n"
    assert found(text)[0][:2] == (3, 7)


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"], ids=ascii)
def test_what_ends_a_line_for_some_only(odd: str) -> None:
    (problem,) = problems(f"archdsl: 1\nname: Net\ndoc: a{odd}b\ninput: [4]\nmodel: [rel]\n")
    assert problem.code == "ARCH001"
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (3, 7)


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f", "\ufffe", "\ud800"], ids=ascii)
def test_what_is_no_text(character: str) -> None:
    (problem,) = problems(f"archdsl: 1\nname: Net\ninput: [4]\nmodel: [re{character}lu]\n")
    assert problem.code in ("ARCH001", "ARCH014")
    assert problem.span is not None
    assert character not in problem.render()
