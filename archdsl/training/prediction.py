"""Predicts raw examples with the model of a run folder or a `.keras` file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data import input_description, pipeline, raw_examples
from archdsl.data.broken import BrokenExamples, rows_of
from archdsl.data.input_description import DescribedHead, Description
from archdsl.data.inputs import ImageInput, TokensInput
from archdsl.data.raw_examples import Converter, RawExample
from archdsl.data.tables import Table
from archdsl.data.targets import ClassTarget
from archdsl.errors import ArchError, fail
from archdsl.keras import load_model
from archdsl.keras.runtime import carried_data
from archdsl.limits import DEFAULTS, Limits
from archdsl.runs.folder import MODEL, read_result
from archdsl.training import compilation, evaluation
from archdsl.training.answers import Answer, ClassAnswer
from archdsl.training.tasks import Task, task_named
from archdsl.training.tasks.shapes import output_shapes, shape_text

IMAGES, ROWS = 64, 1024
"""The number of images, and of other examples, to predict at a time."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network predicts for an example, or the error of reading it.

    Attributes:
        example: the example; its `key` and `name` identify it.
        answers: what each output says, by name; the name is empty if one output was trained.
    """

    example: RawExample
    answers: Mapping[str, Answer]
    error: ArchError | None = None

    @property
    def path(self) -> Path:
        """The file of an image."""
        return Path(str(self.example.name))

    @property
    def value(self) -> Any:
        """What the main output predicts: the name of a class, a number, an array. None if there is an error."""
        return next(iter(self.answers.values())).value if self.answers else None

    @property
    def probabilities(self) -> NDArray[np.float32] | None:
        """The probabilities of the classes of the main output; None if it has none, or there is an error."""
        return getattr(next(iter(self.answers.values()), None), "probabilities", None)

    def top(self, count: int) -> list[tuple[int, float]]:
        """The indices of the most likely classes, with their probabilities; empty if there are none."""
        answer = next(iter(self.answers.values()), None)
        return answer.top(count) if isinstance(answer, ClassAnswer) else []


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model with what encodes its inputs and explains its outputs.

    Attributes:
        model: the model in the file.
        network: the network that takes encoded inputs: the model, or the one inside a model that takes raw inputs.
        heads: the outputs that were trained, the main one first; `logits` is known.
        raw: whether the model itself encodes raw values.
        lacks: information that the file lacks, one sentence each.
        converter: converts the values of examples, and counts classes that the network does not know.
    """

    model: keras.Model
    network: keras.Model
    description: Description
    heads: tuple[DescribedHead, ...]
    raw: bool
    lacks: tuple[str, ...]
    converter: Converter = field(repr=False)

    @property
    def head(self) -> DescribedHead:
        """The main output."""
        return self.heads[0]

    @property
    def logits(self) -> bool:
        """Whether the main output of the model is logits rather than probabilities."""
        return bool(self.head.logits) and not self.raw

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes of the main output; empty if it has none."""
        return tuple(getattr(self.description.targets[self.head.column], "classes", ()))

    @property
    def generates(self) -> bool:
        """Whether the network continues texts."""
        return any(isinstance(each, TokensInput) for each in self.description.inputs.values())

    @property
    def tasks(self) -> dict[str, Task]:
        """The task of each output that was trained."""
        return {head.output: task_named(head.task) for head in self.heads}

    def predict(self, examples: Iterable[RawExample | Path], batch: int | None = None) -> Iterator[Prediction]:
        """Predict examples in order, batch by batch. Unreadable examples do not stop the others.

        Args:
            examples: examples, or paths of images.
            batch: the number of examples to predict at a time.
        """
        any_size = any(isinstance(each, ImageInput) and None in each.shape for each in self.description.inputs.values())
        usual = ROWS if self.description.image_name is None else IMAGES
        size, given = 1 if any_size else batch or usual, map(self._example, examples)
        while part := list(islice(given, size)):
            rows, errors = self._rows(part)
            answers = iter(self._answers(rows) if len(rows) else ())
            for place, example in enumerate(part):
                error = errors.get(place)
                yield Prediction(example, {} if error else next(answers), error)

    def probabilities(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Compute probabilities (N, classes) from raw pixels (N, H, W, C), from 0 to the source's largest value."""
        values = self.outputs(dict.fromkeys(self.description.inputs, pixels))
        return values[self.head.output]

    def outputs(self, inputs: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
        """The outputs (N, ...) of each head by name, of classes as probabilities.

        Args:
            inputs: the encoded values of each input by name; of images, raw pixels.
        """
        given = {name: self._tensor(name, values) for name, values in inputs.items()}
        image, summed = self.description.image_name, dict[str, Any]()
        views = evaluation.views(given[image], self.description.test_time) if image is not None else [(1.0, None)]
        for weight, view in views:
            seen = given if image is None else {**given, image: view}
            outputs = self.network(seen if len(seen) > 1 else next(iter(seen.values())), training=False)
            for head in self.heads:
                part = weight * keras.ops.cast(main_output(self.network, outputs, head.output), "float32")
                summed[head.output] = part if head.output not in summed else summed[head.output] + part
        return {head.output: np.asarray(_linked(summed[head.output], head)) for head in self.heads}

    def _tensor(self, name: str, values: Any) -> Any:
        each = self.description.inputs[name]
        if not isinstance(each, ImageInput):
            return keras.ops.convert_to_tensor(values)
        pixels = keras.ops.convert_to_tensor(values, "float32")
        return standardized(pixels, each)

    def _example(self, example: RawExample | Path) -> RawExample:
        if isinstance(example, RawExample):
            return example
        column = next(iter(self.description.columns))
        return RawExample("image", str(example), str(example), {column: example})

    def _rows(self, examples: Sequence[RawExample]) -> tuple[Table, dict[int, ArchError]]:
        """The table of the examples that can be predicted, and what is wrong with the others, by their place."""
        errors, converted = dict[int, ArchError](), dict[int, dict[str, Any]]()
        for place, example in enumerate(examples):
            try:
                converted[place] = self.converter.values(example)
            except ArchError as error:
                errors[place] = error
        if not converted:
            return Table(0, {}), errors
        rows = [*converted]
        table = raw_examples.table([*converted.values()], self.converter.columns, [examples[row].place for row in rows])
        broken = self._broken(table)
        errors |= {rows[row]: error for row, error in broken.items()}
        kept = [row for row in range(len(table)) if row not in broken]
        return table if not broken else table.take(rows_of(*kept)), errors

    def _broken(self, table: Table) -> dict[int, ArchError]:
        """The rows that an input does not take, such as those with empty cells."""
        errors = dict[int, ArchError]()
        for each in self.description.inputs.values():
            if isinstance(each, ImageInput):
                continue
            try:
                each.read(table)
            except BrokenExamples as error:
                for row in sorted({row for found in error.faults for row in found.rows.tolist()}):
                    try:
                        each.read(table.take(rows_of(row)))
                    except BrokenExamples as of_row:
                        errors[row] = fail("ARCH302", of_row.problems[0].message)
        return errors

    def _answers(self, table: Table) -> list[dict[str, Answer]]:
        """What the outputs say about examples."""
        inputs = {}
        for name, each in self.description.inputs.items():
            # Images were resized when they were read.
            inputs[name] = table.read(each.column) if isinstance(each, ImageInput) else each.encoded(each.read(table))
        outputs, tasks, targets = self.outputs(inputs), self.tasks, self.description.targets
        of_heads = {
            head.output: tasks[head.output].answers(outputs[head.output], targets[head.column]) for head in self.heads
        }
        return [{name: answers[row] for name, answers in of_heads.items()} for row in range(len(table))]


def load(path: Path, limits: Limits = DEFAULTS) -> Predictor:
    """Load the model of a run folder or a `.keras` file.

    Args:
        limits: limits on its spec; the file's own limits can only lower them.

    Raises:
        ArchError: there is no model (ARCH204), it cannot be opened (ARCH302), or its inputs and outputs are not those
            that its file describes (ARCH303).
    """
    run = read_result(path) if path.is_dir() else None
    file = path / MODEL if run else path
    if run and not file.is_file():
        raise fail("ARCH204", f"{file} does not exist: the run completed no epoch")
    model = load_model(file, compile=False, limits=limits)
    data = carried_data(model) or (dict(run.input) if run and run.input else None)
    network, raw, lacks = model, False, tuple[str, ...]()
    if data is None:
        inner = [layer for layer in model.layers if carried_data(layer) is not None]
        raw = bool(inner) or any(isinstance(layer, keras.layers.Rescaling) for layer in model.layers[:2])
        if inner:
            network, data = inner[0], carried_data(inner[0]) or {}
        else:
            data, lacks = _assumed(model, file, raw)
    description = input_description.read(data, file)
    _check_inputs(network, description, file)
    _check_outputs(network, description, file)
    heads = tuple(
        replace(head, logits=_gives_logits(network, head)) if head.logits is None else head
        for head in description.heads
    )
    description = _with_classes(description, network)
    return Predictor(model, network, description, heads, raw, lacks, Converter(description.columns))


def _check_inputs(network: keras.Model, description: Description, file: Path) -> None:
    takes = {tensor.name: tuple(tensor.shape) for tensor in network.inputs}
    shapes = takes if "" not in description.inputs else {"": network.input_shape}
    image = description.inputs.get("")
    if isinstance(image, ImageInput):
        shape = shapes[""]
        if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] not in (1, 3, 4):
            message = f"{file}: expected an input of height, width and 1, 3 or 4 channels, got "
            raise fail("ARCH303", message + shape_text(shape, each=False))
    for name, each in description.inputs.items():
        shape, made = shapes.get(name), each.made_shape
        if shape is None:
            raise fail("ARCH303", f"{file} has no input `{name}`, which it describes")
        if (
            not isinstance(shape, tuple)
            or len(shape) != len(made) + 1
            or any(side not in (None, given) for side, given in zip(shape[1:], made, strict=True))
        ):
            noun = "images of " if isinstance(each, ImageInput) else ""
            told = shape_text((None, *made), each=False)
            raise fail("ARCH303", f"{file} takes {shape_text(shape, each=False)}, but records {noun}{told}")


def _check_outputs(network: keras.Model, description: Description, file: Path) -> None:
    shapes = output_shapes(network)
    for head in description.heads:
        shape, target = main_output(network, network.output_shape, head.output), description.targets[head.column]
        if head.output and head.output not in shapes:
            raise fail("ARCH303", f"{file} has no output `{head.output}`, which it describes")
        if head.task == "classification":
            classes = len(target.classes) if isinstance(target, ClassTarget) else 0
            if not isinstance(shape, tuple) or len(shape) != 2 or not shape[1] or shape[1] < 2:
                message = f"{file}: expected an output of one number per class, got {shape_text(shape, each=False)}"
                raise fail("ARCH303", message)
            if classes and classes != shape[1]:
                message = f"{file} names {classes:,} classes, but its network outputs {shape[1]:,} numbers"
                raise fail("ARCH303", message)
        elif not task_named(head.task).fits(shape, target):
            returned = shape_text(shape, each=False)
            raise fail("ARCH303", f"{file} returns {returned}, which does not predict `{head.column}`")


def _with_classes(description: Description, network: keras.Model) -> Description:
    """The description with numbers as the names of classes that have none."""
    head = description.heads[0]
    target = description.targets[head.column]
    if not isinstance(target, ClassTarget) or target.classes:
        return description
    names = tuple(map(str, range(int(main_output(network, network.output_shape, head.output)[-1]))))
    return replace(description, targets={**description.targets, head.column: replace(target, classes=names)})


def _gives_logits(network: keras.Model, head: DescribedHead) -> bool:
    """Whether an output is logits, judged by what it returns."""
    task = task_named(head.task)
    if not task.link:
        return False
    main = network
    if len(network.outputs) > 1:
        main = keras.Model(network.inputs, main_output(network, network.output, head.output))
    return not compilation.gives_probabilities(main, each=task.link == "sigmoid")


def _linked(values: Any, head: DescribedHead) -> Any:
    """Outputs of classes as probabilities."""
    link = task_named(head.task).link if head.logits else ""
    return getattr(keras.ops, link)(values) if link else values


def main_output(network: keras.Model, outputs: Any, name: str) -> Any:
    """Select an output of a network, or its shape: by name, or the first one."""
    if isinstance(outputs, list):
        outputs = dict(zip(network.output_names, outputs, strict=True))
    if isinstance(outputs, dict):
        return outputs[name] if name in outputs else next(iter(outputs.values()))
    return outputs


def standardized(pixels: Any, image: ImageInput) -> Any:
    """Scale and standardize raw pixels, float32 (N, H, W, C), as in training."""
    return pipeline.standardize(pixels, replace(image, shape=tuple(pixels.shape[1:])))


def _assumed(model: keras.Model, file: Path, raw: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The assumed description of the data, and what the file lacks."""
    input_shape = model.input_shape
    if not isinstance(input_shape, tuple) or len(input_shape) != 4 or input_shape[-1] not in (1, 3, 4):
        shape = shape_text(input_shape, each=False)
        raise fail("ARCH303", f"{file}: expected an input of height, width and 1, 3 or 4 channels, got {shape}")
    lacks = ["the classes have no names and are shown by number"]
    if not raw:
        lacks.append("the preprocessing is not recorded: pixels are divided by 255, as in Keras's examples")
    data = {"source": "", "classes": (), "shape": input_shape[1:], "largest": 255.0}
    data |= {"divisor": 1.0 if raw else 255.0, "mean": None, "std": None, "test_time": None}
    return data, tuple(f"{file}: {lack}" for lack in lacks)
