"""The commands in a terminal of 80 columns and 24 lines: widths and colors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals", allow_module_level=True)

import fcntl
import pty
import struct
import termios

RUNS = Path(__file__).parents[1] / "data/version_0_1_0/runs"
COLORS = re.compile(r"\x1b\[[\d;]*m")


def shown(words: Sequence[str], folder: Path, **environment: str) -> str:
    """Return the output of a command in a terminal of 80 columns."""
    own, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "archdsl", *words],
        cwd=folder,
        env=inherited | {"TERM": "xterm-256color"} | environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    text = b""
    try:
        while part := os.read(own, 65_536):
            text += part
    except OSError:  # Linux reports the end so
        pass
    os.close(own)
    assert child.wait(60) == 0
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("words", "style", "colored"),
    [
        (["show", "digits_resnet"], "36", "conv_1"),
        (["--help"], "1;32", "Write and check:"),
        (["runs", "runs"], "33", "interrupted"),
        pytest.param(["sweep", "vgg"], "36", "vgg16", marks=pytest.mark.slow),
        pytest.param(["specs"], "36", "resnet50", marks=pytest.mark.slow),
        pytest.param(["ops"], "36", "conv", marks=pytest.mark.slow),
        pytest.param(["explain"], "36", "ARCH021", marks=pytest.mark.slow),
        pytest.param(["check", "digits_resnet"], "32", "ok", marks=pytest.mark.slow),
        pytest.param(["diff", "vgg", "vgg[vgg11]"], "31", None, marks=pytest.mark.slow),
        pytest.param(["runs", "runs/one", "runs/two"], "33", "interrupted", marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_terminal_gets_color_within_its_width(
    words: list[str], style: str, colored: str | None, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        shutil.copytree(RUNS / "cut_run", tmp_path / "runs" / name)
    text = shown(words, tmp_path)
    assert f"\x1b[{style}m{colored or ''}" in text
    plain = COLORS.sub("", text)
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 80
    assert shown(words, tmp_path, NO_COLOR="1") == plain
