"""What is saved in one process opens in another, to the bit, with what Keras gives or with archdsl's own loader."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import archdsl
from archdsl.errors import ArchError
from archdsl.keras.saved_spec import Opening

pytestmark = pytest.mark.tensorflow

SAVE = """
import sys
import keras, numpy as np
import archdsl

folder, policy = sys.argv[1:]
keras.config.set_dtype_policy(policy)
keras.utils.set_random_seed(0)
random = np.random.default_rng(0)


def keep(name, model, x):
    model.save(f"{folder}/{name}.keras")
    optimizer = getattr(model, "optimizer", None)
    state = [np.asarray(v, "float32").ravel() for v in optimizer.variables] if optimizer else [np.zeros(1)]
    y = model.predict(x, verbose=0).astype("float32")
    np.savez(f"{folder}/{name}.npz", x=x, y=y, state=np.concatenate(state))


x, y = random.random((16, 8, 8, 1), "float32"), np.eye(10)[random.integers(0, 10, 16)]
net = archdsl.build("digits_resnet", width=8)
net.compile(optimizer="adam", loss="categorical_crossentropy")
net.fit(x, y, epochs=2, verbose=0)
keep("net", net, x)
keep("part", keras.Model(net.inputs, net.get_layer("ResidualLayer_2").output), x)

layers = archdsl.compile("funny_resnet_notebook")
x = random.random((4, 8, 8, 16), "float32")
inputs = keras.Input((8, 8, 16))
users = layers.ResidualLayer(kernel=3, filters=8, out=16, name="mine")(inputs)
users = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(users)))
users.compile("sgd", "mse")
users.fit(x, np.zeros((4, 3)), verbose=0)
keep("users", users, x)
keep("row", keras.Sequential([keras.Input((8, 8, 16)), layers.ResidualLayerScal(3, 8, 16), keras.layers.Flatten()]), x)
"""

OPEN = """
import json, sys
import numpy as np

folder = sys.argv[1]
import archdsl.keras
import keras

report = {}
both = {"keras": keras.saving.load_model, "archdsl": archdsl.load_model}
for name, how in ((name, how) for how in both for name in ("net", "part", "users", "row")):
    kept, model = np.load(f"{folder}/{name}.npz"), both[how](f"{folder}/{name}.keras")
    optimizer = getattr(model, "optimizer", None)
    state = [np.asarray(v, "float32").ravel() for v in optimizer.variables] if optimizer else [np.zeros(1)]
    y = model.predict(kept["x"], verbose=0).astype("float32")
    report[f"{name} by {how}"] = {
        "same": bool(np.array_equal(y, kept["y"])),
        "state": bool(np.array_equal(np.concatenate(state), kept["state"])),
        "computes": sorted({layer.compute_dtype for layer in model._flatten_layers() if layer.weights}),
        "class": type(model).__name__,
    }
print(json.dumps(report))
"""


def python(code: str, *arguments: str, folder: Path) -> str:
    """What a fresh process prints."""
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module", params=["float32", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def saved(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    python(SAVE, str(folder), request.param, folder=folder)
    return request.param, folder


def test_a_fresh_process_opens_what_another_saved(saved: tuple[str, Path]) -> None:
    policy, folder = saved
    report = json.loads(python(OPEN, str(folder), folder=folder).splitlines()[-1])
    assert len(report) == 8
    for name, found in report.items():
        assert found["same"], f"{name} predicts otherwise"
        assert found["state"], f"{name}'s optimizer has another state"
    assert {report[f"net by {how}"]["class"] for how in ("keras", "archdsl")} == {"DigitsResNet"}
    expected = ["float32"] if policy == "float32" else ["bfloat16"]
    leaves = {dtype for found in report.values() for dtype in found["computes"] if dtype != "float32"}
    assert leaves == set(expected) - {"float32"}


@pytest.fixture(scope="module")
def net() -> keras.Model:
    return archdsl.build("digits_resnet", width=8)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).random((4, 8, 8, 1), np.float32)


def test_the_model_has_what_a_keras_model_has(net: keras.Model, x: np.ndarray, tmp_path: Path) -> None:
    lines: list[str] = []
    net.summary(print_fn=lambda line, **_: lines.append(line))
    assert any("ResidualLayer_2" in line for line in lines)
    inner = keras.Model(net.inputs, net.get_layer("ResidualLayer_1").output)
    assert inner(x).shape == (4, 8, 8, 8)
    net.export(str(tmp_path / "exported"), verbose=False)
    assert (tmp_path / "exported/saved_model.pb").is_file()
    again = keras.layers.TFSMLayer(str(tmp_path / "exported"), call_endpoint="serve")
    np.testing.assert_allclose(np.asarray(again(x)), np.asarray(net(x)), rtol=1e-5, atol=1e-7)


def test_plain_compile_and_fit_lower_the_loss(x: np.ndarray) -> None:
    keras.utils.set_random_seed(1)
    model = archdsl.build("digits_resnet", width=8)
    model.compile("adam", "categorical_crossentropy")
    losses = model.fit(x, np.eye(10)[[1, 2, 3, 4]], epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


def test_a_clone_computes_the_same(net: keras.Model, x: np.ndarray) -> None:
    clone = keras.models.clone_model(net)
    clone.set_weights(net.get_weights())
    assert np.array_equal(np.asarray(clone(x)), np.asarray(net(x)))


@pytest.mark.parametrize("name", ["ResidualLayer", "ResidualLayerScal", "ResidualBlock"])
def test_the_config_of_every_layer_makes_it_again(name: str) -> None:
    module = archdsl.compile("funny_resnet_notebook")
    layer = getattr(module, name)(kernel=3, filters=8, out=16, name="mine")
    again = type(layer).from_config(layer.get_config())
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    x = keras.Input((8, 8, 16))
    assert again(x).shape == layer(x).shape
    assert [w.path for w in again.weights] == [w.path for w in layer.weights]


def test_the_model_needs_no_arguments_and_takes_them() -> None:
    module = archdsl.compile("digits_resnet")
    assert module.DigitsResNet().output_shape == (None, 10)
    small = module.DigitsResNet(classes=3, width=4)
    assert small.output_shape == (None, 3)
    assert type(small).from_config(small.get_config()).count_params() == small.count_params()


def test_a_layer_works_where_height_and_width_are_open() -> None:
    module = archdsl.compile("funny_resnet_notebook")
    assert module.ResidualLayer(kernel=3, filters=128, out=256)(keras.Input((None, None, 256))).shape[-1] == 256
    assert module.ResidualLayerScal(3, 8, 32)(keras.Input((None, None, 16))).shape == (None, None, None, 32)


def test_another_value_of_what_decides_structure_is_refused() -> None:
    module = archdsl.compile("funny_resnet_notebook")
    with pytest.raises(ValueError, match="must be 'identity' or 'projection'"):
        module.ResidualLayer(kernel=3, filters=8, out=16, shortcut="none")


def changed(source: Path, target: Path, edit: Any) -> Path:
    """A copy of a saved model whose config is edited."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                edit(config)
                data = json.dumps(config).encode()
            new.writestr(name, data)
    return target


HOSTILE = {
    "no spec": (lambda c: c["config"].pop("archdsl"), "ARCH204"),
    "another class": (lambda c: c["config"]["archdsl"].update({"class": "layers"}), "ARCH204"),
    "no such class": (lambda c: c["config"]["archdsl"].update({"class": "Nothing"}), "ARCH204"),
    "a spec that is wrong": (lambda c: c["config"]["archdsl"].update({"spec": "archdsl: 1\nname: X"}), "ARCH006"),
    "a spec that runs code": (
        lambda c: c["config"]["archdsl"].update({"spec": "!!python/object/apply:os.system [ls]"}),
        "ARCH002",
    ),
    "another argument": (lambda c: c["config"].update({"bogus": 1}), "ARCH302"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_config_is_refused(net: keras.Model, tmp_path: Path, case: str) -> None:
    edit, code = HOSTILE[case]
    net.save(tmp_path / "net.keras")
    path = changed(tmp_path / "net.keras", tmp_path / "changed.keras", edit)
    with pytest.raises(ArchError) as caught:
        archdsl.load_model(path)
    assert caught.value.problems[0].code == code


def test_a_file_that_is_cut_or_not_there_is_one_sentence(net: keras.Model, tmp_path: Path) -> None:
    net.save(tmp_path / "net.keras")
    (tmp_path / "cut.keras").write_bytes((tmp_path / "net.keras").read_bytes()[:20_000])
    for name, code in (("cut.keras", "ARCH302"), ("none.keras", "ARCH204")):
        with pytest.raises(ArchError) as caught:
            archdsl.load_model(tmp_path / name)
        assert [problem.code for problem in caught.value.problems] == [code]


def test_a_picture_by_keras_itself(net: keras.Model, tmp_path: Path) -> None:
    pytest.importorskip("pydot")
    keras.utils.plot_model(net, tmp_path / "net.png")
    assert (tmp_path / "net.png").stat().st_size > 1000


def test_a_file_of_an_earlier_version_warns_of_steps_that_are_skipped_otherwise() -> None:
    text = "archdsl: 1\nname: Net\ninput: [4]\nargs: {deep: false}\nmodel:\n  - {relu: {}, name: a}\n"
    model = archdsl.build(archdsl.loads(text + "  - {elu: {}, from: a, when: $deep}\n"))
    config = model.get_config()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Opening().spec(config)
    old = {**config, "archdsl": {key: value for key, value in config["archdsl"].items() if key != "version"}}
    with pytest.warns(UserWarning, match="step on line 7 of the saved spec is skipped"):
        Opening().spec(old)
