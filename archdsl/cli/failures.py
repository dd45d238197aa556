"""The message and the exit code of each failure of a command."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback

from archdsl.cli.shared import print_error, say
from archdsl.errors import ArchError
from archdsl.text import in_line, printable
from archdsl.version import __version__

ISSUES = "https://github.com/archdsl/archdsl/issues"
"""The address for bug reports."""

SPEC, ENVIRONMENT, BUG = 1, 3, 70
"""Exit codes: invalid spec, data or environment, and a bug in archdsl (EX_SOFTWARE of `sysexits.h`)."""


def report(error: Exception) -> int:
    """Print the failure of a command and return its exit code."""
    if isinstance(error, ArchError):
        print_error(error)
        return error.exit_code
    if isinstance(error, MemoryError):
        return _say("out of memory", "use fewer or smaller images, a smaller batch, or a smaller network")
    if isinstance(error, RecursionError):
        _say("the input is nested too deeply", "use fewer levels of nesting")
        return SPEC
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return _say(f"{where}{error.strerror}")
    return _report_bug(error)


def report_lost(stream: str, error: OSError) -> int:
    """Report that `stdout` or `stderr` cannot be written to, unless its reader is gone."""
    if isinstance(error, BrokenPipeError):
        return 0
    if stream == "stdout":
        _say(f"cannot write to {stream}: {error.strerror}")
    return ENVIRONMENT


def _say(message: str, hint: str = "") -> int:
    say(f"error: {in_line(message, 1000)}" + (f"\n  help: {hint}" if hint else ""))
    return ENVIRONMENT


def _report_bug(error: Exception) -> int:
    kind = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    try:
        kept = f"attach {_write_traceback(error)}"
    except OSError as refused:
        kept = f"its traceback could not be written ({refused.strerror})"
    say(f"error: this is a bug in archdsl: {in_line(kind, 300)}\n  help: report it at {ISSUES}; {kept}")
    return BUG


def _write_traceback(error: Exception) -> str:
    """Write the traceback to a new temporary file and return its path."""
    number, path = tempfile.mkstemp(prefix="archdsl-bug-", suffix=".txt")
    system = f"archdsl {__version__}, Python {platform.python_version()}, {platform.platform()}"
    lines = [system, " ".join(map(repr, sys.argv[1:])), *traceback.format_exception(error)]
    with open(number, "w", encoding="utf-8", errors="replace") as file:
        file.write(printable("\n".join(lines)))
    return path
