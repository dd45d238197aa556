"""SVG as written by Graphviz -> accessible SVG, of which a page can contain several."""

from __future__ import annotations

import re
from hashlib import sha256
from html import escape

_FONTS = 'Arial,Helvetica,"Liberation Sans","DejaVu Sans",sans-serif'

_PARTS = re.compile(
    r"""
    <g\ id="[^"]*"\ class="(?P<kind>(?:graph|cluster|node|edge)[^"]*)"(?P<more>[^>]*)>\s*
        <title>(?P<name>[^<]*)</title>\s*
        (?:<g\ id="a_[^"]*"><a\ xlink:title="(?P<tip>[^"]*)">\s*)?
    | <g\ id="a_[^"]*"><a\ (?P<link>[^>]*)>\s*
    | (?P<end></a>\s*</g>\s*)
    | <!(?:--.*?--|DOCTYPE[^>]*)>\s*
    """,
    re.VERBOSE | re.DOTALL,
)
_TIP = re.compile(r'xlink:title="([^"]*)"')
_SIDE = re.compile(r"(?::(?:in|out))?:(?:[ns][ew]?|[ewc_])(?=(?:-|&#45;)&gt;|$)")
_REFERENCE = re.compile(r"&(?:(?:amp|lt|gt|quot|apos);|#(\d{1,7});|#[xX]([0-9a-fA-F]{1,6});)?")
# As a set of the characters that XML allows, this would take `re` 9 ms to compile.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def readable(picture: bytes, dot: str) -> bytes:
    """Make an SVG by Graphviz accessible and safe to embed several times in a page.

    It gets fonts that browsers have, and a title and description for screen readers. Tooltips of DOT appear on hover.
    The DOT names of nodes and edges (`a->b`) are in `data-name`.

    Args:
        picture: an SVG by any of the renderers.
        dot: the DOT text that it was drawn from; its first two comments are the title and the description.
    """
    text = _well_formed(picture.decode(errors="replace"))
    text = _PARTS.sub(_Parts(), text)
    if not re.search(r'\sxlink:\w+="', text):
        text = text.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    # Older versions of Graphviz write a keyword here that not every viewer supports.
    text = text.replace(' stroke="transparent"', ' stroke="none"')
    text = text.replace('font-family="Arial"', f"font-family='{_FONTS}'")
    return _titled(text, dot).encode(errors="replace")


class _Parts:
    """Converts the parts of the markup, one at a time.

    Graphviz wraps parts with a tooltip in a link without a target, which is removed. Other links are kept.
    """

    def __init__(self) -> None:
        self.ends: list[str] = []

    def __call__(self, part: re.Match[str]) -> str:
        if part["kind"]:
            return self.group(part)
        if part["link"]:
            return self.link(part)
        return self.ends.pop() if part["end"] and self.ends else part["end"] or ""

    def group(self, part: re.Match[str]) -> str:
        """Remove the id of a group, which is the same in every picture, and use its tooltip as its title."""
        kind, name = part["kind"], part["name"]
        if kind.startswith("edge"):
            name = _SIDE.sub("", name)
            if kind == "edge back":
                kind, name = "edge", "&#45;&gt;".join(reversed(re.split("(?:-|&#45;)&gt;", name)))
        name = name.replace("\n", "&#10;").replace("\t", "&#9;")
        opened = f'<g class="{kind}" data-name="{name}"{part["more"]}>\n'
        if part["tip"] is None:
            return opened
        self.ends.append("")
        return f"{opened}<title>{part['tip']}</title>\n"

    def link(self, part: re.Match[str]) -> str:
        """Convert a link around a part of a group, such as a table cell."""
        if tip := _TIP.fullmatch(part["link"]):
            self.ends.append("</g>\n")
            return f"<g>\n<title>{tip[1]}</title>\n"
        self.ends.append("</a>\n</g>\n")
        return part[0]


def _well_formed(text: str) -> str:
    """Escape characters that XML forbids, and texts that look like entities, which Graphviz does not."""
    return _REFERENCE.sub(_reference, _NO_XML.sub("\ufffd", text))


def _reference(match: re.Match[str]) -> str:
    if match[0] == "&":
        return "&amp;"
    digits, base = (match[1], 10) if match[1] else (match[2], 16)
    if not digits:
        return match[0]
    code = int(digits, base)
    is_character = code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return match[0] if is_character and not _NO_XML.match(chr(code)) else "\ufffd"


def _titled(text: str, dot: str) -> str:
    """Return the title and description, with ids that are unique to the picture."""
    lines = [line.removeprefix("// ") for line in dot.splitlines()[:2] if line.startswith("// ")]
    start = text.find("<svg")
    end = text.find(">", start)
    if start < 0 or not lines:
        return text
    mark = sha256(dot.encode(errors="replace")).hexdigest()[:10]
    names = {f"{tag}-{mark}": (tag, line) for tag, line in zip(("title", "desc"), lines, strict=False)}
    tags = [f'<{tag} id="{name}">{escape(_NO_XML.sub(" ", line))}</{tag}>\n' for name, (tag, line) in names.items()]
    return f'{text[:end]} role="img" aria-labelledby="{" ".join(names)}">\n{"".join(tags)}{text[end + 1 :].lstrip()}'
