"""Streamed examples: the same bits as in memory, in bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

tf = pytest.importorskip("tensorflow")

from data_files import picture, pictures  # noqa: E402
from wrong_data import Case, arrays, holed, npz, photos, text_folder, with_masks  # noqa: E402

from archdsl.data import pipeline, sources  # noqa: E402
from archdsl.data.dataset import Dataset, from_raw, load  # noqa: E402
from archdsl.data.pipeline import augment as augmentation  # noqa: E402
from archdsl.data.ports import Port, Ports  # noqa: E402
from archdsl.data.readers import files  # noqa: E402
from archdsl.data.shards import write  # noqa: E402
from archdsl.data.sources.base import RawDataset  # noqa: E402
from archdsl.data.streams import Streamed, chunks, mean_and_std  # noqa: E402
from archdsl.data.tables import Column, in_memory  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.recipe import Data  # noqa: E402
from archdsl.training.setup import skipping  # noqa: E402

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore:.*skipped")]

RANDOM = np.random.RandomState(5)


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "xla_works", lambda: False)


def bits(dataset: Dataset, data: Data) -> list[bytes]:
    """The training batches of an epoch, and the test batches."""
    encodings = dict.fromkeys(dataset.targets, "one_hot")
    training = pipeline.training_batches(dataset, data, 7, encodings)
    batches = [*training.take(pipeline.steps(dataset.train, data))]
    batches += [*pipeline.evaluation_batches(dataset.test, dataset, data, encodings)]
    return [np.asarray(tensor).tobytes() for batch in batches for tensor in tf.nest.flatten(batch)]


def assert_same_bits(data: dict[str, Any], raw: RawDataset | None = None, ports: Ports | None = None) -> Dataset:
    """Both ways give the same batches; returns the streamed data set."""
    both = [Data.model_validate({**data, "stream": stream}) for stream in (False, True)]
    kept, streamed = (load(each, ports=ports) if raw is None else from_raw(raw, each, ports=ports) for each in both)
    assert (kept.is_streamed, streamed.is_streamed) == (False, True)
    assert (kept.skipped, kept.notes) == (streamed.skipped, streamed.notes)
    assert bits(kept, both[0]) == bits(streamed, both[1])
    return streamed


AUGMENT = {"flip": "horizontal", "crop": 1, "brightness": 0.2, "cutout": 2}


@pytest.mark.parametrize("augment", [AUGMENT, {"rotation": 20.0, "mixup": 0.4}], ids=["cropped", "mixed"])
def test_images_of_a_folder(augment: dict[str, Any], tmp_path: Path) -> None:
    folder = pictures(tmp_path, count=9)
    recipe = {"source": {"folder": str(folder)}, "batch_size": 4, "standardize": "channel", "augment": augment}
    streamed = assert_same_bits(recipe)
    assert isinstance(streamed.train.inputs[""], Streamed)
    assert isinstance(streamed.train.targets["label"], np.ndarray)  # labels are small
    assert streamed.images("test")[[1, 0]].tobytes() == streamed.images("test")[:2][::-1].tobytes()


def test_images_with_masks(tmp_path: Path) -> None:
    for number in range(10):
        picture(tmp_path / "cells" / "images" / f"{number}.png")
        mask = Image.fromarray(RANDOM.randint(0, 3, (6, 6)).astype(np.uint8))
        (tmp_path / "cells" / "masks").mkdir(exist_ok=True)
        mask.save(tmp_path / "cells" / "masks" / f"{number}.png")
    recipe = {"source": {"masks": str(tmp_path / "cells")}, "batch_size": 3, "augment": {"flip": "both"}}
    streamed = assert_same_bits(recipe)
    assert isinstance(streamed.train.targets["mask"], Streamed)


def test_several_inputs_of_several_kinds() -> None:
    count = 40
    columns = {
        "series": Column("array", (7, 2)),
        "words": Column("text"),
        "age": Column("number"),
        "color": Column("class", classes=("red", "blue")),
        "price": Column("number"),
    }
    table = in_memory(
        series=RANDOM.normal(3, 2, (count, 7, 2)),
        words=np.array([f"a {number % 7} b {number % 3}" for number in range(count)], object),
        age=RANDOM.normal(40, 9, count),
        color=RANDOM.randint(0, 2, count).astype(np.int64),
        price=RANDOM.normal(0, 1, count),
    )
    raw = RawDataset(columns, tuple(columns)[:4], ("price",), table, None, "made")
    ports = Ports(
        {"sound": Port((7, 2)), "text": Port((5,), "int32", 50), "person": Port((3,))},
        {},
    )
    inputs = {"sound": "series", "text": "words", "person": ["age", "color"]}
    recipe = {"source": "digits", "batch_size": 8, "standardize": "channel", "inputs": inputs}
    streamed = assert_same_bits(recipe, raw, ports)
    assert set(streamed.train.inputs) == {"sound", "text", "person"}


def test_a_pass_has_the_bits_of_an_array_and_the_moments_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RANDOM.normal(1e6, 3, (1_003, 2)).astype(np.float64)
    values[5, 1] = np.nan
    monkeypatch.setattr("archdsl.data.streams.CHUNK_ROWS", 100)
    streamed = Streamed(in_memory(x=values), lambda table: table.read("x"))
    assert [len(chunk) for chunk in chunks(streamed)] == [100] * 10 + [3]
    assert np.concatenate([*chunks(streamed, 7)]).tobytes() == values[::7].tobytes()
    found, again = mean_and_std(streamed, (0,)), mean_and_std(values, (0,))
    assert [each.tobytes() for each in found] == [each.tobytes() for each in again]
    np.testing.assert_allclose(found[0], np.nanmean(values, axis=0), rtol=1e-12)
    np.testing.assert_allclose(found[1], np.nanstd(values, axis=0), rtol=1e-9)


def test_data_sets_beyond_half_of_the_free_memory_are_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = {"source": {"folder": str(pictures(tmp_path))}}
    needed = 12 * (6 * 6 * 3 + 8)
    monkeypatch.setattr(files, "free_memory", lambda: 2 * needed)
    assert not load(Data.model_validate(recipe)).is_streamed
    monkeypatch.setattr(files, "free_memory", lambda: 2 * needed - 2)
    assert load(Data.model_validate(recipe)).is_streamed
    with pytest.raises(ArchError, match=r"(?s)12 examples need 1,392 bytes.*set `stream: auto`"):
        load(Data.model_validate({**recipe, "stream": False}))


def test_broken_files_are_left_out_of_a_stream(tmp_path: Path) -> None:
    folder = pictures(tmp_path, count=9)
    (folder / "ant" / "3.png").write_bytes(b"no image")
    recipe = {"source": {"folder": str(folder)}, "batch_size": 4, "size": 6, "broken": "skip"}
    streamed = assert_same_bits(recipe)
    assert sum(streamed.skipped.values()) == 1
    assert sum(map(len, streamed.splits.values())) == 17


FLAWED: dict[str, tuple[Case, dict[str, int]]] = {
    "an array": (npz(arrays(x=holed(np.nan))), {"broken": 2}),
    "an image of a table": (
        photos(lambda mine: [(mine / "images/3.png").write_bytes(b"no"), (mine / "images/8.png").unlink()], {5: ""}),
        {"broken": 2, "empty": 1},
    ),
    "a mask": (
        with_masks(lambda mine: [(mine / "masks/0.png").unlink(), (mine / "masks/5.png").write_bytes(b"no")]),
        {"broken": 2},
    ),
    "a text": (
        text_folder(lambda mine: [(mine / "good/2.txt").write_bytes(b"caf\xe9"), (mine / "bad/7.txt").write_text("")]),
        {"broken": 1, "empty": 1},
    ),
}
"""Data with examples that are left out, and how many of each kind."""


@pytest.mark.filterwarnings("ignore:.*dropped")
@pytest.mark.parametrize("name", FLAWED)
def test_a_stream_leaves_out_the_same_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    case, expected = FLAWED[name]
    case.write(tmp_path)
    words = {"batch_size": 4, "validation": 0.3, "test": 0.3, "broken": 0.3, "missing": "drop"}
    streamed = assert_same_bits({"source": case.source, **words}, ports=case.network)
    assert sum(streamed.skipped.values()) == sum(expected.values())
    told = [kind for kind, verb in (("broken", "skipped"), ("empty", "dropped")) if verb in " ".join(streamed.notes)]
    assert told == [*expected]


def test_skip_broken_leaves_them_out_of_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    case, _ = FLAWED["an array"]
    case.write(tmp_path)
    recipe = Data.model_validate({"source": case.source, "stream": True})
    with pytest.raises(ArchError, match=r"mine.npz: x\[3\] has NaN or infinite values"):
        [*chunks(load(recipe, ports=case.network).train.inputs[""])]
    asked = skipping(recipe, True)
    kept = asked.model_copy(update={"stream": False})
    assert bits(load(asked, ports=case.network), asked) == bits(load(kept, ports=case.network), kept)


def test_the_bound_counts_batches_and_not_examples(tmp_path: Path) -> None:
    data = Data.model_validate({"source": {"folder": str(pictures(tmp_path))}, "stream": True, "batch_size": 2})
    # An image of 6x6x3 as bytes with its label, and as float32; ten batches of two; a hundred bytes for each of twelve.
    assert pipeline.streamed_bytes(load(data), data) == 10 * 2 * (108 + 8 + 4 * 108) + 12 * 100


def test_a_broken_file_is_named_while_it_is_read(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    data = Data.model_validate({"source": {"folder": str(folder)}, "stream": True, "batch_size": 12, "size": 6})
    dataset = load(data)
    batches = [pipeline.evaluation_batches(split, dataset, data, {"label": "ids"}) for split in dataset.splits.values()]
    (folder / "ant" / "0.png").write_bytes(b"no image")
    with pytest.raises(ArchError, match=r"0\.png is not an image"), pipeline.data_errors(dataset):
        [*batches[0], *batches[1], *batches[2]]


def shards_of(data: dict[str, Any], folder: Path, shard_bytes: int = 300) -> dict[str, Any]:
    """The same recipe with the data in shards."""
    write(sources.read(Data.model_validate(data)), folder, shard_bytes)
    return {**data, "source": {"shards": str(folder)}}


def test_shards_have_the_bits_of_their_source(tmp_path: Path) -> None:
    recipe = {"source": {"folder": str(pictures(tmp_path))}, "batch_size": 5, "standardize": True, "limit": 9}
    stored = shards_of(recipe, tmp_path / "shards")
    assert len([*(tmp_path / "shards").glob("train-*-of-00004.tfrecord")]) == 4
    expected = Data.model_validate(recipe)
    streamed = assert_same_bits(stored)
    assert streamed.label.classes == ("ant", "bee")
    assert bits(streamed, expected) == bits(load(expected), expected)


def test_other_programs_read_the_shards(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    shards_of({"source": {"folder": str(folder)}}, tmp_path / "shards", 10**9)
    (file,) = (tmp_path / "shards").glob("*.tfrecord")
    examples = [tf.train.Example.FromString(each.numpy()) for each in tf.data.TFRecordDataset(str(file))]
    with Image.open(folder / "bee" / "2.png") as image:
        assert examples[8].features.feature["image"].bytes_list.value[0] == np.asarray(image).tobytes()
    assert [each.features.feature["label"].int64_list.value[0] for each in examples] == [0] * 6 + [1] * 6


def test_columns_of_every_kind_survive_in_shards(tmp_path: Path) -> None:
    count = 6
    values = {
        "sound": RANDOM.normal(0, 1, (count, 4, 2)).astype(np.float32),
        "story": np.array(["", "größer", "a", "b", "c", "d"], object),
        "price": RANDOM.normal(0, 1, count),
        "tags": RANDOM.randint(0, 2, (count, 30)).astype(np.float32),
        "next": RANDOM.randint(0, 9, (count, 12)).astype(np.int32),
    }
    columns = {
        "sound": Column("array", (4, 2)),
        "story": Column("text"),
        "price": Column("number"),
        "tags": Column("tags", (30,), tuple(map(str, range(30)))),
        "next": Column("tokens", (12,), tuple("abcdefghi")),
    }
    table = in_memory(**values)
    raw = RawDataset(columns, ("sound", "story"), ("price",), table, table.take(np.arange(2)), "made")
    write(raw, tmp_path / "shards", 200)
    again = sources.read(Data.model_validate({"source": {"shards": str(tmp_path / "shards")}}))
    assert (again.columns, again.inputs, again.targets) == (columns, raw.inputs, raw.targets)
    for part, whole in ((again.train, raw.train), (again.test, raw.test)):
        assert part is not None
        assert whole is not None
        for name in columns:
            for rows in (np.arange(len(part)), np.array([1, 0])):
                found, expected = part.readers[name](rows), whole.readers[name](rows)
                assert (found.dtype, found.tolist()) == (expected.dtype, expected.tolist())


def damaged(shards: Path, message: str, **data: Any) -> None:
    with pytest.raises(ArchError) as caught:
        load(Data.model_validate({"source": {"shards": str(shards)}, **data}))
    assert str(caught.value).replace(str(shards), "SHARDS") == message


def test_damaged_shards_are_named(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards_of({"source": {"folder": str(pictures(tmp_path))}}, shards)
    first, second, *_ = sorted(shards.glob("*.tfrecord"))
    content = first.read_bytes()
    first.write_bytes(content[:100])
    second.unlink()
    again = "  help: write the shards again with `archdsl data SPEC --write-shards FOLDER`"
    damaged(
        shards,
        "error[ARCH302]: SHARDS: 2 shards of 4 incomplete\n"
        f"  {first.name} has 100 of {len(content)} bytes\n  {second.name} is missing\n" + again,
    )
    second.write_bytes(content[:8] + bytes(len(content) - 8))
    first.write_bytes(bytes(8) + content[8:])
    size = int.from_bytes(content[:8], "little")
    damaged(
        shards,
        f"error[ARCH302]: SHARDS/{first.name} is damaged at byte 0: expected a record of {size} bytes",
        stream=True,
        standardize=True,
    )
    (shards / "shards.json").write_text("{}")
    damaged(
        shards,
        "error[ARCH204]: SHARDS/shards.json is invalid: 4 values are invalid\n  `columns` is missing\n"
        "  `inputs` is missing\n  `targets` is missing\n  `splits` is missing\n" + again,
    )
    (shards / "shards.json").unlink()
    damaged(shards, "error[ARCH302]: SHARDS has no `shards.json`\n" + again)
