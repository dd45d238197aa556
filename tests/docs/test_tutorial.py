"""The tutorial, followed to the letter: its files and commands in one folder, chapter by chapter."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from runpy import run_path

import pytest
from documents import ROOT, Block, blocks, named, printed_by

from archdsl.diagrams.render import render

CHAPTERS = sorted((ROOT / "docs/tutorial").glob("[0-9]-*.md"))
IMAGES = ROOT / "docs/images/tutorial"
AGAIN = "run `pytest tests/docs/test_tutorial.py --update-golden`, and look at what it draws"

needs_a_renderer = pytest.mark.skipif(
    shutil.which("dot") is None and find_spec("pygraphviz") is None, reason="nothing here can draw"
)


@dataclass
class Reader:
    """Somebody who types each chapter into the same folder.

    Args:
        everything: also run what needs TensorFlow or a renderer.
    """

    folder: Path
    everything: bool = False
    file: str = ""

    def follow(self, document: str) -> list[tuple[Block, str]]:
        """Write the files of a chapter, apply its edits and run its commands.

        Returns:
            the blocks of output, with what was really printed.
        """
        found, outputs = blocks(document), []
        for block, after in zip(found, [*found[1:], None], strict=False):
            told = after if after is not None and after.language == "text" else None
            done = self.type(block)
            if done is not None:
                code, printed = done
                assert code == 0 or told is not None, f"{block.text}\n{printed}"
                outputs += [(told, printed)] if told else []
        return outputs

    def type(self, block: Block) -> tuple[int, str] | None:
        """Type one block; return the exit code and the output of commands that were run."""
        if block.language == "yaml":
            self.file = named(block)
            (self.folder / self.file).write_text(block.text, encoding="utf-8")
        elif block.language == "diff":
            path = self.folder / self.file
            path.write_text(edited(path.read_text(encoding="utf-8"), block.text), encoding="utf-8")
        elif block.language == "sh" and (block.quick or self.everything):
            return printed_by(block.text, self.folder)
        elif block.language == "python" and self.everything:
            (self.folder / "snippet.py").write_text(block.text, encoding="utf-8")
            with redirect_stdout(StringIO()) as printed, pytest.MonkeyPatch.context() as patch:
                patch.chdir(self.folder)
                run_path("snippet.py")
            return 0, printed.getvalue()
        return None


def edited(text: str, edit: str) -> str:
    """A file after an edit: lines with `-`, `+` or a space in front of them."""
    lines = edit.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(before) == 1, f"an edit fits in exactly one place:\n{edit}"
    return text.replace(before, after)


def renewed(document: str, outputs: list[tuple[Block, str]]) -> str:
    for block, printed in reversed(outputs):
        document = document[: block.start] + printed + document[block.start + len(block.text) :]
    return document


def without_numbers(text: str) -> list[str]:
    """The lines without numbers, and the gaps around them, which differ from machine to machine."""
    lines = [re.sub(r"\d[\d,.]*(e[+-]\d+)?", "0", line) for line in text.splitlines()]
    return [re.sub(r"\b0 (ms|s|min 0 s|min)\b", "0 s", re.sub(r"\s+", " ", line)).strip() for line in lines]


def test_there_are_six_short_chapters() -> None:
    assert [chapter.name[0] for chapter in CHAPTERS] == list("123456")
    texts = [chapter.read_text(encoding="utf-8") for chapter in CHAPTERS]
    index = (ROOT / "docs/tutorial/index.md").read_text(encoding="utf-8")
    for number, (chapter, text) in enumerate(zip(CHAPTERS, texts, strict=True), 1):
        assert text.startswith(f"# {number}. ")
        title = text.splitlines()[0].removeprefix(f"# {number}. ")
        assert f"{number}. [{title}]({chapter.name}): " in index
        assert number == 1 or f"\nNext: [{title[0].lower()}{title[1:]}]({chapter.name}).\n" in texts[number - 2]
        assert text.count("## What you learned") == text.count('src="../images/tutorial/') == 1
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        assert len(prose.split()) <= 700, chapter.name


def test_the_outputs_are_real(tmp_path: Path, golden_document: Callable[..., None]) -> None:
    reader, count = Reader(tmp_path), 0
    for chapter in CHAPTERS:
        document = chapter.read_text(encoding="utf-8")
        outputs = reader.follow(document)
        golden_document(chapter, renewed(document, outputs))
        count += len(outputs)
    assert count >= 12


@needs_a_renderer
def test_the_pictures_are_of_today(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each picture ends with a hash of the DOT text that its command draws."""
    reader, drawn = Reader(tmp_path), []
    for chapter in CHAPTERS:
        document = chapter.read_text(encoding="utf-8")
        reader.follow(document)
        for command in re.findall(r"^archdsl plot (?!.*--list).*$", document, re.MULTILINE):
            for theme in ("light", "dark"):
                code, printed = printed_by(f"{command} --format dot --theme {theme}", tmp_path)
                assert code == 0, printed
                dot = printed[printed.index("// ") :]  # notes come first, from stderr
                path = IMAGES / f"{chapter.stem}{'-dark' if theme == 'dark' else ''}.svg"
                mark = f"<!-- drawn from DOT text of SHA-256 {sha256(dot.encode()).hexdigest()} -->\n"
                if request.config.getoption("--update-golden"):
                    drawing = render(dot, path).read_text(encoding="utf-8").rstrip()
                    path.write_text(f"{drawing}\n{mark}", encoding="utf-8", newline="\n")
                assert path.read_text(encoding="utf-8").endswith(mark), AGAIN
                assert f'"../images/tutorial/{path.name}"' in document
                drawn.append(path)
    assert {*drawn, IMAGES / "5-train.png"} == {*IMAGES.iterdir()}


@needs_a_renderer
@pytest.mark.tensorflow
@pytest.mark.slow
# Keras's own `save` makes NumPy say this.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_it_can_be_followed_to_the_letter(tmp_path: Path, golden_document: Callable[..., None]) -> None:
    reader = Reader(tmp_path, everything=True)
    for chapter in CHAPTERS:
        document = chapter.read_text(encoding="utf-8")
        outputs = [
            (block, printed)
            for block, printed in reader.follow(document)
            if without_numbers(printed) != without_numbers(block.text)
        ]
        golden_document(chapter, renewed(document, outputs))
    assert {"product.yaml", "product-MultiplyLayer.svg", "digits.keras"} <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "runs/four/curves.png").is_file()
