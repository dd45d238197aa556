"""What all tests share: golden texts, which `pytest --update-golden` rewrites, and how the suite is run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from collecting import needs_tensorflow


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden texts that differ")


def pytest_configure() -> None:
    """Lets tables have their full width in pipes: a width in the environment would fold them."""
    os.environ.pop("COLUMNS", None)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Leaves `-n 2` out for one file, where it does not help, and where it hinders; an `-n` of one's own stays."""
    option = config.option
    asked = any(re.match("-n|--numprocesses", str(word)) for word in config.invocation_params.args)
    alone = len(config.args) == 1 and not Path(config.args[0]).is_dir()
    if not asked and (alone or option.usepdb or option.update_golden or option.capture == "no"):
        option.numprocesses = 0


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves files that import TensorFlow alone where none of their tests is wanted: the import takes seconds."""
    wanted = config.option.markexpr
    unwanted = "not tensorflow" in wanted.split(" and ") and " or " not in wanted
    return True if unwanted and collection_path.suffix == ".py" and needs_tensorflow(collection_path) else None


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)` holds a text to `golden/<name>` beside the test."""

    def check(name: str, text: str) -> None:
        path = request.path.parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.exists(), f"there is no {path}: run `pytest --update-golden`, and read what it writes"
        assert text == path.read_text(encoding="utf-8"), f"{name} differs: run `pytest --update-golden`, read the diff"

    return check


@pytest.fixture
def golden_document(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """`golden_document(path, text)` holds a document to what its tables, messages and outputs really are."""

    def check(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden") and text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8", newline="\n")
        real, kept = text.splitlines(), path.read_text(encoding="utf-8").splitlines()
        assert kept == real, f"{path.name} differs: run `pytest --update-golden`, read the diff"

    return check
