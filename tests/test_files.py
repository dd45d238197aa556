"""Only regular files are read, each up to a limit; nothing else is opened, so nothing blocks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.data import images
from archdsl.errors import ArchError
from archdsl.files import content
from archdsl.runs.listing import find
from archdsl.source import read_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices have names in POSIX")

KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, "a named pipe"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "folder": (Path.mkdir, "Is a directory"),
    "loop": (lambda path: path.symlink_to(path.name), "symbolic links"),
    "large": (lambda path: (path.touch(), os.truncate(path, 2**40)), "larger than 100 bytes"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_a_regular_file_is_read(kind: str, tmp_path: Path) -> None:
    make, why = KINDS[kind]
    make(tmp_path / "file")
    with pytest.raises(OSError, match=why):
        content(tmp_path / "file", 100)


def test_bytes_are_counted_where_the_system_reports_no_size() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc")
    with pytest.raises(OSError, match="larger than 10 bytes"):
        content("/proc/self/status", 10)


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b"])
def test_a_path_that_no_file_can_have(name: str) -> None:
    with pytest.raises(ArchError) as caught:
        read_file(Path(f"{name}.yaml"))
    assert caught.value.problems[0].code == "ARCH201"


def test_a_bad_run_hides_no_other(tmp_path: Path) -> None:
    """Folders that link to one another are searched once."""
    for name, file in (("pipe", "run.json"), ("device", "run.json"), ("loop", "run.json"), ("folder", "run.json")):
        (tmp_path / name).mkdir()
        KINDS[name][0](tmp_path / name / file)
    links = tmp_path / "links"
    links.mkdir()
    for number in range(500):
        (links / str(number)).symlink_to(links)
    found = find(tmp_path)
    assert [run.name for run in found] == ["device", "folder", "loop", "pipe"]
    assert all(run.error is not None and run.error.problems[0].code == "ARCH204" for run in found)


def test_patterns_follow_no_links_in_circles(tmp_path: Path) -> None:
    for name in ("a.png", "in/b.png", "in/.hidden.png", ".hidden/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for number in range(30):
        (tmp_path / "in" / f"loop{number}").symlink_to(tmp_path)
    found = images.find([str(tmp_path / "**" / "*.png")])
    assert [path.name for path in found] == ["a.png", "b.png"]
