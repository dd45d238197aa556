"""The typed spec: what a file says, each value with its place. Nothing is evaluated here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from reprlib import repr as shortened
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from archdsl import display
from archdsl.errors import Span, fail, nearest, shown
from archdsl.expr import ExprError, Expression, Plain
from archdsl.limits import DEFAULTS, Limits
from archdsl.ops import Op, Shape
from archdsl.ops.field_types import whole
from archdsl.text import quantity

SHORTCUTS = {
    "identity": "the input itself; an error where the merge refuses its shape",
    "projection": "a 1x1 conv with the paths' channels and stride (He et al.'s option C)",
    "pad": "every stride-th pixel, zeros behind the last channel (option A)",
    "pool_projection": "an average pool, then a 1x1 conv (ResNet-D)",
    "auto": "identity where shapes agree, else projection (option B)",
    "none": "no shortcut",
}
"""The words for a shortcut, and what each becomes."""

TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "list": (list,),
}
"""The types of arguments, and which values each takes."""

Side = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=65_536)]
Total = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0)]
Output = Annotated[
    Annotated[list[Side], Tag("shape")] | Annotated[dict[str, list[Side]], Tag("names")],
    Discriminator(lambda value: "names" if isinstance(value, dict) else "shape"),
]
"""One output's shape, or each one's by name; whichever is meant, its faults alone are told."""

INPUT, OUTPUT = "input", "output"
"""The names of a body's own input, and of an output that has no other."""


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar, an expression or a list (or a word with arguments), and where it stands."""

    content: Any
    span: Span

    @property
    def names(self) -> frozenset[str]:
        """The names that its expressions use."""
        return frozenset().union(*(expression.names for expression, _ in self.expressions()))

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
        """The value with its expressions unevaluated: scalars, `Expression`s, and lists of these."""
        if isinstance(self.content, dict):
            return {key: item.template() for key, item in self.content.items()}
        return [item.template() for item in self.content] if isinstance(self.content, tuple) else self.content

    def evaluate(self, scope: Mapping[str, Plain]) -> Any:
        """The value where the names have these values.

        Raises:
            ArchError: an expression has no value.
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
class OpCall:
    """One op of a step. A conv block has several: `pad`, the conv itself (`main`), `norm`, `activation`."""

    role: Literal["pad", "main", "norm", "activation"]
    op: type[Op]
    fields: Fields


@dataclass(frozen=True, slots=True)
class Loop:
    """What stands beside a step or a path: `for` comes first, `when` is asked for each row, `repeat` comes last."""

    columns: Fields = field(default_factory=dict)
    when: Value | None = None
    repeat: Value | None = None

    @property
    def many(self) -> bool:
        """Whether it can make several copies."""
        return bool(self.columns) or self.repeat is not None

    @property
    def never_empty(self) -> bool:
        """Whether the text alone says that there is at least one copy."""
        lengths = [len(v.content) if isinstance(v.content, tuple) else v.content for v in self.columns.values()]
        rows = not lengths or any(type(length) is int and length > 0 for length in lengths)
        times = self.repeat.content if self.repeat is not None else 1
        return self.when is None and rows and type(times) is int and times > 0

    def values(self) -> Iterator[Value]:
        """The values of its columns, of `when` and of `repeat`."""
        yield from self.columns.values()
        yield from (value for value in (self.when, self.repeat) if value is not None)


@dataclass(frozen=True, slots=True)
class LayerCall:
    """A call of a layer of the file, with arguments."""

    layer: str
    arguments: Fields


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several branches. `name` is None where it has none."""

    name: str | None
    loop: Loop
    steps: tuple[Step, ...]
    span: Span

    @property
    def base_name(self) -> str:
        """Its name; where it has none, what it is numbered as."""
        return self.name or "path"


@dataclass(frozen=True, slots=True)
class Branches:
    """Branches that begin at one input, a shortcut that leads past them, what merges them, and what comes after.

    `shortcut` is a word (or an expression that gives one), or steps. `projection` holds the conv block of a
    projection but for its filters and its stride.
    """

    paths: tuple[Branch, ...]
    shortcut: Value | tuple[Step, ...]
    merge: OpCall | None
    after: tuple[Step, ...]
    projection: tuple[OpCall, ...]

    @property
    def place(self) -> Span:
        """Where the shortcut is chosen, or the paths that it leads past begin."""
        return self.projection[0].fields["kernel"].span

    @property
    def may_have_steps(self) -> bool:
        """Whether the shortcut may be steps, which then have a branch of their own, whatever the shapes say."""
        return not (isinstance(self.shortcut, Value) and self.shortcut.content in ("none", "identity"))

    @property
    def shortcut_first(self) -> bool:
        """Whether the shortcut is merged before the branches."""
        return self.merge is not None and bool(getattr(self.merge.op, "shortcut_first", False))


@dataclass(frozen=True, slots=True)
class StepRef:
    """A word of `from`: the name of a step or an input, or one output of a step's layer (`stage.high`)."""

    name: str
    output: str
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a body: an op's parts, a call of a layer, or branches.

    Args:
        refs: what `from` names; empty where the step takes what the step before it gave.
    """

    kind: str
    action: tuple[OpCall, ...] | LayerCall | Branches
    loop: Loop
    name: str | None
    span: Span
    refs: tuple[StepRef, ...] = ()

    @property
    def base_name(self) -> str:
        """Its name; where it has none, the kind that it is numbered by."""
        return self.name or self.kind


@dataclass(frozen=True, slots=True)
class Arg:
    """An argument of a layer or of the model; without a `default` it is required."""

    name: str
    type: str
    default: Value | None
    span: Span

    def taken(self, value: Any) -> Any:
        """The value as the body sees it: 3.0 is taken for 3 where a whole number is due."""
        return whole(value) if self.type == "int" else value

    def fault(self, value: Any) -> str:
        """Why the value does not fit the type, or nothing where it does."""
        fits = isinstance(value, TYPES[self.type]) and (self.type == "bool" or not isinstance(value, bool))
        return "" if fits else f"`{self.name}` is {TYPE_NAMES[self.type]}, and here is {shown(value)}"

    @property
    def doubt(self) -> str:
        """A hint where the default is text that may have been meant for a type: `imt` for `int`."""
        text = self.default.content if self.default and self.type == "str" else ""
        near = nearest(text, TYPES) if isinstance(text, str) and text else ""
        return f"on line {self.span.line} `{text}` is text: {near}" if near.startswith("did you mean") else ""


TYPE_NAMES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "list": "a list"}
"""The types of arguments as messages and docs name them."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a layer shows to those who use it: arguments, and the names of its inputs and outputs."""

    args: Mapping[str, Arg]
    inputs: tuple[str, ...] = (INPUT,)
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """An entry of `layers:`. With `like` it is another layer, some of whose arguments are `fixed`.

    Args:
        inputs: the names of its inputs; `INPUT` alone where it has one without a name.
        outputs: what it gives, by name; none where it gives what its last step gives.
        spec: the one that it stands in: only there is it known what flows into it.
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
    """What `expect:` may say.

    Args:
        parameters: how many numbers all weights have.
        trainable: how many of them training changes.
        macs: multiply-accumulates for one image.
        output: the shape of the output without the batch; several outputs go by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    parameters: Total | None = None
    trainable: Total | None = None
    macs: Total | None = None
    output: Output | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """What an entry of `variants:` lays over the file's own, key by key.

    Args:
        data, train: the file's own with the variant's laid over them; None where the variant says nothing of both.
        places: as the spec's.
    """

    name: str
    doc: str
    args: Mapping[str, Arg]
    inputs: Mapping[str, Shape]
    expect: Mapping[str, Any]
    expect_spans: Mapping[str, Span]
    span: Span
    data: Any = None
    train: Any = None
    places: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole file, read and bound: every word is known, every name in an expression is seen from where it stands.

    Args:
        inputs: each input's shape by its name; `INPUT` alone where the file says `input`.
        outputs: what the model gives, by name; none where it gives what its last step gives.
        data, train: None where the file does not say them.
        variant: the name of the variant that is laid over it, or nothing.
        limits: what it may cost to resolve.
        places: where the values of `data` and `train` stand, by their path, such as `train.whiten.layer`.
    """

    name: str
    doc: str
    file: str
    text: str
    inputs: Mapping[str, Shape]
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
        # A variant gives its layers other arguments, so that each has layers of its own.
        owned = {name: replace(layer, spec=self) for name, layer in self.layers.items()}
        object.__setattr__(self, "layers", owned)

    @property
    def file_stem(self) -> str:
        """Its name for files: that of its own file, or else of its class."""
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
        """The spec with one of its variants laid over it.

        Raises:
            ArchError: there is no such variant.
        """
        if name not in self.variants:
            hint = nearest(name, self.variants) if self.variants else "this file has no `variants`"
            raise fail("ARCH203", f"`{self.name}` has no variant `{name}`", hint=hint)
        variant = self.variants[name]
        expect = {**self.expect.model_dump(exclude_none=True), **variant.expect}
        return replace(
            self,
            doc=variant.doc or self.doc,
            inputs={**self.inputs, **variant.inputs},
            args={**self.args, **variant.args},
            expect=Expectation.model_validate(expect),
            expect_spans={**self.expect_spans, **variant.expect_spans},
            data=variant.data or self.data,
            train=variant.train or self.train,
            places=variant.places or self.places,
            span=variant.span,
            variant=name,
        )

    def every(self) -> tuple[Spec, ...]:
        """What can be built without setting anything: the file where its arguments have values, and each variant."""
        complete = all(arg.default is not None for arg in self.args.values())
        variants = tuple(self.varied(name) for name in self.variants)
        return (self, *variants) if complete or not variants else variants

    def values(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The model's arguments: these, and the file's own for the others.

        Raises:
            ArchError: one is unknown, has the wrong type, or has no value.
        """
        values = {name: arg.default.template() for name, arg in self.args.items() if arg.default}
        for name, value in arguments.items():
            if name not in self.args:
                raise fail("ARCH203", f"{self.name} has no argument `{name}`", self.span, nearest(name, self.args))
            value = list(value) if isinstance(value, tuple) else value
            value = self.args[name].taken(value)
            if fault := self.args[name].fault(value):
                raise fail("ARCH203", fault, self.args[name].span)
            values[name] = value
        for name, arg in self.args.items():
            if name not in values:
                hint = f"choose one: `--set {name}=...`"
                if self.variants:
                    hint += f", or a variant: `--variant {next(iter(self.variants))}`"
                raise fail("ARCH016", f"`{name}` has no value", arg.span, hint)
        return values


def _signature(args: Mapping[str, Arg]) -> str:
    """Arguments as a class has them, on one line: `filters: int, stride=1`."""
    told = []
    for name, arg in args.items():
        told.append(f"{name}={shortened(arg.default.template())}" if arg.default else f"{name}: {arg.type}")
    return ", ".join(told)
