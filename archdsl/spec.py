"""The typed spec: what a file says, each value with its place. Nothing is evaluated here."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from archdsl.errors import Span, fail, nearest
from archdsl.expr import FUNCTIONS, ExprError, Expression, Plain
from archdsl.ops import Op
from archdsl.ops.base import whole

SHORTCUTS = ("identity", "projection", "auto", "none")
"""What a shortcut may be in one word."""

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

_KERAS_NAMES = frozenset(
    """
activity_regularizer add add_loss add_metric add_variable add_weight auto_scale_loss autocast build build_from_config
built call call_signature_parameters compile compile_from_config compiled compiled_loss compiled_metrics compute_dtype
compute_loss compute_loss_and_updates compute_mask compute_metrics compute_output_shape compute_output_spec count_params
distribute_reduction_method distribute_strategy dtype dtype_policy evaluate export fit from_config get_build_config
get_compile_config get_config get_layer get_metrics_result get_quantization_layer_structure get_state_tree get_weights
input input_dtype input_names input_shape input_spec inputs jit_compile kwargs layers load_own_variables load_weights
loss losses make_predict_function make_test_function make_train_function metrics metrics_names metrics_variables name
non_trainable_variables non_trainable_weights operations optimizer output output_names output_shape outputs path pop
predict predict_function predict_on_batch predict_step quantization_config quantization_mode quantize quantized_build
quantized_call rematerialized_call reset_metrics run_eagerly save save_own_variables save_weights self set_state_tree
set_weights shape stateless_call stateless_compute_loss steps_per_execution stop_training summary supports_jit
supports_masking symbolic_call tensorflow_test_step test_function test_on_batch test_step to_json train_function
train_on_batch train_step trainable trainable_variables trainable_weights training unrolled_steps_per_execution
variable_dtype variables weights
""".split()  # noqa: SIM905 - ninety names are read more easily so
)
_OWN_NAMES = frozenset(
    [
        "archdsl",
        "channels",
        "false",
        "fork",
        "index",
        "keras",
        "layer",
        "math",
        "number",
        "parts",
        "shapes",
        "super",
        "true",
        "whole",
        "x",
    ]
)
_CALLED_NAMES = frozenset(["enumerate", "getattr", "int", "list", "range", "str", "tuple", "zip", "ValueError"])
EXTRA = frozenset(["GatedLinearUnit", "LowestPadding2D"])
"""The layers that archdsl brings along, for ops that Keras has none for."""

RESERVED = _KERAS_NAMES | _OWN_NAMES | _CALLED_NAMES | EXTRA | set(FUNCTIONS)
"""Names that an argument cannot have: Keras layers and models use them, or the generated module does."""

CLASS_RESERVED = frozenset(dir(builtins)) | {"Spec", "Padding"} | RESERVED
"""Names that a layer cannot have."""


def name_fault(name: str, reserved: frozenset[str]) -> str:
    """Why a name cannot be used, or nothing where it can."""
    if not (name.isascii() and name.isidentifier()) or name.startswith("_"):
        return "a name has letters, digits and `_`, and begins with a letter"
    if len(name) > 64:
        return "a name has at most 64 characters"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a word of Python"
    if name in FUNCTIONS and name in reserved:
        return "it is a function of expressions"
    return "Python, Keras or the generated module uses it" if name in reserved else ""


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
class Part:
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


@dataclass(frozen=True, slots=True)
class Use:
    """A layer of the file, with arguments."""

    layer: str
    arguments: Fields


@dataclass(frozen=True, slots=True)
class Path:
    """One path of a bunch. `name` is None where it has none."""

    name: str | None
    loop: Loop
    steps: tuple[Step, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Bunch:
    """Paths side by side from one input, a shortcut beside them, what merges them, and what comes after.

    `shortcut` is a word (or an expression that gives one), or steps. `projection` holds the conv block of a
    projection but for its filters and its stride.
    """

    paths: tuple[Path, ...]
    shortcut: Value | tuple[Step, ...]
    merge: Part | None
    after: tuple[Step, ...]
    projection: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a body: an op's parts, a layer's use, or a bunch of paths."""

    kind: str
    action: tuple[Part, ...] | Use | Bunch
    loop: Loop
    name: str | None
    span: Span


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
        return "" if fits else f"`{self.name}` is {_ARTICLE[self.type]}, and here is {value!r}"


_ARTICLE = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "list": "a list"}


@dataclass(frozen=True, slots=True)
class Layer:
    """An entry of `layers:`. With `like` it is another layer, some of whose arguments are `fixed`."""

    name: str
    doc: str
    args: Mapping[str, Arg]
    steps: tuple[Step, ...]
    like: str | None
    fixed: Mapping[str, Any]
    span: Span


class Expectation(BaseModel):
    """What `expect:` may say."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    parameters: Total | None = None
    trainable: Total | None = None
    macs: Total | None = None
    output: list[Side] | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole file, read and bound: every word is known, every name in an expression is seen from where it stands.

    `input` is (height, width, channels). `data` and `train` are None where the file does not say them.
    """

    name: str
    doc: str
    file: str
    text: str
    input: tuple[int, ...]
    args: Mapping[str, Arg]
    layers: Mapping[str, Layer]
    model: tuple[Step, ...]
    expect: Expectation
    expect_spans: Mapping[str, Span]
    data: Any
    train: Any
    span: Span

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
                raise fail("ARCH016", f"`{name}` has no value", arg.span, f"choose one: `--set {name}=...`")
        return values
