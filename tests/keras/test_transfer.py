"""Weights go from one Keras model to another by what is computed: pairs, leftovers and messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from documents import ROOT, blocks
from keras import layers
from small_models import alive, alive_again, dense, model, outputs, vector

import archdsl
from archdsl.errors import ArchError
from archdsl.keras import Copied, copy_weights

pytestmark = pytest.mark.tensorflow


def net(steps: str, more: str = "", shape: str = "[6]") -> keras.Model:
    """A model built from a spec's steps."""
    text = f"archdsl: 1\nname: Net\ninput: {shape}\n{more}model:\n{steps}"
    return alive_again(archdsl.build(archdsl.loads(text)))


def agree(source: keras.Model, target: keras.Model, copied: Copied, *inputs: np.ndarray) -> None:
    """Holds that all was copied, and that the two compute the same."""
    assert copied.left == ((), ())
    assert copied.parameters == target.count_params()
    assert len(copied.weights) == len(target.weights)
    y = outputs(source, *(inputs or [vector(3, *source.inputs[0].shape[1:])]))
    assert np.std(y) > 0.01
    np.testing.assert_allclose(
        outputs(target, *(inputs or [vector(3, *source.inputs[0].shape[1:])])), y, rtol=1e-5, atol=1e-6
    )


def test_the_sum_of_equal_branches_is_paired_branch_by_branch() -> None:
    """Which branch is which does not matter; that the layers of one branch stay together does."""

    def write(x: Any) -> Any:
        branches = [dense(x, activation="relu") for _ in range(5)]
        branches = [dense(branch, activation="relu") for branch in reversed(branches)]
        return layers.Add()([dense(branch) for branch in branches])

    target = net(
        "  - paths:\n      branch: {repeat: 5, steps: [dense: {units: 6, activation: relu},"
        " dense: {units: 6, activation: relu}, dense: {units: 6}]}\n    merge: add\n"
    )
    source = model(write)
    agree(source, target, copy_weights(source, target, strict=True))
    back = alive_again(keras.models.clone_model(source))
    agree(target, back, copy_weights(target, back, strict=True))


def gated(first: str, second: str) -> Callable[[Any], Any]:
    """A gated unit; which of its two equal branches is made first, and stands first, is not said by names."""

    def write(x: Any) -> Any:
        made = {name: dense(x) for name in (first, second)}
        return dense(layers.Multiply()([made["plain"], layers.Activation("sigmoid")(made["gate"])]))

    return write


GATE = """  - paths:
      gate: [dense: {units: 6, activation: sigmoid}]
      plain: [dense: {units: 6}]
    merge: multiply
  - dense: {units: 6}
"""


@pytest.mark.parametrize("order", [("plain", "gate"), ("gate", "plain")])
def test_a_branch_that_gates_another_is_not_taken_for_it(order: tuple[str, str]) -> None:
    source, target = model(gated(*order)), net(GATE)
    agree(source, target, copy_weights(source, target, strict=True))


def test_a_gate_in_the_layer_itself_is_the_same() -> None:
    def write(x: Any) -> Any:
        plain = dense(x)
        return dense(plain * dense(x, activation="sigmoid"))

    source, target = model(write), net(GATE)
    agree(source, target, copy_weights(source, target, strict=True))


def test_what_gates_what_is_kept_together_over_several_gates() -> None:
    def write(x: Any) -> Any:
        parts = [dense(x) for _ in range(6)]
        pairs = [(0, 5), (4, 1), (2, 3)]
        return layers.Add()([layers.Multiply()([parts[a], layers.Activation("sigmoid")(parts[b])]) for a, b in pairs])

    gate = "{paths: {gate: [dense: {units: 6, activation: sigmoid}], plain: [dense: {units: 6}]}, merge: multiply}"
    target = net(f"  - paths:\n      unit: {{repeat: 3, steps: [{gate}]}}\n    merge: add\n")
    source = model(write)
    agree(source, target, copy_weights(source, target, strict=True))


def test_a_gate_that_is_written_otherwise_is_left_and_told() -> None:
    """Only an op distinguishes the two, and the other model has another op."""

    def write(x: Any) -> Any:
        return dense(layers.Multiply()([dense(x, "one"), keras.ops.hard_sigmoid(dense(x, "two"))]), "last")

    source, target = model(write), net(GATE)
    before = [weight.numpy() for weight in target.layers[1].weights]
    copied = copy_weights(source, target)
    assert [pair[1] for pair in copied.weights] == ["dense_1/kernel", "dense_1/bias"]
    assert {weight.path for weight in copied.left.source} == {
        f"{name}/{kind}" for name in ("one", "two") for kind in ("kernel", "bias")
    }
    assert len(copied.alike) == len(copied.left.target) == 4
    assert all(np.array_equal(a, b) for a, b in zip(before, target.layers[1].weights, strict=True))
    with pytest.raises(ArchError, match="ambiguous layers"):
        copy_weights(source, target, strict=True)


@pytest.mark.parametrize("turned", [False, True])
def test_places_in_a_concatenation_count(turned: bool) -> None:
    def write(x: Any) -> Any:
        one, other = dense(x, "one"), dense(x, "other")
        return dense(layers.Concatenate()([other, one] if turned else [one, other]), "last")

    source, target = (
        model(write),
        net("  - paths: [[dense: {units: 6}], [dense: {units: 6}]]\n    merge: concat\n  - dense: {units: 6}\n"),
    )
    agree(source, target, copy_weights(source, target, strict=True))


def test_a_concatenation_the_other_way_round_is_no_twin() -> None:
    """The kernel behind it has the same shape, and reads other channels."""

    def write(x: Any) -> Any:
        return dense(layers.Concatenate()([dense(x, units=4), layers.ReLU()(x)]), "last")

    target = net("  - paths: [[relu], [dense: {units: 4}]]\n    merge: concat\n  - dense: {units: 6}\n")
    copied = copy_weights(model(write), target)
    assert [weight.path for weight in copied.left.target] == ["dense_1/kernel", "dense_1/bias"]
    assert len(copied.weights) == 2


def test_a_concatenation_of_concatenations_is_one() -> None:
    def write(x: Any) -> Any:
        a = dense(x, units=4)
        b = dense(layers.Concatenate()([x, a]), units=4)
        return dense(layers.Concatenate()([x, a, b]))

    more = "layers: {Grow: {paths: {new: [dense: {units: 4}]}, shortcut: identity, merge: concat}}\n"
    source, target = model(write), net("  - Grow\n  - Grow\n  - dense: {units: 6}\n", more)
    agree(source, target, copy_weights(source, target, strict=True))


def test_equal_branches_that_end_in_unlike_layers() -> None:
    def write(x: Any) -> Any:
        short, long = dense(x, "short"), dense(x, "long")
        return layers.Add()([dense(dense(long)), short])

    steps = (
        "  - paths:\n      long: [{dense: {units: 6}, repeat: 3}]\n      short: [dense: {units: 6}]\n    merge: add\n"
    )
    source, target = model(write), net(steps)
    agree(source, target, copy_weights(source, target, strict=True))


def test_dilations_of_equal_kernels_tell_branches_apart() -> None:
    def write(x: Any) -> Any:
        rates = [layers.Conv2D(3, 3, padding="same", dilation_rate=rate)(x) for rate in (3, 2, 1)]
        return layers.Add()(rates)

    steps = "  - paths:\n" + "".join(
        f"      by_{rate}: [conv: {{filters: 3, kernel: 3, padding: same, dilation: {rate}}}]\n" for rate in (1, 2, 3)
    )
    source, target = model(write, 9, 9, 3), net(f"{steps}    merge: add\n", shape="[9, 9, 3]")
    agree(source, target, copy_weights(source, target, strict=True))


BOTH = """archdsl: 1
name: Both
inputs: {left: [6], right: [6]}
outputs: [sum, difference]
model:
  - {dense: {units: 6}, from: left, name: seen_left}
  - {dense: {units: 6}, from: right, name: seen_right}
  - {add: {}, from: [seen_left, seen_right], name: joined}
  - {dense: {units: 6}, from: joined, name: sum}
  - {dense: {units: 6}, from: joined, name: difference}
"""


@pytest.mark.parametrize("names", [("left", "right"), ("right", "left"), ("first", "second")])
def test_inputs_and_outputs_go_by_name_else_by_place(names: tuple[str, str]) -> None:
    ends = [keras.Input((6,), name=name) for name in names]
    joined = layers.Add()([dense(end) for end in reversed(ends)])
    named = {"difference": dense(joined), "sum": dense(joined)}
    source = alive(keras.Model(ends, named if names[0] != "first" else [named["sum"], named["difference"]]))
    target = alive_again(archdsl.build(archdsl.loads(BOTH)))
    assert copy_weights(source, target, strict=True).left == ((), ())
    x = dict(zip(("left", "right"), (vector(3, 6), vector(3, 6) + 1), strict=True))
    given = [x.get(name, x["left" if name == "first" else "right"]) for name in names]
    y, told = source(given), target([x["left"], x["right"]])
    y = y if isinstance(y, dict) else dict(zip(("sum", "difference"), y, strict=True))
    for name, one in y.items():
        np.testing.assert_allclose(np.asarray(told[name]), np.asarray(one), rtol=1e-5, atol=1e-6)


def test_a_depthwise_conv_is_one_of_as_many_groups_and_a_dense_layer_one_of_a_pixel() -> None:
    def write(x: Any) -> Any:
        return layers.Dense(5)(layers.Conv2D(8, 3, groups=4, use_bias=False)(x))

    steps = "  - depthwise_conv: {kernel: 3, multiplier: 2, bias: false}\n  - conv: {filters: 5, kernel: 1}\n"
    source, target = model(write, 7, 7, 4), net(steps, shape="[7, 7, 4]")
    agree(source, target, copy_weights(source, target, strict=True))


@pytest.mark.parametrize("gate", [False, True])
def test_equal_branches_whose_ops_are_written_otherwise(gate: bool) -> None:
    """Here pads of their own, there none: what can be exchanged is paired all the same, and nothing else."""

    def write(x: Any) -> Any:
        parts = [layers.Conv2D(3, 1)(x) for _ in range(3)]
        parts = [layers.Conv2D(3, 3)(layers.ZeroPadding2D(1)(part)) for part in reversed(parts)]
        return layers.Conv2D(2, 1)(
            layers.Add()([layers.Activation("tanh")(parts[0]) if gate else parts[0], *parts[1:]])
        )

    steps = "[conv: {filters: 3, kernel: 1}, conv: {filters: 3, kernel: 3, padding: same}]"
    paths = f"  - paths: [{{repeat: 3, steps: {steps}}}]\n    merge: add\n  - conv: {{filters: 2, kernel: 1}}\n"
    source, target = model(write, 6, 6, 3), net(paths, shape="[6, 6, 3]")
    copied = copy_weights(source, target)
    if gate:
        assert (len(copied.weights), len(copied.alike)) == (2, 12)
    else:
        agree(source, target, copied)


def test_models_in_models_and_frozen_layers() -> None:
    inner = keras.Sequential([layers.Dense(6, activation="relu"), layers.BatchNormalization()], name="inner")
    source = alive(keras.Sequential([keras.Input((6,)), inner, layers.Dropout(0.5), layers.Dense(3)]))
    inner.trainable = False
    target = net("  - dense: {units: 6, activation: relu}\n  - batch_norm\n  - dense: {units: 3}\n")
    copied = copy_weights(source, target, strict=True)
    agree(source, target, copied)
    assert ("inner/batch_normalization", "moving_mean") in {
        tuple(one.rpartition("/")[::2]) for one, _ in copied.weights
    } or any(one.endswith("moving_mean") for one, _ in copied.weights)


def test_layers_of_archdsl_in_a_model_of_somebodys_own() -> None:
    own = archdsl.compile("funny_resnet_notebook")

    def write(x: Any) -> Any:
        return dense(layers.Flatten()(own.ResidualLayer(3, 8, 4, name="mine")(x)), units=2)

    def again(x: Any) -> Any:
        wide, narrow = x, x
        for size, kernel in ((8, 1), (8, 3), (4, 1)):
            wide = layers.BatchNormalization()(layers.Conv2D(size, kernel, padding="same")(wide))
            narrow = layers.Conv2D(size // 4 if size == 8 else 4, kernel, padding="same")(narrow)
            narrow = layers.BatchNormalization()(narrow)
            wide, narrow = (layers.ReLU()(t) if size == 8 else t for t in (wide, narrow))
        return dense(layers.Flatten()(layers.ReLU()(layers.Add()([narrow, x, wide]))), units=2)

    source, target = model(again, 6, 6, 4), alive_again(model(write, 6, 6, 4))
    agree(source, target, copy_weights(source, target, strict=True))


def test_equal_branches_behind_a_layer_without_a_config() -> None:
    """Keras knows no config of an `ELU` with a dtype policy, such as those inside archdsl's layers."""
    own = "layers: {Own: {steps: [dense: {units: 6}, elu: {alpha: 0.5}]}}\n"
    steps = "  - Own\n" + GATE
    source, target = net(steps, own), net(steps, own)
    agree(source, target, copy_weights(source, target, strict=True))


class Scaled(layers.Layer):
    """A merge without weights, as in `keras.applications.InceptionResNetV2`."""

    def call(self, inputs: Any) -> Any:
        return inputs[0] + inputs[1] * 0.5


class Wrapped(layers.Layer):
    """A block of somebody's own around another layer."""

    def __init__(self, has_loss: bool = False) -> None:
        super().__init__(name="wrapped")
        self.inner, self.has_loss = layers.Dense(6, activation="relu", name="inner"), has_loss

    def call(self, x: Any) -> Any:
        if self.has_loss:
            self.add_loss(keras.ops.mean(x))
        return self.inner(x) + x


class Untraceable(layers.Layer):
    """TensorFlow's own ops take no symbolic tensors of Keras outside of a model under construction."""

    def call(self, inputs: Any) -> Any:
        return tf.add(*inputs)


HALVED = """  - paths:
      main: [dense: {units: 6, activation: relu}, rescale: {scale: 0.5}]
    shortcut: identity
    merge: add
  - dense: {units: 6}
"""
PLAIN = HALVED.replace(", rescale: {scale: 0.5}", "")


def merged(merge: layers.Layer) -> keras.Model:
    return model(lambda x: dense(merge([x, dense(x, "first", activation="relu")]), "last"))


@pytest.mark.parametrize("made", [Scaled, lambda: layers.Lambda(lambda inputs: inputs[0] + inputs[1] * 0.5)])
def test_a_custom_merge_is_looked_through(made: Callable[[], layers.Layer]) -> None:
    source, target = merged(made()), net(HALVED)
    agree(source, target, copy_weights(source, target, strict=True))


def test_the_layers_in_a_custom_layer_are_found() -> None:
    source, target = model(lambda x: dense(Wrapped()(x), "last")), net(PLAIN)
    agree(source, target, copy_weights(source, target, strict=True))


def test_a_custom_layer_around_another_is_not_taken_for_it() -> None:
    """Keras adds losses to no symbolic call of ours, so that this one cannot be traced."""
    source, target = model(lambda x: dense(Wrapped(has_loss=True)(x), "last")), net(PLAIN)
    with pytest.raises(ArchError) as caught:
        copy_weights(source, target)
    told = "first unmatched layer in the source: wrapped/inner (6, 6), (6,), in Wrapped, a custom layer that cannot"
    assert caught.value.problems[0].facts[0] == f"{told} be traced"
    same = model(lambda x: dense(Wrapped(has_loss=True)(x), "last"))
    agree(source, same, copy_weights(source, same, strict=True))


def test_a_custom_layer_with_weights_of_its_own_stays_one_layer() -> None:
    class Own(layers.Layer):
        def build(self, shape: Any) -> None:
            self.factor = self.add_weight(shape=(shape[-1],), name="factor")

        def call(self, x: Any) -> Any:
            return x * self.factor

    source, target = (model(lambda x: dense(Own()(dense(x)), "last")) for _ in range(2))
    agree(source, alive_again(target), copy_weights(source, target, strict=True))


def test_a_custom_layer_that_cannot_be_traced_is_named_and_passed_by_hand() -> None:
    source, target = merged(Untraceable(name="sum")), net(PLAIN)
    cause = "first unmatched op in the source: sum (Untraceable), a custom layer that cannot be traced"
    copied = copy_weights(source, target)
    assert [pair[0] for pair in copied.weights] == ["first/kernel", "first/bias"]
    assert copied.causes == (cause,)
    assert str(copied).splitlines()[-1] == cause
    with pytest.raises(ArchError) as caught:
        copy_weights(source, target, strict=True)
    assert cause in caught.value.problems[0].facts
    copied = copy_weights(source, target, strict=True, names={"last": "dense_1"})
    agree(source, target, copied)
    assert copied.causes == ()


def test_what_follows_a_layer_matched_by_hand_follows() -> None:
    """Without the names, the first layers differ, and nothing after them would match."""
    source = net("  - dense: {units: 4}\n  - dense: {units: 5}\n  - dense: {units: 3}\n", shape="[7]")
    target = net("  - dense: {units: 5}\n  - dense: {units: 4}\n  - dense: {units: 5}\n  - dense: {units: 3}\n")
    copied = copy_weights(source, target, names={"dense_2": "dense_3"})
    assert {pair for pair in copied.weights if pair[0].endswith("kernel")} == {
        ("dense_2/kernel", "dense_3/kernel"),
        ("dense_3/kernel", "dense_4/kernel"),
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"dense_1": "dense_9"}, "no layer `dense_9` in the target"),
        ({"dens_1": "dense_1"}, "no layer `dens_1` in the source"),
        ({"dense_1": "dense_2"}, r"`dense_1` \(6, 5\), \(5,\) into `dense_2` \(5, 3\), \(3,\)"),
        ({"dense_1": "dense_1", "dense_2": "dense_1"}, "the same layer of the target twice"),
    ],
)
def test_a_wrong_name_is_an_error(names: dict[str, str], message: str) -> None:
    steps = "  - dense: {units: 5}\n  - dense: {units: 3}\n"
    with pytest.raises(ArchError, match=message):
        copy_weights(net(steps), net(steps), names=names)


def test_a_head_of_other_classes_keeps_its_numbers() -> None:
    target = net("  - dense: {units: 5, activation: relu}\n  - dense: {units: 3}\n")
    source = net("  - dense: {units: 5, activation: relu}\n  - dense: {units: 4}\n  - softmax\n")
    before = target.get_layer("dense_2").get_weights()
    copied = copy_weights(source, target)
    assert copied.weights == (("dense_1/kernel", "dense_1/kernel"), ("dense_1/bias", "dense_1/bias"))
    assert copied.left.source == (("dense_2/kernel", (5, 4)), ("dense_2/bias", (4,)))
    assert copied.left.target == (("dense_2/kernel", (5, 3)), ("dense_2/bias", (3,)))
    assert all(map(np.array_equal, before, target.get_layer("dense_2").get_weights()))
    assert str(copied).splitlines() == [
        "copied 35 parameters of 53 in 2 weights",
        "not copied, in the source: dense_2/kernel (5, 4), dense_2/bias (4,)",
        "not copied, in the target: dense_2/kernel (5, 3), dense_2/bias (3,)",
    ]


def test_strict_copies_all_or_nothing() -> None:
    target = net("  - dense: {units: 5}\n  - dense: {units: 3}\n")
    source = net("  - dense: {units: 5}\n  - dense: {units: 4}\n")
    before = target.get_weights()
    with pytest.raises(ArchError) as caught:
        copy_weights(source, target, strict=True)
    assert all(map(np.array_equal, before, target.get_weights()))
    (problem,) = caught.value.problems
    assert (problem.code, caught.value.exit_code) == ("ARCH308", 3)
    assert "first unmatched layer in the source: dense_2 (5, 4), (4,)" in problem.facts
    assert "first unmatched layer in the target: dense_2 (5, 3), (3,)" in problem.facts
    assert "drop `strict=True`" in problem.hint


def test_a_stem_for_other_channels_is_passed_over() -> None:
    steps = "  - normalization\n  - conv: {filters: 4, kernel: 3, norm: batch}\n  - conv: {filters: 2, kernel: 3}\n"
    source, target = net(steps, shape="[8, 8, 3]"), net(steps, shape="[8, 8, 1]")
    copied = copy_weights(source, target)
    assert {weight.path.partition("/")[0] for weight in copied.left.target} == {"normalization_1", "conv_1"}
    assert len(copied.weights) == 6


def test_what_stands_behind_a_layer_that_differs_is_left() -> None:
    """Its shapes fit, and what comes in there is something else."""
    source = net("".join(f"  - dense: {{units: {units}}}\n" for units in (6, 6, 6)))
    target = net("".join(f"  - dense: {{units: {units}}}\n" for units in (6, 5, 6, 6)))
    copied = copy_weights(source, target)
    assert [one for one, _ in copied.weights] == ["dense_1/kernel", "dense_1/bias"]
    assert len(copied.left.target) == 6


def test_nothing_pairs_behind_a_first_layer_that_differs() -> None:
    """What comes in has the same channels, so that it is no stem for others, but another network."""
    one, other = ("".join(f"  - dense: {{units: {units}}}\n" for units in row) for row in ((5, 6, 6), (7, 6, 6)))
    with pytest.raises(ArchError, match="no layers match"):
        copy_weights(net(one), net(other))


def test_two_readers_of_one_layer_are_not_readers_of_two() -> None:
    """Each layer has the same shapes and the same before it; who follows whom is another thing."""

    def write(apart: bool) -> Callable[[Any], Any]:
        def written(x: Any) -> Any:
            x = dense(x, "first")
            one, other = dense(x, "one"), dense(x, "other")
            ends = [dense(one, "five", 5), dense(other if apart else one, "four", 4), layers.Add()([one, other])]
            return layers.Concatenate()(ends)

        return written

    copied = copy_weights(model(write(True)), alive_again(model(write(False))))
    assert [one for one, _ in copied.weights] == ["first/kernel", "first/bias"]
    assert len(copied.left.source) == len(copied.left.target) == 8


def test_a_deeper_network_takes_what_begins_alike() -> None:
    source, target = archdsl.build("resnet_cifar", depth=8), archdsl.build("resnet_cifar", depth=14)
    copied = copy_weights(source, target)
    firsts = {path.split("/")[0] for path, _ in copied.weights}
    assert all(one == other for one, other in copied.weights)
    assert firsts < {weight.path.split("/")[0] for weight in source.weights}
    assert len(copied.weights) > 10


def test_a_layer_that_is_used_twice() -> None:
    shared = layers.Dense(6, name="shared")

    def write(x: Any) -> Any:
        return dense(layers.Concatenate()([shared(x), shared(layers.ReLU()(x))]))

    steps = "  - paths: [[dense: {units: 6}], [relu, dense: {units: 6}]]\n    merge: concat\n  - dense: {units: 6}\n"
    source, target = model(write), net(steps)
    y = outputs(source, vector(3, 6))
    assert copy_weights(source, target).left == ((), ())
    np.testing.assert_allclose(outputs(target, vector(3, 6)), y, rtol=1e-5)
    alive_again(target)
    copied = copy_weights(target, source)  # two layers there, and room for one
    assert {weight.path for weight in copied.left.target} == {"shared/kernel", "shared/bias"}


def test_a_normalization_takes_its_statistics_at_once() -> None:
    source, target = (
        net("  - normalization\n  - dense: {units: 2}\n"),
        net("  - normalization\n  - dense: {units: 2}\n"),
    )
    source.layers[1].adapt(vector(64, 6) * 3 + 2)
    target.predict(vector(3, 6), verbose=0)
    copy_weights(source, target, strict=True)
    want = source.predict(vector(3, 6), verbose=0)
    np.testing.assert_allclose(target.predict(vector(3, 6), verbose=0), want, rtol=1e-5)


def test_nothing_in_common_is_an_error() -> None:
    with pytest.raises(ArchError, match="no layers match"):
        copy_weights(net("  - dense: {units: 5}\n"), net("  - dense: {units: 3}\n"))


def test_a_model_without_a_graph_is_refused() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.dense = layers.Dense(3)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    own = Own()
    own(vector(2, 6))
    with pytest.raises(ArchError, match="cannot match the weights of `own`: it is not a functional model"):
        copy_weights(own, net("  - dense: {units: 3}\n"))
    with pytest.raises(ArchError, match=r"add a `keras.Input`"):
        copy_weights(keras.Sequential([layers.Dense(3)]), net("  - dense: {units: 3}\n"))
    assert archdsl.copy_weights(net("  - dense: {units: 3}\n"), net("  - dense: {units: 3}\n")).parameters == 21


DOCUMENT = blocks((ROOT / "docs/how-to/start-from-trained-weights.md").read_text(encoding="utf-8"))
OFFLINE = [block.text.replace('weights="imagenet"', "weights=None") for block in DOCUMENT if block.language == "python"]


def test_the_first_snippets_of_the_page_do_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for snippet in OFFLINE[:2]:
        exec(snippet, names)  # noqa: S102 - of our own page
    (told,) = [block.text for block in DOCUMENT if block.language == "text"]
    assert capsys.readouterr().out.splitlines() == told.splitlines()
    assert [weight.path for weight in names["mine"].trainable_weights] == ["dense_1/kernel", "dense_1/bias"]
    assert names["copied"].left.target[0] == ("dense_1/kernel", (1280, 10))


@pytest.mark.slow
def test_the_snippet_of_pretrained_efficientnets_runs() -> None:
    names: dict[str, Any] = {"archdsl": archdsl, "keras": keras}
    exec(OFFLINE[2], names)  # noqa: S102 - of our own page
    variance = names["mine"].get_layer("normalization_1").get_weights()[1]
    np.testing.assert_allclose(variance, [0.229, 0.224, 0.225])


def test_the_snippet_of_the_page_that_matches_by_hand_runs() -> None:
    names: dict[str, Any] = {"archdsl": archdsl, "keras": keras}
    assert len(OFFLINE) == 4
    exec(OFFLINE[3], names)  # noqa: S102 - of our own page
    x = vector(3, 6)
    np.testing.assert_allclose(outputs(names["mine"], x), outputs(names["trained"], x), rtol=1e-5, atol=1e-6)
    copied = copy_weights(names["trained"], names["mine"])
    (cause,) = copied.causes
    assert cause.startswith("first unmatched op in the source: lambda")
    assert cause.endswith("(Lambda), a custom layer that cannot be traced")
