"""Ops of installed packages: entry points of the group `archdsl.ops`, loaded only when a spec uses them."""

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
    """Find an op by its name: one of archdsl's own, or the op of an installed package.

    Args:
        name: the name of the op.
        span: where the spec uses it.

    Returns:
        The class of the op, or None if there is none.

    Raises:
        ArchError: An installed package defines it, but it cannot be loaded.
    """
    # Searching the installed packages takes milliseconds, so known names skip it.
    if name not in OPS and (points := _points().get(name)):
        OPS[name] = _load(name, points, span)
    return OPS.get(name)


def names() -> dict[str, str]:
    """The ops of installed packages with their packages; nothing is loaded."""
    return {name: ", ".join(_package(point) for point in points) for name, points in sorted(_points().items())}


def package(name: str) -> str:
    """The package that defines an op, with its version."""
    return names().get(name, name)


def forget() -> None:
    """Clear the cache of installed packages."""
    _points.cache_clear()


@cache
def _points() -> "dict[str, list[EntryPoint]]":
    from importlib.metadata import entry_points  # as slow to import as twenty ops

    found: dict[str, list[Any]] = defaultdict(list)
    for point in dict.fromkeys(entry_points(group=GROUP)):
        found[point.name].append(point)
    return dict(found)


def _load(name: str, points: "list[EntryPoint]", span: Span | None) -> type[Op]:
    if len(points) > 1:
        several = ", ".join(_package(point) for point in points)
        raise fail(
            "ARCH307", f"several packages define an op `{name}`: {several}", span, "uninstall all but one of them"
        )
    (point,) = points
    try:
        found = point.load()
        fault = _fault(name, found)
        if not fault:
            found.model_rebuild()
    except (Exception, SystemExit) as error:
        fault = f"cannot be loaded: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if fault:
        hint = f"fix or uninstall {_package(point)}, which declares the op as `{name} = {point.value}`"
        raise fail("ARCH307", f"the op `{name}` of {_package(point)} {fault}", span, hint)
    op: type[Op] = found
    return op


def _fault(name: str, found: Any) -> str:
    if not (isinstance(found, type) and issubclass(found, Op)):
        return "is not a subclass of `archdsl.ops.Op`"
    if found.name != name:
        return f"has the name {found.name!r}: its class must start with `class ...(Op, name={name!r})`"
    if found.keras is Op.keras and not found.keras_layer:
        return "has no method `keras()`, which returns its Keras layer as a `Call`"
    if getattr(found, "kind", None) not in get_args(Kind):
        return f"has no valid `kind`, which is one of {', '.join(get_args(Kind))}"
    return ""


def _package(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.module
