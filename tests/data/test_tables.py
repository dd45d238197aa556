"""Tables have the same columns, whatever their file is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import picture
from PIL import Image

from archdsl.data import sources
from archdsl.data.dataset import load
from archdsl.data.ports import Port, Ports
from archdsl.data.sources.base import RawDataset
from archdsl.errors import ArchError
from archdsl.recipe import COLUMN_KINDS, Data

ROWS: list[dict[str, Any]] = [
    {
        "size": 40 + number / 2,
        "rooms": number % 5,
        "city": "Bonn" if number % 3 else "Köln",
        "note": f"it has {number} windows, and a door",
        "tags": ["new"] * (number % 2) + ["quiet"] * (number % 3 == 0),
        "walls": [[number, 1], [2, 3]],
        "price": 1_000.0 * number,
    }
    for number in range(40)
]
NO_VALIDATION = {"validation": 0.0}
KINDS = {
    "size": "number",
    "rooms": "number",
    "city": "class",
    "note": "text",
    "tags": "tags",
    "walls": "array",
    "price": "number",
}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.chdir(tmp_path)


def csv_of(rows: list[dict[str, Any]], path: str = "rows.csv") -> None:
    def cell(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return '"' + text.replace('"', '""') + '"'

    lines = [",".join(rows[0]), *(",".join(map(cell, row.values())) for row in rows)]
    Path(path).write_text("\n".join(lines), encoding="utf-8")


def jsonl_of(rows: list[dict[str, Any]], path: str = "rows.jsonl") -> None:
    Path(path).write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def parquet_of(rows: list[dict[str, Any]], path: str = "rows.parquet") -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(rows), path, row_group_size=16)


WRITERS = {"csv": csv_of, "jsonl": jsonl_of, "parquet": parquet_of}


def read(kind: str, **recipe: Any) -> RawDataset:
    return sources.read(Data.model_validate({"source": {kind: f"rows.{kind}"}, **recipe}))


@pytest.mark.parametrize("kind", WRITERS)
def test_the_columns_are_those_of_the_rows(kind: str) -> None:
    WRITERS[kind](ROWS)
    raw = read(kind)
    assert {name: column.kind for name, column in raw.columns.items()} == KINDS
    assert (raw.inputs[0], raw.targets) == ("size", ("price",))
    table = raw.train
    np.testing.assert_array_equal(table.read("size"), [row["size"] for row in ROWS])
    assert raw.columns["city"].classes == ("Bonn", "Köln")
    assert table.read("city").tolist() == [0 if row["city"] == "Bonn" else 1 for row in ROWS]
    assert table.read("note").tolist() == [row["note"] for row in ROWS]
    assert raw.columns["tags"].classes == ("new", "quiet")
    assert table.read("tags").tolist() == [["new" in row["tags"], "quiet" in row["tags"]] for row in ROWS]
    assert (raw.columns["walls"].shape, table.read("walls").dtype) == ((2, 2), np.int64)
    np.testing.assert_array_equal(table.read("walls"), [row["walls"] for row in ROWS])


@pytest.mark.parametrize("kind", WRITERS)
def test_a_missing_value_is_an_empty_cell(kind: str) -> None:
    WRITERS[kind](
        [{**ROWS[0], "rooms": None, "city": None}, *ROWS[1:]]
        if kind != "csv"
        else [{**ROWS[0], "rooms": "", "city": ""}, *ROWS[1:]]
    )
    data = Data.model_validate({"source": {kind: f"rows.{kind}"}, "inputs": ["rooms", "city"]})
    with pytest.raises(ArchError, match=r"`rooms` is empty") as caught:
        load(data)
    assert "missing: drop" in str(caught.value)
    dropped = load(data.model_copy(update={"missing": "drop"}))
    assert sum(map(len, dropped.splits.values())) == len(ROWS) - 1
    mean = load(data.model_copy(update={"missing": "mean"}))
    assert sum(map(len, mean.splits.values())) == len(ROWS)


def test_a_recipe_names_kinds() -> None:
    rows = [
        {"zip": 50_000 + number % 3, "genres": "drama; war" if number % 2 else "war", "xs": "1 2 3"}
        for number in range(9)
    ]
    csv_of(rows)
    raw = read("csv", columns={"zip": "class", "genres": "tags", "xs": "array"})
    assert [column.kind for column in raw.columns.values()] == ["class", "tags", "array"]
    assert raw.columns["zip"].classes == ("50000", "50001", "50002")
    assert raw.columns["genres"].classes == ("drama", "war")
    assert raw.train.read("xs").tolist() == [[1, 2, 3]] * 9
    raw = read("csv", columns={"genres": {"tags": " "}})
    assert raw.columns["genres"].classes == ("drama;", "war")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("colour", "unknown value `colour`"),
        ({"colour": "x"}, "expected one of `number`, `class`, `text`, `tags`, `array`, `image`"),
        ({"tags": ""}, r"expected a string, as in `\{tags: ...\}`"),
    ],
)
def test_a_kind_that_is_none(wrong: Any, message: str) -> None:
    from archdsl import zoo

    text = "archdsl: 1\nname: Net\ninput: [2]\nmodel: [dense: {units: 1}]\n"
    with pytest.raises(ArchError, match=message):
        zoo.loads(text + f"data: {{source: {{csv: rows.csv}}, columns: {{a: {json.dumps(wrong)}}}}}\n")


def test_the_images_of_a_table_are_beside_it() -> None:
    for number in range(10):
        picture(Path(f"birds/{number}.png"), (5, 6))
    csv_of([{"file": f"birds/{n}.png", "wings": n, "kind": "owl" if n % 2 else "tit"} for n in range(10)])
    raw = read("csv")
    assert [column.kind for column in raw.columns.values()] == ["image", "number", "class"]
    assert raw.columns["file"].shape == (6, 5, 3)
    np.testing.assert_array_equal(raw.train.read("file")[3], np.asarray(Image.open("birds/3.png")))
    # Images and numbers are inputs side by side, and numbers are predicted from images.
    ports = Ports({"photo": Port((6, 5, 3)), "facts": Port((1,))}, {"": Port((2,))})
    source, by_name = {"csv": "rows.csv"}, {"photo": "file", "facts": "wings"}
    dataset = load(Data.model_validate({"source": source, "inputs": by_name, **NO_VALIDATION}), ports=ports)
    shapes = {name: array.shape[1:] for name, array in dataset.train.inputs.items()}
    assert shapes == {"photo": (6, 5, 3), "facts": (1,)}
    numbers = load(Data.model_validate({"source": source, "inputs": "file", "targets": "wings", **NO_VALIDATION}))
    assert numbers.train.targets["wings"].shape == (8, 1)


def test_images_in_another_folder_are_found_by_the_hint() -> None:
    for number in range(10):
        picture(Path(f"train/{number}.png"), (4, 4))
    for cell, kind in (("{}.png", {}), ("{}", {"id": "image"})):
        csv_of([{"id": cell.format(number), "kind": "ab"[number % 2]} for number in range(10)])
        with pytest.raises(ArchError) as caught:
            read("csv", columns=kind)
        hint = caught.value.problems[0].hint
        assert hint.startswith("set `columns: {id: {image: train")
        place = hint.partition("{image: ")[2].partition("}")[0]
        assert read("csv", columns={"id": {"image": place}}).train.read("id").shape == (10, 4, 4, 3)


BROKEN = {
    "line two is not JSON": ('{"a": 1, "b": 2}\n{"a": 1, "b": }\n', "jsonl:2: not JSON: expecting value at column 15"),
    "line two is no object": ('{"a": 1, "b": 2}\n[1, 2]\n', "rows.jsonl:2: expected a JSON object"),
    "nested": ("[" * 100_000 + "\n", "rows.jsonl:1: its lists or objects are nested too deeply"),
    "nothing": ("\n", "rows.jsonl has no lines"),
    "one column": ('{"a": 1}\n', "rows.jsonl has only one column, `a`"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_json_lines_are_told_with_their_line(name: str) -> None:
    text, message = BROKEN[name]
    more = '{"a": 1, "b": 2}\n' * 20 if "two" in name else ""
    Path("rows.jsonl").write_text(text + more, encoding="utf-8")
    with pytest.raises(ArchError) as caught:
        load(Data.model_validate({"source": {"jsonl": "rows.jsonl"}}))
    assert message in str(caught.value)


def test_a_sparse_file_does_not_become_a_huge_table() -> None:
    many = json.dumps(dict.fromkeys(map(str, range(4_999)), 1))
    Path("rows.jsonl").write_text(many + "\n" + '{"1": 1}\n' * 60_000, encoding="utf-8")
    with pytest.raises(ArchError, match="more than 268,435,456 cells"):
        read("jsonl")
    jsonl_of([dict.fromkeys(map(str, range(6_000)), 1)] * 2)
    with pytest.raises(ArchError, match="more than 5,000 columns"):
        read("jsonl")


def test_nested_objects_are_columns() -> None:
    jsonl_of([{"user": {"age": number, "name": {"first": "A"}}, "label": "ab"[number % 2]} for number in range(4)])
    assert list(read("jsonl").columns) == ["user.age", "user.name.first", "label"]


def test_cells_that_do_not_fit_are_told_with_their_row() -> None:
    csv_of([{"xs": "1 2" if number != 3 else "1 x", "tags": "a", "price": number} for number in range(9)])
    with pytest.raises(ArchError, match=r"rows.csv:5: `xs` is `1 x`, not an array of numbers"):
        read("csv", columns={"xs": "array"}).train.read("xs")
    csv_of([{"xs": "1 2", "tags": "a" * (number < 7) or "b", "price": number} for number in range(9)], "test.csv")
    Path("rows").mkdir()
    csv_of([{"xs": "1 2", "tags": "a", "price": number} for number in range(9)], "rows/train.csv")
    Path("test.csv").rename("rows/test.csv")
    raw = sources.read(Data.model_validate({"source": {"csv": "rows"}, "columns": {"tags": "tags"}}))
    assert raw.test is not None
    with pytest.raises(ArchError, match=r"rows/test.csv:9: `tags` has `b`, which no training example has"):
        raw.test.read("tags")


def test_parquet_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    Path("rows.parquet").touch()
    with pytest.raises(ArchError, match=r"ARCH306(.|\n)*pip install 'archdsl\[parquet\]'"):
        read("parquet")


def test_a_file_that_is_no_parquet() -> None:
    pytest.importorskip("pyarrow.parquet")
    Path("rows.parquet").write_text("no", encoding="utf-8")
    with pytest.raises(ArchError, match=r"rows.parquet is not a Parquet file"):
        read("parquet")


def test_large_integers_of_parquet_keep_their_digits() -> None:
    parquet_of([{"id": 2**60 + number, "n": None if number == 1 else number, "price": number} for number in range(3)])
    raw = read("parquet", columns={"id": "class", "n": "class"})
    assert raw.columns["id"].classes[0] == str(2**60)
    assert raw.columns["n"].classes == ("0", "2")


def test_an_embedding_that_is_too_small_for_the_classes() -> None:
    csv_of([{"city": "abc"[number % 3], "price": number} for number in range(30)])
    data = Data.model_validate({"source": {"csv": "rows.csv"}})
    ports = {size: Ports({"": Port((), "int32", size)}, {"": Port((1,))}) for size in (3, 4)}
    with pytest.raises(ArchError, match=r"`city` has 3 classes, but its `embedding` has a vocabulary of 3") as caught:
        load(data, ports=ports[3])
    assert "set `vocabulary: 4`" in str(caught.value)
    assert load(data, ports=ports[4]).train.inputs[""].max() == 3


def test_every_kind_is_tested() -> None:
    assert {*COLUMN_KINDS} == {*KINDS.values(), "image"}
