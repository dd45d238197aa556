"""What `diff` says carries over can really be copied between two Keras models, path by path."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy")

from edited_specs import BASE, EDITS  # noqa: E402 - NumPy is looked for first

from archdsl import keras as runtime  # noqa: E402
from archdsl import loads, resolve, zoo  # noqa: E402
from archdsl.diff import compare  # noqa: E402
from archdsl.spec import Spec  # noqa: E402

pytestmark = pytest.mark.tensorflow


def by_path(spec: Spec) -> tuple[object, dict[str, object]]:
    """A Keras model of a spec, and its variables by the paths that specs have for them."""
    model = runtime.build(spec)
    graph = resolve(spec)
    found = {variable.path: variable for variable in model.weights}
    paths = {
        path: next(found[own] for own in found if own == path or own.endswith(f"/{path}"))
        for path, _ in graph.weights()
    }
    assert len(paths) == len(model.weights)
    return model, paths


def hold_carried(one: Spec, other: Spec) -> None:
    weights = compare(resolve(one), resolve(other)).weights
    assert weights.carried
    _, old = by_path(one)
    _, new = by_path(other)
    generator = np.random.default_rng(0)
    for variable in old.values():
        variable.assign(generator.normal(size=variable.shape))
    untouched = {path: np.array(variable) for path, variable in new.items()}
    filled = [(tensor.path, tensor.path) for tensor in weights.carried]
    filled += [(tensor.was, tensor.path) for tensor in weights.moved]
    for was, path in filled:
        new[path].assign(old[was])
    for was, path in filled:
        np.testing.assert_array_equal(np.array(new[path]), np.array(old[was]))
    for tensor in (*weights.reshaped, *weights.new):
        np.testing.assert_array_equal(np.array(new[tensor.path]), untouched[tensor.path])
    for tensor in weights.reshaped:
        assert tuple(old[tensor.path].shape) == tensor.before
        assert tuple(new[tensor.path].shape) == tensor.shape


@pytest.mark.parametrize("name", ["a_step_in_front", "a_path_renamed", "another_shortcut", "a_step_renamed"])
def test_what_carries_over_can_be_copied(name: str) -> None:
    hold_carried(loads(BASE), loads(BASE.replace(*EDITS[name])))


def test_between_variants_of_a_family() -> None:
    hold_carried(zoo.load("resnet_cifar"), zoo.load("resnet_cifar", "resnet32"))


def test_a_network_whose_steps_only_moved_computes_the_same() -> None:
    """A renamed path moves names alone: with what moved copied too, the outputs are equal."""
    one, other = loads(BASE), loads(BASE.replace(*EDITS["a_path_renamed"]))
    weights = compare(resolve(one), resolve(other)).weights
    (first, old), (second, new) = by_path(one), by_path(other)
    for tensor in weights.carried:
        new[tensor.path].assign(old[tensor.path])
    for tensor in weights.moved:
        new[tensor.path].assign(old[tensor.was])
    images = np.random.default_rng(1).normal(size=(2, 16, 16, 3)).astype("float32")
    np.testing.assert_array_equal(np.array(second(images)), np.array(first(images)))
