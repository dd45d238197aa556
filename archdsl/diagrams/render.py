"""DOT text -> a picture: by Graphviz's `dot`, by pygraphviz (whose wheels carry Graphviz), or by graphviz-pure."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TypeAlias

from archdsl.diagrams.svg import readable
from archdsl.errors import ArchError, fail, nearest

FORMATS = ("svg", "png", "pdf")
TIMEOUT = 120
"""Seconds that a renderer may take until it begins the next picture."""

_Job: TypeAlias = tuple[str, str]
"""DOT text and a format."""

_DPI = 192
_ENDS = {"svg": b"</svg>", "png": b"IEND\xaeB`\x82", "pdf": b"%%EOF"}
_REMEDIES = (
    "install one of them: Graphviz (`apt install graphviz`, `brew install graphviz` or `choco install graphviz`), "
    "`pip install pygraphviz`, or `pip install graphviz-pure`"
)
# A Python of its own draws: Graphviz cannot be interrupted inside a process, writes to its stderr, and may crash; all
# that a process costs is 15 ms. This one starts without `site`, and without pygraphviz's front, whose imports cost
# as much as the drawing; on Windows that front finds the libraries.
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
    if "png" in formats:
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


def render(dot: str, path: Path, format: str = "svg") -> Path:
    """Draws DOT text into a file, whole or not at all.

    Args:
        dot: what `to_dot` gives.
        path: the picture; an existing file is replaced.
        format: `svg`, `png`, `pdf`, or `dot` for the text itself.

    Returns:
        The path.

    Raises:
        ArchError: as of `render_all`.
    """
    return render_all([(dot, path, format)])[0]


def render_all(pictures: Iterable[tuple[str, Path, str]]) -> list[Path]:
    """Draws many DOT texts into files, with as few processes as its renderer allows.

    Args:
        pictures: each as `render` takes it.

    Returns:
        The paths.

    Raises:
        ArchError: a format is unknown; a file cannot be written; or a picture cannot be drawn. Then its DOT text
            is saved next to the path, with the ending `.dot`, and the other pictures are where they should be.
    """
    wanted = list(pictures)
    for _, _, format in wanted:
        _check_format(format, (*FORMATS, "dot"))
    drawn, fault = _drawn(list(dict.fromkeys((dot, format) for dot, _, format in wanted if format != "dot")))
    kept: dict[Path, None] = {}
    for dot, path, format in wanted:
        if format == "dot":
            _write(path, dot.encode(errors="replace"))
        elif (dot, format) in drawn:
            _write(path, drawn[dot, format])
        else:
            kept[_write(path.with_suffix(".dot"), dot.encode(errors="replace"))] = None
    if fault:
        problem, texts = fault.problems[0], [*map(str, kept)]
        where = ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
        where = f"the DOT text is in {where}" if len(texts) == 1 else f"the DOT texts are in {where}"
        raise fail("ARCH305", f"{problem.message}; {where}", hint=problem.hint)
    return [path for _, path, _ in wanted]


def picture(dot: str, format: str = "svg") -> bytes:
    """A picture of DOT text, for those who want no file.

    Raises:
        ArchError: the format is unknown, or nothing here can draw it.
    """
    _check_format(format, FORMATS)
    drawn, fault = _drawn([(dot, format)])
    if fault:
        raise fault
    return drawn[dot, format]


def _check_format(format: str, formats: Collection[str]) -> None:
    if format not in formats:
        raise fail("ARCH203", f"`{format}` is no format of pictures", hint=nearest(format, formats))


def _drawn(jobs: Sequence[_Job]) -> tuple[dict[_Job, bytes], ArchError | None]:
    """Each picture by the first renderer that gives it; and why there are fewer than there should be."""
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
            commands = _commands(renderer, program, [(files[dot], form) for dot, form in missing])
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
        return fail("ARCH305", "nothing here can draw: Graphviz is missing", hint=_REMEDIES)
    what = "the picture" if count == 1 else f"{missing} of {count} pictures"
    return fail("ARCH305", f"{what} could not be drawn: {'; '.join(faults)}", hint="draw one layer, or less deep")


def _content(path: Path, format: str) -> bytes:
    """What a renderer wrote, or nothing where that is not whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    return content if content.rstrip().endswith(_ENDS[format]) else b""


def renderers() -> Iterator[tuple[str, str]]:
    """The installed renderers in the order in which they are tried, each with its program, or pygraphviz's folder."""
    from graphviz.backend import dot_command

    if program := shutil.which(str(dot_command.DOT_BINARY)):
        yield "dot", program
    package = importlib.util.find_spec("pygraphviz")
    if package and package.origin:
        yield "pygraphviz", str(Path(package.origin).parent)
    # The program of graphviz-pure may be in an environment that is not on the PATH.
    for path in (None, str(Path(sys.executable).parent)):
        if program := shutil.which("graphviz-pure", path=path):
            yield "graphviz-pure", program
            break


def _commands(renderer: str, program: str, jobs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """One process for all; of a program one for each format, for PNG has a scale of its own, and some lack PDF.

    Args:
        jobs: files of DOT text, each with a format.
    """
    if renderer == "pygraphviz":
        layouts: dict[tuple[str, bool], list[str]] = {}
        for file, form in jobs:
            layouts.setdefault((file, form == "png"), []).append(form)
        asked = [":".join([file, *forms]) for (file, _), forms in layouts.items()]
        return [[sys.executable, "-I", "-S", "-c", _PYGRAPHVIZ, program, str(_DPI), *asked]]
    files: dict[str, list[str]] = {}
    for file, form in jobs:
        files.setdefault(form, []).append(file)
    scale = {"png": [f"-Gdpi={_DPI}"]}
    return [[program, f"-T{form}", *scale.get(form, []), "-O", *names] for form, names in files.items()]


def _run(commands: Iterable[Sequence[str]], folder: Path) -> str:
    """Lets processes of a renderer draw side by side, and says what may have gone wrong.

    They run in a folder of their own, so that no file of the user's can pass for a module. `graphviz.render` is of no
    use here: it starts a process for each picture, and takes no time limit, no scale and no environment.
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
        return f"does not start ({error.strerror})"
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return next(filter(None, faults), "wrote nothing that is whole")


def _awaited(process: subprocess.Popen[bytes], log: Path) -> str:
    """Waits for a renderer; what it said where it failed."""
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
    return f"says `{lines[-1]}`" if lines else f"ended with {code}"


def _environment(folder: Path) -> Mapping[str, str]:
    """Where the renderer finds letters: the system's fonts, and matplotlib's where there are none."""
    own = "FONTCONFIG_FILE" in os.environ or not sys.platform.startswith("linux")
    package = None if own else importlib.util.find_spec("matplotlib")
    if package is None or package.origin is None:
        return os.environ
    fonts = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf"
    config = folder / "fonts.conf"
    config.write_text(_FONTCONFIG.format(fonts=escape(str(fonts))), encoding="utf-8", newline="\n")
    return {**os.environ, "FONTCONFIG_FILE": str(config)}


def _write(path: Path, content: bytes) -> Path:
    """Writes beside the path, and moves it there when it is whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise fail("ARCH304", f"{path} cannot be written ({error.strerror})") from None
    return path
