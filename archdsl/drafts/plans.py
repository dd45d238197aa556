"""Chooses a network and a recipe for a data set, each number with its reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.text import quantity

if TYPE_CHECKING:
    from archdsl.data.survey import Survey

TEST, VALIDATION = 0.2, 0.1
"""The shares that are held out, unless the source has such splits."""

FEW, MANY = 2_000, 20_000
"""Up to `FEW` training examples, networks are small and regularized; from `MANY` on, they are large."""

STEPS = 4_000
"""The number of training steps to aim for."""

TO_CHOOSE_BY = 100
"""The fewest validation examples that choose an epoch: the accuracy of 100 has a standard error of up to 5 points."""

MOMENTA = (0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)
SETTLED = 0.01
"""The largest share that the initial statistics of a batch norm may have after a fifth of the training."""

LARGEST_SIDE = 128
"""The longest side of images; larger ones are resized."""

SMALLEST_MAP = 8
"""Feature maps are halved until a side is at most this."""

UNBALANCED = 1.5
"""From this ratio of the largest class to the smallest on, classes are weighted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of the spec, its value in YAML, and the reason."""

    key: str
    value: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A network and a recipe for a data set.

    Attributes:
        template: the name of the network in `templates/for_data`.
        doc: what the network is.
        interface: the input of the network.
        args: the arguments of the network.
        head: its last steps.
        data: further keys of `data`; `train`: the keys of `train`.
        momentum: of the batch norms.
        before: steps before the first one.
    """

    template: str
    doc: str
    interface: Entry
    args: tuple[Entry, ...]
    head: tuple[str, ...]
    data: tuple[Entry, ...]
    train: tuple[Entry, ...]
    momentum: Entry
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of examples and steps."""

    train: int
    validation: int
    batch: int
    epochs: int

    @property
    def steps(self) -> int:
        """The number of steps of the whole training."""
        return self.epochs * math.ceil(self.train / self.batch)


@dataclass(frozen=True, slots=True)
class Network:
    """What a template needs to know about the data.

    Attributes:
        fewest, most: limits of the number of epochs.
        rate: the learning rate of Adam.
        data: keys of `data` for this kind of input.
    """

    template: str
    doc: str
    interface: Entry
    args: tuple[Entry, ...]
    fewest: int = 10
    most: int = 40
    rate: float = 0.002
    data: tuple[Entry, ...] = ()
    before: tuple[str, ...] = ()
    batches: tuple[int, int, int] = (32, 64, 128)


def plan(survey: Survey) -> Plan:
    """Choose a network and a recipe for a data set."""
    network = NETWORKS[_template(survey)](survey)
    counts = _counts(survey, network)
    kind = survey.predicted.kind
    size = len(survey.predicted.classes) or 1
    argument = Entry("classes", str(size), _some(survey.predicted.classes))
    heads: Mapping[str, tuple[str, ...]] = {
        "class": ("dense: {units: $classes, activation: softmax}",),
        "tags": ("dense: {units: $classes, activation: sigmoid}",),
        "mask": ("conv: {filters: $classes, kernel: 1, bias: true, norm: none, activation: softmax}",),
        "number": (f"dense: {{units: {(survey.predicted.shape or (1,))[0]}}}",),
        "tokens": (),
    }
    with_classes = (argument,) if kind in ("class", "tags", "mask") else ()
    return Plan(
        network.template,
        network.doc,
        network.interface,
        (*with_classes, *network.args),
        heads[kind],
        (*_data(survey, counts), *network.data),
        _train(survey, network, counts),
        momentum(counts.steps),
        network.before,
    )


def momentum(steps: int) -> Entry:
    """The momentum with which batch norms settle in a fifth of the training."""
    part = max(1, steps // 5)
    chosen = next((each for each in MOMENTA if each**part <= SETTLED), MOMENTA[-1])
    default = f"; {MOMENTA[0]:g}^{part} = {MOMENTA[0] ** part:.1g}" if chosen != MOMENTA[0] else ""
    why = f"settles in {part:,} of {steps:,} steps ({chosen:g}^{part} = {chosen**part:.1g}{default})"
    return Entry("momentum", f"{chosen:g}", why)


def _template(survey: Survey) -> str:
    if survey.predicted.kind in ("mask", "tokens"):
        return {"mask": "masks", "tokens": "tokens"}[survey.predicted.kind]
    if survey.kind in ("image", "text"):
        return {"image": "images", "text": "texts"}[survey.kind]
    return {2: "series", 3: "images"}.get(len(survey.shape), "table")


def _train_count(survey: Survey) -> tuple[int, int]:
    """The numbers of training and validation examples, as `data.dataset` splits them."""
    left = survey.examples if survey.has_test else survey.examples - round(TEST * survey.examples)
    held = 0 if survey.has_validation else round(VALIDATION * left)
    return left - held, held


def _counts(survey: Survey, network: Network) -> Counts:
    train, validation = _train_count(survey)
    batch = network.batches[(train > FEW) + (train > MANY)]
    while batch > 8 and train < 5 * batch:
        batch //= 2
    per_epoch = math.ceil(train / batch)
    epochs = min(network.most, max(network.fewest, math.ceil(STEPS / per_epoch)))
    return Counts(train, validation, batch, epochs)


def _data(survey: Survey, counts: Counts) -> list[Entry]:
    entries = [Entry("batch_size", str(counts.batch), f"{math.ceil(counts.train / counts.batch):,} steps per epoch")]
    if not survey.has_test:
        held = survey.examples - counts.train - counts.validation
        entries.append(Entry("test", f"{TEST:g}", f"{quantity(held, 'example')}: there is no test split"))
    if not survey.has_validation and survey.predicted.kind != "tokens":
        entries.append(Entry("validation", f"{VALIDATION:g}", quantity(counts.validation, "example")))
    if survey.class_counts and max(survey.class_counts) > UNBALANCED * max(1, min(survey.class_counts)):
        least, most = min(survey.class_counts), max(survey.class_counts)
        entries.append(Entry("class_weights", "balanced", f"classes have {least:,} to {most:,} examples"))
    if survey.empty:
        entries.append(Entry("missing", "mean", f"{quantity(survey.empty, 'row')} with empty cells"))
    return entries


def _train(survey: Survey, network: Network, counts: Counts) -> tuple[Entry, ...]:
    few = counts.train <= FEW
    schedule = f"{{cosine: {{rate: {network.rate:g}, warmup: 2}}}}"
    optimizer = f"{{adamw: {{learning_rate: {schedule}, weight_decay: {0.05 if few else 0.01:g}}}}}"
    entries = [
        Entry("epochs", str(counts.epochs), f"{counts.steps:,} steps"),
        Entry("optimizer", optimizer),
        Entry("decay", "kernels", "not biases and norms"),
    ]
    if not survey.has_validation and counts.validation < TO_CHOOSE_BY:
        why = f"{quantity(counts.validation, 'validation example')} cannot choose an epoch"
        if survey.class_counts:  # the standard error of an accuracy of 50 %
            why += f": +- {50 / math.sqrt(max(1, counts.validation)):.0f} points"
        entries.append(Entry("keep", "last", why))
    return tuple(entries)


def _some(names: tuple[str, ...]) -> str:
    """Some names in a comment: all, if they are few."""
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    return shown if len(shown) <= 60 and shown.isprintable() else ""


def _images(survey: Survey) -> Network:
    height, width, channels = survey.shape
    train, _ = _train_count(survey)
    size = fitting_size(height, width, 1)
    data = (
        []
        if size == (height, width) and not survey.notes
        else [Entry("size", f"[{size[0]}, {size[1]}]", f"resized from {height}x{width}")]
    )
    stem = 2 if max(size) > 48 else 1
    smallest, strides = -(-min(size) // stem), [1]
    while smallest > SMALLEST_MAP or len(strides) < 2 <= smallest // 2:
        smallest, strides = -(-smallest // 2), [*strides, 2]
    first = 16 if train <= FEW else 32
    widths = [min(first * 2**place, 256) for place in range(len(strides))]
    data += [
        Entry("standardize", "channel"),
        *(_augment(survey, size, train <= FEW) if survey.kind == "image" else []),
    ]
    small = "small" if train <= FEW else "fits"
    return Network(
        "images",
        f"A residual network for images of {size[0]}x{size[1]}.",
        Entry("input", f"[{size[0]}, {size[1]}, {channels}]", "height, width, channels"),
        (
            Entry("widths", str(widths), f"{small} for {quantity(train, 'training image')}"),
            Entry("strides", str(strides), f"halve the map to a side of {smallest}"),
            Entry("stem", str(stem), "the stride of the first conv"),
            Entry("dropout", "0.3" if train <= FEW else "0.1"),
        ),
        data=tuple(data),
    )


def fitting_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """The size of images after resizing: sides up to `LARGEST_SIDE`, and multiples of a number."""
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    resized = (max(multiple, round(side * scale / multiple) * multiple) for side in (height, width))
    new_height, new_width = resized
    return new_height, new_width


def _augment(survey: Survey, size: tuple[int, int], few: bool) -> list[Entry]:
    """Flips only where a mirror image is of the same class: not of digits, letters, or left and right."""
    is_mask, gray = survey.predicted.kind == "mask", survey.shape[-1] == 1
    names = [] if is_mask else [name.lower() for name in survey.predicted.classes]
    if (gray and not is_mask) or any(len(name) == 1 or "left" in name or "right" in name for name in names):
        moves = "{shift: 0.1, rotation: 10, zoom: 0.1}"
        return [Entry("augment", moves, "no flips: mirrored, they may be others")]
    if not few:
        return [Entry("augment", "{flip: horizontal, shift: 0.1}")]
    words = {"flip": "horizontal", "shift": "0.15", "rotation": "20", "zoom": "0.25", "shear": "10"}
    if not gray:
        words |= {"brightness": "0.3", "contrast": "0.3", "saturation": "0.3"}
    if not is_mask:
        words["cutout"] = str(min(size) * 3 // 8)
    return [Entry("augment", "", "strong: there are few images"), *(Entry(f"  {key}", words[key]) for key in words)]


def _masks(survey: Survey) -> Network:
    height, width, channels = survey.shape
    train, _ = _train_count(survey)
    levels = 3 if min(height, width) >= 64 else 2
    size = fitting_size(height, width, 2**levels)
    data = [
        Entry("standardize", "channel"),
        *(_augment(survey, size, train <= FEW) if survey.kind == "image" else []),
    ]
    if size != (height, width):
        data.insert(0, Entry("size", f"[{size[0]}, {size[1]}]", f"resized from {height}x{width}"))
    return Network(
        "masks",
        f"A U-Net for images of {size[0]}x{size[1]}.",
        Entry("input", f"[{size[0]}, {size[1]}, {channels}]", "height, width, channels"),
        (
            Entry("filters", "8" if train <= FEW else "16", f"for {quantity(train, 'training image')}"),
            Entry("levels", str(levels), f"the map is halved {levels} times"),
        ),
        data=tuple(data),
        batches=(8, 16, 32),
    )


def _table(survey: Survey) -> Network:
    train, _ = _train_count(survey)
    flat = len(survey.shape) > 1
    width = 32 if train <= 1_000 else 64 if train <= MANY else 128
    columns = (
        f"{len(survey.inputs)} columns; a class takes a place for each name" if survey.kind == "number" else "numbers"
    )
    return Network(
        "table",
        f"A perceptron of two layers for {survey.target}.",
        Entry("input", str(list(survey.shape)), columns),
        (
            Entry("widths", f"[{width}, {width}]", f"for {quantity(train, 'training example')}"),
            Entry("dropout", "0.2" if train <= FEW else "0.1"),
        ),
        most=60,
        rate=0.005,
        data=() if survey.kind == "number" else (Entry("standardize", "channel"),),
        before=("flatten",) if flat else (),
    )


def _texts(survey: Survey) -> Network:
    facts = survey.text
    length, words = (facts.length, facts.words) if facts else (200, 20_000)
    length = min(400, max(8, -(-length // 8) * 8))
    vocabulary = min(20_000, words + 2)
    train, _ = _train_count(survey)
    return Network(
        "texts",
        "A convolution over the words of a text.",
        Entry("inputs", f"{{words: {{shape: [{length}], dtype: int32}}}}", "95 % of the texts are not longer"),
        (
            Entry("vocabulary", str(vocabulary), "words that occur more than once"),
            Entry("width", "32" if train <= FEW else "64"),
            Entry("dropout", "0.3"),
        ),
        fewest=5,
        most=20,
    )


def _series(survey: Survey) -> Network:
    steps, channels = survey.shape
    train, _ = _train_count(survey)
    first = 16 if train <= FEW else 32
    widths, left = [first], -(-steps // 2)
    while left > 4 and len(widths) < 6:
        widths, left = [*widths, min(128, widths[-1] * 2)], -(-left // 2)
    return Network(
        "series",
        f"Convolutions over {steps} steps.",
        Entry("input", f"[{steps}, {channels}]", "steps, channels"),
        (
            Entry("widths", str(widths), f"for {quantity(train, 'training example')}"),
            Entry("dropout", "0.2"),
        ),
        data=(Entry("standardize", "channel"),),
    )


def _tokens(survey: Survey) -> Network:
    (length,) = survey.shape
    tokens = len(survey.predicted.classes)
    return Network(
        "tokens",
        "A small causal transformer, which outputs the logits of the next token.",
        Entry("inputs", f"{{tokens: {{shape: [{length}], dtype: int32}}}}", "the length of a window"),
        (
            Entry("tokens", str(tokens), "different tokens in the training text"),
            Entry("width", "96"),
            Entry("heads", "3"),
            Entry("depth", "2"),
            Entry("dropout", "0.1"),
        ),
        most=30,
        batches=(16, 32, 64),
    )


NETWORKS: dict[str, Callable[[Survey], Network]] = {
    "images": _images,
    "masks": _masks,
    "table": _table,
    "texts": _texts,
    "series": _series,
    "tokens": _tokens,
}
"""The network of each template in `templates/for_data`."""
