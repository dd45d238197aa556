"""What a model card says of raw inputs and of outputs: columns, how to predict, and limits.

For all models but classifiers of images. It reads the description that the model's file carries; see
`archdsl.keras.runtime.DATA`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archdsl.recipe import TASKS
from archdsl.text import in_line

MOST = 8
"""The most classes of a column that are listed."""

Description = Mapping[str, Any]


def columns(described: Description) -> list[tuple[str, str, str]]:
    """The columns that the network takes: name, kind, and values."""
    return [row for each in described["inputs"].values() for row in _columns(each)]


def _columns(each: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    kind = each["kind"]
    if kind == "vector":
        for column in each["columns"]:
            if "classes" in column:
                yield column["name"], "class", _listed(column["classes"])
            else:
                yield column["name"], "number", f"{column['smallest']:.6g} to {column['largest']:.6g}"
    elif kind == "category":
        yield each["column"], "class", _listed(each["classes"])
    elif kind == "text":
        yield each["column"], "text", f"the first {each['length']:,} words; {len(each['words']):,} are known"
    elif kind == "tokens":
        yield each["column"], each["unit"], f"{each['length']:,} at a time; {len(each['classes']):,} are known"
    elif kind == "image":
        yield each["column"], "image", f"{_sides(each['shape'])} pixels from 0 to {each['largest']:g}"
    else:
        yield each["column"], "array", f"{_sides(each['shape'])} numbers"


def outputs(described: Description) -> list[tuple[str, str, str]]:
    """What the network predicts: column, task, and what the values are."""
    rows = []
    for head in described["heads"]:
        target = described["targets"][head["column"]]
        values = _listed(target["classes"]) if "classes" in target and target["kind"] != "tokens" else ""
        rows.append((head["column"], TASKS[head["task"]].title, values))
    return rows


def _listed(classes: Sequence[str]) -> str:
    more = f", ... {len(classes) - MOST:,} more" if len(classes) > MOST else ""
    return ", ".join(in_line(name, 40) or "(empty)" for name in classes[:MOST]) + more


def _sides(shape: Sequence[int | None]) -> str:
    return "x".join("?" if side is None else str(side) for side in shape)


def commands(described: Description, model: str) -> list[str]:
    """The commands that predict raw examples with a model file."""
    kinds = {each["kind"] for each in described["inputs"].values()}
    pictures = any(described["targets"][head["column"]]["kind"] in ("mask", "image") for head in described["heads"])
    if kinds == {"tokens"}:
        return [f'archdsl predict {model} --text "The beginning" --tokens 200']
    if kinds == {"image"}:
        return [f"archdsl predict {model} picture.png{' --out predictions' if pictures else ''}"]
    if kinds == {"text"}:
        return [f'archdsl predict {model} --text "A text"', f"archdsl predict {model} rows.csv --out predictions.csv"]
    if kinds == {"array"}:
        return [f"archdsl predict {model} arrays.npz{' --out predictions' if pictures else ''}"]
    return [
        f"archdsl predict {model} rows.csv --out predictions.csv",
        f"archdsl export {model} --raw --out raw.keras",
    ]


def python(described: Description, model: str) -> list[str]:
    """The lines of Python that predict one raw example; empty if it is no row of cells."""
    rows = {}
    for name, kind, values in columns(described):
        if kind not in ("number", "class", "text"):
            return []
        number = values.partition(" to ")[0]
        rows[name] = float(number) if kind == "number" else values.partition(",")[0] if kind == "class" else "A text"
    example = ", ".join(
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in rows.items()
    )
    return [
        "import archdsl",
        "",
        f'(prediction,) = archdsl.predict("{model}", [{{{example}}}])',
        "print(prediction.value)",
    ]


def limits(described: Description) -> list[str]:
    """Sentences about what the network cannot do."""
    kinds = {kind for _, kind, _ in columns(described)}
    found = []
    if "number" in kinds:
        found.append("Numbers outside of the ranges above are outside of the training data: predictions may be wrong.")
    if "class" in kinds:
        found.append("A class that is not listed above counts as unknown.")
    if "text" in kinds:
        found.append("Words that the training texts do not have count as unknown, and longer texts are cut.")
    if {"characters", "words"} & kinds:
        found.append("Generated text imitates the training text. It may be wrong, and repeat parts of it.")
    return found
