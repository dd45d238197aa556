"""`archdsl plot`: the pictures, where they are written, and refused options."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from command_line import Run
from documents import ROOT, blocks, files, named, whole

from archdsl import load, loads, resolve
from archdsl.cli import app, backend, main
from archdsl.cli import viewer as system_viewer
from archdsl.diagrams import Options, to_dot, views
from archdsl.diagrams import render as renderers
from archdsl.diagrams.mermaid import to_mermaid
from archdsl.diagrams.pictures import file_names

TEXT = """\
archdsl: 1
name: Net
input: [8, 8, 3]
args: {width: 4}
variants: {wide: {args: {width: 8}}}
layers:
  Twice:
    args: {filters: int}
    paths:
      main:
        - conv: {filters: $filters, kernel: 3, padding: same, norm: batch, activation: relu}
    shortcut: projection
    merge: add
  Stage:
    args: {filters: int}
    steps:
      - Twice: {filters: $filters}
      - Twice: {filters: $filters * 2}
model:
  - Stage: {filters: $width}
  - global_average_pool
  - dense: {units: 10, activation: softmax}
"""
CLASSES = ["Net", "Stage", "Twice"]
STARTS = {"svg": b"<?xml", "png": b"\x89PNG", "jpeg": b"\xff\xd8\xff", "pdf": b"%PDF"}
Plot = Callable[..., Run]


@pytest.fixture
def plot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Plot:
    """Runs `archdsl plot net.yaml` with more words in this process, in a folder with that file alone; or another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    Path("net.yaml").write_text(TEXT, encoding="utf-8")

    def command(*words: str, spec: str = "net.yaml", name: str = "plot") -> Run:
        monkeypatch.setattr(sys, "argv", ["archdsl", name, spec, *words])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return Run(int(caught.value.code or 0), captured.out, captured.err)

    return command


@pytest.fixture
def renderer() -> None:
    """Something that draws: Graphviz, or pygraphviz."""
    if shutil.which("dot") is None:
        pytest.importorskip("pygraphviz")


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The opened files; no viewer is started."""
    opened: list[Path] = []
    monkeypatch.setattr(system_viewer, "open_file", lambda path: opened.append(path) is None)
    return opened


def there(folder: str = ".") -> list[str]:
    """List the files of a folder, except the spec."""
    return sorted(path.name for path in Path(folder).iterdir() if path.name != "net.yaml")


@pytest.mark.usefixtures("renderer")
class TestPlaces:
    def test_the_model_is_drawn_beside_the_user(self, plot: Plot) -> None:
        done = plot()
        assert (done.code, done.out, done.err) == (0, "", "wrote net.svg\n")
        assert there() == ["net.svg"]
        assert "<title id" in Path("net.svg").read_text(encoding="utf-8")

    def test_a_layer_has_its_name_behind_the_spec_s(self, plot: Plot) -> None:
        assert plot("--view", "Twice").err == "wrote net-Twice.svg\n"
        assert ">Twice</title>" in Path("net-Twice.svg").read_text(encoding="utf-8")

    def test_the_model_is_a_view_too(self, plot: Plot) -> None:
        assert plot("--view", "Net").err == "wrote net.svg\n"

    def test_a_variant_has_a_picture_of_its_own(self, plot: Plot) -> None:
        assert plot("--variant", "wide").err == "wrote net-wide.svg\n"

    @pytest.mark.parametrize("name", ["x.svg", "x.png", "x.pdf", "x.PNG", "x.jpg", "x.jpeg", "new/folder/x.svg"])
    def test_the_ending_says_the_format(self, plot: Plot, name: str) -> None:
        assert plot("--out", name).err == f"wrote {name}\n"
        assert Path(name).read_bytes().startswith(STARTS[name.lower().rpartition(".")[2].replace("jpg", "jpeg")])

    def test_an_ending_and_a_format_that_agree(self, plot: Plot) -> None:
        assert plot("--out", "x.png", "--format", "png").code == 0

    def test_an_old_picture_is_replaced_and_nothing_else(self, plot: Plot) -> None:
        Path("pictures").mkdir()
        for name in ("net.svg", "notes.txt"):
            Path("pictures", name).write_text("old")
        assert plot("--out", "pictures").err == f"wrote {Path('pictures/net.svg')}\n"
        assert there("pictures") == ["net.svg", "notes.txt"]
        assert Path("pictures/net.svg").read_bytes().startswith(b"<?xml")
        assert Path("pictures/notes.txt").read_text() == "old"

    @pytest.mark.parametrize("out", ["new", "new/", "v1.2/"])
    def test_a_new_folder(self, plot: Plot, out: str) -> None:
        assert plot("--out", out).code == 0
        assert there(out) == ["net.svg"]

    def test_a_folder_that_is_called_as_a_picture(self, plot: Plot) -> None:
        Path("x.svg").mkdir()
        assert plot("--out", "x.svg").code == 0
        assert there("x.svg") == ["net.svg"]

    def test_several_formats(self, plot: Plot) -> None:
        done = plot("--format", "svg", "--format", "png", "--format", "svg")
        assert done.err == "wrote net.svg\nwrote net.png\n"

    def test_a_picture_and_a_text(self, plot: Plot) -> None:
        done = plot("--format", "svg", "--format", "dot")
        assert done.out.startswith("// Net\n")
        assert done.err == "wrote net.svg\n"
        assert there() == ["net.svg"]

    def test_every_view(self, plot: Plot) -> None:
        done = plot("--view", "all", "--out", "pictures/")
        assert (done.code, done.out) == (0, "")
        assert there("pictures") == ["net-Stage.svg", "net-Twice.svg", "net.svg"]
        assert done.err == "".join(f"wrote {Path('pictures', f'net{view}.svg')}\n" for view in ("", "-Stage", "-Twice"))

    def test_every_view_goes_into_a_numbered_folder(self, plot: Plot) -> None:
        formats = [word for form in ("svg", "png") for word in ("--format", form)]
        assert plot("--view", "all", *formats).err == f"wrote 6 pictures into {Path('plots/net-1')}\n"
        assert plot("--view", "all", "--format", "dot").code == 0
        assert there("plots") == ["net-1", "net-2"]
        assert there("plots/net-2") == ["net-Stage.dot", "net-Twice.dot", "net.dot"]


class TestTexts:
    def test_dot_goes_to_stdout(self, plot: Plot) -> None:
        done = plot("--format", "dot", "--view", "Stage")
        assert (done.code, done.err) == (0, "")
        assert done.out == to_dot(views(resolve(load("net.yaml")))["Stage"])
        assert there() == []

    def test_mermaid_goes_to_stdout(self, plot: Plot) -> None:
        done = plot("--format", "mermaid", "--theme", "dark")
        assert (done.code, done.err) == (0, "")
        assert done.out == to_mermaid(resolve(load("net.yaml")), Options(theme="dark"))

    @pytest.mark.parametrize("name", ["x.dot", "x.gv", "new/x.dot"])
    def test_or_into_a_file(self, plot: Plot, name: str) -> None:
        done = plot("--out", name)
        assert (done.out, done.err) == ("", f"wrote {name}\n")
        assert Path(name).read_text(encoding="utf-8") == plot("--format", "dot").out

    def test_mermaid_has_the_ending_that_its_tools_know(self, plot: Plot) -> None:
        assert plot("--format", "mermaid", "--out", "texts/").code == 0
        assert there("texts") == ["net.mmd"]
        assert plot("--out", "x.mermaid").code == 0
        assert Path("x.mermaid").read_bytes() == Path("texts/net.mmd").read_bytes()

    @pytest.mark.parametrize(
        ("words", "options"),
        [
            (["--depth", "2"], Options(depth=2)),
            (["--depth", "99"], Options(depth=99)),
            (["--detail", "full"], Options(detail="full")),
            (["--direction", "LR"], Options(direction="LR")),
            (["--theme", "dark"], Options(theme="dark")),
            (["--costs"], Options(costs=True)),
            (["--costs", "--theme", "dark", "--depth", "3"], Options(costs=True, theme="dark", depth=3)),
        ],
    )
    def test_what_it_looks_like_is_carried_over(self, plot: Plot, words: list[str], options: Options) -> None:
        done = plot("--format", "dot", *words)
        assert done.out == to_dot(resolve(load("net.yaml")), options)

    def test_what_the_others_take(self, plot: Plot) -> None:
        plain, wide = plot("--format", "dot"), plot("--format", "dot", "--variant", "wide")
        assert plain.out != wide.out
        assert plot("--format", "dot", "--set", "width=8").out == wide.out
        assert plot("--format", "dot", "--allow", "steps=1").code == 1


class TestList:
    def test_each_with_what_it_is(self, plot: Plot) -> None:
        done = plot("--list")
        assert (done.code, done.err) == (0, "")
        assert done.out == (
            "Net    Net(width=4)      8x8x3 -> 10\n"
            "Stage  Stage(filters=4)  8x8x3 -> 8x8x8\n"
            "Twice  Twice(filters=4)  8x8x3 -> 8x8x4\n"
        )
        assert there() == []

    def test_json(self, plot: Plot) -> None:
        found = plot("--list", "--json", "--variant", "wide").json()
        assert [entry["view"] for entry in found] == CLASSES
        assert found[1] == {
            "view": "Stage", "class": "Stage", "arguments": {"filters": 8}, "input": [8, 8, 3], "output": [8, 8, 16],
            "parameters": found[1]["parameters"],
        }  # fmt: skip
        assert found[1]["parameters"] == views(resolve(load("net.yaml", "wide")))["Stage"].totals.parameters

    def test_named_ends(self, plot: Plot) -> None:
        text = plot("--list", spec=str(ROOT / "examples/two_in_two_out.yaml")).out
        assert "image " in text
        assert "facts " in text.split(" -> ")[0]
        assert ", " in text.split(" -> ")[1]


class TestOpen:
    @pytest.mark.usefixtures("renderer")
    def test_the_first_picture_is_opened(self, plot: Plot, viewer: list[Path]) -> None:
        assert plot("--open", "--view", "all", "--out", "drawn").code == 0
        assert viewer == [Path("drawn/net.svg")]

    def test_a_text_in_a_file_too(self, plot: Plot, viewer: list[Path]) -> None:
        assert plot("--open", "--out", "x.dot").err == "wrote x.dot\n"
        assert viewer == [Path("x.dot")]

    def test_where_nothing_can_open_it_the_picture_is_there(
        self, plot: Plot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(system_viewer, "open_file", lambda path: False)
        done = plot("--open", "--out", "x.dot")
        assert (done.code, done.out) == (0, "")
        assert done.err == "wrote x.dot\ncannot open x.dot: no viewer found\n"
        assert there() == ["x.dot"]

    @pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="they open files by themselves")
    @pytest.mark.parametrize(("program", "opens"), [("exit 0", True), ("exit 3", False), ("exec sleep 60", True)])
    def test_the_viewer_of_a_desktop(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, opens: bool
    ) -> None:
        script = tmp_path / "xdg-open"
        script.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/opened\n{program}\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.setattr(system_viewer, "PATIENCE", 0.5)
        started: list[subprocess.Popen[bytes]] = []
        popen = subprocess.Popen
        monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
        assert system_viewer.open_file(tmp_path / "-x.svg") is opens
        assert (tmp_path / "opened").read_text() == f"{tmp_path / '-x.svg'}\n"
        started[0].kill()
        started[0].wait()

    @pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="they open files by themselves")
    def test_no_screen_or_no_viewer(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("DISPLAY", ":0")
        assert not system_viewer.open_file(tmp_path / "x.svg")
        script = tmp_path / "xdg-open"
        script.write_text("#!/bin/sh\nexit 0\n")
        script.chmod(0o755)
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        assert not system_viewer.open_file(tmp_path / "x.svg")


REFUSED = [
    "--view Twise",
    "--view Something",
    "--view al",
    "--format gif",
    "--dpi 300",
    "--format jpg --dpi 5",
    "--out x.png --dpi 2000",
    "--theme drk",
    "--detail ful",
    "--direction lr",
    "--depth 0",
    "--out x.png --format svg",
    "--out x.svg --format svg --format png",
    "--out x.png --view all",
    "--out net.yaml",
    "--out net.yaml/",
    "--out pictures.old",
    "--out Makefile",
    "--format dot --format mermaid",
    "--format dot --open",
    "--json",
    "--list --theme light",
    "--list --out x.svg",
    "--list --open --json",
]


def test_what_is_refused(plot: Plot, golden: Callable[[str, str], None]) -> None:
    """Each prints one message and writes nothing."""
    Path("Makefile").write_text("mine")
    told = []
    for words in REFUSED:
        done = plot(*shlex.split(words))
        assert (done.code, done.out) == (2, ""), words
        assert done.err.count("error[") == 1, words
        assert there() == ["Makefile"], words
        told.append(f"$ archdsl plot net.yaml {words}\n{done.err}")
    assert Path("net.yaml").read_text(encoding="utf-8") == TEXT
    assert Path("Makefile").read_text() == "mine"
    golden("plot/refused.txt", "\n".join(told))


@pytest.mark.usefixtures("renderer")
@pytest.mark.parametrize("name", ["net.yaml/x.svg", "net.yaml/x.dot", "/proc/x.dot"])
def test_a_place_that_cannot_be_written_to(plot: Plot, name: str) -> None:
    done = plot("--out", name)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"error[ARCH304]: {name} cannot be written")
    assert there() == []


def test_where_nothing_can_draw_the_text_is_there(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers, "renderers", lambda: iter(()))
    done = plot("--view", "all")
    assert (done.code, done.out) == (3, "")
    told = Path("plots/net-1/net.dot")
    assert f"wrote the DOT texts to {told}" in done.err
    assert told.read_text(encoding="utf-8").startswith("// Net\n")
    assert there("plots/net-1") == ["net-Stage.dot", "net-Twice.dot", "net.dot"]


class TestBuild:
    """`archdsl build --plot`, with a stub in place of Keras."""

    @pytest.fixture(autouse=True)
    def keras(self, monkeypatch: pytest.MonkeyPatch) -> None:
        model = SimpleNamespace(count_params=lambda: 1, weights=[])
        monkeypatch.setattr(backend, "load_keras", lambda: SimpleNamespace(build=lambda spec, **arguments: model))

    @pytest.mark.usefixtures("renderer")
    def test_every_view_is_drawn_beside_the_module(self, plot: Plot, golden: Callable[[str, str], None]) -> None:
        done = plot("--plot", "--out", "built", name="build")
        assert done.code == 0
        golden("plot/build.txt", done.err)
        assert there("built") == ["net.py", "pictures", "spec.yaml", "summary.txt"]
        names = [f"{name}.{form}" for name in ("net-Stage", "net-Twice", "net") for form in ("png", "svg")]
        assert there("built/pictures") == names

    def test_without_a_renderer_the_rest_is_there(self, plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(renderers, "renderers", lambda: iter(()))
        done = plot("--plot", "--out", "built", name="build")
        assert done.code == 3
        assert str(Path("built/pictures/net.dot")) in done.err
        assert there("built") == ["net.py", "pictures", "spec.yaml", "summary.txt"]
        assert there("built/pictures") == ["net-Stage.dot", "net-Twice.dot", "net.dot"]

    def test_nothing_is_drawn_unasked(self, plot: Plot) -> None:
        assert plot("--out", "built", name="build").code == 0
        assert there("built") == ["net.py", "spec.yaml", "summary.txt"]


@pytest.mark.parametrize(
    ("file", "variant", "found", "names"),
    [
        ("net.yaml", "", ["Net", "Block"], ["net", "net-Block"]),
        ("net.yaml", "small", ["Net", "Block"], ["net-small", "net-small-Block"]),
        ("my net.yaml", "", ["Net", "Block"], ["Net", "Net-Block"]),
        ("net.yaml", "", ["Net", "Block-projection", "Blöck", "a/../b"], None),
        ("net.yaml", "", ["Net", "Block", "BLOCK", "BLock"], ["net", "net-Block", "net-BLOCK-2", "net-BLock-3"]),
    ],
)
def test_the_names_of_files(file: str, variant: str, found: Sequence[str], names: list[str] | None) -> None:
    spec = loads(TEXT.replace("wide:", "small:"), file, variant)
    given = file_names(spec, found)
    assert list(given) == list(found)
    assert list(given.values()) == (names or ["net", "net-Block-projection", "net-Blöck", "net-a_.._b"])


def test_long_names_fit_a_file_system(tmp_path: Path) -> None:
    long = ["Net", "Ö" * 300, "Ö" * 299 + "A", "B" * 300]
    names = file_names(loads(TEXT, "n" * 240 + ".yaml"), long)
    assert len({*names.values()}) == 4
    for name in names.values():
        (tmp_path / f".{name}.mermaid.12345678").write_text("")


def test_help_fits_a_terminal(plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = plot("--help").out.splitlines()
    assert max(map(len, lines)) <= 80
    for option in ("view", "out", "format", "depth", "detail", "direction", "theme", "costs", "open", "list", "json"):
        assert any(line.startswith(f"  --{option} ") for line in lines), option


def test_the_documents_tell_every_option() -> None:
    page = (ROOT / "docs/reference/pictures.md").read_text(encoding="utf-8")
    known = {option for one in typer.main.get_command(app).commands["plot"].params for option in one.opts} - {"spec"}
    assert set(re.findall(r"--\w+", page.replace("--plot", ""))) == known


def test_checking_does_not_load_the_diagrams(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(TEXT, encoding="utf-8")
    script = (
        "import sys; from typer.testing import CliRunner; from archdsl.cli import app\n"
        "for words in (['check', 'net.yaml'], ['plot', '--help'], ['build', '--help']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0, words\n"
        "print(*(name for name in sys.modules if 'diagrams' in name))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


@pytest.mark.usefixtures("renderer")
@pytest.mark.parametrize("document", ["README.md", "docs/reference/pictures.md"])
def test_what_the_documents_draw(document: str, plot: Plot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `archdsl plot` of the documents, with the spec above it."""
    found = blocks((ROOT / document).read_text(encoding="utf-8"))
    for name, text in files().items():
        Path(name).write_text(text, encoding="utf-8")
    drawn = 0
    for block in found:
        if block.language == "yaml" and named(block):
            Path(named(block)).write_text(whole(block.text), encoding="utf-8")
        for line in block.text.splitlines() if block.language == "sh" else ():
            words = shlex.split(line, comments=True)
            if words[:2] == ["archdsl", "plot"]:
                monkeypatch.setattr(system_viewer, "open_file", lambda path: True)
                done = plot(*words[3:], spec=words[2])
                assert done.code == 0, f"{line}\n{done.err}"
                drawn += 1
    assert drawn >= 1
