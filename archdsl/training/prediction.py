"""Class probabilities of images by a network that was trained, from its run's folder or from its file alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

import archdsl.keras as runtime
from archdsl.data import images, pipeline
from archdsl.errors import ArchError, fail
from archdsl.keras.runtime import carried_data
from archdsl.recipe import TestTime
from archdsl.runs import folder
from archdsl.training import compilation, evaluation

BATCH = 64
"""Images that the network sees at a time."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network says of one image: probabilities (classes,), or why the image cannot be read."""

    path: Path
    probabilities: NDArray[np.float32] | None
    error: ArchError | None = None

    def top(self, count: int) -> list[tuple[int, float]]:
        """The likeliest classes by number, each with its probability."""
        if self.probabilities is None:
            return []
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(number), float(self.probabilities[number])) for number in order]


@dataclass(frozen=True, slots=True)
class Predictor:
    """A network, and how its input is made (see `archdsl.keras.runtime.DATA`).

    `raw` says that the network scales and standardizes by itself, `logits` that it does not end in probabilities;
    `lacks` tells what was not known of it, in sentences.
    """

    model: keras.Model
    data: Mapping[str, Any]
    raw: bool
    logits: bool
    lacks: tuple[str, ...] = ()

    @property
    def test_time(self) -> TestTime | None:
        """How several looks at an image are taken, where the recipe wants it."""
        return TestTime.model_validate(self.data["test_time"]) if self.data.get("test_time") else None

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names; their numbers where the network does not know names."""
        return tuple(self.data["classes"] or map(str, range(int(_shape(self.model, self.data)[-1]))))

    def predict(self, paths: Sequence[Path], batch: int = BATCH) -> Iterator[Prediction]:
        """What the network says of image files, in their order; one that cannot be read does not stop the others."""
        height, width, channels = self.data["shape"]
        size = (height, width) if height and width else None
        for start in range(0, len(paths), batch if size else 1):
            part = paths[start : start + (batch if size else 1)]
            read = [_read(path, channels, size) for path in part]
            pixels = [image for image in read if not isinstance(image, ArchError)]
            found = iter(self.probabilities(np.stack(pixels) * (self.data["largest"] / 255)) if pixels else ())
            for path, image in zip(part, read, strict=True):
                broken = image if isinstance(image, ArchError) else None
                yield Prediction(path, None if broken else next(found), broken)

    def probabilities(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities (N, classes) of raw pixels (N, H, W, C), from 0 to the source's largest value."""
        given = keras.ops.convert_to_tensor(pixels, "float32")
        given = given if self.raw else standardized(given, self.data)
        views = evaluation.views(given, self.test_time)
        outputs = keras.ops.sum([weight * self._look(view) for weight, view in views], axis=0)
        return np.asarray(keras.ops.softmax(outputs) if self.logits else outputs)

    def _look(self, view: Any) -> Any:
        """What the network gives, at the output that tells the classes."""
        return keras.ops.cast(main_of(self.model(view, training=False), self.data.get("output")), "float32")


def load(path: Path) -> Predictor:
    """The network of a run's folder, or of a `.keras` file.

    Raises:
        ArchError: there is none (ARCH204), it cannot be opened (ARCH302), or it takes or gives something else than
            images and a number for each class (ARCH303).
    """
    run = folder.read_result(path) if path.is_dir() else None
    file = path / folder.MODEL if run else path
    if run and not file.is_file():
        raise fail("ARCH204", f"{file} is not there: no epoch of this run was complete")
    model = runtime.load_model(file, compile=False)
    data = carried_data(model) or (dict(run.input) if run and run.input else None)
    raw, lacks = False, tuple[str, ...]()
    _check_input(model, file)
    if data is None:
        inside = [found for layer in model.layers if (found := carried_data(layer)) is not None]
        raw = bool(inside) or any(isinstance(layer, keras.layers.Rescaling) for layer in model.layers[:2])
        data, lacks = (inside[0], ()) if inside else _guessed(model, file, raw)
    _check_output(model, data, file)
    return Predictor(model, data, raw, not _gives_probabilities(model, data), lacks)


def main_of(given: Any, name: str | None) -> Any:
    """Of what a network gives, or of its shapes, the output that tells the classes: by its name, or the first."""
    if isinstance(given, dict):
        return given[name] if name in given else next(iter(given.values()))
    return given[0] if isinstance(given, list) else given


def _shape(model: keras.Model, data: Mapping[str, Any]) -> Any:
    return main_of(model.output_shape, data.get("output"))


def _gives_probabilities(model: keras.Model, data: Mapping[str, Any]) -> bool:
    if len(model.outputs) > 1:
        model = keras.Model(model.inputs, main_of(model.output, data.get("output")))
    return compilation.gives_probabilities(model)


def standardized(pixels: Any, data: Mapping[str, Any]) -> Any:
    """Raw pixels, float32 (N, H, W, C), as the network sees them: what the pipeline does in training."""
    statistics = SimpleNamespace(mean=np.array(data["mean"], np.float32), std=np.array(data["std"], np.float32))
    known: Any = SimpleNamespace(
        image_shape=tuple(pixels.shape[1:]),
        divisor=data["divisor"],
        statistics=None if data["mean"] is None else statistics,
    )
    return pipeline.standardize(pixels, known)


def _read(path: Path, channels: int, size: tuple[int, int] | None) -> NDArray[np.uint8] | ArchError:
    try:
        with images.reject_bombs():
            return images.read(path, channels, size)
    except ArchError as error:
        return error


def _check_input(model: keras.Model, file: Path) -> None:
    """Refuses a network that does not take images."""
    taken = model.input_shape
    if not isinstance(taken, tuple) or len(taken) != 4 or taken[-1] not in (1, 3, 4):
        message = f"{file} takes {_shown(taken)}, and pictures are read as height, width, and 1, 3 or 4 channels"
        raise fail("ARCH303", message)


def _check_output(model: keras.Model, data: Mapping[str, Any], file: Path) -> None:
    """Refuses a network that does not give a number for each class."""
    given = _shape(model, data)
    if len(given) != 2 or not given[1] or given[1] < 2:
        raise fail("ARCH303", f"{file} gives {_shown(given)}, and not one number for each class")


def _shown(shape: Any) -> str:
    if not isinstance(shape, tuple) or not all(side is None or isinstance(side, int) for side in shape):
        return f"{len(shape)} tensors"
    return "x".join("?" if side is None else str(side) for side in shape[1:]) or "a number"


def _guessed(model: keras.Model, file: Path, raw: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What is taken for the data where the file does not tell, and what it lacks."""
    lacks = ["its classes have no names, and are told by number"]
    if not raw:
        lacks.append("it does not tell how its input is made: pixels are divided by 255, as Keras's examples do it")
    data = {"source": "", "classes": (), "shape": model.input_shape[1:], "largest": 255.0, "divisor": 255.0}
    return {**data, "mean": None, "std": None, "test_time": None}, tuple(f"{file}: {lack}" for lack in lacks)
