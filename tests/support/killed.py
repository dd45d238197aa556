"""Kills trainings at chosen places: before or after the n-th event in a run's folder.

An event is a file that is opened to write, synced, renamed or removed, or a folder that is made or removed. One warm
process imports TensorFlow once and runs no op of it; each training runs in a fork of it, which takes a second or two
and not ten. Only for systems that have `fork`.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

NAMES = ("open", "fsync", "replace", "rename", "mkdir", "unlink", "remove", "rmdir")
"""The functions of `os` that are events; `open` and the built-in function of that name, if they are to write."""


class Events:
    """Counts the events whose path is in a folder, and kills this process at one of them.

    Args:
        at: the number of the event, from 0; None for none.
        after: kill after the event, not before it.
    """

    def __init__(self, folder: Path, at: int | None, after: bool) -> None:
        self.folder, self.at, self.after = str(folder), at, after
        self.count = 0
        self.seen: list[str] = []

    def install(self) -> None:
        """Replaces the functions, in this process for good."""
        for name in NAMES:
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        import builtins
        import io

        builtins.open = io.open = self._wrapped("open", open)  # type: ignore[assignment]

    def _wrapped(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*words: Any, **named: Any) -> Any:
            if not self._counts(name, words, named):
                return act(*words, **named)
            number, self.count = self.count, self.count + 1
            self.seen.append(name)
            if number == self.at and not self.after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return act(*words, **named)
            finally:  # also where it fails, as a folder that already exists cannot be made
                if number == self.at:
                    os.kill(os.getpid(), signal.SIGKILL)

        return acted

    def _counts(self, name: str, words: Sequence[Any], named: Mapping[str, Any]) -> bool:
        place = words[0] if words else named.get("file", "")
        if name == "open":
            how = words[1] if len(words) > 1 else named.get("mode", "r")
            writes = how & (os.O_WRONLY | os.O_RDWR) if isinstance(how, int) else set(how) & set("wax+")
            if not writes:
                return False
        if isinstance(place, int):
            place = os.readlink(f"/proc/self/fd/{place}")
        elif named.get("dir_fd") is not None:  # as `shutil.rmtree` calls them
            place = os.path.join(os.readlink(f"/proc/self/fd/{named['dir_fd']}"), place)
        elif not isinstance(place, (str, os.PathLike)):
            return False
        path = os.path.abspath(os.fspath(place))
        return path == self.folder or path.startswith(self.folder + os.sep)


def serve() -> None:
    """The warm process: for each line of JSON with a case, runs it in a fork and prints what became of it."""
    import archdsl.training.fit  # noqa: F401

    for line in sys.stdin:
        case = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            _one(case, write)
        os.close(write)
        with os.fdopen(read, "rb") as told:
            text = told.read()
        _, status, usage = os.wait4(child, 0)
        cpu = usage.ru_utime + usage.ru_stime
        print(
            json.dumps({"code": os.waitstatus_to_exitcode(status), "cpu": cpu, **json.loads(text or b"{}")}), flush=True
        )


def _one(case: Mapping[str, Any], told: int) -> None:
    """Becomes one training; never returns."""
    outcome: dict[str, Any] = {}
    try:
        signal.alarm(120)
        run = Path(case["run"])
        import tensorflow as tf

        from archdsl.training import callbacks, checkpoints, fit, report
        from archdsl.zoo import loads

        tf.config.run_functions_eagerly(True)  # tracing takes longer than these few steps
        callbacks.WRITING_SHARE = 1e9  # whether a network is written early must not depend on the clock

        if not case["pictures"]:
            report.write = _card  # type: ignore[assignment]
        optimizer: list[str] = []
        checkpoints.remove = _kept(checkpoints.remove, optimizer)  # type: ignore[assignment]
        events = Events(run, case["at"], case["after"])
        events.install()
        if case["resume"]:
            fit.resume(run)
        else:
            fit.train(loads(case["spec"], "tiny.yaml"), run)
        outcome = {"events": events.count, "names": events.seen, "optimizer": optimizer}
    except BaseException as error:
        outcome = {"error": str(error), "traceback": traceback.format_exc()}
    finally:
        os.write(told, json.dumps(outcome).encode())
        os._exit(bool(outcome.get("error")))


def _card(folder: Path, result: Any, *_: Any) -> list[str]:
    """The reports without pictures, which take longer than these trainings."""
    from archdsl import files

    files.write(folder / "card.md", f"{result.status} {result.test_accuracy}\n")
    return ["card.md"]


def _kept(remove: Callable[[Path], None], digests: list[str]) -> Callable[[Path], None]:
    """Takes the digest of the last checkpoint before it is removed."""

    def removed(run: Path) -> None:
        from archdsl.training import checkpoints

        state = checkpoints.load(run)
        if state:
            digest = hashlib.sha256()
            for name in ("model", "optimizer"):
                for array in state.arrays[name]:
                    digest.update(array.tobytes())
            digests.append(digest.hexdigest())
        remove(run)

    return removed


class Warm:
    """The warm process, seen from the test."""

    def __init__(self) -> None:
        code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import killed; killed.serve()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1"},
        )

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0

    def run(
        self,
        run: Path,
        spec: str = "",
        *,
        resume: bool = False,
        at: int | None = None,
        after: bool = False,
        pictures: bool = False,
    ) -> dict[str, Any]:
        """Trains or resumes, killed at the event `at` or not; how it ended and its number of events."""
        case = {"run": str(run), "spec": spec, "resume": resume, "at": at, "after": after, "pictures": pictures}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        ended: dict[str, Any] = json.loads(self.process.stdout.readline())
        return ended


def digest(run: Path) -> dict[str, Any]:
    """What two runs must agree in: the kept network to the bit, the log but for its seconds, and the results."""
    import io
    import zipfile

    import h5py
    import numpy as np

    weights = hashlib.sha256()

    def add(name: str, one: Any) -> None:
        if isinstance(one, h5py.Dataset) and "seed" not in name:
            weights.update(name.encode() + np.asarray(one).tobytes())

    stored = io.BytesIO(zipfile.ZipFile(run / "model.keras").read("model.weights.h5"))
    with h5py.File(stored) as file:
        file.visititems(add)
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    result = json.loads((run / "run.json").read_text())
    changing = ("seconds", "started")
    return {
        "weights": weights.hexdigest(),
        "rows": [{name: value for name, value in row.items() if name != "seconds"} for row in rows],
        "lines": len((run / "log.csv").read_text().splitlines()),
        "result": {name: value for name, value in result.items() if name not in changing},
        "files": sorted(str(path.relative_to(run)) for path in run.rglob("*")),
        "card": [line for line in (run / "card.md").read_text().splitlines() if "second" not in line],
    }
