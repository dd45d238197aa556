"""Ops of installed packages: found by entry points, loaded only when a spec uses them, with clear errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from archdsl import loads, resolve
from archdsl.cli import main
from archdsl.ops import OPS, Call, find, plugins

EXAMPLE = Path(__file__).parents[2] / "examples" / "archdsl-example-ops"
SOURCE = EXAMPLE / "src"
SPEC = EXAMPLE / "blurred.yaml"
COMPARED = EXAMPLE / "compared.yaml"

Install = Callable[..., Path]
Archdsl = Callable[..., "Run"]


@dataclass(frozen=True)
class Run:
    """The exit code and the output of a command."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Install a package into a folder: a module, and metadata with its entry points."""

    def write(points: dict[str, str], module: str = "", text: str = "", package: str = "some-ops") -> Path:
        folder = tmp_path / "site" / package
        info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[archdsl.ops]\n{lines}", encoding="utf-8")
        if module:
            (folder / f"{module}.py").write_text(text, encoding="utf-8")
        return folder

    return write


def run(*command: str, path: list[Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a fresh process with these folders on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, EXAMPLE.parents[1]])), "COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[list[Path]], None]]:
    """Put folders on the path of this process as if it had just started, and clean up afterwards."""
    ops, modules = set(OPS), set(sys.modules)
    monkeypatch.chdir(tmp_path)

    def as_if_new(path: list[Path]) -> None:
        plugins.forget()
        for name in sys.modules.keys() - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith((str(tmp_path), str(SOURCE))):
                del sys.modules[name]
        for name in OPS.keys() - ops:
            del OPS[name]
        for folder in reversed(path):
            if str(folder) not in sys.path:
                monkeypatch.syspath_prepend(folder)

    yield as_if_new
    monkeypatch.undo()
    as_if_new([])


@pytest.fixture
def archdsl(
    imported: Callable[[list[Path]], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Archdsl:
    """Run `archdsl` in this process with these folders on its path."""
    monkeypatch.setenv("COLUMNS", "80")

    def command(*words: str, path: list[Path]) -> Run:
        imported(path)
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return Run(int(caught.value.code or 0), printed.out, printed.err)

    return command


@pytest.fixture
def example(install: Install) -> list[Path]:
    """The example package, as if installed."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert len(project["entry-points"]["archdsl.ops"]) == 5
    return [install(project["entry-points"]["archdsl.ops"], package=project["name"]), SOURCE]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.tensorflow
def test_a_spec_can_use_the_ops_and_their_examples_are_built_once(example: list[Path], tmp_path: Path) -> None:
    """In a separate process, like a user; most other tests use this process, which is much faster."""
    for first in (True, False):
        done = run("-m", "archdsl", "check", str(COMPARED), path=example, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "ok: Compared, 7,201 parameters" in done.stdout
        assert ("building the examples of `random_flip`, `blur_pool`, " in done.stderr) == first


WRONG = """
from archdsl.ops import Example, Op, Weight

class Mine(Op, name="mine", kind="norm", layer="layers.LayerNormalization"):
    '''Nothing.'''
    examples = (Example({}, ((6,),), (6,)), Example({}, ((4, 6),), (4, 7)))

    def weights(self, *inputs):
        return {"gamma": Weight((inputs[0][-1],))}
"""


@pytest.mark.tensorflow
def test_an_op_that_declares_other_weights_than_its_layer_is_blamed(install: Install, tmp_path: Path) -> None:
    path = [install({"mine": "mine:Mine"}, "mine", WRONG)]
    (tmp_path / "net.yaml").write_text(KNOWN.replace("relu", "mine"), encoding="utf-8")
    done = run("-m", "archdsl", "check", "net.yaml", path=path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "error[ARCH307]: the op `mine` of some-ops 1.0 differs from its Keras layer" in done.stderr
    assert "example 1: the op `mine` of some-ops 1.0 differs" in done.stderr
    assert "mine_1/beta: the graph has nothing, Keras has (6,)" in done.stderr
    assert "example 2: its output is 4x7, and `output` returns 4x6" in done.stderr
    assert not (tmp_path / "cache" / "archdsl").exists()


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_package_from_the_template_passes_its_check(tmp_path: Path, archdsl: Archdsl, install: Install) -> None:
    assert archdsl("new", "--op", "my-own", path=[]).returncode == 0
    project = tomllib.loads((tmp_path / "my-own" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "my-own"
    path = [install(project["entry-points"]["archdsl.ops"], package="my-own"), tmp_path / "my-own" / "src"]
    done = run("-m", "archdsl", "check", "my-own/example.yaml", path=path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "my-own/example.yaml: ok: Example, 634 parameters\n"), done.stderr
    done = run("-m", "pytest", "-q", "my-own/tests", path=path, cwd=tmp_path)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--op", "my.ops"], "invalid package name `my.ops`"),
        (["--op", "archdsl"], "archdsl itself has this name"),
        (["--op", "my_ops", "--template", "unet"], "`--op` cannot be combined with another argument"),
        (["net.yaml", "--op", "my_ops"], "`--op` cannot be combined with another argument"),
        (["--op", "some_ops"], "some_ops already exists"),
    ],
)
def test_a_package_that_cannot_be_written(archdsl: Archdsl, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "some_ops").mkdir()
    (tmp_path / "some_ops" / "mine.py").touch()
    done = archdsl("new", *words, path=[])
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["some_ops"]


def test_without_the_package_the_op_is_unknown(archdsl: Archdsl) -> None:
    done = archdsl("check", str(SPEC), path=[])
    assert done.returncode == 1
    assert "error[ARCH014]: unknown op or layer `blur_pool`" in done.stderr


def test_generated_code_imports_the_package(example: list[Path], archdsl: Archdsl) -> None:
    done = archdsl("eject", str(SPEC), path=example)
    assert (done.returncode, done.stderr) == (0, "")
    head = [line for line in done.stdout.splitlines() if line.startswith(("import", "from"))]
    assert head == ["import archdsl_example_ops.layers", "import keras", "from keras import layers"]
    assert "archdsl_example_ops.layers.BlurPool2D(" in done.stdout


KNOWN = "archdsl: 1\nname: Net\ninput: [4]\nmodel: [relu]\n"
OP = """
from typing import ClassVar
from archdsl.ops import Call, Op

class Mine(Op, name={name!r}):
    '''Nothing.'''
    kind: ClassVar[str] = "shape"
    def keras(self):
        return Call("{module}.Layer")
"""


def test_only_the_op_in_use_is_loaded(install: Install, imported: Callable[[list[Path]], None], tmp_path: Path) -> None:
    path = [install({n: f"{n}:Mine"}, n, OP.format(name=n, module=n), f"{n}-ops") for n in ("first", "second")]
    for word, expected in (("relu", set()), ("second", {"second"}), ("first", {"first"})):
        imported(path)
        assert resolve(loads(KNOWN.replace("relu", word))).nodes[0].op.name == word
        assert {"first", "second"} & sys.modules.keys() == expected


SCANNED = """
import importlib.metadata
def entry_points(**kwargs):
    if kwargs.get("group") == "archdsl.ops":
        print("scanned")
    return ()
importlib.metadata.entry_points = entry_points
import archdsl
for word in ("relu", "reluu"):
    print(word)
    try:
        archdsl.resolve(archdsl.loads(f"archdsl: 1\\nname: Net\\ninput: [4]\\nmodel: [{word}]\\n"))
    except archdsl.ArchError:
        print("refused")
"""


def test_built_in_ops_do_not_search_installed_packages(tmp_path: Path) -> None:
    done = run("-c", SCANNED, path=[], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["relu", "reluu", "scanned", "refused"]


@pytest.mark.parametrize(
    ("value", "text", "fact"),
    [
        ("mine:Mine", "raise RuntimeError('broken')", "cannot be loaded: RuntimeError: broken"),
        ("mine:Mine", "import nothing_of_this_name", "cannot be loaded: ModuleNotFoundError"),
        ("mine:Mine", "import sys; sys.exit(3)", "cannot be loaded: SystemExit: 3"),
        ("mine:Other", OP.format(name="mine", module="mine"), "cannot be loaded: AttributeError"),
        (
            "mine:Mine",
            OP.format(name="mine", module="mine").replace("    kind", "    field: Op.nothing\n    kind"),
            "cannot be loaded: AttributeError",
        ),
        (
            "mine:Mine",
            OP.format(name="mine", module="mine").replace("    kind", "    field: 'Unheard'\n    kind"),
            "cannot be loaded: PydanticUndefinedAnnotation",
        ),
        ("mine:Mine", "Mine = 3", "is not a subclass of `archdsl.ops.Op`"),
        ("mine:Mine", "class Mine: pass", "is not a subclass of `archdsl.ops.Op`"),
        ("mine:Mine", OP.format(name="conv", module="mine"), "has the name 'conv'"),
        ("mine:Mine", OP.format(name="mine", module="mine").split("    def keras")[0], "has no method `keras()`"),
        (
            "mine:Mine",
            OP.format(name="mine", module="mine").replace('"shape"', '"odd"'),
            "has no valid `kind`, which is one of conv,",
        ),
    ],
)
def test_an_op_that_cannot_be_loaded_is_one_clear_error(
    install: Install, archdsl: Archdsl, tmp_path: Path, value: str, text: str, fact: str
) -> None:
    path = [install({"mine": value}, "mine", text)]
    (tmp_path / "net.yaml").write_text(KNOWN.replace("relu", "mine"), encoding="utf-8")
    for words in (["check", "net.yaml"], ["ops", "mine"]):
        done = archdsl(*words, path=path)
        assert done.returncode == 3, done.stderr
        assert "error[ARCH307]: the op `mine` of some-ops 1.0 " + fact in done.stderr
        assert f"which declares the op as `mine = {value}`" in done.stderr
        assert "Traceback" not in done.stderr
        assert ("net.yaml:4:9: " in done.stderr) == (words[0] == "check")


def test_an_op_may_name_its_layer_instead_of_calling_it(
    install: Install, imported: Callable[[list[Path]], None]
) -> None:
    text = """
from archdsl.ops import Op
from archdsl.ops.field_types import Count

class Mine(Op, name="mine", kind="shape", layer="package.Layer"):
    '''Nothing.'''
    keras_words = {"factor": "times", "unknown": "nothing"}
    more: Count = 1
    times: Count = 1
    size: Count
"""
    imported([install({"mine": "mine:Mine"}, "mine", text)])
    op = find("mine")
    assert op is not None
    assert op.kind == "shape"
    assert op.model_validate({"size": 2}).keras() == Call("package.Layer", (2,))
    call = op.model_validate({"size": 2, "more": 4, "times": 3}).keras()
    assert (call.positional, list(call.keywords.items())) == ((2,), [("factor", 3), ("more", 4)])


def test_an_op_of_two_packages_is_an_error(install: Install, archdsl: Archdsl) -> None:
    path = [
        install({"mine": f"{n}:Mine"}, n, OP.format(name="mine", module=n), f"{n}-ops") for n in ("first", "second")
    ]
    done = archdsl("ops", "mine", path=path)
    assert done.returncode == 3
    assert "error[ARCH307]: several packages define an op `mine`: first-ops 1.0, second-ops 1.0" in done.stderr


def test_no_package_replaces_a_built_in_op(install: Install, archdsl: Archdsl) -> None:
    path = [install({"relu": "mine:Mine"}, "mine", OP.format(name="relu", module="mine"))]
    listed = archdsl("ops", path=path)
    import_module("mine")
    assert [op.__module__ for op in (find("relu"), OPS["relu"])] == ["archdsl.ops.activation"] * 2
    assert listed.returncode == 0
    assert "ignored op `relu` of some-ops 1.0: archdsl has an op of this name" in listed.stderr


def test_installed_ops_are_listed_without_loading(install: Install, archdsl: Archdsl) -> None:
    path = [install({"mine": "mine:Mine"}, "mine", "raise RuntimeError('broken')")]
    done = archdsl("ops", path=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].split() == ["installed", "mine", "some-ops", "1.0"]
    data: Any = json.loads(archdsl("ops", "--json", path=path).stdout)
    assert data["mine"] == {"kind": "installed", "package": "some-ops 1.0"}


def test_the_op_of_the_example_is_described(example: list[Path], archdsl: Archdsl) -> None:
    done = archdsl("ops", "blur_pool", path=example)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Zhang 2019" in done.stdout
    assert "- blur_pool" in done.stdout


BUILT = """
import sys
import numpy as np
import archdsl, archdsl.keras
model = archdsl.build(archdsl.load(sys.argv[1]))
x = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
model.save("blurred.keras")
np.savez("out.npz", x=x, y=model(x))
print(model.count_params())
"""
LOADING = """
import numpy as np
import archdsl
kept = np.load("out.npz")
assert np.array_equal(archdsl.load_model("blurred.keras")(kept["x"]), kept["y"])
import keras
from archdsl_example_ops.layers import BlurPool2D
flat = np.ones((1, 8, 8, 2), np.float32)
assert np.allclose(np.asarray(BlurPool2D(3, 1)(flat))[:, 1:-1, 1:-1], 1)
print("same")
"""


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_model_with_the_op_is_built_saved_and_loaded(example: list[Path], tmp_path: Path) -> None:
    done = run("-c", BUILT, str(SPEC), path=example, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "24570"
    done = run("-c", LOADING, path=example, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "same"
