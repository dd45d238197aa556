"""Moves: each map is the one it says it is, agrees with Keras's and SciPy's, and whole pixels move exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

tf = pytest.importorskip("tensorflow")
ndimage = pytest.importorskip("scipy.ndimage")

from keras.src.legacy.preprocessing import image as legacy  # noqa: E402
from pipelines import made  # noqa: E402

from archdsl.data.pipeline import affine, crop, fill_mode, random_streams  # noqa: E402
from archdsl.recipe import Augment  # noqa: E402

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore:Please import `affine_transform`")]

WARPED = Augment(flip="both", shift=0.25, rotation=45.0, zoom=0.25, shear=15.0)
FILLS = ("nearest", "reflect", "wrap", "black")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.RandomState(2).randint(0, 256, (8, 8, 3)).astype(np.uint8)


def moved(pixels: np.ndarray, augment: Augment, **named: Any) -> np.ndarray:
    """One image moved by these draws; what is not named stays in the middle, where nothing happens."""
    drawn = {"angle": 0.5, "shear": 0.5, "shift": [0.5, 0.5], "zoom": [0.5, 0.5], "mirror": [False, False]} | named
    drawn = {name: tf.constant([value]) for name, value in drawn.items()}
    found: np.ndarray = affine.warp(tf.constant(pixels[None]), drawn, augment).numpy()[0]
    return found


def cut(pixels: np.ndarray, augment: Augment, **named: Any) -> np.ndarray:
    drawn = {name: tf.constant([value]) for name, value in named.items()}
    found: np.ndarray = crop.crop_and_flip(tf.constant(pixels[None]), drawn, augment).numpy()[0]
    return found


def test_what_stands_outside_an_image() -> None:
    row, places = np.array(list("abcd")), tf.range(-5, 9)
    wanted = {"nearest": "aaaaaabcddddd", "reflect": "bcdcbabcdcbab", "wrap": "dabcdabcdabcd"}
    for fill, letters in wanted.items():
        assert "".join(row[fill_mode.source_positions(places, 4, fill).numpy()])[: len(letters)] == letters
    assert fill_mode.in_bounds(places, 4).numpy().tolist() == [False] * 5 + [True] * 4 + [False] * 5
    assert fill_mode.source_positions(places, 1, "reflect").numpy().tolist() == [0] * 14


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 300), fill=st.sampled_from(["nearest", "reflect", "wrap"]), far=st.integers(0, 2000))
def test_outside_is_as_numpy_pads(size: int, fill: str, far: int) -> None:
    mode = {"nearest": "edge", "reflect": "reflect", "wrap": "wrap"}[fill]
    wanted = np.pad(np.arange(size), far, mode=mode)  # type: ignore[call-overload]
    np.testing.assert_array_equal(fill_mode.source_positions(tf.range(-far, size + far), size, fill).numpy(), wanted)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize(
    ("mirror", "flip"), [([False, False], "none"), ([True, False], "alternate"), ([True, True], "both")]
)
def test_a_crop_is_a_window_of_the_padded_image(pixels: np.ndarray, fill: str, mirror: list[bool], flip: str) -> None:
    augment = Augment(crop=3, fill=fill, flip=flip)
    mode = {"nearest": "edge", "black": "constant"}.get(fill, fill)
    padded = np.pad(pixels, ((3, 3), (3, 3), (0, 0)), mode=mode)  # type: ignore[call-overload]
    for top, left in ((0, 0), (6, 6), (2, 5)):
        window = padded[top : top + 8, left : left + 8]
        wanted = window[:: -1 if mirror[1] else 1, :: -1 if mirror[0] else 1]
        named = {"crop": [(top + 0.5) / 7, (left + 0.5) / 7]} | ({"mirror": mirror} if flip != "none" else {})
        found = cut(pixels, augment, **named)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_allclose(moved(pixels, augment, **named), wanted, atol=1e-3)


def test_a_crop_by_hand() -> None:
    row = np.array([[10, 20, 30, 40]], np.uint8)[..., None]
    for fill, wanted in (("nearest", [10, 10, 10, 20]), ("reflect", [30, 20, 10, 20]), ("wrap", [30, 40, 10, 20])):
        assert cut(row, Augment(crop=2, fill=fill), crop=[0.5, 0.0])[0, :, 0].tolist() == wanted
    assert cut(row, Augment(crop=2, fill="black"), crop=[0.5, 0.99])[0, :, 0].tolist() == [30, 40, 0, 0]


def test_every_place_of_a_crop_is_drawn_alike() -> None:
    found = np.stack(
        crop.crop_offsets(random_streams.augmentation_values(25_000, Augment(crop=2), 1, 0), Augment(crop=2))
    )
    assert np.abs(found).max() == 2
    counts = np.bincount(5 * (found[0] + 2) + found[1] + 2, minlength=25)
    assert 850 < counts.min() <= counts.max() < 1150


def test_flips_are_exact(pixels: np.ndarray) -> None:
    both = Augment(flip="both")
    for way in (cut, moved):
        np.testing.assert_array_equal(way(pixels, both, mirror=[True, False]), pixels[:, ::-1])
        np.testing.assert_array_equal(way(pixels, both, mirror=[False, True]), pixels[::-1])
        np.testing.assert_array_equal(way(pixels, both, mirror=[True, True]), pixels[::-1, ::-1])
        np.testing.assert_array_equal(way(pixels, both, mirror=[False, False]), pixels)


def test_a_shift_by_whole_pixels_is_exact_and_repeats_the_border(pixels: np.ndarray) -> None:
    quarter = Augment(shift=0.25)
    np.testing.assert_array_equal(moved(pixels, quarter, shift=[1.0, 0.5]), pixels[:, [2, 3, 4, 5, 6, 7, 7, 7]])
    np.testing.assert_array_equal(moved(pixels, quarter, shift=[0.5, 0.0]), pixels[[0, 0, 0, 1, 2, 3, 4, 5]])
    between = moved(pixels, quarter, shift=[0.625, 0.5])
    np.testing.assert_allclose(between[:, :-1], (pixels[:, :-1] / 2 + pixels[:, 1:] / 2))


def test_a_quarter_turn_about_the_centre(pixels: np.ndarray) -> None:
    turned = moved(pixels, Augment(rotation=90.0), angle=1.0)
    np.testing.assert_allclose(turned, np.rot90(pixels, 1), atol=1e-2)
    np.testing.assert_allclose(moved(pixels, Augment(rotation=180.0), angle=0.0), pixels[::-1, ::-1], atol=1e-2)


def test_a_zoom_keeps_the_centre_and_its_axes_are_apart() -> None:
    ramp = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), axis=-1).astype(np.float32)
    half = Augment(zoom=0.5)
    found = moved(ramp, half, zoom=[0.0, 0.5])
    np.testing.assert_allclose(found[..., 0], np.broadcast_to(4 + (np.arange(9) - 4) * 0.5, (9, 9)), atol=1e-5)
    np.testing.assert_allclose(found[..., 1], ramp[..., 1], atol=1e-5)
    found = moved(ramp, half, zoom=[0.5, 0.0])
    np.testing.assert_allclose(found[..., 0], ramp[..., 0], atol=1e-5)


def by_keras(image: np.ndarray, augment: Augment, drawn: dict[str, np.ndarray]) -> np.ndarray:
    """What `ImageDataGenerator` makes of an image by these draws of ours."""
    side = image.shape[0]
    spread = {name: 2 * values - 1 for name, values in drawn.items() if name != "mirror"}
    wanted = {
        "theta": augment.rotation * spread["angle"],
        "tx": augment.shift * side * spread["shift"][0],
        "ty": augment.shift * side * spread["shift"][1],
        "shear": augment.shear * spread["shear"],
        "zx": 1 + augment.zoom * spread["zoom"][0],
        "zy": 1 + augment.zoom * spread["zoom"][1],
        "flip_horizontal": drawn["mirror"][0],
        "flip_vertical": drawn["mirror"][1],
    }
    return np.asarray(legacy.ImageDataGenerator().apply_transform(image.astype(np.float32), wanted))


def test_all_moves_together_are_those_of_keras_pixel_by_pixel() -> None:
    images = made(8, 8).images()
    drawn = random_streams.augmentation_values(len(images), WARPED, 11, 0)
    found = affine.warp(tf.constant(images), drawn, WARPED).numpy()
    for place, image in enumerate(images):
        one = {name: values[place].numpy() for name, values in drawn.items()}
        np.testing.assert_allclose(found[place], by_keras(image, WARPED, one), atol=0.02)


def test_the_map_of_an_oblong_image_is_about_its_own_centre() -> None:
    """Keras's generator takes the height for the width there, so that its formula stands here."""
    drawn = random_streams.augmentation_values(50, WARPED, 11, 0)
    found = affine.matrices(drawn, WARPED, 6, 9).numpy()
    for place in range(50):
        one = {name: values[place].numpy().astype(float) for name, values in drawn.items()}
        spread = {name: 2 * values - 1 for name, values in one.items()}
        angle, shear = np.radians([45 * spread["angle"], 15 * spread["shear"]])
        rotation = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
        shift = [[1, 0, 0.25 * 9 * spread["shift"][0]], [0, 1, 0.25 * 6 * spread["shift"][1]], [0, 0, 1]]
        sheared = [[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]]
        zoom = np.diag([*(1 + 0.25 * spread["zoom"]), 1])
        flip = np.diag([*(1 - 2 * one["mirror"]), 1])
        centre = np.array([[1, 0, 4], [0, 1, 2.5], [0, 0, 1]])
        whole = np.linalg.multi_dot([centre, rotation, shift, sheared, zoom, flip, np.linalg.inv(centre)])
        np.testing.assert_allclose(found[place], whole, atol=1e-5)


def test_many_draws_have_the_moments_of_keras() -> None:
    """Mean and spread of each pixel over 4,000 draws; the tolerance is 5 standard errors of the widest pixel."""
    image = np.kron(np.random.RandomState(3).randint(0, 256, (4, 4, 1)), np.ones((3, 3, 1))).astype(np.uint8)
    count = 4_000
    ours = affine.warp(
        tf.constant(np.repeat(image[None], count, 0)), random_streams.augmentation_values(count, WARPED, 1, 0), WARPED
    )
    generator = legacy.ImageDataGenerator(
        rotation_range=45, width_shift_range=0.25, height_shift_range=0.25, zoom_range=0.25, shear_range=15,
        horizontal_flip=True, vertical_flip=True,
    )  # fmt: skip
    np.random.seed(0)
    theirs = np.stack([generator.random_transform(image.astype(np.float32)) for _ in range(count)])
    error = theirs.std(axis=0).max() / np.sqrt(count)
    np.testing.assert_allclose(ours.numpy().mean(axis=0), theirs.mean(axis=0), atol=5 * error * np.sqrt(2))
    np.testing.assert_allclose(ours.numpy().std(axis=0), theirs.std(axis=0), atol=5 * error)


@pytest.mark.parametrize(
    ("fill", "mode"),
    [("nearest", "nearest"), ("reflect", "mirror"), ("wrap", "grid-wrap"), ("black", "grid-constant")],
)
def test_every_fill_is_one_of_scipy(pixels: np.ndarray, fill: str, mode: str) -> None:
    random = np.random.RandomState(4)
    for _ in range(5):
        matrix = np.eye(3) + np.vstack([random.uniform(-0.8, 0.8, (2, 3)), np.zeros((1, 3))])
        matrix[:2, 2] *= 12
        found = affine.sample(tf.constant(pixels[None]), tf.constant(matrix[None], tf.float32), fill)[0]
        swapped = matrix[[1, 0, 2]][:, [1, 0, 2]]  # SciPy names the row first
        for channel in range(3):
            plane = pixels[..., channel].astype(np.float64)
            wanted = ndimage.affine_transform(plane, swapped, order=1, mode=mode)
            np.testing.assert_allclose(found[..., channel], wanted, atol=0.02)


def test_a_map_without_a_word_is_none() -> None:
    drawn = random_streams.augmentation_values(3, Augment(flip="horizontal", shift=0.25), 1, 0)
    maps = affine.matrices(drawn, Augment(shift=0.25), 8, 8).numpy()
    np.testing.assert_allclose(np.abs(maps[:, :2, :2]), np.broadcast_to(np.eye(2), (3, 2, 2)), atol=1e-6)
    assert (np.abs(affine.matrices(drawn, Augment(flip="horizontal"), 8, 8).numpy()[:, 1, 2]) < 1e-5).all()
