"""Which test files need what, found without importing them."""

from __future__ import annotations

import re
from pathlib import Path


def needs_tensorflow(path: Path) -> bool:
    """Whether all tests of a file do."""
    return bool(re.search(r"^pytestmark = \[?\s*pytest\.mark\.tensorflow", path.read_text("utf-8"), re.MULTILINE))
