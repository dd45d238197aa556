"""The typed spec: the content of a file, with the place of each value. Nothing is evaluated here."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from reprlib import repr as shortened
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from archdsl import display
from archdsl.errors import Span, fail, nearest, shown
from archdsl.limits import DEFAULTS, Limits
from archdsl.ops import Shape
from archdsl.ops.base import FLOAT
from archdsl.ops.field_types import whole
from archdsl.steps import Branches, LayerCall, Share, Step, StepRef, Value
from archdsl.text import quantity

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
        overridden: The words of the recipe and the inputs that the caller overrode, with their values. The text has
            them too.
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
    overridden: Mapping[str, Any] = field(default_factory=dict)

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
