"""The shipped indexes say what the things themselves say: `pytest --update-golden` rewrites them."""

from __future__ import annotations

import inspect
import json
import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from archdsl import cli, ops, zoo
from archdsl.cli import program
from archdsl.cli.help import GROUPS
from archdsl.ops import OPS, Op, registry
from archdsl.resolution import resolve

pytestmark = pytest.mark.generated

Check: TypeAlias = Callable[[Path, Mapping[str, Any]], None]


@pytest.fixture
def shipped(request: pytest.FixtureRequest) -> Check:
    """`shipped(path, entries)` holds an index, which has a line for each entry, to what it is made of."""

    def check(path: Path, entries: Mapping[str, Any]) -> None:
        lines = [f"  {json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}" for name, entry in entries.items()]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8", newline="\n")
        assert text == path.read_text(encoding="utf-8"), f"{path.name} is old: run `pytest --update-golden`"

    return check


def own_layer(op: type[Op]) -> str:
    """The layers of archdsl's own that an op's examples call, or nothing."""
    calls = (op.model_validate(dict(one.fields)).keras_of(len(one.inputs)) for one in op.examples)
    return " ".join(sorted({call.target for call in calls if "." not in call.target}))


def test_the_index_of_ops(shipped: Check) -> None:
    """Families keep the order that the file gives them, for the JSON schema lists ops in it; a new one comes last."""
    families = list(dict.fromkeys(facts["family"] for facts in json.loads(registry.INDEX.read_text("utf-8")).values()))
    for module in sorted(module.name for module in pkgutil.iter_modules(ops.__path__)):
        import_module(f"archdsl.ops.{module}")
        families += [module] * (module not in families)
    facts = {
        name: {
            "family": op.__module__.rpartition(".")[2],
            "kind": op.kind,
            "many": op.many,
            "layer": own_layer(op),
        }
        for name, op in OPS.loaded().items()
        if op.__module__.startswith("archdsl.ops.")
    }
    assert len(facts) >= 86
    shipped(registry.INDEX, dict(sorted(facts.items(), key=lambda item: families.index(item[1]["family"]))))


def test_the_index_of_commands(shipped: Check) -> None:
    entries = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(cli.__path__)):
        for command, function in getattr(import_module(f"archdsl.cli.{name}"), "COMMANDS", {}).items():
            paragraph, _, _ = str(inspect.getdoc(function)).partition("\n\n")
            entries[command] = {"module": name, "help": " ".join(paragraph.split())}
    assert sorted(entries) == sorted(name for names in GROUPS.values() for name in names)
    shipped(program.INDEX, entries)


def test_the_index_of_specs(shipped: Check) -> None:
    entries = {}
    for name, path in zoo.names().items():
        spec = zoo.load(path)
        entries[name] = {
            "name": spec.name,
            "doc": spec.doc,
            "parameters": resolve(spec).totals.parameters,
            "variants": [*spec.variants],
        }
    assert len(entries) >= 28
    shipped(zoo.folder() / zoo.INDEX, entries)
