"""Exports the model of a run, optionally with preprocessing and a softmax."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from archdsl.data.pipeline.normalization import EPSILON
from archdsl.errors import fail
from archdsl.files import writing
from archdsl.limits import DEFAULTS, Limits
from archdsl.training import prediction
from archdsl.training.prediction import Predictor


def write_export(
    run: Path, out: Path, *, raw: bool = False, form: str | None = None, limits: Limits = DEFAULTS
) -> Predictor:
    """Export the model of a run, without its optimizer, to a new file or folder.

    Args:
        run: a run folder or a `.keras` file.
        out: a `.keras` file, or a folder for a SavedModel.
        raw: whether to add layers that preprocess raw pixels, and a softmax after logits.
        form: `keras` or `saved_model`; by default, inferred from the extension of `out`.
        limits: limits on the model's spec; the file's own limits can only lower them.

    Returns:
        The exported model with its preprocessing.

    Raises:
        ArchError: there is no such model (ARCH204, ARCH302), its preprocessing is unknown (ARCH303), `out` exists
            (ARCH202), does not match the format (ARCH203), or cannot be written (ARCH304).
    """
    if form is None and out.suffix not in ("", ".keras"):
        hint = "write a `.keras` file or a folder; for a folder with a dot in its name, pass `--format saved_model`"
        raise fail("ARCH203", f"cannot infer a format from the extension `{out.suffix}`", hint=hint)
    form = form or ("keras" if out.suffix == ".keras" else "saved_model")
    if (form == "keras") != (out.suffix == ".keras"):
        expected = "a `.keras` file" if form == "keras" else "a folder"
        raise fail("ARCH203", f"expected {expected} for the format `{form}`, got {out}")
    if out.exists():
        raise fail("ARCH202", f"{out} already exists", hint="choose another name, or remove it")
    predictor = prediction.load(run, limits)
    if raw and not predictor.raw:
        if predictor.lacks:
            raise fail("ARCH303", f"`--raw` needs to know how images are preprocessed, which {run} does not record")
        model = with_raw_input(predictor.model, predictor.data, predictor.logits)
        predictor = Predictor(model, predictor.data, raw=True, logits=False)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{out} cannot be written: {error.strerror}") from None
    if form == "keras":
        with writing(out) as partial:
            predictor.model.save(partial)
    else:
        _write_saved_model(predictor.model, out)
    return predictor


def describe(predictor: Predictor) -> str:
    """`input: 8x8x1 pixels from 0 to 16; output: probabilities of 10 classes`."""
    shape = "x".join("?" if side is None else str(side) for side in predictor.data["shape"])
    pixels = f"pixels from 0 to {predictor.data['largest']:g}" if predictor.raw else "standardized pixels"
    kind = "logits" if predictor.logits else "probabilities"
    return f"input: {shape} {pixels}; output: {kind} of {len(predictor.classes)} classes"


def with_raw_input(model: keras.Model, data: Mapping[str, Any], logits: bool) -> keras.Model:
    """Wrap a network with layers that scale and standardize raw pixels, and with a final softmax.

    If there are several outputs, only the one that classifies is kept.

    Args:
        data: see `archdsl.keras.runtime.DATA`.
        logits: whether the network outputs logits; only then is a softmax added.
    """
    image = keras.Input(model.input_shape[1:], name="image", dtype="float32")
    x = image
    if data["divisor"] != 1:
        x = keras.layers.Rescaling(1 / data["divisor"], name="scale", dtype="float32")(x)
    if data["mean"] is not None:
        mean, variance = data["mean"], [(value + EPSILON) ** 2 for value in data["std"]]
        axis = -1 if len(mean) > 1 else None
        if axis is None:
            mean, variance = mean[0], variance[0]
        x = keras.layers.Normalization(axis, mean, variance, name="standardize", dtype="float32")(x)
    x = prediction.main_output(model(x), data.get("output"))
    if logits:
        x = keras.layers.Softmax(name="probabilities", dtype="float32")(x)
    return keras.Model(image, x, name=f"{model.name}_raw")


def _write_saved_model(model: keras.Model, out: Path) -> None:
    """Write a SavedModel, which TensorFlow can open without Keras. Its `serve` maps float32 images to the outputs."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent, ignore_cleanup_errors=True) as partial:
            model.export(Path(partial) / "model", format="tf_saved_model", verbose=False)
            os.replace(Path(partial) / "model", out)
    except OSError as error:
        raise fail("ARCH304", f"{out} cannot be written: {error.strerror or error}") from None
