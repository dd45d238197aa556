"""The one canonical long form of a spec: everything filled in, nothing evaluated, comments kept."""

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
    """The long form of a spec: valid, of the same meaning, and its own long form.

    Words become mappings, single steps lists, and each op and each layer's use gets all its arguments. Of `defaults`
    stays what a projection is made of. With a variant or with arguments set, it is one network, without `variants`.

    Args:
        text: the spec.
        file: what to call it in messages.
        variant: one of its `variants`, laid over it.
        settings: arguments of the model that get these defaults; they lift `expect`.
        origins: whether a comment behind each value says where it came from.
        limits: what the text and its long form may cost.

    Raises:
        ArchError: the spec is wrong, has no such variant or argument, or its long form is larger than a spec may be.
    """
    overlay, comments = _read(text, file, variant, settings or {}, limits)
    long = print_group(_written(overlay, comments, FILE, LongForm(overlay, comments).section), origins)
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
        raise TypeError("what was understood is a mapping")
    return Overlay(root, spec, variant, settings), Comments(text, root, extents)


def _written(
    overlay: Overlay, comments: Comments, words: Iterable[str], section: Callable[[str], OutputEntry | None]
) -> OutputGroup:
    """The sections in an order. Comments of what went into other places stay where it was."""
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
    """The comments of a section of the file that were not taken, as lines; of `variants` those of the chosen one."""
    key, node = overlay.file.key(word), overlay.file.get(word)
    if word == "variants" and overlay:
        chosen = [item for item in entries(node) if item[0].text == overlay.variant]
        lines = [line for item in chosen for line in comments.take_rest(*item)]
        comments.take_rest(key, node)
        return lines
    lines = comments.take_rest(key, node)
    if word == "expect" and overlay.settings and overlay.spec.expect.model_fields_set:
        names = " and ".join(f"`{name}`" for name in overlay.settings)
        return ["", f"# `expect` is lifted: with {names} set, this is another network"]
    return lines
