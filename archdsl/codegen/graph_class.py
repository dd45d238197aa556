"""Classes that hold a functional Keras graph: the model, and layers that are more than rows and paths of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archdsl.codegen.class_parts import class_head, config, kept, signature
from archdsl.codegen.graph_body import Flow, Wiring
from archdsl.codegen.methods import Statements, free, globals_of
from archdsl.codegen.printer import Bracket, Names, Source, before, lines, quote
from archdsl.codegen.references import every_step, wanted_names
from archdsl.codegen.sequences import Place, step_values
from archdsl.names import RESERVED
from archdsl.ops import Call
from archdsl.spec import INPUT, Arg, Branches, Layer, Spec, Step, StepRef

_LOCALS = {"inputs", "merged", "sides", "strides", "input_shape"}


def write_model(spec: Spec) -> str:
    """The source of the model's class: a `keras.Model` that is functional."""
    args = list(spec.args.values())
    made = Statements()
    made.add("dtype = keras.dtype_policies.get(dtype)")
    wiring = _wiring(spec, spec.model, spec.outputs, args, {arg.name: arg.name for arg in args})
    several = INPUT not in spec.inputs
    flow: Flow = tuple(wiring.local(name) for name in spec.inputs) if several else ("inputs",)
    for variable, (name, shape) in zip(flow, spec.inputs.items(), strict=True):
        made.add(before(f"{variable} = ", Names({}).call(Call("keras.Input", (shape,), {"name": name}))))
    outputs = _body(wiring, spec.model, spec.outputs, dict(zip(spec.inputs, flow, strict=True)))
    made.text += wiring.out.text
    inputs = f"[{', '.join(flow)}]" if several else "inputs"
    made.add(Bracket("super().__init__(", (f"inputs={inputs}", before("outputs=", outputs), "name=name"), ")"))
    made.add("self.dtype_policy = dtype", *(f"self.{arg.name} = {kept(arg)}" for arg in args))
    policy = '"dtype": keras.dtype_policies.serialize(self.dtype_policy)'
    head = signature(args, "name=None", "dtype=None")
    blocks = [[*lines(head, 4), *made.text], config(args, '"name": self.name', [policy])]
    return _class(spec, spec.name, spec.doc, "keras.Model", blocks)


def write_layer(spec: Spec, layer: Layer) -> str:
    """The source of a layer's class that builds a functional graph of its own once it knows its input's shape."""
    args = list(layer.args.values())
    init = Statements()
    init.add("super().__init__(**kwargs)", *(f"self.{arg.name} = {kept(arg)}" for arg in args))
    body = f"self.{free('body', {arg.name for arg in args} | RESERVED, 'graph')}"
    wiring = _wiring(spec, layer.steps, layer.outputs, args, {arg.name: f"self.{arg.name}" for arg in args})
    wiring.fixed = False
    made = Statements()
    made.add("dtype = self.dtype_policy")
    if layer.inputs == (INPUT,):
        flow: Flow = ("inputs",)
        made.add("inputs = keras.Input(input_shape[1:], dtype=self.compute_dtype)")
    else:
        flow = tuple(wiring.local(name) for name in layer.inputs)
        item = "keras.Input(shape[1:], dtype=self.compute_dtype)"
        made.add(Bracket("inputs = [", (item, "for shape in input_shape"), "]", "comprehension"))
        made.add(f"{', '.join(flow)}{',' if len(flow) == 1 else ''} = inputs")
    outputs = _body(wiring, layer.steps, layer.outputs, dict(zip(layer.inputs, flow, strict=True)))
    made.text += wiring.out.text
    made.add(Bracket(f"{body} = keras.Model(", ("inputs", outputs), ")"))
    build = ["    def build(self, input_shape):", *made.text]
    call = ["    def call(self, inputs, training=False):", f"        return {body}(inputs, training=training)"]
    shape = [
        "    def compute_output_shape(self, input_shape):",
        "        if not self.built:",
        "            self.build(input_shape)",
        f"        return {body}.compute_output_shape(input_shape)",
    ]
    head = [[*lines(signature(args, "**kwargs"), 4), *init.text]] if args else []
    blocks = [*head, build, call, shape]
    blocks += [config(args, "**super().get_config()")] if args else []
    return _class(spec, layer.name, layer.doc, "layers.Layer", blocks)


def _class(spec: Spec, name: str, doc: str, base: str, blocks: Sequence[Sequence[str]]) -> str:
    return "\n".join([*class_head(spec, name, doc, base), *("\n" + "\n".join(block) for block in blocks)])


def _wiring(
    spec: Spec, steps: Sequence[Step], outputs: Sequence[StepRef], args: Sequence[Arg], names: dict[str, str]
) -> Wiring:
    types = {arg.name: arg.type for arg in args} | {"channels": "int"}
    place = Place(spec, Names({**names, "channels": "channels"}), types)
    columns = {name for step in every_step(steps) for name in _columns(step)}
    taken = globals_of(spec) | set(types) | columns | _LOCALS
    return Wiring(Statements(), place, taken, wanted_names(steps, outputs), {})


def _columns(step: Step) -> set[str]:
    paths = step.action.paths if isinstance(step.action, Branches) else ()
    return {name for loop in (step.loop, *(path.loop for path in paths)) for name in loop.columns}


def _body(wiring: Wiring, steps: Sequence[Step], outputs: Sequence[StepRef], inputs: Mapping[str, str]) -> Source:
    """Writes a body; gives back what it gives, as source.

    Args:
        inputs: the variables of the body's inputs by name.
    """
    flow = tuple(inputs.values())
    wiring.named = {name: (variable,) for name, variable in inputs.items()} | {INPUT: flow}
    if any("channels" in value.names for step in steps for value in step_values(step)):
        wiring.out.add(f"channels = {flow[0]}.shape[-1]")
    end = wiring.steps(steps, flow)
    if not outputs:
        return end[0]
    items = [before(f"{quote(ref.name)}: ", wiring.referenced([ref])[0]) for ref in outputs]
    return Bracket("{", tuple(items), "}", "list")
