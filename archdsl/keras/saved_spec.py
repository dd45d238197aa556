"""The spec that a saved config carries: read, and held to the limits of whoever opens the file, before it is compiled.

A layer's arguments and the shape of its input come from the file as well, so that each use of a layer is resolved, and
not the spec alone. All uses in one file share the limits.
"""

from __future__ import annotations

import hashlib
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
from archdsl.spec import Spec
from archdsl.version import __version__

CARRIED = "archdsl"
"""The key of a saved config that holds the spec and the class's name."""

SPECS = 32
"""How many specs one file may carry: each is read and compiled."""

_SIDES = (64, 224, 840)
"""What is tried for a side that the file leaves open: multiples of what most layers divide by."""

_USUAL: tuple[Shape, ...] = ((64, 64, 64), (64, 64), (64,), (840, 840, 840), (840, 840), (840,))
"""What is tried where the file gives no shape at all."""


class Carried(BaseModel):
    """What a saved config holds under `CARRIED`.

    Args:
        spec: the text of the spec.
        class_name: the layer of the spec that was saved, or its model.
        variant: the variant that was laid over the spec.
        limits: what the spec may cost, where that was not the default.
        data: how the model's input is computed; see `archdsl.keras.runtime.DATA`.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    spec: str
    class_name: str = Field(alias="class")
    variant: str = ""
    limits: dict[str, int] = {}
    data: dict[str, Any] | None = None


@dataclass
class Opening:
    """What opening one file may cost, and the specs that were read from it so far.

    Args:
        limits: of whoever opens the file.
        weights: the bytes of the file's weights, or None where that is not known.
    """

    limits: Limits = DEFAULTS
    weights: int | None = None
    specs: dict[tuple[str, str], Spec] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    ops: int = 0

    def spec(self, config: Mapping[str, Any]) -> tuple[Spec, str]:
        """The spec of a saved config, and the name of the class that was saved.

        Raises:
            ArchError: it carries none (ARCH204), or one that is wrong or larger than the limits.
        """
        carried = _carried(config)
        key = carried.spec, carried.variant
        if key not in self.specs:
            if len(self.specs) >= SPECS:
                raise fail("ARCH025", f"the file contains more than {SPECS} specs")
            limits = self.limits.lowered(carried.limits, "the file")
            spec = parse(carried.spec, "<saved spec>", limits)
            self.specs[key] = spec.varied(carried.variant) if carried.variant else spec
        spec = self.specs[key]
        if carried.class_name not in {*spec.layers, spec.name}:
            raise fail("ARCH204", f"the saved spec has no layer {carried.class_name[:40]!r}")
        return spec, carried.class_name

    def check(self, config: Mapping[str, Any], build_config: Any, strict: bool = True) -> None:
        """Resolves what a saved config makes, so that nothing is built that exceeds the limits.

        Args:
            build_config: what Keras saved beside it: the shape of its input.
            strict: whether a layer is refused that resolves for no shape that is tried, where its own is not known.

        Raises:
            ArchError: it does not resolve, or its weights cannot be in the file (ARCH302).
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
        if self.weights is not None and parameters > self.weights:  # each takes a byte, and mostly four
            message = f"`{name}` has {parameters:,} parameters, but the file's weights are only {self.weights:,} bytes"
            raise fail("ARCH302", message)


_OPENING: ContextVar[Opening | None] = ContextVar("archdsl_opening", default=None)


@contextmanager
def opening(opened: Opening) -> Iterator[None]:
    """Lets what Keras opens within the block obey this."""
    token = _OPENING.set(opened)
    try:
        yield
    finally:
        _OPENING.reset(token)


def checked_spec(config: Mapping[str, Any]) -> tuple[Spec, str]:
    """The spec of a saved config, held to the limits, and the name of the class that was saved.

    Raises:
        ArchError: as `Opening.spec` and `Opening.check`.
    """
    opened = _OPENING.get()
    if opened is None:  # Keras opens the file itself: the shapes of inputs are not known here
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
    """The graph of what a saved config makes; None where that depends on a shape that is not known."""
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
    """The shapes of a layer's inputs; where the file leaves sides open, or all of it, some that fit most layers."""
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
