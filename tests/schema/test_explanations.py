"""`archdsl explain` and the output of `archdsl check`: each code is explained with tested specs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl import ArchError, errors, loads, resolve
from archdsl.cli import main
from archdsl.linting import lint
from archdsl.resolution.expectations import check
from archdsl.schema import explanations
from archdsl.schema.explanations import CODES

FOLDER = Path(explanations.__file__).parent
BUILT = {"ARCH027"}  # only a built Keras model can be counted otherwise
OF_SPECS = [code for code in CODES if code[4] == "0" and code not in BUILT]
WARNINGS = [code for code in CODES if code[4] == "5"]
SPEC = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\nmodel:\n"

Golden = Callable[[str, str], None]


def specs(code: str) -> dict[str, str]:
    """Return the wrong and the right spec of an explanation."""
    found = re.findall(r"^```yaml (wrong|right)\n(.*?)^```$", explanations.explain(code), re.DOTALL | re.MULTILINE)
    assert [kind for kind, _ in found] == ["wrong", "right"]
    return dict(found)


def hold(text: str) -> None:
    """Run the checks of `archdsl check` on a spec."""
    spec = loads(text, "spec.yaml")
    check(spec, resolve(spec))


def test_every_error_has_one_file_and_every_file_a_code() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(errors.CODES)


@pytest.mark.parametrize("code", OF_SPECS)
def test_the_wrong_spec_is_wrong_in_this_way(code: str) -> None:
    with pytest.raises(ArchError) as caught:
        hold(specs(code)["wrong"])
    assert {problem.code for problem in caught.value.problems} == {code}


@pytest.mark.parametrize("code", OF_SPECS)
def test_the_right_spec_is_right(code: str) -> None:
    hold(specs(code)["right"])


@pytest.mark.parametrize("code", WARNINGS)
def test_the_wrong_spec_earns_this_warning_alone(code: str) -> None:
    spec = loads(specs(code)["wrong"], "spec.yaml")
    assert [finding.code for finding in lint(spec, resolve(spec))] == [code]


@pytest.mark.parametrize("code", WARNINGS)
def test_the_right_spec_earns_no_warning(code: str) -> None:
    spec = loads(specs(code)["right"], "spec.yaml")
    assert lint(spec, resolve(spec)) == ()


@pytest.mark.parametrize("code", CODES)
def test_an_explanation_is_short_and_complete(code: str) -> None:
    text = explanations.explain(code)
    heads = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    sections = ["What it does", "Why is this bad?", "Example"]
    if code not in WARNINGS:
        sections = ["Why", *(["Wrong", "Right"] if code in OF_SPECS else ["What to do"])]
    assert heads == [f"{code}: {CODES[code]}", *sections]
    meaning = text.split("\n\n")[2 if code in WARNINGS else 1]
    assert 1 <= len(re.findall(r"[.:](?=\s|$)", meaning)) <= 6
    assert len(text.splitlines()) <= 60
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("code", [code for code in CODES if code not in OF_SPECS + WARNINGS])
def test_what_to_do_is_a_command_that_exists(code: str) -> None:
    blocks = re.findall(r"^```(?:sh|toml|python)\n(.*?)^```$", explanations.explain(code), re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).splitlines()
    assert lines
    for command in re.findall(r"^archdsl (\w+)", "\n".join(lines), re.MULTILINE):
        assert command in {"check", "data", "show", "plot", "eject", "build", "train", "evaluate", "specs", "ops"}


@pytest.mark.parametrize("word", ["ARCH021", "arch021", "Arch21", "ARCH21", "21", "021"])
def test_a_code_is_found_by_its_number(word: str) -> None:
    assert explanations.find(word) == "ARCH021"


@pytest.mark.parametrize(
    ("word", "hint"),
    [("ACRH021", "`ARCH021`?"), ("what", "available"), ("7777", "available")],
)
def test_an_unknown_code_is_told(word: str, hint: str) -> None:
    with pytest.raises(ArchError) as caught:
        explanations.find(word)
    assert caught.value.exit_code == 2
    assert hint in caught.value.problems[0].hint
    assert "run `archdsl explain`" in caught.value.problems[0].hint


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `archdsl` in an empty folder: the exit code, stdout, stderr. With `terminal`, as in one of 60 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)

    def command(*words: str, terminal: bool = False) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        monkeypatch.setenv("COLUMNS", "60")
        monkeypatch.setenv("TERM", "xterm-256color")
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: terminal)
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return command


def test_explain_prints_markdown(run: Run, golden: Golden) -> None:
    code, out, err = run("explain", "arch021")
    assert (code, err) == (0, "")
    golden("explain/ARCH021.md", out)


def test_explain_alone_lists_the_codes(run: Run) -> None:
    code, out, _ = run("explain")
    assert code == 0
    assert [line.split("  ", 1) for line in out.splitlines()] == [[code, meaning] for code, meaning in CODES.items()]


def test_explain_in_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _, out, _ = run("explain", "21", terminal=True)
    assert "\x1b[" in out
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert "```" not in plain
    assert max(map(len, plain.splitlines())) <= 60
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("explain", "21", terminal=True)[1]


def test_explain_of_nothing_known(run: Run) -> None:
    code, out, err = run("explain", "ARCH987")
    assert (code, out) == (2, "")
    assert err.startswith("error[ARCH203]: unknown code `ARCH987`")


def test_explain_loads_nothing_slow() -> None:
    script = "import sys; sys.argv = ['archdsl', 'explain', '21']\nfrom archdsl.cli import main\ntry: main()\n"
    script += "finally: print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "# ARCH021" in done.stdout
    assert not set(done.stderr.split()) & {"tensorflow", "keras", "numpy", "rich", "pygments"}


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    """A spec with three problems, with a name and text that need escapes in GitHub commands."""
    text = SPEC + '  - rellu\n  - conv: {filters: 8, kernel: 3, strid: 100%}\n  - dense: {units: "1,0"}\n'
    (tmp_path / "a,b.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "paths.yaml").write_text(specs("ARCH021")["wrong"], encoding="utf-8")
    return "a,b.yaml"


def test_check_annotates_for_github(run: Run, wrong: str, golden: Golden) -> None:
    code, out, err = run("check", wrong, "paths.yaml", "resnext50_paths", "missing.yaml", "--format", "github")
    assert (code, err) == (2, "")
    golden("check/github.txt", out)


def test_check_as_json(run: Run, wrong: str) -> None:
    told = run("check", wrong, "resnext50_paths", "--json")
    assert run("check", wrong, "resnext50_paths", "--format", "json") == told
    assert [entry["ok"] for entry in json.loads(told[1])] == [False, True]
    assert run("check", wrong, "--format", "text") == run("check", wrong)
    code, _, err = run("check", wrong, "--json", "--format", "github")
    assert code == 2
    assert "ARCH203" in err


def test_a_terminal_is_pointed_to_the_explanation_once(run: Run, wrong: str) -> None:
    _, _, err = run("check", wrong, "paths.yaml", wrong, terminal=True)
    assert err.count("archdsl explain") == 1
    assert "run `archdsl explain ARCH014` for details" in err
    assert "archdsl explain" not in run("check", wrong)[2]
    assert "run `archdsl explain ARCH014` for details" in run("show", wrong, terminal=True)[2]


def test_colour_is_for_terminals(run: Run, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[1;31merror[ARCH014]\x1b[0m" in run("check", wrong, terminal=True)[2]
    assert "\x1b" not in run("check", wrong)[2]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("check", wrong, terminal=True)[2]


def test_an_error_fits_a_narrow_terminal(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    steps = ", ".join(["relu"] * 30)
    (tmp_path / "long.yaml").write_text(f"archdsl: 1\nname: Net\ninput: [8]\nmodel: [{steps}, rellu, {steps}]\n")
    _, _, err = run("check", "long.yaml", terminal=True)
    excerpt = [line for line in err.splitlines() if re.match(r" *\d* \| ", line)]
    assert len(excerpt) == 2
    assert max(map(len, excerpt)) <= 60
    assert excerpt[0][excerpt[1].index("^") :].startswith("rellu")


def test_a_wheel_has_the_explanations() -> None:
    """The files are next to the module that reads them, in the folder that the wheel contains."""
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["archdsl"]
    assert FOLDER.relative_to(Path(__file__).parents[2]).parts[0] == "archdsl"
