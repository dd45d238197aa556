"""Specs for data sets: what was seen in the data decides the network and the recipe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl import source
from archdsl.drafts.drafting import FOLDER, Draft, class_name, drafted
from archdsl.drafts.plans import Entry, Plan, plan
from archdsl.recipe import Data, source_text
from archdsl.text import in_line, quantity

if TYPE_CHECKING:
    from archdsl.data.survey import Survey

FIRST, HEAD, MOMENTUM = "FIRST", "HEAD", "MOMENTUM"
"""The places in a template of the first steps, the last ones, and the momentum of the batch norms."""

COMMENT = 40
"""The column of comments; after a longer line, one follows directly."""


def for_data(target: Path, data: Data, name: str = "", data_dir: Path | None = None) -> Draft:
    """Create a spec for a data set. Imports NumPy.

    Args:
        target: The file that the spec will be written to.
        data: The recipe; only its source matters.
        name: The name of the model's class. Default: derived from the name of the file.
        data_dir: The only folder to search.

    Raises:
        ArchError: If the data is missing or broken, there is nothing to predict, or the name is invalid.
    """
    name = class_name(target, name)
    from archdsl.data.survey import survey

    seen = survey(data, data_dir)
    chosen = plan(seen)
    summary = _summary(seen)
    return drafted(target, _text(seen, chosen, name, summary), (("data", summary), *_decisions(seen, chosen)))


def _text(seen: Survey, chosen: Plan, name: str, summary: str) -> str:
    """The text of the spec."""
    lines = [
        f"# {summary}",
        "archdsl: 1",
        f"name: {name}",
        f"doc: {chosen.doc}",
        *_entries([chosen.interface], 0),
        "args:",
        *_entries(chosen.args, 2),
        "",
        *_network(chosen),
        "",
        "data:",
        f"  source: {source_text(seen.data.source)}",
        *_columns(seen),
        *_entries(chosen.data, 2),
        "train:",
        *_entries(chosen.train, 2),
    ]
    return "\n".join(lines) + "\n"


def _network(chosen: Plan) -> list[str]:
    """The network, with the steps of the template that depend on the data."""
    text = _template(chosen)
    for place, steps in ((FIRST, chosen.before), (HEAD, chosen.head)):
        text = text.replace(f"  - {place}\n", "".join(f"  - {step}\n" for step in steps))
    return [
        _line(line.replace(MOMENTUM, chosen.momentum.value), chosen.momentum.why) if MOMENTUM in line else line
        for line in text.rstrip("\n").split("\n")
    ]


def _template(chosen: Plan) -> str:
    return source.read_file(FOLDER / "for_data" / f"{chosen.template}.txt")


def _columns(seen: Survey) -> list[str]:
    """The keys that say which columns are used, where the source suggests others."""
    entries = []
    if seen.kinds:
        kinds = ", ".join(f"{_word(column)}: {kind}" for column, kind in seen.kinds.items())
        entries.append(Entry("columns", f"{{{kinds}}}", "its numbers are those of classes"))
    if seen.left_out:
        names = [_word(column) for column in seen.inputs]
        out = "; ".join(f"without {in_line(column)}: {why}" for column, why in [*seen.left_out.items()][:3])
        entries.append(Entry("inputs", names[0] if len(names) == 1 else f"[{', '.join(names)}]", out))
    if seen.kind == "number" or seen.left_out:
        entries.append(Entry("targets", _word(seen.target), "the column to predict"))
    return _entries(entries, 2)


def _word(name: str) -> str:
    """A name in YAML, within brackets."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in _RESERVED else json.dumps(name)


_RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
"""Words that YAML does not read as strings."""


def _entries(entries: Iterable[Entry], indent: int) -> list[str]:
    return [_line(f"{' ' * indent}{each.key}: {each.value}", each.why) for each in entries]


def _line(line: str, comment: str) -> str:
    return f"{line:<{COMMENT - 2}}  # {comment}" if comment else line


def _summary(seen: Survey) -> str:
    """What the data set is, on one line."""
    predicted, count = seen.predicted, quantity(seen.examples, "training example" if seen.has_test else "example")
    inputs = {
        "image": f"images of {'x'.join(map(str, seen.shape))}",
        "text": "texts",
        "number": quantity(len(seen.inputs), "column"),
    }.get(seen.kind, f"arrays of {'x'.join(map(str, seen.shape))}")
    outputs = {
        "class": f"one of {len(predicted.classes)} classes",
        "tags": f"any of {len(predicted.classes)} classes",
        "mask": f"masks of {len(predicted.classes)} classes",
        "tokens": "the next token",
    }.get(predicted.kind, f"the number `{in_line(seen.target)}`")
    return in_line(f"{seen.data.source_name}: {count}, {inputs} -> {outputs}")


def _decisions(seen: Survey, chosen: Plan) -> tuple[tuple[str, str], ...]:
    """What was decided, in a few lines."""
    by_key = {entry.key: entry for entry in (*chosen.data, *chosen.train)}
    training = f"{by_key['epochs'].value} epochs, batch size {by_key['batch_size'].value}: {by_key['epochs'].why}"
    lines = [("network", chosen.doc[0].lower() + chosen.doc[1:].rstrip(".")), ("training", training)]
    if MOMENTUM in _template(chosen):
        lines.append(("momentum", f"{chosen.momentum.value}: {chosen.momentum.why}"))
    lines += [
        (key, f"{by_key[key].value}: {by_key[key].why}")
        for key in ("keep", "class_weights", "missing")
        if key in by_key
    ]
    return tuple(lines)
