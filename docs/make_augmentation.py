"""Draws the picture of `docs/how-to/augment-images.md`: each way to augment one image, painted here, in six epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from archdsl.data import dataset, pipeline
from archdsl.data.sources.base import labeled_images
from archdsl.data.tables import in_memory
from archdsl.figures import GREY, INK, figure, save
from archdsl.recipe import Augment, Data

PATH = Path(__file__).parent / "images" / "augmentation.png"

WORDS: tuple[dict[str, Any], ...] = (
    {},
    {"flip": "alternate"},
    {"crop": 8, "fill": "reflect"},
    {"rotation": 45, "fill": "nearest"},
    {"shift": 0.25, "fill": "wrap"},
    {"shear": 30, "fill": "black"},
    {"zoom": 0.4, "fill": "black"},
    {"brightness": 0.4},
    {"contrast": 0.7},
    {"saturation": 0.8},
    {"hue": 0.4},
    {"cutout": 24},
    {"mixup": 1.0},
    {"cutmix": 1.0},
)
"""A row of the picture each, in the order of the page."""

SIDE, EPOCHS, FINER = 64, 6, 4
"""Pixels of an image's side, images in a row, and how much finer an image is painted than it is."""


def scene(number: int) -> NDArray[np.uint8]:
    """A house, a tree and a sun, uint8 (64, 64, 3): left and right differ; every second one is mirrored."""
    image = Image.new("RGB", (SIDE * FINER, SIDE * FINER), "#9CCBEB")
    draw = ImageDraw.Draw(image)

    def at(*places: int) -> list[int]:
        return [place * FINER for place in places]

    roof, wall, crown = (
        ("#B5443C", "#E8D9B5", "#3F7D45"),
        ("#44546A", "#D9A679", "#6E8B3D"),
        ("#7A4B2A", "#F2F0EA", "#2F6B57"),
        ("#A0522D", "#C9D7B0", "#C98B2B"),
        ("#2F4B7C", "#EFC7C2", "#4F8A3C"),
        ("#5B3A5E", "#F3E3A3", "#37714F"),
    )[number]
    draw.rectangle(at(0, 48, 64, 64), fill="#7FA650")
    draw.ellipse(at(46 - 7 * number, 4, 57 - 7 * number, 15), fill="#F6D04D")
    draw.rectangle(at(8, 28, 34, 54), fill=wall)
    draw.polygon(at(4, 29, 21, 12, 38, 29), fill=roof)
    draw.rectangle(at(12, 38, 19, 54), fill="#6B4A2F")
    draw.rectangle(at(24, 34, 31, 41), fill="#F7F7F0")
    draw.rectangle(at(49, 40, 52, 54), fill="#6B4A2F")
    draw.ellipse(at(42, 22, 60, 43), fill=crown)
    painted = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))
    return painted[:, ::-1] if number % 2 else painted


def rows() -> list[tuple[str, list[NDArray[np.float32]]]]:
    """What a row is called, and its images, float32 (64, 64, 3) in [0, 255]."""
    table = in_memory(image=np.stack([scene(number) for number in range(EPOCHS)]), label=np.arange(EPOCHS))
    raw = labeled_images(table, table, tuple(map(str, range(EPOCHS))), (SIDE, SIDE, 3), "painted")
    made = []
    for words in WORDS:
        data = Data(source="cifar10", batch_size=EPOCHS, validation=0, augment=Augment(**words))
        painted = dataset.from_raw(raw, data)
        if {"mixup", "cutmix"} & words.keys():
            images = [*next(iter(pipeline.training_batches(painted, data, 1, {"label": "one_hot"})))[0].numpy() * 255]
        else:
            images = [pipeline.augmented(painted, data, 3, epoch, [0])[0] for epoch in range(EPOCHS)]
        name = ", ".join(f"{word}: {value}" for word, value in words.items())
        made.append((name or "as it is", images))
    return made


def sheet(row: list[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """The images of a row beside each other, with white between them."""
    shown = [np.pad(np.clip(np.rint(image), 0, 255), ((3, 3), (3, 3), (0, 0)), constant_values=255) for image in row]
    return np.concatenate(shown, axis=1).astype(np.uint8)


def main(path: Path = PATH) -> None:
    """Writes the picture."""
    made = rows()
    half = (len(made) + 1) // 2
    canvas = figure(13.2, 6.3)
    for place, (name, images) in enumerate(made):
        column, row = divmod(place, half)
        across = 0.115 + 0.51 * column
        axes = canvas.add_axes((across, 1 - (row + 1) / half, 0.375, 1 / half))
        axes.imshow(sheet(images), interpolation="nearest")
        axes.set_axis_off()
        axes.text(-10, (SIDE + 6) / 2, name.replace(", ", "\n"), ha="right", va="center", fontsize=9.5,
                  color=GREY if place == 0 else INK)  # fmt: skip
    save(canvas, path)


if __name__ == "__main__":
    main()
