"""The typed spec: the content of a file, with the place of each value. Nothing is evaluated here."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from reprlib import repr as shortened
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from archdsl import display
from archdsl.errors import Span, fail, nearest, shown
from archdsl.expr import HERE, ExprError, Expression, Plain, axis_of
from archdsl.limits import DEFAULTS, Limits
from archdsl.ops import Op, Shape
from archdsl.ops.base import FLOAT
from archdsl.ops.field_types import whole
from archdsl.text import quantity

SHORTCUTS = {
    "identity": "the input itself; an error if the merge rejects its shape",
    "projection": "a 1x1 conv with the channels and stride of the paths (option C of He et al.)",
    "pad": "subsampling by the stride, with zero-padded channels (option A)",
    "pool_projection": "an average pool, then a 1x1 conv (ResNet-D)",
    "auto": "identity if the shapes match, otherwise projection (option B)",
    "none": "no shortcut",
}
"""The kinds of shortcut, each with a description."""

TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "list": (list,),
}
"""The types of arguments and the Python types of their values."""

Side = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=65_536)]
Total = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0)]
Output = Annotated[
    Annotated[list[Side], Tag("shape")] | Annotated[dict[str, list[Side]], Tag("names")],
    Discriminator(lambda value: "names" if isinstance(value, dict) else "shape"),
]
"""The shape of the output, or the shapes of several outputs by name. Errors refer only to the form that was used."""

SHARE = "share"
"""The key of a step that calls the layers of an earlier step."""

INPUT, OUTPUT = "input", "output"
"""The names of the input of a body and of an unnamed output."""


AXES = {2: ("length",), 3: ("height", "width"), 4: ("depth", "height", "width")}
"""The names of the axes before the channels, by the number of axes."""


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the network: the shape of one example, its dtype, and the axes that may have any size.

    Args:
        flexible: Names of axes. `shape` holds the sizes at which costs are counted.
    """

    shape: Shape
    dtype: str = FLOAT
    flexible: tuple[str, ...] = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of its axes that may be flexible, in order."""
        return AXES.get(len(self.shape), ("length",) if self.shape and self.dtype != FLOAT else ())

    @property
    def open_shape(self) -> tuple[int | None, ...]:
        """The shape as Keras takes it: None for flexible axes."""
        names = itertools.chain(self.axes, itertools.repeat(""))
        return tuple(None if name in self.flexible else side for name, side in zip(names, self.shape, strict=False))


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar, an expression, a list or a name with arguments, and its place."""

    content: Any
    span: Span

    @property
    def names(self) -> frozenset[str]:
        """The names used in its expressions."""
        return frozenset().union(*(expression.names for expression, _ in self.expressions()))

    @property
    def is_computed(self) -> bool:
        """Whether it contains an expression, which may use no names."""
        return any(True for _ in self.expressions())

    @property
    def reads_input(self) -> bool:
        """Whether an expression in it uses the shape of the body's input."""
        return any(name == "channels" or axis_of(name)[0] == INPUT for name in self.names)

    @property
    def reads_here(self) -> bool:
        """Whether an expression in it uses the shape of what arrives at the step."""
        return any(axis_of(name)[0] == HERE for name in self.names)

    def expressions(self) -> Iterator[tuple[Expression, Span]]:
        if isinstance(self.content, Expression):
            yield self.content, self.span
        for item in self.items():
            yield from item.expressions()

    def items(self) -> tuple[Value, ...]:
        if isinstance(self.content, dict):
            return tuple(self.content.values())
        return self.content if isinstance(self.content, tuple) else ()

    def template(self) -> Any:
        """Return the value without evaluating it: scalars, `Expression` objects, and lists of these."""
        if isinstance(self.content, dict):
            return {key: item.template() for key, item in self.content.items()}
        return [item.template() for item in self.content] if isinstance(self.content, tuple) else self.content

    def evaluate(self, scope: Mapping[str, Plain]) -> Any:
        """Evaluate the value.

        Args:
            scope: The values of the names.

        Raises:
            ArchError: If an expression has no value.
        """
        if isinstance(self.content, dict):
            return {key: item.evaluate(scope) for key, item in self.content.items()}
        if isinstance(self.content, tuple):
            return [item.evaluate(scope) for item in self.content]
        if not isinstance(self.content, Expression):
            return self.content
        try:
            return self.content.evaluate(scope)
        except ExprError as error:
            raise fail("ARCH013", f"`{self.content.text}`: {error}", self.span, error.hint) from None


Fields: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Tie:
    """A weight of an earlier step that an op uses in place of its own.

    Args:
        name: The name of the step that creates the weight, with the number of the copy if it is in a loop.
        step: That step.
        weight: The name of its weight.
        transpose: Whether the op uses the transposed weight.
        span: The place of the name.
    """

    name: str
    step: Step
    weight: str
    transpose: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Choice:
    """An op that an expression chooses, such as `norm: $norm`.

    Args:
        word: The expression, whose value is the name of the op, or `none`.
        table: The ops by name.
        defaults: The `defaults` of the file, by op.
    """

    word: Value
    table: Mapping[str, type[Op]]
    defaults: Mapping[str, Fields]

    def part(self, role: Any, word: str) -> OpCall:
        """Return the op for a word."""
        op = self.table[word]
        return OpCall(role, op, self.defaults.get(op.name, {}))


@dataclass(frozen=True, slots=True)
class OpCall:
    """An op of a step. A conv block has several: `pad`, the conv itself (`main`), `norm` and `activation`.

    `ties` are the weights of other steps that it uses in place of its own, by the names of its own. With a `choice`,
    `op` is only an example of the ops that it can be.
    """

    role: Literal["pad", "main", "norm", "activation"]
    op: type[Op]
    fields: Fields
    ties: Mapping[str, Tie] = field(default_factory=dict)
    choice: Choice | None = None

    @property
    def reads_here(self) -> bool:
        """Whether a value uses the shape of what arrives at the step."""
        return any(value.reads_here for value in [*self.fields.values(), *([self.choice.word] if self.choice else [])])


@dataclass(frozen=True, slots=True)
class Loop:
    """The loop of a step or a path: `for` is applied first, then `when` for each row, then `repeat`."""

    columns: Fields = field(default_factory=dict)
    when: Value | None = None
    repeat: Value | None = None

    @property
    def many(self) -> bool:
        """Whether it can create several copies."""
        return bool(self.columns) or self.repeat is not None

    @property
    def never_empty(self) -> bool:
        """Whether the spec guarantees at least one copy for all arguments."""
        lengths = [len(v.content) if isinstance(v.content, tuple) else v.content for v in self.columns.values()]
        rows = not lengths or any(type(length) is int and length > 0 for length in lengths)
        times = self.repeat.content if self.repeat is not None else 1
        return self.when is None and rows and type(times) is int and times > 0

    def values(self) -> Iterator[Value]:
        """Yield the values of its columns, of `when` and of `repeat`."""
        yield from self.columns.values()
        yield from (value for value in (self.when, self.repeat) if value is not None)


@dataclass(frozen=True, slots=True)
class LayerCall:
    """A call of a layer defined in the file, with its arguments."""

    layer: str
    arguments: Fields


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several parallel branches. `name` is None for an unnamed branch."""

    name: str | None
    loop: Loop
    steps: tuple[Step, ...]
    span: Span

    @property
    def base_name(self) -> str:
        """Its name, or the word to number it by."""
        return self.name or "path"


@dataclass(frozen=True, slots=True)
class Branches:
    """Parallel branches from one input, with a shortcut, a merge, and the steps after it; a group has only these steps.

    `shortcut` is a kind, an expression for a kind, or a list of steps. `projection` is the conv block of a projection,
    without its filters and its stride.
    """

    paths: tuple[Branch, ...]
    shortcut: Value | tuple[Step, ...]
    merge: OpCall | None
    after: tuple[Step, ...]
    projection: tuple[OpCall, ...]

    @property
    def place(self) -> Span:
        """The place of the shortcut, or of the paths."""
        return self.projection[0].fields["kernel"].span

    @property
    def is_group(self) -> bool:
        """Whether it is a group of steps, or only a named tensor."""
        return not self.paths and self.merge is None

    @property
    def may_have_steps(self) -> bool:
        """Whether the shortcut may consist of steps. These have their own branch, independent of shapes."""
        return not (isinstance(self.shortcut, Value) and self.shortcut.content in ("none", "identity"))

    @property
    def shortcut_first(self) -> bool:
        """Whether the shortcut is the first operand of the merge."""
        return self.merge is not None and bool(getattr(self.merge.op, "shortcut_first", False))


@dataclass(frozen=True, slots=True)
class StepRef:
    """A name in `from` or `outputs`: a step, an input, or one output of a layer (`stage.high`).

    `name` is empty for an output of the last step of a body.
    """

    name: str
    output: str
    span: Span

    @property
    def label(self) -> str:
        """The name that it gives to an output of a body."""
        return self.output or self.name


@dataclass(frozen=True, slots=True)
class Share:
    """Another call of the layers of an earlier step, with the same weights.

    Args:
        name: The name of the step that creates the layers, with the number of the copy if it is in a loop.
        step: That step.
        span: The place of the name.
    """

    name: str
    step: Step
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a body: the parts of an op, a layer call, branches, or another call of an earlier step.

    Args:
        refs: The names in `from`; empty if the step takes the output of the previous step.
    """

    kind: str
    action: tuple[OpCall, ...] | LayerCall | Branches | Share
    loop: Loop
    name: str | None
    span: Span
    refs: tuple[StepRef, ...] = ()

    @property
    def base_name(self) -> str:
        """Its name, or the kind to number it by."""
        return self.name or self.kind


@dataclass(frozen=True, slots=True)
class Arg:
    """An argument of a layer or of the model; without a `default` it is required."""

    name: str
    type: str
    default: Value | None
    span: Span

    def taken(self, value: Any) -> Any:
        """Return the value as the body gets it: 3.0 becomes 3 if the type is an integer."""
        return whole(value) if self.type == "int" else value

    def fault(self, value: Any) -> str:
        """Return the error if the value does not have the right type, or an empty string."""
        fits = isinstance(value, TYPES[self.type]) and (self.type == "bool" or not isinstance(value, bool))
        return "" if fits else f"expected {TYPE_NAMES[self.type]} for `{self.name}`, got {shown(value)}"

    @property
    def doubt(self) -> str:
        """A hint if the default is a string that looks like a misspelled type, such as `imt` for `int`."""
        text = self.default.content if self.default and self.type == "str" else ""
        near = nearest(text, TYPES) if isinstance(text, str) and text else ""
        return f"on line {self.span.line}, `{text}` is a string: {near}" if near.startswith("did you mean") else ""


TYPE_NAMES = {"int": "an integer", "float": "a number", "bool": "a boolean", "str": "a string", "list": "a list"}
"""The types of arguments, in words for messages and docs."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The interface of a layer: its arguments, and the names of its inputs and outputs."""

    args: Mapping[str, Arg]
    inputs: tuple[str, ...] = (INPUT,)
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in `layers`. With `like`, it is another layer with some `fixed` arguments.

    Args:
        inputs: The names of its inputs; only `INPUT` if it has a single, unnamed input.
        outputs: The steps whose outputs it returns; empty for the only output of its last step.
        spec: The spec that defines it.
    """

    name: str
    doc: str
    args: Mapping[str, Arg]
    steps: tuple[Step, ...]
    like: str | None
    fixed: Mapping[str, Any]
    span: Span
    inputs: tuple[str, ...] = (INPUT,)
    outputs: tuple[StepRef, ...] = ()
    spec: Spec | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        like = f" like {self.like}" if self.like else ""
        return f"<Layer {self.name}({_signature(self.args)}){like}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(self)


class Expectation(BaseModel):
    """The `expect` section of a spec.

    Args:
        parameters: number of parameters.
        trainable: number of trainable parameters.
        macs: multiply-accumulates for one image.
        output: shape of the output without the batch, or the shapes of several outputs by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    parameters: Total | None = None
    trainable: Total | None = None
    macs: Total | None = None
    output: Output | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant in `variants`, which overrides keys of the file.

    Args:
        data, train: The recipe with the changes of the variant; None if the variant changes neither.
        places: See `Spec`.
    """

    name: str
    doc: str
    args: Mapping[str, Arg]
    inputs: Mapping[str, Input]
    expect: Mapping[str, Any]
    expect_spans: Mapping[str, Span]
    span: Span
    data: Any = None
    train: Any = None
    places: Mapping[str, Span] = field(default_factory=dict)

    @property
    def is_another_network(self) -> bool:
        """Whether it changes the network and expects nothing, so that the `expect` of the file does not apply."""
        return bool(self.args or self.inputs) and not self.expect


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed and validated spec. All keys and all names in expressions are known.

    Args:
        inputs: The inputs by name; only `INPUT` if the file has `input`.
        outputs: The steps whose outputs the model returns; empty if it returns the output of its last step.
        data, train: The recipe; None if the file does not have the section.
        variant: The name of the applied variant, or an empty string.
        limits: Limits on the size of the network.
        places: The places of the values in `data` and `train`, by path, such as `train.whiten.layer`.
    """

    name: str
    doc: str
    file: str
    text: str
    inputs: Mapping[str, Input]
    outputs: tuple[StepRef, ...]
    args: Mapping[str, Arg]
    variants: Mapping[str, Variant]
    layers: Mapping[str, Layer]
    model: tuple[Step, ...]
    expect: Expectation
    expect_spans: Mapping[str, Span]
    data: Any
    train: Any
    span: Span
    variant: str = ""
    limits: Limits = DEFAULTS
    places: Mapping[str, Span] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The layers depend on the variant, so each spec has its own.
        owned = {name: replace(layer, spec=self) for name, layer in self.layers.items()}
        object.__setattr__(self, "layers", owned)

    @property
    def title(self) -> str:
        """Its file and its variant: `specs/resnet.yaml[resnet101]`."""
        return titled(self.file, self.variant)

    @property
    def file_stem(self) -> str:
        """The name for generated files: the name of its own file, or of its class."""
        name = Path(self.file).stem
        return name if re.fullmatch(r"[\w.-]+", name) else self.name

    def __repr__(self) -> str:
        variant = f", variant {self.variant}" if self.variant else ""
        return (
            f"<Spec {self.name}({_signature(self.args)}): {quantity(len(self.layers), 'layer')}{variant}, {self.file}>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(self)

    def varied(self, name: str) -> Spec:
        """Return the spec with one of its variants applied.

        Args:
            name: The name of the variant.

        Raises:
            ArchError: If the variant does not exist.
        """
        if name not in self.variants:
            hint = nearest(name, self.variants) if self.variants else "this file has no `variants`"
            raise fail("ARCH203", f"unknown variant `{name}` of `{self.name}`", hint=hint)
        variant = self.variants[name]
        held = {} if variant.is_another_network else self.expect.model_dump(exclude_none=True)
        return replace(
            self,
            doc=variant.doc or self.doc,
            inputs={**self.inputs, **variant.inputs},
            args={**self.args, **variant.args},
            expect=Expectation.model_validate({**held, **variant.expect}),
            expect_spans={**self.expect_spans, **variant.expect_spans},
            data=variant.data or self.data,
            train=variant.train or self.train,
            places=variant.places or self.places,
            span=variant.span,
            variant=name,
        )

    def output_names(self, step: Step) -> tuple[str, ...]:
        """Return the names of the outputs of the layer that a step, or the last step of a group, uses, if any."""
        if isinstance(step.action, Branches):
            return self.output_names(step.action.after[-1]) if step.action.after else ()
        action = step.action.step.action if isinstance(step.action, Share) else step.action
        layer = self.layers[action.layer] if isinstance(action, LayerCall) else None
        while layer is not None and layer.like is not None:
            layer = self.layers[layer.like]
        return tuple(ref.label for ref in layer.outputs) if layer is not None else ()

    def every(self) -> tuple[Spec, ...]:
        """Return everything that can be built without arguments: the file, if all have defaults, and its variants."""
        complete = all(arg.default is not None for arg in self.args.values())
        variants = tuple(self.varied(name) for name in self.variants)
        return (self, *variants) if complete or not variants else variants

    def values(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return values for all arguments of the model: the given ones, and the defaults for the others.

        Raises:
            ArchError: If an argument is unknown, has the wrong type, or has no value.
        """
        values = {name: arg.default.template() for name, arg in self.args.items() if arg.default}
        for name, value in arguments.items():
            if name not in self.args:
                raise fail(
                    "ARCH203", f"unknown argument `{name}` for `{self.name}`", self.span, nearest(name, self.args)
                )
            value = list(value) if isinstance(value, tuple) else value
            value = self.args[name].taken(value)
            if fault := self.args[name].fault(value):
                raise fail("ARCH203", fault, self.args[name].span)
            values[name] = value
        for name, arg in self.args.items():
            if name not in values:
                hint = f"set it with `--set {name}=...`"
                if self.variants:
                    hint += f", or select a variant: `{titled(Path(self.file).name, next(iter(self.variants)))}`"
                raise fail("ARCH016", f"missing value for the argument `{name}`", arg.span, hint)
        return values


def titled(name: str, variant: str) -> str:
    """Return the name of a spec and of its variant, if any, in the form that all commands accept."""
    return f"{name}[{variant}]" if variant else name


def _signature(args: Mapping[str, Arg]) -> str:
    """Return arguments as a signature, such as `filters: int, stride=1`."""
    told = []
    for name, arg in args.items():
        told.append(f"{name}={shortened(arg.default.template())}" if arg.default else f"{name}: {arg.type}")
    return ", ".join(told)
