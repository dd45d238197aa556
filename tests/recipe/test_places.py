"""What a file or folder is recognized as, by its name and layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl import zoo
from archdsl.recipe import DATA_SOURCES, data_at, source_at, source_text
from archdsl.recipe.places import EXTENSIONS, kind_at


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (("cat/1.png", "dog/1.png"), "folder"),
        (("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png"), "folder"),
        (("images/1.png", "masks/1.png"), "masks"),
        (("train/images/1.png", "train/masks/1.png"), "masks"),
        (("train.csv", "test.csv"), "csv"),
        (("one.txt", "two.txt"), "text"),
        (("notes.txt", "cat/1.png", "dog/1.png"), "folder"),
        (("bad/1.txt", "good/1.txt"), "text_folder"),
        (("train/bad/1.txt", "test/bad/1.txt"), "text_folder"),
        ((".hidden.txt", "1.png"), "folder"),
        ((), "folder"),
    ],
)
def test_a_folder_by_its_layout(files: tuple[str, ...], kind: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert kind_at(tmp_path) == kind
    assert source_at(str(tmp_path)) == {kind: str(tmp_path)}


def test_a_file_by_its_extension() -> None:
    assert {*EXTENSIONS.values()} <= DATA_SOURCES.keys()
    assert source_at("houses.CSV") == {"csv": "houses.CSV"}
    assert source_at("signals.npz") == {"npz": "signals.npz"}
    assert source_at("nowhere") is None
    assert source_at("net.yaml") is None


def test_a_name() -> None:
    assert source_at("digits") == "digits"
    assert source_at("tfds:mnist") == {"tfds": "mnist"}
    assert source_at("npz:signals") is None


@pytest.mark.parametrize("place", ["digits", "my photos.npz", "a: {b}.csv", "tfds:mnist"])
def test_the_text_of_a_source_is_read_back(place: str) -> None:
    source = source_at(place)
    assert source is not None
    spec = zoo.loads(f"""\
archdsl: 1
name: Net
input: [8]
model: [dense: {{units: 1}}]
data: {{source: {source_text(source)}}}
""")
    assert spec.data is not None
    assert spec.data.source == source, json.dumps(source)


def test_a_folder_that_links_to_itself_is_left_to_its_source(tmp_path: Path) -> None:
    (tmp_path / "train").symlink_to("train")
    assert kind_at(tmp_path) == "folder"


def test_a_folder_with_the_name_of_a_data_set_is_mentioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits/a").mkdir(parents=True)
    with pytest.warns(UserWarning, match=r"for the folder of that name, write `\./digits`"):
        assert data_at("digits").source == "digits"
    assert data_at("./digits").source == {"folder": "./digits"}
