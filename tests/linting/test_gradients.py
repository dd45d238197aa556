"""What the lint calls dead gets no gradient, and what it calls alive gets one: held against TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from random import Random
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from layers_of_ops import layer_of, shapes_of, taken_by

import archdsl
from archdsl import ArchError
from archdsl.analysis.dataflow import BodyFacts, Dataflow, OpFacts
from archdsl.analysis.liveness import InputLiveness, Liveness, is_dead, joined
from archdsl.graph import Graph, Node, StepName, TensorRef, Totals
from archdsl.linting import lint
from archdsl.linting.rules.windows import live_taps
from archdsl.ops import OPS
from archdsl.ops.index_sets import ALL

pytestmark = pytest.mark.tensorflow

KERNELS = ("kernel", "depthwise_kernel")


def sites(body: BodyFacts, scope: str = "") -> Iterator[tuple[str, OpFacts]]:
    """Every op with its path, each use of a layer by itself."""
    for site in body.ops:
        yield f"{scope}{site.node.name}", site
    for node, child in body.children:
        yield from sites(child, f"{scope}{node.name}/")


def alive(graph: Graph) -> dict[str, np.ndarray]:
    """For each kernel of a convolution, by its path, which of its taps the lint calls alive."""
    found = {}
    for path, site in sites(Dataflow(graph).bodies[0]):
        taps = live_taps(site) if site.node.weights else None
        name = next((name for name in KERNELS if name in site.node.weights), None)
        if taps is None or name is None:
            continue
        lengths = site.node.weights[name].shape[:-2]
        axes = [[part >> i & 1 for i in range(n)] for part, n in zip(taps, lengths, strict=True)]
        found[f"{path}/{name}"] = reduce(np.multiply.outer, axes, np.bool_(True)) != 0
    return found


def enliven(model: keras.Model, seed: int) -> None:
    """Weights with which every layer matters: kernels by fan-in, scales and shifts of norms about 1 and 0."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        value = random.standard_normal(weight.shape, np.float32)
        if "kernel" in weight.name:
            value *= np.sqrt(2 / max(1, np.prod(weight.shape[:-1])))
        elif weight.name == "gamma":
            value = 1 + 0.3 * value
        elif weight.name == "moving_variance":
            value = 1 + 0.1 * np.abs(value)
        else:
            value *= 0.3
        weight.assign(value)


def gradients(model: keras.Model, graph: Graph, batches: int, size: int = 4) -> dict[str, np.ndarray]:
    """The largest gradient of each trainable weight over some random batches in training, by its path."""
    largest: dict[str, np.ndarray] = {}
    for batch in range(batches):
        random = np.random.default_rng(batch)
        enliven(model, batch)
        inputs = random.standard_normal((size, *graph.input), np.float32)
        with tf.GradientTape() as tape:
            given = model(inputs, training=True)
            loss = tf.reduce_sum(given * random.standard_normal(given.shape, np.float32))
        found = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
        for weight, one in zip(model.trainable_weights, found, strict=True):
            value = np.abs(np.zeros(weight.shape) if one is None else one.numpy())
            largest[weight.path] = np.maximum(largest.get(weight.path, 0), value)
    return largest


def assert_dead_and_alive(graph: Graph, largest: dict[str, np.ndarray]) -> int:
    """Each dead weight has a gradient of exactly 0, each living tap has one that is not; gives how many are dead."""
    dead = 0
    for path, taps in alive(graph).items():
        moved = largest[path].max(axis=(-2, -1))
        assert (moved[~taps] == 0).all(), path
        assert (moved[taps] > 0).all(), path
        dead += int((~taps).sum()) * int(np.prod(largest[path].shape[-2:]))
    return dead


def told_dead(spec: Any, graph: Graph) -> int:
    """The dead weights of kernels; where nobody reads a whole layer, its kernel's are reported with its biases."""
    unread = {path for path, site in sites(Dataflow(graph).bodies[0]) if is_dead(site.live.training)}
    others = sum(
        weight.size
        for path, weight in graph.weights()
        if path.rpartition("/")[0] in unread and path.rpartition("/")[2] in ("bias", "pointwise_kernel")
    )
    told = sum(one.parameters for one in lint(spec, graph) if one.code in ("ARCH501", "ARCH502"))
    return told - others


@pytest.mark.slow
def test_the_notebooks_dead_weights_get_no_gradient_and_all_others_do() -> None:
    spec = archdsl.load("funny_resnet_notebook")
    graph = archdsl.resolve(spec, width=8)
    model = archdsl.build(spec, width=8)
    largest = gradients(model, graph, batches=40, size=8)
    assert assert_dead_and_alive(graph, largest) == told_dead(spec, graph) == 44_564_480 // 16**2
    # The gradient of a bias before a normalization is rounding error only; another rule reports those.
    moved = {path: value for path, value in largest.items() if not path.endswith("/bias") or path.startswith("conv_1")}
    taps = alive(graph)
    random = np.random.default_rng(1)
    for path, value in moved.items():
        living_ones = value[taps[path]].ravel() if path in taps else value.ravel()
        sample = random.choice(living_ones, min(200, living_ones.size), replace=False)
        assert (sample > 0).mean() > 0.98, path


NETS = """archdsl: 1
name: Net
input: {size}
model:
{steps}
  - {end}
"""


def random_net(chance: Random, rank: int) -> str:
    """A chain of windows on a small map with some axes besides the channels: most have dead taps."""

    def per_axis(low: int, high: int) -> list[int]:
        return [chance.randint(low, high) for _ in range(rank)]

    def edges(high: int) -> list[list[int]]:
        return [[chance.randint(0, high), chance.randint(0, high)] for _ in range(rank)]

    steps = []
    for _ in range(chance.randint(1, 4)):
        kernel, stride = per_axis(1, 7), chance.choice([1, 1, 2, 3])
        dilation = chance.choice([1, 1, 2]) if stride == 1 else 1
        padding = chance.choice(["same", "same", "valid", 1, 2])
        window = f"kernel: {kernel}, stride: {stride}, dilation: {dilation}, padding: {padding}"
        conv = f"conv: {{filters: 3, {window}, activation: elu}}"
        choices = [
            *(conv, conv, "batch_norm", "max_pool: {size: 2, stride: 1, padding: same}", "average_pool", "upsample"),
            f"conv_transpose: {{filters: 3, kernel: {kernel}, stride: {stride}, padding: "
            f"{chance.choice(['same', 'valid'])}}}",
            "crop: {border: 1}",
            f"crop: {{border: {edges(1)}}}",
            f"zero_pad: {{padding: {edges(2)}}}",
        ]
        if rank < 3:
            choices += [
                f"depthwise_conv: {{{window}}}",
                f"separable_conv: {{filters: 3, {window}, activation: elu}}",
            ]
        if rank == 1 and padding != "valid":
            choices += [conv.replace(f"padding: {padding}", "padding: causal")]
        if rank == 2:
            choices += ["take: {index: 0}", "pad_shortcut: {filters: 3, stride: 2}"]
        steps.append(chance.choice(choices))
    size = [*per_axis(1, 6), 3]
    return NETS.format(size=size, steps="".join(f"  - {step}\n" for step in steps).rstrip(), end="flatten")


def seen_nets(first: int, many: int, rank: int) -> Iterator[tuple[Any, Graph]]:
    """Networks of some seeds, those that resolve and have a kernel."""
    for seed in range(first, first + many):
        text = random_net(Random(seed), rank)
        try:
            spec = archdsl.loads(text, f"net {seed}")
            graph = archdsl.resolve(spec)
        except ArchError:
            continue
        if alive(graph):
            print(text)
            yield spec, graph


def hold_nets(first: int, many: int, rank: int) -> tuple[int, int]:
    nets = dead = 0
    for spec, graph in seen_nets(first, many, rank):
        keras.backend.clear_session()
        model = archdsl.build(spec)
        counted = assert_dead_and_alive(graph, gradients(model, graph, batches=6))
        assert counted == told_dead(spec, graph)
        nets, dead = nets + 1, dead + (counted > 0)
    return nets, dead


@pytest.mark.parametrize(("rank", "many"), [(1, 9), (2, 24), (3, 16)])
def test_dead_weights_of_random_networks_get_no_gradient_and_all_others_do(rank: int, many: int) -> None:
    nets, dead = hold_nets(0, many, rank)
    assert nets >= 4
    assert dead >= 1


@pytest.mark.slow
@pytest.mark.parametrize(("rank", "many", "least", "least_dead"), [(1, 60, 25, 6), (2, 250, 60, 30), (3, 80, 20, 10)])
def test_dead_weights_of_many_random_networks(rank: int, many: int, least: int, least_dead: int) -> None:
    nets, dead = hold_nets(1_000, many, rank)
    assert nets >= least
    assert dead >= least_dead


EXACT = {
    *("conv", "standardized_conv", "depthwise_conv", "separable_conv", "conv_transpose", "average_pool", "dense"),
    *("global_average_pool", "zero_pad", "crop", "center_crop", "pad_shortcut", "take", "take_channels", "concat"),
    *("add", "average", "subtract", "permute", "class_token", "repeat_vector", "position_embedding", "rescale"),
    *("layer_scale", "linear", "position_encoding", "lowest_pad", "multiply", "weight"),
}
"""Ops of which it is known exactly what they read; of all others nothing is said to be unread that is read."""


def cases() -> Iterator[Any]:
    for name, op in OPS.items():
        for number, example in enumerate(op.examples):
            if op.__module__.startswith("archdsl."):
                yield pytest.param(op, example, id=f"{name}-{number}")


@pytest.mark.parametrize(("op", "example"), [*cases()])
def test_what_an_op_reads_is_where_gradients_come_from(op: Any, example: Any) -> None:
    """Of some outputs, the gradient is 0 wherever the lint says that nobody reads, and only there where it is exact."""
    built = op.model_validate(example.fields)
    if any(name in example.fields for name in ("kernel_constraint", "seed")):
        pytest.skip("its weights are held, or it draws; the other examples have the same windows")
    if op.name == "conv_transpose" and "dilation" in example.fields:
        pytest.skip("TensorFlow has no such op for CPUs")
    layer = layer_of(built, *taken_by(built, example))
    random = np.random.default_rng(0)
    taken = shapes_of(built, example)
    inputs = [tf.constant(random.uniform(0.1, 2, (2, *shape)).astype("float32")) for shape in taken]
    layer(inputs if len(inputs) > 1 else inputs[0])
    for weight in layer.weights:
        if weight.trainable:
            weight.assign(random.uniform(0.1, 1, weight.shape))
    node = Node("op_1", StepName("op", 1), op.name, "main", (TensorRef("input"),), example.output, Totals(), built)
    for _ in range(4):
        needed = [sorted(random.choice(n, random.integers(1, n + 1), replace=False)) for n in example.output]
        places = tuple(
            ALL if len(one) == n else sum(1 << int(i) for i in one)
            for one, n in zip(needed, example.output, strict=True)
        )
        lives, _ = InputLiveness().of(node, example.inputs, Liveness(places, places), lambda node: "")
        if op.without_input:
            lives = tuple(joined((), shape) for shape in taken)
        for live, moved in zip(lives, moving(layer, inputs, needed), strict=True):
            unread = is_dead(live.inference)
            for axis, (seen, length) in enumerate(zip(live.inference, moved.shape[1:], strict=True)):
                rest = tuple(i for i in range(moved.ndim) if i != axis + 1)
                real = {i for i in range(length) if moved.max(axis=rest)[i] > 0}
                said = set() if unread else {i for i in range(length) if seen == ALL or seen >> i & 1}
                assert real <= said
                assert op.name not in EXACT or real == said


def moving(layer: Any, inputs: list[Any], needed: list[list[int]]) -> list[np.ndarray]:
    """The gradients of the needed outputs by each input, absolute."""
    with tf.GradientTape() as tape:
        for one in inputs:
            tape.watch(one)
        given = layer(inputs if len(inputs) > 1 else inputs[0])
        mask = np.zeros(given.shape[1:], np.float32)
        mask[np.ix_(*needed)] = np.random.default_rng(3).uniform(0.5, 1, [len(one) for one in needed])
        loss = tf.reduce_sum(given * mask)
    found = tape.gradient(loss, inputs)
    return [np.zeros(x.shape) if one is None else np.abs(one.numpy()) for x, one in zip(inputs, found, strict=True)]
