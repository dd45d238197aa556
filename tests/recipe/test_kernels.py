"""`onednn` is applied before TensorFlow is imported, and steps that its kernels cannot train are refused."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import archdsl
from archdsl.errors import ArchError
from archdsl.graph import Graph
from archdsl.recipe import Train, kernels
from archdsl.resolution.expectations import check

SPEC = """\
archdsl: 1
name: Tiny
input: [8, 8, 1]
model:
  - conv: {filters: 8, kernel: 3, stride: 2, activation: relu}
  - global_average_pool
  - dense: {units: 10, activation: softmax}
data: {source: digits, limit: 100, batch_size: 30}
train: {epochs: 1, onednn: true}
"""

has_onednn = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="TensorFlow has oneDNN on Linux and x86-64 alone"
)


def told(code: str, folder: Path, *words: str, **environment: str) -> str:
    """The last line that a fresh process prints, with the spec in `tiny.yaml`."""
    (folder / "tiny.yaml").write_text(SPEC, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name != kernels.VARIABLE}
    command, environment = [sys.executable, "-c", code, *words], {**kept, **environment}
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("value", [True, False])
def test_the_variable_follows_the_recipe(value: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv(kernels.VARIABLE, "")
    monkeypatch.delenv(kernels.VARIABLE)
    kernels.choose(None)
    kernels.choose(Train())
    assert kernels.VARIABLE not in os.environ
    kernels.choose(Train(onednn=value))
    assert os.environ[kernels.VARIABLE] == str(int(value))
    kernels.choose(Train(onednn=not value))
    assert os.environ[kernels.VARIABLE] == str(int(value)), "who has set it is obeyed"


def resolved(step: str, channels: int, word: str) -> Graph:
    """A network of one step, on line 4, with `onednn` in its recipe."""
    text = f"archdsl: 1\nname: Net\ninput: [8, 8, {channels}]\nmodel: [{{{step}}}]\ndata: {{source: digits}}\n"
    spec = archdsl.loads(f"{text}train: {{onednn: {word}}}\n")
    graph = archdsl.resolve(spec)
    check(spec, graph)
    return graph


WRONG = [
    ("conv: {filters: 16, kernel: 1, stride: 2}", 7),
    ("conv: {filters: 16, kernel: 1, stride: [1, 3]}", 1),
    ("standardized_conv: {filters: 16, kernel: 1, stride: 2}", 7),
    ("conv_transpose: {filters: 7, kernel: 1, stride: 2}", 16),
    ("depthwise_conv: {kernel: 1, stride: 2}", 1),
    ("separable_conv: {filters: 16, kernel: 1, stride: 2}", 1),
]
RIGHT = [
    ("conv: {filters: 16, kernel: 1, stride: 2}", 8),
    ("conv: {filters: 16, kernel: 1}", 3),
    ("conv: {filters: 16, kernel: [1, 2], stride: 2}", 3),
    ("conv: {filters: 16, kernel: 3, stride: 2}", 3),
    ("conv: {filters: 16, kernel: 1, stride: 2, groups: 2}", 4),
    ("conv_transpose: {filters: 8, kernel: 1, stride: 2}", 3),
    ("depthwise_conv: {kernel: 1, stride: 2}", 2),
    ("separable_conv: {filters: 16, kernel: 1, stride: 2}", 2),
    ("max_pool: {size: 1, stride: 2}", 1),
]


@pytest.mark.parametrize(("step", "channels"), WRONG)
def test_a_wrong_gradient_is_refused(step: str, channels: int) -> None:
    resolved(step, channels, "auto")
    with pytest.raises(ArchError) as caught:
        resolved(step, channels, "true")
    assert [(problem.code, problem.span and problem.span.line) for problem in caught.value.problems] == [("ARCH020", 4)]


@pytest.mark.parametrize(("step", "channels"), RIGHT)
def test_a_correct_gradient_is_not_refused(step: str, channels: int) -> None:
    assert resolved(step, channels, "true").input == (8, 8, channels)


GRADIENTS = """
import json, sys
import numpy as np, tensorflow as tf
import archdsl
found = []
for step, channels in json.loads(sys.argv[1]):
    text = f"archdsl: 1\\nname: Net\\ninput: [8, 8, {channels}]\\nmodel: [{{{step}}}]"
    tf.keras.utils.set_random_seed(0)
    model = archdsl.build(archdsl.loads(text))
    x = np.random.default_rng(0).normal(size=(4, 8, 8, channels)).astype("float32")
    with tf.GradientTape() as tape:
        y = model(x)
        loss = tf.reduce_sum(y * tf.sin(y))
    found.append([float(value) for each in tape.gradient(loss, model.trainable_variables) for value in np.ravel(each)])
print(json.dumps(found))
"""


@has_onednn
@pytest.mark.slow
@pytest.mark.tensorflow
def test_gradients_that_are_not_refused_are_correct(tmp_path: Path) -> None:
    """Compared with the gradients of the other kernels of TensorFlow."""
    steps = [*RIGHT, *((step.replace("}", ", padding: same}"), channels) for step, channels in RIGHT)]
    ours, others = (
        json.loads(told(GRADIENTS, tmp_path, json.dumps(steps), **{kernels.VARIABLE: value})) for value in "10"
    )
    assert sum(map(bool, ours)) >= 14
    for step, one, other in zip(steps, ours, others, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-4), step


ASKED = "from archdsl.training import tf_settings; print(tf_settings.onednn())"


@has_onednn
@pytest.mark.tensorflow
@pytest.mark.parametrize("value", ["0", "1"])
def test_tensorflow_follows_the_variable(value: str, tmp_path: Path) -> None:
    assert told(ASKED, tmp_path, **{kernels.VARIABLE: value}) == str(value == "1")


@has_onednn
@pytest.mark.slow
@pytest.mark.tensorflow
def test_commands_set_the_variable_before_the_import(tmp_path: Path) -> None:
    words = "'train', 'tiny.yaml', '--dry-run', '--json'"
    code = f"import sys; sys.argv = ['archdsl', {words}]; from archdsl.cli import main; main()"
    assert json.loads(told(code, tmp_path))["onednn"] is True
    assert json.loads(told(code, tmp_path, **{kernels.VARIABLE: "0"}))["onednn"] is False


@has_onednn
@pytest.mark.slow
@pytest.mark.tensorflow
def test_python_sets_the_variable_before_the_import(tmp_path: Path) -> None:
    assert told(f"import archdsl; archdsl.train('tiny.yaml', 'run'); {ASKED}", tmp_path) == "True"
    begun = tmp_path / "run" / "run.json"
    begun.write_text(begun.read_text(encoding="utf-8").replace('"finished"', '"interrupted"'), encoding="utf-8")
    resumed = "import archdsl\ntry: archdsl.resume('run')\nexcept archdsl.ArchError: pass\n"
    assert told(f"{resumed}{ASKED}", tmp_path) == "True"


@pytest.mark.tensorflow
def test_each_command_that_computes_reads_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.cli import main

    (tmp_path / "tiny.yaml").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(kernels.VARIABLE, "1")
    asked: list[Train | None] = []
    monkeypatch.setattr(kernels, "choose", asked.append)
    for words in (["train", "tiny.yaml"], ["evaluate", "runs/tiny-1"], ["train", "--resume", "runs/tiny-1"]):
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        with pytest.raises(SystemExit):
            main()
        assert [recipe.onednn for recipe in asked if recipe is not None] == [True], words
        asked.clear()


@pytest.mark.tensorflow
def test_a_late_choice_is_a_warning(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    from archdsl.training import tf_settings

    other = not tf_settings.onednn()
    monkeypatch.setenv(kernels.VARIABLE, "0")
    tf_settings.check_kernels(other)
    monkeypatch.delenv(kernels.VARIABLE)
    tf_settings.check_kernels("auto")
    tf_settings.check_kernels(not other)
    assert not recwarn.list
    word = str(other).lower()
    with pytest.warns(
        UserWarning, match=f"imported before `onednn: {word}` could take effect; set {kernels.VARIABLE}={int(other)}"
    ):
        tf_settings.check_kernels(other)


@pytest.mark.tensorflow
def test_training_checks_the_network_with_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` uses the default arguments; other arguments may have fewer channels, which matters only in training."""
    monkeypatch.setenv(kernels.VARIABLE, "1")
    text = SPEC.replace("model:\n", "args: {width: 8}\nmodel:\n  - conv: {filters: $width, kernel: 1}\n")
    spec = archdsl.loads(text.replace("kernel: 3, stride: 2", "kernel: 1, stride: 2"))
    check(spec, archdsl.resolve(spec))
    archdsl.resolve(spec, width=4)
    with pytest.raises(ArchError, match=r"conv_2: a strided 1x1 kernel with 4 input channels"):
        archdsl.train(spec, tmp_path / "run", arguments={"width": 4})
    assert not (tmp_path / "run").exists()
