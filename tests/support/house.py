"""The package as files, the order of its rooms, and what commands load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "archdsl"


ORDER = """
version display text errors limits files figures source expr ops recipe names steps spec parsing zoo graph resolution
analysis linting diff tracing schema codegen reports diagrams keras data runs training expansion drafts api cli __main__
""".split()  # noqa: SIM905 - an order is read more easily so


LOADED = """
import json, sys
from typer.testing import CliRunner
from archdsl.cli import app
for words in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (words, result.output, result.exception)
print(json.dumps(sorted(name for name, module in sys.modules.items() if module is not None)))
"""


def loaded_modules(words: list[list[str]], folder: Path, without: Iterable[str] = ()) -> set[str]:
    """The modules that a fresh process has loaded when it ran these commands.

    Args:
        without: packages that cannot be imported there.
    """
    script = "import sys; sys.modules.update(dict.fromkeys(sys.argv[2:]))" + LOADED
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(words), *without],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))
