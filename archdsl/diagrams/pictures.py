"""The pictures of a network that are asked for: which views, in which formats, into which files."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archdsl.diagrams.captions import format_ends
from archdsl.diagrams.dot import to_dot
from archdsl.diagrams.mermaid import to_mermaid
from archdsl.diagrams.options import Options
from archdsl.diagrams.render import render_all
from archdsl.diagrams.views import views
from archdsl.errors import fail, nearest
from archdsl.files import next_free, write
from archdsl.graph import Graph
from archdsl.ops.base import show
from archdsl.spec import Spec
from archdsl.text import columns

ENDINGS = {
    "svg": (".svg",),
    "png": (".png",),
    "pdf": (".pdf",),
    "dot": (".dot", ".gv"),
    "mermaid": (".mmd", ".mermaid"),
}
"""The formats, and how their files end: the first ending is the one that archdsl gives."""

TEXTS = ("dot", "mermaid")
"""The formats that are text, and so may go to stdout."""

ALL = "all"
"""The view that is every view; a class begins with a capital letter, so none is called so."""

LONGEST = 180
"""Bytes of a file's name before its ending: file systems take 255, and a file has a longer name while it is written."""


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """What is to be drawn, and where it goes.

    Args:
        view: the name of one, `ALL` for each, or nothing for the model.
        formats: one or more, each once.
        file: the one picture to write.
        folder: where pictures go, by their own names.
    """

    view: str
    formats: tuple[str, ...]
    file: Path | None = None
    folder: Path | None = None

    @property
    def printed(self) -> tuple[str, ...]:
        """The formats that go to stdout."""
        to_files = self.file or self.folder or self.view == ALL
        return () if to_files else tuple(form for form in self.formats if form in TEXTS)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that is to be drawn; without a path it is text for stdout."""

    graph: Graph
    format: str
    path: Path | None = None


def request(view: str, formats: Iterable[str], out: str | None, is_opened: bool) -> PictureRequest:
    """What the options ask for.

    Raises:
        ArchError: there is no such format, or the options contradict one another.
    """
    asked = tuple(dict.fromkeys(formats))
    for form in asked:
        if form not in ENDINGS:
            raise fail("ARCH203", f"`{form}` is no format of pictures", hint=nearest(form, ENDINGS))
    if out is not None and _is_file(out):
        return PictureRequest(view, (_format_of(out, asked, view),), file=Path(out))
    request = PictureRequest(view, asked or ("svg",), folder=None if out is None else Path(out))
    if len(request.printed) > 1:
        hint = "`--out FOLDER/` takes each as a file"
        raise fail("ARCH203", f"{' and '.join(request.printed)} cannot both go to stdout", hint=hint)
    if is_opened and request.printed == request.formats:
        form = request.printed[0]
        hint = f"`--out NAME{ENDINGS[form][0]}` writes a file"
        raise fail("ARCH203", f"`--open` opens a file, and `--format {form}` goes to stdout", hint=hint)
    return request


def _is_file(out: str) -> bool:
    """Whether `--out` names a picture, and not a folder."""
    path = Path(out)
    if path.is_dir():
        return False
    if out.endswith(("/", os.sep)) or not path.suffix:
        if path.exists():
            raise fail("ARCH202", f"{path} is a file", hint=f"name a folder, or a picture as `{path}.svg`")
        return False
    return True


def _format_of(out: str, asked: tuple[str, ...], view: str) -> str:
    """The format that a file's ending says."""
    path = Path(out)
    form = next((name for name, endings in ENDINGS.items() if path.suffix.lower() in endings), None)
    if form is None:
        *most, last = (f"`{endings[0]}`" for endings in ENDINGS.values())
        hint = f"a picture ends in {', '.join(most)} or {last}"
        hint += "" if path.exists() else f"; a folder is `{out}/`"
        raise fail("ARCH203", f"`--out {out}` does not end as a picture does", hint=hint)
    folder = f"`--out {path.with_suffix('')}/` is a folder, and takes them all"
    if view == ALL:
        raise fail("ARCH203", f"`--out {out}` is one picture, and `--view all` draws each view", hint=folder)
    if len(asked) > 1:
        raise fail("ARCH203", f"`--out {out}` is one picture, and here are {len(asked)} formats", hint=folder)
    if asked not in ((), (form,)):
        message = f"`--out {out}` cannot stand beside `--format {asked[0]}`"
        raise fail("ARCH203", message, hint=f"`--out {path.with_suffix(ENDINGS[asked[0]][0])}`, without `--format`")
    return form


def pictures(graph: Graph, spec: Spec, request: PictureRequest) -> list[Picture]:
    """What is to be drawn of a network.

    Raises:
        ArchError: there is no such view.
    """
    graphs = views(graph)
    view = request.view or next(iter(graphs))
    if view not in (*graphs, ALL):
        raise fail("ARCH203", f"there is no view `{view}`", hint=nearest(view, (*graphs, ALL)))
    folder = request.folder or (next_free("plots", spec.file_stem) if view == ALL else Path())
    return [
        Picture(
            graphs[name],
            form,
            None if form in request.printed else request.file or folder / f"{file}{ENDINGS[form][0]}",
        )
        for name, file in file_names(spec, graphs).items()
        if view in (name, ALL)
        for form in request.formats
    ]


def file_names(spec: Spec, views: Iterable[str]) -> dict[str, str]:
    """What the file of each view is called, without its ending: `my_net` the model's, `my_net-Block` a layer's.

    No two are the same to a file system that takes capital letters and small ones for one.
    """
    name = f"{spec.file_stem}-{spec.variant}" if spec.variant else spec.file_stem
    model, *layers = views
    files: dict[str, str] = {}
    taken: set[str] = set()
    for view in (model, *layers):
        wanted = name if view == model else f"{name}-{view}"
        plain = re.sub(r"[^\w.-]", "_", wanted).encode()[:LONGEST].decode(errors="ignore")
        file, number = plain, 1
        while (seen := unicodedata.normalize("NFC", file).casefold()) in taken:
            number += 1
            file = f"{plain}-{number}"
        taken.add(seen)
        files[view] = file
    return files


def draw(wanted: Iterable[Picture], options: Options) -> list[str]:
    """Draws pictures into their files, all with one renderer, and gives the texts of those that have no file.

    Raises:
        ArchError: a file cannot be written, or there is no renderer.
    """
    texts: dict[tuple[int, bool], str] = {}  # a graph is planned once for all that DOT becomes
    printed, rendered = [], []
    for picture in wanted:
        key = id(picture.graph), picture.format == "mermaid"
        if key not in texts:
            texts[key] = _text(picture, options)
        text = texts[key]
        if picture.path is None:
            printed.append(text)
        elif picture.format == "mermaid":
            write(picture.path, text)
        else:
            rendered.append((text, picture.path, picture.format))
    render_all(rendered)
    return printed


def _text(picture: Picture, options: Options) -> str:
    """A picture in a language of diagrams: in DOT, which renderers take, where it is not to be Mermaid."""
    if picture.format == "mermaid":
        return to_mermaid(picture.graph, options)
    return to_dot(picture.graph, options)


def draw_all(graph: Graph, spec: Spec, folder: Path) -> None:
    """Draws every view as SVG and PNG into a folder."""
    draw(pictures(graph, spec, PictureRequest(ALL, ("svg", "png"), folder=folder)), Options())


def list_data(graph: Graph) -> list[dict[str, Any]]:
    """The views, each with its class, arguments and shapes, as plain data."""
    from archdsl.reports.formats import outline

    outlines = {name: outline(body) for name, body in views(graph).items()}
    return [{"view": name, "class": data.pop("name"), **data} for name, data in outlines.items()]


def list_text(graph: Graph) -> str:
    """The views, one a line: `ResidualLayer  ResidualLayer(filters=16, stride=1)  8x8x16 -> 8x8x16`."""
    lines = []
    for name, body in views(graph).items():
        call = f"{body.name}({', '.join(f'{key}={value}' for key, value in body.arguments.items())})"
        lines.append((name, call, " -> ".join(format_ends(body, show))))
    return columns(lines)
