"""`archdsl diff` and `archdsl why`: arguments, exit codes, and imports."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from edited_specs import BASE, EDITS

from archdsl import zoo
from archdsl.cli import main
from archdsl.cli.comparing import NetworkChoice, parse_choice
from archdsl.diff.text import COLORS
from archdsl.text import colored

OTHER = BASE.replace(*EDITS["a_step_in_front"])


class Stdin:
    """A stdin that is a pipe."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs `archdsl` in this process, in a folder with two specs; returns code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(BASE, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(OTHER, encoding="utf-8")

    def command(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        monkeypatch.setattr(sys, "stdin", Stdin(stdin))
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return command


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("resnet", NetworkChoice("resnet")),
        ("resnet[resnet101]", NetworkChoice("resnet", "resnet101")),
        ("resnet[classes=10]", NetworkChoice("resnet", "", ("classes=10",))),
        (
            "my/net.yaml[a, depths=[1, 2, 3], classes=10]",
            NetworkChoice("my/net.yaml", "a", ("depths=[1, 2, 3]", "classes=10")),
        ),
        ("-[a]", NetworkChoice("-", "a")),
        ("odd]", NetworkChoice("odd]")),
    ],
)
def test_a_choice_is_parsed(word: str, found: NetworkChoice) -> None:
    assert parse_choice(word) == found


def test_a_file_with_brackets_in_its_name_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net[1].yaml").write_text(BASE, encoding="utf-8")
    assert parse_choice("net[1].yaml") == NetworkChoice("net[1].yaml")


@pytest.mark.parametrize("words", [("resnet[a, b]", "a.yaml"), ("resnet[]", "a.yaml"), ("resnet[,a]", "a.yaml")])
def test_a_word_that_cannot_be_read(run: Any, words: tuple[str, ...]) -> None:
    code, out, err = run("diff", *words)
    assert (code, out) == (2, "")
    assert "resnet[resnet101, classes=10]" in err


class TestDiff:
    def test_equal_and_different(self, run: Any) -> None:
        assert run("diff", "a.yaml", "a.yaml") == (0, "--- a.yaml\n+++ a.yaml\n\nthe networks are identical\n", "")
        code, out, err = run("diff", "a.yaml", "b.yaml")
        assert (code, err) == (0, "")
        assert out.startswith("--- a.yaml\n+++ b.yaml\n\n+ conv_1 ")

    def test_the_exit_code_is_none_that_says_something_else(self, run: Any) -> None:
        assert run("diff", "a.yaml", "a.yaml", "--exit-code")[0] == 0
        assert run("diff", "a.yaml", "b.yaml", "--exit-code")[0] == 6
        assert run("diff", "a.yaml", "b.yaml", "--exit-code", "--json")[0] == 6
        Path("c.yaml").write_text(BASE.replace("dense", "dens"), encoding="utf-8")
        assert run("diff", "a.yaml", "c.yaml", "--exit-code")[0] == 1
        assert run("diff", "a.yaml", "missing.yaml", "--exit-code")[0] == 2

    @pytest.mark.parametrize("words", [("-", "b.yaml"), ("b.yaml", "-")])
    def test_one_side_comes_from_stdin(self, run: Any, words: tuple[str, str]) -> None:
        code, out, _ = run("diff", *words, stdin=BASE.encode())
        assert code == 0
        assert "<stdin>" in out.split("\n\n")[0]
        assert ("+ conv_1" if words[0] == "-" else "- conv_1") in out

    def test_stdin_that_is_no_spec(self, run: Any) -> None:
        code, _, err = run("diff", "-", "a.yaml", stdin=b"\xff\xfe")
        assert (code, "the file is not valid UTF-8" in err) == (1, True)
        code, _, err = run("diff", "-", "a.yaml", stdin=b"x" * 300_000)
        assert (code, "stdin has more than 250,000 bytes" in err) == (1, True)
        code, _, err = run("diff", "-", "a.yaml")
        assert (code, "<stdin>:1:1: error[ARCH006]" in err) == (1, True)
        code, _, err = run("diff", "-", "-", stdin=BASE.encode())
        assert (code, "can be read from stdin" in err) == (2, True)

    def test_options_choose_the_second_network(self, run: Any) -> None:
        _, out, _ = run("diff", "a.yaml", "--set", "width=16")
        assert out.startswith("--- a.yaml\n+++ a.yaml[width=16]\n\n~ Net  width 8 → 16\n")
        assert run("diff", "a.yaml", "a.yaml[width=16]")[1] == out
        _, out, _ = run("diff", "resnet", "--variant", "resnet101")
        assert out.startswith("--- resnet\n+++ resnet[resnet101]\n")
        assert run("diff", "resnet", "resnet[resnet101]")[1] == out

    def test_one_network_alone(self, run: Any) -> None:
        code, _, err = run("diff", "a.yaml")
        assert (code, "pass `--variant` or `--set`" in err) == (2, True)

    def test_expect_is_ignored(self, run: Any) -> None:
        Path("c.yaml").write_text(f"{BASE}expect: {{parameters: 1}}\n", encoding="utf-8")
        assert run("diff", "c.yaml", "b.yaml")[0] == 0

    def test_json_and_markdown(self, run: Any) -> None:
        data = json.loads(run("diff", "a.yaml", "b.yaml", "--json")[1])
        assert (data["equal"], data["before"]["spec"], data["after"]["parameters"]) == (False, "a.yaml", 12_558)
        assert run("diff", "a.yaml", "b.yaml", "--markdown")[1].startswith("### `a.yaml` → `b.yaml`\n")
        code, _, err = run("diff", "a.yaml", "b.yaml", "--json", "--markdown")
        assert (code, "`--json` and `--markdown` cannot be combined" in err) == (2, True)

    def test_colours_are_for_terminals(self, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        plain = run("diff", "a.yaml", "b.yaml")[1]
        assert "\x1b" not in plain
        bright = colored(plain, COLORS)
        assert "\x1b[32m+ conv_1" in bright
        for code in ("\x1b[0m", "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[36m"):
            bright = bright.replace(code, "")
        assert bright == plain

    def test_text_of_a_spec_is_only_text_in_markdown(self, run: Any) -> None:
        body = "  - relu: {}\n    when: $word != 'a'\n"
        text = BASE.replace("width: 8}", "width: 8, word: '<b>`x|y`</b>'}").replace(
            "  - global_average", f"{body}  - global_average"
        )
        Path("c.yaml").write_text(text, encoding="utf-8")
        out = run("diff", "a.yaml", "c.yaml", "--markdown")[1]
        assert "`Net` `word — → <b>'x|y'</b>`" in out


class TestWhy:
    def test_text(self, run: Any) -> None:
        code, out, err = run("why", "a.yaml", "Block_2/wide/conv_1.filters")
        assert (code, err) == (0, "")
        assert out.startswith("Block_2/wide/conv_1.filters = $filters = 16\n  a.yaml:10:27\n")
        assert sum("^" in line for line in out.splitlines()) == 4

    def test_options(self, run: Any) -> None:
        assert "`--set width=4`" in run("why", "a.yaml", "conv_1.filters", "--set", "width=4")[1]
        assert "variant resnet101" in run("why", "resnet", "Stage_3.depth", "--variant", "resnet101")[1]

    def test_json(self, run: Any) -> None:
        data = json.loads(run("why", "a.yaml", "Block_2/wide/conv_1.filters", "--json")[1])
        (origin,) = data["origins"]
        assert (origin["value"], origin["expression"], origin["place"]["line"]) == (16, "$filters", 10)
        assert origin["causes"][0]["causes"][0]["name"] == "$width"

    def test_a_path_that_leads_nowhere(self, run: Any) -> None:
        code, out, err = run("why", "a.yaml", "Blok_2/wide/conv_1.filters")
        assert (code, out) == (2, "")
        assert "did you mean `Block_2`?" in err

    def test_a_wrong_spec(self, run: Any) -> None:
        Path("c.yaml").write_text(BASE.replace("dense", "dens"), encoding="utf-8")
        assert run("why", "c.yaml", "conv_1")[0] == 1


@pytest.mark.parametrize("name", sorted(zoo.names()))
def test_every_spec_of_the_zoo_is_equal_to_itself(run: Any, name: str) -> None:
    assert run("diff", name, str(zoo.find(name)), "--exit-code")[0] == 0
