"""How a command ended, and what it printed."""

from __future__ import annotations

import json
from typing import Any


class Run:
    """How a command ended, and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def json(self) -> Any:
        return json.loads(self.out)
