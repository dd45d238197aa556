"""Opens files with the default viewer of the system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PATIENCE = 2
"""Seconds after which a running viewer counts as open."""


def open_file(path: Path) -> bool:
    """Open a file with the default viewer of the system and return whether there is one."""
    full = str(path.resolve())
    if sys.platform == "win32":
        try:
            os.startfile(full)
        except OSError:
            return False
        return True
    is_mac = sys.platform == "darwin"
    has_screen = is_mac or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    program = shutil.which("open" if is_mac else "xdg-open")
    if program is None or not has_screen:
        return False
    silent = subprocess.DEVNULL
    try:
        viewer = subprocess.Popen([program, full], stdin=silent, stdout=silent, stderr=silent, start_new_session=True)
        return viewer.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False
