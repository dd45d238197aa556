"""DOT text -> a picture, with Graphviz's `dot`, pygraphviz (whose wheels include Graphviz) or graphviz-pure."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TypeAlias

from archdsl.diagrams.svg import readable
from archdsl.errors import ArchError, fail, nearest
from archdsl.files import write

FORMATS = ("svg", "png", "jpeg", "pdf")
RASTERS = ("png", "jpeg")
"""The raster formats."""

DPI, LEAST_DPI, MOST_DPI = 192, 24, 1200
"""The default, the smallest and the largest resolution of a raster picture, in dots per inch."""

TIMEOUT = 120
"""The time limit of a renderer for one picture, in seconds."""

_Job: TypeAlias = tuple[str, str]
"""DOT text and a format."""

_ENDS = {"svg": b"</svg>", "png": b"IEND\xaeB`\x82", "jpeg": b"\xff\xd9", "pdf": b"%%EOF"}
_REMEDIES = (
    "install one of them: Graphviz (`apt install graphviz`, `brew install graphviz` or `choco install graphviz`), "
    "`pip install pygraphviz`, or `pip install graphviz-pure`"
)
# Drawing runs in a separate Python process, because Graphviz cannot be interrupted, writes to stderr, and may crash.
# The process costs only 15 ms. It starts without `site` and without the front end of pygraphviz, whose imports take as
# long as the drawing. On Windows, the front end is needed to find the libraries.
_PYGRAPHVIZ = """
import os, sys
package, dpi, *layouts = sys.argv[1:]
if sys.platform == "win32":
    sys.path.append(os.path.dirname(package))
else:
    front = sys.modules["pygraphviz"] = type(sys)("pygraphviz")
    front.__path__ = [package]
from pygraphviz import graphviz
context = graphviz.gvContextWithBuiltins()
for layout in layouts:
    file, *formats = layout.split(":")
    with open(file, "rb") as text:
        graph = graphviz.agread(text, None)
    if {"png", "jpeg"} & {*formats}:
        graphviz.agattr(graph, 0, b"dpi", dpi.encode())
    graphviz.gvLayout(context, graph, b"dot")
    for format in formats:
        _, picture = graphviz.gvRenderData(context, graph, format.encode())
        with open(f"{file}.{format}", "wb") as out:
            out.write(picture)
    graphviz.gvFreeLayout(context, graph)
    graphviz.agclose(graph)
"""
_FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{fonts}</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <alias><family>Arial</family><accept><family>Liberation Sans</family><family>DejaVu Sans</family></accept></alias>
</fontconfig>
"""


def render(dot: str, path: Path, format: str = "svg", *, dpi: int = DPI) -> Path:
    """Draw DOT text to a file.

    Args:
        dot: DOT text, as returned by `to_dot`.
        path: the file to write; an existing file is replaced.
        format: `svg`, `png`, `jpeg`, `pdf`, or `dot` for the text itself.
        dpi: the resolution of a PNG or JPEG.

    Returns:
        The path.

    Raises:
        ArchError: see `render_all`.
    """
    return render_all([(dot, path, format)], dpi=dpi)[0]


def render_all(pictures: Iterable[tuple[str, Path, str]], *, dpi: int = DPI) -> list[Path]:
    """Draw several DOT texts to files, with as few processes as the renderer allows.

    Args:
        pictures: the arguments of `render` for each picture.
        dpi: the resolution of a PNG or JPEG.

    Returns:
        The paths.

    Raises:
        ArchError: a format is unknown (ARCH203), a file cannot be written (ARCH304), or a picture cannot be drawn
            (ARCH305). In the last case, its DOT text is saved next to the path with the extension `.dot`, and the other
            pictures are written.
    """
    wanted = list(pictures)
    check_dpi(dpi)
    for _, _, format in wanted:
        _check_format(format, (*FORMATS, "dot"))
    drawn, fault = _drawn(list(dict.fromkeys((dot, format) for dot, _, format in wanted if format != "dot")), dpi)
    kept: dict[Path, str] = {}
    for dot, path, format in wanted:
        if format == "dot":
            write(path, dot.encode(errors="replace"))
        elif (dot, format) in drawn:
            write(path, drawn[dot, format])
        else:
            kept[path.with_suffix(".dot")] = dot
    for path, dot in kept.items():
        write(path, dot.encode(errors="replace"))
    if fault:
        problem, texts = fault.problems[0], [*map(str, kept)]
        where = ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
        where = f"wrote the DOT text to {where}" if len(texts) == 1 else f"wrote the DOT texts to {where}"
        raise fail("ARCH305", f"{problem.message}; {where}", hint=problem.hint)
    return [path for _, path, _ in wanted]


def picture(dot: str, format: str = "svg") -> bytes:
    """Draw DOT text and return the picture.

    Raises:
        ArchError: the format is unknown (ARCH203), or the picture cannot be drawn (ARCH305).
    """
    _check_format(format, FORMATS)
    drawn, fault = _drawn([(dot, format)])
    if fault:
        raise fault
    return drawn[dot, format]


def _check_format(format: str, formats: Collection[str]) -> None:
    if format not in formats:
        raise fail("ARCH203", f"unknown picture format `{format}`", hint=nearest(format, formats))


def check_dpi(dpi: int) -> None:
    """Raise an `ArchError` if a resolution is out of range."""
    if not LEAST_DPI <= dpi <= MOST_DPI:
        hint = f"use {DPI}, or another number from {LEAST_DPI} to {MOST_DPI}"
        raise fail("ARCH203", f"expected {LEAST_DPI} to {MOST_DPI} dots per inch, got {dpi}", hint=hint)


def _drawn(jobs: Sequence[_Job], dpi: int = DPI) -> tuple[dict[_Job, bytes], ArchError | None]:
    """Draw each picture with the first renderer that succeeds, and return an error if some are missing."""
    drawn: dict[_Job, bytes] = {}
    files = {dot: f"{number}.dot" for number, (dot, _) in enumerate(jobs)}
    faults = []
    with tempfile.TemporaryDirectory(prefix="archdsl-") as name:
        folder = Path(name)
        for dot, file in files.items():
            (folder / file).write_bytes(dot.encode(errors="replace"))
        for renderer, program in renderers():
            missing = [job for job in jobs if job not in drawn]
            if not missing:
                break
            commands = _commands(renderer, program, [(files[dot], form) for dot, form in missing], dpi)
            faults.append(f"{renderer} {_run(commands, folder)}")
            for dot, form in missing:
                content = _content(folder / f"{files[dot]}.{form}", form)
                if content:
                    drawn[dot, form] = readable(content, dot) if form == "svg" else content
    return drawn, _fault(len(jobs) - len(drawn), len(jobs), faults)


def _fault(missing: int, count: int, faults: Sequence[str]) -> ArchError | None:
    if not missing:
        return None
    if not faults:
        return fail("ARCH305", "cannot draw pictures: Graphviz is not installed", hint=_REMEDIES)
    what = "the picture" if count == 1 else f"{missing} of {count} pictures"
    hint = "draw a single layer, or reduce the depth"
    return fail("ARCH305", f"{what} could not be drawn: {'; '.join(faults)}", hint=hint)


def _content(path: Path, format: str) -> bytes:
    """The file that a renderer wrote, or nothing if it is incomplete."""
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    return content if content.rstrip().endswith(_ENDS[format]) else b""


def renderers() -> Iterator[tuple[str, str]]:
    """Yield the installed renderers in the order to try them, each with its program or the folder of pygraphviz."""
    from graphviz.backend import dot_command

    if program := shutil.which(str(dot_command.DOT_BINARY)):
        yield "dot", program
    package = importlib.util.find_spec("pygraphviz")
    if package and package.origin:
        yield "pygraphviz", str(Path(package.origin).parent)
    # The program of graphviz-pure may be in a virtual environment that is not on the PATH.
    for path in (None, str(Path(sys.executable).parent)):
        if program := shutil.which("graphviz-pure", path=path):
            yield "graphviz-pure", program
            break


def _commands(renderer: str, program: str, jobs: Iterable[tuple[str, str]], dpi: int) -> list[list[str]]:
    """The commands to run: one for pygraphviz, and otherwise one per format, because raster formats need a resolution.

    Args:
        renderer: the name of the renderer.
        program: its program, or the folder of pygraphviz.
        jobs: files of DOT text, each with a format.
    """
    if renderer == "pygraphviz":
        layouts: dict[tuple[str, bool], list[str]] = {}
        for file, form in jobs:
            layouts.setdefault((file, form in RASTERS), []).append(form)
        asked = [":".join([file, *forms]) for (file, _), forms in layouts.items()]
        return [[sys.executable, "-I", "-S", "-c", _PYGRAPHVIZ, program, str(dpi), *asked]]
    files: dict[str, list[str]] = {}
    for file, form in jobs:
        files.setdefault(form, []).append(file)
    scale = [f"-Gdpi={dpi}"]
    return [[program, f"-T{form}", *(scale if form in RASTERS else []), "-O", *names] for form, names in files.items()]


def _run(commands: Iterable[Sequence[str]], folder: Path) -> str:
    """Run the processes of a renderer in parallel, and return a description of what may have failed.

    They run in a temporary folder, because Python could import a user's file as a module otherwise. `graphviz.render`
    cannot be used: it starts a process for each picture, and supports no time limit, resolution or environment.
    """
    environment = _environment(folder)
    running: dict[Path, subprocess.Popen[bytes]] = {}
    try:
        for number, command in enumerate(commands):
            log = folder / f"{number}.log"
            with log.open("wb") as output:
                running[log] = subprocess.Popen(
                    command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                )
        faults = [_awaited(process, log) for log, process in running.items()]
    except OSError as error:
        return f"failed to start ({error.strerror})"
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return next(filter(None, faults), "wrote no complete file")


def _awaited(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for a renderer, and return its error message if it failed."""
    files = 0
    while True:
        try:
            code = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            before, files = files, len(list(log.parent.glob("*.dot.*")))
            if files == before:
                return f"took longer than {TIMEOUT} seconds"
        else:
            break
    if code == 0:
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"failed with `{lines[-1]}`" if lines else f"exited with {code}"


def _environment(folder: Path) -> Mapping[str, str]:
    """The environment in which the renderer finds fonts: those of the system, or those of matplotlib if it has none."""
    own = "FONTCONFIG_FILE" in os.environ or not sys.platform.startswith("linux")
    package = None if own else importlib.util.find_spec("matplotlib")
    if package is None or package.origin is None:
        return os.environ
    fonts = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf"
    config = folder / "fonts.conf"
    config.write_text(_FONTCONFIG.format(fonts=escape(str(fonts))), encoding="utf-8", newline="\n")
    return {**os.environ, "FONTCONFIG_FILE": str(config)}
