"""What `plot` and `build --plot` draw, and where each picture goes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from archdsl.cli.shared import next_free, stem
from archdsl.errors import fail, nearest
from archdsl.files import write
from archdsl.graph import Graph
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.spec import INPUT, OUTPUT, Spec
from archdsl.text import columns

if TYPE_CHECKING:
    from archdsl.diagrams import Options

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

PATIENCE = 2
"""Seconds after which a viewer that is still running counts as open."""


@dataclass(frozen=True, slots=True)
class Wish:
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


def refuse_beside_list(context: typer.Context) -> None:
    """Holds `--list` to the spec's own options, and `--json` to `--list`.

    Raises:
        ArchError: another option was given, which `--list` would ignore.
    """
    given = {name for name in context.params if _is_given(context, name)}
    if "listed" not in given:
        raise fail("ARCH203", "`--json` stands beside `--list`", hint="`--format dot` and `--format mermaid` are text")
    for option in context.command.params:
        if option.name in given - _OF_LISTS:
            hint = "`--list` draws nothing"
            raise fail("ARCH203", f"`--list` cannot stand beside `{option.opts[0]}`", hint=hint)


_OF_LISTS = {"spec", "listed", "as_json", "settings", "variant", "allow"}


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def wish(view: str, formats: Iterable[str], out: str | None, is_opened: bool) -> Wish:
    """What the options ask for.

    Raises:
        ArchError: there is no such format, or the options contradict one another.
    """
    asked = tuple(dict.fromkeys(formats))
    for form in asked:
        if form not in ENDINGS:
            raise fail("ARCH203", f"`{form}` is no format of pictures", hint=nearest(form, ENDINGS))
    if out is not None and _is_file(out):
        return Wish(view, (_format_of(out, asked, view),), file=Path(out))
    found = Wish(view, asked or ("svg",), folder=None if out is None else Path(out))
    if len(found.printed) > 1:
        hint = "`--out FOLDER/` takes each as a file"
        raise fail("ARCH203", f"{' and '.join(found.printed)} cannot both go to stdout", hint=hint)
    if is_opened and found.printed == found.formats:
        form = found.printed[0]
        hint = f"`--out NAME{ENDINGS[form][0]}` writes a file"
        raise fail("ARCH203", f"`--open` opens a file, and `--format {form}` goes to stdout", hint=hint)
    return found


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


def pictures(graph: Graph, spec: Spec, wish: Wish) -> list[Picture]:
    """What is to be drawn of a network.

    Raises:
        ArchError: there is no such view.
    """
    from archdsl.diagrams import views

    found = views(graph)
    view = wish.view or next(iter(found))
    if view not in (*found, ALL):
        raise fail("ARCH203", f"there is no view `{view}`", hint=nearest(view, (*found, ALL)))
    folder = wish.folder or (next_free("plots", spec) if view == ALL else Path())
    return [
        Picture(found[name], form, None if form in wish.printed else wish.file or folder / f"{file}{ENDINGS[form][0]}")
        for name, file in file_names(spec, found).items()
        if view in (name, ALL)
        for form in wish.formats
    ]


def file_names(spec: Spec, views: Iterable[str]) -> dict[str, str]:
    """What the file of each view is called, without its ending: `my_net` the model's, `my_net-Block` a layer's.

    No two are the same to a file system that takes capital letters and small ones for one.
    """
    name = f"{stem(spec)}-{spec.variant}" if spec.variant else stem(spec)
    model, *layers = views
    found: dict[str, str] = {}
    taken: set[str] = set()
    for view in (model, *layers):
        wanted = name if view == model else f"{name}-{view}"
        plain = re.sub(r"[^\w.-]", "_", wanted).encode()[:LONGEST].decode(errors="ignore")
        file, number = plain, 1
        while (seen := unicodedata.normalize("NFC", file).casefold()) in taken:
            number += 1
            file = f"{plain}-{number}"
        taken.add(seen)
        found[view] = file
    return found


def options(**words: Any) -> Options:
    """How it is to look; the diagrams are not loaded before somebody asks."""
    from archdsl.diagrams import Options

    return Options(**words)


def draw(wanted: Iterable[Picture], options: Options) -> list[str]:
    """Draws pictures into their files, all with one renderer, and gives the texts of those that have no file.

    Raises:
        ArchError: a file cannot be written, or there is no renderer.
    """
    from archdsl.diagrams.render import render_all

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
        from archdsl.diagrams.mermaid import to_mermaid

        return to_mermaid(picture.graph, options)
    from archdsl.diagrams import to_dot

    return to_dot(picture.graph, options)


def draw_all(graph: Graph, spec: Spec, folder: Path) -> None:
    """Draws every view as SVG and PNG into a folder."""
    draw(pictures(graph, spec, Wish(ALL, ("svg", "png"), folder=folder)), options())


def list_data(graph: Graph) -> list[dict[str, Any]]:
    """The views, each with its class, arguments and shapes, as plain data."""
    from archdsl.diagrams import views
    from archdsl.reports.formats import outline

    found = {name: outline(body) for name, body in views(graph).items()}
    return [{"view": name, "class": data.pop("name"), **data} for name, data in found.items()]


def list_text(graph: Graph) -> str:
    """The views, one a line: `ResidualLayer  ResidualLayer(filters=16, stride=1)  8x8x16 -> 8x8x16`."""
    from archdsl.diagrams import views

    lines = []
    for name, body in views(graph).items():
        call = f"{body.name}({', '.join(f'{key}={value}' for key, value in body.arguments.items())})"
        ends = {key: end.shape for key, end in body.outputs.items()}
        lines.append((name, call, f"{_shapes(body.inputs, INPUT)} -> {_shapes(ends, OUTPUT)}"))
    return columns(lines)


def _shapes(shapes: Mapping[str, Shape], nameless: str) -> str:
    return ", ".join(show(shape) if name == nameless else f"{name} {show(shape)}" for name, shape in shapes.items())


def open_file(path: Path) -> bool:
    """Opens a file with the system's viewer, and says whether there is one."""
    full = str(path.resolve())
    if sys.platform == "win32":
        try:
            os.startfile(full)
        except OSError:
            return False
        return True
    is_mac = sys.platform == "darwin"
    has_screen = is_mac or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    program = shutil.which("open" if is_mac else "xdg-open")
    if program is None or not has_screen:
        return False
    silent = subprocess.DEVNULL
    try:
        viewer = subprocess.Popen([program, full], stdin=silent, stdout=silent, stderr=silent, start_new_session=True)
        return viewer.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False
