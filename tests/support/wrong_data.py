"""Data that is wrong in ways that users make mistakes: each case writes files, and says the recipe and the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from data_files import idx
from PIL import Image

from archdsl.data.ports import Port, Ports

Write = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """Wrong data.

    Attributes:
        write: writes the files into a folder.
        source: the source of the recipe.
        words: further words of the recipe.
        network: the inputs and outputs of the network.
        needs: a package that writes or reads the files.
    """

    write: Write
    source: Any
    words: Mapping[str, Any] = field(default_factory=dict)
    network: Ports | None = None
    needs: str = "numpy"


def network(*inputs: Port, outputs: Port | None = None, **named: Port) -> Ports:
    """A network of one input, or of inputs with names, and one output of three numbers unless it is given."""
    taken = named or dict(zip([""], inputs, strict=True))
    return Ports(taken, {"": outputs or Port((3,))})


NUMBERS = network(Port((None,)))
SERIES = network(Port((20, 2)))
TOKENS = network(Port((8,), "int32", ids=30), outputs=Port((8, 30)))
MASKS = network(Port((8, 8, 3)), outputs=Port((8, 8, 2)))


def flowers(rows: int = 40, **cells: str) -> list[list[str]]:
    """The lines of a table of flowers; `width7="wide"` changes a cell."""
    header = ["width", "height", "color", "kind"]
    lines = [header]
    for row in range(rows):
        lines.append([f"{row % 13 + 0.5}", f"{row % 7}", ("red", "blue")[row % 2], ("rose", "lily", "iris")[row % 3]])
    for place, cell in cells.items():
        name = place.rstrip("0123456789")
        lines[int(place.removeprefix(name))][header.index(name)] = cell
    return lines


def text_of(lines: list[list[str]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(line) + "\n" for line in lines)


def table(changed: Callable[[list[list[str]]], object] = lambda lines: None, **cells: str) -> Write:
    def write(folder: Path) -> None:
        lines = flowers(**cells)
        changed(lines)
        (folder / "mine.csv").write_text(text_of(lines), encoding="utf-8")

    return write


def content(text: str | bytes, name: str = "mine.csv") -> Write:
    return lambda folder: (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def two_tables(train: str, test: str) -> Write:
    def write(folder: Path) -> None:
        (folder / "mine").mkdir()
        (folder / "mine/train.csv").write_text(train, encoding="utf-8")
        (folder / "mine/test.csv").write_text(test, encoding="utf-8")

    return write


def csv(write: Write, ports: Ports = NUMBERS, **words: Any) -> Case:
    return Case(write, {"csv": "mine.csv"}, words, ports)


def csv_folder(train: str, test: str, **words: Any) -> Case:
    return Case(two_tables(train, test), {"csv": "mine"}, words, NUMBERS)


PLAIN = text_of(flowers())
UNEVEN = flowers()
UNEVEN[3].append("more")
UNEVEN[9].pop()
MANY_UNEVEN = [line[:-1] if 10 <= number < 25 else line for number, line in enumerate(flowers())]
QUOTED = PLAIN.replace("red", '"dark\nred"', 1).replace("6.5,6,red,rose\n", "6.5,6,red\n", 1)
IDS = [["size", "kind"], *([str(number % 9), f"kind {number:05}"] for number in range(10_000))]

CSV: dict[str, Case] = {
    "missing": csv(lambda folder: None),
    "empty": csv(content("")),
    "blank_lines": csv(content("\n\n\n")),
    "header_only": csv(content("width,height,color,kind\n")),
    "folder_without_train": Case(
        lambda folder: [(folder / "mine").mkdir(), (folder / "mine/all.csv").write_text(PLAIN)], {"csv": "mine"}
    ),
    "name_missing": csv(table(lambda lines: lines[0].__setitem__(1, " "))),
    "name_twice": csv(table(lambda lines: lines[0].__setitem__(1, "width"))),
    "no_header": csv(table(lambda lines: lines.pop(0))),
    "one_column": csv(content("a|b|c\n1|2|x\n3|4|y\n")),
    "ragged": csv(content(text_of(UNEVEN))),
    "ragged_often": csv(content(text_of(MANY_UNEVEN))),
    "ragged_after_a_quoted_newline": csv(content(QUOTED)),
    "quote_not_closed": csv(content('a,b\n1,x\n2,"y\n3,z\n')),
    "types_mixed": csv(table(width7="wide", width20="n/a", width31="unknown size of the whole flower, to be measured")),
    "types_mixed_often": csv(table(**{f"width{row}": f"w{row}" for row in range(1, 40)}), columns={"width": "number"}),
    "infinite": csv(table(width7="inf", width8="-Infinity")),
    "decimal_comma": csv(content(text_of(flowers(), ";").replace(".5;", ",5;"))),
    "wrong_kind": csv(table(), columns={"color": "number"}),
    "kind_of_unknown_column": csv(table(), columns={"colour": "class"}),
    "nul": csv(content(PLAIN.replace("red", "r\0d").encode())),
    "utf_16": csv(content(PLAIN.encode("utf-16"))),
    "latin_1": csv(content(PLAIN.replace("lily", "lilié", 3).encode("latin-1"))),
    "workbook": csv(content(b"PK\x03\x04" + bytes(300))),
    "one_class": csv(table(lambda lines: [line.__setitem__(3, "rose") for line in lines[1:]])),
    "many_classes": csv(content(text_of(IDS))),
    "cells_empty": csv(table(width7="", height7="", width12="", color30="")),
    "column_empty": csv(table(lambda lines: [line.__setitem__(0, "") for line in lines[1:]])),
    "all_empty": csv(content("a,b,c\n" + ",,\n" * 20)),
    "target_empty": csv(table(kind4="", kind5="", kind6="")),
    "target_number_empty": csv(table(height4="", height9=""), targets="height"),
    "target_text": csv(content("size,what\n" + "".join(f"{row},what {row} is\n" for row in range(40)))),
    "target_unknown": csv(table(), targets="kinds"),
    "class_only_in_test": csv_folder(PLAIN, PLAIN.replace("rose", "tulip", 2)),
    "number_only_in_train": csv_folder(PLAIN, PLAIN.replace("4.5,", "tall,", 1)),
    "column_not_in_test": csv_folder(PLAIN, PLAIN.replace("height", "hight")),
    "texts_empty": Case(
        content("review,mood\n" + "".join(f"{'' if row % 9 == 4 else f'text {row}'},{row % 2}\n" for row in range(40))),
        {"csv": "mine.csv"},
        {"inputs": "review"},
        network(Port((6,), "int32", ids=50)),
    ),
    "text_beside_numbers": csv(
        content("when,size,kind\n" + "".join(f"2024-01-{row % 28 + 1:02},{row},{row % 2}\n" for row in range(28)))
    ),
    "too_many_skipped": csv(table(width7="x1", width8="x2", width9="x3", width10="x4", width11="x5"), broken="skip"),
    "all_of_a_split_skipped": csv_folder(
        PLAIN, "width,height,color,kind\n1,2,red,tulip\n2,3,red,\n", broken=0.9, missing="drop"
    ),
    "empty_dropped_and_broken": csv(table(width7="", width8="x"), missing="drop"),
}
"""Tables of a CSV file."""


def mask(path: Path, values: Any, mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values)).convert(mode).save(path)
    return path


def cells_and_masks(folder: Path, count: int = 10) -> Path:
    """Images with masks of two classes."""
    random = np.random.RandomState(5)
    for number in range(count):
        mask(folder / f"mine/images/{number}.png", random.randint(0, 256, (8, 8, 3)).astype(np.uint8), "RGB")
        mask(folder / f"mine/masks/{number}.png", random.randint(0, 2, (8, 8)).astype(np.uint8))
    return folder / "mine"


def with_masks(change: Callable[[Path], object], **words: Any) -> Case:
    return Case(lambda folder: change(cells_and_masks(folder)), {"masks": "mine"}, words, MASKS)


def each_mask(change: Callable[[np.ndarray], np.ndarray], *numbers: int) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        for number in numbers or range(10):
            path = folder / f"masks/{number}.png"
            with Image.open(path) as image:
                values = change(np.asarray(image))
            Image.fromarray(values).save(path)

    return changed


SOFT = np.linspace(0, 255, 64).reshape(8, 8).astype(np.uint8)

MASK_FOLDERS: dict[str, Case] = {
    "folder_missing": with_masks(lambda folder: (folder / "masks").rename(folder / "labels")),
    "no_images": with_masks(lambda folder: [path.unlink() for path in (folder / "images").iterdir()]),
    "mask_missing": with_masks(lambda folder: [(folder / f"masks/{number}.png").unlink() for number in (2, 7)]),
    "masks_all_missing": with_masks(lambda folder: [path.unlink() for path in (folder / "masks").iterdir()]),
    "two_masks": with_masks(lambda folder: mask(folder / "masks/3.bmp", np.zeros((8, 8), np.uint8))),
    "other_size": with_masks(each_mask(lambda values: values[:6], 1, 4)),
    "turned": with_masks(each_mask(lambda values: np.repeat(values, 2, axis=0), 1)),
    "color": with_masks(each_mask(lambda values: np.dstack([values * 255] * 3), 3, 5)),
    "sixteen_bits": with_masks(each_mask(lambda values: values.astype(np.uint16) * 1000, 3)),
    "soft_edges": with_masks(each_mask(lambda values: SOFT)),
    "gap": with_masks(each_mask(lambda values: values * 3)),
    "one_value": with_masks(each_mask(lambda values: values * 0)),
    "beyond_the_classes": with_masks(
        lambda folder: [(folder / "classes.txt").write_text("ground\ncell\n"), each_mask(lambda v: v * 7, 2, 8)(folder)]
    ),
    "class_twice": with_masks(lambda folder: (folder / "classes.txt").write_text("cell\ncell\n")),
    "classes_not_utf_8": with_masks(lambda folder: (folder / "classes.txt").write_bytes(b"ground\nzell\xe9\n")),
    "broken": with_masks(lambda folder: [(folder / f"masks/{n}.png").write_bytes(b"no") for n in (0, 9)]),
    "image_and_mask_broken": with_masks(
        lambda folder: [(folder / name).write_bytes(b"no") for name in ("masks/4.png", "images/6.png")]
    ),
}
"""Folders of images with masks."""


def arrays(**changed: Any) -> Write:
    """Series of two channels in three classes; None leaves an array out."""
    random = np.random.RandomState(6)
    made = {"x": random.rand(40, 20, 2).astype(np.float32), "y": np.arange(40) % 3}
    kept = {name: array for name, array in (made | changed).items() if array is not None}
    return lambda folder: np.savez(folder / "mine.npz", **kept)


def npz(write: Write, ports: Ports = SERIES, **words: Any) -> Case:
    return Case(write, {"npz": "mine.npz"}, words, ports)


def holed(value: float) -> np.ndarray:
    x = np.ones((40, 20, 2), np.float32)
    x[[3, 17], 5] = value
    return x


WORDS = np.arange(40 * 8).reshape(40, 8) % 30
FOUR = {"x_train": np.ones((30, 20, 2)), "y_train": np.arange(30) % 3, "x": None, "y": None}

ARRAYS: dict[str, Case] = {
    "lengths_differ": npz(arrays(y=np.arange(39) % 3)),
    "objects": npz(arrays(y=np.array([{}] * 40, object))),
    "not_a_number": npz(arrays(x=holed(np.nan))),
    "infinite": npz(arrays(x=holed(np.inf))),
    "target_not_a_number": npz(arrays(y=np.where(np.arange(40) % 9 == 3, np.nan, 1.5))),
    "complex": npz(arrays(x=np.ones((40, 20, 2), complex))),
    "text_for_x": npz(arrays(x=np.full((40, 20, 2), "a"))),
    "text_for_y": npz(arrays(y=np.array(["ant", "bee"] * 20))),
    "dates": npz(arrays(x=np.zeros((40, 20, 2), "datetime64[s]"))),
    "wrong_names": npz(arrays(x=None, y=None, data=np.ones(3), labels=np.ones(3))),
    "no_targets": npz(arrays(y=None)),
    "no_examples": npz(arrays(x=np.ones((0, 20, 2)), y=np.ones(0, int))),
    "one_number": npz(arrays(y=np.array(3))),
    "one_class": npz(arrays(y=np.zeros(40, int))),
    "negative_class": npz(arrays(y=np.arange(40) % 3 - 1)),
    "class_only_in_test": npz(arrays(**FOUR, x_test=np.ones((10, 20, 2)), y_test=np.arange(10) % 5)),
    "test_of_other_shape": npz(arrays(**FOUR, x_test=np.ones((10, 19, 2)), y_test=np.arange(10) % 3)),
    "array_not_in_test": npz(arrays(**FOUR, y_test=np.arange(10) % 3, x_test=None)),
    "integers_expected": npz(arrays(x=WORDS + 0.5), TOKENS),
    "beyond_the_vocabulary": npz(arrays(x=WORDS + 5), TOKENS),
    "negative_token": npz(arrays(x=WORDS - 1), TOKENS),
    "tags_of_three": npz(arrays(y=np.arange(120).reshape(40, 3) % 3)),
    "tags_without_a_name": npz(arrays(y=np.arange(120).reshape(40, 3) % 2, classes=np.array(["ant", "bee"]))),
    "empty_axis": npz(arrays(x=np.ones((40, 0, 2)))),
    "x_twice_as_input": npz(arrays(), inputs=["x", "x"]),
}
"""Arrays that are not images."""


def text(data: bytes, ports: Ports = TOKENS, **words: Any) -> Case:
    return Case(content(data, "mine.txt"), {"text": "mine.txt"}, words, ports)


VERSE = b"to be or not to be: that is the question. " * 30

TEXTS: dict[str, Case] = {
    "missing": Case(lambda folder: None, {"text": "mine.txt"}, {}, TOKENS),
    "empty": text(b""),
    "blank": text(b"\n \n\t\n"),
    "one_character": text(b"a"),
    "too_short": text(VERSE[:60]),
    "not_utf_8": text(VERSE[:50] + b"\xff" + VERSE),
    "nul": text(VERSE[:50] + bytes(3) + VERSE),
    "folder_without_texts": Case(lambda folder: (folder / "mine").mkdir(), {"text": "mine"}, {}, TOKENS),
    "one_token": text(b"a" * 2_000),
    "not_for_this_network": text(VERSE, SERIES),
}
"""Texts whose next tokens are predicted."""

TWO = network(flower=Port((2,)), color=Port((2,)))
DOUBLE = Ports({"": Port((2,))}, {"kind": Port((3,)), "size": Port((1,))})

ROLES: dict[str, Case] = {
    "column_twice": csv(table(), inputs=["width", "width"]),
    "input_unknown": Case(table(), {"csv": "mine.csv"}, {"inputs": {"flowers": ["width"], "color": "color"}}, TWO),
    "input_lacks_columns": Case(table(), {"csv": "mine.csv"}, {"inputs": {"flower": ["width"]}}, TWO),
    "inputs_not_by_name": Case(table(), {"csv": "mine.csv"}, {"inputs": ["width"]}, TWO),
    "no_column_of_that_name": Case(table(), {"csv": "mine.csv"}, {}, TWO),
    "column_unknown": csv(table(), inputs=["width", "colour"]),
    "target_is_an_input": csv(table(), inputs=["width", "kind"]),
    "output_unknown": Case(
        table(), {"csv": "mine.csv"}, {"inputs": ["width", "height"], "targets": {"kinds": "kind"}}, DOUBLE
    ),
}
"""Columns that are not those of the inputs and outputs of the network."""

TEXT = network(Port((6,), "int32", ids=50), outputs=Port((2,)))


def text_folder(change: Callable[[Path], object]) -> Case:
    """Ten texts of two classes."""

    def write(folder: Path) -> None:
        for number in range(10):
            path = folder / f"mine/{('good', 'bad')[number % 2]}/{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"the text {number}")
        change(folder / "mine")

    return Case(write, {"text_folder": "mine"}, {}, TEXT)


TEXT_FOLDERS: dict[str, Case] = {
    "not_utf_8": text_folder(lambda mine: [(mine / f"good/{n}.txt").write_bytes(b"caf\xe9") for n in (2, 6)]),
    "nul": text_folder(lambda mine: (mine / "bad/3.txt").write_bytes(b"a\n" + bytes(9))),
    "empty": text_folder(lambda mine: [(mine / f"bad/{number}.txt").write_text("") for number in (1, 7)]),
    "class_without_texts": text_folder(lambda mine: (mine / "neutral").mkdir()),
    "loose": text_folder(lambda mine: [path.rename(mine / path.name) for path in mine.glob("*/*")]),
}
"""Folders of texts by class."""


def parquet(cells: Mapping[str, Any], **words: Any) -> Case:
    """The table of flowers as a Parquet file, with the cells of some columns changed; None leaves a column out."""
    header, *rows = flowers()
    whole: dict[str, Any] = dict(zip(header, zip(*rows, strict=True), strict=True))
    whole |= {"width": [float(cell) for cell in whole["width"]], "height": [int(cell) for cell in whole["height"]]}
    kept = {name: [*column] for name, column in (whole | cells).items() if column is not None}

    def write(folder: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table(kept), folder / "mine.parquet", row_group_size=15)

    return Case(write, {"parquet": "mine.parquet"}, words, NUMBERS, needs="pyarrow.parquet")


def not_parquet(data: bytes) -> Case:
    write = content(data, "mine.parquet")
    return Case(write, {"parquet": "mine.parquet"}, {}, NUMBERS, needs="pyarrow.parquet")


SPREAD = [[row, row % 3 + 0.5, 1.0] for row in range(40)]

PARQUET: dict[str, Case] = {
    "missing": Case(lambda folder: None, {"parquet": "mine.parquet"}, {}, NUMBERS, needs="pyarrow.parquet"),
    "is_csv": not_parquet(PLAIN.encode()),
    "truncated": not_parquet(b"PAR1" + bytes(200)),
    "empty_file": not_parquet(b""),
    "no_rows": parquet({"width": [], "height": [], "color": [], "kind": []}),
    "one_column": parquet({"height": None, "color": None, "kind": None}),
    "column_unknown": parquet({}, inputs=["width", "hight"]),
    "target_unknown": parquet({}, targets="species"),
    "ragged_lists": parquet(
        {"width": [each[: 2 + (row in (7, 30))] for row, each in enumerate(SPREAD)]}, inputs="width"
    ),
    "lists_missing": parquet({"width": [None if row in (3, 20) else [1, 2] for row in range(40)]}, inputs="width"),
    "cells_empty": parquet({"width": [None if row in (6, 17) else row / 2 for row in range(40)]}),
    "infinite": parquet({"width": [float("inf") if row in (6, 17) else row / 2 for row in range(40)]}),
    "text_as_number": parquet({}, columns={"color": "number"}),
}
"""Tables of a Parquet file."""


def json_lines(write: Write, **words: Any) -> Case:
    return Case(write, {"jsonl": "mine.jsonl"}, words, NUMBERS)


def objects(**changed: str) -> Write:
    """A line of JSON for each flower; `line7="no"` changes one."""
    header, *rows = flowers()
    lines = [
        json.dumps({"width": float(row[0]), "height": int(row[1]), **dict(zip(header[2:], row[2:], strict=True))})
        for row in rows
    ]
    for place, line in changed.items():
        lines[int(place.removeprefix("line")) - 1] = line
    return content("".join(f"{line}\n" for line in lines), "mine.jsonl")


WIDE = '{"width": "wide", "height": 2, "color": "red", "kind": "rose"}'
LISTED = WIDE.replace('"wide"', "[1, 2]")

JSON_LINES: dict[str, Case] = {
    "missing": json_lines(lambda folder: None),
    "empty": json_lines(content("", "mine.jsonl")),
    "broken_line": json_lines(objects(line7='{"width": 6.5, "height": 6,')),
    "broken_lines": json_lines(objects(line7='{"width": 6.5, "height": 6,', line9="{'width': 8.5}", line30="nothing")),
    "no_object": json_lines(objects(line4='[3.5, 3, "blue", "rose"]', line5="12")),
    "one_list": json_lines(content(json.dumps([{"a": 1, "b": 2}, {"a": 2, "b": 1}], indent=1), "mine.jsonl")),
    "types_mixed": json_lines(
        objects(line7=WIDE, line20=WIDE.replace('"wide"', "[1, 2]")), columns={"width": "number"}
    ),
    "key_missing": json_lines(objects(line7='{"width": 6.5, "height": 6, "color": "red"}', line8='{"kind": "lily"}')),
    "nested_too_deeply": json_lines(objects(line7='{"a": ' * 9 + "1" + "}" * 9)),
    "not_utf_8": json_lines(content(b'{"a": 1, "b": "\xe9"}\n', "mine.jsonl")),
}
"""Tables of JSON lines."""


def unchanged(folder: Path) -> None:
    """Leave a folder as it is."""


def photos(change: Callable[[Path], object] = unchanged, names: Mapping[int, str] = {}, **words: Any) -> Case:
    """A table that names ten images; `names` changes some names."""

    def write(folder: Path) -> None:
        lines = ["photo,kind"]
        for number in range(10):
            mask(folder / f"mine/images/{number}.png", np.full((8, 8, 3), number * 20, np.uint8), "RGB")
            lines.append(f"{names.get(number, f'images/{number}.png')},{('rose', 'lily')[number % 2]}")
        (folder / "mine/all.csv").write_text("\n".join(lines) + "\n")
        change(folder / "mine")

    return Case(write, {"csv": "mine/all.csv"}, words, network(Port((8, 8, 3)), outputs=Port((2,))))


NAMED_IMAGES: dict[str, Case] = {
    "missing": photos(lambda mine: [(mine / f"images/{number}.png").unlink() for number in (2, 7)]),
    "all_missing": photos(lambda mine: (mine / "images").rename(mine / "pictures")),
    "unreadable": photos(lambda mine: [(mine / f"images/{number}.png").write_bytes(b"no") for number in (3, 8)]),
    "truncated": photos(lambda mine: (mine / "images/3.png").write_bytes((mine / "images/3.png").read_bytes()[:50])),
    "path_outside": photos(names={4: "../../other/4.png", 6: "/no/such/folder/6.png"}),
    "path_empty": photos(names={4: ""}),
    "path_is_a_folder": photos(lambda mine: (mine / "more.png").mkdir(), names={4: "more.png"}),
    "no_paths": photos(columns={"kind": "image"}, targets="photo"),
}
"""Images that a column of a CSV file names."""

DIGITS = idx(np.zeros((20, 28, 28), np.uint8))
NUMBERED = idx((np.arange(20) % 10).astype(np.uint8))


def mnist(**changed: bytes | None) -> Case:
    """Twenty images in both parts; None leaves a file out."""
    files = {
        f"{stem}-{kind}": data
        for stem in ("train", "t10k")
        for kind, data in (("images-idx3-ubyte", DIGITS), ("labels-idx1-ubyte", NUMBERED))
    }
    for name, data in changed.items():
        stem, kind = name.split("_")
        files[next(each for each in files if each.startswith(f"{stem}-{kind}"))] = data  # type: ignore[assignment]

    def write(folder: Path) -> None:
        (folder / "keras/datasets/mnist").mkdir(parents=True)
        for name, data in files.items():
            if data is not None:
                (folder / "keras/datasets/mnist" / name).write_bytes(data)

    return Case(write, "mnist", {}, network(Port((28, 28, 1)), outputs=Port((10,))))


MNIST: dict[str, Case] = {
    "truncated": mnist(train_images=DIGITS[:-900]),
    "truncated_header": mnist(train_images=DIGITS[:9]),
    "labels_truncated": mnist(t10k_labels=NUMBERED[:20]),
    "too_long": mnist(t10k_images=DIGITS + b"more"),
    "labels_missing": mnist(train_labels=None),
    "labels_as_images": mnist(train_images=NUMBERED),
    "web_page": mnist(train_images=b"<!DOCTYPE html>\n<html></html>"),
    "fewer_labels": mnist(train_labels=idx(np.arange(19, dtype=np.uint8) % 10)),
    "label_beyond": mnist(train_labels=idx(np.arange(20, dtype=np.uint8))),
    "other_size": mnist(train_images=idx(np.zeros((20, 32, 32), np.uint8))),
}
"""The four files of MNIST."""

CLASS = {"kind": "class", "dtype": "int64"}


def shards(change: Callable[[Path], object] = unchanged, **changed: Any) -> Case:
    """Two shards of 100 bytes, as `shards.json` describes them; `changed` are its keys. They are not read so far."""
    parts = [f"train-0000{number}-of-00002.tfrecord" for number in range(2)]
    description = {
        "columns": {"x": {"kind": "array", "dtype": "float32", "shape": [2]}, "y": CLASS},
        "inputs": ["x"],
        "targets": ["y"],
        "splits": {"train": [{"file": name, "examples": 5, "bytes": 100} for name in parts]},
    }

    def write(folder: Path) -> None:
        mine = folder / "mine"
        mine.mkdir()
        (mine / "shards.json").write_text(json.dumps(description | changed))
        for name in parts:
            (mine / name).write_bytes(bytes(100))
        np.savez(mine / "train.npz", **{"sizes": np.full(10, 4), "columns/y": np.arange(10) % 2})
        change(mine)

    return Case(write, {"shards": "mine"}, {}, network(Port((2,)), outputs=Port((2,))))


SHARDS: dict[str, Case] = {
    "folder_missing": shards(lambda mine: mine.rename(mine.with_name("other"))),
    "truncated": shards(lambda mine: (mine / "train-00001-of-00002.tfrecord").write_bytes(bytes(60))),
    "file_missing": shards(lambda mine: (mine / "train-00000-of-00002.tfrecord").unlink()),
    "description_missing": shards(lambda mine: (mine / "shards.json").unlink()),
    "description_broken": shards(lambda mine: (mine / "shards.json").write_text('{"columns": {')),
    "description_of_something_else": shards(lambda mine: (mine / "shards.json").write_text("[1, 2]")),
    "type_unknown": shards(columns={"x": {"kind": "array", "dtype": "quaternion"}, "y": CLASS}),
    "target_unknown": shards(targets=["z"]),
    "no_training": shards(splits={}),
    "file_outside": shards(splits={"train": [{"file": "../train.tfrecord", "examples": 5, "bytes": 100}]}),
    "index_missing": shards(lambda mine: (mine / "train.npz").unlink()),
    "index_short": shards(lambda mine: np.savez(mine / "train.npz", sizes=np.full(9, 4))),
    "index_broken": shards(lambda mine: (mine / "train.npz").write_bytes(b"PK\x03\x04" + bytes(30))),
}
"""Folders of shards."""

CASES: dict[str, Case] = {
    f"{kind}_{name}": case
    for kind, cases in {
        "csv": CSV,
        "masks": MASK_FOLDERS,
        "npz": ARRAYS,
        "text": TEXTS,
        "text_folder": TEXT_FOLDERS,
        "roles": ROLES,
        "parquet": PARQUET,
        "jsonl": JSON_LINES,
        "named_images": NAMED_IMAGES,
        "mnist": MNIST,
        "shards": SHARDS,
    }.items()
    for name, case in cases.items()
}
