"""Verify the ops of installed packages that a network uses: their examples are built with Keras once."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from archdsl.cli.shared import say
from archdsl.errors import ArchError, Problem
from archdsl.graph import Graph
from archdsl.ops import Op, plugins
from archdsl.version import __version__

SECONDS = 300
"""The longest time that the examples may take."""


def verify(graph: Graph) -> None:
    """Build the examples of the installed ops in a network, unless that was done for the same source before.

    Raises:
        ArchError: Keras computes other shapes or weights than an op declares.
    """
    ops = {type(node.op).name: type(node.op) for _, node in graph.walk() if node.op is not None}
    installed = {name: op for name, op in ops.items() if not op.is_own() and op.examples}
    if not installed or find_spec("tensorflow") is None:
        return
    done = {name: _cache() / f"{name}-{_digest(op)}" for name, op in installed.items()}
    new = [name for name, path in done.items() if not path.exists()]
    if not new:
        return
    say(f"building the examples of {', '.join(f'`{name}`' for name in new)} once")
    faults = _faults(new)
    if problems := tuple(_problem(name, faults[name]) for name in new if faults[name]):
        raise ArchError(*problems)
    # Without a cache, the examples are built again next time.
    with suppress(OSError):
        _cache().mkdir(parents=True, exist_ok=True)
        for name in new:
            done[name].touch()


def _problem(name: str, faults: list[str]) -> Problem:
    package = plugins.package(name)
    message = f"the op `{name}` of {package} differs from its Keras layer"
    hint = f"fix the class of `{name}` or its `examples` in {package}"
    return Problem("ARCH307", message, facts=tuple(faults[:8]), hint=hint)


def _faults(names: list[str]) -> dict[str, list[str]]:
    command = [sys.executable, "-m", "archdsl.keras.op_examples", *names]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        found: dict[str, list[str]] = json.loads(ran.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {name: [f"the examples take longer than {SECONDS} seconds"] for name in names}
    except (IndexError, ValueError):
        last = (ran.stderr.strip().splitlines() or ["no output"])[-1]
        return {name: [f"the examples cannot be built: {last}"] for name in names}
    return found


def _cache() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("archdsl", appauthor=False)) / "ops"


def _digest(op: type[Op]) -> str:
    """Return a digest of everything that decides the result: the package of the op, Python and archdsl."""
    found = hashlib.sha256(f"{__version__} {sys.version_info[:2]} {plugins.package(op.name)}".encode())
    for path in sorted(_sources(op)):
        found.update(path.read_bytes())
    return found.hexdigest()[:32]


def _sources(op: type[Op]) -> Iterator[Path]:
    """Yield the Python files of the package of an op, or the file of a module that is not in a package."""
    top = sys.modules[op.__module__.partition(".")[0]]
    file = Path(top.__file__ or "")
    yield from file.parent.rglob("*.py") if hasattr(top, "__path__") else [file]
