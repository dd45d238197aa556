"""Every source reads alike whatever the layout; classes, limits, shares and weights are what the recipe says."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import CLOTHES, KINDS, cifar100, fashion, of_images, picture, pictures
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archdsl.data import sources
from archdsl.data.dataset import Dataset, load, stratified_rows
from archdsl.data.inspection import DuplicateCounts, count_duplicates
from archdsl.data.readers import search
from archdsl.data.sources import cifar100 as cifar
from archdsl.data.sources.base import Source
from archdsl.data.targets.classes import balanced_weights
from archdsl.recipe import DATA_SOURCES, Data

MINE = Data(source={"folder": "mine"}, validation=0.0)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(search, "SYSTEM", ())
    monkeypatch.chdir(tmp_path)


def everything(dataset: Dataset) -> dict[str, np.ndarray]:
    return {f"{name} {what}": getattr(dataset, what)(name) for name in dataset.splits for what in ("images", "labels")}


def same(one: Dataset, other: Dataset) -> None:
    for (name, array), again in zip(everything(one).items(), everything(other).values(), strict=True):
        assert array.dtype == again.dtype, name
        np.testing.assert_array_equal(array, again, err_msg=name)


@pytest.mark.parametrize("layout", ["gz", "plain", "dotted", "npz", "npz with an axis", "torchvision", "keras"])
def test_every_layout_of_fashion_mnist_reads_alike(layout: str, tmp_path: Path) -> None:
    place = {"torchvision": "data/FashionMNIST/raw", "keras": "keras/datasets/fashion-mnist"}.get(layout, "data/given")
    (tmp_path / place).parent.mkdir(parents=True)
    made = fashion(tmp_path, packed=layout in ("gz", "keras")).rename(tmp_path / place)
    if layout == "dotted":
        for path in [*made.iterdir()]:
            path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    if layout.startswith("npz"):
        images = CLOTHES[..., None] if "axis" in layout else CLOTHES
        arrays = {"x_train": images[:40], "y_train": KINDS[:40], "x_test": images[40:], "y_test": KINDS[40:]}
        np.savez(made / "fashion_mnist.npz", **arrays)
    dataset = load(Data(source="fashion_mnist", validation=0.0), made if place == "data/given" else None)
    np.testing.assert_array_equal(dataset.images()[..., 0], CLOTHES[:40])
    np.testing.assert_array_equal(dataset.images("test")[..., 0], CLOTHES[40:])
    assert dataset.labels("test").tolist() == KINDS[40:].tolist()
    assert dataset.image.shape == (28, 28, 1)
    assert dataset.notes == ("incomplete: 40 training and 20 test images; the full data set has 60,000 and 10,000",)


def test_files_without_a_name_of_their_own_are_taken_only_where_somebody_names_the_place(tmp_path: Path) -> None:
    """The same four names are MNIST's, and others'."""
    fashion(tmp_path).rename(tmp_path / "data")
    with pytest.raises(Exception, match="ARCH301"):
        load(Data(source="fashion_mnist"))
    assert len(load(Data(source="fashion_mnist"), tmp_path / "data").test) == 20


def test_every_layout_of_cifar100_reads_alike(tmp_path: Path) -> None:
    folder = cifar100(tmp_path)
    found = {name: pickle.loads((folder / name).read_bytes()) for name in ("train", "test")}
    (tmp_path / "cifar-100-binary").mkdir()
    arrays = {}
    for name, batch in found.items():
        labels = np.array(batch[b"fine_labels"], np.uint8)
        rows = np.concatenate([labels[:, None] // 5, labels[:, None], batch[b"data"]], axis=1)
        (tmp_path / "cifar-100-binary" / f"{name}.bin").write_bytes(rows.tobytes())
        arrays[f"x_{name}"] = batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        arrays[f"y_{name}"] = labels[:, None]
    np.savez(tmp_path / "cifar100.npz", **arrays)
    data = Data(source="cifar100", validation=0.0)
    first = load(data, tmp_path / "cifar100.npz")
    np.testing.assert_array_equal(first.images(), arrays["x_train"])
    same(first, load(data, folder))
    same(first, load(data, tmp_path / "cifar-100-binary"))
    assert len(first.label.classes) == 100 == len(set(cifar.CLASSES))
    assert list(cifar.CLASSES) == sorted(cifar.CLASSES)


GREY = np.random.RandomState(1).randint(0, 256, (60, 5, 7)).astype(np.uint8)
FORMS = {
    "bytes": GREY,
    "with an axis": GREY[..., None],
    "whole numbers": GREY.astype(np.int64),
    "whole fractions": GREY.astype(np.float64),
    "of one": (GREY / 255).astype(np.float32),
    "of one, halves": (GREY / 255).astype(np.float16),
    "big-endian": GREY.astype(">i4"),
}


@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_every_form_become_the_same_bytes(form: str, tmp_path: Path) -> None:
    labels = (np.arange(60) % 3)[:, None]
    np.savez("mine.npz", x_train=FORMS[form], y_train=labels, x_test=FORMS[form][:9], y_test=labels[:9])
    dataset = load(Data(source={"npz": "mine.npz"}, validation=0.0))
    assert dataset.images().dtype == np.uint8
    np.testing.assert_array_equal(dataset.images()[..., 0], GREY)
    assert (dataset.label.classes, dataset.image.largest, dataset.origin) == (
        ("0", "1", "2"),
        255,
        str(tmp_path / "mine.npz"),
    )


def test_one_array_is_divided_by_class_for_every_seed_alike(tmp_path: Path) -> None:
    names = np.array(["ant", "bee", "cat"])
    np.savez("mine.npz", x=GREY, y=np.arange(60) % 3, classes=names)
    first, other = (load(Data(source={"npz": "mine.npz"}, test=0.25), seed=seed) for seed in (0, 1))
    assert (len(first.train), len(first.validation), len(first.test)) == (41, 4, 15)
    assert np.bincount(first.labels("test")).tolist() == [5, 5, 5]
    assert first.images("test").tobytes() == other.images("test").tobytes()
    assert first.images("validation").tobytes() != other.images("validation").tobytes()
    assert first.label.classes == tuple(names)


def test_a_folder_reads_as_its_images_are(tmp_path: Path) -> None:
    pictures(tmp_path, "bee ant", "train test", count=12)
    for junk in (".DS_Store", "Thumbs.db", "notes.txt"):
        (tmp_path / "mine/train/ant" / junk).write_text("x")
    (tmp_path / "mine/train/__MACOSX").mkdir()
    (tmp_path / "mine/.cache").mkdir()
    dataset = load(MINE)
    assert dataset.label.classes == ("ant", "bee")
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (24, 0, 24)
    assert dataset.labels().tolist() == [0] * 12 + [1] * 12
    for row, number in enumerate(sorted(range(12), key=str)):
        with Image.open(tmp_path / f"mine/train/ant/{number}.png") as image:
            np.testing.assert_array_equal(dataset.images()[row], np.asarray(image))
    assert dataset.notes == ("skipped files that are not images: 1 .txt",)


def test_a_folder_may_have_a_validation_part_and_no_test_part(tmp_path: Path) -> None:
    for part in ("Train", "val"):
        pictures(tmp_path, parts=part, count=10)
    with_share = load(MINE.model_copy(update={"validation": 0.3}))
    assert (len(with_share.train), len(with_share.validation), len(with_share.test)) == (16, 20, 4)
    assert len(load(MINE).validation) == 0


@pytest.mark.parametrize("shape", [(9, 4, 3), (9, 4, 1), (3, 3, 4)])
def test_images_become_what_the_network_takes_as_pillow_makes_it(shape: tuple[int, ...], tmp_path: Path) -> None:
    pictures(tmp_path, parts="train test", count=2)
    path = picture(tmp_path / "mine/train/ant/0.png", (30, 20))
    dataset = load(MINE, ports=of_images(*shape))
    with Image.open(path) as image:
        wanted = image.convert({1: "L", 3: "RGB", 4: "RGBA"}[shape[2]]).resize(shape[1::-1], Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(dataset.images()[0], np.asarray(wanted).reshape(shape))
    sized = load(MINE.model_copy(update={"size": (2, 5)}), ports=of_images(*shape))
    assert sized.image.shape == (2, 5, shape[2])


def test_an_image_is_turned_upright_and_laid_on_white(tmp_path: Path) -> None:
    for path in pictures(tmp_path, parts="train test", count=2).rglob("*.png"):
        picture(path, (6, 4))
    upright = np.asarray(Image.open(tmp_path / "mine/train/ant/0.png"))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the left by a quarter
    Image.fromarray(np.rot90(upright)).save(tmp_path / "mine/train/ant/0.png", exif=exif)
    clear = np.dstack([upright, np.zeros((4, 6), np.uint8)])
    Image.fromarray(clear).save(tmp_path / "mine/train/ant/1.png")
    images = load(MINE).images()
    np.testing.assert_array_equal(images[0], upright)
    assert images[1].min() == 255


def test_grey_folders_are_grey_and_formats_may_differ(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for name in ("ant", "bee"):
            for ending in ("png", "bmp", "gif", "webp"):
                path = tmp_path / "mine" / part / name / f"a.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(GREY[0]).save(path, **({"lossless": True} if ending == "webp" else {}))
    dataset = load(MINE, ports=of_images(5, 7, 1))
    assert dataset.image.shape == (5, 7, 1)
    for image in dataset.images():
        np.testing.assert_array_equal(image[..., 0], GREY[0])


def test_folders_of_links_are_followed(tmp_path: Path) -> None:
    pictures(tmp_path, parts="train test").rename(tmp_path / "elsewhere")
    (tmp_path / "mine").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere/train/cat").symlink_to(tmp_path / "elsewhere/train/ant", target_is_directory=True)
    (tmp_path / "elsewhere/test/cat").symlink_to(tmp_path / "elsewhere/test/ant", target_is_directory=True)
    assert load(MINE).label.classes == ("ant", "bee", "cat")


def test_a_subset_has_its_classes_in_its_order_and_reads_no_other_image(tmp_path: Path) -> None:
    pictures(tmp_path, "ant bee cat", "train test")
    whole = load(MINE)
    (tmp_path / "mine/train/bee/0.png").write_bytes(b"broken")
    few = load(MINE.model_copy(update={"classes": ["cat", "ant"]}))
    assert few.label.classes == ("cat", "ant")
    for label, old in ((0, 2), (1, 0)):
        for name in ("train", "test"):
            part, full = (each.images(name)[each.labels(name) == at] for each, at in ((few, label), (whole, old)))
            np.testing.assert_array_equal(part, full)


def test_the_recipes_limit_gives_way_to_the_commands(tmp_path: Path) -> None:
    digits = Data(source="digits", limit=200)
    assert len(load(digits).train) == 180
    assert len(load(digits, limit=100).train) == 90
    assert len(load(digits.model_copy(update={"validation": 0.0})).train) == 200


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=60), count=st.integers(0, 70), seed=st.integers(0, 9))
def test_what_is_chosen_has_every_class_with_its_share(labels: list[int], count: int, seed: int) -> None:
    numbers = np.array(labels, np.int64)
    rows = stratified_rows(numbers, count, seed)
    assert len(rows) == len(set(rows.tolist())) == min(count, len(labels))
    shares = np.bincount(numbers, minlength=5) * min(count, len(labels)) / len(labels)
    assert (np.abs(np.bincount(numbers[rows], minlength=5) - shares) < 1).all()


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=60))
@settings(max_examples=50)
def test_balanced_weights_make_every_class_weigh_alike(labels: list[int]) -> None:
    numbers = np.array(labels, np.int64)
    found = balanced_weights(numbers, 4)
    assert found is not None
    counts = np.bincount(numbers, minlength=4)
    there = counts > 0
    assert np.ptp((found * counts)[there]) < 1e-4 * len(labels)
    np.testing.assert_allclose(found[there], len(labels) / (4 * counts[there]), rtol=1e-6)
    assert (found[~there] == 0).all()


def test_weights_are_those_of_scikit_learn() -> None:
    utils = pytest.importorskip("sklearn.utils.class_weight")
    labels = np.array([0] * 50 + [1] * 7 + [2] * 3)
    found = balanced_weights(labels, 3)
    wanted = utils.compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_weights_by_name_leave_the_others_at_one(tmp_path: Path) -> None:
    pictures(tmp_path, "ant bee cat", "train test")
    weighed = load(MINE.model_copy(update={"class_weights": {"cat": 2.5}, "classes": ["cat", "ant"]}))
    assert weighed.label.weights is not None
    assert weighed.label.weights.tolist() == [2.5, 1.0]
    assert load(MINE).label.weights is None


def test_arrays_are_resized_where_the_recipe_says_so() -> None:
    dataset = load(Data(source="digits", size=[4, 12], standardize="channel"))
    assert dataset.image.shape == (4, 12, 1)
    first = Image.fromarray(load(Data(source="digits")).images("test")[0, ..., 0])
    resized = np.asarray(first.resize((12, 4), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(dataset.images("test")[0, ..., 0], resized)


def test_images_that_stand_twice_are_counted(tmp_path: Path) -> None:
    images = np.arange(20, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    images[3] = images[1]  # of the same class: one repeats another
    images[4] = images[1]  # of another class
    test = images[[0, 7]].copy()
    np.savez("mine.npz", x_train=images, y_train=np.arange(20) % 2, x_test=test, y_test=np.array([0, 0]))
    found = count_duplicates(load(Data(source={"npz": "mine.npz"}, validation=0.25)))
    assert found == DuplicateCounts(test=2, training=2, conflicting=5)


def test_looking_needs_no_tensorflow() -> None:
    script = "import sys; sys.argv = ['archdsl', 'data', 'digits', '--json', '--out', 'a.png']\n"
    script += "from archdsl.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["images"] == {"train": 1437, "validation": 0, "test": 360}
    assert not {name.partition(".")[0] for name in done.stderr.split()} & {"tensorflow", "keras"}


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_set_of_tensorflow_datasets_is_read_where_it_was_prepared(tmp_path: Path) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    tf: Any = pytest.importorskip("tensorflow")
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(ports=of_images(5, 7, 1)),
            "label": tfds.features.ClassLabel(names=["ant", "bee"]),
        }
    )
    labels = np.arange(60) % 2
    rows = {"train": slice(0, 40), "test": slice(40, 60)}
    splits = {
        part: tf.data.Dataset.from_tensor_slices({"image": GREY[row][..., None], "label": labels[row]})
        for part, row in rows.items()
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name="tiny",
        version="1.0.0",
        data_dir=tmp_path,
        features=features,
        split_datasets=splits,
        disable_shuffling=True,
    )
    data = Data(source={"tfds": "tiny"}, validation=0.0)
    dataset = load(data, tmp_path)
    np.testing.assert_array_equal(dataset.images()[..., 0], GREY[:40])
    assert dataset.labels("test").tolist() == labels[40:].tolist()
    assert dataset.label.classes == ("ant", "bee")
    same(dataset, load(data, Path(dataset.origin)))
    assert load(data, tmp_path, ports=of_images(10, 10, 3)).image.shape == (10, 10, 3)
    with pytest.raises(Exception, match=r"ARCH301.*tfds tinny not found"):
        load(Data(source={"tfds": "tinny"}), tmp_path)
    for path in Path(dataset.origin).glob("*train*"):
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(Exception, match=r"ARCH302.*`train` cannot be read"):
        load(data, tmp_path)


def test_each_word_of_the_language_has_a_module_that_reads_it() -> None:
    folder = Path(sources.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if "\nSOURCE = " in path.read_text(encoding="utf-8")}
    assert DATA_SOURCES.keys() == modules
    assert len(modules) >= 7
    for name in DATA_SOURCES:
        assert isinstance(sources.source(name), Source)


ORDER = (
    ("tables", "streams", "ports"),
    ("broken", "pixels"),
    ("images", "readers"),
    ("sources", "shards", "raw_examples"),
    ("roles",),
    ("inputs", "targets"),
    ("dataset",),
    ("inspection", "table_inspection", "survey", "samples", "suggestions", "adaptation", "input_description"),
    ("other_data",),
    ("pipeline",),
)
"""The parts of `archdsl.data`; each imports those before it, as its docstring says."""


def test_parts_of_the_room_import_only_what_is_before_them() -> None:
    level = {name: number for number, names in enumerate(ORDER) for name in names}
    folder = Path(sources.__file__).parents[1]
    files = [path for path in folder.rglob("*.py") if path.parent != folder or path.stem != "__init__"]
    assert len(files) >= 25
    for path in files:
        own = path.relative_to(folder).with_suffix("").parts[0]
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            for module in modules:
                assert own == "pipeline" or module.split(".")[0] not in ("tensorflow", "keras"), path
                part = module.split(".")[2] if module.startswith("archdsl.data.") else own
                assert level[part] <= level[own], f"{path} imports {module}"
