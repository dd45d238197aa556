"""`archdsl new`: every template is valid, and a file is written whole, checked, and never overwritten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from archdsl import drafts, zoo
from archdsl.cli import app
from archdsl.errors import ArchError
from archdsl.parsing import parse
from archdsl.resolution import expectations, resolve
from archdsl.schema import modeline

TEMPLATES = sorted(drafts.templates())
LARGE = {"inception", "transformer", "unet"}
"""Templates whose networks take long to build."""
SMALLER: dict[str, dict[str, Any]] = {
    "residual": {"depth": 8},
    "transformer": {"depth": 1},
    "unet": {"filters": 4, "levels": 2},
}
"""Arguments with which a template is built in less time."""


def new(*words: Any) -> Any:
    return CliRunner().invoke(app, ["new", *map(str, words)])


def refused(*words: Any) -> str:
    """Return the one error of `archdsl new` with these words."""
    done = new(*words)
    assert isinstance(done.exception, ArchError), done.output
    assert len(done.exception.problems) == 1
    return str(done.exception)


def test_there_is_a_handful_of_templates() -> None:
    assert {"starter", "classifier", "residual", "inception", "unet", "two-inputs", "transformer"} <= set(TEMPLATES)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_valid_and_meets_its_expectations(template: str, tmp_path: Path) -> None:
    draft = drafts.from_template(tmp_path / "my_net.yaml", template)
    assert draft.spec.name == "MyNet"
    assert draft.spec.doc
    assert "#" in draft.text.split("\n", 2)[2]
    for one in draft.spec.every():
        assert {"parameters", "output"} <= one.expect.model_fields_set
        expectations.check(one, resolve(one))
    assert max(map(len, draft.text.split("\n")[1:])) <= 120


def test_without_options_a_starter_is_written_that_trains_on_digits(tmp_path: Path) -> None:
    file = tmp_path / "my_net.yaml"
    done = new(file)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert f"wrote {file}: MyNet, 38,682 parameters" in done.stderr
    assert f"archdsl check {file}" in done.stderr
    assert f"archdsl train {file}" in done.stderr
    text = file.read_text(encoding="utf-8")
    assert text.startswith(f"{modeline()}\n# Based on the template starter.\n")
    spec = zoo.load(file)
    assert spec.data.source == "digits"
    assert CliRunner().invoke(app, ["check", str(file)]).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["my_net.yaml"]


def test_the_templates_are_listed() -> None:
    listed = new("--list").stdout
    assert listed.split()[0] == "starter"
    assert [word for word in TEMPLATES if not re.search(rf"(?m)^{word} +\w", listed)] == []


def test_a_spec_of_the_zoo_is_copied_with_its_comments(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert new(file, "--from", "funny_resnet_notebook", "--name", "Other").exit_code == 0
    original = zoo.find("funny_resnet_notebook").read_text(encoding="utf-8")
    written = file.read_text(encoding="utf-8").removeprefix(f"{modeline()}\n# Based on the spec ")
    same = original.replace("name: FunnyResNet                       #", "name: Other                             #")
    assert same != original
    assert written == f"funny_resnet_notebook.\n{same}"


def test_a_variant_is_laid_over_the_copy_and_nothing_else_changes(tmp_path: Path) -> None:
    file = tmp_path / "deep.yaml"
    assert new(file, "--from", "resnet", "--variant", "resnet34").exit_code == 0
    text = file.read_text(encoding="utf-8")
    assert "# Based on the spec resnet, variant resnet34.\n" in text
    assert "args: {depths: [3, 4, 6, 3], block: basic, widen: 1, classes: 1000}\n" in text
    assert "variants:" not in text
    assert "expect: {parameters: 21814696, " in text
    original = zoo.find("resnet").read_text(encoding="utf-8")
    body = slice(original.index("defaults:"), original.rindex("expect:"))
    assert len(original[body]) > 500
    assert text[text.index("defaults:") : text.rindex("expect:")] == original[body]


def test_a_copy_of_a_copy_has_one_modeline(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yml"
    assert new(first).exit_code == 0
    assert new(second, "--from", first).exit_code == 0
    text = second.read_text(encoding="utf-8")
    assert text.count("yaml-language-server") == 1
    assert "# Based on the spec first.yaml.\n# Based on the template starter.\n" in text
    assert parse(text).name == "Second"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["net"], "`net` is not the name of a spec file"),
        (["2.yaml"], "invalid class name `2`.*\n.*choose one with `--name MyNet`"),
        (["net.yaml", "--name", "class"], "invalid class name `class`: it is a Python keyword"),
        (["net.yaml", "--name", "net"], "a class name starts with a capital letter"),
        (["net.yaml", "--template", "unett"], "unknown template `unett`.*\n.*did you mean `unet`?"),
        (["net.yaml", "--template", "unet", "--from", "resnet50"], "`--template` and `--from` cannot be combined"),
        (["net.yaml", "--variant", "resnet34"], "`--variant` requires `--from`"),
        (["net.yaml", "--from", "restnet50"], "unknown spec `restnet50`.*\n.*did you mean `resnet50`?"),
        (["net.yaml", "--from", "resnet50", "--variant", "x"], "unknown variant `x` of `ResNet50`"),
        (["net.yaml", "--from", "resnet50", "--name", "Stage"], "it is a layer of `resnet50`"),
        (["there/is/none/net.yaml"], "cannot be written"),
        ([], "missing argument FILE"),
    ],
)
def test_invalid_uses_are_refused_in_one_error(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert re.search(message, refused(*words))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("mine", encoding="utf-8")
    assert "ARCH202" in refused(file)
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_spec_that_does_not_hold_is_not_copied(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        "archdsl: 1\nname: Net\ninput: [8, 8, 3]\nmodel: [flatten]\nexpect: {output: [3]}\n", encoding="utf-8"
    )
    assert "ARCH026" in refused(tmp_path / "net.yaml", "--from", wrong)
    assert not (tmp_path / "net.yaml").exists()


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "template", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in TEMPLATES]
)
def test_a_template_learns_from_a_step(template: str, tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    from archdsl import keras as runtime
    from archdsl.recipe import Train
    from archdsl.training.compilation import compile_model
    from archdsl.training.tasks import Head, classification

    spec, smaller = drafts.from_template(tmp_path / "net.yaml", template).spec, SMALLER.get(template, {})
    model = runtime.build(spec, **smaller)
    graph = resolve(spec, **smaller)
    heads = [Head(name if len(graph.outputs) > 1 else "", "label", classification.TASK) for name in graph.outputs]
    compile_model(model, spec.train or Train(loss="mean_squared_error"), heads, epochs=2, steps=1)
    random = np.random.default_rng(0)
    shapes = {name: end.shape for name, end in resolve(spec, **smaller).outputs.items()}
    images = {name: random.normal(size=(2, *given.shape)).astype("float32") for name, given in spec.inputs.items()}
    labels = {name: np.eye(s[-1])[random.integers(s[-1], size=(2, *s[:-1]))] for name, s in shapes.items()}
    before = [weight.numpy() for weight in model.trainable_weights]
    for _ in range(2):  # a warmup begins at a learning rate of 0
        found = model.train_on_batch(alone(images), alone(labels), return_dict=True)
    assert np.isfinite(found["loss"])
    moved = [bool((old != new.numpy()).any()) for old, new in zip(before, model.trainable_weights, strict=True)]
    assert sum(moved) > len(moved) // 2


def alone(tensors: dict[str, Any]) -> Any:
    """Return a single tensor as it is, several by name."""
    return tensors if len(tensors) > 1 else next(iter(tensors.values()))
