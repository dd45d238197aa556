"""Image to image: an image for each example, such as that of an autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.targets import ImageTarget, Target
from archdsl.errors import fail
from archdsl.runs.folder import OUTPUTS, Details
from archdsl.training.answers import ImageAnswer
from archdsl.training.reports import outputs as drawing
from archdsl.training.tasks.base import Pictures, Scorer, Task
from archdsl.training.tasks.shapes import fits, output_shapes, shape_text

KEPT = 12
"""The number of images that are drawn with their outputs."""


class ImageToImage(Task):
    """An output of the shape of the target, with values from 0 to 1."""

    word = "image_to_image"
    is_picture = True

    def fits(self, shape: Any, target: Target) -> bool:
        return isinstance(target, ImageTarget) and fits(shape, target.shape)

    def check(
        self, model: keras.Model, output: str, column: str, dataset: Dataset, setting: Callable[[int, int], str]
    ) -> None:
        shape, target = output_shapes(model)[output], dataset.targets[column]
        if not self.fits(shape, target) and isinstance(target, ImageTarget):
            subject = f"the output `{output}`" if output else "the network"
            wanted = shape_text((None, *target.shape))
            message = f"{subject} returns {shape_text(shape)}, but `{column}` is images of {wanted}"
            hint = f"end the network with `conv: {{filters: {target.shape[-1]}, kernel: 1}}` at the size of the images"
            raise fail("ARCH303", message, hint=hint)

    def answers(self, values: NDArray[Any], target: Target) -> list[ImageAnswer]:
        return [ImageAnswer(pixels) for pixels in values]

    def scorer(self, column: str, dataset: Dataset) -> ImageScorer:
        target = dataset.targets[column]
        assert isinstance(target, ImageTarget)
        return ImageScorer(target)


@dataclass
class ImageScorer(Scorer):
    """Sums the errors of all pixels, and keeps some outputs."""

    target: ImageTarget
    absolute: float = 0.0
    squared: float = 0.0
    pixels: int = 0
    kept: list[NDArray[Any]] = field(default_factory=list)

    def update(self, outputs: NDArray[Any], values: NDArray[Any], single_view: NDArray[Any] | None = None) -> None:
        errors = outputs.astype(np.float64) - values / self.target.largest
        self.absolute += float(np.abs(errors).sum())
        self.squared += float((errors**2).sum())
        self.pixels += errors.size
        if len(self.kept) < KEPT:
            self.kept += [*outputs[: KEPT - len(self.kept)]]

    def scores(self) -> dict[str, float]:
        mean_squared = self.squared / self.pixels
        # Of perfect images, 100 dB: JSON has no infinity.
        noise = 10 * np.log10(1 / mean_squared) if mean_squared > 1e-10 else 100.0
        return {
            "mean_absolute_error": self.absolute / self.pixels,
            "mean_squared_error": mean_squared,
            "peak_signal_to_noise_ratio": float(noise),
        }

    def details(self) -> Details:
        return Details()

    def draw(self, pictures: Pictures, dataset: Dataset) -> list[str]:
        rows = slice(len(self.kept))
        true = dataset.test.targets[self.target.column][rows] / self.target.largest
        lines = {"target": true, "output": np.stack(self.kept)}
        if dataset.image_name is not None:
            taken = dataset.images("test")[rows] / dataset.image.largest
            same = taken.shape == true.shape and bool((taken == true).all())
            lines = {"input": taken, "output": lines["output"]} if same else {"input": taken, **lines}
        drawing.draw(lines, f"{pictures.title}: the first test images", pictures.path(OUTPUTS))
        return [pictures.name(OUTPUTS)]


TASK = ImageToImage()
