"""Texts in folders by class, and MNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import CLOTHES, KINDS, fashion, idx

from archdsl.data.dataset import from_raw, load
from archdsl.data.ports import Port, Ports
from archdsl.data.readers import search
from archdsl.data.sources import mnist, read
from archdsl.errors import ArchError
from archdsl.recipe import Data
from archdsl.recipe.places import kind_at

REVIEWS = Data(source={"text_folder": "reviews"})


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(search, "SYSTEM", ())
    monkeypatch.chdir(tmp_path)


def reviews(*folders: str) -> None:
    for folder in folders:
        for name, word in (("bad", "dull"), ("good", "fine")):
            place = Path("reviews") / folder / name
            place.mkdir(parents=True)
            for number in range(3):
                (place / f"{number}.txt").write_text(f"{word} film {number} \u00e9t\u00e9", encoding="utf-8")


def test_texts_are_read_with_the_names_of_their_folders() -> None:
    reviews("")
    raw = read(REVIEWS)
    assert (raw.inputs, raw.targets, raw.test) == (("text",), ("label",), None)
    assert raw.columns["label"].classes == ("bad", "good")
    assert raw.train.read("text").tolist()[::3] == ["dull film 0 \u00e9t\u00e9", "fine film 0 \u00e9t\u00e9"]
    assert raw.train.take(np.array([5, 0])).read("label").tolist() == [1, 0]
    assert kind_at("reviews") == "text_folder"


def test_the_splits_of_texts_are_folders() -> None:
    reviews("train", "test", "val")
    Path("reviews/train/good/notes.pdf").touch()
    raw = read(REVIEWS)
    assert raw.validation is not None
    assert raw.test is not None
    assert (len(raw.train), len(raw.validation), len(raw.test)) == (6, 6, 6)
    assert raw.notes == ("skipped files that are not texts: 1 .pdf",)


def test_texts_that_are_not_utf_8_are_named_with_the_byte() -> None:
    reviews("")
    Path("reviews/bad/1.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ArchError) as caught:
        read(REVIEWS).train.read("text")
    assert "reviews/bad/1.txt is not UTF-8 text: byte 3 is invalid" in str(caught.value)
    Path("reviews/good/2.txt").write_bytes(b"\xff")
    with pytest.raises(ArchError) as caught:
        from_raw(
            read(REVIEWS),
            Data(source=REVIEWS.source, validation=0.2),
            ports=Ports({"": Port((4,), "int32", 100)}, {"": Port((2,))}),
        )
    shown = str(caught.value)
    assert all(f"reviews/{name} is not UTF-8 text" in shown for name in ("bad/1.txt", "good/2.txt"))


def test_a_folder_of_images_is_no_folder_of_texts() -> None:
    for name in ("cat", "dog"):
        Path("reviews", name).mkdir(parents=True)
        Path("reviews", name, "1.png").touch()
    with pytest.raises(ArchError, match="no texts of this class"):
        read(REVIEWS)


@pytest.mark.parametrize("layout", ["data/mnist", "data/MNIST/raw", "keras/datasets/mnist.npz"])
def test_every_layout_of_mnist_reads_alike(layout: str, tmp_path: Path) -> None:
    (tmp_path / layout).parent.mkdir(parents=True)
    if layout.endswith(".npz"):
        np.savez(layout, x_train=CLOTHES[:40], y_train=KINDS[:40], x_test=CLOTHES[40:], y_test=KINDS[40:])
    else:
        fashion(tmp_path).rename(tmp_path / layout)
    dataset = load(Data(source="mnist", validation=0.0))
    np.testing.assert_array_equal(dataset.images()[..., 0], CLOTHES[:40])
    assert dataset.labels("test").tolist() == KINDS[40:].tolist()
    assert dataset.label.classes == tuple("0123456789")


@pytest.mark.parametrize(("name", "other"), [("mnist", "Fashion-MNIST"), ("fashion_mnist", "MNIST")])
def test_the_files_of_one_set_are_refused_under_the_name_of_the_other(name: str, other: str, tmp_path: Path) -> None:
    what, first = mnist.FIRST_LABELS[other]
    labels = np.resize(np.array(first, np.uint8), 10_000)
    images = np.zeros((10_000, 28, 28), np.uint8)
    folder = fashion(tmp_path, packed=False, train_images=idx(images), train_labels=idx(labels))
    with pytest.raises(ArchError, match=f"contains {what}, not"):
        load(Data(source=name), folder)
