"""Each way in which data can be wrong: one message, that names the file and says what to do."""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import CLOTHES, IMAGES, KINDS, cifar100, fashion, idx, picture, pictures

from archdsl.data.dataset import load
from archdsl.data.readers import files, search
from archdsl.errors import ArchError
from archdsl.recipe import Data

Golden = Callable[[str, str], None]
Write = Callable[[Path], Any]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds a data set of this machine; all have the same memory."""
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(search, "SYSTEM", (Path("/system"),))
    monkeypatch.setattr(files, "budget", lambda: 4_000_000)
    monkeypatch.chdir(tmp_path)


LABELS = np.arange(40) % 4
ARRAYS = {"x_train": IMAGES[:28], "y_train": LABELS[:28], "x_test": IMAGES[28:], "y_test": LABELS[28:]}


def told(source: Any, folder: Path | None, **words: Any) -> str:
    """The message of the one problem that there is, without the folder's own name."""
    with pytest.raises(ArchError) as caught:
        load(Data(source=source, **words), folder)
    assert len(caught.value.problems) == 1
    text = re.sub(r" \(\d+ bytes not processed\)", "", str(caught.value))  # Pillow's, of images drawn at random
    return f"{text.replace(str(Path.cwd()), 'DIR')}\n"


def npz(**changed: Any) -> Write:
    """Arrays with some of them otherwise; None leaves one out."""
    arrays = {name: array for name, array in (ARRAYS | changed).items() if array is not None}
    return lambda folder: np.savez(folder / "mine.npz", **arrays)


def alone(x: Any, y: Any, **more: Any) -> Write:
    return lambda folder: np.savez(folder / "mine.npz", x=x, y=y, **more)


def cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def cut_npz(folder: Path) -> None:
    npz()(folder)
    cut(folder / "mine.npz")


def bomb(folder: Path) -> None:
    """An archive of 20 KB that unpacks to 20 MB."""
    with zipfile.ZipFile(folder / "mine.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(20_000_000))


class Hostile:
    """Makes a folder, should anybody unpickle it."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("harmed",)


FLOATS = IMAGES.astype(np.float32) / 255
HOLE = np.where(np.arange(IMAGES.size).reshape(IMAGES.shape) % 1000 == 7, np.nan, FLOATS)
WRONG_NPZ: dict[str, Write] = {
    "missing": lambda folder: None,
    "no_zip": lambda folder: (folder / "mine.npz").write_bytes(b"<html>404</html>"),
    "cut_short": cut_npz,
    "bomb": bomb,
    "objects": npz(x_train=np.array([Hostile()] * 28, object)),
    "without_labels": npz(y_test=None),
    "without_arrays": lambda folder: np.savez(folder / "mine.npz"),
    "channels_first": npz(x_train=ARRAYS["x_train"].transpose(0, 3, 1, 2)),
    "flat": npz(x_train=ARRAYS["x_train"].reshape(28, -1)),
    "five_channels": alone(np.zeros((40, 6, 5, 5), np.uint8), LABELS),
    "text_for_pixels": alone(np.full((40, 6, 5, 3), "a"), LABELS),
    "not_a_number": alone(HOLE, LABELS),
    "standardized": alone(FLOATS * 4 - 2, LABELS),
    "too_bright": alone(IMAGES.astype(np.int32) + 200, LABELS),
    "between_the_steps": alone(FLOATS * 0.99, LABELS),
    "one_hot": npz(y_train=np.eye(4)[ARRAYS["y_train"]]),
    "float_labels": npz(y_train=ARRAYS["y_train"].astype(float)),
    "fewer_labels": npz(y_train=ARRAYS["y_train"][:-1]),
    "no_images": npz(x_test=IMAGES[:0], y_test=LABELS[:0]),
    "negative_label": alone(IMAGES, LABELS - 1),
    "labels_from_one": alone(IMAGES, LABELS + 1),
    "label_without_name": alone(IMAGES, LABELS, classes=np.array(["ant", "bee", "cat"])),
    "name_without_images": alone(IMAGES, LABELS, classes=np.array(["ant", "bee", "cat", "dog", "elk"])),
    "name_twice": alone(IMAGES, LABELS, classes=np.array(["ant", "bee", "cat", "ant"])),
    "names_of_no_kind": alone(IMAGES, LABELS, classes=np.array([[0.5, 1.0]])),
    "one_class": alone(IMAGES, LABELS * 0),
    "hash_for_a_label": alone(IMAGES, LABELS * 1_000_000),
    "parts_of_other_shapes": npz(x_test=IMAGES[28:, :5]),
    "a_folder": lambda folder: (folder / "mine.npz").mkdir(),
}


@pytest.mark.parametrize("case", WRONG_NPZ)
def test_wrong_arrays(case: str, tmp_path: Path, golden: Golden) -> None:
    WRONG_NPZ[case](tmp_path)
    golden(f"npz_{case}.txt", told({"npz": "mine.npz"}, None))
    assert not Path("harmed").exists()


def with_file(name: str, content: bytes) -> Write:
    return lambda folder: (pictures(folder) / name).write_bytes(content)


def broken_jpegs(folder: Path) -> None:
    pictures(folder, parts="train val test")
    for name in ("ant/7.jpg", "bee/8.jpg"):
        cut(picture(folder / "mine/train" / name, (64, 64)), 0.6)
    (folder / "mine/train/bee/9.png").write_bytes(b"")


def bomb_image(folder: Path) -> None:
    """A PNG that says, in a few bytes, that it is 60,000 pixels high and wide."""
    content = (pictures(folder) / "ant/0.png").read_bytes()
    header = struct.pack(">II", 60_000, 60_000)
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + header + content[24:29]))
    (folder / "mine/ant/0.png").write_bytes(content[:16] + header + content[24:29] + crc + content[33:])


def loop(folder: Path) -> None:
    (pictures(folder) / "ant/again").symlink_to(folder / "mine/ant", target_is_directory=True)


def link_to_itself(folder: Path) -> None:
    (pictures(folder) / "bee/self.png").symlink_to(folder / "mine/bee/self.png")


def other_classes(folder: Path) -> None:
    pictures(folder, parts="train")
    pictures(folder, "ant beee", parts="test")


def fewer_classes(folder: Path) -> None:
    pictures(folder, "ant bee cat", parts="train")
    pictures(folder, "ant", parts="val")


def nested(folder: Path) -> None:
    pictures(folder / "mine/photos").rename(folder / "moved")
    (folder / "moved").rename(folder / "mine/photos/inner")
    (folder / "mine/photos/inner").rename(folder / "mine/inner")
    (folder / "mine/photos").rmdir()


WRONG_FOLDERS: dict[str, Write] = {
    "missing": lambda folder: None,
    "a_file": lambda folder: (folder / "mine").write_bytes(b"PK"),
    "empty": lambda folder: (folder / "mine").mkdir(),
    "loose_images": lambda folder: [picture(folder / "mine" / f"{number}.png") for number in range(3)],
    "one_class": lambda folder: pictures(folder, "ant"),
    "folder_in_a_folder": nested,
    "class_without_images": lambda folder: (pictures(folder) / "cat").mkdir(),
    "class_of_other_files": lambda folder: [
        (pictures(folder) / "cat").mkdir(),
        [(folder / "mine/cat" / name).write_text("x") for name in ("a.txt", "b.svg")],
    ],
    "no_training_part": lambda folder: pictures(folder, parts="test val"),
    "class_only_in_test": other_classes,
    "class_not_in_val": fewer_classes,
    "not_an_image": with_file("ant/5.png", b"<html>not found</html>"),
    "empty_image": with_file("ant/5.jpg", b""),
    "broken_jpegs": broken_jpegs,
    "bomb": bomb_image,
    "links_in_a_circle": loop,
    "link_to_itself": link_to_itself,
    "sizes_differ": lambda folder: picture(pictures(folder) / "ant/large.png", (9, 4)),
}


@pytest.mark.parametrize("case", WRONG_FOLDERS)
def test_wrong_folders(case: str, tmp_path: Path, golden: Golden) -> None:
    WRONG_FOLDERS[case](tmp_path)
    size = None if case == "sizes_differ" else [6, 6]
    golden(f"folder_{case}.txt", told({"folder": "mine"}, None, size=size))


def test_broken_images_of_all_parts_are_told_at_once(tmp_path: Path) -> None:
    pictures(tmp_path, parts="train val test")
    for part in ("train", "val", "test"):
        (tmp_path / "mine" / part / "ant/0.png").write_bytes(b"nothing")
    with pytest.raises(ArchError) as caught:
        load(Data(source={"folder": "mine"}))
    (problem,) = caught.value.problems
    assert [fact.split("/")[1] for fact in problem.facts] == ["test", "train", "val"]


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    pictures(tmp_path)
    monkeypatch.setattr(os, "scandir", refused)
    golden("folder_no_permission.txt", told({"folder": "mine"}, None))


def test_an_image_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    pictures(tmp_path)
    refuse(monkeypatch, "ant/1.png")
    golden("folder_image_no_permission.txt", told({"folder": "mine"}, None))


def refused(*_: Any, **__: Any) -> Any:
    raise PermissionError(13, "Permission denied")


def refuse(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Lets nobody open the files whose paths end with a name, as no permission of a file stops root."""
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, *how: refused() if str(path).endswith(name) else opened(path, *how))


def test_more_images_than_memory_holds(tmp_path: Path, golden: Golden) -> None:
    pictures(tmp_path)
    golden("folder_too_large.txt", told({"folder": "mine"}, None, size=[600, 600], stream=False))


def test_classes_and_weights_of_no_class(tmp_path: Path, golden: Golden) -> None:
    pictures(tmp_path, "ant bee cat")
    golden("unknown_class.txt", told({"folder": "mine"}, None, classes=["ant", "be"]))
    weights = {"cats": 2.0}
    golden("unknown_weight.txt", told({"folder": "mine"}, None, class_weights=weights))
    golden("no_test_share.txt", told({"folder": "mine"}, None, test=0.01))


def torn(name: str, share: float) -> Write:
    return lambda folder: cut(fashion(folder) / name, share)


def mnist(folder: Path) -> None:
    """As many images as MNIST has labels, with its first labels."""
    begun = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7]
    labels = np.resize(np.array(begun, np.uint8), 10_000)
    fashion(folder, train_labels=idx(labels), train_images=idx(np.zeros((10_000, 28, 28), np.uint8)))


WRONG_IDX: dict[str, Write] = {
    "missing": lambda folder: None,
    "file_missing": lambda folder: (fashion(folder) / "t10k-labels-idx1-ubyte.gz").unlink(),
    "magic": lambda folder: fashion(folder, train_images=b"\x00\x00\x0d\x03" + idx(CLOTHES[:40])[4:]),
    "images_for_labels": lambda folder: fashion(folder, train_labels=idx(CLOTHES[:40])),
    "html": lambda folder: fashion(folder, packed=False, train_images=b"<!DOCTYPE html>"),
    "empty": lambda folder: fashion(folder, packed=False, t10k_labels=b""),
    "header_cut": lambda folder: fashion(folder, packed=False, train_images=idx(CLOTHES)[:10]),
    "cut_short": lambda folder: fashion(folder, train_images=idx(CLOTHES[:40])[:-100]),
    "longer": lambda folder: fashion(folder, train_labels=idx(KINDS[:40]) + b"more"),
    "fewer_labels": lambda folder: fashion(folder, train_labels=idx(KINDS[:39])),
    "other_size": lambda folder: fashion(folder, train_images=idx(CLOTHES[:40, :20])),
    "label_out_of_range": lambda folder: fashion(folder, train_labels=idx(KINDS[:40] + np.uint8(1))),
    "class_missing": lambda folder: fashion(folder, train_labels=idx(KINDS[:40] % 9)),
    "gzip_cut": torn("train-images-idx3-ubyte.gz", 0.5),
    "gzip_is_none": lambda folder: (fashion(folder) / "train-images-idx3-ubyte.gz").write_bytes(b"plain"),
    "mnist": mnist,
}


@pytest.mark.parametrize("case", WRONG_IDX)
def test_wrong_idx_files(case: str, tmp_path: Path, golden: Golden) -> None:
    WRONG_IDX[case](tmp_path)
    golden(f"idx_{case}.txt", told("fashion_mnist", tmp_path))


def test_gzip_that_unpacks_to_more_than_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    fashion(tmp_path, train_images=idx(CLOTHES[:40]) + bytes(200_000))
    monkeypatch.setattr(files, "LARGEST_FILE", 100_000)
    golden("idx_bomb.txt", told("fashion_mnist", tmp_path))


PIXELS = np.zeros((100, 3072), np.uint8)
WRONG_PICKLES: dict[str, Write] = {
    "missing": lambda folder: None,
    "file_missing": lambda folder: (cifar100(folder) / "test").unlink(),
    "hostile": lambda folder: cifar100(folder, train={"data": Hostile(), "fine_labels": [1]}),
    "cut_short": lambda folder: cut(cifar100(folder) / "train"),
    "no_pickle": lambda folder: (cifar100(folder) / "train").write_bytes(b"<html>"),
    "cifar10": lambda folder: cifar100(folder, train={"data": PIXELS, "labels": [1] * 100}),
    "other_pixels": lambda folder: cifar100(folder, train={"data": PIXELS[:, 1:], "fine_labels": [1] * 100}),
    "label_100": lambda folder: cifar100(folder, test={"data": PIXELS, "fine_labels": [100] * 100}),
    "fewer_labels": lambda folder: cifar100(folder, test={"data": PIXELS, "fine_labels": [9] * 99}),
    "few_classes": lambda folder: cifar100(folder, train={"data": PIXELS, "fine_labels": [9] * 100}),
    "archive": lambda folder: (folder / "cifar100.npz").write_bytes(b"\x1f\x8b\x08"),
}


@pytest.mark.parametrize("case", WRONG_PICKLES)
def test_wrong_pickles(case: str, tmp_path: Path, golden: Golden) -> None:
    WRONG_PICKLES[case](tmp_path)
    golden(f"cifar100_{case}.txt", told("cifar100", None if case == "missing" else tmp_path))
    assert not Path("harmed").exists()


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    cifar100(tmp_path)
    refuse(monkeypatch, "train")
    golden("cifar100_no_permission.txt", told("cifar100", tmp_path))


def test_no_format_is_read_but_those_of_the_suffixes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow starts Ghostscript for an EPS, whatever its name is."""
    pictures(tmp_path)
    (tmp_path / "mine" / "ant" / "1.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    )
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program was started"))
    assert "1.png is not an image" in told({"folder": "mine"}, None)


def test_a_folder_that_a_class_has_twice(tmp_path: Path) -> None:
    pictures(tmp_path)
    within = tmp_path / "mine" / "ant"
    picture(within / "more" / "1.png")
    (within / "same").symlink_to(within / "more")
    assert "whose images are already in this class" in told({"folder": "mine"}, None)


def test_images_without_a_pixel(tmp_path: Path) -> None:
    alone(IMAGES[:, :0], LABELS)(tmp_path)
    assert "at least one pixel" in told({"npz": "mine.npz"}, None)
