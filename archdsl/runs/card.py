"""The model card of a run: what the network is, how good it is, on what, how it was made, and what it does not know.

After Mitchell et al. 2019, "Model Cards for Model Reporting". Text of Markdown; nothing private stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from archdsl.runs.folder import CONFUSION, CURVES, MISTAKES, MODEL, NETWORK, Result
from archdsl.source import LINE_END
from archdsl.spec import Spec
from archdsl.text import percent, quantity

if TYPE_CHECKING:
    from archdsl.training.reports.outcome import Outcome

SURE = 0.9
"""The probability from which on the card calls a prediction sure."""

TOLD = 20
"""Up to how many classes the card tells each one's accuracy; of more it tells the best and the worst."""


def card(spec: Spec, result: Result, outcome: Outcome | None, pictures: Collection[str]) -> str:
    """The card as Markdown.

    Args:
        outcome: what the network says of the test images, or None where it was not tested.
        pictures: the names of the pictures that lie beside the card.
    """
    sections = [
        _head(spec, result, pictures),
        _results(result, outcome, pictures),
        _data(result),
        _recipe(spec, result),
        _use(result),
        _limits(result, outcome),
        _environment(result),
    ]
    return "\n".join("\n".join(section) + "\n" for section in sections)


def _head(spec: Spec, result: Result, pictures: Collection[str]) -> list[str]:
    chosen = [f"variant `{result.variant}`"] if result.variant else []
    chosen += [f"`{name}` = `{value}`" for name, value in result.arguments.items()]
    about = f" ({', '.join(chosen)})" if chosen else ""
    lines = [f"# {_plain(result.spec)} on {_plain(result.source)}", ""]
    if spec.doc:
        lines += [_plain(spec.doc), ""]
    lines += [f"{quantity(result.parameters, 'parameter')}{about}, compiled by archdsl from `spec.yaml`.", ""]
    return [*lines, f"![The network]({NETWORK})"] if NETWORK in pictures else lines[:-1]


def _results(result: Result, outcome: Outcome | None, pictures: Collection[str]) -> list[str]:
    rows = []
    if result.test_accuracy is not None:
        tested = quantity(result.images.get("test", 0), "test image")
        several = result.plain_test_accuracy is not None
        looks = "the mean of several looks at each image" if several else tested
        rows.append((f"Test accuracy, {looks}", percent(result.test_accuracy)))
        if result.plain_test_accuracy is not None:
            rows.append((f"Test accuracy, one look, {tested}", percent(result.plain_test_accuracy)))
    if result.test_loss is not None:
        rows.append(("Test loss", f"{result.test_loss:.4f}"))
    if result.validation_accuracy is not None:
        held = quantity(result.images.get("validation", 0), "validation image")
        rows.append((f"Validation accuracy, {held}", percent(result.validation_accuracy)))
    rows.append(("Epochs", f"{result.epochs_run} of {result.epochs}"))
    if result.best_epoch:
        rows.append(("The network is that of epoch", str(result.best_epoch)))
    lines = ["## Results", ""]
    if result.status != "finished":
        lines += [f"The run is **{result.status}**: these are not the numbers of a whole training.", ""]
    lines += _table(("", ""), rows)
    if result.class_accuracy:
        lines += ["", *_classes(result)]
    told = {CURVES: "Loss, accuracy and learning rate over the epochs"}
    told |= {CONFUSION: "Which classes are taken for which", MISTAKES: "The most confident mistakes"}
    for name, words in told.items():
        lines += ["", f"![{words}]({name})"] if name in pictures else []
    return lines


def _classes(result: Result) -> list[str]:
    """Each class with its accuracy, the worst first."""
    ranked = sorted((result.class_accuracy or {}).items(), key=lambda item: item[1])
    told = ranked if len(ranked) <= TOLD else [*ranked[: TOLD // 2], *ranked[-TOLD // 2 :]]
    rows = [(_plain(name), percent(share)) for name, share in told]
    if len(ranked) > TOLD:
        rows.insert(TOLD // 2, (f"... {len(ranked) - TOLD} more ...", ""))
    return _table(("Class", "Right"), rows)


def _data(result: Result) -> list[str]:
    words = {"train": "to train", "validation": "to choose the epoch", "test": "to test"}
    counts = ", ".join(f"{count:,} {words.get(part, part)}" for part, count in result.images.items() if count)
    found = "embedded in archdsl" if result.origin == "embedded" else f"read from `{PurePath(result.origin).name}`"
    lines = ["## Data", "", f"- Source: {_plain(result.source)}, {found}", f"- Images: {counts}"]
    if result.limit:
        lines.append(f"- Limited to {result.limit:,} training images")
    if result.classes:
        names = [_plain(name) for name in result.classes[:TOLD]]
        more = f", ... {len(result.classes) - TOLD} more" if len(result.classes) > TOLD else ""
        lines.append(f"- Classes ({len(result.classes)}): {', '.join(names)}{more}")
    if result.input:
        lines.append(f"- Pixels from 0 to {result.input['largest']:g}, divided by {result.input['divisor']:g}")
    if result.mean and result.std:
        mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (result.mean, result.std))
        lines.append(f"- Standardized with the training part's mean {mean} and standard deviation {std}")
    return lines


def _recipe(spec: Spec, result: Result) -> list[str]:
    """The spec's own words, which say more than a table of what came of them."""
    told = [_section(spec.text, name) for name in ("data", "train")]
    lines = ["## Recipe", ""]
    if any(told):
        lines += ["```yaml", *_public("\n".join(part for part in told if part)).splitlines(), "```", ""]
    if result.variant:
        lines += [f"The spec's variant `{result.variant}` is laid over it.", ""]
    lines.append(f"{quantity(result.epochs, 'epoch')}, seed {result.seed}. To train it again:")
    return [*lines, "", "```sh", _public(result.command or _command(result)), "```"]


def _command(result: Result) -> str:
    words = ["archdsl", "train", "spec.yaml"]
    words += ["--variant", result.variant] if result.variant else []
    for name, value in result.arguments.items():
        words += ["--set", f"{name}={value}"]
    words += ["--epochs", str(result.epochs), "--seed", str(result.seed)]
    return " ".join(words + (["--limit", str(result.limit)] if result.limit else []))


def _use(result: Result) -> list[str]:
    shape = result.input["shape"] if result.input else None
    raw = (
        f" # float32 of {'x'.join(map(str, shape))}, from 0 to {result.input['largest']:g}"
        if result.input and shape
        else ""
    )
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
        f"probabilities = model.predict(images) {raw}".rstrip(),
        "```",
    ]


def _limits(result: Result, outcome: Outcome | None) -> list[str]:
    lines = ["## What it does not know", ""]
    count = len(result.classes) or "its"
    lines.append(f"- It takes every picture for one of {count} classes, also one that shows none of them.")
    if result.input:
        height, width, channels = result.input["shape"]
        kind = "grey" if channels == 1 else "colour"
        seen = f"- It sees {height}x{width} pixels in {kind}"
        lines.append(f"{seen}; other pictures are resized to that, whatever their proportions.")
    lines.append(f"- It was tested on {_plain(result.source)} alone; on other pictures it may do worse.")
    if outcome is not None:
        share, right = outcome.trust(SURE)
        sure = f"It is sure ({SURE * 100:.0f} % or more) of {percent(share)} of the test images"
        lines.append(
            f"- {sure}, and right about {percent(right)} of these."
            if share
            else f"- It is never sure ({SURE * 100:.0f} % or more)."
        )
        mixed = [_pair(result.classes, pair) for pair in outcome.mixed_up(3)]
        lines += [f"- Most often taken for another: {'; '.join(mixed)}."] if mixed else []
    return lines


def _pair(classes: Sequence[str], pair: tuple[int, int, int]) -> str:
    names = [_plain(classes[i]) if i < len(classes) else str(i) for i in pair[:2]]
    return f"{names[0]} for {names[1]} ({pair[2]:,} times)"


def _environment(result: Result) -> list[str]:
    lines = ["## Environment", ""]
    machine = result.machine or {}
    if machine:
        accelerators = ", ".join(machine.get("accelerators") or ()) or "no accelerator"
        cpus = quantity(int(machine.get("cpus", 0)), "CPU core")
        lines.append(f"- {machine.get('system', '')} {machine.get('processor', '')}, {cpus}, {accelerators}")
    lines.append(f"- {', '.join(f'{name} {version}' for name, version in result.versions.items())}")
    if result.started:
        lines.append(f"- Begun {result.started}")
    if result.seconds is not None:
        lines.append(f"- {result.seconds:,.0f} seconds of training, validation included")
    return [*lines, *([f"- Tags: {', '.join(map(_plain, result.tags))}"] if result.tags else [])]


def _section(text: str, name: str) -> str:
    """A key of the file's first level with all that belongs to it, as it is written; nothing where it is not there."""
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
    """Text with no more of an absolute path than its last name."""
    return re.sub(r"(?<![\w.])(?:~?/|[A-Za-z]:[\\/])(?:[^\s,}\]\"']*[\\/])?([^\s,}\]\"'\\/]+)", r".../\1", text)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", "|---" * (len(head) - 1) + "|---:|", *(f"| {' | '.join(row)} |" for row in rows)]


def _plain(text: str) -> str:
    """A text of the user's in one line, in which nothing is Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(text.split()))
