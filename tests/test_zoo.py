"""Every spec in the zoo and every example: it meets its expectations and is drawn, built, trained, saved and loaded."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.codegen.module import to_python
from archdsl.diagrams import to_dot
from archdsl.graph import Graph
from archdsl.ops.base import show
from archdsl.reports.formats import to_data
from archdsl.reports.summary import to_text
from archdsl.resolution.expectations import check
from archdsl.spec import Spec

ROOT = Path(__file__).parent.parent
FILES = {path.stem: path for path in sorted([*(ROOT / "specs").glob("*.yaml"), *(ROOT / "examples").glob("*.yaml")])}
CASES = {
    f"{name}-{spec.variant}" if spec.variant else name: spec
    for name, path in FILES.items()
    for spec in archdsl.load(path).every()
}

DISTINCT = {(c.partition("-")[0], str(s.values({})), s.expect.parameters): c for c, s in reversed(CASES.items())}
"""One case for each set of weights: variants that differ in the size of their images alone have the same."""

HUGE = {
    *("bert-large", "convnext-large", "convnext-xlarge", "efficientnet_v2-l", "gpt2-large", "gpt2-medium", "gpt2-xl"),
    *("nasnet-large", "vit-vit_large_patch16_224"),
}
"""Those that take a gigabyte and many seconds; they differ from smaller ones of their file in numbers alone."""

SMALL: dict[str, dict[str, Any]] = {
    "bert": {"vocabulary": 30, "sentences": 3, "width": 8, "heads": 2, "depth": 1},
    "gpt2": {"vocabulary": 30, "width": 8, "heads": 2, "depth": 1},
    "gru_text": {"vocabulary": 30, "width": 8},
    "lstm_text": {"vocabulary": 30, "width": 8},
    "transformer": {"vocabulary": 30, "width": 8, "heads": 2, "hidden": 16, "depth": 1},
    "bit": {"depths": [1, 2, 1, 1], "width": 32},
    "cbam_resnet": {"depths": [1, 1, 1, 1]},
    "convnext": {"depths": [1, 1, 2, 1], "drop": 0.01},
    "densenet": {"depths": [2, 2, 2, 2], "growth": 8},
    "efficientnet": {"depths": [1, 2, 1, 1, 1, 1, 1], "drop": 0.01},
    "efficientnet_torch": {"depths": [1, 2, 1, 1, 1, 1, 1], "drop": 0.01},
    "efficientnet_v2": {"depths": [1, 1, 2, 1, 2, 1], "drop": 0.01},
    "fcn": {"width": 4, "hidden": 8},
    "funny_resnet": {"width": 8},
    "funny_resnet_notebook": {"width": 8},
    "inception_resnet_v2": {"depths": [1, 1, 2]},
    "mlp_mixer": {"patch": 16, "width": 32, "depth": 2, "tokens": 24, "hidden": 48},
    "mobilenet": {"alpha": 0.25},
    "mobilenet_v2": {"alpha": 0.5},
    "mobilenet_v2_torch": {"alpha": 0.5, "depths": [1, 2, 1, 1, 1, 1, 1]},
    "mobilenet_v3": {"alpha": 0.35},
    "nasnet": {"depth": 1, "filters": 8, "stem": 8},
    "resnet": {"depths": [1, 1, 2, 1]},
    "resnet50_v2": {"depths": [2, 1, 2, 1]},
    "resnet_cifar": {"depth": 14},
    "resnet_d": {"depths": [1, 1, 2, 1]},
    "resnet_ts": {"filters": [64, 128, 256, 256], "depths": [1, 2, 1, 1]},
    "resnet_v2": {"depths": [1, 2, 1, 1]},
    "resnext": {"depths": [1, 2, 1, 1], "groups": 4},
    "resnext50_paths": {"depths": [1, 2, 1, 1], "cardinality": 3},
    "se_resnet": {"depths": [1, 2, 1, 1]},
    "siamese": {"width": 4},
    "tcn": {"filters": 4, "levels": 2},
    "unet": {"filters": 4, "levels": 2},
    "unet_3d": {"filters": 2, "levels": 1},
    "vgg": {"depths": [1, 1, 1, 1, 2], "hidden": 32},
    "vit": {"width": 48, "heads": 3, "depth": 2},
    "vit_conv_stem": {"width": 48, "depth": 2},
    "wavenet": {"width": 4, "skip": 8, "levels": 2, "stacks": 1},
    "wide_resnet": {"depth": 10, "widen": 1},
    "xception": {"depth": 1, "width": 64},
}
"""Arguments that make a network of the same kind which is built in about a second."""

TRACED = {"two_in_two_out", "unet", "wide_resnet"}
"""Those whose training step is traced, as it is for users; tracing costs seconds, and the others run op by op."""


SHORT = {"tcn": "[40, 1]", "unet_3d": "[20, 18, 18, 3]", "wavenet": "[40, 256]"}
"""The inputs of small networks for sequences and volumes."""


def small(name: str) -> Spec:
    """The spec with a short sequence or a small map; it must shrink by 32 in some networks and keep two pixels."""
    text = FILES[name].read_text(encoding="utf-8")
    for sides, side in (("224|256", 64), ("299", 75)):  # those for 299 pixels often lose a border
        text = re.sub(rf"^input: \[({sides}), \1, ", f"input: [{side}, {side}, ", text, flags=re.MULTILINE)
    text = re.sub(r"\{shape: \[\d{3,}\], dtype: int32\}", "{shape: [6], dtype: int32}", text)
    return archdsl.loads(re.sub(r"^input: .*$", f"input: {SHORT[name]}", text, flags=re.M) if name in SHORT else text)


def test_the_specs_are_there() -> None:
    assert len(FILES) >= 25
    assert len(CASES) >= len(FILES) + 80
    assert set(SMALL) | TRACED | ELSEWHERE | LATER <= set(FILES)
    assert set(DISTINCT.values()) >= HUGE


@pytest.mark.parametrize("case", CASES)
def test_it_holds_what_it_expects(case: str) -> None:
    spec = CASES[case]
    assert {"parameters", "output"} <= spec.expect.model_fields_set
    assert spec.doc
    check(spec, archdsl.resolve(spec))


@pytest.mark.parametrize("name", FILES)
def test_its_file_says_where_it_is_from(name: str) -> None:
    text = FILES[name].read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert max(map(len, text.splitlines())) <= 120
    for layer in archdsl.load(FILES[name]).layers.values():
        assert layer.doc, layer.name


@pytest.mark.parametrize("case", CASES)
def test_its_table_tells_every_step_and_the_sums(case: str) -> None:
    graph = archdsl.resolve(CASES[case])
    text, data = to_text(graph), to_data(graph)
    assert text.startswith(f"{graph.name}(")
    assert f"{graph.totals.parameters:,} parameters in {graph.totals.variables:,} variables" in text
    assert all(re.search(rf"^{name} .*{show(shape)}$", text, re.MULTILINE) for name, shape in graph.inputs.items())
    assert sum(layer["parameters"] for layer in data["layers"] if not layer["class"][0].isupper()) == data["parameters"]
    assert json.loads(json.dumps(data)) == data


def bodies(graph: Graph) -> dict[str, Graph]:
    """The network, and each kind of layer in it, by its name."""
    found = {graph.name: graph}
    for _, node in graph.walk():
        if node.body is not None:
            found.setdefault(node.kind, node.body)
    return found


@pytest.mark.parametrize("name", FILES)
def test_it_and_its_layers_are_drawn(name: str) -> None:
    spec = archdsl.load(FILES[name])
    found: dict[str, Graph] = {}
    for one in spec.every():
        found |= bodies(archdsl.resolve(one))
    assert set(found) == {spec.name, *spec.layers}
    for graph in found.values():
        dot = to_dot(graph)
        assert f'digraph "{graph.name}" {{' in dot
        assert dot.count("{") == dot.count("}") > 0
        assert "->" in dot


@pytest.mark.parametrize("name", [name for name, path in FILES.items() if path.parent.name == "examples"])
def test_the_source_of_an_example_is_clean(name: str) -> None:
    source = to_python(archdsl.load(FILES[name]))
    for command in (["check", "--quiet"], ["format", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--stdin-filename", "generated.py", "-"]
        done = subprocess.run(ruff, input=source, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    assert all(ast.get_docstring(node) for node in ast.parse(source).body if isinstance(node, ast.ClassDef))


def batch(model: Any) -> tuple[Any, Any]:
    """Two random examples for a model, and targets for its outputs."""
    import numpy as np

    random = np.random.default_rng(0)
    shapes = [(2, *(64 if side is None else side for side in tensor.shape[1:])) for tensor in model.inputs]
    x = [
        random.standard_normal(shape, np.float32) if "float" in tensor.dtype else random.integers(0, 3, shape, np.int32)
        for shape, tensor in zip(shapes, model.inputs, strict=True)
    ]
    y = model(x)
    targets = {name: random.random(out.shape, np.float32) for name, out in (y.items() if isinstance(y, dict) else ())}
    return x if len(x) > 1 else x[0], targets or random.random(y.shape, np.float32)


ELSEWHERE = {"funny_resnet", "funny_resnet_notebook", "resnet50"}
"""Large ones that the quick suite trains, saves and opens in other places."""

LATER = {
    "bert",
    "cbam_resnet",
    "efficientnet_v2",
    "fcn",
    "gpt2",
    "inception_resnet_v2",
    "inception_v3",
    "mlp_mixer",
    "mobilenet_v3",
    "nasnet",
    "resnet_d",
    "resnet_ts",
    "resnext",
    "resnext50_paths",
    "tcn",
    "transformer",
    "unet_3d",
    "vit",
    "wavenet",
    "wide_resnet",
    "xception",
}
"""Those that are trained, saved and opened in the slow suite alone."""


IDLE = {"wavenet": ["blocks_1/block/residual/kernel", "blocks_1/block/residual/bias"]}
"""Weights of the small networks that nothing reads, as in the published networks; a suppressed lint warning each."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow if name in ELSEWHERE | LATER else ()) for name in FILES],
)
def trained(request: Any) -> tuple[str, Any, Any, dict[str, Any], float]:
    """A small network of each file behind one training step: its name, model, input, first weights and loss."""
    import keras

    name = request.param
    keras.utils.set_random_seed(1)
    model = archdsl.build(small(name), **SMALL.get(name, {}))
    x, y = batch(model)
    before = {weight.path: weight.numpy().copy() for weight in model.trainable_weights}
    if not before:
        return name, model, x, before, 0.0
    loss = dict.fromkeys(y, "mean_squared_error") if isinstance(y, dict) else "mean_squared_error"
    model.compile(keras.optimizers.Adam(0.01, epsilon=1e-15), loss, run_eagerly=name not in TRACED)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore" if name in IDLE else "error", message="Gradients do not exist")
        history = model.fit(x, y, batch_size=2, epochs=1, verbose=0).history
    return name, model, x, before, history["loss"][0]


@pytest.mark.tensorflow
def test_a_training_step_moves_every_weight(trained: Any) -> None:
    import numpy as np

    name, model, _, before, loss = trained
    assert np.isfinite(loss)
    if name == "multiply_layer":
        assert before == {}
        return
    assert loss > 0
    after = {weight.path: weight.numpy() for weight in model.trainable_weights}
    assert all(np.isfinite(value).all() for value in after.values())
    assert [path for path in before if np.array_equal(before[path], after[path])] == IDLE.get(name, [])
    frozen = [weight for weight in model.non_trainable_weights if weight.name == "moving_mean"]
    assert [weight.path for weight in frozen if not np.any(weight.numpy())] == []


@pytest.mark.tensorflow
def test_it_is_saved_and_opened(trained: Any, tmp_path: Path) -> None:
    import numpy as np

    name, model, x, _, _ = trained
    model.save(tmp_path / "net.keras")
    again = archdsl.load_model(tmp_path / "net.keras", compile=name in TRACED)
    assert type(again).__name__ == type(model).__name__ == archdsl.load(FILES[name]).name
    assert [weight.path for weight in again.weights] == [weight.path for weight in model.weights]
    mine, other = model(x), again(x)
    mine, other = (list(y.values()) if isinstance(y, dict) else [y] for y in (mine, other))
    assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(mine, other, strict=True))
    assert all(np.isfinite(np.asarray(a)).all() and np.std(np.asarray(a)) > 0 for a in mine)


SAMPLE = ["two_in_two_out", "unet-small", "vit_conv_stem"]
MORE = ["resnet50_v2", "resnext50_paths", "conv_attention"]

OPEN = """
import sys
import numpy as np
import archdsl

for name in sys.argv[2:]:
    kept, model = np.load(f"{sys.argv[1]}/{name}.npz"), archdsl.load_model(f"{sys.argv[1]}/{name}.keras")
    y = model([kept[f"x_{i}"] for i in range(len(model.inputs))])
    y = list(y.values()) if isinstance(y, dict) else [y]
    assert all(np.array_equal(np.asarray(tensor), kept[f"y_{i}"]) for i, tensor in enumerate(y)), name
    print(name)
"""


@pytest.mark.tensorflow
@pytest.mark.parametrize("names", [SAMPLE, pytest.param(MORE, marks=pytest.mark.slow)], ids=["sample", "more"])
def test_a_fresh_process_opens_them(names: list[str], tmp_path: Path) -> None:
    import numpy as np

    for name in names:
        model = archdsl.build(CASES[name]) if "-" in name else archdsl.build(small(name), **SMALL.get(name, {}))
        x, _ = batch(model)
        x, y = x if isinstance(x, list) else [x], model(x)
        y = list(y.values()) if isinstance(y, dict) else [y]
        given = {f"x_{i}": tensor for i, tensor in enumerate(x)}
        np.savez(tmp_path / f"{name}.npz", **given, **{f"y_{i}": np.asarray(tensor) for i, tensor in enumerate(y)})
        model.save(tmp_path / f"{name}.keras")
    command = [sys.executable, "-c", OPEN, str(tmp_path), *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == names, done.stderr[-3000:]


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in DISTINCT.values() if c not in HUGE])
def test_it_is_built_in_its_full_size(case: str) -> None:
    """`archdsl.build` holds every weight and every output to the graph."""
    graph = archdsl.resolve(CASES[case])
    assert archdsl.build(CASES[case]).count_params() == graph.totals.parameters


APPLICATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet50": ("ResNet50", {}),
    "resnet50-resnet101_v1": ("ResNet101", {}),
    "resnet50-resnet152_v1": ("ResNet152", {}),
    "resnet50_v2": ("ResNet50V2", {}),
    "resnet50_v2-resnet101_v2": ("ResNet101V2", {}),
    "resnet50_v2-resnet152_v2": ("ResNet152V2", {}),
    "densenet": ("DenseNet121", {}),
    "densenet-densenet169": ("DenseNet169", {}),
    "densenet-densenet201": ("DenseNet201", {}),
    "mobilenet": ("MobileNet", {}),
    **{f"mobilenet-alpha_{a:03}": ("MobileNet", {"alpha": a / 100}) for a in (25, 50, 75)},
    "mobilenet_v2": ("MobileNetV2", {}),
    **{f"mobilenet_v2-alpha_{a:03}": ("MobileNetV2", {"alpha": a / 100}) for a in (35, 50, 75, 130, 140)},
    "efficientnet": ("EfficientNetB0", {}),
    **{f"efficientnet-b{number}": (f"EfficientNetB{number}", {}) for number in range(1, 8)},
    "convnext": ("ConvNeXtTiny", {}),
    "convnext-small": ("ConvNeXtSmall", {}),
    "convnext-base": ("ConvNeXtBase", {}),
    "convnext-large": ("ConvNeXtLarge", {}),
    **{
        f"efficientnet_v2{v}": (f"EfficientNetV2{(v[1:] or 'b0').upper()}", {}) for v in ("", "-b1", "-b2", "-b3", "-s")
    },
    "inception_v3": ("InceptionV3", {}),
    "inception_resnet_v2": ("InceptionResNetV2", {}),
    "mobilenet_v3": ("MobileNetV3Large", {}),
    "mobilenet_v3-large_075": ("MobileNetV3Large", {"alpha": 0.75}),
    "mobilenet_v3-small": ("MobileNetV3Small", {}),
    "mobilenet_v3-minimalistic": ("MobileNetV3Large", {"minimalistic": True}),
    "mobilenet_v3-small_minimalistic": ("MobileNetV3Small", {"minimalistic": True}),
    "nasnet": ("NASNetMobile", {}),
    "vgg": ("VGG16", {}),
    "vgg-vgg19_keras": ("VGG19", {}),
    "xception": ("Xception", {}),
}
"""The cases that `keras.applications` has."""

QUICK = {
    "resnet50",
    "resnet50_v2",
    "densenet",
    "mobilenet-alpha_025",
    "mobilenet_v2",
    "mobilenet_v2-alpha_035",
    "efficientnet",
    "convnext",
}
"""Those that the quick suite makes; of the others each takes seconds."""


REWRITTEN = {"convnext", "mobilenet", "mobilenet_v3"}
"""Where Keras has a grouped conv for a depthwise one, or a 1x1 conv for a dense layer, or other names of weights."""

OTHER_ORDER = {"inception_resnet_v2", "inception_v3", "nasnet", "resnet50", "resnet50_v2", "xception"}
"""Where Keras makes a shortcut before its path, or sorts branches by their length."""


@pytest.mark.tensorflow
@pytest.mark.parametrize("case", [pytest.param(c, marks=() if c in QUICK else pytest.mark.slow) for c in APPLICATIONS])
def test_every_weight_is_that_of_keras_applications(case: str) -> None:
    """Name, shape and whether it trains, in order."""
    import keras

    (name, arguments), spec = APPLICATIONS[case], case.partition("-")[0]
    theirs = getattr(keras.applications, name)(weights=None, **arguments)
    found = [(weight.name, tuple(weight.shape), weight.trainable) for weight in theirs.weights]
    graph = archdsl.resolve(CASES[case])
    ours = [(path.rpartition("/")[2], weight.shape, weight.trainable) for path, weight in graph.weights()]
    assert len(ours) > 30
    if spec in REWRITTEN:
        ours, found = (
            sorted((sorted(size for size in shape if size > 1), trains) for _, shape, trains in weights)
            for weights in (ours, found)
        )
    if spec in OTHER_ORDER:
        assert Counter(ours) == Counter(found)
    else:
        assert ours == found
    assert theirs.count_params() == graph.totals.parameters
    assert theirs.output_shape == (None, *graph.shape)
