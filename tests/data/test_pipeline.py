"""The batches: order and augmentation are functions of seed, epoch and index, and of nothing else."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

tf = pytest.importorskip("tensorflow")

from pipelines import COUNT, ONE_HOT, digest, epochs, made, recipe  # noqa: E402

from archdsl.data import pipeline  # noqa: E402
from archdsl.data.dataset import load  # noqa: E402
from archdsl.data.pipeline import augment as augmentation  # noqa: E402
from archdsl.data.pipeline import random_streams  # noqa: E402
from archdsl.data.pixels import Statistics  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.recipe import Augment, Data  # noqa: E402

pytestmark = pytest.mark.tensorflow

WARPED = Augment(flip="both", shift=0.25, rotation=45.0, zoom=0.25, shear=15.0, fill="reflect", crop=1)
CROPPED = Augment(flip="alternate", crop=2, fill="reflect", cutout=2)
EVERYTHING = Augment(
    **WARPED.model_dump() | {"cutout": 2, "brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1},
)
MIXED = Augment(crop=1, flip="horizontal", mixup=0.4, cutmix=1.0)


@pytest.fixture(autouse=True)
def uncompiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling costs a second or more for each pipeline: only tests that ask for `compiled` do."""
    if "compiled" not in request.fixturenames:
        monkeypatch.setattr(augmentation, "xla_works", lambda: False)


@pytest.fixture
def compiled() -> None:
    """Has batches compiled, as they are in a training."""
    assert augmentation.xla_works()


def test_every_epoch_holds_each_image_once_in_an_order_of_its_own() -> None:
    found = [images[:, 0, 0, 0].astype(int).tolist() for images, _ in epochs(recipe(), 6)]
    assert all(sorted(order) == list(range(COUNT)) for order in found)
    assert len({tuple(order) for order in found}) == 6
    assert list(range(COUNT)) not in found


def test_labels_stay_with_their_images() -> None:
    ((images, labels),) = epochs(recipe(), 1)
    np.testing.assert_array_equal(labels, images[:, 0, 0, 0].astype(int) % 10)
    ((images, labels),) = epochs(recipe(), 1, one_hot=True)
    assert (labels.shape, labels.dtype) == ((COUNT, 10), np.float32)
    np.testing.assert_array_equal(labels.argmax(1), images[:, 0, 0, 0].astype(int) % 10)


def test_the_last_batch_holds_what_is_left() -> None:
    batches = pipeline.training_batches(made(), recipe(), 0, ONE_HOT).as_numpy_iterator()
    assert [len(labels) for _, labels in itertools.islice(batches, 6)] == [5, 5, 5, 5, 3, 5]
    batches = pipeline.training_batches(made(), recipe(batch_size=64), 0, ONE_HOT).as_numpy_iterator()
    assert [len(labels) for _, labels in itertools.islice(batches, 2)] == [COUNT, COUNT]


def test_batches_of_one_size_say_so() -> None:
    assert pipeline.training_batches(made(count=20), recipe(), 0, ONE_HOT).element_spec[0].shape == (5, 6, 6, 3)
    assert pipeline.training_batches(made(), recipe(), 0, ONE_HOT).element_spec[0].shape.as_list() == [None, 6, 6, 3]


def test_a_run_may_begin_at_any_epoch() -> None:
    data = recipe(augment=CROPPED)
    assert digest(epochs(data, 1, first=2)) == digest(epochs(data, 3)[2:])


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("augment", [WARPED, MIXED], ids=["warped", "mixed"])
def test_the_seed_decides_every_byte(augment: Augment) -> None:
    data = recipe(augment=augment)
    tf.random.set_seed(1)
    first = digest(epochs(data, 2, one_hot=True))
    tf.random.set_seed(2)
    np.random.seed(5)
    assert digest(epochs(data, 2, one_hot=True)) == first
    assert digest(epochs(data, 2, one_hot=True, seed=4)) != first


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    augment=st.sampled_from([CROPPED, MIXED]),
    count=st.integers(1, 40),
    size=st.integers(1, 41),
    threads=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 1000),
)
def test_neither_batch_size_nor_threads_have_a_say(
    augment: Augment, count: int, size: int, threads: int, seed: int, epoch: int
) -> None:
    dataset = made(count=count)
    options: dict[str, Any] = {"seed": seed, "one_hot": True, "first": epoch}
    whole = epochs(recipe(augment=augment, batch_size=count), 1, dataset=dataset, **options)[0]
    parts = epochs(recipe(augment=augment, batch_size=size), 1, dataset=dataset, threads=threads, **options)[0]
    np.testing.assert_allclose(parts[0], whole[0], atol=1e-2)
    np.testing.assert_allclose(parts[1], whole[1], atol=1e-6)


@pytest.mark.usefixtures("compiled")
def test_whole_pixels_are_the_same_to_the_bit_in_every_batch_size() -> None:
    found = {digest(epochs(recipe(augment=CROPPED, batch_size=size), 2)) for size in (1, 5, 23)}
    assert len(found) == 1


def test_an_image_looks_otherwise_in_every_epoch() -> None:
    dataset = made()
    for augment in (WARPED, CROPPED):
        shown = [pipeline.augmented(dataset, recipe(augment=augment), 3, epoch, range(COUNT)) for epoch in range(4)]
        for one, other in itertools.combinations(shown, 2):
            assert (one != other).any(axis=(1, 2, 3)).mean() > 0.8


@pytest.mark.usefixtures("compiled")
def test_what_is_shown_of_an_epoch_is_what_trains() -> None:
    dataset, data = made(), recipe(augment=EVERYTHING)
    for epoch, (images, _) in enumerate(epochs(data, 2)):
        rows = random_streams.permutation(COUNT, 3, epoch).numpy()
        np.testing.assert_allclose(images, pipeline.augmented(dataset, data, 3, epoch, rows), atol=1e-2)


def test_every_stream_has_numbers_of_its_own() -> None:
    keys = {
        tuple(random_streams.key(7, epoch, stream).numpy().tolist())
        for epoch in range(20)
        for stream in random_streams.STREAMS
    }
    assert len(keys) == 20 * len(random_streams.STREAMS)
    assert len(random_streams.STREAMS) <= random_streams.STREAMS_PER_EPOCH
    columns = [
        random_streams.uniform(2000, 1, random_streams.key(7, 3, stream)).numpy() for stream in random_streams.STREAMS
    ]
    between = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(between).max() < 0.1


def test_no_two_draws_of_an_epoch_share_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    key = random_streams.key

    def noted(seed: int, epoch: Any, stream: str) -> Any:
        used.append(stream)
        return key(seed, epoch, stream)

    monkeypatch.setattr(random_streams, "key", noted)
    augment = Augment(**EVERYTHING.model_dump() | {"mixup": 1.0, "cutmix": 1.0})
    random_streams.permutation(COUNT, 3, 1)
    random_streams.augmentation_values(COUNT, augment, 3, 1)
    random_streams.mixing_values(COUNT, augment, 3, 1)
    random_streams.mirrored(COUNT, Augment(flip="alternate"), 3, 1)
    assert sorted(used) == sorted(random_streams.STREAMS)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_word_more_leaves_what_the_others_draw(data: Any) -> None:
    words = {"rotation": 20.0, "shift": 0.1, "crop": 2, "cutout": 3, "hue": 0.1, "flip": "both", "mixup": 1.0}
    few = data.draw(st.sets(st.sampled_from(sorted(words))))
    some = random_streams.augmentation_values(COUNT, Augment(**{word: words[word] for word in few}), 3, 2)
    every = random_streams.augmentation_values(COUNT, Augment(**words), 3, 2)
    assert all((every[name].numpy() == drawn.numpy()).all() for name, drawn in some.items())


def test_draws_are_spread_evenly() -> None:
    augment = Augment(flip="both", crop=2, shift=0.5)
    found = random_streams.augmentation_values(20_000, augment, 5, 0)
    counts = np.histogram(found["shift"].numpy()[:, 1], 10, (0, 1))[0]
    assert 1800 < counts.min() <= counts.max() < 2200
    assert (np.abs(found["mirror"].numpy().mean(axis=0) - 0.5) < 0.02).all()


def test_shares_of_a_mixture_follow_the_beta_distribution() -> None:
    for alpha in (0.2, 1.0, 3.0):
        share = random_streams.mixing_values(20_000, Augment(mixup=alpha), 5, 0)["share"].numpy()
        assert ((share >= 0) & (share <= 1)).all()
        assert abs(share.mean() - 0.5) < 0.02
        assert abs(share.var() - 1 / (4 * (2 * alpha + 1))) < 0.005
    both = random_streams.mixing_values(20_000, Augment(mixup=1.0, cutmix=1.0), 5, 0)
    assert abs(both["pasted"].numpy().mean() - 0.5) < 0.02
    assert np.histogram(both["partner"].numpy(), 10, (0, 20_000))[0].min() > 1800


def test_alternating_flips_take_turns() -> None:
    dataset, data = made(), recipe(augment=Augment(flip="alternate"))
    shown = [pipeline.augmented(dataset, data, 3, epoch, range(COUNT)) for epoch in range(4)]
    raw = dataset.images()
    begin = np.array([(image == own[:, ::-1]).all() for image, own in zip(shown[0], raw, strict=True)])
    assert 0 < begin.sum() < COUNT
    for epoch, images in enumerate(shown):
        turned = begin if epoch % 2 == 0 else ~begin
        np.testing.assert_array_equal(images, np.where(turned[:, None, None, None], raw[:, :, ::-1], raw))
    other = pipeline.augmented(dataset, data, 4, 0, range(COUNT))
    assert (other != shown[0]).any()


def test_class_weights_come_as_a_third() -> None:
    dataset = made(weights=np.arange(10, dtype=np.float32))
    ((_, labels, weights),) = epochs(recipe(), 1, dataset=dataset)
    np.testing.assert_array_equal(weights, labels.astype(np.float32))
    ((_, targets, weights),) = epochs(recipe(augment=MIXED), 1, dataset=dataset, one_hot=True)
    np.testing.assert_allclose(weights, targets @ np.arange(10), rtol=1e-6)
    assert len(pipeline.evaluation_batches(dataset.test, dataset, recipe(), ONE_HOT).element_spec) == 2


def test_pixels_are_scaled_and_standardized_but_for_rounding() -> None:
    statistics = Statistics(np.array([0.5, 0.25, 0.1], np.float32), np.array([0.2, 0.3, 0.4], np.float32))
    dataset = made(divisor=255.0, statistics=statistics)
    data = Data(source="digits", standardize="channel", batch_size=100)
    ((images, labels),) = pipeline.evaluation_batches(dataset.test, dataset, data, {}).as_numpy_iterator()
    wanted = (dataset.images("test") / 255 - statistics.mean) / (statistics.std.astype(float) + 1e-7)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, wanted, atol=1e-6, rtol=0)
    np.testing.assert_array_equal(labels, dataset.labels("test"))
    shuffled, _ = next(pipeline.training_batches(dataset, data, 0, {}).as_numpy_iterator())
    np.testing.assert_allclose(shuffled, wanted[random_streams.permutation(COUNT, 0, 0).numpy()], atol=1e-6, rtol=0)


def test_no_tuner_holds_up_the_end_of_a_program() -> None:
    """Its thread sleeps for up to a minute, and TensorFlow waits for it where an iterator goes."""
    dataset, data = made(), recipe()
    training = pipeline.training_batches(dataset, data, 0, ONE_HOT)
    for batches in (training, pipeline.evaluation_batches(dataset.test, dataset, data, ONE_HOT)):
        assert batches.options().autotune.enabled is False


def test_evaluation_moves_nothing_and_keeps_the_order() -> None:
    dataset, data = made(), recipe(augment=EVERYTHING)
    found = list(pipeline.evaluation_batches(dataset.validation, dataset, data, ONE_HOT).as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate([images for images, _ in found]), dataset.images("validation"))
    assert [len(images) for images, _ in found] == [5, 5, 5, 5, 3]


def test_digits_lie_between_0_and_1() -> None:
    data = Data(source="digits", augment=WARPED)
    images, _ = next(pipeline.training_batches(load(data), data, 0, ONE_HOT).as_numpy_iterator())
    assert images.shape == (128, 8, 8, 1)
    assert 0 <= images.min() < 0.01
    assert 0.9 < images.max() <= 1.0001


@pytest.mark.parametrize(
    ("augment", "channels", "one_hot", "message"),
    [
        (Augment(mixup=1.0), 3, False, "`mixup` mixes labels, but this loss takes integer labels"),
        (Augment(cutmix=1.0), 3, False, "`cutmix` mixes labels, but this loss takes integer labels"),
        (Augment(hue=0.5), 1, True, "`hue` expects color images (3 channels), got 1 channel"),
        (Augment(saturation=0.5), 4, True, "`saturation` expects color images (3 channels), got 4 channels"),
    ],
)
def test_what_cannot_be_augmented_so(augment: Augment, channels: int, one_hot: bool, message: str) -> None:
    dataset = made(channels=channels)
    with pytest.raises(ArchError) as caught:
        pipeline.training_batches(dataset, recipe(augment=augment), 0, ONE_HOT if one_hot else {})
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("ARCH303", message)
    assert problem.hint


@pytest.mark.usefixtures("compiled")
def test_without_xla_batches_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = recipe(augment=MIXED)
    found = epochs(data, 1, one_hot=True)[0]
    monkeypatch.setattr(augmentation, "xla_works", lambda: False)
    for one, other in zip(epochs(data, 1, one_hot=True)[0], found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
