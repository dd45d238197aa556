"""All ops of the registry: costs, receptive fields and saved tensors; and receptive fields against Keras."""

from __future__ import annotations

import math
from typing import Any

import pytest

from archdsl.ops import OPS, Example, Op
from archdsl.ops.base import Counts, SavedForBackward, Traits
from archdsl.ops.index_sets import ALL
from archdsl.ops.receptive_field import POINTWISE, Reach
from archdsl.ops.value_range import ValueRange

EXAMPLES = [(name, example) for name, op in sorted(OPS.items()) for example in op.examples]
ids = [f"{name}-{i}" for name, op in sorted(OPS.items()) for i, _ in enumerate(op.examples)]
BLIND = {
    "attention",
    "einsum",
    "matmul",
    "lstm",
    "gru",
    "simple_rnn",
    "global_average_pool",
    "global_max_pool",
    "group_norm",
    "instance_norm",
}
"""The ops whose receptive field is the entire input, which is the default of `Op`."""
WITHOUT = {"class_token", "position_embedding", "weight"}
"""The ops with weights whose gradient is the gradient of the output, so they keep nothing."""
NO_WORK = {*WITHOUT, "layer_scale", "embedding", "masking", "position_encoding"}
"""The ops of such kinds without a matrix product."""
MORE = {"attention", "separable_conv", "lstm", "gru", "simple_rnn"}
"""The ops with temporary values."""


def build(name: str, example: Example) -> Op:
    return OPS[name].model_validate(dict(example.fields))


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=ids)
def test_counts(name: str, example: Example) -> None:
    op, places = build(name, example), math.prod(example.output)
    macs, activations = op.macs(*example.inputs), op.activations(*example.inputs)
    found = op.fvcore(*example.inputs)
    assert isinstance(found, Counts)
    assert found.macs >= macs
    assert found.activations >= activations
    assert (activations >= places) == (macs > 0), "what does work for its numbers counts them"
    assert bool(activations) == (op.kind in ("conv", "dense", "sequence") and name not in NO_WORK)
    assert (op.workspace(*example.inputs) > 0) == (name in MORE)


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=ids)
def test_saved_tensors(name: str, example: Example) -> None:
    op = build(name, example)
    found = op.saved_for_backward(*example.inputs)
    assert isinstance(found, SavedForBackward)
    learns = any(weight.trainable for weight in op.weights(*example.inputs).values())
    assert not learns or found.inputs or name in WITHOUT
    assert found.workspace >= op.workspace(*example.inputs)
    if op.aliases_input != "never":
        assert found == SavedForBackward()
        assert math.prod(example.output) == math.prod(example.inputs[0])
        assert op.weights(*example.inputs) == {}


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=ids)
def test_receptive_field(name: str, example: Example) -> None:
    op = build(name, example)
    silent = type(op).receptive_field is Op.receptive_field and op.depends_on == "whole"
    assert silent == (name in BLIND)
    field = op.receptive_field(*example.inputs)
    if isinstance(field, str):
        assert field in ("place", "whole")
        return
    if field == POINTWISE:
        assert example.output[:-1] in {x[:-1] for x in example.inputs}
        return
    for taps, x, y in zip(field, example.inputs[0], example.output, strict=False):
        ends = [(taps.first(place), taps.last(place)) for place in range(y)]
        assert isinstance(taps, Reach)
        assert ends == sorted(ends)
        seen = [last >= 0 and first < x for first, last in ends]
        # Padding may see nothing of the map, and so may a place between the windows of a transposed convolution.
        assert any(seen) if "pad" in name or name == "conv_transpose" else all(seen)


def test_there_are_ops_of_each_kind() -> None:
    found = [build(name, example).receptive_field(*example.inputs) for name, example in EXAMPLES]
    assert found.count(POINTWISE) > 60
    assert sum(isinstance(field, tuple) and field != POINTWISE for field in found) > 25
    assert {OPS[name].aliases_input for name in OPS} == {"never", "always", "inference"}


def windows(name: str, example: Example) -> bool:
    """Whether an op maps maps to a map of the same rank, has a bounded receptive field, and runs on a CPU."""
    ranks = {len(x) - 1 for x in (*example.inputs, example.output)}
    rank, whole = max(ranks), isinstance(build(name, example).receptive_field(*example.inputs), str)
    return (
        len(ranks) == 1
        and (rank == 2 or rank in OPS[name].ranks)
        and not whole
        and not (name == "conv_transpose" and "dilation" in example.fields)
    )


MAPS = [(name, example) for name, example in EXAMPLES if windows(name, example)]
LOOSE = {"bicubic", "lanczos3", "lanczos5"}
"""Interpolations in which some pixels in reach have weight 0, so the receptive field is only a bound. So it is where
the first tap of a dilated window meets padding."""


@pytest.mark.tensorflow
@pytest.mark.parametrize(("name", "example"), MAPS, ids=[f"{name}-{example.fields}"[:40] for name, example in MAPS])
def test_receptive_field_against_keras(name: str, example: Example) -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("keras")
    from layers_of_ops import layer_of

    op = build(name, example)
    *sides, channels = example.inputs[0]
    layer, chance, pixels = layer_of(op, rank=len(sides)), np.random.default_rng(0), math.prod(sides)
    others = [chance.uniform(0.6, 0.9, (1, *x)).astype("float32") for x in example.inputs[1:]]
    seen = np.zeros((pixels, *example.output[:-1]), bool)
    # Which outputs move is asked at several points, for a function may be flat at one of them.
    for low, step in ((-0.5, 1.0), (0.1, 3.0), (0.6, 40.0), (-40.0, 80.0)):
        base = chance.uniform(low, low + 0.3, (1, *sides, channels)).astype("float32")
        moved = np.repeat(base, pixels + 1, 0)
        for pixel, place in enumerate(np.ndindex(*sides)):
            moved[(pixel, *place)] += step * chance.uniform(0.5, 1.0, channels)
        given: Any = [moved, *(np.repeat(other, len(moved), 0) for other in others)] if op.many else moved
        if not layer.built:
            layer(given)
            layer.set_weights([chance.uniform(0.5, 1.5, w.shape).astype("float32") for w in layer.weights])
        out = np.nan_to_num(np.asarray(layer(given)), neginf=0.0)
        # Equal images may differ in their last bits, by where they stand in the batch.
        seen |= (np.abs(out[:-1] - out[-1:]) > 1e-5 * np.abs(out).max()).any(-1)
    hold(op, example, seen, np)


def hold(op: Op, example: Example, seen: Any, np: Any) -> None:
    """Compare the pixels that affect each output position with the receptive field."""
    field, sides = op.receptive_field(*example.inputs), example.inputs[0][:-1]
    assert isinstance(field, tuple)
    assert seen.any()
    for place in np.ndindex(*example.output[:-1]):
        pixels = np.argwhere(seen[(slice(None), *place)].reshape(sides))
        told = [
            [max(taps.first(at), 0), min(taps.last(at), x - 1)]
            for taps, at, x in zip(field or (Reach(),) * len(sides), place, sides, strict=True)
        ]
        if not len(pixels):
            assert "pad" in op.name or op.name == "conv_transpose"
        elif getattr(op, "interpolation", "") in LOOSE or "causal" in vars(op).values():
            assert all((pixels >= np.array(told)[:, 0]).all(1) & (pixels <= np.array(told)[:, 1]).all(1))
        else:
            assert [*zip(pixels.min(0), pixels.max(0), strict=True)] == [tuple(ends) for ends in told], place


class Inherits(OPS["conv"], name="inherits"):  # type: ignore[misc]
    """An op of another package without traits."""


class States(OPS["relu"], name="states"):  # type: ignore[misc]
    """An op of another package with its own traits."""

    traits = Traits(elementwise=True)


class StatesToo(States, name="states_too"):
    """An op that inherits the traits of another class of its package."""


def test_an_op_of_another_package_claims_only_its_own_traits() -> None:
    """It may compute anything, even if it inherits from a class of archdsl."""
    op, shapes = Inherits(filters=4, kernel=1, stride=2), ((8, 8, 3),)
    assert OPS["conv"].traits.filters
    assert op.traits == Traits()
    assert op.reads((1, 1, 1), shapes, (4, 4, 4)) == ((ALL, ALL, ALL),)
    for name in ("states", "states_too"):
        other = {"states": States, "states_too": StatesToo}[name]()
        assert other.traits.elementwise
        assert other.reads((1, 1, 1), shapes, (8, 8, 3)) == ((1, 1, 1),)
        assert other.value_range(ValueRange()) == ValueRange()
        assert other.clips_to() is None
