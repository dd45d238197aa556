"""Predicts the classes of image files with the model of a run folder or a `.keras` file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data import images, input_description, pipeline
from archdsl.data.inputs import ImageInput
from archdsl.data.pixels import Statistics
from archdsl.errors import ArchError, fail
from archdsl.keras import load_model
from archdsl.keras.runtime import carried_data
from archdsl.limits import DEFAULTS, Limits
from archdsl.recipe import TestTime
from archdsl.runs.folder import MODEL, read_result
from archdsl.training import compilation, evaluation
from archdsl.training.tasks.shapes import shape_text

BATCH = 64
"""The number of images to predict at a time."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The probabilities (classes,) of an image, or the error of reading it."""

    path: Path
    probabilities: NDArray[np.float32] | None
    error: ArchError | None = None

    def top(self, count: int) -> list[tuple[int, float]]:
        """The indices of the most likely classes, with their probabilities."""
        if self.probabilities is None:
            return []
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(number), float(self.probabilities[number])) for number in order]


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model with its preprocessing.

    Attributes:
        data: see `archdsl.keras.runtime.DATA`.
        raw: whether the model itself preprocesses raw pixels.
        logits: whether the model outputs logits rather than probabilities.
        lacks: information that the file lacks, one sentence each.
    """

    model: keras.Model
    data: Mapping[str, Any]
    raw: bool
    logits: bool
    lacks: tuple[str, ...] = ()

    @property
    def test_time(self) -> TestTime | None:
        """The test-time augmentation, or None."""
        return TestTime.model_validate(self.data["test_time"]) if self.data.get("test_time") else None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, or their indices if the names are unknown."""
        return tuple(self.data["classes"] or map(str, range(int(self.output_shape[-1]))))

    @property
    def output_shape(self) -> Any:
        """The shape of the main output, including the batch axis."""
        return main_output(self.model.output_shape, self.data.get("output"))

    def predict(self, paths: Sequence[Path], batch: int = BATCH) -> Iterator[Prediction]:
        """Predict image files in order. Unreadable files do not stop the others."""
        height, width, channels = self.data["shape"]
        size = (height, width) if height and width else None
        for start in range(0, len(paths), batch if size else 1):
            part = paths[start : start + (batch if size else 1)]
            read = [_read(path, channels, size) for path in part]
            pixels = [image for image in read if not isinstance(image, ArchError)]
            predicted = iter(self.probabilities(np.stack(pixels) * (self.data["largest"] / 255)) if pixels else ())
            for path, image in zip(part, read, strict=True):
                error = image if isinstance(image, ArchError) else None
                yield Prediction(path, None if error else next(predicted), error)

    def probabilities(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Compute probabilities (N, classes) from raw pixels (N, H, W, C), from 0 to the source's largest value."""
        inputs = keras.ops.convert_to_tensor(pixels, "float32")
        inputs = inputs if self.raw else standardized(inputs, self.data)
        weighted = []
        for weight, view in evaluation.views(inputs, self.test_time):
            output = main_output(self.model(view, training=False), self.data.get("output"))
            weighted.append(weight * keras.ops.cast(output, "float32"))
        outputs = keras.ops.sum(weighted, axis=0)
        return np.asarray(keras.ops.softmax(outputs) if self.logits else outputs)


def load(path: Path, limits: Limits = DEFAULTS) -> Predictor:
    """Load the model of a run folder or a `.keras` file.

    Args:
        limits: limits on its spec; the file's own limits can only lower them.

    Raises:
        ArchError: there is no model (ARCH204), it cannot be opened (ARCH302), or it does not map images to one number
            per class (ARCH303).
    """
    run = read_result(path) if path.is_dir() else None
    file = path / MODEL if run else path
    if run and not file.is_file():
        raise fail("ARCH204", f"{file} does not exist: the run completed no epoch")
    model = load_model(file, compile=False, limits=limits)
    data = carried_data(model) or (dict(run.input) if run and run.input else None)
    raw, lacks = False, tuple[str, ...]()
    input_shape = model.input_shape
    if not isinstance(input_shape, tuple) or len(input_shape) != 4 or input_shape[-1] not in (1, 3, 4):
        shape = shape_text(input_shape, each=False)
        message = f"{file}: expected an input of height, width and 1, 3 or 4 channels, got {shape}"
        raise fail("ARCH303", message)
    if data is None:
        inner = [carried for layer in model.layers if (carried := carried_data(layer)) is not None]
        raw = bool(inner) or any(isinstance(layer, keras.layers.Rescaling) for layer in model.layers[:2])
        data, lacks = (inner[0], ()) if inner else _assumed(model, file, raw)
    input_description.check(data, file)
    if any(side not in (None, given) for side, given in zip(input_shape[1:], data["shape"], strict=True)):
        takes, told = shape_text(input_shape, each=False), shape_text((None, *data["shape"]), each=False)
        raise fail("ARCH303", f"{file} takes {takes}, but records images of {told}")
    output_shape = main_output(model.output_shape, data.get("output"))
    if len(output_shape) != 2 or not output_shape[1] or output_shape[1] < 2:
        shape = shape_text(output_shape, each=False)
        raise fail("ARCH303", f"{file}: expected an output of one number per class, got {shape}")
    if data["classes"] and len(data["classes"]) != output_shape[1]:
        message = f"{file} names {len(data['classes']):,} classes, but its network outputs {output_shape[1]:,} numbers"
        raise fail("ARCH303", message)
    main = model
    if len(model.outputs) > 1:
        main = keras.Model(model.inputs, main_output(model.output, data.get("output")))
    return Predictor(model, data, raw, not compilation.gives_probabilities(main), lacks)


def main_output(outputs: Any, name: str | None) -> Any:
    """Select the output that classifies, or its shape: by name, or the first one."""
    if isinstance(outputs, dict):
        return outputs[name] if name in outputs else next(iter(outputs.values()))
    return outputs[0] if isinstance(outputs, list) else outputs


def standardized(pixels: Any, data: Mapping[str, Any]) -> Any:
    """Scale and standardize raw pixels, float32 (N, H, W, C), as in training."""
    statistics = Statistics(np.array(data["mean"], np.float32), np.array(data["std"], np.float32))
    shape, largest = tuple(pixels.shape[1:]), data["largest"]
    image = ImageInput("", shape, largest, data["divisor"], statistics=None if data["mean"] is None else statistics)
    return pipeline.standardize(pixels, image)


def _read(path: Path, channels: int, size: tuple[int, int] | None) -> NDArray[np.uint8] | ArchError:
    try:
        with images.reject_bombs():
            return images.read(path, channels, size)
    except ArchError as error:
        return error


def _assumed(model: keras.Model, file: Path, raw: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The assumed description of the data, and what the file lacks."""
    lacks = ["the classes have no names and are shown by number"]
    if not raw:
        lacks.append("the preprocessing is not recorded: pixels are divided by 255, as in Keras's examples")
    data = {"source": "", "classes": (), "shape": model.input_shape[1:], "largest": 255.0, "divisor": 255.0}
    return {**data, "mean": None, "std": None, "test_time": None}, tuple(f"{file}: {lack}" for lack in lacks)
