"""Checkpoints of torch against a plain computation in NumPy, and against the networks of the zoo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

keras = pytest.importorskip("keras")
safetensors = pytest.importorskip("safetensors.numpy")

import archdsl  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.keras.transfer import torch_networks  # noqa: E402
from archdsl.training import trained_weights  # noqa: E402

pytestmark = pytest.mark.tensorflow

Tensors = dict[str, NDArray[np.float32]]


class Checkpoint:
    """Random tensors with the names and shapes of torch."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(3)
        self.tensors: dict[str, Any] = {}

    def conv(self, name: str, filters: int, inner: int, kernel: int, bias: bool = False) -> None:
        scale = (2 / (inner * kernel * kernel)) ** 0.5
        self.tensors[f"{name}.weight"] = self.random.normal(0, scale, (filters, inner, kernel, kernel))
        if bias:
            self.tensors[f"{name}.bias"] = self.random.normal(0, 0.1, filters)

    def norm(self, name: str, channels: int) -> None:
        for word in ("weight", "running_var"):
            self.tensors[f"{name}.{word}"] = self.random.uniform(0.5, 1.5, channels)
        for word in ("bias", "running_mean"):
            self.tensors[f"{name}.{word}"] = self.random.normal(0, 0.1, channels)
        self.tensors[f"{name}.num_batches_tracked"] = np.array(1)

    def dense(self, name: str, units: int, inner: int) -> None:
        self.tensors[f"{name}.weight"] = self.random.normal(0, inner**-0.5, (units, inner))
        self.tensors[f"{name}.bias"] = self.random.normal(0, 0.1, units)

    def named(self) -> Tensors:
        return {name: np.asarray(value, np.float32) for name, value in self.tensors.items()}


def resnet(
    bottleneck: bool = False, groups: int = 1, hidden: Callable[[int], int] | None = None, deep: bool = False
) -> Tensors:
    """One block in each of four stages, with the names of torchvision and timm."""
    made, inner = Checkpoint(), 64
    if deep:
        made.conv("conv1.0", 32, 3, 3)
        made.norm("conv1.1", 32)
        made.conv("conv1.3", 32, 32, 3)
        made.norm("conv1.4", 32)
        made.conv("conv1.6", 64, 32, 3)
    else:
        made.conv("conv1", 64, 3, 7)
    made.norm("bn1", 64)
    for stage in range(4):
        name, plain = f"layer{stage + 1}.0", 64 * 2**stage
        wide, out = (plain * 2 if groups > 1 else plain), (4 * plain if bottleneck else plain)
        kernels = (
            [(wide, inner, 1), (wide, wide // groups, 3), (out, wide, 1)]
            if bottleneck
            else [(out, inner, 3), (out, out, 3)]
        )
        for number, (filters, taken, kernel) in enumerate(kernels, 1):
            made.conv(f"{name}.conv{number}", filters, taken, kernel)
            made.norm(f"{name}.bn{number}", filters)
        if hidden is not None:
            made.conv(f"{name}.se.fc1", hidden(out), out, 1, bias=True)
            made.conv(f"{name}.se.fc2", out, hidden(out), 1, bias=True)
        if inner != out:
            made.conv(f"{name}.downsample.{int(deep)}", out, inner, 1)
            made.norm(f"{name}.downsample.{int(deep) + 1}", out)
        inner = out
    made.dense("fc", 5, inner)
    return made.named()


def conv(x: Any, kernel: Any, stride: int) -> Any:
    """A convolution of channels-first feature maps with symmetric padding, in NumPy."""
    side = kernel.shape[-1]
    padded = np.pad(x, ((0, 0), (0, 0), (side // 2,) * 2, (side // 2,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("bchwij,ocij->bohw", windows, kernel, optimize=True)


def norm(x: Any, tensors: Tensors, name: str) -> Any:
    scale, shift, mean, variance = (
        tensors[f"{name}.{word}"][:, None, None] for word in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift


def in_numpy(tensors: Tensors, images: Any) -> Any:
    """A ResNet of basic blocks, as torchvision computes it."""
    x = np.maximum(norm(conv(images.transpose(0, 3, 1, 2), tensors["conv1.weight"], 2), tensors, "bn1"), 0)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    x = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2].max(axis=(4, 5))
    for stage in range(1, 5):
        name, stride, before = f"layer{stage}.0", 1 if stage == 1 else 2, x
        x = np.maximum(norm(conv(x, tensors[f"{name}.conv1.weight"], stride), tensors, f"{name}.bn1"), 0)
        x = norm(conv(x, tensors[f"{name}.conv2.weight"], 1), tensors, f"{name}.bn2")
        if f"{name}.downsample.0.weight" in tensors:
            before = norm(conv(before, tensors[f"{name}.downsample.0.weight"], stride), tensors, f"{name}.downsample.1")
        x = np.maximum(x + before, 0)
    return x.mean(axis=(2, 3)) @ tensors["fc.weight"].T + tensors["fc.bias"]


def images(side: int) -> Any:
    return np.random.default_rng(1).normal(size=(2, side, side, 3)).astype("float32")


def test_a_spec_starts_from_safetensors_and_computes_what_numpy_computes(tmp_path: Path) -> None:
    tensors = resnet()
    path = tmp_path / "model.safetensors"
    safetensors.save_file(tensors, path)
    (tmp_path / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\nA network.\n")
    (tmp_path / ".cache/huggingface/download").mkdir(parents=True)
    (tmp_path / ".cache/huggingface/download/model.safetensors.metadata").write_text(f"{'ab' * 20}\nrest\n")
    model = archdsl.build("resnet", depths=[1, 1, 1, 1], block="basic", classes=5, input=[32, 32, 3])
    text = Path("specs/resnet.yaml").read_text() + f"train: {{weights: {{timm: resnet10, where: {path}}}}}\n"
    spec = archdsl.loads(text)
    opened = trained_weights.open_weights(spec, spec.train.weights, {})
    copied = opened.copy_into(model)
    assert (copied.new, copied.left, copied.parameters) == ([], [], model.count_params())
    assert (copied.source, copied.license, copied.revision) == ("timm/resnet10", "apache-2.0", "ab" * 20)
    expected = in_numpy(tensors, images(32))
    assert np.abs(model(images(32)).numpy() - expected).max() < 1e-5 * np.abs(expected).max()

    # Other channels and other classes: the stem and the head are new, and all else is copied.
    gray = archdsl.build("resnet", depths=[1, 1, 1, 1], block="basic", classes=2, input=[32, 32, 1])
    copied = opened.copy_into(gray)
    assert copied.new == ["conv_1/kernel", "dense_1/kernel", "dense_1/bias"]
    assert copied.left == ["conv1/kernel", "fc/kernel", "fc/bias"]


def vgg() -> Tensors:
    made, inner = Checkpoint(), 3
    for number, filters in zip((0, 4, 8, 12, 16), (64, 128, 256, 512, 512), strict=True):
        made.conv(f"features.{number}", filters, inner, 3, bias=True)
        made.norm(f"features.{number + 1}", filters)
        inner = filters
    for number, units, taken in ((0, 16, 512 * 49), (3, 16, 16), (6, 5, 16)):
        made.dense(f"classifier.{number}", units, taken)
    return made.named()


def efficientnet(gated: bool) -> Tensors:
    """One block in each stage, with the names of timm: EfficientNet-B0 with gates, MobileNetV2 without."""
    channels = (16, 24, 40, 80, 112, 192, 320) if gated else (16, 24, 32, 64, 96, 160, 320)
    kernels = (3, 3, 5, 3, 5, 5, 3) if gated else (3,) * 7
    made, inner = Checkpoint(), 32
    made.conv("conv_stem", 32, 3, 3)
    made.norm("bn1", 32)
    for stage, (out, kernel) in enumerate(zip(channels, kernels, strict=True)):
        name, wide = f"blocks.{stage}.0", inner * (6 if stage else 1)
        if stage:
            made.conv(f"{name}.conv_pw", wide, inner, 1)
            made.norm(f"{name}.bn1", wide)
        made.conv(f"{name}.conv_dw", wide, 1, kernel)
        made.norm(f"{name}.bn{2 if stage else 1}", wide)
        if gated:
            made.conv(f"{name}.se.conv_reduce", inner // 4, wide, 1, bias=True)
            made.conv(f"{name}.se.conv_expand", wide, inner // 4, 1, bias=True)
        made.conv(f"{name}.conv_pwl" if stage else f"{name}.conv_pw", out, wide, 1)
        made.norm(f"{name}.bn{3 if stage else 2}", out)
        inner = out
    made.conv("conv_head", 1280, inner, 1)
    made.norm("bn2", 1280)
    made.dense("classifier", 5, 1280)
    return made.named()


ALIKE = {
    "bottleneck": (lambda: resnet(True), "resnet", {"depths": [1, 1, 1, 1], "classes": 5}, 64),
    "resnext": (lambda: resnet(True, 32), "resnext", {"depths": [1, 1, 1, 1], "classes": 5}, 64),
    "se_resnet": (
        lambda: resnet(True, hidden=lambda channels: channels // 16),
        "se_resnet",
        {"depths": [1, 1, 1, 1], "classes": 5},
        64,
    ),
    "resnet_d": (lambda: resnet(True, deep=True), "resnet_d", {"depths": [1, 1, 1, 1], "classes": 5}, 64),
    "efficientnet": (lambda: efficientnet(True), "efficientnet_torch", {"depths": [1] * 7, "classes": 5}, None),
    "mobilenet_v2": (lambda: efficientnet(False), "mobilenet_v2_torch", {"depths": [1] * 7, "classes": 5}, None),
    "vgg_bn": (
        vgg,
        "vgg",
        {"depths": [1, 1, 1, 1, 1], "normed": True, "softmax": False, "hidden": 16, "classes": 5},
        224,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", ALIKE)
def test_a_family_of_timm_fits_its_network_in_the_zoo(family: str) -> None:
    make, spec, arguments, side = ALIKE[family]
    source = torch_networks.network(make())
    model = archdsl.build(spec, **arguments, **({"input": [side, side, 3]} if side else {}))
    archdsl.copy_weights(source, model, strict=True)
    if side is None:  # the strides of an EfficientNet are not in its tensors
        return
    expected = source(images(side)).numpy()
    assert np.abs(model(images(side)).numpy() - expected).max() < 1e-5 * np.abs(expected).max()


def refused(tensors: Tensors) -> str:
    with pytest.raises(ArchError) as caught:
        torch_networks.network(tensors)
    assert [problem.code for problem in caught.value.problems] == ["ARCH302"]
    return str(caught.value)


def test_tensors_of_no_known_network_are_refused() -> None:
    tensors = resnet()
    assert "the tensors have no names of a known family, but `a.weight`" in refused(
        {"a.weight": tensors["conv1.weight"]}
    )
    assert "`head.weight` is left over" in refused({**tensors, "head.weight": tensors["fc.weight"]})
    without = {name: value for name, value in tensors.items() if name != "layer2.0.bn1.bias"}
    assert "`layer2.0.bn1.bias` is missing" in refused(without)
    other = {**tensors, "layer2.0.conv1.weight": tensors["layer3.0.conv1.weight"]}
    assert "`layer2.0.conv1.weight` takes 128 channels a group, but its input has 64" in refused(other)
