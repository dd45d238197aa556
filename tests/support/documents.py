"""Read documents for tests: complete their snippets, and update the output they show."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from archdsl import ArchError, loads, resolve
from archdsl.cli import main
from archdsl.resolution.expectations import check

ROOT = Path(__file__).parents[2]
LANGUAGE = ROOT / "docs/reference/language/index.md"
DOCS = {path.relative_to(ROOT / "docs").as_posix(): path for path in sorted((ROOT / "docs").rglob("*.md"))}
"""Every page, by its path below `docs/`."""
FILE = "net.yaml"
"""The file name of a snippet without a name."""

_FENCE = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_REGION = re.compile(r"(<!-- begin: (\w+) -->\n)(.*?)(<!-- end: \2 -->)", re.DOTALL)
_SLOW = re.compile(r"\b(pip|build|train|evaluate|predict|export|plot(?! \S+ --list)|demo\.sh|pytest)\b")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the word after it, its text, and where the text starts."""

    language: str
    word: str
    text: str
    start: int
    line: int

    @property
    def quick(self) -> bool:
        """Whether its commands need neither TensorFlow nor a renderer."""
        return not _SLOW.search(self.text)


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks outside of generated regions."""
    generated = [range(*match.span()) for match in _REGION.finditer(document)]
    return [
        Block(m[1], m[2] or "", m[3], m.start(3), document.count("\n", 0, m.start()) + 1)
        for m in _FENCE.finditer(document)
        if not any(m.start() in region for region in generated)
    ]


@cache
def frame() -> dict[str, str]:
    """Return the lines for keys that snippets omit: the first snippet of the language reference, by key."""
    text = blocks(LANGUAGE.read_text(encoding="utf-8"))[0].text
    return {line.partition(":")[0]: line for line in text.splitlines()}


def whole(text: str) -> str:
    """Complete a snippet: steps become the model, and missing keys go to the end, which keeps line numbers."""
    text = f"model:\n{text}" if text.startswith("- ") else text
    keys = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    assert "model" in keys or "layers" not in keys, "a snippet with layers has a model that uses them"
    left_out = frame().keys() - keys - ({"input"} if "inputs" in keys else set())
    return text + "".join(f"{line}\n" for key, line in frame().items() if key in left_out)


def named(block: Block) -> str:
    """Return the file name in the comment on the first line of a snippet, if any."""
    found = re.match(r"# ([\w.-]+\.yaml)\n", block.text)
    return found[1] if found else ""


def hold(text: str, file: str = FILE) -> None:
    """Check a spec and its variants, as `archdsl check` does."""
    spec = loads(text, file)
    for one in spec.every():
        check(one, resolve(one))


@cache
def files() -> dict[str, str]:
    """Return the named specs of the reference, which commands on its other pages use."""
    found: dict[str, str] = {}
    for name, path in DOCS.items():
        for block in blocks(path.read_text(encoding="utf-8")) if name.startswith("reference/") else ():
            if block.language == "yaml" and named(block):
                assert named(block) not in found, f"{name}: another page has a file of the name {named(block)}"
                found[named(block)] = whole(block.text)
    return found


def renewed(document: str, tables: Mapping[str, str], folder: Path) -> str:
    """Return a document with its tables, messages and the output of its quick commands updated.

    Args:
        tables: the text of each generated region.
        folder: an empty folder, in which the commands run.
    """
    found = blocks(document)
    outputs: list[tuple[Block, str]] = []
    for block, after in zip(found, [*found[1:], None], strict=False):
        told = after if after is not None and after.language == "text" else None
        if told is not None and document[block.start + len(block.text) : told.start].strip("`\n ") != "text":
            told = None  # there is prose between the two
        if block.language == "yaml" and block.word == "wrong":
            assert told is not None, f"line {block.line}: a wrong snippet is followed by its message"
            outputs.append((told, message(block)))
        elif block.language == "yaml" and named(block):
            (folder / named(block)).write_text(whole(block.text), encoding="utf-8")
        elif block.language == "sh" and block.quick:
            code, printed = printed_by(block.text, folder)
            assert told is not None or code == 0, f"line {block.line}: {printed}"
            outputs += [(told, printed)] if told else []
    for block, text in reversed(outputs):
        document = document[: block.start] + text + document[block.start + len(block.text) :]
    return _REGION.sub(lambda match: f"{match[1]}{tables[match[2]]}{match[4]}", document)


def message(block: Block) -> str:
    """Return the message for a wrong snippet."""
    assert not block.text.startswith("- "), f"line {block.line}: it must start with a key"
    with pytest.raises(ArchError) as caught:
        hold(whole(block.text))
    return f"{caught.value}\n"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run commands in a shell, with stdout and stderr combined."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    return subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env={**environment, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def printed_by(commands: str, folder: Path) -> tuple[int, str]:
    """Run `archdsl` commands in this process, and return the exit code and the output."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        patch.chdir(folder)
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "100")
        for line in commands.splitlines():
            words = shlex.split(line, comments=True)
            assert words[0] == "archdsl", line
            patch.setattr(sys, "argv", words)
            with pytest.raises(SystemExit) as caught:
                main()
            if caught.value.code:
                return int(caught.value.code), printed.getvalue()
    return 0, printed.getvalue()


def anchors(document: str) -> set[str]:
    """Return the anchors of the headings of a document, as GitHub makes them."""
    plain = re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.*)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
