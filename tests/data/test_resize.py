"""Images, masks and image targets are stretched, cropped or padded alike, as Pillow does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from wrong_data import mask

from archdsl.data import input_description
from archdsl.data.dataset import load
from archdsl.data.inputs import ImageInput
from archdsl.data.targets import ImageTarget, MaskTarget
from archdsl.recipe import Data

SIZE = (6, 6)


def wanted(image: Image.Image, how: str, resampling: Image.Resampling) -> np.ndarray:
    """What Pillow makes of an image."""
    if how == "stretch":
        return np.asarray(image.resize(SIZE, resampling))
    return np.asarray((ImageOps.fit if how == "crop" else ImageOps.pad)(image, SIZE, resampling))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten wide images, each with a mask that marks where it is bright."""
    monkeypatch.chdir(tmp_path)
    for number in range(10):
        values = np.random.RandomState(number).randint(0, 256, (8, 16)).astype(np.uint8)
        mask(tmp_path / f"mine/images/{number}.png", values)
        mask(tmp_path / f"mine/masks/{number}.png", (values > 127).astype(np.uint8))
        mask(tmp_path / f"classes/{'ab'[number % 2]}/{number}.png", values)
    return tmp_path


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
def test_images_and_masks_are_fitted_alike(how: str, place: Path) -> None:
    dataset = load(Data(source={"masks": "mine"}, size=SIZE, resize=how, test=0.1, validation=0.0))
    found = {image.tobytes(): mask for image, mask in zip(dataset.images(), dataset.train.targets["mask"], strict=True)}
    assert len(found) == 9
    matched = 0
    for number in range(10):
        image, of_image = (Image.open(place / f"mine/{folder}/{number}.png") for folder in ("images", "masks"))
        key = wanted(image, how, Image.Resampling.BILINEAR)[..., None].tobytes()
        if key in found:
            matched += 1
            np.testing.assert_array_equal(found[key], wanted(of_image, how, Image.Resampling.NEAREST))
    assert matched == 9
    assert isinstance(dataset.targets["mask"], MaskTarget)


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
def test_arrays_are_fitted_as_files_are(how: str, place: Path) -> None:
    files = load(Data(source={"folder": "classes"}, size=SIZE, resize=how, validation=0.0))
    paths = sorted((place / "classes").glob("*/*.png"))
    arrays = np.stack([np.asarray(Image.open(path)) for path in paths])
    np.savez("mine.npz", x=arrays, y=np.repeat([0, 1], 5))
    read = load(Data(source={"npz": "mine.npz"}, size=SIZE, resize=how, validation=0.0))
    np.testing.assert_array_equal(files.images(), read.images())


def test_an_image_target_is_fitted_as_its_input(place: Path) -> None:
    dataset = load(Data(source={"folder": "classes"}, targets="image", size=SIZE, resize="pad", validation=0.0))
    assert isinstance(dataset.targets["image"], ImageTarget)
    np.testing.assert_array_equal(dataset.images(), dataset.train.targets["image"])
    assert not dataset.images()[:, [0, -1]].any()


def test_a_description_has_the_way_of_fitting_unless_images_are_stretched(place: Path) -> None:
    """Descriptions of models from before `resize` lack it, and mean `stretch`."""
    for how in ("crop", "stretch"):
        dataset = load(Data(source={"folder": "classes"}, size=SIZE, resize=how))
        described = input_description.describe(dataset, "classes")
        assert described.get("resize") == (how if how == "crop" else None)
        read = input_description.read(described, "model.keras").inputs[""]
        assert isinstance(read, ImageInput)
        assert read.needs["image"].resize == read.resize == how
