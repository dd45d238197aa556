"""The classes of a generated module: plain layers, layers with a graph, `like` layers, and the model."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from archdsl.codegen.choices import refuse_other_words, refused_words
from archdsl.codegen.expressions import SPEC_NAMES
from archdsl.codegen.graph_body import write_graph
from archdsl.codegen.layer_body import LAYER_INPUT, LayerBodyWriter, is_plain
from archdsl.codegen.printer import WIDTH, Bracket, Source, Statements, lines, quote, surround
from archdsl.codegen.ranks import BodyRanks, LayerClasses
from archdsl.codegen.references import column_names, has_masks
from archdsl.codegen.scope import module_names
from archdsl.names import RESERVED, free_name
from archdsl.ops import Call
from archdsl.ops.base import FLOAT
from archdsl.resolution.layer_graph import LayerDtypes
from archdsl.spec import INPUT, Arg, Layer, Spec


def layer_class(spec: Spec, layer: Layer, dtypes: LayerDtypes | None, ranks: BodyRanks) -> str:
    """The source of the class of a layer with steps of some ranks; without `dtypes`, all its tensors are floats."""
    if layer.like is not None:
        return _subclass(spec, layer, layer.like)
    args = list(layer.args.values())
    if is_plain(spec, layer):
        methods = _plain_methods(spec, layer, args, ranks)
    else:
        methods = _graph_methods(spec, layer, args, dtypes, ranks)
    if dtypes is not None and {*dtypes.outputs} != {FLOAT}:
        methods.append(["    # Otherwise, Keras takes the output for floats.", _TRACED_OUTPUT])
    if has_masks(spec):
        methods.append(_COMPUTE_MASK)
    if args:
        methods.append(_get_config(args, "**super().get_config()"))
    return _class(spec, layer.name, layer.doc, "layers.Layer", methods)


_COMPUTE_MASK = [
    "    def compute_mask(self, inputs, previous_mask):",
    "        # The layers inside set the mask of the output.",
    "        return None",
]


def _plain_methods(spec: Spec, layer: Layer, args: Sequence[Arg], ranks: BodyRanks) -> list[list[str]]:
    """The methods of a layer that consists of sequences and branches of sequences."""
    taken = module_names(spec) | {arg.name for arg in args} | column_names(layer.steps)
    body = LayerBodyWriter(spec, args, LayerClasses(ranks, taken=taken))
    end = body.steps(layer.steps, LAYER_INPUT)
    made, made_late = body.init.statements.text, body.late.statements.text
    methods = []
    if args or made:
        methods.append(_init(args, [*_dtype_line(made), *made], refused_words(spec, layer.steps, layer.args)))
    built = [*made_late, *body.build.text]
    channels = any(re.search(r"(?<!\.)\bchannels\b", line) for line in built)
    channel_line = ["        channels = input_shape[-1]"] if channels else []
    head = ["    def build(self, input_shape):", *_dtype_line(built), *channel_line, *body.classes.lines(8)]
    methods.append([*head, *(built or ["        pass"])])
    methods.append(["    def call(self, inputs, training=False):", *body.call.returning(end.call, "x")])
    shape = body.shape.returning(end.shape, "shape")
    attributes = {name for line in shape for name in re.findall(r"self\.(\w+)", line)}
    build_first = _BUILD_FIRST if attributes & body.made_in_build else []
    methods.append(["    def compute_output_shape(self, input_shape):", *build_first, *shape])
    return methods


_TRACED_OUTPUT = "    compute_output_spec = keras.Operation.compute_output_spec"
_BUILD_FIRST = ["        if not self.built:", "            self.build(input_shape)"]


def _dtype_line(text: Sequence[str]) -> list[str]:
    return ["        dtype = self.dtype_policy"] if any("dtype=dtype" in line for line in text) else []


def _graph_methods(
    spec: Spec, layer: Layer, args: Sequence[Arg], dtypes: LayerDtypes | None, ranks: BodyRanks
) -> list[list[str]]:
    """The methods of a layer that builds a functional graph in `build`, when its input shapes are known."""
    attribute = f"self.{free_name('body', {arg.name for arg in args} | RESERVED, 'graph')}"
    names, types = {arg.name: f"self.{arg.name}" for arg in args}, {arg.name: arg.type for arg in args}
    graph = write_graph(spec, layer.steps, layer.inputs, layer.outputs, names, types, ranks, fixed_sizes=False)
    build = Statements()
    inputs = dtypes.inputs if dtypes is not None else (FLOAT,) * len(layer.inputs)
    own = ["self.compute_dtype" if dtype == FLOAT else quote(dtype) for dtype in inputs]
    if layer.inputs == (INPUT,):
        build.add(f"inputs = keras.Input(input_shape[1:], dtype={own[0]})")
    elif len({*own}) > 1:
        calls = (f"keras.Input(input_shape[{index}][1:], dtype={dtype})" for index, dtype in enumerate(own))
        build.add(Bracket("inputs = [", tuple(calls), "]", "list"))
        build.add(f"{', '.join(graph.inputs)} = inputs")
    else:
        item = f"keras.Input(shape[1:], dtype={own[0]})"
        build.add(Bracket("inputs = [", (item, "for shape in input_shape"), "]", "comprehension"))
        build.add(f"{', '.join(graph.inputs)}{',' if len(graph.inputs) == 1 else ''} = inputs")
    build.text += graph.statements
    build.add(Bracket(f"{attribute} = keras.Model(", ("inputs", graph.outputs), ")"))
    shape_result = f"        return {attribute}.compute_output_shape(input_shape)"
    return [
        *([_init(args, (), refused_words(spec, layer.steps, layer.args))] if args else []),
        ["    def build(self, input_shape):", *_dtype_line(build.text), *build.text],
        ["    def call(self, inputs, training=False):", f"        return {attribute}(inputs, training=training)"],
        ["    def compute_output_shape(self, input_shape):", *_BUILD_FIRST, shape_result],
    ]


def _subclass(spec: Spec, layer: Layer, like: str) -> str:
    """The class of a `like` layer: a subclass that fixes some arguments of its base."""
    args = _required_first(layer.args.values())
    base = _required_first(spec.layers[like].args.values())
    passed: list[Source] = []
    for position, arg in enumerate(args):
        positional = arg.default is None and base[position].name == arg.name
        passed.append(arg.name if positional else f"{arg.name}={arg.name}")
    passed += [surround(f"{name}=", _immutable(value)) for name, value in layer.fixed.items()]
    init = Statements()
    init.add(Bracket("super().__init__(", (*passed, "**kwargs"), ")"))
    methods = [[*_signature(args, "**kwargs"), *init.text]]
    if layer.fixed:
        config = Statements()
        fixed = ", ".join(f"config[{quote(name)}]" for name in layer.fixed)
        config.add("config = super().get_config()", f"del {fixed}", "return config")
        methods.append(["    def get_config(self):", *config.text])
    return _class(spec, layer.name, layer.doc, like, methods)


def model_class(spec: Spec, ranks: BodyRanks) -> str:
    """The source of the class of the model, a functional `keras.Model`, whose steps have some ranks."""
    args = list(spec.args.values())
    names, types = {arg.name: arg.name for arg in args}, {arg.name: arg.type for arg in args}
    graph = write_graph(spec, spec.model, tuple(spec.inputs), spec.outputs, names, types, ranks)
    init = Statements()
    for argument, known in refused_words(spec, spec.model, spec.args).items():
        refuse_other_words(init, argument, argument, known)
    init.add("dtype = keras.dtype_policies.get(dtype)")
    for variable, (name, one) in zip(graph.inputs, spec.inputs.items(), strict=True):
        dtype = {} if one.dtype == FLOAT else {"dtype": one.dtype}
        call = Call("keras.Input", (one.open_shape,), {**dtype, "name": name})
        init.add(surround(f"{variable} = ", SPEC_NAMES.call(call)))
    init.text += graph.statements
    inputs = "inputs" if INPUT in spec.inputs else f"[{', '.join(graph.inputs)}]"
    init.add(Bracket("super().__init__(", (f"inputs={inputs}", surround("outputs=", graph.outputs), "name=name"), ")"))
    init.add("self.dtype_policy = dtype", *_assignments(args))
    policy = '"dtype": keras.dtype_policies.serialize(self.dtype_policy)'
    config = _get_config(args, '"name": self.name', policy)
    methods = [[*_signature(args, "name=None", "dtype=None"), *init.text], config]
    return _class(spec, spec.name, spec.doc, "keras.Model", methods)


def _class(spec: Spec, name: str, doc: str, base: str, methods: Sequence[Sequence[str]]) -> str:
    about = doc or (f"The model {name}." if base == "keras.Model" else f"A layer of {spec.name}.")
    head = [
        f"@keras.saving.register_keras_serializable(package={quote(spec.name)})",
        f"class {name}({base}):",
        docstring(about, 4),
    ]
    return "\n".join([*head, *("\n" + "\n".join(method) for method in methods)])


def docstring(text: str, indent: int) -> str:
    """A docstring, with the text escaped."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    clean = clean.replace("\\", "\\\\").replace('"""', "'''") or "."
    clean = (" " if clean.startswith('"') else "") + clean + (" " if clean.endswith(('"', "\\")) else "")
    margin = " " * indent
    if len(clean) + indent + 6 <= WIDTH or " " not in clean.strip():
        return f'{margin}"""{clean}"""'
    width = WIDTH - indent - (3 if len(clean) > WIDTH - indent - 3 else 6)
    first, *rest = textwrap.wrap(clean, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f'{margin}"""{first}', *(margin + line for line in rest), f'{margin}"""'])


def _init(args: Sequence[Arg], made: Sequence[str], words: Mapping[str, Sequence[str]]) -> list[str]:
    """The method `__init__` of a layer, which stores the arguments as attributes, if they have one of these words."""
    body = Statements()
    body.add("super().__init__(**kwargs)", *_assignments(args))
    for argument, known in words.items():
        refuse_other_words(body, argument, argument, known)
    return [*_signature(args, "**kwargs"), *body.text, *made]


def _assignments(args: Iterable[Arg]) -> Iterable[str]:
    """The assignments of the arguments to attributes; lists are copied."""
    return (f"self.{arg.name} = {f'list({arg.name})' if arg.type == 'list' else arg.name}" for arg in args)


def _signature(args: Iterable[Arg], *more: str) -> list[str]:
    """`def __init__(self, ...):`, with the required arguments first."""
    written = [
        surround(f"{arg.name}=", _immutable(arg.default.template())) if arg.default else arg.name
        for arg in _required_first(args)
    ]
    return lines(Bracket("def __init__(", ("self", *written, *more), "):"), 4)


def _required_first(args: Iterable[Arg]) -> list[Arg]:
    return sorted(args, key=lambda arg: arg.default is not None)


def _immutable(value: object) -> Source:
    """The source of a default value, with lists as tuples."""

    def frozen(value: object) -> object:
        return tuple(frozen(item) for item in value) if isinstance(value, list) else value

    return SPEC_NAMES.write(frozen(value))


def _get_config(args: Iterable[Arg], *first: Source) -> list[str]:
    """The method `get_config`, with some items before the arguments."""
    items = list(first)
    items += [f"{quote(a.name)}: " + (f"list(self.{a.name})" if a.type == "list" else f"self.{a.name}") for a in args]
    body = Bracket("return {", tuple(items), "}", "list", one_per_line=len(items) > 2)
    return ["    def get_config(self):", *lines(body, 8)]
