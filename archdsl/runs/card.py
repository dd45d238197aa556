"""The model card of a run, in Markdown: the network, its results, its data, its recipe and its limits.

After Mitchell et al. 2019, "Model Cards for Model Reporting". A card holds nothing private.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from archdsl.runs.folder import CONFUSION, CURVES, MISTAKES, MODEL, NETWORK, Result
from archdsl.source import LINE_END
from archdsl.spec import Spec
from archdsl.text import in_line, percent, printable, quantity

MOST_CLASSES = 20
"""The most classes whose accuracies a card lists all; of more, it lists the worst and the best."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far the predictions on the test images can be trusted.

    Attributes:
        threshold: the probability from which on a prediction counts as confident.
        confident: the fraction of the test images with confident predictions.
        confident_accuracy: the fraction of those that are right.
        confusions: the commonest ones: the numbers of the true and of the predicted class, and how often.
    """

    threshold: float
    confident: float
    confident_accuracy: float
    confusions: Sequence[tuple[int, int, int]]


def card(spec: Spec, result: Result, reliability: Reliability | None, pictures: Collection[str]) -> str:
    """The card as Markdown.

    Args:
        reliability: None if the network was not tested.
        pictures: the names of the pictures in the card's folder.
    """
    sections = [
        _head(spec, result, pictures),
        _results(result, pictures),
        _data(result),
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
    lines = [f"# {_escaped(result.spec)} on {_escaped(result.source)}", ""]
    if spec.doc:
        lines += [_escaped(spec.doc), ""]
    lines.append(f"{quantity(result.parameters, 'parameter')}{of_choices}, compiled by archdsl from `spec.yaml`.")
    return [*lines, "", f"![The network]({NETWORK})"] if NETWORK in pictures else lines


def _results(result: Result, pictures: Collection[str]) -> list[str]:
    rows = []
    if result.test_accuracy is not None:
        tested = quantity(result.images.get("test", 0), "test image")
        if result.plain_test_accuracy is None:
            rows.append((f"Test accuracy, {tested}", percent(result.test_accuracy)))
        else:
            rows.append(("Test accuracy, the mean of several looks at each image", percent(result.test_accuracy)))
            rows.append((f"Test accuracy, one look, {tested}", percent(result.plain_test_accuracy)))
    if result.test_loss is not None:
        rows.append(("Test loss", f"{result.test_loss:.4f}"))
    if result.validation_accuracy is not None:
        validated = quantity(result.images.get("validation", 0), "validation image")
        rows.append((f"Validation accuracy, {validated}", percent(result.validation_accuracy)))
    rows.append(("Epochs", f"{result.epochs_run} of {result.epochs}"))
    if result.best_epoch:
        rows.append(("The network is that of epoch", str(result.best_epoch)))
    lines = ["## Results", ""]
    if result.status != "finished":
        lines += [f"The run is **{result.status}**: these are not the numbers of a whole training.", ""]
    lines += _table(("", ""), rows)
    if result.class_accuracy:
        lines += ["", *_classes(result)]
    captions = {
        CURVES: "Loss, accuracy and learning rate over the epochs",
        CONFUSION: "Which classes are taken for which",
        MISTAKES: "The most confident mistakes",
    }
    for name, caption in captions.items():
        lines += ["", f"![{caption}]({name})"] if name in pictures else []
    return lines


def _classes(result: Result) -> list[str]:
    """Each class with its accuracy, the worst first."""
    ranked = sorted((result.class_accuracy or {}).items(), key=lambda item: item[1])
    rows = [(_escaped(name), percent(share)) for name, share in ranked]
    if len(rows) > MOST_CLASSES:
        half = MOST_CLASSES // 2
        rows[half:-half] = [(f"... {len(rows) - MOST_CLASSES} more ...", "")]
    return _table(("Class", "Right"), rows)


def _data(result: Result) -> list[str]:
    purposes = {"train": "to train", "validation": "to choose the epoch", "test": "to test"}
    counts = ", ".join(f"{count:,} {purposes.get(part, part)}" for part, count in result.images.items() if count)
    origin = (
        "embedded in archdsl" if result.origin == "embedded" else f"read from {_code(PurePath(result.origin).name)}"
    )
    lines = ["## Data", "", f"- Source: {_escaped(result.source)}, {origin}", f"- Images: {counts}"]
    if result.limit:
        lines.append(f"- Limited to {result.limit:,} training images")
    if result.classes:
        names = [_escaped(name) for name in result.classes[:MOST_CLASSES]]
        more = f", ... {len(result.classes) - MOST_CLASSES} more" if len(result.classes) > MOST_CLASSES else ""
        lines.append(f"- Classes ({len(result.classes)}): {', '.join(names)}{more}")
    if result.input:
        lines.append(f"- Pixels from 0 to {result.input['largest']:g}, divided by {result.input['divisor']:g}")
    if result.mean and result.std:
        mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (result.mean, result.std))
        lines.append(f"- Standardized with the training part's mean {mean} and standard deviation {std}")
    return lines


def _recipe(spec: Spec, result: Result) -> list[str]:
    """The spec's own text, which says more than a table of the values that were read from it."""
    sections = [text for text in (_section(spec.text, name) for name in ("data", "train")) if text]
    lines = ["## Recipe", ""]
    if sections:
        lines += [*_fenced("yaml", _public("\n".join(sections))), ""]
    if result.variant:
        lines += [f"The spec's variant {_code(result.variant)} is laid over it.", ""]
    lines.append(f"{quantity(result.epochs, 'epoch')}, seed {result.seed}. To train it again:")
    return [*lines, "", *_fenced("sh", in_line(_public(result.command or _command(result))))]


def _command(result: Result) -> str:
    words = ["archdsl", "train", "spec.yaml"]
    words += ["--variant", result.variant] if result.variant else []
    for name, value in result.arguments.items():
        words += ["--set", f"{name}={value}"]
    words += ["--epochs", str(result.epochs), "--seed", str(result.seed)]
    return " ".join(words + (["--limit", str(result.limit)] if result.limit else []))


def _use(result: Result) -> list[str]:
    call = "probabilities = model.predict(images)"
    if result.input and (shape := result.input["shape"]):
        call += f"  # float32 of {'x'.join(map(str, shape))}, from 0 to {result.input['largest']:g}"
    return [
        "## How to use it",
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
    lines = ["## What it does not know", ""]
    count = len(result.classes) or "its"
    lines.append(f"- It takes every picture for one of {count} classes, also one that shows none of them.")
    if result.input:
        height, width, channels = result.input["shape"]
        kind = "grey" if channels == 1 else "colour"
        size = f"- It sees {height}x{width} pixels in {kind}"
        lines.append(f"{size}; other pictures are resized to that, whatever their proportions.")
    lines.append(f"- It was tested on {_escaped(result.source)} alone; on other pictures it may do worse.")
    if reliability is not None:
        sure = f"sure ({reliability.threshold * 100:.0f} % or more)"
        if reliability.confident:
            fraction, right = percent(reliability.confident), percent(reliability.confident_accuracy)
            lines.append(f"- It is {sure} of {fraction} of the test images, and right about {right} of these.")
        else:
            lines.append(f"- It is never {sure}.")
        names = {number: _escaped(name) for number, name in enumerate(result.classes)}
        confusions = [
            f"{names.get(true, str(true))} for {names.get(predicted, str(predicted))} ({times:,} times)"
            for true, predicted, times in reliability.confusions
        ]
        lines += [f"- Most often taken for another: {'; '.join(confusions)}."] if confusions else []
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
        lines.append(f"- Begun {_escaped(result.started)}")
    if result.seconds is not None:
        lines.append(f"- {result.seconds:,.0f} seconds of training, validation included")
    return [*lines, *([f"- Tags: {', '.join(map(_escaped, result.tags))}"] if result.tags else [])]


def _section(text: str, name: str) -> str:
    """A top-level key of a YAML file with its value, as they are written there; an empty text if there is none."""
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
    """Text whose absolute paths are reduced to their last names."""
    return re.sub(r"(?<![\w.])(?:~?/|[A-Za-z]:[\\/])(?:[^\s,}\]\"']*[\\/])?([^\s,}\]\"'\\/]+)", r".../\1", text)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", "|---" * (len(head) - 1) + "|---:|", *(f"| {' | '.join(row)} |" for row in rows)]


def _code(text: str) -> str:
    """A text of the user's as code within a line."""
    return f"`{in_line(text).replace('`', chr(39))}`"


def _fenced(language: str, text: str) -> list[str]:
    """The lines of a block of code, in a fence that is longer than any in the text."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return [f"{fence}{language}", *text.split("\n"), fence]


def _escaped(text: str) -> str:
    """A text of the user's as one line without Markdown and HTML."""
    return re.sub(r"([\\`*_{}\[\]<>|#&~])", r"\\\1", in_line(" ".join(text.split())))
