"""Cutout, colours and mixtures: pixels by hand, and colours as Keras's layers change them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from pipelines import COUNT, ONE_HOT, epochs, made, recipe  # noqa: E402

from archdsl.data import pipeline  # noqa: E402
from archdsl.data.pipeline import augment as augmentation  # noqa: E402
from archdsl.data.pipeline import color, cutout, mixing, random_streams  # noqa: E402
from archdsl.data.pixels import Statistics  # noqa: E402
from archdsl.recipe import Augment  # noqa: E402

pytestmark = pytest.mark.tensorflow

LAYERS: dict[str, Any] = keras.layers.__dict__


def floats(*values: Any) -> Any:
    return tf.constant(values, tf.float32)


def test_a_square_is_cut_out_where_it_was_drawn() -> None:
    pixels, grey = tf.zeros([1, 4, 5, 1]), np.array([7], np.float32)

    def rows(centre: list[float], side: int) -> list[str]:
        found = cutout.cut_out(pixels, floats(centre), side, grey)[0, ..., 0].numpy()
        return ["".join(str(int(value)) for value in row) for row in found]

    assert rows([0.5, 0.5], 2) == ["00000", "07700", "07700", "00000"]
    assert rows([0.5, 0.5], 3) == ["00000", "07770", "07770", "07770"]
    assert rows([0.0, 0.0], 2) == ["70000", "00000", "00000", "00000"]
    assert rows([0.99, 0.99], 3) == ["00000", "00000", "00077", "00077"]
    assert rows([0.5, 0.5], 9) == ["77777"] * 4


def test_grey_becomes_zero_or_is_the_training_mean() -> None:
    statistics = Statistics(np.array([0.5, 0.25, 0.1], np.float32), np.array([0.2, 0.3, 0.4], np.float32))
    dataset, data = made(divisor=255.0, statistics=statistics), recipe(augment=Augment(cutout=64))
    ((images, _),) = epochs(data, 1, dataset=dataset)
    assert np.abs(images).max() < 1e-6
    plain = made()
    shown = pipeline.augmented(plain, data, 3, 0, range(2))
    np.testing.assert_allclose(shown[0, 0, 0], plain.images().mean(axis=(0, 1, 2)), rtol=1e-5)


@pytest.fixture
def pixels() -> np.ndarray:
    """Colours of every kind: noise, greys, black, white, pure ones, and pairs of equal channels."""
    noise = np.random.RandomState(1).randint(0, 256, (2, 6, 6, 3))
    noise[0, 0] = [[0, 0, 0], [255, 255, 255], [128, 128, 128], [255, 0, 0], [0, 255, 0], [0, 0, 255]]
    noise[0, 1] = [[9, 200, 200], [200, 9, 200], [200, 200, 9], [200, 9, 9], [9, 200, 9], [9, 9, 200]]
    return noise.astype(np.float32)


@pytest.mark.parametrize("amount", [-0.7, -0.1, 0.0, 0.1, 0.9])
def test_colours_change_as_in_keras(pixels: np.ndarray, amount: float) -> None:
    range_, each = {"value_range": (0, 255)}, floats(amount, amount)
    layer = LAYERS["RandomBrightness"](factor=(amount, amount), **range_)
    np.testing.assert_allclose(color.adjust_brightness(pixels, each, 255.0), layer(pixels, training=True), atol=1e-3)
    layer = LAYERS["RandomContrast"](factor=0.5, **range_)
    wanted = layer.transform_images(tf.constant(pixels), {"contrast_factor": (1 + each)[:, None, None, None]})
    np.testing.assert_allclose(color.adjust_contrast(pixels, 1 + each, 255.0), wanted, atol=1e-3)
    layer = LAYERS["RandomSaturation"](factor=((1 + amount) / 2,) * 2, value_range=(0, 1))
    wanted = 255 * layer(tf.constant(pixels / 255), training=True)
    np.testing.assert_allclose(color.adjust_saturation(pixels, (1 + each) / 2), wanted, atol=0.02)
    layer = LAYERS["RandomHue"](factor=0.5, **range_)
    wanted = layer.transform_images(tf.constant(pixels), {"factor": each / 2})
    np.testing.assert_allclose(color.adjust_hue(tf.constant(pixels), each / 2), wanted, atol=0.02)


def test_colours_by_hand() -> None:
    orange = tf.constant([[[[200.0, 100.0, 0.0]]]])
    assert color.adjust_brightness(orange, floats(0.4), 255.0)[0, 0, 0].numpy().tolist() == [255.0, 202.0, 102.0]
    np.testing.assert_allclose(color.adjust_hue(orange, floats(1 / 3))[0, 0, 0], [0, 200, 100], atol=1e-3)
    np.testing.assert_allclose(color.adjust_saturation(orange, floats(0.0))[0, 0, 0], [200, 200, 200], atol=1e-3)
    np.testing.assert_allclose(color.adjust_saturation(orange, floats(1 / 3))[0, 0, 0], [200, 150, 100], atol=1e-3)


@pytest.mark.parametrize("drawn", [0.0, 0.5, 1.0])
def test_the_ends_of_what_is_drawn_are_the_words_values(pixels: np.ndarray, drawn: float) -> None:
    chance, side, raw = floats(drawn, drawn), floats(1, 1) * (2 * drawn - 1), tf.constant(pixels)

    def changed(**words: float) -> Any:
        return color.adjust_colors(raw, dict.fromkeys(words, chance), Augment(**words), 255.0)

    for found, wanted in (
        (changed(brightness=0.2), color.adjust_brightness(raw, 0.2 * side, 255.0)),
        (changed(contrast=0.3), color.adjust_contrast(raw, 1 + 0.3 * side, 255.0)),
        (changed(saturation=0.4), color.adjust_saturation(raw, 0.5 + 0.2 * side)),
        (changed(hue=0.5), color.adjust_hue(raw, 0.25 * side)),
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-2)
        assert np.allclose(found, raw, atol=1e-2) == (drawn == 0.5)


def test_colours_stay_as_near_as_the_recipe_says() -> None:
    augment = Augment(brightness=0.1, saturation=0.0)
    dataset = made(count=400)
    shown = pipeline.augmented(dataset, recipe(augment=augment), 0, 0, range(400))
    between = (dataset.images() > 30) & (dataset.images() < 225)
    change = np.where(between, shown - dataset.images(), np.nan)
    each = np.nanmean(change, axis=(1, 2, 3)) / 255
    assert -0.1 <= each.min() < -0.098
    assert 0.098 < each.max() <= 0.1
    np.testing.assert_allclose(np.nanstd(change, axis=(1, 2, 3)), 0, atol=1e-3)


def mixed(share: float, pasted: bool, box: tuple[float, float] = (0.5, 0.5)) -> tuple[np.ndarray, float]:
    draws = {"share": floats(share), "pasted": tf.constant([pasted]), "box": floats(box)}
    pixels, taken = mixing.mix(tf.zeros([1, 4, 4, 1]), tf.ones([1, 4, 4, 1]), draws)
    return pixels.numpy()[0, ..., 0], float(taken[0, 0])


def test_a_blend_and_a_box_by_hand() -> None:
    pixels, taken = mixed(0.75, False)
    np.testing.assert_array_equal(pixels, np.full((4, 4), 0.25))
    assert taken == 0.25
    pixels, taken = mixed(0.75, True)
    np.testing.assert_array_equal(pixels, np.pad(np.ones((2, 2)), 1))
    assert taken == 0.25
    pixels, taken = mixed(0.75, True, (0.0, 0.0))
    assert pixels.sum() == pixels[0, 0] == 1
    assert taken == 1 / 16
    assert mixed(1.0, True)[1] == 0


@pytest.mark.parametrize("words", [{"mixup": 1.0}, {"cutmix": 1.0}, {"mixup": 0.5, "cutmix": 1.0}])
def test_images_and_labels_are_mixed_with_the_partner_as_it_looks_itself(words: dict[str, float]) -> None:
    augment = Augment(flip="horizontal", crop=1, **words)
    dataset, data = made(), recipe(augment=augment)
    ((images, targets),) = epochs(data, 1, one_hot=True)
    rows = random_streams.permutation(COUNT, 3, 0).numpy()
    mixes = {name: values.numpy() for name, values in random_streams.mixing_values(COUNT, augment, 3, 0).items()}
    shown = pipeline.augmented(dataset, data, 3, 0, range(COUNT))
    boxed, blended = 0, 0
    for row, image, target in zip(rows, images, targets, strict=True):
        partner = mixes["partner"][row]
        other, labels = target[partner % 10], {row % 10, partner % 10}
        assert abs(target.sum() - 1) < 1e-5
        assert set(np.flatnonzero(target)) <= labels
        if mixes["pasted"][row]:
            taken = np.isclose(image, shown[partner], atol=1e-3).all(-1) & ~np.isclose(image, shown[row]).all(-1)
            assert (taken | np.isclose(image, shown[row], atol=1e-3).all(-1)).all()
            assert len(labels) == 1 or abs(taken.mean() - other) < 1e-6
            boxed += 1
        else:
            share = mixes["share"][row]
            np.testing.assert_allclose(image, share * shown[row] + (1 - share) * shown[partner], atol=1e-3)
            assert len(labels) == 1 or abs(1 - share - other) < 1e-6
            blended += 1
    assert bool(boxed) == ("cutmix" in words)
    assert bool(blended) == ("mixup" in words)


def test_a_recipe_that_mixes_nothing_looks_at_one_image_each() -> None:
    seen = []
    dataset = made(count=20)

    class Spy(augmentation.ImageAugmentation):
        def __call__(self, images: Any, draws: Any) -> Any:
            seen.append(images.shape[0])
            return super().__call__(images, draws)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augmentation, "ImageAugmentation", Spy)
        for augment in (Augment(crop=1), Augment(crop=1, mixup=1.0)):
            next(iter(pipeline.training_batches(dataset, recipe(augment=augment), 0, ONE_HOT)))
    assert set(seen) == {5, 10}
