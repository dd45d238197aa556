"""Lists the files that a command wrote, and the one to open first."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from archdsl.cli.shared import say
from archdsl.text import columns, in_line

BUILD_FILES = {
    "summary.txt": "shapes, parameters and multiply-accumulates of each step",
    "spec.yaml": "the spec",
    "pictures": "the network and each layer, as SVG and PNG",
}
RUN_FILES = {
    "card.md": "model card: results, data, recipe and limitations",
    "model.keras": "the trained model",
    "curves.png": "loss and accuracy by epoch",
    "confusion.png": "confusion matrix of the test examples",
    "mistakes.png": "the most confident mistakes",
    "labels.png": "precision, recall and F1 of each label",
    "masks.png": "the worst masks",
    "outputs.png": "images and what the network makes of them",
    "residuals.png": "predicted and true values",
    "network.svg": "picture of the network",
    "log.csv": "metrics by epoch; also as log.jsonl",
    "run.json": "settings and results",
    "spec.yaml": "the spec",
}


def run_files(outputs: Iterable[str]) -> dict[str, str]:
    """A few words on each file of a run by its name.

    Args:
        outputs: the outputs besides the main one, which have pictures of their own.
    """
    files: dict[str, str] = {}
    for name, what in RUN_FILES.items():
        files[name] = what
        stem, _, suffix = name.rpartition(".")
        if suffix == "png":
            files.update({f"{stem}-{output}.png": f"{what} (output {output})" for output in outputs})
    return files


def say_written(folder: Path, descriptions: Mapping[str, str], first: str) -> None:
    """Prints a folder and its files on stderr, one a line, and what to open next.

    Args:
        descriptions: a few words on each file by its name; files that do not exist are left out.
        first: the file to open next, if it exists.
    """
    sys.stdout.flush()  # the results come before the list, also where both streams go to one file
    written = [(f"  {name}", what) for name, what in descriptions.items() if (folder / name).exists()]
    say(f"wrote {in_line(str(folder))}:\n" + columns(written).rstrip("\n"))
    if (folder / first).exists():
        say(f"next, open {in_line(str(folder / first))}")
