"""Every snippet of README.md does what README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
DEMO, TESTS = "sh examples/demo.sh\n", ".venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest\n"


def of_kind(kind: str) -> list[str]:
    return [text for language, text in BLOCKS if language == kind]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    return subprocess.run(
        ["sh", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (spec,) = of_kind("yaml")
    (tmp_path / "my_net.yaml").write_text(spec, encoding="utf-8")
    return tmp_path


def test_the_two_commands_open_the_readme() -> None:
    assert of_kind("sh")[:2] == [DEMO, TESTS]
    assert README.index(DEMO) < README.index("## ")
    assert TESTS in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_the_table_is_what_show_prints(folder: Path) -> None:
    shown = run("archdsl show my_net.yaml --depth 1", folder)
    assert shown.stdout == of_kind("text")[0]


def test_the_error_is_what_check_prints(folder: Path) -> None:
    spec = (folder / "my_net.yaml").read_text(encoding="utf-8")
    broken = spec.replace("{filters: $filters, kernel: 1, ", "{filters: $filters // 2, kernel: 1, ")
    assert broken != spec
    (folder / "my_net.yaml").write_text(broken, encoding="utf-8")
    checked = run("archdsl check my_net.yaml", folder)
    assert (checked.returncode, checked.stdout, checked.stderr) == (1, "", of_kind("text")[1])


@pytest.mark.tensorflow
def test_the_commands_run_in_their_order(folder: Path) -> None:
    commands = of_kind("sh")[2:]
    assert len(commands) >= 3
    for command in commands:
        done = run(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (folder / "my_net.py").is_file()
    assert {"MyNet.svg", "MyNet.png", "ResidualLayer.svg"} <= {path.name for path in (folder / "pictures").iterdir()}
    built, trained = ({path.name for path in (folder / place).iterdir()} for place in ("build/my_net", "runs/first"))
    assert {"spec.yaml", "my_net.py", "summary.txt", "MyNet.png"} <= built
    assert {"model.keras", "log.csv", "curves.png", "run.json"} <= trained


@pytest.mark.tensorflow
def test_the_python_snippets_run(folder: Path) -> None:
    assert of_kind("python")
    for number, snippet in enumerate(of_kind("python")):
        (folder / f"snippet_{number}.py").write_text(snippet, encoding="utf-8")
        done = run(f"python snippet_{number}.py", folder)
        assert done.returncode == 0, done.stderr
        assert re.search(r"[\d,]+ parameters, [\d,]+ multiply-accumulates", done.stdout)


def test_the_table_of_specs_is_true() -> None:
    import archdsl
    from archdsl import zoo

    listed = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\d,]+) \|$", README, re.MULTILINE))
    counted = {name: f"{archdsl.resolve(zoo.load(name)).totals.parameters:,}" for name in zoo.names()}
    assert listed == counted


def test_the_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r"`(archdsl/[\w/.]+)`", README)
    links = [link for link in links if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.slow
def test_the_demo_runs_from_nothing(tmp_path: Path) -> None:
    """Installs everything into a fresh virtual environment of a copy, as the first command of the README does."""
    copy = tmp_path / "archdsl"
    skip = shutil.ignore_patterns(".venv", ".git", "__pycache__", "*.egg-info", ".*_cache", "runs", "build", "plots")
    shutil.copytree(ROOT, copy, ignore=skip)
    done = subprocess.run(["sh", "examples/demo.sh"], cwd=copy, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    accuracy = float(re.findall(r"([\d.]+)% of 360 test images are right", done.stdout)[-1])
    assert accuracy >= 97
