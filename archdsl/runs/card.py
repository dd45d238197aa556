"""The model card of a run, in Markdown: network, results, data, recipe and limitations.

After Mitchell et al. 2019, "Model Cards for Model Reporting". A card contains no private data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from archdsl.recipe import TASKS
from archdsl.recipe.tasks import TaskWord, text_of, title_of
from archdsl.runs import card_inputs
from archdsl.runs.folder import (
    CONFUSION,
    CURVES,
    LABELS,
    MASKS,
    MISTAKES,
    MODEL,
    NETWORK,
    OUTPUTS,
    RESIDUALS,
    ClassScores,
    Details,
    HeadResult,
    LargeError,
    Result,
)
from archdsl.runs.initial_weights import Start
from archdsl.source import LINE_END, flow
from archdsl.spec import Spec
from archdsl.text import duration, in_line, markdown_table, percent, printable, quantity

_NOTE = "Note: "
"""The start of the line below the title that has the note."""

MOST_CLASSES = 20
"""The number of classes up to which a card lists all accuracies; beyond it, it lists the worst and the best."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """How reliable the predictions on the test images are.

    Attributes:
        threshold: the probability from which a prediction counts as confident.
        confident: the fraction of test images with a confident prediction.
        confident_accuracy: the accuracy of the confident predictions.
        confusions: the most frequent confusions: true class, predicted class, and number of images.
    """

    threshold: float
    confident: float
    confident_accuracy: float
    confusions: Sequence[tuple[int, int, int]]


def card(spec: Spec, result: Result, reliability: Reliability | None, pictures: Collection[str]) -> str:
    """Write the model card as Markdown.

    Args:
        spec: the spec of the run.
        result: the result of the run.
        reliability: None if the network was not tested.
        pictures: the names of the pictures in the folder of the card.
    """
    sections = [
        _head(spec, result, pictures),
        _results(result, pictures),
        *(_output(name, head, pictures) for name, head in (result.heads or {}).items()),
        _data(result),
        *([_start(result.start)] if result.start else []),
        _recipe(spec, result),
        _use(result),
        _limits(result, reliability),
        _environment(result),
    ]
    return printable("\n".join("\n".join(section) + "\n" for section in sections))


def _head(spec: Spec, result: Result, pictures: Collection[str]) -> list[str]:
    choices = [f"variant {_code(result.variant)}"] if result.variant else []
    choices += [f"{_code(name)} = {_code(str(value))}" for name, value in result.arguments.items()]
    of_choices = f" ({', '.join(choices)})" if choices else ""
    lines = [f"# {_escaped(result.spec)} on {_escaped(result.source)}", "", *_note(result.note)]
    if spec.doc:
        lines += [_escaped(spec.doc), ""]
    lines.append(f"{quantity(result.parameters, 'parameter')}{of_choices}, built by archdsl from `spec.yaml`.")
    return [*lines, "", f"![Network]({NETWORK})"] if NETWORK in pictures else lines


def _note(note: str) -> list[str]:
    return [f"{_NOTE}{_escaped(note)}", ""] if note else []


def with_note(text: str, note: str) -> str:
    """Return the text of a card with another note, or with none if it is empty."""
    lines = text.split("\n")
    old = 2 if lines[2:3] and lines[2].startswith(_NOTE) else 0
    return "\n".join([*lines[:2], *_note(note), *lines[2 + old :]])


def _results(result: Result, pictures: Collection[str]) -> list[str]:
    rows, noun = [], _noun(result)
    if result.test_accuracy is None:
        tested = quantity(result.images.get("test", 0), noun)
        rows = [(f"Test {title_of(name)} ({tested})", text_of(name, score)) for name, score in _scores(result)]
    if result.test_accuracy is not None:
        tested = quantity(result.images.get("test", 0), noun)
        if result.plain_test_accuracy is None:
            rows.append((f"Test accuracy ({tested})", percent(result.test_accuracy)))
        else:
            rows.append((f"Test accuracy ({tested}, mean of several views)", percent(result.test_accuracy)))
            rows.append((f"Test accuracy ({tested}, single view)", percent(result.plain_test_accuracy)))
    if result.test_loss is not None:
        rows.append(("Test loss", f"{result.test_loss:.4f}"))
    if (score := result.validation_score_text) is not None:
        validated = quantity(result.images.get("validation", 0), noun)
        rows.append((f"Validation {result.judged.score_title} ({validated})", score))
    rows.append(("Epochs", f"{result.epochs_run} of {result.epochs}"))
    if result.best_epoch:
        rows.append(("Epoch of the saved weights", str(result.best_epoch)))
    lines = ["## Results", ""]
    if result.status != "finished":
        lines += [f"The run is **{result.status}**: these results are not from a complete training.", ""]
    lines += markdown_table(("Result", "Value"), rows).splitlines()
    if result.class_accuracy and not result.class_scores:  # a run of an earlier version
        lines += ["", *_by_class(("Class", "Accuracy"), result.class_accuracy, percent)]
    lines += [*_details(result), *_shown(_captions(result.judged), pictures)]
    return lines


def _captions(task: TaskWord) -> dict[str, str]:
    """What each picture shows, by its file name."""
    return {
        CURVES: f"Loss, {task.score_title} and learning rate over the epochs",
        CONFUSION: "Confusion matrix",
        MISTAKES: "Most confident mistakes",
        LABELS: "Precision, recall and F1 of each label",
        MASKS: "The worst masks",
        OUTPUTS: "Images and what the network makes of them",
        RESIDUALS: "Predicted and true values",
    }


def _shown(captions: Mapping[str, str], pictures: Collection[str]) -> list[str]:
    lines: list[str] = []
    for name, caption in captions.items():
        lines += ["", f"![{caption}]({name})"] if name in pictures else []
    return lines


def _details(found: Result | Details) -> list[str]:
    """What a task reports besides its scores."""
    lines: list[str] = []
    if found.class_scores:
        head = ("Class", "Precision", "Recall", "F1", "Examples")
        worst_first = dict(sorted(found.class_scores.items(), key=lambda item: item[1].f1_score))
        lines += ["", *_by_class(head, worst_first, _class_cells)]
    if found.class_iou:
        lines += ["", *_by_class(("Class", "Intersection over union"), found.class_iou, percent)]
    if found.largest_errors:
        rows = [(str(one.row), *(f"{value:.4g}" for value in _numbers(one))) for one in found.largest_errors]
        lines += ["", "The test examples with the largest errors, counted from 0:", ""]
        lines += markdown_table(("Row", "True", "Predicted", "Error"), rows).splitlines()
    if found.sample:
        lines += ["", "How the network continues the first test text:", "", *_fenced("text", printable(found.sample))]
    return lines


def _class_cells(one: ClassScores) -> tuple[str, ...]:
    return percent(one.precision), percent(one.recall), percent(one.f1_score), f"{one.count:,}"


def _numbers(one: LargeError) -> tuple[float, float, float]:
    return one.true, one.predicted, one.predicted - one.true


def _output(name: str, head: HeadResult, pictures: Collection[str]) -> list[str]:
    """The section of an output besides the main one."""
    task = TASKS[head.task]
    rows = [(f"Test {title_of(score)}", text_of(score, value)) for score, value in head.scores.items()]
    lines = [f"## Output {_code(name)}", "", f"Predicts {_code(head.column)}: {task.title}.", ""]
    lines += [*markdown_table(("Result", "Value"), rows).splitlines(), *_details(head.details)]
    own = {f"{file.rpartition('.')[0]}-{name}.png": caption for file, caption in _captions(task).items()}
    return lines + _shown(own, pictures)


def _noun(result: Result) -> str:
    """What an example is: an image if the network takes nothing else."""
    described = _described(result)
    if described is None:
        return "image" if _has_images(result) else "example"
    return "image" if {each["kind"] for each in described["inputs"].values()} == {"image"} else "example"


def _has_images(result: Result) -> bool:
    """Whether the network takes one image."""
    return not result.input or "largest" in result.input


def _described(result: Result) -> card_inputs.Description | None:
    """The description of any inputs and targets; None for a classifier of images."""
    return result.input if result.input and result.input.get("heads") else None


def _scores(result: Result) -> list[tuple[str, float]]:
    return list((result.test_scores or {}).items())


def _by_class(
    head: Sequence[str], values: Mapping[str, Any], cells: Callable[[Any], str | tuple[str, ...]]
) -> list[str]:
    """A table with a row for each class, the worst first; of many classes, the worst and the best."""
    ranked = list(values.items())
    if len(head) == 2:
        ranked.sort(key=lambda item: item[1])
    rows = []
    for name, value in ranked:
        shown = cells(value)
        rows.append((_escaped(name), *((shown,) if isinstance(shown, str) else shown)))
    if len(rows) > MOST_CLASSES:
        half = MOST_CLASSES // 2
        rows[half:-half] = [(f"... {len(rows) - MOST_CLASSES} more ...", *[""] * (len(head) - 1))]
    return markdown_table(head, rows).splitlines()


def _data(result: Result) -> list[str]:
    purposes = {"train": "for training", "validation": "for validation", "test": "for testing"}
    counts = ", ".join(f"{count:,} {purposes.get(part, part)}" for part, count in result.images.items() if count)
    origin = (
        "embedded in archdsl" if result.origin == "embedded" else f"read from {_code(PurePath(result.origin).name)}"
    )
    lines = [
        "## Data",
        "",
        f"- Source: {_escaped(result.source)}, {origin}",
        f"- {_noun(result).capitalize()}s: {counts}",
    ]
    if result.data_license:
        lines.append(f"- License: {_escaped(result.data_license)}")
    if result.limit:
        lines.append(f"- Limited to {result.limit:,} training {_noun(result)}s")
    if result.skipped and any(result.skipped.values()):
        shares = (f"{count:,} {purposes.get(part, part)}" for part, count in result.skipped.items() if count)
        lines.append(f"- Left out, because they cannot be read or have empty cells: {', '.join(shares)}")
    if result.classes:
        names = [_escaped(name) for name in result.classes[:MOST_CLASSES]]
        more = f", ... {len(result.classes) - MOST_CLASSES} more" if len(result.classes) > MOST_CLASSES else ""
        lines.append(f"- Classes ({len(result.classes)}): {', '.join(names)}{more}")
    if result.input and _has_images(result):
        lines.append(f"- Pixel values from 0 to {result.input['largest']:g}, divided by {result.input['divisor']:g}")
    for name, (mean, std) in standardized_targets(result).items():
        lines.append(
            f"- {_code(name)} is standardized for the loss, with the mean {mean} and standard deviation {std} of the"
            " training split; scores are in its own unit"
        )
    if result.mean and result.std:
        mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (result.mean, result.std))
        lines.append(f"- Standardized with the mean {mean} and standard deviation {std} of the training split")
    if (described := _described(result)) is not None:
        inputs = [tuple(map(_escaped, row)) for row in card_inputs.columns(described)]
        predicted = [tuple(map(_escaped, row)) for row in card_inputs.outputs(described)]
        lines += ["", *markdown_table(("Input", "Kind", "Values in training"), inputs, (0, 1, 2)).splitlines()]
        lines += ["", *markdown_table(("Output", "Predicts", "Classes"), predicted, (0, 1, 2)).splitlines()]
    return lines


def standardized_targets(result: Result) -> dict[str, tuple[str, str]]:
    """The mean and the standard deviation of each target of numbers that the loss takes standardized, by name."""
    targets = (result.input or {}).get("targets", {})
    shown = {
        name: tuple(", ".join(f"{value:.6g}" for value in target[key][:8]) for key in ("mean", "std"))
        for name, target in targets.items()
        if target.get("mean") and target.get("std")
    }
    return {name: (mean, std) for name, (mean, std) in shown.items()}


def _start(start: Start) -> list[str]:
    lines = [f"- {name.capitalize()}: {_escaped(_public(text))}" for name, text in start.facts()]
    if (weights := start.weights) is not None:
        lines.append(f"- File: {_code(PurePath(weights.file).name)}, SHA-256 {_code(weights.sha256)}")
        lines += [f"- Revision: {_code(weights.revision)}"] if weights.revision else []
        lines.append(f"- License of the weights: {_escaped(weights.license) or 'unknown'}")
    head, *rows = ([_escaped(cell) for cell in row] for row in start.rows())
    table = markdown_table([title.capitalize() for title in head], rows, left=(0, 2, 3))
    return ["## Initial weights", "", *lines, "", *table.splitlines()]


def _recipe(spec: Spec, result: Result) -> list[str]:
    """The text of the spec, which says more than a table of the parsed values."""
    sections = [text for text in (_section(spec.text, name) for name in ("data", "train")) if text]
    lines = ["## Recipe", ""]
    if sections:
        lines += [*_fenced("yaml", _public("\n".join(sections))), ""]
    if result.variant:
        lines += [f"The variant {_code(result.variant)} of the spec overrides parts of it.", ""]
    if result.overridden:
        words = ", ".join(f"{_code(name)} = {_code(flow(value))}" for name, value in result.overridden.items())
        lines += [f"Overridden for this run: {words}.", ""]
    lines.append(f"{quantity(result.epochs, 'epoch')}, seed {result.seed}. To repeat the training:")
    return [*lines, "", *_fenced("sh", in_line(_public(result.command or _command(result))))]


def _command(result: Result) -> str:
    words = ["archdsl", "train", "spec.yaml"]
    words += ["--variant", result.variant] if result.variant else []
    for name, value in result.arguments.items():
        words += ["--set", f"{name}={value}"]
    words += ["--epochs", str(result.epochs), "--seed", str(result.seed)]
    return " ".join(words + (["--limit", str(result.limit)] if result.limit else []))


def _use(result: Result) -> list[str]:
    if (described := _described(result)) is not None:
        python = card_inputs.python(described, MODEL)
        shell = _fenced("sh", "\n".join(card_inputs.commands(described, MODEL)))
        return ["## Usage", "", *shell, *(["", *_fenced("python", "\n".join(python))] if python else [])]
    if not _has_images(result):
        return ["## Usage", "", "```python", "import archdsl", "", f'model = archdsl.load_model("{MODEL}")', "```"]
    call = "probabilities = model.predict(images)"
    if result.input and (shape := result.input["shape"]):
        call += f"  # float32, shape {'x'.join(map(str, shape))}, values from 0 to {result.input['largest']:g}"
    return [
        "## Usage",
        "",
        "```sh",
        f"archdsl predict {MODEL} picture.png",
        f"archdsl export {MODEL} --raw --out raw.keras",
        "```",
        "",
        "```python",
        "import archdsl",
        "",
        'model = archdsl.load_model("raw.keras")',
        call,
        "```",
    ]


def _limits(result: Result, reliability: Reliability | None) -> list[str]:
    lines = ["## Limitations", "", *(f"- Warning {_escaped(warning)}." for warning in result.warnings)]
    if result.judged.score != "accuracy" or not _has_images(result):
        return [
            *lines,
            *(f"- {sentence}" for sentence in card_inputs.limits(_described(result) or {"inputs": {}})),
            f"- The model was tested only on {_escaped(result.source)}. It may perform worse on other data.",
        ]
    classes = f"its {len(result.classes)} classes" if result.classes else "its classes"
    lines.append(f"- The model assigns every image to one of {classes}, even an image that shows none of them.")
    if result.input:
        height, width, channels = result.input["shape"]
        size = f"- The input is {height}x{width} pixels in {'grayscale' if channels == 1 else 'color'}."
        how = {"crop": "cropped at both ends of the longer side", "pad": "padded with black at both ends"}
        resized = how.get(str(result.input.get("resize")), "resized without keeping their aspect ratio")
        lines.append(f"{size} Other images are {resized}.")
    lines.append(f"- The model was tested only on {_escaped(result.source)}. It may perform worse on other images.")
    if reliability is not None:
        confidence = f"a confidence of {reliability.threshold * 100:.0f} %"
        if reliability.confident:
            fraction, right = percent(reliability.confident), percent(reliability.confident_accuracy)
            lines.append(f"- {fraction} of the test images reach {confidence}. The accuracy on these is {right}.")
        else:
            lines.append(f"- No test image reaches {confidence}.")
        names = {number: _escaped(name) for number, name in enumerate(result.classes)}
        confusions = [
            f"{names.get(true, str(true))} as {names.get(predicted, str(predicted))} ({quantity(times, 'image')})"
            for true, predicted, times in reliability.confusions
        ]
        lines += [f"- Most frequent mistakes: {'; '.join(confusions)}."] if confusions else []
    return lines


def _environment(result: Result) -> list[str]:
    lines = ["## Environment", ""]
    machine = result.machine or {}
    if machine:
        accelerators = _escaped(", ".join(machine.get("accelerators") or ())) or "no accelerator"
        cpus = quantity(int(machine.get("cpus", 0)), "CPU core")
        system = _escaped(f"{machine.get('system', '')} {machine.get('processor', '')}")
        lines.append(f"- {system}, {cpus}, {accelerators}")
    lines.append(f"- {', '.join(_escaped(f'{name} {version}') for name, version in result.versions.items())}")
    if result.started:
        lines.append(f"- Started: {_escaped(result.started)}")
    if result.seconds is not None:
        lines.append(f"- Training time: {duration(result.seconds)}, including validation")
    return [*lines, *([f"- Tags: {', '.join(map(_escaped, result.tags))}"] if result.tags else [])]


def _section(text: str, name: str) -> str:
    """A top-level key of a YAML file with its value, as in the file; empty if the key is missing."""
    lines = LINE_END.sub("\n", text).split("\n")
    start = next((i for i, line in enumerate(lines) if re.match(rf"[\"']?{name}[\"']?\s*:", line)), None)
    if start is None:
        return ""
    after = (i for i in range(start + 1, len(lines)) if lines[i][:1] not in ("", " ", "#", "}", "]"))
    part = lines[start : next(after, len(lines))]
    while part and (not part[-1].strip() or part[-1].startswith("#")):
        part.pop()
    return "\n".join(part)


def _public(text: str) -> str:
    """Reduce absolute paths in a text to their last component."""
    return re.sub(r"(?<![\w.])(?:~?/|[A-Za-z]:[\\/])(?:[^\s,}\]\"']*[\\/])?([^\s,}\]\"'\\/]+)", r".../\1", text)


def _code(text: str) -> str:
    """Format a user's text as inline code."""
    return f"`{in_line(text).replace('`', chr(39))}`"


def _fenced(language: str, text: str) -> list[str]:
    """The lines of a code block, with a fence that is longer than any in the text."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return [f"{fence}{language}", *text.split("\n"), fence]


def _escaped(text: str) -> str:
    """A user's text on one line, with Markdown and HTML escaped."""
    return re.sub(r"([\\`*_{}\[\]<>|#&~])", r"\\\1", in_line(" ".join(text.split())))
