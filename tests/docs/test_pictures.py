"""The pictures of README and `docs/` are there, are those of today, and are what the commands beside them draw."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from documents import DOCS, ROOT, blocks, printed_by, run

from archdsl.cli import app

AGAIN = "run `python docs/make_gallery.py`, and look at what it draws"
SVG = "{http://www.w3.org/2000/svg}"


def _program() -> ModuleType:
    """The program that draws the gallery, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("make_gallery", ROOT / "docs/make_gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


needs_a_renderer = pytest.mark.skipif(
    shutil.which("dot") is None and importlib.util.find_spec("pygraphviz") is None, reason="Graphviz is not installed"
)
gallery = _program()
SAMPLES = gallery.IMAGES / "vae_samples.png"
"""Drawn by a trained network: `docs/how-to/choose-a-task.md` says how."""
TUTORIAL = gallery.IMAGES / "tutorial"
"""The pictures that `test_tutorial.py` draws and checks."""
PAGE = gallery.PAGE.read_text(encoding="utf-8")
DRAWN = [
    pytest.param(picture, theme, id=picture.path(theme).stem)
    for picture in gallery.PICTURES
    for theme in gallery.THEMES
]
DOCUMENTS = [ROOT / "README.md", *DOCS.values()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the page's commands name."""
    made = tmp_path_factory.mktemp("pictures")
    shutil.copytree(ROOT / "examples", made / "examples", ignore=shutil.ignore_patterns("archdsl-example-ops"))
    readme = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    spec = next(block.text for block in readme if block.text.startswith("# my_net.yaml\n"))
    (made / "my_net.yaml").write_text(spec, encoding="utf-8")
    return made


def named(document: Path) -> Iterator[Path]:
    """The drawings that a document shows, in any form."""
    text = document.read_text(encoding="utf-8")
    for found in re.findall(r'!\[[^]]*\]\(([^)]+\.svg)\)|(?:src|srcset)="([^"]+)"', text):
        yield (document.parent / "".join(found)).resolve()


def test_every_picture_that_a_document_shows_is_made_by_the_program() -> None:
    shown = {path for document in DOCUMENTS for path in named(document) if path.parent != TUTORIAL}
    assert len(shown) >= 20
    assert shown - set(gallery.files()) == set()
    assert set(gallery.files()) - shown == set(), "nobody sees these"


def test_the_folder_holds_what_the_program_makes_and_no_more() -> None:
    files = {path for path in gallery.IMAGES.iterdir() if not path.name.startswith(".")}
    assert files == {*gallery.files(), gallery.IMAGES / "augmentation.png", SAMPLES, TUTORIAL}, AGAIN
    assert sum(path.stat().st_size for path in files) < 1_000_000


@pytest.mark.parametrize(("picture", "theme"), DRAWN)
def test_a_picture_is_of_today(picture: Any, theme: str) -> None:
    text = picture.path(theme).read_text(encoding="utf-8")
    assert text.endswith(gallery.mark(picture.dot(theme))), AGAIN
    root = ElementTree.fromstring(text.encode())
    told = {"".join(part.itertext()).strip() for part in root.iter(f"{SVG}text")}
    assert {"Input", "Output"} & {word.split(" ")[0] for word in told}
    assert str(Path.home()) not in text
    assert str(ROOT) not in text


@pytest.mark.parametrize("picture", gallery.PICTURES, ids=lambda picture: picture.name)
def test_a_command_of_the_gallery_draws_the_picture_below_it(picture: Any, folder: Path) -> None:
    assert f"```sh\n{picture.command}\n```" in PAGE, AGAIN
    assert printed_by(f"{picture.command} --format dot", folder) == (0, picture.dot("light"))


def test_the_page_is_of_today() -> None:
    assert gallery.renewed(PAGE) == PAGE, AGAIN
    for name, text in gallery.regions().items():
        assert f"<!-- {name} -->\n{text}\n<!-- /{name} -->" in PAGE


def test_the_boxes_are_counted_as_they_are_seen() -> None:
    picture = next(picture for picture in gallery.PICTURES if picture.name == "figure_2")
    # Input, two paths of three convolutions, the shortcut, the sum, the ReLU behind it, output.
    assert gallery.boxes(picture.dot("light")) == 11


def test_both_themes_are_offered_where_a_picture_is_shown() -> None:
    for document in DOCUMENTS:
        for element in re.findall(r"<picture>.*?</picture>", document.read_text(encoding="utf-8"), re.DOTALL):
            dark, light = re.findall(r'(?:srcset|src)="([^"]+)"', element)
            assert dark == light.replace(".svg", "-dark.svg")
            assert 'media="(prefers-color-scheme: dark)" srcset' in element
            assert re.search(r'<img [^>]*alt="[^"]{10,}"', element)


@needs_a_renderer
def test_the_other_commands_of_the_page_run(folder: Path) -> None:
    own = PAGE.partition("<!-- gallery -->")[0] + PAGE.partition("<!-- /gallery -->")[2]
    commands = [block.text for block in blocks(own) if block.language == "sh"]
    assert len(commands) >= 4
    for command in commands:
        code, printed = printed_by(command, folder)
        assert code == 0, printed
    assert {"funny_resnet.svg", "layer.png", "slide.svg", "pictures"} <= {path.name for path in folder.iterdir()}
    assert len(list((folder / "pictures").glob("*.pdf"))) == 4


@needs_a_renderer
def test_the_python_of_the_page_runs(folder: Path) -> None:
    (snippet,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    (folder / "snippet.py").write_text(snippet, encoding="utf-8")
    done = run("python snippet.py", folder)
    assert done.returncode == 0, done.stdout
    assert (folder / "layer.svg").is_file()


def test_every_option_of_plot_is_told() -> None:
    options = {option for p in typer.main.get_command(app).commands["plot"].params for option in p.opts}
    told = set(re.findall(r"`(--\w+)", PAGE))
    assert {option for option in options if option.startswith("--")} - {"--help"} == told & options
    assert told <= options
