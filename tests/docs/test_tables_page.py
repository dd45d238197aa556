"""The page about tables trains the houses that it makes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks, named

TEXT = (ROOT / "docs/how-to/your-own-tables.md").read_text(encoding="utf-8")


@pytest.mark.tensorflow
@pytest.mark.slow
def test_the_page_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl import zoo
    from archdsl.cli import main
    from archdsl.runs.folder import read_result
    from archdsl.training.setup import Overrides, prepare

    monkeypatch.chdir(tmp_path)
    found = blocks(TEXT)
    for block in found:
        if block.language == "python":
            exec(block.text, {})  # noqa: S102 - of our own page
        if block.language == "yaml":
            Path(named(block) or "").write_text(block.text, encoding="utf-8")
    (commands,) = [block.text for block in found if block.language == "sh"]
    for line in commands.splitlines():
        monkeypatch.setattr(sys, "argv", line.split())
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (None, 0), line
    scores = read_result(tmp_path / "runs/houses").test_scores or {}
    assert scores["r2_score"] > 0.98
    assert 3_000 < scores["mean_absolute_error"] < 8_000
    assert prepare(zoo.load(tmp_path / "cities.yaml"), Overrides()).steps > 0


def test_the_pages_say_where_rows_come_from() -> None:
    sources = {*re.findall(r"source: \{(\w+):", TEXT)}
    assert sources == {"csv", "jsonl", "text_folder"}
