"""DOT text -> a picture: by Graphviz's `dot`, by pygraphviz (whose wheels carry Graphviz), or by graphviz-pure."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from html import escape
from pathlib import Path

from archdsl.errors import ArchError, fail, nearest

FORMATS = ("svg", "png", "pdf")
TIMEOUT = 120
"""Seconds that a renderer may take."""

_DPI = 192
_FONTS = 'Arial,Helvetica,"Liberation Sans","DejaVu Sans",sans-serif'
_REMEDIES = (
    "install one of them: Graphviz (`apt install graphviz`, `brew install graphviz` or `choco install graphviz`), "
    "`pip install pygraphviz`, or `pip install graphviz-pure`"
)
# Drawn by a Python of its own: Graphviz cannot be interrupted inside a process, and it writes to its stderr.
_PYGRAPHVIZ = """
import sys
import pygraphviz
format, dpi = sys.argv[1:]
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
if dpi:
    graph.graph_attr["dpi"] = dpi
graph.layout(prog="dot")
sys.stdout.buffer.write(graph.draw(format=format))
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
        path: the picture; what stands there is replaced.
        format: `svg`, `png`, `pdf`, or `dot` for the text itself.

    Returns:
        The path.

    Raises:
        ArchError: the format is unknown; the file cannot be written; or nothing here can draw. Then the DOT text
            stands beside the path, with the ending `.dot`.
    """
    if format == "dot":
        return _write(path, dot.encode())
    if format not in FORMATS:
        raise fail("ARCH203", f"`{format}` is no format of pictures", hint=nearest(format, (*FORMATS, "dot")))
    try:
        picture = _drawn(dot, format)
    except ArchError as error:
        beside = _write(path.with_suffix(".dot"), dot.encode())
        problem = error.problems[0]
        raise fail("ARCH305", f"{problem.message}; the DOT text is in {beside}", hint=problem.hint) from None
    return _write(path, _readable(picture, dot) if format == "svg" else picture)


def _drawn(dot: str, format: str) -> bytes:
    """The picture by the first renderer that gives one."""
    dpi = str(_DPI) if format == "png" else ""
    flags = [f"-T{format}", *([f"-Gdpi={dpi}"] if dpi else [])]
    commands = {"dot": [program, *flags] if (program := shutil.which("dot")) else []}
    commands["pygraphviz"] = [sys.executable, "-c", _PYGRAPHVIZ, format, dpi] if _has_pygraphviz() else []
    commands["graphviz-pure"] = [program, *flags] if (program := _pure()) else []
    if not any(commands.values()):
        raise fail("ARCH305", "nothing here can draw: Graphviz is missing", hint=_REMEDIES)
    faults = []
    with tempfile.TemporaryDirectory(prefix="archdsl-") as folder:
        for name, command in commands.items():
            picture, fault = _run(command, dot, folder) if command else (b"", "")
            if picture:
                return picture
            faults += [f"{name} {fault}"] if fault else []
    raise fail("ARCH305", f"the picture could not be drawn: {'; '.join(faults)}", hint="draw one layer, or less deep")


def _pure() -> str | None:
    """The program of graphviz-pure, also where its environment is not on the PATH."""
    return shutil.which("graphviz-pure") or shutil.which("graphviz-pure", path=str(Path(sys.executable).parent))


def _has_pygraphviz() -> bool:
    return importlib.util.find_spec("pygraphviz") is not None


def _run(command: list[str], dot: str, folder: str) -> tuple[bytes, str]:
    """What a renderer writes; where that is nothing, why.

    It runs in an empty folder, so that no file of the user's can pass for a module.
    """
    environment = _environment(folder)
    try:
        done = subprocess.run(
            command, input=dot.encode(), capture_output=True, cwd=folder, env=environment, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return b"", f"took longer than {TIMEOUT} seconds"
    except OSError as error:
        return b"", f"does not start ({error.strerror})"
    if done.returncode == 0 and done.stdout:
        return done.stdout, ""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return b"", f"says `{lines[-1]}`" if lines else f"ended with {done.returncode}"


def _environment(folder: str) -> Mapping[str, str]:
    """Where the renderer finds letters: the system's fonts, and matplotlib's where there are none."""
    package = importlib.util.find_spec("matplotlib")
    own = "FONTCONFIG_FILE" in os.environ or not sys.platform.startswith("linux")
    if own or package is None or package.origin is None:
        return os.environ
    fonts = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf"
    config = Path(folder) / "fonts.conf"
    config.write_text(_FONTCONFIG.format(fonts=escape(str(fonts))), encoding="utf-8")
    return {**os.environ, "FONTCONFIG_FILE": str(config)}


def _readable(picture: bytes, dot: str) -> bytes:
    """An SVG with fonts that browsers have, and a title and a description for those who cannot see it."""
    text = picture.decode()
    text = text.replace('font-family="Arial"', f"font-family='{_FONTS}'")
    told = [line.removeprefix("// ") for line in dot.splitlines()[:2] if line.startswith("// ")]
    tags = [f'<{tag} id="{tag}">{escape(line)}</{tag}>' for tag, line in zip(("title", "desc"), told, strict=False)]
    start = text.find("<svg")
    end = text.find(">", start)
    if start < 0 or not tags:
        return text.encode()
    about = ' role="img" aria-labelledby="title desc"'
    return f"{text[:end]}{about}>\n{chr(10).join(tags)}{text[end + 1 :]}".encode()


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
