"""Reads the spec in a saved config, and checks it against the caller's limits before it is compiled.

The arguments and input shapes of layers are also read from the file. Therefore, each use of a layer is resolved, not
just the spec. All uses in a file share the limits.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archdsl.errors import ArchError, fail
from archdsl.graph import Graph
from archdsl.limits import DEFAULTS, Limits
from archdsl.ops import Shape
from archdsl.parsing import parse
from archdsl.resolution import resolve
from archdsl.resolution.layer_graph import layer_graph
from archdsl.resolution.words import every_step
from archdsl.spec import Spec
from archdsl.version import __version__

CARRIED = "archdsl"
"""The key of the spec and the class name in a saved config."""

SPECS = 32
"""The most specs in a file; each of them is read and compiled."""

_SIDES = (64, 224, 840)
"""Sizes to try for an axis that the file leaves open: multiples of what most layers divide by."""

_USUAL: tuple[Shape, ...] = ((64, 64, 64), (64, 64), (64,), (840, 840, 840), (840, 840), (840,))
"""Shapes to try if the file has none."""


class Carried(BaseModel):
    """The value of `CARRIED` in a saved config.

    Args:
        spec: the text of the spec.
        class_name: the saved layer or model of the spec.
        variant: the variant of the spec.
        limits: limits on the spec, if they were not the defaults.
        version: the version of archdsl that saved it; empty before a skipped step passed on what its `from` names.
        data: the preprocessing; see `archdsl.keras.runtime.DATA`.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    spec: str
    class_name: str = Field(alias="class")
    variant: str = ""
    limits: dict[str, int] = {}
    version: str = ""
    data: dict[str, Any] | None = None


@dataclass
class Opening:
    """The limits on opening a file, and the specs read from it so far.

    Args:
        limits: the caller's limits.
        weights: the size of the weights in bytes, or None if unknown.
    """

    limits: Limits = DEFAULTS
    weights: int | None = None
    specs: dict[tuple[str, str], Spec] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    ops: int = 0

    def spec(self, config: Mapping[str, Any]) -> tuple[Spec, str]:
        """Read the spec of a saved config, and the name of the saved class.

        Raises:
            ArchError: there is no spec (ARCH204), or it is invalid or exceeds the limits.
        """
        carried = _carried(config)
        key = carried.spec, carried.variant
        if key not in self.specs:
            if len(self.specs) >= SPECS:
                raise fail("ARCH025", f"the file contains more than {SPECS} specs")
            limits = self.limits.lowered(carried.limits, "the file")
            spec = parse(carried.spec, "<saved spec>", limits)
            if not carried.version:
                _warn_of_skipped_steps(spec)
            self.specs[key] = spec.varied(carried.variant) if carried.variant else spec
        spec = self.specs[key]
        if carried.class_name not in {*spec.layers, spec.name}:
            raise fail("ARCH204", f"the saved spec has no layer {carried.class_name[:40]!r}")
        return spec, carried.class_name

    def check(self, config: Mapping[str, Any], build_config: Any, strict: bool = True) -> None:
        """Resolve a saved layer or model, to check it against the limits before it is built.

        Args:
            build_config: the build config that Keras saved with it: the input shape.
            strict: if the input shape is unknown, whether to reject a layer that resolves for no usual shape.

        Raises:
            ArchError: it does not resolve, or the file is too small for its weights (ARCH302).
        """
        spec, name = self.spec(config)
        self.seen.add(_key(config))
        graph = _graph(spec, name, config, build_config, strict)
        if graph is None:
            return
        self.ops += graph.totals.layers
        if self.ops > self.limits.ops:
            raise self.limits.exceeded("ops", f"the file's layers have more than {self.limits.ops:,} ops in total")
        parameters = graph.totals.parameters
        if self.weights is not None and parameters > self.weights:  # each takes at least one byte
            message = f"`{name}` has {parameters:,} parameters, but the file's weights are only {self.weights:,} bytes"
            raise fail("ARCH302", message)


def _warn_of_skipped_steps(spec: Spec) -> None:
    """Warn of a step that passes on another tensor than in the version that saved the spec, if it is skipped."""
    bodies = (spec.model, *(layer.steps for layer in spec.layers.values()))
    for step in (step for steps in bodies for step in every_step(steps)):
        if step.refs and not step.loop.never_empty:
            place = f"the step on line {step.span.line} of the saved spec"
            before = "the version of archdsl that saved it passed on the output of the previous step"
            message = f"if {place} is skipped, it passes on what its `from` names; {before}: compare the outputs"
            warnings.warn(message, stacklevel=2)
            return


_OPENING: ContextVar[Opening | None] = ContextVar("archdsl_opening", default=None)


@contextmanager
def opening(opened: Opening) -> Iterator[None]:
    """Apply the limits to everything that Keras opens within the block."""
    token = _OPENING.set(opened)
    try:
        yield
    finally:
        _OPENING.reset(token)


def checked_spec(config: Mapping[str, Any]) -> tuple[Spec, str]:
    """Read the spec of a saved config within the limits, and the name of the saved class.

    Raises:
        ArchError: as in `Opening.spec` and `Opening.check`.
    """
    opened = _OPENING.get()
    if opened is None:  # Keras itself opens the file: input shapes are unknown here
        opened = Opening()
        opened.check(config, None, strict=False)
    elif _key(config) not in opened.seen:
        opened.check(config, None)
    return opened.spec(config)


def _key(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(config).encode("utf-8", "surrogatepass")).hexdigest()


def _carried(config: Mapping[str, Any]) -> Carried:
    carried = config.get(CARRIED)
    if not isinstance(carried, dict) or not {"spec", "class"} <= carried.keys():
        raise fail("ARCH204", "the file uses an archdsl layer but contains no spec")
    try:
        return Carried.model_validate(carried)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    unknown = [str(fault["loc"][0]) for fault in faults if fault["type"] == "extra_forbidden"]
    if unknown:
        named = ", ".join(f"`{key[:40]}`" for key in unknown[:8])
        message = f"the file contains {named}, unknown to archdsl {__version__}"
        raise fail("ARCH204", message, hint="it may need a newer version: run `pip install -U archdsl`")
    wrong = [f"`{'.'.join(str(place)[:40] for place in fault['loc'])}`: {fault['msg']}" for fault in faults[:8]]
    raise fail("ARCH204", f"invalid data next to the spec in the file: {'; '.join(wrong)}")


def _graph(spec: Spec, name: str, config: Mapping[str, Any], build_config: Any, strict: bool) -> Graph | None:
    """The graph of a saved layer or model; None if it depends on an unknown shape."""
    if name == spec.name:
        return resolve(spec, **{arg: config[arg] for arg in spec.args if arg in config})
    layer = spec.layers[name]
    values = {arg: default.template() for arg, one in layer.args.items() if (default := one.default) is not None}
    values |= {arg: config[arg] for arg in layer.args if arg in config}
    for arg, one in layer.args.items():
        if arg not in values:
            raise fail("ARCH204", f"the file lacks the argument `{arg}` of `{name}`")
        values[arg] = one.taken(values[arg])
        if fault := one.fault(values[arg]):
            raise fail("ARCH204", f"invalid `{name}` in the file: {fault}")
    error: ArchError | None = None
    for shapes in _candidates(build_config, len(layer.inputs)):
        try:
            return layer_graph(spec, name, values, shapes)
        except ArchError as problem:
            error = problem
            if problem.problems[0].code in ("ARCH024", "ARCH025"):
                break
    if error and (strict or error.problems[0].code in ("ARCH024", "ARCH025")):
        raise error
    return None


def _candidates(build_config: Any, inputs: int) -> Iterator[list[Shape]]:
    """The input shapes of a layer; if the file leaves them open, some that fit most layers."""
    given = build_config.get("input_shape") if isinstance(build_config, dict) else None
    batches = [given] if inputs == 1 else given
    if not isinstance(batches, list | tuple) or len(batches) != inputs or not all(map(_is_batch, batches)):
        yield from ([shape] * inputs for shape in _USUAL)
        return
    is_open = any(side is None for batch in batches for side in batch[1:])
    for stand_in in _SIDES if is_open else _SIDES[:1]:
        yield [tuple(stand_in if side is None else side for side in batch[1:]) for batch in batches]


def _is_batch(shape: Any) -> bool:
    return (
        isinstance(shape, list | tuple)
        and 1 <= len(shape) <= 8
        and all(side is None or (isinstance(side, int) and 1 <= side <= 10**9) for side in shape[1:])
    )
