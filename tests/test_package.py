"""What is installed: the version in one place, the specs and the data in the wheel, the names of the package."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import archdsl
from archdsl import zoo

ROOT = Path(__file__).parent.parent


def test_the_version_is_the_projects() -> None:
    """The package is built with the version of this file, and nothing writes another one."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["hatch"]["version"]["path"] == "archdsl/version.py"
    assert settings["project"]["dynamic"] == ["version"]
    assert "version" not in settings["project"]
    assert runpy.run_path(str(ROOT / "archdsl" / "version.py"))["__version__"] == archdsl.__version__
    assert f"## {archdsl.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_public_name_is_a_module() -> None:
    modules = {path.stem for path in (ROOT / "archdsl").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert "training" in modules
    assert modules & set(archdsl.__all__) == set()
    assert all(hasattr(archdsl, name) for name in archdsl.__all__)


def test_the_zoo_is_found_from_anywhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "check", *zoo.names()], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    files = [line for line in done.stdout.splitlines() if "[" not in line]  # a variant stands in brackets
    assert len(files) == len(zoo.names()) >= 4


@pytest.mark.slow
def test_the_wheel_stands_alone(tmp_path: Path) -> None:
    built = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(built, check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("archdsl-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    assert {f"archdsl/specs/{name}.yaml" for name in zoo.names()} <= names
    assert {
        "archdsl/py.typed",
        "archdsl/ops/keras_signatures.json",
        "archdsl/schema/schema.json",
        "archdsl/cli/commands.json",
        "archdsl/ops/index.json",
        "archdsl/specs/index.json",
        "archdsl/data/digits.npz",
        "archdsl/data/DIGITS.md",
    } <= names
    assert not any(name.startswith(("tests/", "specs/")) for name in names)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    code = "import archdsl, archdsl.zoo as z; print(archdsl.__file__); print(z.folder()); print(len(z.names()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    file, folder, count = done.stdout.splitlines()
    assert str(tmp_path) in file
    assert str(tmp_path) in folder
    assert int(count) == len(zoo.names())
