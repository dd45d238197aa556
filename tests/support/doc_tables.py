"""The tables in `docs/`, generated from the registries that the parser uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any, get_args

from command_reference import commands
from pydantic import BaseModel

import archdsl
from archdsl import errors, expr, limits, recipe, schema, spec, zoo
from archdsl.analysis.measures import PRECISIONS
from archdsl.linting import RULES, Suppressions, lint, summarize
from archdsl.names import RESERVED_BY
from archdsl.ops import Op, weights
from archdsl.ops.base import Kind, show
from archdsl.recipe.base import OrNone
from archdsl.reports.columns import COLUMNS
from archdsl.resolution import resolve
from archdsl.schema import docstrings, explanations, vocabulary
from archdsl.schema.op_reference import argument_name, data, default_of, dtypes_of, fields_of, type_of, written
from archdsl.steps import SHORTCUTS

KINDS: tuple[Kind, ...] = get_args(Kind)
FUNCTIONS = {
    "min": ("the smallest of up to eight numbers or of a list", "min(3, 8)"),
    "max": ("the largest of up to eight numbers or of a list", "max(3, 8)"),
    "round": ("the nearest integer; halves round to even", "round(2.5)"),
    "ceil": ("the next integer up", "ceil(2.1)"),
    "floor": ("the next integer down", "floor(2.9)"),
    "sum": ("the sum of a list of numbers", "sum($depths)"),
    "len": ("the length of a list", "len($depths)"),
    "divisible": ("the first number, rounded to a multiple of the second", "divisible(30, 8)"),
    "abs": ("the absolute value", "abs(-3)"),
    "sqrt": ("the square root", "sqrt(16)"),
    "log": ("the natural logarithm", "round(log(20))"),
}
"""The functions of expressions: the result, and an example."""

_INTRODUCTIONS: dict[Kind, str] = {
    "activation": "Each op can be a step or a value of `activation`. Activations keep the shape unless noted.",
    "merge": "Each op can be a value of `merge`, or a step that takes several tensors with `from`.",
    "norm": "Each op can be a step. Without `_norm`, its name is a value of `norm` in a convolution: `batch`.",
}
_KEPT = "Any shape -> the same shape"
_WEIGHTS = re.compile(r"\w+_(initializer|regularizer|constraint)")
_TAKEN = {
    "source": "a [source](#sources)",
    "columns": "a mapping from column to [kind](#kinds-of-columns)",
    "class_weights": "`none`, `balanced`, or a mapping from class to weight, such as `{cat: 2.0}`",
    "metrics": "a list of [metrics](losses-and-metrics.md#metrics)",
    "rates": "a [mapping](#rates)",
    **{word: f"`none` or a [mapping](#{word})" for word in ("weights", "unfreeze", "lookahead", "whiten", "test_time")},
    "freeze": "a list of paths and patterns",
    "unfreeze.weights": "a list of paths and patterns",
    "parts": "a mapping from path or pattern to multiplier",
    "keras": "a name in `keras.applications`, in any case",
    "early_stopping": "`none` or a [mapping](#early_stopping)",
    "learning_rate": "a number (greater than 0) or a [schedule](optimizers.md#schedules)",
    "optimizer": "an [optimizer](optimizers.md#optimizers)",
    "augment": "a [mapping](#augment)",
    "output": "a shape, or a mapping from output to shape",
    "task": "one of the [tasks](#tasks), or a mapping from output to task",
    "loss_weights": "a mapping from output to a number (at least 0)",
    "loss": "a [loss](losses-and-metrics.md#losses), or a mapping from output to loss",
}
"""The values of fields whose annotations are long."""


@cache
def tables() -> dict[str, str]:
    """Return the text of each generated region by name."""
    words = schema.language()
    return {
        **{f"ops_{kind}": ops(kind) for kind in KINDS},
        "initializers": _words(weights.INITIALIZERS),
        "regularizers": _words(weights.REGULARIZERS),
        "constraints": _words(weights.CONSTRAINTS),
        "file": _described(words["properties"]),
        "layer": _described(words["$defs"]["layer"]["properties"]),
        "variant": _described(words["$defs"]["variant"]["properties"]),
        "step": table(
            ["key", "meaning"],
            ((f"`{k}`", _said(s["description"])) for k, s in vocabulary.STEP_PROPERTIES.items()),
        ),
        "shortcuts": table(["value", "meaning"], ((f"`{k}`", t) for k, t in SHORTCUTS.items())),
        "types": table(["type", "values"], ((f"`{k}`", spec.TYPE_NAMES[k]) for k in spec.TYPES)),
        "functions": _functions(),
        "reserved": table(
            ["reserved as", "names"],
            (
                (what, ", ".join(f"`{n}`" for n in sorted(names) if n[0].islower()))
                for what, names in RESERVED_BY.items()
            ),
        ),
        "limits": _limits(),
        "columns": table(
            ["column", "heading", "meaning"],
            ((f"`{name}`", c.title, c.description) for name, c in COLUMNS.items()),
        ),
        "precisions": table(
            ["policy", "bytes per weight", "bytes per activation"],
            ((f"`{policy}`", *map(str, both)) for policy, both in PRECISIONS.items()),
        ),
        "codes": table(["code", "meaning"], ((f"`{code}`", text) for code, text in errors.CODES.items())),
        "warnings": table(
            ["code", "name", "reported if"], ((f"`{rule.code}`", rule.title, rule.condition) for rule in RULES)
        ),
        "notebook": f"```text\n{_notebook()}```\n",
        "reviewed": _reviewed(),
        "commands": commands(),
        "python": _python(),
        "specs": specs(),
        **_recipe(),
    }


def _python() -> str:
    """List the public names, for the site to describe them from their docstrings."""
    names = [name for name in archdsl.__all__ if name != "__version__"]
    classes = [name for name in names if isinstance(getattr(archdsl, name), type)]
    functions = [name for name in names if name not in classes]
    heads = {"Functions": functions, "Classes": classes}
    return "\n".join(f"## {head}\n\n" + "\n".join(f"::: archdsl.{n}\n" for n in found) for head, found in heads.items())


def _notebook() -> str:
    """Return the output of lint for the network of the notebook."""
    text = (zoo.folder() / "funny_resnet_notebook.yaml").read_text(encoding="utf-8")
    loaded = zoo.loads(text, "funny_resnet_notebook.yaml")
    graph = resolve(loaded)
    found = lint(loaded, graph)
    return "".join(f"{finding.render(width=110)}\n" for finding in found) + f"{summarize(found, graph.totals)}\n"


def _reviewed() -> str:
    """Return a table of the findings in each spec of the zoo, with its variants combined."""
    rows = []
    for name, path in zoo.names().items():
        told: dict[str, set[str]] = {}
        for one in zoo.load(path).every():
            loud = Suppressions(replace(one, text=""))  # include what its comments suppress
            for finding in lint(one, resolve(one), loud):
                told.setdefault(finding.code, set()).add(one.variant or "-")
        rows += [
            (f"`{name}`", f"`{code}` {explanations.CODES[code]}", str(len(variants)))
            for code, variants in sorted(told.items())
        ]
    return table(["spec", "finding", "networks"], rows, right="networks")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> str:
    """Format a table in Markdown; the column headed `right` is aligned to the right."""
    lines = [head, ["---:" if word == right else "---" for word in head], *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _said(text: str) -> str:
    """Format text for a cell: a single sentence has no full stop."""
    return text.removesuffix(".") if ". " not in text else text


def _described(properties: Mapping[str, Any]) -> str:
    return table(["key", "meaning"], ((f"`{name}`", _said(inner["description"])) for name, inner in properties.items()))


def _functions() -> str:
    depths = [3, 4, 6, 3]
    rows = []
    for name in expr.FUNCTIONS:
        does, example = FUNCTIONS[name]
        value = expr.parse(example).evaluate({"depths": depths})
        rows.append((f"`{name}`", does, f"`{example}` is {value}"))
    return table(["function", "result", "example, with `$depths` = [3, 4, 6, 3]"], rows)


def specs() -> str:
    """Return a table of the zoo, without variants that only change the size of the image."""
    rows = []
    for name, path in zoo.names().items():
        loaded = zoo.load(path)
        sizes = [f"{variant}_{size}" for variant in loaded.variants for size in (160, 176, 256)]
        variants = ", ".join(f"`{variant}`" for variant in loaded.variants if variant not in sizes)
        parameters = f"{resolve(loaded.every()[0]).totals.parameters:,}"
        rows.append((f"[`{name}`](../../specs/{name}.yaml)", loaded.doc, parameters, variants))
    return table(["spec", "description", "parameters", "variants"], rows, right="parameters")


def ops(kind: Kind) -> str:
    """Return the ops of one kind in this package."""
    own = {name: op for name, op in schema.own_ops().items() if op.kind == kind}
    introduction = f"{_INTRODUCTIONS[kind]}\n\n" if kind in _INTRODUCTIONS else ""
    return introduction + (_listed(own) if kind in ("activation", "merge") else "\n".join(map(_op, own.values())))


def _listed(own: Mapping[str, type[Op]]) -> str:
    """Format ops as a table, followed by a table of their arguments."""
    rows = []
    for name, op in own.items():
        rule = docstrings.rule(op).replace(_KEPT, "")
        facts = " ".join(filter(None, [docstrings.summary(op), rule, docstrings.notes(op)]))
        rows.append((f"`{name}`", facts, docstrings.source(op)))
    arguments = [(f"`{name}`", *row) for name, op in own.items() for row in _arguments(op, fields_of(op))]
    return table(["op", "description", "source"], rows) + _of(arguments)


def _op(op: type[Op]) -> str:
    rule = docstrings.rule(op)
    plain = "`" in rule or not rule.startswith("(")
    rule = f"{rule}." if rule and plain else f"`{rule}`." if rule else ""
    parts = [docstrings.summary(op), rule, dtypes_of(op), docstrings.source(op), docstrings.notes(op)]
    head = " ".join(filter(None, parts))
    own = [name for name in fields_of(op) if not _WEIGHTS.fullmatch(name)]
    shared = [name for name in fields_of(op) if _WEIGHTS.fullmatch(name)]
    told = [f"## {op.name}\n", f"{head}\n"]
    if own:
        told.append(table(["argument", "value", "meaning"], _arguments(op, own)))
    if shared:
        words = [f"`{name}`" + (f" ({given})" if (given := _default(op, name)) != "`none`" else "") for name in shared]
        told.append(f"[Weights](weights.md): {', '.join(words)}.\n")
    return "\n".join([*told, _examples(op)])


def _arguments(model: type[BaseModel], names: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return a row for each argument: name, value with its default, meaning."""
    described = docstrings.arguments(model)
    return [
        (
            f"`{argument_name(model, name)}`",
            _value(type_of(name, model.model_fields[name]), _default(model, name)),
            _said(described[name]),
        )
        for name in names
    ]


def _value(kind: str, default: str) -> str:
    if default == "**required**":
        return f"{kind}; {default}"
    return f"{kind}; default {default}" if default else kind


def _of(rows: Sequence[tuple[str, str, str, str]]) -> str:
    """Format the arguments of several entries as a table."""
    if not rows:
        return ""
    cells = [(f"{name}: {argument}", value, meaning) for name, argument, value, meaning in rows]
    return f"\nArguments:\n\n{table(['argument', 'value', 'meaning'], cells)}"


def _default(model: type[BaseModel], name: str) -> str:
    """Return the default of an argument for a cell."""
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


def _words(entries: Mapping[str, type[BaseModel]], left_out: Iterable[str] = ()) -> str:
    """Format values as a table, followed by a table of their arguments."""
    rows = [(f"`{word}`", docstrings.prose(entry)) for word, entry in entries.items()]
    arguments = [
        (f"`{word}`", *row)
        for word, entry in entries.items()
        for row in _arguments(entry, [name for name in entry.model_fields if name not in left_out])
    ]
    return table(["value", "description"], rows) + _of(arguments)


def _sections(
    entries: Mapping[str, type[BaseModel]], left_out: Callable[[type[BaseModel], str], bool] = lambda *_: False
) -> str:
    """Format each value as a section with its arguments."""
    told = []
    for word, entry in entries.items():
        rows = _arguments(entry, [name for name in entry.model_fields if not left_out(entry, name)])
        told.append(f"### {word}\n\n{docstrings.prose(entry)}\n")
        told += [table(["argument", "value", "meaning"], rows)] if rows else []
    return "\n".join(told)


def _limits() -> str:
    told = docstrings.arguments(limits.Limits)
    rows = [(f"`{f.name}`", told[f.name].rstrip("."), f"{f.default:,}") for f in fields(limits.Limits)]
    return table(["limit", "meaning", "default"], rows)


def _recipe() -> dict[str, str]:
    models: dict[str, Any] = {"data": recipe.Data, "augment": recipe.Augment, "train": recipe.Train}
    models |= {
        "weights": recipe.Weights,
        "unfreeze": recipe.Unfreeze,
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
    found["optimizers"] = _sections(
        recipe.OPTIMIZERS,
        lambda entry, name: name in shared and entry.model_fields[name].default == adam.model_fields[name].default,
    )
    found["schedules"] = _sections(recipe.SCHEDULES)
    forms = {(f"{{{name}: ...}}" if one.takes else name): one.title for name, one in recipe.DATA_SOURCES.items()}
    found["sources"] = table(["source", "description"], ((f"`{form}`", title) for form, title in forms.items()))
    kinds = ((f"`{name}`", kind.title, kind.inferred) for name, kind in recipe.COLUMN_KINDS.items())
    found["column_kinds"] = table(["kind", "a cell is", "inferred if"], kinds)
    sparse = ", ".join(f"`{word}`" for word, loss in recipe.LOSSES.items() if loss.sparse)
    found["losses"] = f"{_words(recipe.LOSSES, {'reduction'})}\nLosses of integer labels: {sparse}.\n"
    found["metrics"] = _words(recipe.METRICS)
    found["tasks"] = table(
        ["task", "predicts", "loss; metrics", "report"],
        (
            (f"`{word}`", one.title, f"`{one.loss}`; {', '.join(f'`{name}`' for name in one.metrics)}", one.report)
            for word, one in recipe.TASKS.items()
        ),
    )
    return found


def _fields(model: type[BaseModel], names: Sequence[str]) -> str:
    described = docstrings.arguments(model)
    rows = []
    for name in names:
        field = model.model_fields[name]
        default = "**required**" if field.is_required() else _literal(field.default)
        default = "`none`" if any(isinstance(item, OrNone) for item in field.metadata) else default
        rows.append(
            (
                f"`{name}`",
                _value(
                    _TAKEN.get(f"{model.__name__.lower()}.{name}") or _TAKEN.get(name) or type_of(name, field), default
                ),
                _said(described[name]),
            )
        )
    return table(["key", "value", "meaning"], rows)


def _literal(value: Any) -> str:
    """Return a default of a recipe, or nothing if it is a model."""
    if isinstance(value, BaseModel) or value is None:
        return ""
    return f"`{written(value)}`"
