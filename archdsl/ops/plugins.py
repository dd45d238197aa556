"""Ops of installed packages: entry points of the group `archdsl.ops`, loaded only where a spec names them."""

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from archdsl.errors import Span, fail
from archdsl.ops.base import Kind, Op
from archdsl.ops.registry import OPS

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "archdsl.ops"


def find(name: str, span: Span | None = None) -> type[Op] | None:
    """The op of a name: one of archdsl's own, or else the one that an installed package has under this very name.

    Args:
        span: where a spec names it.

    Raises:
        ArchError: an installed package has it, and it cannot be used.
    """
    # Looking through what is installed takes milliseconds, so that known words never come to it.
    if name not in OPS and (points := _points().get(name)):
        OPS[name] = _load(name, points, span)
    return OPS.get(name)


def names() -> dict[str, str]:
    """The ops of installed packages, each with its package; nothing is loaded."""
    return {name: ", ".join(_package(point) for point in points) for name, points in sorted(_points().items())}


def forget() -> None:
    """Lets the next question look anew at what is installed."""
    _points.cache_clear()


@cache
def _points() -> "dict[str, list[EntryPoint]]":
    from importlib.metadata import entry_points  # it takes as long to import as twenty ops

    found: dict[str, list[Any]] = defaultdict(list)
    for point in dict.fromkeys(entry_points(group=GROUP)):
        found[point.name].append(point)
    return dict(found)


def _load(name: str, points: "list[EntryPoint]", span: Span | None) -> type[Op]:
    if len(points) > 1:
        several = ", ".join(_package(point) for point in points)
        raise fail("ARCH307", f"several packages have an op `{name}`: {several}", span, "remove all but one of them")
    (point,) = points
    try:
        found = point.load()
        fault = _fault(name, found)
        if not fault:
            found.model_rebuild()
    except (Exception, SystemExit) as error:
        fault = f"cannot be used: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if fault:
        hint = f"repair or remove {_package(point)}; it names the op as `{name} = {point.value}`"
        raise fail("ARCH307", f"the op `{name}` of {_package(point)} {fault}", span, hint)
    op: type[Op] = found
    return op


def _fault(name: str, found: Any) -> str:
    if not (isinstance(found, type) and issubclass(found, Op)):
        return "is no subclass of `archdsl.ops.Op`"
    if found.name != name:
        return f"calls itself {found.name!r}: its class is to begin with `class ...(Op, name={name!r})`"
    if found.keras is Op.keras and not found.keras_layer:
        return "has no `keras()`, which gives its Keras layer as a `Call`"
    if getattr(found, "kind", None) not in get_args(Kind):
        return f"has no `kind` out of {', '.join(get_args(Kind))}"
    return ""


def _package(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.module
