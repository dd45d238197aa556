"""How a data set is divided, limited and measured."""

from __future__ import annotations

import numpy as np
import pytest

from archdsl.data.dataset import load, stratified_rows
from archdsl.data.pixels import measure
from archdsl.errors import ArchError
from archdsl.recipe import Data

pytestmark = pytest.mark.tensorflow

DIGITS = Data(source="digits")


def test_the_embedded_digits_have_their_sizes_and_shares() -> None:
    dataset = load(DIGITS)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (1293, 144, 360)
    assert dataset.image.shape == (8, 8, 1)
    assert dataset.image.largest == 16 == dataset.images().max()
    assert (dataset.label.classes, dataset.origin) == (tuple("0123456789"), "embedded")
    for part, smallest, greatest in ((dataset.train, 125, 132), (dataset.validation, 14, 15), (dataset.test, 35, 37)):
        counts = np.bincount(part.targets["label"], minlength=10)
        assert smallest <= counts.min() <= counts.max() <= greatest


def test_no_image_stands_in_two_parts() -> None:
    dataset = load(DIGITS)
    parts = (dataset.train, dataset.validation, dataset.test)
    seen = [{image.tobytes() for image in part.inputs[""]} for part in parts]
    assert len(set.union(*seen)) == sum(len(part) for part in parts) == 1797


def test_the_division_follows_the_seed_alone() -> None:
    first, again, other = load(DIGITS), load(DIGITS), load(DIGITS, seed=1)
    assert first.images("validation").tobytes() == again.images("validation").tobytes()
    assert first.images().tobytes() == again.images().tobytes()
    assert first.images("validation").tobytes() != other.images("validation").tobytes()
    assert first.images("test").tobytes() == other.images("test").tobytes()


def test_a_limit_takes_training_images_of_every_class_before_the_division() -> None:
    whole, few = load(DIGITS), load(DIGITS, limit=200)
    assert (len(few.train), len(few.validation), len(few.test)) == (180, 20, 360)
    counts = np.bincount(np.concatenate([few.labels(), few.labels("validation")]), minlength=10)
    assert 19 <= counts.min() <= counts.max() <= 21
    assert np.bincount(few.labels("validation"), minlength=10).tolist() == [2] * 10
    assert len(load(DIGITS, limit=10_000).train) == len(whole.train)


@pytest.mark.parametrize("limit", [-1, 0, 1, 2])
def test_a_limit_that_leaves_nothing_is_refused(limit: int) -> None:
    with pytest.raises(ArchError, match="ARCH203"):
        load(DIGITS, limit=limit)


def test_shares_are_rounded_to_the_wanted_number() -> None:
    labels = np.repeat([0, 1, 2], [70, 20, 10]).astype(np.int64)
    for count in range(101):
        rows = stratified_rows(labels, count, 3)
        assert len(set(rows.tolist())) == len(rows) == count
        assert np.abs(np.bincount(labels[rows], minlength=3) - np.array([0.7, 0.2, 0.1]) * count).max() < 1


def test_statistics_without_scaling_are_those_of_raw_pixels() -> None:
    dataset = load(Data(source="digits", standardize=True, scale=False))
    assert dataset.image.statistics is not None
    np.testing.assert_allclose(dataset.image.statistics.mean, [dataset.images().mean()], rtol=1e-6)


def test_statistics_do_not_depend_on_the_order() -> None:
    images = load(DIGITS).images()
    forwards, backwards = measure(images, 16.0, False), measure(images[::-1].copy(), 16.0, False)
    assert forwards.mean.tobytes() == backwards.mean.tobytes()
    assert forwards.std.tobytes() == backwards.std.tobytes()
