"""Examples that cannot be used are left out only where the recipe says so, and are always counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_files import pictures
from wrong_data import NUMBERS, flowers, table, text_of

from archdsl.data.dataset import Dataset, load
from archdsl.recipe import Data


def read(**words: object) -> Dataset:
    return load(Data(source={"csv": "mine.csv"}, **words), ports=NUMBERS)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_broken_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    table(width7="wide", color9="", kind12="")(tmp_path)
    with pytest.warns(UserWarning, match="csv mine.csv: ") as caught:
        dataset = read(broken="skip", missing="drop")
    told = [str(each.message) for each in caught]
    assert sum(dataset.skipped.values()) == 3
    assert sum(map(len, dataset.splits.values())) == 37
    assert any("skipped 1 of " in each and "mine.csv:8: `width` is `wide`" in each for each in told)
    assert any("dropped " in each and "with empty cells" in each for each in told)


def test_the_rest_is_as_without_the_broken_rows(tmp_path: Path) -> None:
    """A broken target is left out before the splits are chosen."""
    table(kind7="")(tmp_path)
    with pytest.warns(UserWarning, match="dropped 1 of 29 train examples with empty cells"):
        dropped = read(missing="drop")
    lines = flowers()
    (tmp_path / "mine.csv").write_text(text_of([*lines[:7], *lines[8:]]))
    clean = read()
    for name, split in clean.splits.items():
        assert split.targets["kind"].tolist() == dropped.splits[name].targets["kind"].tolist()
        assert split.inputs[""].tolist() == dropped.splits[name].inputs[""].tolist()


def test_a_fraction_may_be_larger(tmp_path: Path) -> None:
    table(**{f"width{row}": f"x{row}" for row in range(1, 10)})(tmp_path)
    with pytest.raises(Exception, match=r"9 of 40 examples are broken, more than 10%"):
        read(broken="skip", columns={"width": "number"})
    with pytest.warns(UserWarning, match="skipped"):
        assert sum(read(broken=0.3, columns={"width": "number"}).skipped.values()) == 9


def test_broken_images_of_a_folder_are_skipped(tmp_path: Path) -> None:
    pictures(tmp_path, parts="train test", count=12)
    (tmp_path / "mine/train/ant/3.png").write_bytes(b"nothing")
    with pytest.warns(UserWarning, match=r"skipped 1 of \d+ (train|validation) examples that cannot be read"):
        dataset = load(Data(source={"folder": "mine"}, broken="skip"))
    assert sum(map(len, dataset.splits.values())) == 47
    assert all(image.any() for image in dataset.images())


def test_classes_that_no_training_example_has_are_reported(tmp_path: Path) -> None:
    lines = flowers()
    lines[5][3] = "tulip"
    (tmp_path / "mine.csv").write_text(text_of(lines))
    with pytest.warns(UserWarning, match="no training example has the class `tulip`"):
        load(Data(source={"csv": "mine.csv"}), limit=10, seed=1, ports=NUMBERS)


def test_classes_of_inputs_that_training_lacks_are_unknown(tmp_path: Path) -> None:
    lines = flowers()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/train.csv").write_text(text_of(lines))
    lines[4][2] = "green"
    (tmp_path / "mine/test.csv").write_text(text_of(lines))
    with pytest.warns(UserWarning, match=r"`color` is unknown in 1 of 40 test examples, such as `green`"):
        dataset = load(Data(source={"csv": "mine"}), ports=NUMBERS)
    assert dataset.test.inputs[""][3, 2:].tolist() == [0, 0]
