"""Specs are shorter than the modules of `keras.applications` that make the same networks."""

from __future__ import annotations

import io
import re
import tokenize
from importlib.util import find_spec
from pathlib import Path

import pytest

from archdsl.zoo import find

MODULES = {
    "convnext": "convnext",
    "densenet": "densenet",
    "efficientnet": "efficientnet",
    "efficientnet_v2": "efficientnet_v2",
    "inception_resnet_v2": "inception_resnet_v2",
    "inception_v3": "inception_v3",
    "mobilenet": "mobilenet",
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3": "mobilenet_v3",
    "nasnet": "nasnet",
    "resnet50_v2": "resnet",
    "vgg": "vgg16",
    "xception": "xception",
}
"""The module of each spec."""

NO_ARCHITECTURE = {"data", "train", "variants", "expect"}
"""Keys of a spec that do not describe its layers."""


def spec_lines(text: str) -> int:
    """How many lines describe the network, without blank lines and comments."""
    key, count = "", 0
    for line in text.splitlines():
        if found := re.match(r"(\w+):", line):
            key = found[1]
        count += bool(line.strip()) and not line.lstrip().startswith("#") and key not in NO_ARCHITECTURE
    return count


def python_lines(text: str) -> int:
    """How many lines have code, without docstrings and other texts of several lines."""
    no_code = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_text = token.type == tokenize.STRING and token.string.endswith('"""')
        if token.type not in no_code and not is_text:
            lines.add(token.start[0])
    return len(lines)


def lines_of(name: str) -> tuple[int, int]:
    """The lines of a spec, and those of Keras's module."""
    keras = find_spec("keras")
    assert keras is not None
    assert keras.origin is not None
    module = Path(keras.origin).parent / "src" / "applications" / f"{MODULES[name]}.py"
    return spec_lines(find(name).read_text(encoding="utf-8")), python_lines(module.read_text(encoding="utf-8"))


def test_lines_are_counted() -> None:
    assert spec_lines("a: 1\n\n# x\nexpect:\n  a: 1\nb:\n  - c  # d\n") == 3
    assert python_lines('def f():\n    """One.\n\n    Two."""\n    # x\n\n    return (1,\n            2)\n') == 3


@pytest.mark.parametrize("name", MODULES)
def test_a_spec_has_at_most_a_third_of_the_lines(name: str) -> None:
    ours, theirs = lines_of(name)
    assert 20 < ours <= theirs * (0.4 if name == "inception_resnet_v2" else 1 / 3)
