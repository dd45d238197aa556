"""Typed spec -> the source of a Python module that imports only keras: one class for each layer, and the model's."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from archdsl.codegen.classes import docstring, layer_class, model_class
from archdsl.codegen.expressions import called_functions
from archdsl.codegen.references import every_value
from archdsl.ops import OPS
from archdsl.spec import Layer, Spec

_HELPERS = {
    "divisible": '''def divisible(value, divisor):
    """The multiple of `divisor` nearest to `value`, and never under 0.9 of it."""
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest''',
    "unless_none": '''def unless_none(word):
    """None for the word `none`, which Keras does not know."""
    return None if word == "none" else word''',
    "whole": '''def whole(value):
    """`value` as an int, where it is a whole number."""
    if value != int(value):
        raise ValueError(f"A whole number is due. Received: {value}")
    return int(value)''',
}


# The way of a spec: its layers and its model become classes (`classes`). The body of a plain layer becomes statements
# of its methods (`layer_body`), any other body a functional graph (`graph_body`). Both write ops and layers as
# constructor calls (`sequences`), `for`, `when` and `repeat` as Python's `for` and `if` (`loops`), and expressions
# (`expressions`) as they read where they are (`scope`). What they write is a tree, laid out as ruff does (`printer`).


def to_python(spec: Spec) -> str:
    """The module of a spec, as ruff formats it.

    Args:
        spec: what `archdsl.load` returns, perhaps with a variant.

    Returns:
        The text of a module that imports keras, and packages that bring ops of their own.
    """
    classes = [*(layer_class(spec, layer) for layer in _bases_first(spec.layers)), model_class(spec)]
    body = "\n\n\n".join(classes)
    called = {**_HELPERS, **extra_classes()}
    helpers = [source for name, source in called.items() if re.search(rf"\b{name}\(", body)]
    steps = [*spec.model, *(step for layer in spec.layers.values() for step in layer.steps)]
    math = "import math\n\n" if called_functions(every_value(steps)) & {"ceil", "floor"} else ""
    about = docstring(f"{spec.name}, as archdsl writes it from its spec.", 0)
    imports = "\n".join(f"import {module}" for module in sorted({"keras", *_op_modules(body)}))
    head = f"{about}\n\n{math}{imports}\nfrom keras import layers"
    return "\n\n\n".join([head, *helpers, body]) + "\n"


def _op_modules(body: str) -> set[str]:
    """The modules that the source calls from installed packages with ops of their own."""
    packages = {op.__module__.split(".")[0] for op in OPS.loaded().values()} - {"archdsl"}
    calls = re.findall(r"(?<![\w.])([\w.]+)\.\w+\(", body)
    return {module for module in calls if module.split(".")[0] in packages}


@cache
def extra_classes() -> Mapping[str, str]:
    """The classes of `keras/layers/` as source, by name; the files are read, not imported."""
    decorator = '@keras.saving.register_keras_serializable(package="archdsl_extra")\n'
    sources: dict[str, str] = {}
    for path in sorted((Path(__file__).parents[1] / "keras" / "layers").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
        sources |= {node.name: f"{decorator}{ast.get_source_segment(text, node)}" for node in classes}
    return MappingProxyType(sources)


def _bases_first(layers: Mapping[str, Layer]) -> list[Layer]:
    """The layers in the file's order, each after the one that it is `like`."""
    ordered: dict[str, Layer] = {}
    for layer in layers.values():
        chain = [layer]
        while chain[-1].like is not None:
            chain.append(layers[chain[-1].like])
        ordered |= {link.name: link for link in reversed(chain) if link.name not in ordered}
    return list(ordered.values())
