"""The one canonical long form of a spec: everything filled in, nothing evaluated, comments kept."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from pathlib import PurePath
from typing import Any

from archdsl import source
from archdsl.errors import fail, nearest
from archdsl.expansion.comments import Comments
from archdsl.expansion.layout import print_tree
from archdsl.expansion.sections import File, Overlay
from archdsl.limits import DEFAULTS, Limits
from archdsl.parsing import parse, understand
from archdsl.source import Mapping
from archdsl.spec import Spec

__all__ = ["expand", "lay_over"]


def expand(
    text: str,
    file: str = "<text>",
    variant: str = "",
    settings: MappingType[str, Any] | None = None,
    origins: bool = False,
    limits: Limits = DEFAULTS,
) -> str:
    """The long form of a spec: valid, of the same meaning, and its own long form.

    Words become mappings, single steps lists, and each op and each layer's use gets all its arguments. Of `defaults`
    stays what a projection is made of. With a variant or with arguments set, it is one network, without `variants`.

    Args:
        text: the spec.
        file: what to call it in messages.
        variant: one of its `variants`, laid over it.
        settings: arguments of the model that get these defaults; they lift `expect`.
        origins: tells behind each value where it came from.
        limits: what the text and its long form may cost.

    Raises:
        ArchError: the spec is wrong, has no such variant or argument, or its long form is larger than a spec may be.
    """
    found = _opened(text, file, variant, settings or {}, limits)
    long = print_tree(found.long(), origins)
    if long != text:
        # It costs more than the text did, and nobody should be handed a file that cannot be read again.
        parse(long, f"the long form of {PurePath(file).name}", limits)
    head = f"# The long form of {file}. Behind each value stands where it came from; lines are that file's.\n"
    return head + long if origins else long


def lay_over(text: str, file: str, variant: str) -> str:
    """A spec with one of its variants laid over it, and everything else as it is.

    Args:
        text: the spec.
        file: what to call it in messages.
        variant: one of its `variants`.

    Raises:
        ArchError: the spec is wrong, or has no such variant.
    """
    found = _opened(text, file, variant, {}, DEFAULTS)
    return print_tree(found.short(), origins=False)


def _opened(text: str, file: str, variant: str, settings: MappingType[str, Any], limits: Limits) -> File:
    text = source.LINE_END.sub("\n", text)
    root, extents = source.read_with_extents(text, file, limits)
    spec = understand(root, text, file, limits)
    spec = spec.varied(variant) if variant else spec
    if not isinstance(root, Mapping):
        raise TypeError("what was understood is a mapping")
    over = Overlay(variant, _checked(spec, settings))
    return File(root, spec, Comments(text, root, extents), over)


def _checked(spec: Spec, settings: MappingType[str, Any]) -> MappingType[str, Any]:
    for name, value in settings.items():
        if name not in spec.args:
            raise fail("ARCH203", f"{spec.name} has no argument `{name}`", hint=nearest(name, spec.args))
        if fault := spec.args[name].fault(spec.args[name].taken(value)):
            raise fail("ARCH203", fault, spec.args[name].span)
    return settings
