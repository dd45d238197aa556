"""What is installed: the version in one place, the specs and the data in the wheel, the names of the package."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tarfile
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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("built")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], check=True, cwd=ROOT)
    return folder


def files(*folders: str) -> set[str]:
    """The files in folders of the project, by their paths."""
    paths = {path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()}
    return {path.as_posix() for path in paths if "__pycache__" not in path.parts}


def test_the_sdist_holds_the_project(built: Path) -> None:
    (sdist,) = built.glob("archdsl-*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers()}
    wanted = files("archdsl", "specs", "tests", "docs", "examples", "benchmarks")
    assert {"archdsl/py.typed", "specs/resnet.yaml", "tests/data/version_0_1_0/model.keras"} <= wanted
    assert wanted - names == set()
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", ".ci/run"} <= names


def test_the_wheel_holds_the_package_and_stands_alone(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("archdsl-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "installed")
    inside = {
        path for path in files("specs", "examples", "docs") if not path.startswith("docs/") or path.endswith(".md")
    }
    wanted = files("archdsl") | {f"archdsl/{path}" for path in inside}
    assert {
        "archdsl/schema/schema.json",
        "archdsl/specs/resnet.yaml",
        "archdsl/data/digits.npz",
        "archdsl/data/DIGITS.md",
    } <= wanted
    assert names == wanted
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    code = (
        "import archdsl, archdsl.zoo as z, archdsl.schema.pages as p; print(archdsl.__file__); print(z.folder())\n"
        "print(z.find('examples/two_in_two_out')); print(p.names()[p.find('loops')]); print(len(z.names()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    *found, count = done.stdout.splitlines()
    assert len(found) == 4
    assert all(str(tmp_path) in path for path in found)
    assert int(count) == len(zoo.names())
