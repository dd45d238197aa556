"""Draws the pictures that README and `docs/` show, and writes what the gallery says: `python docs/make_gallery.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from os.path import relpath
from pathlib import Path

import archdsl
from archdsl.diagrams import Options, to_dot, views
from archdsl.diagrams.mermaid import to_mermaid
from archdsl.diagrams.pictures import list_text
from archdsl.diagrams.render import render

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/how-to/draw-pictures.md"
IMAGES = ROOT / "docs/images"
THEMES = {"light": "", "dark": "-dark"}
"""What the name of a file has behind it in each theme."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the gallery.

    Args:
        name: of its files.
        title: its heading in the gallery.
        told: what there is to see.
        spec: a name of the zoo, a file, or `my_net.yaml` for the spec that README shows.
        view: what of the spec is drawn; the model where it is empty.
    """

    name: str
    title: str
    told: str
    spec: str
    view: str = ""
    variant: str = ""
    depth: int = 1
    detail: str = "compact"
    direction: str = "TB"

    @property
    def command(self) -> str:
        """What a reader types to draw it."""
        options = {"view": self.view, "depth": self.depth, "detail": self.detail, "direction": self.direction}
        plain = {"depth": 1, "detail": "compact", "direction": "TB"}
        words = [f"--{key} {value}" for key, value in options.items() if value and value != plain.get(key)]
        spec = f'"{self.spec}[{self.variant}]"' if self.variant else self.spec
        return " ".join(["archdsl plot", spec, *words])

    def graph(self) -> archdsl.Graph:
        """What is drawn."""
        model = archdsl.resolve(_loaded(self.spec, self.variant))
        found = views(model)
        if self.view not in (*found, ""):
            raise SystemExit(f"{self.spec} has no view {self.view}: it has {', '.join(found)}")
        return found[self.view] if self.view else model

    def dot(self, theme: str) -> str:
        options = Options(theme=theme, depth=self.depth, detail=self.detail, direction=self.direction)
        return to_dot(self.graph(), options)

    def path(self, theme: str) -> Path:
        return IMAGES / f"{self.name}{THEMES[theme]}.svg"


PICTURES = (
    Picture(
        "residual_layer",
        "The layer in the README",
        "A 3×3 path, a 1×1 path and a shortcut are added.",
        "my_net.yaml",
        view="ResidualLayer",
    ),
    Picture(
        "figure_1",
        "A residual block",
        "One path and its shortcut, as in the first figure of every article about residual networks.",
        "resnet_cifar",
        view="BasicBlock",
        variant="resnet20_b",
    ),
    Picture(
        "figure_2",
        "A residual layer with two paths",
        "Two paths of three convolutions each. The shortcut adds the input unchanged.",
        "funny_resnet",
        view="ResidualLayer",
    ),
    Picture(
        "figure_3",
        "The same layer with a projection",
        "If the shape changes, the shortcut is a convolution: a box next to the paths.",
        "funny_resnet",
        view="ResidualLayerScal",
    ),
    Picture(
        "figure_4",
        "A residual block with five layers",
        "One layer with a projection, and four equal layers without one, drawn once with a pill.",
        "funny_resnet",
        view="ResidualBlock",
        depth=2,
    ),
    Picture(
        "figure_5",
        "The whole model",
        "A stem, four blocks with five layers each, and a head.",
        "funny_resnet",
    ),
    Picture(
        "figure_5_wide",
        "The whole model, from left to right",
        "The same network for a slide.",
        "funny_resnet",
        direction="LR",
    ),
    Picture(
        "six_paths",
        "Six paths",
        "Any number of paths, of any length, in the order of the file.",
        "examples/six_paths.yaml",
        view="SixPaths",
    ),
    Picture(
        "inception",
        "An Inception layer in full detail",
        "`--detail full` draws every op as its own box, in the color of its kind.",
        "inception",
        view="Inception",
        detail="full",
    ),
    Picture(
        "densenet121",
        "DenseNet-121",
        "121 layers with weights, on one page.",
        "densenet",
    ),
    Picture(
        "resnet152",
        "ResNet-152 with open stages",
        "Four stages with 3, 8, 36 and 3 bottlenecks.",
        "resnet",
        variant="resnet152",
        depth=2,
    ),
    Picture(
        "unet",
        "A U-Net",
        "The layer `Level` contains itself, so its levels form a U. Dashed edges carry each feature map across.",
        "unet",
    ),
    Picture(
        "two_in_two_out",
        "Two inputs and two outputs",
        "Edges show the names of steps where the lines alone would be ambiguous.",
        "examples/two_in_two_out.yaml",
    ),
    Picture(
        "transformer_block",
        "A transformer block",
        "Two residual connections, one after the other.",
        "vit_conv_stem",
        view="TransformerBlock",
    ),
)
"""In the order of the gallery; the figures are those of the article that archdsl was written after."""

COMPARED = ("figure_2", "figure_4", "figure_5")
"""The pictures whose boxes and sizes the comparison tells."""

OPEN = Picture("", "", "", "funny_resnet", depth=3)
"""The picture whose boxes alone it tells: nobody wants it on a page."""

MEASURED = """\
| plot_model, layers as classes | 2; 542 × 212 | 2; 542 × 212 | 11; 552 × 1,370 | cannot |
| plot_model, functional | 19; 1,253 × 1,409 | 93; 1,636 × 6,677 | | 375; 1,681 × 27,230 |
| plot_model, nested models | 20; 1,146 × 1,548 | | | 395; 3,666 × 29,842 |
| torchview | 21; 546 × 1,014 | 99; 754 × 4,832 | 11; 223 × 810 | 397; 799 × 19,659 |
| Netron, functional | 20 | | | 376; 427 × 10,311 |"""
"""What other tools were seen to draw, in the versions that the page names."""


@cache
def _loaded(spec: str, variant: str) -> archdsl.Spec:
    if spec == "my_net.yaml":
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        found = re.search(r"^```yaml\n(# my_net\.yaml\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
        if found is None:
            raise SystemExit("README.md does not show my_net.yaml any more")
        return archdsl.loads(found[1], spec)
    path = ROOT / spec
    return archdsl.load(path if path.is_file() else spec, variant)


def mark(dot: str) -> str:
    """Return the last line of a picture, a hash of its DOT text: engines draw the same text differently."""
    return f"<!-- drawn from DOT text of SHA-256 {sha256(dot.encode()).hexdigest()} -->\n"


def draw(picture: Picture, theme: str) -> None:
    dot, path = picture.dot(theme), picture.path(theme)
    text = render(dot, path).read_text(encoding="utf-8")
    path.write_text(f"{text.rstrip()}\n{mark(dot)}", encoding="utf-8", newline="\n")


def boxes(dot: str) -> int:
    """How many boxes and circles a picture has, its inputs and outputs among them."""
    nodes = re.findall(r'^ *"(?:[^"\\]|\\.)*" \[(.*)\]$', dot, re.MULTILINE)
    return sum('label=""' not in node for node in nodes)


def size(picture: Picture) -> str:
    """The width and height of a picture in points."""
    text = picture.path("light").read_text(encoding="utf-8")
    width, height = re.findall(r'<svg width="(\d+)pt" height="(\d+)pt"', text)[0]
    return f"{int(width):,} × {int(height):,}"


def regions() -> dict[str, str]:
    """What stands between the marks of the page, by their names."""
    compared = [picture for name in COMPARED for picture in PICTURES if picture.name == name]
    cells = [f"{boxes(picture.dot('light'))}; {size(picture)}" for picture in compared]
    return {
        "gallery": "\n".join(_entry(picture) for picture in PICTURES),
        "boxes": "\n".join(
            [
                "| | the layer | a block of five | the network, layers closed | the network, all open |",
                "| --- | --- | --- | --- | --- |",
                f"| archdsl | {' | '.join(cells)} | {boxes(OPEN.dot('light'))} |",
                MEASURED,
            ]
        ),
        "list": f"```text\n{list_text(OPEN.graph())}```",
        "mermaid": f"```mermaid\n{to_mermaid(PICTURES[0].graph())}```",
    }


def _entry(picture: Picture) -> str:
    light, dark = (relpath(picture.path(theme), PAGE.parent) for theme in THEMES)
    return f"""\
### {picture.title}

{picture.told}

```sh
{picture.command}
```

<picture>
  <source media="(prefers-color-scheme: dark)" srcset="{dark}">
  <img alt="{escape(picture.title)}, drawn by archdsl" src="{light}">
</picture>
"""


def renewed(page: str) -> str:
    """The page with its gallery and its numbers as they are today."""
    for name, text in regions().items():
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda found, text=text: f"{found[1]}{text}\n{found[2]}",
            page,
            flags=re.DOTALL,
        )
    return page


def files() -> Iterator[Path]:
    """All that the gallery draws."""
    for picture in PICTURES:
        yield from map(picture.path, THEMES)


def main() -> None:
    for picture in PICTURES:
        for theme in THEMES:
            draw(picture, theme)
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    total = sum(path.stat().st_size for path in files())
    print(f"{IMAGES.relative_to(ROOT)}: {len(PICTURES)} pictures in {len(THEMES)} themes, {total / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
