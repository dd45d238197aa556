"""What all tests share: golden texts, which `pytest --update-golden` rewrites."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden texts that differ")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)` holds a text to `tests/golden/<name>`."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
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
