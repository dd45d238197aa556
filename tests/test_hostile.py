"""Texts that mean harm are refused in under a second, with a place, and without anything happening."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc

import pytest

from archdsl import ArchError, loads, resolve

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\n"
LAYER = "layers:\n  A:\n    args: {n: int}\n    steps: "

HOSTILE = {
    "alias bomb": "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*a, *a]\n" for c in "bcdefgh"),
    "chained merge keys": "a: &a {x: 1}\n" + "".join(f"b{i}: &b{i}\n  <<: [*a, *a, *a]\n" for i in range(40)),
    "python object": HEAD + 'model: !!python/object/apply:os.system ["touch /tmp/harm"]',
    "python name": HEAD + "model: [!!python/name:os.system ]",
    "own tag": HEAD + "model: [!include /etc/passwd]",
    "directive": "%YAML 1.1\n---\n" + HEAD + "model: [relu]",
    "deep lists": HEAD + "model: " + "[" * 100_000,
    "deep mappings": HEAD + "model: " + "{a: " * 100_000,
    "deep blocks": HEAD + "model:\n" + "".join(" " * i + "-\n" for i in range(1, 400)),
    "many values": HEAD + "model: [" + "relu, " * 100_000 + "]",
    "one long word": HEAD + "model: [" + "a" * 900_000 + "]",
    "large file": HEAD + "#" * 2_000_000,
    "many keys": HEAD + "args: {" + ", ".join(f"a{i}: 1" for i in range(4_000)) + "}\nmodel: [relu]",
    "huge filters": HEAD + "model: [conv: {filters: 1000000000000, kernel: 3}]",
    "huge digits": HEAD + "model: [conv: {filters: " + "9" * 100_000 + ", kernel: 3}]",
    "huge float": HEAD + "model: [dropout: {rate: 1e99999}]",
    "huge kernel": HEAD + "model: [conv: {filters: 1, kernel: 100000000}]",
    "huge input": "archdsl: 1\nname: Net\ninput: [1000000000, 1000000000, 3]\nmodel: [flatten]",
    "huge padding": HEAD + "model: [zero_pad: {padding: 1000000000}]",
    "huge dense": "archdsl: 1\nname: Net\ninput: [65536, 65536, 65536]\nmodel: [flatten, dense: {units: 1000000}]",
    "repeat": HEAD + "model: [{relu: {}, repeat: 1000000000}]",
    "repeat in repeat": HEAD
    + "layers:\n  L0: {steps: [relu]}\n"
    + "".join(f"  L{i}: {{steps: [{{L{i - 1}: {{}}, repeat: 9999}}]}}\n" for i in range(1, 20))
    + "model: [L19]",
    "rows that leave nothing": HEAD
    + LAYER
    + "[{relu: {}, for: {i: 40000}, when: $i + $n < 0}]\nmodel: [{A: {n: $i}, for: {i: 1000}}]",
    "paths of nothing": HEAD
    + LAYER
    + "[{paths: {a: {steps: [], for: {i: 40000}, when: $i + $n >= 0}}, merge: add}]\n"
    + "model: [{A: {n: $i}, for: {i: 1000}}]",
    "column": HEAD + "model: [{relu: {}, for: {i: 1000000000}, when: $i < 0}]",
    "recursion": HEAD + LAYER + "[A: {n: $n + 1}]\nmodel: [A: {n: 1}]",
    "recursion that doubles": HEAD + LAYER + "[A: {n: $n * 2}, A: {n: $n * 2 + 1}]\nmodel: [A: {n: 1}]",
    "like itself": HEAD + "layers: {A: {like: A, with: {}}}\nmodel: [A]",
    "power": HEAD + "args: {n: 9}\nmodel: [dense: {units: $n ** $n ** $n}]",
    "text times number": HEAD + "args: {n: 999999999}\nmodel: [dense: {units: \"len('a' * $n)\"}]",
    "deep expression": HEAD + "args: {n: 9}\nmodel: [dense: {units: " + "-" * 380 + "$n}]",
    "long expression": HEAD + "args: {n: 9}\nmodel: [dense: {units: $n" + " + $n" * 100_000 + "}]",
    "import": HEAD + "args: {n: 9}\nmodel: [dense: {units: __import__('os').system('touch harm') + $n}]",
    "open": HEAD + "args: {n: 9}\nmodel: [dense: {units: open('/etc/passwd') + $n}]",
    "attributes": HEAD + "args: {n: 9}\nmodel: [dense: {units: $n.__class__.__mro__}]",
    "lambda": HEAD + "args: {n: 9}\nmodel: [dense: {units: '(lambda: $n)()'}]",
    "class name": "archdsl: 1\nname: 'Net(object); import os'\ninput: [4]\nmodel: [relu]",
    "argument name": HEAD + "args: {'n=__import__(1)': 9}\nmodel: [relu]",
    "step name": HEAD + "model: [{relu: {}, name: '../../harm'}]",
    "zero byte": HEAD + "model: [relu\0]",
    "escape sequence": HEAD + "model: ['\x1b[2J']",
    "surrogate": HEAD + "model: ['\ud800']",
}


def refuse(text: str) -> ArchError:
    with pytest.raises(ArchError) as caught:
        resolve(loads(text))
    return caught.value


def test_there_are_many() -> None:
    assert len(HOSTILE) >= 25


@pytest.mark.parametrize("name", HOSTILE)
def test_refused_at_once_and_with_a_place(name: str) -> None:
    start = time.process_time()
    error = refuse(HOSTILE[name])
    assert time.process_time() - start < 1
    assert error.exit_code == 1
    assert len(str(error)) < 5_000_000
    for problem in error.problems:
        assert problem.span is not None or problem.code == "ARCH003"
        assert "\x1b" not in problem.render()


@pytest.mark.parametrize("name", ["repeat in repeat", "huge digits", "column", "deep blocks"])
def test_no_memory_is_taken(name: str) -> None:
    tracemalloc.start()
    try:
        refuse(HOSTILE[name])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000


WATCHED = """
import json, sys
import archdsl
texts = json.load(sys.stdin)
try:
    archdsl.resolve(archdsl.loads(texts["power"]))  # whatever is loaded on first use is loaded now
except archdsl.ArchError as error:
    str(error)
seen = []
def watch(event, arguments):
    if event in ("import", "open", "exec", "compile", "os.system", "os.exec", "os.posix_spawn") or event.startswith(
        ("subprocess", "socket", "ctypes", "shutil", "pty", "marshal", "pickle")
    ):
        seen.append((event, str(arguments)[:200]))
sys.addaudithook(watch)
refused = 0
for text in texts.values():
    try:
        archdsl.resolve(archdsl.loads(text))
    except archdsl.ArchError as error:
        str(error)
        refused += 1
found = [list(item) for item in seen]
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([refused, found, peak]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read as Linux tells it")
def test_nothing_is_imported_opened_or_run() -> None:
    texts = {name: text for name, text in HOSTILE.items() if name != "surrogate"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], input=json.dumps(texts), capture_output=True, text=True, timeout=60, check=True
    )
    refused, seen, kilobytes = json.loads(done.stdout)
    assert refused == len(texts)
    # `ast.parse` is Python's compiler with a flag that stops at the tree; it runs nothing.
    assert [event for event in seen if event[0] != "compile"] == []
    assert kilobytes < 200_000
