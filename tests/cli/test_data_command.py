"""`archdsl data`: its output and its pictures."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_files import fashion, of_images, pictures
from documents import ROOT, blocks, whole
from PIL import Image
from wrong_data import cells_and_masks, flowers, text_of

from archdsl.cli import main
from archdsl.data.dataset import load
from archdsl.data.readers import search
from archdsl.data.samples import SIDE, AugmentedSamples, describe_augment, draw, sample_rows
from archdsl.recipe import Augment, Data

Golden = Callable[[str, str], None]
Run = Callable[..., tuple[int, str, str]]

SPEC = """
archdsl: 1
name: Net
input: [12, 10, 3]
model: [conv: {filters: 4, kernel: 3}, flatten, dense: {units: 3, activation: softmax}]
data: {source: {folder: mine}, batch_size: 8, validation: 0.25, class_weights: balanced%s}
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `archdsl data` in an empty folder on a machine without data: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHDSL_DATA", str(tmp_path / "variable"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(search, "SYSTEM", (Path("/system"),))

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["archdsl", "data", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        told = capsys.readouterr()
        out, err = (text.replace(str(tmp_path), "DIR") for text in (told.out, told.err))
        out = re.sub(r" {2,}(found|not there)$", r"  \1", out, flags=re.MULTILINE)  # as wide as the folder's name
        return int(caught.value.code or 0), out, err

    return command


def uneven(folder: Path) -> None:
    """Three classes of 40, 12 and 4 images, two of which are equal."""
    for name, count in (("ant", 40), ("bee", 12), ("cat", 4)):
        pictures(folder, name, count=count)
    (folder / "mine/bee/1.png").write_bytes((folder / "mine/ant/0.png").read_bytes())


def test_a_known_set(run: Run, golden: Golden, tmp_path: Path) -> None:
    fashion(tmp_path / "data")
    code, out, err = run("fashion_mnist")
    assert (code, err) == (0, "")
    golden("data/command_fashion_mnist.txt", out)
    assert max(map(len, out[out.index("\nclass") :].splitlines())) <= 80


def test_a_spec_with_its_network_and_weights(run: Run, golden: Golden, tmp_path: Path) -> None:
    uneven(tmp_path)
    (tmp_path / "net.yaml").write_text(SPEC % "")
    code, out, err = run("net.yaml")
    assert (code, err) == (0, "")
    told = [line for line in out.splitlines() if not line.startswith(("mean", "std"))]
    golden("data/command_spec.txt", "\n".join(told) + "\n")


def test_a_folder_of_many_classes_with_long_names(run: Run, golden: Golden, tmp_path: Path) -> None:
    for number in range(40):
        pictures(tmp_path, f"a_class_whose_name_is_long_and_ends_with_{number:02}_and_so_on", count=2 + number % 3)
    code, out, _ = run("mine")
    assert code == 0
    table = out[out.index("\nclass") :]
    golden("data/command_many.txt", table)
    assert max(map(len, table.splitlines()[:-1])) == 80


def test_images_that_the_network_does_not_take_are_noted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text((SPEC % "").replace("{folder: mine}", "digits"))
    assert "note        the network expects 12 x 10 x 3, but the images are 8 x 8 x 1\n" in run("net.yaml")[1]


def test_as_json(run: Run, tmp_path: Path) -> None:
    uneven(tmp_path)
    (tmp_path / "net.yaml").write_text(SPEC % "")
    found = json.loads(run("net.yaml", "--json")[1])
    dataset = load(
        Data(source={"folder": "mine"}, validation=0.25, class_weights="balanced"), ports=of_images(12, 10, 3)
    )
    assert dataset.label.weights is not None
    assert [each["weight"] for each in found["classes"]] == dataset.label.weights.tolist()
    assert sum(each["train"] for each in found["classes"]) == found["images"]["train"] == len(dataset.train)
    np.testing.assert_allclose(found["mean"], dataset.images().mean((0, 1, 2)) / 255, atol=1e-6)
    np.testing.assert_allclose(found["std"], dataset.images().std((0, 1, 2)) / 255, atol=1e-6)
    assert found["looked"] == [{"place": "mine", "found": True}]
    assert found["equal"]["other_label"] == 2
    assert found["shape"] == [12, 10, 3]


def test_images_of_other_sizes_are_shown_all_the_same(run: Run, tmp_path: Path) -> None:
    pictures(tmp_path)
    Image.new("RGB", (200, 100)).save(tmp_path / "mine/ant/wide.png")
    code, out, _ = run("mine")
    assert code == 0
    note = "images of 6 x 6 to 100 x 200 pixels are resized to 64 x 64, because no size is set"
    assert f"note        {note}\n" in out


def test_a_table_shows_its_columns(run: Run, golden: Golden, tmp_path: Path) -> None:
    lines = flowers(width7="wide", height9="", color12="")
    notes = ["note", *(f"a note about the flower {row}, which is long" for row in range(40))]
    text = text_of([[*line[:3], note, line[3]] for line, note in zip(lines, notes, strict=True)], ";")
    (tmp_path / "mine.csv").write_text(text)
    code, out, err = run("mine.csv")
    assert (code, err) == (0, "")
    golden("data/command_table.txt", out)
    assert max(map(len, out[out.index("\ncolumn") :].splitlines())) <= 80
    golden("data/command_table.json", run("mine.csv", "--json")[1])


def test_masks_show_the_shares_of_their_classes(run: Run, golden: Golden, tmp_path: Path) -> None:
    mine = cells_and_masks(tmp_path)
    (mine / "masks/3.png").write_bytes(b"no")
    code, out, err = run("mine")
    assert (code, err) == (0, "")
    golden("data/command_masks.txt", out)
    assert run("mine", "--out", "samples.png")[0] == 2


WRONG = {
    "not_there": ("cifar10",),
    "misspelt": ("cifr10",),
    "given_place": ("cifar100", "--data-dir", "elsewhere"),
    "set_beside_data": ("digits", "--set", "width=3"),
    "no_png": ("digits", "--out", "samples.jpeg"),
    "no_place_to_write": ("digits", "--out", "bare.yaml/samples.png"),
    "download_digits": ("digits", "--download"),
    "download_to_a_place": ("cifar10", "--download", "--data-dir", "here"),
    "spec_without_data": ("bare.yaml",),
}


@pytest.mark.parametrize("case", WRONG)
def test_invalid_uses_are_refused(case: str, run: Run, golden: Golden, tmp_path: Path) -> None:
    (tmp_path / "bare.yaml").write_text((SPEC % "").rsplit("data:", 1)[0])
    code, out, err = run(*WRONG[case])
    assert code in (1, 2, 3)
    golden(f"data/command_{case}.txt", f"{out}{err}")
    assert not list(tmp_path.glob("**/*.png"))


def test_the_arrays_of_the_documentation_are_read(run: Run, tmp_path: Path) -> None:
    document = (ROOT / "docs/reference/data-sources.md").read_text(encoding="utf-8")
    (made,) = [block.text for block in blocks(document) if block.language == "python"]
    (spec,) = [block.text for block in blocks(document) if block.language == "yaml" and "blobs.npz" in block.text]
    exec(compile(made, "docs/reference/data-sources.md", "exec"), {})  # noqa: S102 - our own page
    (tmp_path / "net.yaml").write_text(whole(spec))
    code, out, err = run("net.yaml")
    assert (code, err) == (0, "")
    assert "splits      train 135   validation 15   test 50\n" in out
    assert re.search(r"^blob +68 ", out, re.MULTILINE)


def test_nothing_is_downloaded_unasked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(socket, "socket", None)
    assert run("cifar10")[0] == 3


@pytest.mark.tensorflow
def test_a_download_without_a_network_ends_in_one_message(
    run: Run, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras = pytest.importorskip("keras")

    def offline() -> None:
        raise Exception("URL fetch failure on https://example.org/cifar.tar.gz: None -- Name or service not known")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", offline)
    code, out, err = run("cifar10", "--download")
    assert (code, out) == (3, "")
    golden("data/command_download_offline.txt", err)


@pytest.mark.parametrize("count", [2, 30])
def test_the_picture_has_samples_of_every_class(count: int, run: Run, tmp_path: Path) -> None:
    """Each class has one color, visible in the picture at the size of a sample."""
    colours = np.random.RandomState(0).randint(0, 200, (count, 3)).astype(np.uint8)
    for part in ("train", "test"):
        for label, colour in enumerate(colours):
            path = tmp_path / "mine" / part / f"{label:02}"
            path.mkdir(parents=True)
            Image.new("RGB", (8, 8), tuple(colour.tolist())).save(path / "a.png")
    code, _, err = run("mine", "--out", "samples.png")
    assert (code, err) == (0, "wrote samples.png\n")
    drawn = np.asarray(Image.open("samples.png").convert("RGB")).reshape(-1, 3)
    for colour in colours:
        assert (np.abs(drawn.astype(int) - colour).max(1) <= 1).sum() >= 0.9 * SIDE**2


def test_augmented_images_are_next_to_their_originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load(Data(source="digits"))
    rows = np.array([taken[0] for taken in sample_rows(dataset)])
    moved = AugmentedSamples(rows, tuple(dataset.images()[rows] * 0.0 + 8 for _ in range(3)), "nothing")
    draw(dataset, tmp_path / "both.png", moved)
    draw(dataset, tmp_path / "alone.png")
    both = np.asarray(Image.open(tmp_path / "both.png").convert("L"))
    grey = (both == 128).sum()
    assert grey >= 30 * 0.9 * (SIDE - 8) ** 2
    assert describe_augment(Augment(flip="both", crop=2)) == "flip both, crop 2"


@pytest.mark.tensorflow
def test_a_specs_augmentation_is_drawn(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    uneven(tmp_path)
    (tmp_path / "net.yaml").write_text(SPEC % ", augment: {flip: horizontal}")
    (tmp_path / "same.yaml").write_text(SPEC % "")
    assert run("net.yaml", "--out", "moved.png")[0] == 0
    assert run("same.yaml", "--out", "same.png")[0] == 0
    moved, same = (Image.open(f"{name}.png") for name in ("moved", "same"))
    assert moved.width > same.width
