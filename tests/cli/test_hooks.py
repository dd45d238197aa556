"""The pre-commit hook, and the files for pre-commit and CI that `docs/how-to/check-specs.md` shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from documents import ROOT, blocks, run
from edited_specs import BASE, EDITS
from ruamel.yaml import YAML
from typer.main import get_command
from typer.testing import CliRunner

from archdsl.cli import app

HOOKS = ROOT / ".pre-commit-hooks.yaml"
PAGE = (ROOT / "docs/how-to/check-specs.md").read_text(encoding="utf-8")


def load(text: str) -> Any:
    return YAML(typ="safe").load(text)


@pytest.fixture
def hook() -> dict[str, Any]:
    (found,) = load(HOOKS.read_text(encoding="utf-8"))
    return found


def test_the_hook_has_the_keys_that_pre_commit_requires(hook: dict[str, Any]) -> None:
    assert {"id", "name", "entry", "language", "files"} <= hook.keys()
    assert (hook["id"], hook["language"], hook["types"]) == ("archdsl-check", "python", ["yaml"])
    assert "archdsl" in load_scripts()


def load_scripts() -> dict[str, str]:
    import tomllib

    scripts: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    return scripts


def test_its_command_holds_specs(hook: dict[str, Any], tmp_path: Path) -> None:
    program, *words = shlex.split(hook["entry"])
    assert program in load_scripts()
    (tmp_path / "right.yaml").write_text(BASE, encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text(BASE.replace("dense", "dens"), encoding="utf-8")
    (tmp_path / "other.yaml").write_text("on: push\njobs: {}\n", encoding="utf-8")
    codes = [CliRunner().invoke(app, [*words, str(tmp_path / name)]).exit_code for name in ("right.yaml", "wrong.yaml")]
    assert codes == [0, 1]
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", *words, "right.yaml", "other.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "other.yaml:1:1: error[ARCH009]: missing required key `archdsl`" in done.stderr


def test_its_pattern_takes_specs_and_nothing_else_of_this_repository(hook: dict[str, Any]) -> None:
    pattern = re.compile(hook["files"])  # pre-commit searches in the path from the root
    # Folders with a point in front are no part of it: an environment there has specs of its own.
    files = [path.relative_to(ROOT) for path in ROOT.rglob("*.y*ml")]
    taken = {path.as_posix() for path in files if path.parts[0][0] != "." and pattern.search(path.as_posix())}
    assert taken == {path.relative_to(ROOT).as_posix() for path in ROOT.glob("specs/*.yaml")}
    assert len(taken) >= 17


@pytest.mark.parametrize(
    ("path", "is_taken"),
    [
        ("specs/net.yaml", True),
        ("specs/net.yml", True),
        ("models/specs/net.yaml", True),
        ("my_net.archdsl.yaml", True),
        ("a/b/my_net.archdsl.yml", True),
        (".pre-commit-config.yaml", False),
        (".github/workflows/specs.yml", False),
        ("specs/openapi/api.yaml", False),
        ("myspecs/net.yaml", False),
        ("specs.yaml", False),
        ("specs/net.yaml.orig", False),
        ("specs/notes.md", False),
        ("archdsl.yaml", False),
    ],
)
def test_which_files_it_takes(hook: dict[str, Any], path: str, is_taken: bool) -> None:
    assert bool(re.search(hook["files"], path)) is is_taken


def configurations() -> list[Any]:
    return [load(block.text) for block in blocks(PAGE) if (block.language, block.word) == ("yaml", "config")]


def test_the_configuration_of_the_page_names_the_hook(hook: dict[str, Any]) -> None:
    (repository,) = next(found["repos"] for found in configurations() if "repos" in found)
    assert [one["id"] for one in repository["hooks"]] == [hook["id"]]
    assert {"repo", "rev"} <= repository.keys()


def steps() -> list[str]:
    """The commands of the page's workflow."""
    (job,) = next(found["jobs"] for found in configurations() if "jobs" in found).values()
    return [step["run"] for step in job["steps"] if "run" in step]


def test_commands_and_options_of_the_page_exist() -> None:
    commands: Any = get_command(app).commands  # type: ignore[attr-defined]
    told = re.findall(r"(?:`|^|\| |-0 )archdsl ([a-z]+)\b([^`\n#]*)", "\n".join([PAGE, *steps()]), re.MULTILINE)
    assert {"check", "diff", "why"} <= {command for command, _ in told}
    for command, rest in told:
        options = {option for parameter in commands[command].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", rest)) <= options, command


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_the_steps_of_the_workflow_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a repository with a branch that changes a spec: the workflow checks it and reports the change."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.org")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    folder = tmp_path / "work"
    (folder / "specs").mkdir(parents=True)
    (folder / "specs/net.yaml").write_text(BASE, encoding="utf-8")
    (folder / "specs/same.yaml").write_text(BASE, encoding="utf-8")
    done = run(
        "git init -q -b main && git add . && git commit -qm one && git update-ref refs/remotes/origin/main HEAD", folder
    )
    assert done.returncode == 0, done.stdout
    (folder / "specs/net.yaml").write_text(BASE.replace(*EDITS["a_step_in_front"]), encoding="utf-8")
    assert run("git commit -qam two", folder).returncode == 0
    check, compare = [step for step in steps() if "archdsl" in step and "pip" not in step]
    checked, compared = run(check, folder), run(compare, folder)
    assert (checked.returncode, checked.stdout.count(": ok: Net")) == (0, 2), checked.stdout
    assert (compared.returncode, compared.stdout) == (0, "")
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("### `<stdin>` → `specs/net.yaml`\n")
    assert summary.count("###") == 1
    found = run(next(block.text for block in blocks(PAGE) if "git grep" in block.text).removeprefix("$ "), folder)
    assert (found.returncode, found.stdout.count(": ok: Net")) == (0, 2), found.stdout
    (folder / "specs/net.yaml").write_text(BASE, encoding="utf-8")
    piped = run(
        next(
            block.text for block in blocks(PAGE) if "git show" in block.text and block.language == "console"
        ).removeprefix("$ "),
        folder,
    )
    assert "- conv_1" in piped.stdout
