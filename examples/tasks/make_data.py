"""Writes the data of the examples in this folder from installed packages: `python make_data.py PLACE`.

Each function names its package. A set whose package is missing is skipped.

    pip install scikit-learn vega_datasets aeon
    apt install fortunes
"""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

FORTUNES = Path("/usr/share/games/fortunes")
CLASSES = 5
"""The digits 0 to 4 are in the images with masks."""
TOPICS = ("computers", "food", "law", "love", "medicine", "politics", "science", "sports")


def digits_on_canvas(place: Path, count: int = 2_000, test: int = 400) -> None:
    """Two handwritten digits (in archdsl) at random places of 32x32 pixels, with masks of their classes."""
    from PIL import Image

    from archdsl.data.dataset import load
    from archdsl.recipe import Data

    random = np.random.default_rng(0)
    digits = load(Data(source="digits"))
    for split, source, number in (("train", "train", count), ("test", "test", test)):
        few = digits.labels(source) < CLASSES
        images, labels = digits.images(source)[few][..., 0], digits.labels(source)[few]
        for index in range(number):
            canvas, mask = random.integers(0, 4, (32, 32)).astype(np.uint8), np.zeros((32, 32), np.uint8)
            for _ in range(2):
                row = random.integers(len(images))
                digit = images[row].repeat(2, 0).repeat(2, 1)
                top, left = random.integers(0, 17, 2)
                inside = np.s_[top : top + 16, left : left + 16]
                canvas[inside] = np.maximum(canvas[inside], digit)
                mask[inside] = np.where(digit > 6, labels[row] + 1, mask[inside])
            for name, array in (("images", (canvas * 15).clip(0, 255).astype(np.uint8)), ("masks", mask)):
                path = place / "digit_masks" / split / name / f"{index:04}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)
    (place / "digit_masks" / "classes.txt").write_text("\n".join(["background", *map(str, range(CLASSES))]))


def diabetes(place: Path) -> None:
    """442 patients, ten measurements, and how far the disease went in a year (scikit-learn; Efron et al. 2004)."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes(scaled=False)
    with open(place / "diabetes.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*found.feature_names, "progression"])
        table.writerows([*row, value] for row, value in zip(found.data.tolist(), found.target.tolist(), strict=True))


def cars(place: Path) -> None:
    """406 cars of 1970 to 1982 with numbers and categories (vega_datasets; Quinlan 1993)."""
    import vega_datasets

    path = Path(vega_datasets.__file__).parent / "_data" / "cars.json"
    rows = [row for row in json.loads(path.read_text()) if None not in row.values()]
    names = ["Cylinders", "Displacement", "Horsepower", "Weight_in_lbs", "Acceleration", "Origin", "Miles_per_Gallon"]
    with open(place / "cars.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*names[:-1], "Year", "Maker", names[-1]])
        for row in rows:
            maker, year = row["Name"].split()[0], row["Year"][:4]
            table.writerow([*(row[name] for name in names[:-1]), year, maker, row[names[-1]]])


def fortunes(place: Path) -> None:
    """Short texts by topic (Debian's package `fortunes`, or a folder `fortunes` next to this file)."""
    near = Path(__file__).parent / "fortunes"
    source = near if near.is_dir() else FORTUNES
    random = np.random.default_rng(0)
    for topic in TOPICS:
        texts = [text.strip() for text in (source / topic).read_text(encoding="utf-8").split("\n%\n")]
        order = random.permutation(len(texts))
        for rank, index in enumerate(order):
            path = place / "fortunes" / ("test" if rank < len(texts) / 5 else "train") / topic / f"{index:04}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[index], encoding="utf-8")


def power_demand(place: Path) -> None:
    """Electricity demand of Italy in 24 hours: October to March, or April to September (aeon; Keogh et al. 2006)."""
    spec = importlib.util.find_spec("aeon")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("aeon")
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "ItalyPowerDemand"
    arrays = {}
    for split in ("train", "test"):
        text = (folder / f"ItalyPowerDemand_{split.upper()}.ts").read_text()
        lines = text.partition("@data")[2].split()
        arrays[f"x_{split}"] = np.array([[float(v) for v in line.split(":")[0].split(",")] for line in lines])[
            ..., None
        ]
        arrays[f"y_{split}"] = np.array([int(line.split(":")[1]) - 1 for line in lines])
    np.savez(place / "power_demand.npz", classes=np.array(["winter", "summer"]), **arrays)


SETS: tuple[Callable[[Path], None], ...] = (digits_on_canvas, diabetes, cars, fortunes, power_demand)


def main() -> None:
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    for make in SETS:
        try:
            make(place)
        except (ImportError, FileNotFoundError) as error:
            print(f"{make.__name__}: skipped, {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
