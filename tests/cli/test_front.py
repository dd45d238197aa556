"""The modules that each command loads: the front needs no TensorFlow, Keras or NumPy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house import PACKAGE, loaded_modules

HEAVY = ("tensorflow", "keras", "numpy")
RUNS = Path(__file__).parents[1] / "data/version_0_1_0/runs"
NETWORK = "funny_resnet_notebook"
COMMANDS = [
    ["check", NETWORK],
    ["show", NETWORK],
    ["show", NETWORK, "--json"],
    ["plot", NETWORK, "--format", "dot"],
    ["plot", NETWORK, "--format", "mermaid"],
    ["lint", "vgg"],
    ["diff", "resnet", "resnet[resnet101]"],
    ["why", "resnet", "conv_1.filters"],
    ["expand", NETWORK],
    ["eject", NETWORK],
    ["sweep", NETWORK, "width=64,128"],
    ["new", "net.yaml"],
    ["specs"],
    ["ops"],
    ["ops", "conv"],
    ["schema"],
    ["explain", "21"],
    ["docs", "loops"],
    ["runs", "runs"],
    ["runs", "runs/one", "runs/other", "--json"],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "other"):
        shutil.copytree(RUNS / "cut_run", tmp_path / "runs" / name)
    return tmp_path


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_of_the_front_needs_no_framework(words: list[str], folder: Path) -> None:
    modules = loaded_modules([words], folder, without=HEAVY)
    assert len({name for name in modules if name.startswith("archdsl.")}) > 5
    assert not {name.partition(".")[0] for name in modules} & {*HEAVY, "matplotlib"}


def test_the_room_of_runs_needs_no_framework(tmp_path: Path) -> None:
    names = [f"archdsl.runs.{path.stem}" for path in sorted((PACKAGE / "runs").glob("[!_]*.py"))]
    assert len(names) >= 4
    script = "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); import " + ", ".join(names)
    subprocess.run([sys.executable, "-c", script, *HEAVY, "matplotlib"], cwd=tmp_path, timeout=60, check=True)


@pytest.mark.parametrize("words", [["--version"], ["--help"]], ids=" ".join)
def test_version_and_help_load_the_program_alone(words: list[str], tmp_path: Path) -> None:
    modules = loaded_modules([words], tmp_path, without=("pydantic", "ruamel", "rich"))
    own = {name for name in modules if name.partition(".")[0] == "archdsl"}
    program = {"archdsl.cli", "archdsl.cli.help", "archdsl.cli.program"}
    assert own == {"archdsl", "archdsl.display", "archdsl.text", "archdsl.version"} | program


def test_a_check_loads_only_the_families_that_the_spec_names(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("{archdsl: 1, name: Net, input: [8], model: [dense: {units: 3}, dropout: {rate: 0.5}]}")
    families = {path.stem for path in (PACKAGE / "ops").glob("*.py")}
    modules = loaded_modules([["check", str(spec)]], tmp_path)
    taken = {name.rpartition(".")[2] for name in modules if name.startswith("archdsl.ops.")}
    assert {"dense", "dropout"} <= taken <= families - {"attention", "shape", "merge", "standardized"}
