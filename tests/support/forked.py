"""Runs many commands in one warm process, each in a fork of its own, and measures what each one costs.

A fork has what its parent imported, so that a command takes milliseconds and not the seconds of an import; and whatever
it does to its memory, its modules and its signals ends with it. The caller asks for modules to import beforehand. Only
for systems that have `fork`.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

SECONDS = 60
"""After how much time a command is stopped that does not end by itself."""

_CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""What may reach no terminal: C0 but for the end of a line, C1, line separators, and marks that turn text around."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; negative, the signal that ended it.
        cpu: seconds of processor time.
        memory: bytes by which its peak exceeds what it began with.
    """

    code: int
    out: bytes
    err: bytes
    cpu: float
    memory: int

    @property
    def text(self) -> str:
        return (self.out + self.err).decode("utf-8", "surrogateescape")

    def faults(self, seconds: float, megabytes: float = 300) -> list[str]:
        """What is wrong with it, whatever the command was: a traceback, a signal, its cost, a control character."""
        text, faults = self.text, []
        if "Traceback (most recent call last)" in text:
            faults.append("a traceback: " + text.strip().splitlines()[-1][:300])
        if "this is a bug" in text.lower():
            faults.append("the last resort: " + text.strip()[-300:])
        if self.code not in range(7):
            faults.append(f"exit code {self.code}")
        if self.code and not text.strip():
            faults.append(f"exit code {self.code} without a message")
        if self.cpu > seconds:
            faults.append(f"{self.cpu:.2f} s of processor time")
        if self.memory > megabytes * 1e6:
            faults.append(f"{self.memory / 1e6:.0f} MB")
        if (control := _CONTROL.search(text)) is not None:
            faults.append(f"the character {control.group()!a} after {text[: control.start()][-60:]!a}")
        return faults


def run_commands(
    commands: Mapping[str, Sequence[str]], folder: Path, modules: Sequence[str] = (), **environment: str
) -> dict[str, Ended]:
    """Runs the program `archdsl` with each list of words, one after the other.

    Args:
        commands: the words of each command, by the name of its case.
        folder: where all of them run.
        modules: what is imported beforehand; that time counts for none.
        environment: further variables.
    """
    told = json.dumps({"commands": dict(commands), "modules": list(modules), "folder": str(folder)})
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import forked; forked.serve()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=told,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "100", **environment},
    )
    ended = {}
    for line in done.stdout.splitlines():
        case = json.loads(line)
        texts = {name: case.pop(name).encode("latin-1") for name in ("out", "err")}
        name = case.pop("name")
        ended[name] = Ended(**case, **texts)
    assert ended.keys() == commands.keys()
    return ended


def serve() -> None:
    """The warm process: reads the commands, forks for each, and prints how it ended as a line of JSON."""
    told = json.load(sys.stdin)
    for module in ("archdsl.cli.program", "archdsl.cli.shared", *told["modules"]):
        import_module(module)
    os.chdir(told["folder"])
    for name, words in told["commands"].items():
        print(json.dumps({"name": name, **_forked(words)}), flush=True)


def _forked(words: Sequence[str]) -> dict[str, Any]:
    files = [os.memfd_create(name) for name in ("out", "err")]
    child = os.fork()
    if not child:
        _command(words, files)
    _, status, usage = os.wait4(child, 0)
    texts = []
    for file in files:
        texts.append(os.pread(file, 2_000_000, 0).decode("latin-1"))
        os.close(file)
    began = int(texts[1].partition("\n")[0] or 0)  # the child wrote its first line before it began
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": texts[0],
        "err": texts[1].partition("\n")[2],
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": max(0, usage.ru_maxrss * 1024 - began),
    }


def _command(words: Sequence[str], files: Sequence[int]) -> None:
    """Becomes the command; never returns."""
    code = 99
    try:
        signal.alarm(SECONDS)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        os.write(files[1], b"%d\n" % peak)
        os.dup2(files[0], 1)
        os.dup2(files[1], 2)
        sys.argv = ["archdsl", *words]
        from archdsl.cli.program import main

        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        sys.stdout.flush()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    finally:
        sys.stderr.flush()
        os._exit(code)
