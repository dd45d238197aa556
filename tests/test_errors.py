"""Error messages: every code and every message, each with the right place."""

from __future__ import annotations

import pickle
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from archdsl import resolve
from archdsl.errors import CODES, ENOUGH, SHOWN, ArchError, Problem, Problems, Span, fail, nearest
from archdsl.parsing import parse
from archdsl.resolution.expectations import check
from archdsl.schema import explanations
from archdsl.text import quantity

WRONG = sorted((Path(__file__).parent / "wrong").glob("*.yaml"))
Golden = Callable[[str, str], None]


@cache
def refused(text: str, name: str) -> ArchError:
    """Return the error of a spec, from the first stage that rejects it."""
    with pytest.raises(ArchError) as caught:
        _whole(text, name)
    return caught.value


def _whole(text: str, name: str) -> None:
    spec = parse(text, name)
    check(spec, resolve(spec))


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_wrong_spec_gets_its_message(path: Path, golden: Golden) -> None:
    error = refused(path.read_text(encoding="utf-8"), path.name)
    assert error.exit_code == 1
    assert f"ARCH{path.stem[:3]}" in {problem.code for problem in error.problems}
    golden(f"wrong/{path.stem}.txt", str(error) + "\n")


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_place_lies_in_the_file(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    for problem in refused(path.read_text(encoding="utf-8"), path.name).problems:
        span = problem.span
        assert span is not None
        assert 1 <= span.line <= len(lines)
        assert span.text in ("", lines[span.line - 1])
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1
        assert 1 <= span.width <= max(1, len(lines[span.line - 1]) - span.column + 1)


def test_there_are_many_wrong_specs_and_every_code_has_one() -> None:
    assert len(WRONG) >= 200
    assert len({path.read_text(encoding="utf-8") for path in WRONG}) == len(WRONG)
    counts = Counter(f"ARCH{path.stem[:3]}" for path in WRONG)
    assert set(counts) == {code for code in CODES if code[4] == "0"} - _OF_ANOTHER_STAGE


_OF_ANOTHER_STAGE = {"ARCH027"}  # only a built Keras model can be counted otherwise


def test_no_message_cascades() -> None:
    """An invalid expression or name is reported once, without consequential errors."""
    for path in WRONG:
        problems = refused(path.read_text(encoding="utf-8"), path.name).problems
        assert not any("here is nothing" in problem.message for problem in problems), path.stem
        places = Counter((problem.span.line, problem.span.column) for problem in problems if problem.span)
        assert max(places.values()) == 1, path.stem


def test_the_registry_holds_every_code_that_the_package_raises_and_no_other() -> None:
    package = Path(__file__).parents[1] / "archdsl"
    texts = [path.read_text("utf-8") for path in package.rglob("*.py") if path.name != "errors.py"]
    raised = {code for text in texts for code in re.findall(r'"(ARCH\d{3})"', text)}
    assert raised == set(explanations.CODES)


def test_the_hundreds_say_how_the_program_ends() -> None:
    ends = {code: fail(code, "").exit_code for code in explanations.CODES if code < "ARCH600"}
    assert {end for code, end in ends.items() if code < "ARCH100"} == {1}
    assert {end for code, end in ends.items() if code > "ARCH100"} == {2, 3, 4, 5}
    assert all(end == int(code[4]) for code, end in ends.items() if code > "ARCH100")


def test_a_warning_says_so() -> None:
    span = Span("a.yaml", 1, 1, 1, "a: 1")
    assert Problem("ARCH504", "no", span).render().startswith("a.yaml:1:1: warning[ARCH504]: no\n")
    assert Problem("ARCH504", "no", span).annotation().startswith("::warning file=a.yaml,")
    assert {Problem(code, "").level for code in explanations.CODES if code[4] in "56"} == {"warning"}
    assert {Problem(code, "").level for code in explanations.CODES if code[4] not in "56"} == {"error"}


def test_an_error_is_data_too() -> None:
    problem = Problem("ARCH005", "no", Span("a.yaml", 2, 3, 4, "  text"), ("fact",), ("in A",), "do this")
    assert problem.data() == {
        "code": "ARCH005",
        "message": "no",
        "place": {"file": "a.yaml", "line": 2, "column": 3, "width": 4},
        "facts": ["fact"],
        "trail": ["in A"],
        "help": "do this",
    }
    assert Problem("ARCH201", "no").data()["place"] is None


def test_an_error_survives_another_process() -> None:
    error = fail("ARCH005", "no", Span("a.yaml", 2, 3, 4, "  text"), "do this")
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_problems_stand_in_the_order_of_the_file_and_once() -> None:
    problems = Problems()
    problems.stop()
    for line in (3, 1, 3):
        problems.add("ARCH005", "no", Span("a.yaml", line, 1))
    with pytest.raises(ArchError) as caught:
        problems.stop()
    assert [problem.span.line for problem in caught.value.problems if problem.span] == [1, 3]


def test_a_long_line_is_cut_around_its_place() -> None:
    text = "a" * 300 + "HERE" + "b" * 300
    rendered = Problem("ARCH005", "no", Span("a.yaml", 1, 301, 4, text)).render().splitlines()
    assert all(len(line) < 130 for line in rendered)
    assert rendered[1][rendered[2].index("^") :].startswith("HERE")
    assert rendered[2].count("^") == 4


def test_a_line_cannot_steer_the_terminal() -> None:
    rendered = Problem("ARCH005", "no", Span("a.yaml", 1, 1, 1, "a\x1b[31mred\tb")).render()
    assert "\x1b" not in rendered
    assert "\t" not in rendered


@pytest.mark.parametrize(
    ("word", "words", "hint"),
    [
        ("kernal", ["kernel", "filters"], "did you mean `kernel`?"),
        ("RELU", ["relu"], "did you mean `relu`?"),
        ("zzz", ["b", "a"], "available: `a`, `b`"),
        ("zzz", [], ""),
        ("zzz", [f"a{i:02}" for i in range(20)], "available: " + ", ".join(f"`a{i:02}`" for i in range(16)) + ", ..."),
    ],
)
def test_the_nearest_word(word: str, words: list[str], hint: str) -> None:
    assert nearest(word, words) == hint


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("BatchNormalization", "did you mean `batch_norm`?"),
        ("Conv2D", "did you mean `conv`?"),
        ("convolution", "did you mean `conv`?"),
        ("batch-norm", "did you mean `batch_norm`?"),
        ("bn", "did you mean `batch_norm`?"),
        ("Conv1D", "did you mean `conv`?"),
        ("conv3d", "did you mean `conv`?"),
        ("norm_batch_or_so", "available: `batch_norm`, `categorical_crossentropy`, `conv`"),
    ],
)
def test_what_is_further_away_than_a_slip(word: str, hint: str) -> None:
    assert nearest(word, ["conv", "categorical_crossentropy", "batch_norm"]) == hint


@pytest.mark.parametrize(
    ("word", "words", "hint"),
    [
        ("crossentropy", ["binary_crossentropy", "categorical_crossentropy"], "`binary_crossentropy` or `categorical_"),
        ("global_avg_pool", ["average_pool", "global_average_pool"], "did you mean `global_average_pool`?"),
        ("GlobalMaxPool1D", ["max_pool", "global_max_pool"], "did you mean `global_max_pool`?"),
        ("self_attention", ["attention", "conv"], "did you mean `attention`?"),
        ("drop", ["crop", "dropout", "drop_path"], "did you mean `drop_path` or `dropout`?"),
        ("welu", ["relu", "elu", "selu"], "did you mean `elu`, `relu` or `selu`?"),
    ],
)
def test_words_that_are_meant_are_named(word: str, words: list[str], hint: str) -> None:
    assert hint in nearest(word, words)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("embedding", ["position_embedding", "conv"]),
        ("gru", ["glu"]),
        ("deconv", ["conv"]),
        ("attend", ["flatten"]),
        ("alpha_05", ["alpha_075", "alpha_14"]),
        ("resnet18", ["resnet", "resnet_d"]),
    ],
)
def test_a_word_that_means_another_thing_is_not_suggested(word: str, words: list[str]) -> None:
    assert nearest(word, words).startswith("available")


def test_the_nearest_of_very_many_very_long_words_is_found_quickly() -> None:
    words = [f"{i:04}{'ab' * 1_000}" for i in range(2_000)]
    begun = time.process_time()
    for word in words[:ENOUGH]:
        assert nearest("x" + word, words).startswith("did you mean")
    assert time.process_time() - begun < 2


def test_quantities() -> None:
    assert quantity(1, "row") == "1 row"
    assert quantity(2000, "row") == "2,000 rows"


def test_the_merge_example_of_the_language() -> None:
    """The error shows where two paths differ, the shape of each, and the chain of layer calls."""
    assert str(refused(PATHS_THAT_DIFFER, "specs/mine.yaml")).splitlines() == [
        "specs/mine.yaml:20:27: error[ARCH021]: merge 'add' needs equal shapes",
        "   20 |         - conv: {filters: $out // 2, kernel: 1}",
        "      |                           ^^^^^^^^^",
        "  path wide   -> 8x8x256 (line 16: $out = 256)",
        "  path narrow -> 8x8x128 (line 20: $out // 2 = 128)",
        "  in ResidualLayer, from ResidualBlock at line 25 (kernel=3, filters=128, out=256)",
        "  in ResidualBlock, from Net at line 28 (kernel=3, filters=128, out=256)",
        "  help: set `filters` to $out on line 20",
    ]


PATHS_THAT_DIFFER = """\
archdsl: 1
name: Net
input: [8, 8, 3]
defaults:
  conv: {padding: same}

layers:
  ResidualLayer:
    doc: The second path gives half of the channels.
    args: {kernel: int, filters: int, out: int}
    merge: add
    paths:
      wide:
        - conv: {filters: $filters, kernel: 1}
        - conv: {filters: $filters, kernel: $kernel}
        - conv: {filters: $out, kernel: 1}
      narrow:
        - conv: {filters: $filters // 4, kernel: 1}
        - conv: {filters: $filters // 4, kernel: $kernel}
        - conv: {filters: $out // 2, kernel: 1}

  ResidualBlock:
    args: {kernel: int, filters: int, out: int}
    steps:
      - ResidualLayer: {kernel: $kernel, filters: $filters, out: $out}

model:
  - ResidualBlock: {kernel: 3, filters: 128, out: 256}
"""


def test_a_long_chain_of_layers_is_cut_in_its_middle() -> None:
    trail = tuple(f"in A, from A at line {i}" for i in range(32))
    lines = Problem("ARCH024", "no", None, trail=trail).render().splitlines()
    assert len(lines) <= 10
    assert lines[1].strip() == trail[0]
    assert lines[-1].strip() == trail[-1]
    assert any("24 more" in line for line in lines)
    assert Problem("ARCH024", "no", None, trail=trail).data()["trail"] == list(trail)


def test_a_flood_of_problems_is_cut() -> None:
    error = ArchError(*(Problem("ARCH005", f"no {i}") for i in range(99)))
    assert len(str(error).splitlines()) == SHOWN + 1
    assert str(error).endswith("... and 49 more")
    assert len(error.problems) == 99


def test_a_file_of_nothing_but_wrong_words_is_read_no_further() -> None:
    words = "".join(f"  - step{i}\n" for i in range(ENOUGH + 50))
    error = refused(f"archdsl: 1\nname: Net\ninput: [8]\nmodel:\n{words}", "a.yaml")
    assert len(error.problems) == ENOUGH
    assert str(error).endswith(f"... and at least {ENOUGH - SHOWN} more")


@pytest.mark.parametrize(
    ("before", "cells"),
    [
        ("abc", 3),
        ("\t\t", 2),  # a tab is shown as one blank
        ("残差层", 6),
        ("ｆｕｌｌ", 8),
        ("한국어", 6),
        ("e\u0301a\u0308", 2),
        ("\u0915\u093f\u200d", 3),  # what joins letters is shown as a blank
        ("\U0001f600", 2),
    ],
)
def test_a_caret_stands_under_its_place_whatever_stands_before(before: str, cells: int) -> None:
    text = f"{before}HERE # after"
    line, carets = Problem("ARCH005", "no", Span("a.yaml", 1, len(before) + 1, 4, text)).render().splitlines()[1:3]
    assert line.endswith("HERE # after")
    assert carets == "      | " + " " * cells + "^^^^"


def test_carets_are_as_wide_as_what_stands_over_them() -> None:
    rendered = Problem("ARCH005", "no", Span("a.yaml", 1, 3, 3, "- 残差e\u0301: 1")).render()
    assert rendered.splitlines()[2] == "      |   ^^^^^"


@pytest.mark.parametrize("width", [20, 40, 80, 118])
@pytest.mark.parametrize("letter", ["a", "残", "e\u0301"])
def test_an_excerpt_fits_a_terminal(width: int, letter: str) -> None:
    text = letter * 200 + "HERE" + letter * 200
    problem = Problem("ARCH005", "no", Span("a.yaml", 1, 200 * len(letter) + 1, 4, text))
    line, carets = problem.render(width).splitlines()[1:3]
    shown = line.split(" | ")[1]
    wide = sum({"残": 2, "\u0301": 0}.get(character, 1) for character in shown)
    assert 8 + wide <= max(width, 28)
    assert wide >= max(width, 28) - 8 - 1  # no room is left unused
    assert len(carets) <= max(width, 28)
    assert "HERE" in shown
    assert carets.count("^") == 4


def test_an_annotation_for_github() -> None:
    """Escapes match those of the GitHub Actions toolkit: `%`, CR and LF, and `:` and `,` in properties."""
    span = Span("a,b:c%.yaml", 2, 3, 4, "  text")
    problem = Problem("ARCH021", "100%, no: a", span, ("first -> 8", "second -> 9\r"), ("in A",), "do this")
    assert problem.annotation() == (
        "::error file=a%2Cb%3Ac%25.yaml,line=2,col=3,endColumn=7,title=ARCH021 incompatible shapes in a merge"
        "::100%25, no: a%0Afirst -> 8%0Asecond -> 9\\r%0Ain A%0Ahelp: do this"
    )
    assert Problem("ARCH201", "no").annotation() == "::error title=ARCH201 spec not found::no"
