"""The batches: what happens to an image is a function of seed, epoch and index, and is the map it says it is."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from archdsl.recipe import Augment, Data  # noqa: E402
from archdsl.training import augment  # noqa: E402
from archdsl.training.data import Dataset, Part, Statistics, load  # noqa: E402

pytestmark = pytest.mark.tensorflow

EVERYTHING = Augment(flip="both", shift=0.25, rotation=45.0, zoom=0.25, shear=15.0)
COUNT = 23


def dataset(height: int = 6, width: int = 6, **changed: Any) -> Dataset:
    """23 images, the first pixel of each of which is its index."""
    pixels = np.random.RandomState(1).randint(0, 256, (COUNT, height, width, 3)).astype(np.uint8)
    pixels[:, 0, 0, 0] = np.arange(COUNT)
    part = Part(pixels, (np.arange(COUNT) % 10).astype(np.int64))
    given = {"largest": 255, "divisor": 1.0, "statistics": None, "origin": "made up"} | changed
    return Dataset(part, part, part, tuple("0123456789"), **given)


def epochs(data: Data, count: int, seed: int = 3, threads: int = 2, one_hot: bool = False) -> list[tuple[Any, Any]]:
    """Images and labels of the first epochs, each put together from its batches."""
    made = dataset()
    steps = augment.steps(made.train, data)
    batches = iter(augment.training_batches(made, data, seed, one_hot, threads).as_numpy_iterator())
    taken = [list(itertools.islice(batches, steps)) for _ in range(count)]
    return [tuple(np.concatenate(column) for column in zip(*epoch, strict=True)) for epoch in taken]


def digest(found: list[tuple[Any, Any]]) -> bytes:
    return b"".join(array.tobytes() for epoch in found for array in epoch)


def plain(**changed: Any) -> Data:
    return Data(source="digits", scale=False, **({"batch_size": 5} | changed))


def test_every_epoch_holds_each_image_once_in_an_order_of_its_own() -> None:
    found = [images[:, 0, 0, 0].astype(int).tolist() for images, _ in epochs(plain(), 4)]
    assert all(sorted(order) == list(range(COUNT)) for order in found)
    assert len({tuple(order) for order in found}) == 4
    assert list(range(COUNT)) not in found


def test_labels_stay_with_their_images() -> None:
    ((images, labels),) = epochs(plain(), 1)
    np.testing.assert_array_equal(labels, images[:, 0, 0, 0].astype(int) % 10)
    ((images, labels),) = epochs(plain(), 1, one_hot=True)
    assert (labels.shape, labels.dtype) == ((COUNT, 10), np.float32)
    np.testing.assert_array_equal(labels.argmax(1), images[:, 0, 0, 0].astype(int) % 10)


def test_the_last_batch_holds_what_is_left() -> None:
    batches = augment.training_batches(dataset(), plain(), 0).as_numpy_iterator()
    assert [len(labels) for _, labels in itertools.islice(batches, 6)] == [5, 5, 5, 5, 3, 5]


def test_the_seed_decides_every_byte() -> None:
    data = plain(augment=EVERYTHING)
    first, again, other = epochs(data, 3), epochs(data, 3), epochs(data, 3, seed=4)
    assert digest(first) == digest(again)
    assert digest(first) != digest(other)


def test_global_random_state_has_no_say() -> None:
    data = plain(augment=EVERYTHING)
    tf.random.set_seed(1)
    first = digest(epochs(data, 2))
    tf.random.set_seed(2)
    np.random.seed(5)
    assert digest(epochs(data, 2)) == first


@pytest.mark.parametrize("threads", [1, 8])
def test_the_number_of_threads_has_no_say(threads: int) -> None:
    data = plain(augment=EVERYTHING, batch_size=2)
    assert digest(epochs(data, 3, threads=threads)) == digest(epochs(data, 3, threads=3))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_batch_size_has_no_say_in_what_happens_to_an_image(size: int) -> None:
    fives = epochs(plain(augment=EVERYTHING), 2)
    others = epochs(plain(augment=EVERYTHING, batch_size=size), 2)
    for (images, labels), (same_images, same_labels) in zip(fives, others, strict=True):
        np.testing.assert_allclose(images, same_images, atol=1e-3)
        np.testing.assert_array_equal(labels, same_labels)


def test_an_image_moves_otherwise_in_every_epoch() -> None:
    found = [augment.draws(COUNT, 3, epoch).numpy() for epoch in range(3)]
    assert all((a != b).all() for a, b in itertools.combinations(found, 2))
    np.testing.assert_array_equal(augment.draws(COUNT + 9, 3, 1).numpy()[:COUNT], found[1])


def test_each_epoch_uses_the_draws_of_its_images() -> None:
    data = plain(augment=EVERYTHING)
    made = dataset()
    for epoch, (images, _) in enumerate(epochs(data, 2)):
        rows = augment.order(COUNT, 3, epoch).numpy()
        chances = augment.draws(COUNT, 3, epoch).numpy()[rows]
        wanted = augment.move(tf.constant(made.train.images[rows], tf.float32), tf.constant(chances), EVERYTHING)
        np.testing.assert_allclose(images, wanted.numpy(), atol=1e-3)


def chances(**named: float) -> Any:
    """Draws for one image; what is not named stays in the middle, where nothing happens."""
    places = ("angle", "x", "y", "shear", "zoom_x", "zoom_y", "flip_x", "flip_y")
    return tf.constant([[named.get(place, 0.5) for place in places]], tf.float32)


def moved(pixels: np.ndarray, wanted: Augment, **named: float) -> np.ndarray:
    found = augment.move(tf.constant(pixels[None], tf.float32), chances(**named), wanted)
    return np.asarray(found)[0]


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.RandomState(2).randint(0, 256, (8, 8, 3)).astype(np.float32)


def test_flips_are_exact_and_happen_below_one_half(pixels: np.ndarray) -> None:
    both = Augment(flip="both")
    np.testing.assert_array_equal(moved(pixels, both, flip_x=0.49), pixels[:, ::-1])
    np.testing.assert_array_equal(moved(pixels, both, flip_y=0.49), pixels[::-1])
    np.testing.assert_array_equal(moved(pixels, both, flip_x=0.1, flip_y=0.1), pixels[::-1, ::-1])
    np.testing.assert_array_equal(moved(pixels, both), pixels)
    np.testing.assert_array_equal(moved(pixels, Augment(flip="vertical"), flip_x=0.1), pixels)
    np.testing.assert_array_equal(moved(pixels, Augment(flip="horizontal"), flip_y=0.1), pixels)


def test_a_shift_by_whole_pixels_is_exact_and_repeats_the_border(pixels: np.ndarray) -> None:
    quarter = Augment(shift=0.25)
    np.testing.assert_array_equal(moved(pixels, quarter, x=1.0), pixels[:, [2, 3, 4, 5, 6, 7, 7, 7]])
    np.testing.assert_array_equal(moved(pixels, quarter, y=0.0), pixels[[0, 0, 0, 1, 2, 3, 4, 5]])
    between = moved(pixels, quarter, x=0.75 - 0.125)
    np.testing.assert_allclose(between[:, :-1], (pixels[:, :-1] + pixels[:, 1:]) / 2)


def test_a_quarter_turn_about_the_centre(pixels: np.ndarray) -> None:
    turned = moved(pixels, Augment(rotation=90.0), angle=1.0)
    np.testing.assert_allclose(turned, np.rot90(pixels, 1), atol=1e-2)
    np.testing.assert_allclose(moved(pixels, Augment(rotation=180.0), angle=0.0), pixels[::-1, ::-1], atol=1e-2)


def test_a_zoom_keeps_the_centre_and_its_axes_are_apart() -> None:
    ramp = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), axis=-1)
    half = Augment(zoom=0.5)
    found = moved(ramp, half, zoom_x=0.0)
    np.testing.assert_allclose(found[..., 0], np.broadcast_to(4 + (np.arange(9) - 4) * 0.5, (9, 9)), atol=1e-5)
    np.testing.assert_allclose(found[..., 1], ramp[..., 1], atol=1e-5)
    found = moved(ramp, half, zoom_y=0.0)
    np.testing.assert_allclose(found[..., 0], ramp[..., 0], atol=1e-5)


def reference(pixels: np.ndarray, wanted: Augment, draws: np.ndarray) -> np.ndarray:
    """What `ImageDataGenerator` does, from its formulas: rotation, shift, shear, zoom, about the centre; then flips."""
    height, width, _ = pixels.shape
    spread = 2 * draws - 1
    angle, shear = math.radians(wanted.rotation * spread[0]), math.radians(wanted.shear * spread[3])
    rotation = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    shift = np.array([[1, 0, wanted.shift * width * spread[1]], [0, 1, wanted.shift * height * spread[2]], [0, 0, 1]])
    sheared = np.array([[1, -math.sin(shear), 0], [0, math.cos(shear), 0], [0, 0, 1]])
    zoom = np.diag([1 + wanted.zoom * spread[4], 1 + wanted.zoom * spread[5], 1])
    centre = np.array([[1, 0, width / 2 - 0.5], [0, 1, height / 2 - 0.5], [0, 0, 1]])
    whole = centre @ rotation @ shift @ sheared @ zoom @ np.linalg.inv(centre)
    result = np.zeros_like(pixels, dtype=np.float64)
    for row, column in itertools.product(range(height), range(width)):
        x, y, _ = whole @ [column, row, 1]
        result[row, column] = between_pixels(pixels, x, y)
    flip_x = wanted.flip in ("horizontal", "both") and draws[6] < 0.5
    flip_y = wanted.flip in ("vertical", "both") and draws[7] < 0.5
    return result[:: -1 if flip_y else 1, :: -1 if flip_x else 1]


def between_pixels(pixels: np.ndarray, x: float, y: float) -> np.ndarray:
    """The linear interpolation at a place; outside, the nearest pixel of the border."""
    height, width, _ = pixels.shape
    left, top = math.floor(x), math.floor(y)
    right, below = x - left, y - top

    def at(row: int, column: int) -> np.ndarray:
        return pixels[min(max(row, 0), height - 1), min(max(column, 0), width - 1)]

    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return upper * (1 - below) + lower * below


@pytest.mark.parametrize("shape", [(8, 8), (6, 9)], ids=["square", "oblong"])
def test_all_moves_together_agree_with_the_formulas(shape: tuple[int, int]) -> None:
    made = dataset(*shape)
    draws = augment.draws(COUNT, 11, 0)
    found = augment.move(tf.constant(made.train.images, tf.float32), draws, EVERYTHING).numpy()
    for image, moved_image, chance in zip(made.train.images, found, draws.numpy(), strict=True):
        np.testing.assert_allclose(moved_image, reference(image, EVERYTHING, chance), atol=0.02)


def test_the_draws_are_spread_evenly() -> None:
    maps = augment.maps(augment.draws(20_000, 5, 0), Augment(shift=0.25), 8, 8).numpy()
    for shifts in (maps[:, 2], maps[:, 5]):
        assert -2 <= shifts.min() < -1.99
        assert 1.99 < shifts.max() <= 2
        counts = np.histogram(shifts, 10, (-2, 2))[0]
        assert 1800 < counts.min() <= counts.max() < 2200
    flips = augment.maps(augment.draws(20_000, 5, 0), Augment(flip="horizontal"), 8, 8).numpy()
    assert 9_700 < (flips[:, 0] < 0).sum() < 10_300
    assert (flips[:, 4] > 0).all()


def test_pixels_are_scaled_and_standardized() -> None:
    statistics = Statistics(np.array([0.5, 0.25, 0.1], np.float32), np.array([0.2, 0.3, 0.4], np.float32))
    made = dataset(divisor=255.0, statistics=statistics)
    data = Data(source="digits", standardize="channel", batch_size=100)
    ((images, labels),) = augment.evaluation_batches(made.test, made, data, one_hot=False).as_numpy_iterator()
    wanted = (made.test.images / 255 - statistics.mean) / (statistics.std + 1e-7)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, wanted, atol=1e-5)
    np.testing.assert_array_equal(labels, made.test.labels)
    shuffled, labels = next(augment.training_batches(made, data, 0, one_hot=False).as_numpy_iterator())
    np.testing.assert_allclose(shuffled, wanted[augment.order(COUNT, 0, 0).numpy()], atol=1e-5)


def test_evaluation_moves_nothing_and_keeps_the_order() -> None:
    data = plain(augment=EVERYTHING)
    made = dataset()
    found = list(augment.evaluation_batches(made.validation, made, data).as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate([images for images, _ in found]), made.validation.images)
    assert [len(images) for images, _ in found] == [5, 5, 5, 5, 3]


def test_digits_lie_between_0_and_1() -> None:
    data = Data(source="digits", augment=EVERYTHING)
    images, _ = next(augment.training_batches(load(data), data, 0).as_numpy_iterator())
    assert images.shape == (128, 8, 8, 1)
    assert 0 <= images.min() < 0.01
    assert 0.9 < images.max() <= 1.0001
