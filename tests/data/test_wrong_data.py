"""Each way in which users get their data wrong: one message, which names the place and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from wrong_data import CASES

from archdsl.data.dataset import load
from archdsl.errors import ArchError
from archdsl.recipe import Data


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds a data set of this machine."""
    monkeypatch.delenv("ARCHDSL_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", CASES)
def test_wrong_data(name: str, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    case = CASES[name]
    pytest.importorskip(case.needs)
    case.write(tmp_path)
    with pytest.raises(ArchError) as caught:
        load(Data(source=case.source, **case.words), ports=case.network)
    assert len(caught.value.problems) == 1
    golden(f"wrong/{name}.txt", str(caught.value).replace(str(tmp_path), "DIR") + "\n")
