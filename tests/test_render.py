"""Pictures: which renderer draws, what is in the file, and what is said where nothing can draw."""

from __future__ import annotations

import os
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from archdsl.backends.diagrams import render as module
from archdsl.backends.diagrams.render import render
from archdsl.errors import ArchError

DOT = '// Net <1>\n// 3 in, 4 out\ndigraph "net" {\n  node [fontname="Arial"]\n  "a" [label="a"]\n  "a" -> "b"\n}\n'
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without any program of Graphviz's."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(module, "_pure", lambda: None)
    return monkeypatch


def program(folder: Path, text: str) -> Path:
    """A folder with a `dot` that is this shell script."""
    path = folder / "bin" / "dot"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path.parent


@pytest.mark.parametrize(("format", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_pygraphviz_draws_without_any_program(
    bare: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], format: str, start: bytes
) -> None:
    pytest.importorskip("pygraphviz")
    path = tmp_path / "new folder" / f"net.{format}"
    assert render(DOT, path, format) == path
    assert path.read_bytes().startswith(start)
    assert [file.name for file in path.parent.iterdir()] == [path.name], "something lies beside the picture"
    assert capfd.readouterr() == ("", "")


def test_an_svg_has_a_title_a_description_and_fonts_of_browsers(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz")
    root = ElementTree.parse(render(DOT, tmp_path / "net.svg")).getroot()
    assert root.get("role") == "img"
    told = {root[0].get("id"): root[0].text, root[1].get("id"): root[1].text}
    assert told == {"title": "Net <1>", "desc": "3 in, 4 out"}
    assert root.get("aria-labelledby") == "title desc"
    fonts = {text.get("font-family") for text in root.iter(f"{SVG}text")}
    assert fonts == {'Arial,Helvetica,"Liberation Sans","DejaVu Sans",sans-serif'}


def test_only_a_png_is_drawn_larger(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = program(tmp_path, 'cat >/dev/null; echo "<svg>$*</svg>"')
    bare.setenv("PATH", f"{folder}:/bin:/usr/bin")
    assert "-Tpng -Gdpi=192" in render(DOT, tmp_path / "net.png", "png").read_text()
    assert "dpi" not in render(DOT, tmp_path / "net.svg", "svg").read_text()


def test_a_broken_program_is_passed_over(
    bare: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pygraphviz")
    bare.setenv("PATH", str(program(tmp_path, "echo no plugins >&2; exit 1")))
    assert b"<svg" in render(DOT, tmp_path / "net.svg").read_bytes()
    assert capfd.readouterr() == ("", "")


def test_without_a_renderer_the_text_is_kept_and_the_remedies_are_told(
    bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare.setattr(module, "_has_pygraphviz", lambda: False)
    with pytest.raises(ArchError) as caught:
        render(DOT, tmp_path / "net.svg")
    told = str(caught.value)
    for part in ("ARCH305", "apt install graphviz", "pip install pygraphviz", "pip install graphviz-pure", "net.dot"):
        assert part in told
    assert caught.value.exit_code == 3
    assert (tmp_path / "net.dot").read_text() == DOT
    assert not (tmp_path / "net.svg").exists()


def test_a_renderer_that_fails_is_quoted_and_leaves_the_old_picture(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setattr(module, "_has_pygraphviz", lambda: False)
    bare.setenv("PATH", str(program(tmp_path, "echo no plugins >&2; exit 1")))
    old = tmp_path / "net.svg"
    old.write_text("old")
    with pytest.raises(ArchError, match="dot says `no plugins`"):
        render(DOT, old)
    assert old.read_text() == "old"


def test_a_renderer_that_hangs_is_stopped(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setattr(module, "_has_pygraphviz", lambda: False)
    bare.setattr(module, "TIMEOUT", 0.2)
    bare.setenv("PATH", f"{program(tmp_path, 'exec sleep 60')}:/bin:/usr/bin")
    start = time.monotonic()
    with pytest.raises(ArchError, match="took longer"):
        render(DOT, tmp_path / "net.svg")
    assert time.monotonic() - start < 20


def test_no_such_format(tmp_path: Path) -> None:
    with pytest.raises(ArchError, match="ARCH203"):
        render(DOT, tmp_path / "net.gif", "gif")


def test_the_text_itself(tmp_path: Path) -> None:
    assert render(DOT, tmp_path / "net.dot", "dot").read_text() == DOT


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArchError, match="ARCH304"):
        render(DOT, tmp_path / "file" / "net.dot", "dot")


def test_matplotlib_s_letters_are_known_to_the_renderer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    monkeypatch.setattr(module.sys, "platform", "linux")
    config = Path(module._environment(str(tmp_path))["FONTCONFIG_FILE"])
    fonts = ElementTree.parse(config).findtext("dir")
    assert fonts is not None
    assert (Path(fonts) / "DejaVuSans.ttf").exists()
    monkeypatch.setenv("FONTCONFIG_FILE", "mine")
    assert module._environment(str(tmp_path)) is os.environ
