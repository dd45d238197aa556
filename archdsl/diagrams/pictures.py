"""Requests for pictures of a network: views, formats and files."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archdsl.diagrams.captions import format_ends
from archdsl.diagrams.dot import to_dot
from archdsl.diagrams.mermaid import to_mermaid
from archdsl.diagrams.options import Options
from archdsl.diagrams.render import DPI, RASTERS, check_dpi, render_all
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
    "jpeg": (".jpg", ".jpeg"),
    "pdf": (".pdf",),
    "dot": (".dot", ".gv"),
    "mermaid": (".mmd", ".mermaid"),
}
"""The file extensions of each format; archdsl writes files with the first one."""

TEXTS = ("dot", "mermaid")
"""The text formats, which can be printed to stdout."""

ALL = "all"
"""The name for all views. It cannot clash with a class, whose name starts with a capital letter."""

LONGEST = 180
"""The longest file name without extension, in bytes: file systems allow 255, and temporary names are longer."""


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """A request for pictures.

    Args:
        view: the name of a view, `ALL` for all views, or empty for the model.
        formats: the formats, without duplicates.
        file: the file to write, for a single picture.
        folder: the folder to write pictures to, under their default names.
        dpi: the resolution of a PNG or JPEG.
    """

    view: str
    formats: tuple[str, ...]
    file: Path | None = None
    folder: Path | None = None
    dpi: int = DPI

    @property
    def printed(self) -> tuple[str, ...]:
        """The formats to print to stdout."""
        to_files = self.file or self.folder or self.view == ALL
        return () if to_files else tuple(form for form in self.formats if form in TEXTS)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to draw; without a path, it is printed to stdout."""

    graph: Graph
    format: str
    path: Path | None = None


def request(
    view: str, formats: Iterable[str], out: str | None, is_opened: bool, dpi: int | None = None
) -> PictureRequest:
    """Convert the options of `archdsl plot` to a request.

    Args:
        dpi: the resolution of a PNG or JPEG; None for the default.

    Raises:
        ArchError: a format is unknown, or the options contradict each other (ARCH202, ARCH203).
    """
    asked = tuple(dict.fromkeys("jpeg" if form == "jpg" else form for form in formats))
    for form in asked:
        if form not in ENDINGS:
            raise fail("ARCH203", f"unknown picture format `{form}`", hint=nearest(form, ENDINGS))
    if out is not None and _is_file(out):
        return _scaled(PictureRequest(view, (_format_of(out, asked, view),), file=Path(out)), dpi)
    request = _scaled(PictureRequest(view, asked or ("svg",), folder=None if out is None else Path(out)), dpi)
    if len(request.printed) > 1:
        hint = "write files with `--out FOLDER/`"
        raise fail("ARCH203", f"cannot print both {' and '.join(request.printed)} to stdout", hint=hint)
    if is_opened and request.printed == request.formats:
        form = request.printed[0]
        hint = f"write a file with `--out NAME{ENDINGS[form][0]}`"
        raise fail("ARCH203", f"`--open` requires a file, but `--format {form}` prints to stdout", hint=hint)
    return request


def _scaled(request: PictureRequest, dpi: int | None) -> PictureRequest:
    """Set the resolution of a request, if there is one to set."""
    if dpi is None:
        return request
    check_dpi(dpi)
    if not {*RASTERS} & {*request.formats}:
        message = f"`--dpi` requires PNG or JPEG, got {request.formats[0].upper()}"
        raise fail("ARCH203", message, hint="add `--format png`, or remove `--dpi`")
    return replace(request, dpi=dpi)


def _is_file(out: str) -> bool:
    """Whether `--out` names a picture rather than a folder."""
    path = Path(out)
    if path.is_dir():
        return False
    if out.endswith(("/", os.sep)) or not path.suffix:
        if path.exists():
            raise fail("ARCH202", f"{path} is a file", hint=f"name a folder, or a picture such as `{path}.svg`")
        return False
    return True


def _format_of(out: str, asked: tuple[str, ...], view: str) -> str:
    """The format given by the extension of a file."""
    path = Path(out)
    form = next((name for name, endings in ENDINGS.items() if path.suffix.lower() in endings), None)
    if form is None:
        *most, last = (f"`{endings[0]}`" for endings in ENDINGS.values())
        hint = f"use {', '.join(most)} or {last}"
        hint += "" if path.exists() else f"; for a folder, write `{out}/`"
        raise fail("ARCH203", f"cannot infer a picture format from `--out {out}`", hint=hint)
    folder = f"to write all of them to a folder, use `--out {path.with_suffix('')}/`"
    if view == ALL:
        raise fail("ARCH203", f"`--view all` draws several pictures, but `--out {out}` is a single file", hint=folder)
    if len(asked) > 1:
        raise fail("ARCH203", f"expected a single format for `--out {out}`, got {len(asked)}", hint=folder)
    if asked not in ((), (form,)):
        message = f"`--format {asked[0]}` contradicts `--out {out}`"
        other = path.with_suffix(ENDINGS[asked[0]][0])
        raise fail("ARCH203", message, hint=f"use `--out {other}` without `--format`")
    return form


def pictures(graph: Graph, spec: Spec, request: PictureRequest) -> list[Picture]:
    """Return the pictures of a network that a request asks for.

    Raises:
        ArchError: the view is unknown (ARCH203).
    """
    graphs = views(graph)
    view = request.view or next(iter(graphs))
    if view not in (*graphs, ALL):
        raise fail("ARCH203", f"unknown view `{view}`", hint=nearest(view, (*graphs, ALL)))
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
    """Return the file name of each view without extension: `my_net` for the model, `my_net-Block` for a layer.

    Names are unique even on a file system that ignores case.
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


def draw(wanted: Iterable[Picture], options: Options, *, dpi: int = DPI) -> list[str]:
    """Draw pictures to their files with one renderer, and return the text of those without a file.

    Args:
        dpi: the resolution of a PNG or JPEG.

    Raises:
        ArchError: a file cannot be written (ARCH304), or there is no renderer (ARCH305).
    """
    texts: dict[tuple[int, bool], str] = {}  # one DOT text per graph serves all formats that are made of it
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
    render_all(rendered, dpi=dpi)
    return printed


def _text(picture: Picture, options: Options) -> str:
    """A picture as Mermaid text, or as DOT text for all other formats."""
    if picture.format == "mermaid":
        return to_mermaid(picture.graph, options)
    return to_dot(picture.graph, options)


def draw_graph(graph: Graph, path: str | Path, options: Options, dpi: int | None = None) -> None:
    """Draw one graph into a file, whose extension names the format.

    Raises:
        ArchError: no picture has this extension, the file cannot be written, or there is no renderer.
    """
    form = _format_of(str(path), (), "")
    request = _scaled(PictureRequest("", (form,), file=Path(path)), dpi)
    draw([Picture(graph, form, request.file)], options, dpi=request.dpi)


def draw_all(graph: Graph, spec: Spec, folder: Path) -> None:
    """Draw every view as SVG and PNG to a folder."""
    draw(pictures(graph, spec, PictureRequest(ALL, ("svg", "png"), folder=folder)), Options())


def list_data(graph: Graph) -> list[dict[str, Any]]:
    """Return the views with their class, arguments and shapes, as plain data."""
    from archdsl.reports.formats import outline

    outlines = {name: outline(body) for name, body in views(graph).items()}
    return [{"view": name, "class": data.pop("name"), **data} for name, data in outlines.items()]


def list_text(graph: Graph) -> str:
    """Format the views, one per line: `ResidualLayer  ResidualLayer(filters=16, stride=1)  8x8x16 -> 8x8x16`."""
    lines = []
    for name, body in views(graph).items():
        call = f"{body.name}({', '.join(f'{key}={value}' for key, value in body.arguments.items())})"
        lines.append((name, call, " -> ".join(format_ends(body, show))))
    return columns(lines)
