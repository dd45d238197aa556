"""Each source trains a tiny network from its files to its scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import picture

import archdsl
from archdsl import zoo
from archdsl.data.dataset import load
from archdsl.data.ports import Port, Ports
from archdsl.keras import load_model
from archdsl.keras.runtime import carried_data
from archdsl.recipe import Data
from archdsl.runs.folder import Result
from archdsl.training.fit import evaluate, train

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

RANDOM = np.random.default_rng(0)
WORDS = {"bad": "dull slow weak", "good": "fine quick bold"}


def texts(count: int = 80) -> list[tuple[str, str]]:
    """Texts of two classes, each with a word of its class."""
    filler = ["the", "film", "is", "a", "story", "of", "one", "man", "and", "his", "dog"]
    made = []
    for number in range(count):
        label = ("bad", "good")[number % 2]
        words = [*RANDOM.choice(filler, 5), RANDOM.choice(WORDS[label].split())]
        made.append((" ".join(RANDOM.permutation(words)), label))
    return made


def text_folder(folder: Path) -> None:
    for number, (text, label) in enumerate(texts()):
        place = folder / "reviews" / ("test" if number % 4 == 0 or number % 4 == 1 else "train") / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.txt").write_text(text, encoding="utf-8")


def json_lines(folder: Path) -> None:
    lines = [json.dumps({"text": text, "label": label}) for text, label in texts()]
    (folder / "reviews.jsonl").write_text("\n".join(lines), encoding="utf-8")


def parquet(folder: Path) -> None:
    arrow, of_files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    signs = RANDOM.normal(0, 1, (120, 4))
    rows = [
        {"series": list(map(float, row)), "kind": "up" if row.sum() > 0 else "down"}  # a list column
        for row in signs
    ]
    of_files.write_table(arrow.Table.from_pylist(rows), folder / "series.parquet", row_group_size=50)


def birds(folder: Path) -> None:
    rows = ["file,size,tags,weight"]
    for number in range(60):
        file = picture(folder / "photos" / f"{number}.png", (8, 8))
        size = number % 7
        rows.append(f"{file.name},{size},{'small' if size < 3 else 'big|loud'},{20 + 3 * size}")
    (folder / "birds.csv").write_text("\n".join(rows), encoding="utf-8")


def arrays(folder: Path) -> None:
    sounds, facts = RANDOM.normal(0, 1, (80, 30, 2)), RANDOM.normal(0, 1, (80, 3))
    levels = facts @ [2.0, -1.0, 0.5] + 7
    np.savez(
        folder / "sounds.npz", sound=sounds.astype("float32"), facts=facts.astype("float32"), y=levels.astype("float32")
    )


def mnist(folder: Path) -> None:
    labels = np.arange(100) % 10
    images = RANDOM.integers(0, 100, (100, 28, 28), dtype=np.uint8)
    np.savez(folder / "mnist.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])


TEXT_NET = """
input: {shape: [8], dtype: int32}
model:
  - embedding: {vocabulary: 60, size: 8}
  - global_average_pool
  - dense: {units: 2, activation: softmax}
train: {epochs: 25, optimizer: {adam: {learning_rate: 0.05}}}
"""
CASES: dict[str, tuple[Callable[[Path], None], str, str, Callable[[Result], bool]]] = {
    "text_folder": (text_folder, "source: {text_folder: reviews}, batch_size: 10", TEXT_NET, lambda r: r.score > 0.9),
    "jsonl": (json_lines, "source: {jsonl: reviews.jsonl}, batch_size: 10", TEXT_NET, lambda r: r.score > 0.9),
    "parquet": (
        parquet,
        "source: {parquet: series.parquet}, batch_size: 20",
        """
input: [4]
model: [dense: {units: 8, activation: relu}, dense: {units: 2, activation: softmax}]
train: {epochs: 25, optimizer: {adam: {learning_rate: 0.05}}}
""",
        lambda r: r.score > 0.8,
    ),
    "images with numbers": (
        birds,
        "source: {csv: birds.csv}, columns: {file: {image: photos}, tags: tags}, inputs: {photo: file, facts: size},"
        " targets: {weight: weight, tags: tags}, batch_size: 10",
        """
inputs: {photo: [8, 8, 3], facts: [1]}
model:
  - {flatten: {}, from: photo, name: pixels}
  - {dense: {units: 4, activation: relu}, name: seen}
  - {concat: {}, from: [seen, facts], name: both}
  - {dense: {units: 1}, from: both, name: weight}
  - {dense: {units: 3, activation: sigmoid}, from: both, name: tags}
outputs: [weight, tags]
train: {epochs: 40, optimizer: {adam: {learning_rate: 0.03}}}
""",
        lambda r: r.score < 6,
    ),
    "npz": (
        arrays,
        "source: {npz: sounds.npz}, batch_size: 20",
        """
inputs: {sound: [30, 2], facts: [3]}
model:
  - {global_average_pool: {}, from: sound, name: mean}
  - {concat: {}, from: [mean, facts]}
  - dense: {units: 1}
train: {epochs: 30, optimizer: {adam: {learning_rate: 0.05}}}
""",
        lambda r: r.score < 1.0,
    ),
    "mnist": (
        mnist,
        "source: mnist, batch_size: 50",
        """
input: [28, 28, 1]
model: [flatten, dense: {units: 10, activation: softmax}]
train: {epochs: 1}
""",
        lambda r: r.score is not None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_source_trains(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHDSL_DATA", str(tmp_path))
    write, data, network, is_good = CASES[name]
    write(tmp_path)
    spec = zoo.loads(f"archdsl: 1\nname: Net\n{network}data: {{{data}, validation: 0.2}}\n")
    result = train(spec, tmp_path / "run")
    assert is_good(result), result.test_scores
    again: Any = evaluate(tmp_path / "run")
    assert dict(again.scores) == pytest.approx(result.test_scores)
    if name == "images with numbers":
        predicted = archdsl.predict(tmp_path / "run", [tmp_path / "birds.csv"])
        assert [each.error for each in predicted] == [None] * 60
    described = carried_data(load_model(tmp_path / "run" / "model.keras", compile=False)) or {}
    if "embedding" in network:
        assert {"dull", "fine"} < {*described["inputs"][""]["words"]}


def test_the_length_of_texts_is_chosen_where_the_network_takes_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps({"text": "word " * (1 + n % 10), "label": "ab"[n % 2]}) for n in range(100)]
    Path("texts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    data = Data.model_validate({"source": {"jsonl": "texts.jsonl"}, "columns": {"text": "text"}})
    made = {}
    for length in (None, 4):
        with pytest.warns(UserWarning, match="cut"):
            made[length] = load(data, ports=Ports({"": Port((length,), "int32", 50)}, {"": Port((2,))}))
    assert made[None].train.inputs[""].shape[1] == 10
    assert made[None].warnings == ("the texts of `text` are cut or padded to 10 words: few have more",)
    assert made[4].warnings[0].endswith("of the texts of `text` have more than 4 words, and are cut")
