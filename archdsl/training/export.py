"""Exports the model of a run, optionally with preprocessing and a softmax."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from archdsl.data.input_description import DescribedHead, Description
from archdsl.data.inputs import ArrayInput, CategoryInput, ImageInput, Input, TextInput, VectorInput
from archdsl.data.inputs import array as array_input
from archdsl.data.inputs import text as text_input
from archdsl.data.inputs import vector as vector_input
from archdsl.data.pipeline.normalization import EPSILON
from archdsl.data.targets import NumberTarget
from archdsl.errors import fail
from archdsl.files import writing
from archdsl.limits import DEFAULTS, Limits
from archdsl.training import prediction
from archdsl.training.prediction import Predictor
from archdsl.training.tasks import task_named


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
        model = with_raw_input(predictor.network, predictor.description, predictor.heads)
        predictor = replace(predictor, model=model, raw=True)
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


FITTED = {
    "stretch": "",
    "crop": " (first scale images to cover this size, and crop them at the center)",
    "pad": " (first scale images to fit into this size, and center them on black)",
}
"""What callers of an exported model must do with images of another size, as `archdsl.data.images.fit` does."""


def describe(predictor: Predictor) -> str:
    """`input: 8x8x1 pixels from 0 to 16; output: probabilities of 10 classes`."""
    inputs = predictor.description.inputs
    if predictor.raw:
        inner = [_raw_text(each) for each in inputs.values()]
    else:
        inner = [_encoded_text(name, each) for name, each in inputs.items()]
    outputs = [_output_text(predictor, head) for head in predictor.heads]
    return f"input: {', '.join(inner)}; output: {', '.join(outputs)}"


def _raw_text(each: Input) -> str:
    if isinstance(each, ImageInput):
        return f"{_sides(each.shape)} pixels from 0 to {each.largest:g}{FITTED[each.resize]}"
    return ", ".join(f"`{name}` ({column.kind})" for name, column in each.needs.items())


def _encoded_text(name: str, each: Input) -> str:
    title = f"`{name}` of " if name else ""
    return f"{title}{_sides(each.made_shape)} {'standardized pixels' if isinstance(each, ImageInput) else 'numbers'}"


def _sides(shape: Sequence[int | None]) -> str:
    return "x".join("?" if side is None else str(side) for side in shape) or "single"


def _output_text(predictor: Predictor, head: DescribedHead) -> str:
    task, title = task_named(head.task), f"`{head.output}`: " if head.output else ""
    if not task.link:
        return f"{title}{task.facts.title}"
    kind = "logits" if head.logits and not predictor.raw else "probabilities"
    classes = predictor.description.targets[head.column].describe()["classes"]
    if task.word == "binary_classification":
        return f"{title}{kind} of `{classes[1]}`"
    return f"{title}{kind} of {len(classes)} classes"


def with_raw_input(network: keras.Model, description: Description, heads: Sequence[DescribedHead]) -> keras.Model:
    """Wrap a network with layers that encode raw values, and with layers that make probabilities of logits.

    There is an input for each column, such as `image`. Only the outputs that were trained are kept. Images must have
    the size of the network's input.

    Raises:
        ArchError: Keras has no layer for an input (ARCH303).
    """
    raw: dict[str, Any] = {}
    encoded = {name: _encoded(each, raw) for name, each in description.inputs.items()}
    given = network(encoded if len(encoded) > 1 else next(iter(encoded.values())))
    outputs = {}
    for head in heads:
        values, link = (
            prediction.main_output(network, given, head.output),
            task_named(head.task).link if head.logits else "",
        )
        title = f"{head.output}_probabilities" if len(heads) > 1 else "probabilities"
        if link == "softmax":
            values = keras.layers.Softmax(name=title, dtype="float32")(values)
        elif link == "sigmoid":
            values = keras.layers.Activation("sigmoid", name=title, dtype="float32")(values)
        target = description.targets[head.column]
        if isinstance(target, NumberTarget) and target.mean is not None and target.std is not None:
            scale, offset = target.std.tolist(), target.mean.tolist()
            values = keras.layers.Rescaling(scale, offset, name=f"{head.output}_numbers".lstrip("_"))(values)
        outputs[head.output] = values
    inputs = raw if len(raw) > 1 else next(iter(raw.values()))
    made = outputs if len(outputs) > 1 else next(iter(outputs.values()))
    return keras.Model(inputs, made, name=f"{network.name}_raw")


def _encoded(each: Input, raw: dict[str, Any]) -> Any:
    """The encoded values of an input, made of raw inputs that are added to `raw`."""
    if isinstance(each, ImageInput):
        return _standardized(each, raw)
    if isinstance(each, VectorInput):
        parts = [_vector_part(each, name, raw) for name in each.columns]
        return keras.layers.Concatenate(name="columns")(parts) if len(parts) > 1 else parts[0]
    if isinstance(each, CategoryInput):
        text = _raw_input(raw, each.column, (), "string")
        return keras.layers.StringLookup(vocabulary=[*each.classes], oov_token=_no_class(each.classes))(text)
    if isinstance(each, TextInput):
        text = _raw_input(raw, each.column, (), "string")
        # `adapt` puts the two special tokens in front of the words, and the layer adds them again.
        layer = keras.layers.TextVectorization(vocabulary=[*each.words[2:]], output_sequence_length=each.length)
        words = layer(text)
        return keras.ops.concatenate([keras.ops.maximum(words[:, :1], text_input.UNKNOWN), words[:, 1:]], axis=1)
    if isinstance(each, ArrayInput):
        array = _raw_input(raw, each.column, each.shape, each.dtype)
        if each.mean is None or each.std is None:
            return array
        variance = np.where(each.std > array_input.SMALLEST, each.std, 1) ** 2
        return _normalization(each.mean.tolist(), variance.tolist())(array)
    raise fail("ARCH303", "`--raw` does not apply: a network that continues texts takes the numbers of tokens")


def _standardized(image: ImageInput, raw: dict[str, Any]) -> Any:
    x = _raw_input(raw, image.column, image.shape, "float32")
    if image.divisor != 1:
        x = keras.layers.Rescaling(1 / image.divisor, name="scale", dtype="float32")(x)
    if image.statistics is not None:
        mean, std = (each.astype(np.float64) for each in (image.statistics.mean, image.statistics.std))
        x = _normalization(mean.tolist(), ((std + EPSILON) ** 2).tolist(), "standardize")(x)
    return x


def _normalization(mean: list[float], variance: list[float], name: str | None = None) -> keras.layers.Normalization:
    if len(mean) > 1:
        return keras.layers.Normalization(-1, mean, variance, name=name, dtype="float32")
    return keras.layers.Normalization(None, mean[0], variance[0], name=name, dtype="float32")


def _vector_part(each: VectorInput, name: str, raw: dict[str, Any]) -> Any:
    column = each.columns[name]
    if column.kind != "number":
        text = _raw_input(raw, name, (1,), "string")
        lookup = keras.layers.StringLookup(
            vocabulary=[*column.classes], oov_token=_no_class(column.classes), output_mode="one_hot"
        )
        # The first place is that of unknown classes.
        return lookup(text)[:, 1:]
    number = _raw_input(raw, name, (1,), "float32")
    mean, std = (each.mean or {})[name], (each.std or {})[name]
    scaled = _normalization([mean], [std**2 if std > vector_input.SMALLEST else 1.0])(number)
    return keras.ops.where(keras.ops.isnan(scaled), 0.0, scaled) if each.missing == "mean" else scaled


def _raw_input(raw: dict[str, Any], name: str, shape: Sequence[int | None], dtype: str) -> Any:
    """The raw input of a column, which several inputs of the network may share."""
    if name not in raw:
        raw[name] = keras.Input(shape, name=_NOT_WORD.sub("_", name), dtype=dtype)
    return raw[name]


_NOT_WORD = re.compile(r"\W")


def _no_class(classes: Sequence[str]) -> str:
    """A word for unknown classes that is no class."""
    word = "[UNK]"
    while word in classes:
        word = f"[{word}]"
    return word


def _write_saved_model(model: keras.Model, out: Path) -> None:
    """Write a SavedModel, which TensorFlow can open without Keras. Its `serve` maps the inputs to the outputs."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent, ignore_cleanup_errors=True) as partial:
            model.export(Path(partial) / "model", format="tf_saved_model", verbose=False)
            os.replace(Path(partial) / "model", out)
    except OSError as error:
        raise fail("ARCH304", f"{out} cannot be written: {error.strerror or error}") from None
