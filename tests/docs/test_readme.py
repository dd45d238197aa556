"""Every snippet of README.md does what README says."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from documents import ROOT, anchors, blocks, hold, named, renewed, run, whole

from archdsl import loads, resolve
from archdsl.cli import app

PATH = ROOT / "README.md"
README = PATH.read_text(encoding="utf-8")
BLOCKS = blocks(README)
DEMO, TESTS = "sh examples/demo.sh\n", ".venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest\n"
SPEC = next(block.text for block in BLOCKS if named(block) == "my_net.yaml")


def of_kind(language: str) -> list[str]:
    return [block.text for block in BLOCKS if block.language == language]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_net.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def test_the_two_commands_open_the_readme() -> None:
    assert of_kind("sh")[:2] == [DEMO, TESTS]
    assert README.index(DEMO) < README.index("## ")
    assert TESTS in (ROOT / ".ci/run").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", of_kind("yaml"))
def test_a_snippet_checks(text: str) -> None:
    hold(whole(text))


def test_what_quick_commands_print_is_real(tmp_path: Path, golden_document: Callable[..., None]) -> None:
    golden_document(PATH, renewed(README, {}, tmp_path))


def test_the_error_is_what_check_prints(folder: Path, golden_document: Callable[..., None]) -> None:
    broken = SPEC.replace("{filters: $filters, kernel: 1, ", "{filters: $filters // 2, kernel: 1, ")
    assert broken != SPEC
    (folder / "my_net.yaml").write_text(broken, encoding="utf-8")
    done = run("archdsl check my_net.yaml", folder)
    told = [block for block in BLOCKS if block.language == "text"][1]
    assert done.returncode == 1
    golden_document(PATH, README[: told.start] + done.stdout + README[told.start + len(told.text) :])


def test_the_picture_is_of_the_layer_below_it() -> None:
    picture = re.findall(r'<img [^>]*src="([^"]+)"', README)[0]
    node = next(node for node in resolve(loads(SPEC)).nodes if node.kind == "ResidualLayer")
    described = re.findall(r"<desc[^>]*>(.*)</desc>", (ROOT / picture).read_text(encoding="utf-8"))
    assert described[0].endswith(f" {node.totals.parameters:,} parameters")


@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_commands_run_in_their_order(folder: Path) -> None:
    commands = of_kind("sh")[2:]
    assert len(commands) >= 3
    for command in commands:
        done = run(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
    assert (folder / "my_net.py").is_file()
    assert (folder / "my_net.svg").is_file()
    assert (folder / "layer.png").read_bytes().startswith(b"\x89PNG")
    drawn = ({path.name for path in (folder / place).iterdir()} for place in ("pictures", "build/my_net/pictures"))
    assert {"my_net.svg", "my_net-ResidualLayer.svg"} <= next(drawn)
    assert {"my_net.svg", "my_net.png", "my_net-ResidualLayer.png"} <= next(drawn)
    built, trained = ({path.name for path in (folder / place).iterdir()} for place in ("build/my_net", "runs/first"))
    assert {"spec.yaml", "my_net.py", "summary.txt"} <= built
    assert {"model.keras", "log.csv", "curves.png", "run.json"} <= trained


@pytest.mark.tensorflow
def test_the_python_snippets_run(folder: Path) -> None:
    assert of_kind("python")
    for number, snippet in enumerate(of_kind("python")):
        (folder / f"snippet_{number}.py").write_text(snippet, encoding="utf-8")
        done = run(f"python snippet_{number}.py", folder)
        assert done.returncode == 0, done.stdout
        assert re.search(r"[\d,]+ parameters, [\d,]+ multiply-accumulates", done.stdout)


def test_commands_and_options_in_the_text_exist() -> None:
    commands = typer.main.get_command(app).commands
    told = re.findall(r"(?:^|`)archdsl ([a-z]+)\b([^`\n#]*)", README, re.MULTILINE)
    assert len(told) >= 15
    for command, rest in told:
        assert command in commands, command
        options = {option for parameter in commands[command].params for option in parameter.opts}
        assert {word for word in re.findall(r"--[\w-]+", rest) if word not in options} == set(), command


def test_the_commands_with_json_are_listed() -> None:
    page = (ROOT / "docs/how-to/scripts.md").read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands
    with_json = {name for name, command in commands.items() if any("--json" in p.opts for p in command.params)}
    (sentence,) = re.findall(r"stderr\. ([^.]*)\s+have `--json`", page)
    assert set(re.findall(r"`(\w+)[^`]*`", sentence)) == with_json


def test_the_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README) + re.findall(r"`(archdsl/[\w/.]+)`", README)
    links = [link for link in links if not link.startswith("http")]
    assert "docs/reference/language/index.md" in links
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), link
        assert not anchor or anchor in anchors((ROOT / path).read_text(encoding="utf-8")), link


@pytest.mark.slow
def test_the_demo_runs_from_nothing(tmp_path: Path) -> None:
    """Installs everything into a fresh virtual environment of a copy, as the first command of the README does."""
    copy = tmp_path / "archdsl"
    anywhere = shutil.ignore_patterns(".venv", ".git", "__pycache__", "*.egg-info", ".*_cache")
    outputs = {"build", "plots", "runs"}  # of commands, in the project's own folder; archdsl/runs is a room

    def skip(folder: str, names: list[str]) -> set[str]:
        return anywhere(folder, names) | (outputs if Path(folder) == ROOT else set())

    shutil.copytree(ROOT, copy, ignore=skip)
    done = subprocess.run(["sh", "examples/demo.sh"], cwd=copy, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    accuracy = float(re.findall(r"test accuracy ([\d.]+) % \(\d+ of 360\)", done.stdout)[-1])
    assert accuracy >= 97
