"""Typed spec -> the source of a Python module that imports only keras: one class for each layer, and the model's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path as File
from types import MappingProxyType

from archdsl.codegen.class_parts import class_head, config, docstring, frozen, kept, signature
from archdsl.codegen.graph_class import write_layer, write_model
from archdsl.codegen.layer_body import is_plain, write_steps
from archdsl.codegen.methods import Flow, Methods, Statements
from archdsl.codegen.printer import Bracket, Names, Source, before, call_functions, lines, quote
from archdsl.codegen.sequences import step_values
from archdsl.expr import Expression
from archdsl.ops import OPS
from archdsl.spec import Arg, Layer, Spec

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


def to_python(spec: Spec) -> str:
    """The module of a spec, as ruff formats it.

    Raises:
        ArchError: the spec says something that has no source yet.
    """
    classes = [_layer_class(spec, layer) for layer in _ordered(spec.layers)]
    classes.append(write_model(spec))
    body = "\n\n\n".join(classes)
    used = {word for word in _HELPERS if re.search(rf"\b{word}\(", body)}
    helpers = [source for word, source in _HELPERS.items() if word in used]
    helpers += [source for name, source in extra_classes().items() if re.search(rf"\b{name}\(", body)]
    math = "import math\n\n" if call_functions(_expressions(spec)) & {"ceil", "floor"} else ""
    about = docstring(f"{spec.name}, as archdsl writes it from its spec.", 0)
    imports = "\n".join(f"import {module}" for module in sorted({"keras", *_installed(body)}))
    head = f"{about}\n\n{math}{imports}\nfrom keras import layers"
    return "\n\n\n".join([head, *helpers, body]) + "\n"


def _installed(body: str) -> set[str]:
    """The modules of installed packages that bring ops along, as far as the source calls something of them."""
    packages = {op.__module__.split(".")[0] for op in OPS.loaded().values()} - {"archdsl"}
    calls = re.findall(r"(?<![\w.])([\w.]+)\.\w+\(", body)
    return {module for module in calls if module.split(".")[0] in packages}


@cache
def extra_classes() -> Mapping[str, str]:
    """The classes of `keras/layers/` as source, by name; the files are read, not imported."""
    decorator = '@keras.saving.register_keras_serializable(package="archdsl_extra")\n'
    found: dict[str, str] = {}
    for path in sorted((File(__file__).parents[1] / "keras" / "layers").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
        found |= {node.name: f"{decorator}{ast.get_source_segment(text, node)}" for node in classes}
    return MappingProxyType(found)


def _expressions(spec: Spec) -> Iterator[Expression]:
    for steps in (*(layer.steps for layer in spec.layers.values()), spec.model):
        for step in steps:
            for value in step_values(step):
                yield from (expression for expression, _ in value.expressions())


def _ordered(layers: Mapping[str, Layer]) -> list[Layer]:
    """The layers in the file's order, each behind the one that it is `like`."""
    found: dict[str, Layer] = {}
    for layer in layers.values():
        chain = [layer]
        while chain[-1].like is not None:
            chain.append(layers[chain[-1].like])
        for link in reversed(chain):
            found.setdefault(link.name, link)
    return list(found.values())


def _layer_class(spec: Spec, layer: Layer) -> str:
    if layer.like is not None:
        return _subclass(spec, layer)
    args = list(layer.args.values())
    methods = Methods.of(spec, args)
    if not is_plain(methods, layer):
        return write_layer(spec, layer)
    end = write_steps(methods, layer.steps, Flow("inputs", "input_shape", "input_shape"))
    parts = class_head(spec, layer.name, layer.doc, "layers.Layer")
    init = [_init(methods, args)] if args or methods.make.text else []
    blocks = [*init, _build(methods), _call(methods, end), _shape(methods, end)]
    if args:
        blocks.append(config(args, "**super().get_config()"))
    return "\n".join([*parts, *("\n" + "\n".join(block) for block in blocks)])


def _init(methods: Methods, args: list[Arg]) -> list[str]:
    body = Statements()
    body.add("super().__init__(**kwargs)", *(f"self.{arg.name} = {kept(arg)}" for arg in args))
    if any("dtype=dtype" in line for line in methods.make.text):
        body.add("dtype = self.dtype_policy")
    return [*lines(signature(args, "**kwargs"), 4), *body.text, *methods.make.text]


def _build(methods: Methods) -> list[str]:
    text = methods.make_late.text + methods.build.text
    body = Statements()
    if any("dtype=dtype" in line for line in text):
        body.add("dtype = self.dtype_policy")
    if any(re.search(r"(?<!\.)\bchannels\b", line) for line in text):
        body.add("channels = input_shape[-1]")
    return ["    def build(self, input_shape):", *body.text, *(text or ["        pass"])]


def _call(methods: Methods, end: Flow) -> list[str]:
    return ["    def call(self, inputs, training=False):", *methods.call.result(end.x, "x")]


def _shape(methods: Methods, end: Flow) -> list[str]:
    result = methods.shape.result(end.shape, "shape")
    words = {word for line in result for word in re.findall(r"self\.(\w+)", line)}
    built = ["        if not self.built:", "            self.build(input_shape)"] if words & methods.in_build else []
    return ["    def compute_output_shape(self, input_shape):", *built, *result]


def _subclass(spec: Spec, layer: Layer) -> str:
    assert layer.like is not None
    args = sorted(layer.args.values(), key=lambda arg: arg.default is not None)
    base = sorted(spec.layers[layer.like].args.values(), key=lambda arg: arg.default is not None)
    passed: list[Source] = []
    for place, arg in enumerate(args):
        by_place = arg.default is None and base[place].name == arg.name
        passed.append(arg.name if by_place else f"{arg.name}={arg.name}")
    names = Names({})
    passed += [before(f"{name}=", names.write(frozen(value))) for name, value in layer.fixed.items()]
    body = Statements()
    body.add(Bracket("super().__init__(", (*passed, "**kwargs"), ")"))
    drop = Statements()
    drop.add("config = super().get_config()")
    targets = ", ".join(f"config[{quote(name)}]" for name in layer.fixed)
    drop.add(f"del {targets}", "return config")
    head = class_head(spec, layer.name, layer.doc, layer.like)
    blocks = [[*lines(signature(args, "**kwargs"), 4), *body.text]]
    if layer.fixed:
        blocks.append(["    def get_config(self):", *drop.text])
    return "\n".join([*head, *("\n" + "\n".join(block) for block in blocks)])
