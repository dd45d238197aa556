"""Pictures: which renderer draws, with how many processes, and what is said where nothing can draw."""

from __future__ import annotations

import shutil
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from renderers import PROGRAMS, RENDERERS, only

from archdsl.diagrams import render as module
from archdsl.diagrams.render import picture, render, render_all
from archdsl.errors import ArchError

DOT = '// Net <1>\n// 3 in, 4 out\ndigraph "net" {\n  node [fontname="Arial"]\n  "a" [label="a"]\n  "a" -> "b"\n}\n'
OTHER = DOT.replace('"a"', '"other"')
STARTS = {"svg": b"<?xml", "png": b"\x89PNG", "jpeg": b"\xff\xd8\xff", "pdf": b"%PDF"}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without any renderer, but for a `dot` on the PATH that a test sets."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(module, "renderers", dot_alone)
    return monkeypatch


def dot_alone() -> list[tuple[str, str]]:
    return [("dot", program) for program in [shutil.which("dot")] if program]


def dot_and_pygraphviz() -> list[tuple[str, str]]:
    return [*dot_alone(), ("pygraphviz", PROGRAMS["pygraphviz"])]


@pytest.fixture(params=RENDERERS)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    return only(request.param, monkeypatch)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are started from now on."""
    found: list[subprocess.Popen[bytes]] = []

    class Counted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *words: object, **options: object) -> None:
            super().__init__(*words, **options)  # type: ignore[call-overload]
            found.append(self)

    monkeypatch.setattr(module.subprocess, "Popen", Counted)
    return found


def program(folder: Path, text: str) -> str:
    """A PATH with a `dot` that is this shell script, where `$file` is the last file that it is to draw."""
    path = folder / "bin" / "dot"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\nfor file do :; done\n{text}\n")
    path.chmod(0o755)
    return f"{path.parent}:/bin:/usr/bin"


def test_the_graphviz_package_says_which_program_is_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "exit 0")
    own = tmp_path / "bin" / "dot"
    monkeypatch.setattr("graphviz.backend.dot_command.DOT_BINARY", own)
    assert dict(module.renderers())["dot"] == str(own)


@pytest.mark.parametrize("format", STARTS)
def test_each_renderer_draws_each_format(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], format: str
) -> None:
    if (engine, format) == ("graphviz-pure", "pdf"):
        pytest.skip("graphviz-pure draws no PDF")
    path = tmp_path / "new folder" / f"net.{format}"
    assert render(DOT, path, format) == path
    assert path.read_bytes().startswith(STARTS[format])
    assert [file.name for file in path.parent.iterdir()] == [path.name], "something lies beside the picture"
    assert picture(DOT, format).startswith(STARTS[format])
    assert capfd.readouterr() == ("", "")


def test_many_pictures_need_few_processes(
    engine: str, tmp_path: Path, started: list[subprocess.Popen[bytes]], capfd: pytest.CaptureFixture[str]
) -> None:
    texts = {name: DOT.replace('"a"', f'"{name}"') for name in ("one", "two", "three")}
    wanted = [(dot, tmp_path / f"{name}.{form}", form) for name, dot in texts.items() for form in ("svg", "png", "dot")]
    assert render_all(wanted) == [path for _, path, _ in wanted]
    assert len(started) == (1 if engine == "pygraphviz" else 2)
    for name, dot in texts.items():
        assert f'data-name="{name}"' in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(STARTS["png"])
        assert (tmp_path / f"{name}.dot").read_text() == dot
    assert len(list(tmp_path.iterdir())) == len(wanted)
    assert capfd.readouterr() == ("", "")


def test_equal_pictures_are_drawn_once(engine: str, tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    one, two = render_all([(DOT, tmp_path / f"{name}.svg", "svg") for name in ("one", "two")])
    assert one.read_bytes() == two.read_bytes()
    assert str(started[0].args).count(".dot") == 1


@pytest.mark.skipif("pygraphviz" not in PROGRAMS, reason="pygraphviz is not here")
def test_formats_of_one_scale_share_a_layout(
    bare: pytest.MonkeyPatch, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    bare.setattr(module, "renderers", dot_and_pygraphviz)
    render_all([(DOT, tmp_path / f"net.{form}", form) for form in ("svg", "png", "pdf")])
    (process,) = started
    assert list(process.args)[-2:] == ["2.dot:svg:pdf", "2.dot:png"]  # type: ignore[arg-type]


def test_only_a_png_is_drawn_larger(engine: str, tmp_path: Path) -> None:
    svg, png = render_all([(DOT, tmp_path / f"net.{form}", form) for form in ("svg", "png")])
    points = float(ElementTree.parse(svg).getroot().attrib["width"].removesuffix("pt"))
    pixels = int.from_bytes(png.read_bytes()[16:20], "big")
    assert pixels == pytest.approx(points * 192 / 72, abs=4)
    assert points < 100


@pytest.mark.parametrize("dpi", [48, 300])
def test_pixels_have_the_resolution_that_is_asked_for(engine: str, tmp_path: Path, dpi: int) -> None:
    wanted = [(DOT, tmp_path / f"net.{form}", form) for form in ("svg", "png", "jpeg")]
    svg, *pixels = render_all(wanted, dpi=dpi)
    points = float(ElementTree.parse(svg).getroot().attrib["width"].removesuffix("pt"))
    for path in pixels:
        with Image.open(path) as image:
            assert image.width == pytest.approx(points * dpi / 72, abs=4)


@pytest.mark.parametrize("dpi", [0, 23, 1201])
def test_a_resolution_that_cannot_be(tmp_path: Path, dpi: int) -> None:
    with pytest.raises(ArchError, match="expected 24 to 1200 dots per inch"):
        render(DOT, tmp_path / "net.png", "png", dpi=dpi)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif("pygraphviz" not in PROGRAMS, reason="pygraphviz is not here")
def test_a_broken_program_is_passed_over(
    bare: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bare.setattr(module, "renderers", dot_and_pygraphviz)
    bare.setenv("PATH", program(tmp_path, "echo no plugins >&2; exit 1"))
    assert b"<svg" in render(DOT, tmp_path / "net.svg").read_bytes()
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif("pygraphviz" not in PROGRAMS, reason="pygraphviz is not here")
def test_what_one_renderer_leaves_out_another_draws(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setenv("PATH", program(tmp_path, 'echo "<svg>by dot</svg>" >"$file.svg"; exit 1'))
    bare.setattr(module, "renderers", dot_and_pygraphviz)
    one, two = render_all([(DOT, tmp_path / "one.svg", "svg"), (OTHER, tmp_path / "two.svg", "svg")])
    assert 'data-name="a"' in one.read_text()
    assert "by dot" in two.read_text()


def test_without_a_renderer_the_text_is_kept_and_the_remedies_are_told(
    bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ArchError) as caught:
        render(DOT, tmp_path / "net.svg")
    told = str(caught.value)
    for part in ("ARCH305", "apt install graphviz", "pip install pygraphviz", "pip install graphviz-pure", "net.dot"):
        assert part in told
    assert caught.value.exit_code == 3
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("net.dot", DOT)]


def test_without_a_renderer_many_texts_are_kept_and_one_sentence_is_told(
    bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    texts = {name: DOT.replace('"a"', f'"{name}"') for name in ("one", "two", "three", "four", "five")}
    wanted = [(dot, tmp_path / f"{name}.{form}", form) for name, dot in texts.items() for form in ("svg", "png")]
    with pytest.raises(ArchError) as caught:
        render_all(wanted)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].message.endswith(f", {tmp_path / 'three.dot'} and 2 more")
    assert str(caught.value).count("apt install graphviz") == 1
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        f"{name}.dot": texts[name] for name in texts
    }


def test_a_picture_alone_writes_nothing(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.chdir(tmp_path)
    with pytest.raises(ArchError, match=r"ARCH305.*Graphviz is not installed\n"):
        picture(DOT)
    assert list(tmp_path.iterdir()) == []


def test_a_renderer_that_fails_is_quoted_and_leaves_the_old_picture(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setenv("PATH", program(tmp_path, "echo no plugins >&2; exit 1"))
    old = tmp_path / "net.svg"
    old.write_text("old")
    with pytest.raises(ArchError, match="dot failed with `no plugins`"):
        render(DOT, old)
    assert old.read_text() == "old"


@pytest.mark.parametrize("ending", ["exit 0", "kill -9 $$"])
def test_half_a_picture_is_none(bare: pytest.MonkeyPatch, tmp_path: Path, ending: str) -> None:
    bare.setenv("PATH", program(tmp_path, f'echo "<svg><g>" >"$file.svg"; {ending}'))
    with pytest.raises(ArchError, match=r"dot (wrote no complete file|exited with -9)"):
        render(DOT, tmp_path / "net.svg")
    assert not (tmp_path / "net.svg").exists()


def test_the_pictures_that_can_be_drawn_are(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setenv("PATH", program(tmp_path, 'echo "<svg></svg>" >"$file.svg"; echo syntax error >&2; exit 1'))
    with pytest.raises(
        ArchError, match="1 of 2 pictures could not be drawn: dot failed with `syntax error`; wrote the DOT text"
    ):
        render_all([(DOT, tmp_path / "one.svg", "svg"), (OTHER, tmp_path / "two.svg", "svg")])
    assert {file.name for file in tmp_path.iterdir()} == {"bin", "one.dot", "two.svg"}


def test_a_format_that_a_renderer_lacks_costs_no_other(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setenv("PATH", program(tmp_path, '[ $1 = -Tpdf ] && exit 1; echo "<svg></svg>" >"$file.svg"'))
    with pytest.raises(ArchError, match="1 of 2 pictures"):
        render_all([(DOT, tmp_path / f"net.{form}", form) for form in ("pdf", "svg")])
    assert {file.name for file in tmp_path.iterdir()} == {"bin", "net.dot", "net.svg"}


def test_a_renderer_that_hangs_is_stopped(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setattr(module, "TIMEOUT", 0.2)
    bare.setenv("PATH", program(tmp_path, "exec sleep 60"))
    start = time.monotonic()
    with pytest.raises(ArchError, match="took longer"):
        render(DOT, tmp_path / "net.svg")
    assert time.monotonic() - start < 20


def test_a_renderer_that_gets_on_is_waited_for(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Slow:
        """Draws one picture during each wait."""

        def __init__(self, command: list[str], *, cwd: Path, **_: object) -> None:
            self.left = [cwd / f"{file}.svg" for file in command[command.index("-O") + 1 :]]

        def wait(self, timeout: float | None = None) -> int:
            if not self.left:
                return 0
            self.left.pop().write_text("<svg></svg>")
            raise subprocess.TimeoutExpired("dot", timeout or 0)

        def kill(self) -> None:
            assert self.left == []

    bare.setenv("PATH", program(tmp_path, ""))
    bare.setattr(module.subprocess, "Popen", Slow)
    wanted = [(dot, tmp_path / f"{number}.svg", "svg") for number, dot in enumerate((DOT, OTHER, f"{DOT} "))]
    assert [path.read_text()[:4] for path in render_all(wanted)] == ["<svg"] * 3


def test_an_interruption_stops_the_renderer(
    bare: pytest.MonkeyPatch, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    class Interrupted(module.subprocess.Popen):  # type: ignore[misc,name-defined]
        def wait(self, timeout: float | None = None) -> int:
            if timeout:
                raise KeyboardInterrupt
            return int(super().wait())

    bare.setenv("PATH", program(tmp_path, "exec sleep 60"))
    bare.setattr(module.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        render(DOT, tmp_path / "net.svg")
    assert [process.returncode for process in started] == [-9]
    assert {file.name for file in tmp_path.iterdir()} == {"bin"}


@pytest.mark.parametrize("draw", [lambda path, form: render(DOT, path, form), lambda path, form: picture(DOT, form)])
def test_no_such_format(tmp_path: Path, draw: Callable[[Path, str], object]) -> None:
    with pytest.raises(ArchError, match="ARCH203"):
        draw(tmp_path / "net.gif", "gif")


def test_the_text_itself(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert render(DOT, tmp_path / "net.dot", "dot").read_text() == DOT


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArchError, match="ARCH304"):
        render(DOT, tmp_path / "file" / "net.dot", "dot")


def test_matplotlib_s_letters_are_known_to_the_renderer(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    bare.delenv("FONTCONFIG_FILE", raising=False)
    bare.setattr(module.sys, "platform", "linux")
    copied = tmp_path / "fonts.conf"
    bare.setenv("PATH", program(tmp_path, f'cp "$FONTCONFIG_FILE" {copied}; echo "<svg></svg>" >"$file.svg"'))
    render(DOT, tmp_path / "net.svg")
    fonts = ElementTree.parse(copied).findtext("dir")
    assert fonts is not None
    assert (Path(fonts) / "DejaVuSans.ttf").exists()
    mine = tmp_path / "mine.conf"
    mine.write_text("mine")
    bare.setenv("FONTCONFIG_FILE", str(mine))
    render(DOT, tmp_path / "net.svg")
    assert copied.read_text() == "mine"
