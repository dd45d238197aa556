"""The SVG of each renderer: what it tells those who point, what names it has, and that nothing in it clashes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import chain

import pytest
from renderers import RENDERERS, only

from archdsl.diagrams.render import picture
from archdsl.diagrams.svg import readable

SVG = "{http://www.w3.org/2000/svg}"
DOT = r"""// Net <1>
// 3 in, 4 out
digraph "net" {
  node [fontname="Arial"]
  subgraph "cluster one" {
    graph [label="one" tooltip="the layer&#10;Block(filters=16)"]
    "a" [label="a" tooltip="kernel 3×3×16 -- &lt;b&gt;&#10;line 7"]
    "t" [shape=plain label=<<TABLE><TR><TD TOOLTIP="cell" HREF="">1</TD><TD>2</TD></TR></TABLE>> tooltip="stack"]
  }
  subgraph "cluster two" { graph [label="two"] "b" [label="b"] }
  "a":e -> "b":n [tooltip="8×8×16" label="8×8"]
  "b" -> "t"
  "b" -> "unseen" [style=invis]
  "unseen" [style=invis label=""]
}
"""


@pytest.fixture(params=RENDERERS)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    return only(request.param, monkeypatch)


def drawn(dot: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture(dot))


def groups(root: ElementTree.Element, kind: str) -> dict[str, str | None]:
    """The tooltips of nodes, edges or clusters, by their names in DOT."""
    found = [group for group in root.iter(f"{SVG}g") if group.get("class") == kind]
    return {group.attrib["data-name"]: group.findtext(f"{SVG}title") for group in found}


def test_who_points_at_a_part_is_told_its_tooltip(engine: str) -> None:
    root = drawn(DOT)
    assert groups(root, "cluster") == {"cluster one": "the layer\nBlock(filters=16)", "cluster two": None}
    assert groups(root, "node") == {"a": "kernel 3×3×16 -- <b>\nline 7", "t": "stack", "b": None}
    assert groups(root, "edge") == {"a->b": "8×8×16", "b->t": None}
    assert groups(root, "graph") == {"net": None}


def test_a_cell_keeps_its_own_tooltip(engine: str) -> None:
    stack = next(group for group in drawn(DOT).iter(f"{SVG}g") if group.get("data-name") == "t")
    inner = [group.findtext(f"{SVG}title") for group in stack.iter(f"{SVG}g") if group is not stack]
    assert inner == ["cell"]
    assert ["".join(text.itertext()) for text in stack.iter(f"{SVG}text")] == ["1", "2"]


def test_no_links_no_comments_and_no_names_for_readers(engine: str) -> None:
    text = picture(DOT).decode()
    assert "tooltip" not in text
    for left_over in ("xlink", "<a", "<!", "transparent", ">unseen<", ">cluster"):
        assert left_over not in text


def test_links_that_lead_somewhere_stay(engine: str) -> None:
    text = picture('digraph { a [URL="https://example.org/?a=1&b=2" tooltip="there"]; b [tooltip="b"] }').decode()
    root = ElementTree.fromstring(text)
    (link,) = root.iter(f"{SVG}a")
    assert link.get("{http://www.w3.org/1999/xlink}href") == "https://example.org/?a=1&b=2"
    assert groups(root, "node") == {"a": None, "b": "b"}


def test_an_svg_has_a_title_a_description_and_fonts_of_browsers(engine: str) -> None:
    root = drawn(DOT)
    assert root.get("role") == "img"
    assert [(part.tag, part.text) for part in root[:2]] == [(f"{SVG}title", "Net <1>"), (f"{SVG}desc", "3 in, 4 out")]
    assert root.attrib["aria-labelledby"].split() == [part.get("id") for part in root[:2]]
    fonts = {text.get("font-family") for text in root.iter(f"{SVG}text") if text.text in ("a", "b")}
    assert fonts == {'Arial,Helvetica,"Liberation Sans","DejaVu Sans",sans-serif'}


def test_an_svg_scales(engine: str) -> None:
    root = drawn(DOT)
    width, height = (float(root.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    assert [float(number) for number in root.attrib["viewBox"].split()] == [0, 0, width, height]


def test_pictures_in_one_page_do_not_clash(engine: str) -> None:
    one, two = picture(DOT), picture(DOT.replace("Net", "Other"))
    found = [re.findall(rb'\bid="([^"]*)"', text) for text in (one, two)]
    assert [len(ids) for ids in found] == [2, 2]
    assert len(set(chain(*found))) == 4
    assert picture(DOT) == one


HOSTILE = [
    'a<b>&"',
    "]]>",
    "--",
    "<!-- no -->",
    "bell \x07 and \x01",
    "not a character \ufffe",
    "&#7; &#x0; &foo; & &#9999999; &#99999999; &#xDFFF;",
    "two\nlines\tand more",
    "</g></svg>",
    'x="y" xlink:href="z"',
    "residual 残差 é",
]
"""Names, labels and tooltips that would break the markup if they came into it as they are."""


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(engine: str, name: str) -> None:
    it = quoted(name)
    inner = f"subgraph {quoted(f'cluster {name}')} {{ graph [label={it} tooltip={it}] {it} [label={it} tooltip={it}] }}"
    told = name.replace("\n", " ")
    root = drawn(f"// {told}\n// {told}\ndigraph {it} {{ {inner} {it} -> b [label={it} tooltip={it}] }}\n")
    kinds = [group.get("class") for group in root.iter(f"{SVG}g")]
    assert sorted(map(str, kinds)) == ["cluster", "edge", "graph", "node", "node"]
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "g", "path", "polygon", "ellipse", "text"
    }  # fmt: skip
    if all(character.isprintable() or character in "\n\t" for character in name) and "&#" not in name:
        assert {*groups(root, "edge")} == {f"{name}->b"}
        assert groups(root, "cluster") == {f"cluster {name}": name}
        assert root[0].text == root[1].text == told
        assert name.partition("\n")[0] in {text.text for text in root.iter(f"{SVG}text")}


def test_a_name_that_ends_as_a_side_of_a_box_does_keeps_it_as_a_node(engine: str) -> None:
    root = drawn('digraph { "x:e" -> "y":s }')
    assert {*groups(root, "node")} == {"x:e", "y"}


def test_half_a_character_in_the_title_is_no_fault(engine: str) -> None:
    assert drawn("// half \ud800\n// one\ndigraph { a }\n")[0].text == "half ?"


def test_what_graphviz_does_not_write_is_left_alone() -> None:
    assert readable(b"no picture", "// a") == b"no picture"
    assert readable(b"<svg><a>\n</a>\n</g></svg>", "") == b"<svg><a>\n</a>\n</g></svg>"
