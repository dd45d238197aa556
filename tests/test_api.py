"""The package's functions: they take a spec, its path or its name, say what they take, and stay light."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.errors import ArchError

NET = """\
archdsl: 1
name: Net
input: [8, 8, 1]
args: {width: 8}
model:
  - conv: {filters: $width, kernel: 3}
  - flatten
  - dense: {units: 10, activation: softmax}
expect: {parameters: 2970}
data: {source: digits}
train: {epochs: 1}
"""
VARIANT = "variants: {wide: {args: {width: 16}}}\n"
FUNCTIONS = [name for name in archdsl.__all__ if inspect.isfunction(getattr(archdsl, name))]
LIGHT = """
import json, sys
import archdsl
names = [*archdsl.__all__]
for spec in (sys.argv[1], "digits_resnet"):
    archdsl.check(spec), archdsl.lint(spec), archdsl.show(spec, file=sys.stderr), archdsl.resolve(spec)
archdsl.plot(sys.argv[1], sys.argv[2])
heavy = {"tensorflow", "keras", "numpy", "matplotlib"} & {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted(heavy)))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(NET, encoding="utf-8")
    return tmp_path / "net.yaml"


@pytest.mark.parametrize("kind", ["path", "text", "spec", "name"])
def test_a_spec_is_given_in_any_form(kind: str, path: Path) -> None:
    spec: Any = {"path": path, "text": str(path), "spec": archdsl.load(path), "name": "digits_resnet"}[kind]
    graph, printed = archdsl.check(spec), StringIO()
    assert graph.totals == archdsl.resolve(spec).totals
    archdsl.show(spec, file=printed)
    assert f"{graph.totals.parameters:,} parameters" in printed.getvalue()
    assert [finding.code for finding in archdsl.lint(spec)] == ([] if kind == "name" else ["ARCH517"])
    archdsl.plot(spec, path.with_suffix(".dot"))
    assert path.with_suffix(".dot").read_text(encoding="utf-8").startswith("// ")


def test_arguments_override_the_specs_own(path: Path) -> None:
    with pytest.raises(ArchError, match="expected"):
        archdsl.check(archdsl.loads(NET.replace("2970", "3003")))
    graph = archdsl.check(path, arguments={"width": 4})
    assert graph.totals.parameters == archdsl.resolve(path, width=4).totals.parameters < 2970
    printed = StringIO()
    archdsl.show(path, arguments={"width": 4}, columns=["parameters"], depth=1, file=printed)
    assert "Net(width=4)" in printed.getvalue()
    assert "MACs  " not in printed.getvalue()


def test_a_graph_is_shown_and_drawn(path: Path) -> None:
    graph, printed = archdsl.resolve(path), StringIO()
    archdsl.show(graph, file=printed)
    assert "2,970 parameters" in printed.getvalue()
    for name, start in (("net.dot", "// Net"), ("net.mmd", "")):
        graph.plot(path.with_name(name), depth=2, theme="dark", direction="LR", costs=True, detail="full")
        assert path.with_name(name).read_text(encoding="utf-8").startswith(start)
    with pytest.raises(ArchError, match=r"picture|extension"):
        graph.plot(path.with_name("net.txt"))
    with pytest.raises(ArchError, match="theme"):
        graph.plot(path.with_name("net.dot"), theme="pink")
    with pytest.raises(ArchError, match="dpi"):
        graph.plot(path.with_name("net.dot"), dpi=300)
    archdsl.plot(path, path.with_name("pictures"), view="all")
    assert (path.parent / "pictures" / "net.svg").is_file()


def test_a_variant_is_named_in_brackets_or_as_an_argument(path: Path) -> None:
    path.write_text(NET + VARIANT, encoding="utf-8")
    wide = archdsl.resolve(f"{path}[wide]")
    assert wide.arguments["width"] == 16
    for given in (path, archdsl.load(path), f"{path}[wide]"):
        assert archdsl.check(given, variant="wide").totals == wide.totals
    assert archdsl.load(f"{path}[wide]").title == f"{path}[wide]"
    with pytest.raises(ArchError, match="unknown variant `narrow`"):
        archdsl.resolve(path, variant="narrow")


def test_two_variants_are_an_error() -> None:
    with pytest.raises(ArchError, match="two variants of `resnet`: `resnet18` and `resnet34`"):
        archdsl.load("resnet[resnet18]", "resnet34")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet18", r"did you mean `resnet\[resnet18\]`"),
        ("resnet[classes=10]", "write the name of one variant in the brackets"),
        ("resnet[]", "write the name of one variant in the brackets"),
    ],
)
def test_a_name_that_is_no_spec_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ArchError, match=hint):
        archdsl.load(name)


def test_a_file_with_brackets_in_its_name_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "net[1].yaml"
    file.write_text(NET, encoding="utf-8")
    assert archdsl.load(file).variant == ""


@pytest.mark.parametrize("kind", ["graph", "spec"])
def test_a_picture_has_the_resolution_that_is_asked_for(kind: str, path: Path) -> None:
    from PIL import Image

    sizes = []
    for dpi in (96, 192):
        file = path.with_name(f"{dpi}.png")
        archdsl.resolve(path).plot(file, dpi=dpi) if kind == "graph" else archdsl.plot(path, file, dpi=dpi)
        with Image.open(file) as image:
            sizes.append(image.width)
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=4)


def test_only_public_names_are_completed() -> None:
    assert set(dir(archdsl)) == set(archdsl.__all__)
    assert {"build", "check", "evaluate", "lint", "plot", "predict", "resolve", "show", "train"} <= set(FUNCTIONS)
    with pytest.raises(AttributeError):
        archdsl.nothing  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_signature_is_explicit_and_described(name: str) -> None:
    """Only the model's own arguments, whose names a spec chooses, are passed on as they are."""
    function = getattr(archdsl, name)
    parameters, text = inspect.signature(function).parameters, str(function.__doc__)
    described = text.partition("Args:\n")[2].partition("\n\n")[0]
    assert [word for word in parameters if f"        {word}: " not in described] == []
    flexible = [p.name for p in parameters.values() if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    assert flexible == (["arguments"] if name in ("build", "resolve") else [])
    assert "Raises:" in text


def test_checking_and_drawing_load_no_framework(path: Path) -> None:
    command = [sys.executable, "-c", LIGHT, str(path), str(path.with_suffix(".dot"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.tensorflow
def test_a_network_is_trained_evaluated_and_predicts(path: Path) -> None:
    from PIL import Image

    run = path.parent / "run"
    result = archdsl.train(path, run, limit=256)
    assert archdsl.evaluate(run).accuracy == pytest.approx(result.test_accuracy)
    assert archdsl.evaluate(str(run), limit=50).images == 50
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8), 128).save(path.parent / name)
    (path.parent / "broken.png").write_bytes(b"no image")
    first, second, broken = archdsl.predict(run, [path.parent / name for name in ("a.png", "b.png", "broken.png")])
    assert first.probabilities is not None
    assert first.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert first.top(1) == second.top(1)
    assert broken.error is not None
    assert len(archdsl.predict(str(run / "model.keras"), str(path.parent / "*.png"))) == 3
    empty = path.parent / "empty"
    empty.mkdir()
    with pytest.raises(ArchError, match="no images"):
        archdsl.predict(run, empty)
