"""The tables in `docs/`, made of the registries that the parser reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any, get_args

from command_reference import commands
from pydantic import BaseModel

import archdsl
from archdsl import errors, expr, limits, recipe, schema, spec, zoo
from archdsl.analysis.measures import PRECISIONS
from archdsl.lint import RULES, Suppressions, lint, summarize
from archdsl.ops import Op, weights
from archdsl.ops.base import Kind, show
from archdsl.recipe.base import OrNone
from archdsl.reports.columns import COLUMNS
from archdsl.resolution import resolve
from archdsl.schema import docstrings, explanations, vocabulary
from archdsl.schema.op_reference import data, default_of, fields_of, type_of, written

KINDS: tuple[Kind, ...] = get_args(Kind)
FUNCTIONS = {
    "min": ("the smallest of up to eight numbers, or of a list", "min(3, 8)"),
    "max": ("the largest of up to eight numbers, or of a list", "max(3, 8)"),
    "round": ("the nearest whole number; of two, the even one", "round(2.5)"),
    "ceil": ("the whole number above", "ceil(2.1)"),
    "floor": ("the whole number below", "floor(2.9)"),
    "sum": ("of a list of numbers", "sum($depths)"),
    "len": ("how many items a list has", "len($depths)"),
    "divisible": ("the multiple of the second number that is nearest to the first", "divisible(30, 8)"),
}
"""What the functions of expressions do, each with an example."""

_INTRODUCTIONS: dict[Kind, str] = {
    "activation": "Each is a step, and a word for `activation`. They take any shape and keep it, unless it is said.",
    "merge": "Each is a word for `merge`, and a step that takes several tensors by `from`. None has arguments.",
    "norm": "Each is a step, and, without `_norm`, a word for the `norm` of convolutions.",
}
_KEPT = "Any shape -> the same shape"
_WEIGHTS = re.compile(r"\w+_(initializer|regularizer|constraint)")
_TAKEN = {
    "source": "a [source](#sources)",
    "class_weights": "`none`, `balanced`, or a weight for each of some classes, as `{cat: 2.0}`",
    "metrics": "a list of [metrics](losses-and-metrics.md#metrics)",
    "rates": "a mapping, see [below](#rates)",
    **{word: f"`none`, or a mapping, see [below](#{word})" for word in ("lookahead", "whiten", "test_time")},
    "early_stopping": "`none`, or a mapping, see [below](#early_stopping)",
    "learning_rate": "a number (more than 0), or a [schedule](optimizers.md#schedules)",
    "optimizer": "an [optimizer](optimizers.md#optimizers), or one with arguments",
    "augment": "a mapping, see [below](#augment)",
    "output": "a shape, or one for each output by name",
    "loss": "a [loss](losses-and-metrics.md#losses), or one for each output by name",
}
"""What fields take whose annotations do not tell it shortly."""


@cache
def tables() -> dict[str, str]:
    """The text of each generated region, by its name."""
    words = schema.language()
    return {
        **{f"ops_{kind}": ops(kind) for kind in KINDS},
        **{
            name: table(["word", "what it is", "arguments"], map(_entry, entries, entries.values()))
            for name, entries in (
                ("initializers", weights.INITIALIZERS),
                ("regularizers", weights.REGULARIZERS),
                ("constraints", weights.CONSTRAINTS),
            )
        },
        "file": _described(words["properties"]),
        "layer": _described(words["$defs"]["layer"]["properties"]),
        "variant": _described(words["$defs"]["variant"]["properties"]),
        "neighbours": table(
            ["key", "what it says"],
            ((f"`{k}`", _said(s["description"])) for k, s in vocabulary.STEP_PROPERTIES.items()),
        ),
        "shortcuts": table(["word", "what it becomes"], ((f"`{k}`", t) for k, t in spec.SHORTCUTS.items())),
        "types": table(["type", "values"], ((f"`{k}`", _values(k)) for k in spec.TYPES)),
        "functions": _functions(),
        "limits": _limits(),
        "columns": table(
            ["column", "above it", "what it tells"],
            ((f"`{name}`", c.title, c.description) for name, c in COLUMNS.items()),
        ),
        "precisions": table(
            ["policy", "bytes of a weight", "bytes of an activation"],
            ((f"`{policy}`", *map(str, both)) for policy, both in PRECISIONS.items()),
        ),
        "codes": table(["code", "what is wrong"], ((f"`{code}`", text) for code, text in errors.CODES.items())),
        "warnings": table(
            ["code", "name", "reported if"], ((f"`{rule.code}`", rule.title, rule.condition) for rule in RULES)
        ),
        "notebook": f"```text\n{_notebook()}```\n",
        "reviewed": _reviewed(),
        "commands": commands(),
        "python": "\n".join(f"::: archdsl.{name}\n" for name in archdsl.__all__),
        **_recipe(),
    }


def _notebook() -> str:
    """What the lint says of the notebook's network."""
    text = (zoo.folder() / "funny_resnet_notebook.yaml").read_text(encoding="utf-8")
    loaded = zoo.loads(text, "funny_resnet_notebook.yaml")
    graph = resolve(loaded)
    found = lint(loaded, graph)
    return "".join(f"{finding.render(width=110)}\n" for finding in found) + f"{summarize(found, graph.totals)}\n"


def _reviewed() -> str:
    """What the lint says of each spec that ships, its variants together."""
    rows = []
    for name, path in zoo.names().items():
        told: dict[str, set[str]] = {}
        for one in zoo.load(path).every():
            loud = Suppressions(replace(one, text=""))  # what its comments silence is told here, too
            for finding in lint(one, resolve(one), loud):
                told.setdefault(finding.code, set()).add(one.variant or "-")
        rows += [
            (f"`{name}`", f"`{code}`", explanations.CODES[code], str(len(variants)))
            for code, variants in sorted(told.items())
        ]
    return table(["spec", "code", "what it is", "networks"], rows, right="networks")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> str:
    """A table in Markdown; the column with the head `right` stands at the right."""
    lines = [head, ["---:" if word == right else "---" for word in head], *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _said(text: str) -> str:
    """A sentence for a cell: no full stop, where it is the only one."""
    return text.removesuffix(".") if ". " not in text else text


def _described(properties: Mapping[str, Any]) -> str:
    return table(
        ["key", "what it says"], ((f"`{name}`", _said(inner["description"])) for name, inner in properties.items())
    )


def _functions() -> str:
    depths = [3, 4, 6, 3]
    rows = []
    for name in expr.FUNCTIONS:
        does, example = FUNCTIONS[name]
        value = expr.parse(example).evaluate({"depths": depths})
        rows.append((f"`{name}`", does, f"`{example}` is {value}"))
    return table(["function", "what it gives", "example, where `$depths` is [3, 4, 6, 3]"], rows)


def _values(kind: str) -> str:
    article = spec.TYPE_NAMES[kind]
    return f"{article} or a whole one" if kind == "float" else article


def specs() -> str:
    """The specs that ship with archdsl, without the variants that are another's for another size of image."""
    rows = []
    for name, path in zoo.names().items():
        loaded = zoo.load(path)
        sizes = [f"{variant}_{size}" for variant in loaded.variants for size in (160, 176, 256)]
        variants = ", ".join(f"`{variant}`" for variant in loaded.variants if variant not in sizes)
        parameters = f"{resolve(loaded.every()[0]).totals.parameters:,}"
        rows.append((f"[`{name}`](specs/{name}.yaml)", loaded.doc, parameters, variants))
    return table(["spec", "what it is", "parameters", "variants"], rows, right="parameters")


def ops(kind: Kind) -> str:
    """Every op of this package that is of a kind."""
    own = {name: op for name, op in schema.own_ops().items() if op.kind == kind}
    introduction = f"{_INTRODUCTIONS[kind]}\n\n" if kind in _INTRODUCTIONS else ""
    return introduction + (_listed(own) if kind in ("activation", "merge") else "\n".join(map(_op, own.values())))


def _listed(own: Mapping[str, type[Op]]) -> str:
    """Ops that say nearly all in a line."""
    rows = []
    for name, op in own.items():
        arguments = [f"`{field}`: {_sentence(op, field)}" for field in fields_of(op)]
        rule = docstrings.rule(op).replace(_KEPT, "")
        facts = " ".join(filter(None, [docstrings.summary(op), rule, docstrings.notes(op)]))
        rows.append((f"`{name}`", facts, "; ".join(arguments), docstrings.source(op)))
    if any(row[2] for row in rows):
        return table(["op", "what it does", "arguments", "source"], rows)
    return table(["op", "what it does", "source"], [(name, facts, source) for name, facts, _, source in rows])


def _op(op: type[Op]) -> str:
    rule = docstrings.rule(op)
    plain = "`" in rule or not rule.startswith("(")
    rule = f"{rule}." if rule and plain else f"`{rule}`." if rule else ""
    head = " ".join(filter(None, [docstrings.summary(op), rule, docstrings.source(op), docstrings.notes(op)]))
    own = [name for name in fields_of(op) if not _WEIGHTS.fullmatch(name)]
    shared = [name for name in fields_of(op) if _WEIGHTS.fullmatch(name)]
    told = [f"## {op.name}\n", f"{head}\n"]
    if own:
        rows = [
            (f"`{n}`", type_of(n, op.model_fields[n]), _default(op, n), _said(docstrings.arguments(op)[n])) for n in own
        ]
        told.append(table(["argument", "takes", "default", "what it is"], rows))
    if shared:
        words = [f"`{name}`" + (f" ({given})" if (given := _default(op, name)) != "`none`" else "") for name in shared]
        told.append(f"[Weights](weights.md): {', '.join(words)}.\n")
    return "\n".join([*told, _examples(op)])


def _sentence(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    return f"{docstrings.arguments(model)[name].rstrip('.')} ({type_of(name, field)}; {default_of(field)})"


def _default(model: type[BaseModel], name: str) -> str:
    """A default alone, for a cell of a table."""
    told = default_of(model.model_fields[name])
    return "**required**" if told == "required" else f"`{told[8:]}`" if told.startswith("default ") else ""


def _examples(op: type[Op]) -> str:
    lines = []
    for example in data(op)["examples"][:2]:
        step = f"- {op.name}" + (f": {written(example['fields'])}" if example["fields"] else "")
        shapes = " and ".join(show(tuple(shape)) for shape in example["inputs"])
        parameters = f", {example['parameters']:,} parameters" if example["parameters"] else ""
        lines.append(f"{step}  # {shapes} -> {show(tuple(example['output']))}{parameters}\n")
    return f"```yaml\n{''.join(lines)}```\n"


def _entry(word: str, entry: type[BaseModel]) -> tuple[str, str, str]:
    arguments = []
    for name, field in entry.model_fields.items():
        default = "" if field.default is None else f" (default {written(field.default)})"
        arguments.append(f"`{name}`{default}: {docstrings.arguments(entry)[name].rstrip('.')}")
    return f"`{word}`", " ".join((entry.__doc__ or "").split("Args:")[0].split()), "; ".join(arguments)


def _limits() -> str:
    told = docstrings.arguments(limits.Limits)
    rows = [(f"`{f.name}`", told[f.name].rstrip("."), f"{f.default:,}") for f in fields(limits.Limits)]
    return table(["limit", "of what", "allowed"], rows)


def _recipe() -> dict[str, str]:
    models: dict[str, Any] = {"data": recipe.Data, "augment": recipe.Augment, "train": recipe.Train}
    models |= {
        "rates": recipe.Rates,
        "early_stopping": recipe.EarlyStopping,
        "lookahead": recipe.Lookahead,
        "whiten": recipe.Whiten,
        "test_time": recipe.TestTime,
    }
    models["expect"] = spec.Expectation
    found = {name: _fields(model, list(model.model_fields)) for name, model in models.items()}
    adam = recipe.OPTIMIZERS["adam"]
    shared = {name for name in adam.model_fields if all(model.takes(name) for model in recipe.OPTIMIZERS.values())}
    found["optimizer"] = _fields(adam, [name for name in adam.model_fields if name in shared])
    found["optimizers"] = table(
        ["word", "what it is", "its own arguments"],
        ((f"`{w}`", docstrings.prose(m), _own(m, shared)) for w, m in recipe.OPTIMIZERS.items()),
    )
    found["schedules"] = table(
        ["word", "what it does", "arguments"],
        ((f"`{w}`", docstrings.prose(m), _own(m, set())) for w, m in recipe.SCHEDULES.items()),
    )
    forms = {(f"{{{name}: ...}}" if one.takes else name): one.title for name, one in recipe.DATA_SOURCES.items()}
    found["sources"] = table(["source", "what it is"], ((f"`{form}`", title) for form, title in forms.items()))
    found["losses"] = table(
        ["word", "what it is", "labels", "arguments"],
        (
            (f"`{w}`", docstrings.prose(m), "whole numbers" if m.sparse else "one-hot", _own(m, {"reduction"}))
            for w, m in recipe.LOSSES.items()
        ),
    )
    found["metrics"] = table(
        ["word", "what it is", "arguments"],
        ((f"`{w}`", docstrings.prose(m), _own(m, set())) for w, m in recipe.METRICS.items()),
    )
    return found


def _own(model: type[BaseModel], shared: set[str]) -> str:
    told = []
    for name, field in model.model_fields.items():
        if name not in shared:
            default = "required" if field.is_required() else f"default {written(field.default)}"
            default = "may be left out" if field.default is None else default
            told.append(f"`{name}` ({default}): {docstrings.arguments(model)[name].rstrip('.')}")
    return "; ".join(told)


def _fields(model: type[BaseModel], names: Sequence[str]) -> str:
    rows = []
    for name in names:
        field = model.model_fields[name]
        default = "**required**" if field.is_required() else _literal(field.default)
        default = "`none`" if any(isinstance(item, OrNone) for item in field.metadata) else default
        rows.append(
            (f"`{name}`", _TAKEN.get(name) or type_of(name, field), default, _said(docstrings.arguments(model)[name]))
        )
    return table(["key", "takes", "default", "what it is"], rows)


def _literal(value: Any) -> str:
    """A default of a recipe; one that is a model is told by its word."""
    if isinstance(value, BaseModel) or value is None:
        return ""
    return f"`{written(value)}`"
