"""Expand a spec to its long form: all defaults are written out, nothing is evaluated, and comments are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingType
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from archdsl import source
from archdsl.expansion.comments import Comments
from archdsl.expansion.fields import FieldWriter
from archdsl.expansion.long_form import LongForm
from archdsl.expansion.overlay import Overlay
from archdsl.expansion.printer import OutputEntry, OutputGroup, print_group
from archdsl.limits import DEFAULTS, Limits
from archdsl.parsing import FILE, parse, parse_tree
from archdsl.source import Mapping, entries

__all__ = ["expand", "lay_over"]


def expand(
    text: str,
    file: str = "<text>",
    variant: str = "",
    settings: MappingType[str, Any] | None = None,
    origins: bool = False,
    limits: Limits = DEFAULTS,
) -> str:
    """Return the long form of a spec: a valid spec of the same network. Expanding it again does not change it.

    Names become mappings, single steps become lists, and each op and layer call gets all its arguments. `defaults`
    keeps only what projections need. With a variant or with settings, the result is one network without `variants`.

    Args:
        text: The YAML text of the spec.
        file: The name of the spec in messages.
        variant: The name of one of its `variants` to apply.
        settings: New defaults for arguments of the model. With settings, `expect` is removed.
        origins: Whether to add a comment with the origin of each value.
        limits: Limits on the size of the spec and of its long form.

    Raises:
        ArchError: If the spec is invalid, has no such variant or argument, or its long form exceeds the limits.
    """
    overlay, comments = _read(text, file, variant, settings or {}, limits)
    long = print_group(_written(overlay, comments, FILE, LongForm(overlay, comments).section), origins)
    if long != text:
        # The long form is larger than the text; it must not exceed the limits when it is read again.
        parse(long, f"the long form of {PurePath(file).name}", limits)
    head = f"# The long form of {file}. A comment after each value shows its origin; line numbers refer to that file.\n"
    return head + long if origins else long


def lay_over(text: str, file: str, variant: str) -> str:
    """Return a spec with one of its variants applied, and everything else unchanged.

    Args:
        text: The YAML text of the spec.
        file: The name of the spec in messages.
        variant: The name of one of its `variants`.

    Raises:
        ArchError: If the spec is invalid or has no such variant.
    """
    overlay, comments = _read(text, file, variant, {}, DEFAULTS)
    writer = FieldWriter(comments, overlay.origins, {}, keep_lines=True)
    sections = {key.text: (key, node) for key, node in overlay.root.items}

    def section(word: str) -> OutputEntry | None:
        return None if word == "variants" else writer.entry(*sections[word])

    return print_group(_written(overlay, comments, sections, section), origins=False)


def _read(
    text: str, file: str, variant: str, settings: MappingType[str, Any], limits: Limits
) -> tuple[Overlay, Comments]:
    text = source.LINE_END.sub("\n", text)
    root, extents = source.read_with_extents(text, file, limits)
    spec = parse_tree(root, text, file, limits)
    spec = spec.varied(variant) if variant else spec
    if not isinstance(root, Mapping):
        raise TypeError("a parsed spec is a mapping")
    return Overlay(root, spec, variant, settings), Comments(text, root, extents)


def _written(
    overlay: Overlay, comments: Comments, words: Iterable[str], section: Callable[[str], OutputEntry | None]
) -> OutputGroup:
    """Return the sections in the given order. Comments of moved values stay at their original place."""
    top = comments.take_above(overlay.file.items[0][0])
    items: list[OutputEntry] = []
    lines: list[str] = []
    for word in words:
        item = section(word)
        lines += _remaining_comments(overlay, comments, word)
        if item is not None:
            items.append(replace(item, comments=item.comments.led_by(lines)))
            lines = []
    items[0] = replace(items[0], comments=items[0].comments.led_by(top))
    last = items[-1].comments
    items[-1] = replace(items[-1], comments=replace(last, below=(*last.below, *lines)))
    return OutputGroup(tuple(items), open=True)


def _remaining_comments(overlay: Overlay, comments: Comments, word: str) -> list[str]:
    """Return the remaining comments of a section as lines; for `variants`, those of the applied variant."""
    key, node = overlay.file.key(word), overlay.file.get(word)
    if word == "variants" and overlay:
        chosen = [item for item in entries(node) if item[0].text == overlay.variant]
        lines = [line for item in chosen for line in comments.take_rest(*item)]
        comments.take_rest(key, node)
        return lines
    lines = comments.take_rest(key, node)
    if word == "expect" and overlay.settings and overlay.spec.expect.model_fields_set:
        names = " and ".join(f"`{name}`" for name in overlay.settings)
        return ["", f"# `expect` is removed: with {names} set, this is a different network"]
    return lines
