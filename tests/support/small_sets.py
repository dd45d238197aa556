"""Small data sets of each kind as files, made by a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def digits_as_images(folder: Path, count: int, seed: int = 0, after: int = 0) -> None:
    """Write digits that archdsl includes as PNG files, in a folder for each of the ten classes.

    Args:
        after: the number of digits in that random order to leave out, such as those of another split.
    """
    from archdsl.data.dataset import load
    from archdsl.recipe import Data

    digits = load(Data(source="digits"))
    labels, images = digits.labels(), digits.images()
    rows = np.random.default_rng(seed).permutation(len(labels))
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
        for row in rows[labels[rows] == label][after // 10 :][: count // 10]:
            Image.fromarray(images[row, ..., 0]).save(folder / str(label) / f"{row}.png")


def photos(folder: Path, counts: dict[str, int], size: tuple[int, int] = (40, 32), seed: int = 0) -> None:
    """Write noise in color as PNG files, in a folder for each class."""
    random = np.random.default_rng(seed)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(folder / name / f"{number}.png")


def squares_with_masks(folder: Path, count: int, side: int = 64, seed: int = 0) -> None:
    """Write bright squares on noise, and masks that are 255 there."""
    random = np.random.default_rng(seed)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        image = random.integers(0, 120, (side, side, 3), np.uint8)
        mask = np.zeros((side, side), np.uint8)
        top, left = random.integers(0, side - 16, 2)
        image[top : top + 16, left : left + 16] += 100
        mask[top : top + 16, left : left + 16] = 255
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")


def houses(path: Path, count: int, seed: int = 0) -> None:
    """Write a table of a row number, two numbers, a category, and a price that they determine but for some noise."""
    random = np.random.default_rng(seed)
    area, rooms = random.uniform(30, 200, count), random.integers(1, 8, count)
    town = random.choice(["Aachen", "Bonn", "Celle"], count)
    price = 1000 * (2 * area + 15 * rooms + 60 * (town == "Bonn") + random.normal(0, 8, count))
    rows = zip(range(count), area.round(1), rooms, town, price.round(), strict=True)
    lines = ["id,area,rooms,town,price", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def flowers(path: Path, count: int, seed: int = 0) -> None:
    """Write a table of two numbers, of which some are missing, and a species from 0 to 2."""
    random = np.random.default_rng(seed)
    species = np.arange(count) % 3
    length, width = (random.normal(species * 2.0 + shift, 0.5) for shift in (1, 5))
    lines = ["length,width,species"]
    for row in range(count):
        lines.append(f"{'' if row % 50 == 7 else f'{length[row]:.2f}'},{width[row]:.2f},{species[row]}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def waves(path: Path, count: int, steps: int = 64, seed: int = 0) -> None:
    """Write series of two channels: sines of one of three frequencies, in noise."""
    random = np.random.default_rng(seed)
    labels, time = np.arange(count) % 3, np.arange(steps)
    phase = random.uniform(0, 6, (count, 2, 1))
    series = np.sin(time * 0.2 * (labels[:, None, None] + 1) + phase) + random.normal(0, 0.3, (count, 2, steps))
    np.savez(path, x=series.transpose(0, 2, 1).astype(np.float32), y=labels)


def reviews(path: Path, count: int, seed: int = 0) -> None:
    """Write a table of sentences, some of whose words tell whether they praise."""
    random = np.random.default_rng(seed)
    words = ["the", "film", "was", "long", "music", "and", "we", "saw", "it", "twice", "plot", "actor"]
    lines = ["text,opinion"]
    for row in range(count):
        good = row % 2
        told = random.choice(["great", "lovely", "moving"] if good else ["dull", "awful", "weak"])
        sentence = [*random.choice(words, random.integers(4, 12)), told]
        random.shuffle(sentence)
        lines.append(f"{' '.join(sentence)},{'good' if good else 'bad'}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def counting(path: Path, count: int) -> None:
    """Write a text that counts, whose next character is often certain."""
    path.write_text(", ".join(f"{number % 100:03} then" for number in range(count)), encoding="utf-8", newline="\n")


def opinions(folder: Path, count: int, seed: int = 0) -> None:
    """Write the sentences of `reviews` as text files, in a folder for each class."""
    folder.mkdir()
    reviews(folder / "all.csv", count, seed)
    lines = (folder / "all.csv").read_text(encoding="utf-8").splitlines()[1:]
    (folder / "all.csv").unlink()
    for number, line in enumerate(lines):
        text, opinion = line.split(",")
        (folder / opinion).mkdir(exist_ok=True)
        (folder / opinion / f"{number}.txt").write_text(text, encoding="utf-8", newline="\n")
