"""Run folders: results, curves, cards, listing and comparison."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from documents import printed_by
from finished_run import RUN

from archdsl import zoo
from archdsl.errors import ArchError
from archdsl.runs import curves, listing, selection
from archdsl.runs.card import Reliability, card
from archdsl.runs.folder import (
    CONFUSION,
    CURVES,
    LOG,
    MISTAKES,
    NETWORK,
    Result,
    describe_machine,
    read_log,
    read_result,
)

SPEC = zoo.load("digits_resnet")
ROWS = [
    {"epoch": e, "seconds": 4.0, "learning_rate": 0.002 / e, "loss": 1 / e, "accuracy": 1 - 0.5 / e}
    | {"validation_loss": 1.1 / e, "validation_accuracy": 1 - 0.6 / e}
    for e in range(1, 21)
]


RELIABILITY = Reliability(0.9, confident=0.145, confident_accuracy=0.0, confusions=[(0, 1, 3), (1, 2, 3), (2, 3, 3)])


def test_the_card_is_complete_and_contains_no_private_data(golden: Callable[[str, str], None]) -> None:
    pictures = [NETWORK, CURVES, CONFUSION, MISTAKES]
    text = card(SPEC, RUN, RELIABILITY, pictures)
    golden("card.md", text)
    assert "somebody" not in text
    golden("card_interrupted.md", card(SPEC, _cut(RUN), None, [CURVES]))


def test_a_card_escapes_markup_and_control_characters_in_names() -> None:
    evil = "<img src=x onerror=alert(1)>\n# Forged\x1b]52;c;eA==\x07 | \u202e"
    names = [evil, *RUN.classes[1:]]
    run = replace(RUN, classes=names, class_accuracy=dict.fromkeys(names, 0.5), source=evil, variant=evil, tags=(evil,))
    run = replace(run, command="archdsl train x\n```\n# Forged", origin=f"/data/{evil}")
    text = card(SPEC, run, RELIABILITY, [])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    lines = text.splitlines()
    assert not [line for line in lines if line.startswith("# Forged")]
    unescaped = [line for line in lines if re.search(r"(?<!\\)<img", re.sub(r"`[^`]*`", "", line))]
    assert not unescaped
    assert evil.split()[0] in text.replace("\\", "")


def _cut(run: Result) -> Result:
    """An interrupted run of an older archdsl, with fewer fields."""
    known = {
        "status": "interrupted",
        "epochs_run": 7,
        "best_epoch": 6,
        "variant": "wide",
        "arguments": {"width": 16},
        "limit": 500,
    }
    unknown = dict.fromkeys(("test_accuracy", "test_loss", "plain_test_accuracy", "class_accuracy", "input", "machine"))
    return replace(run, **known, **unknown, classes=(), started="", command="", origin="/home/somebody/digits.npz")


def test_no_text_of_the_users_breaks_the_card() -> None:
    odd = "a | b *c* <script> [x](y)\n# head"
    text = card(SPEC, replace(RUN, source=odd, classes=(odd, "b"), class_accuracy={odd: 0.5}), None, [])
    assert "<script>" not in text.replace(r"\<script\>", "")
    assert "\n# head" not in text
    assert r"| a \| b \*c\* \<script\>" in text


def test_curves_are_drawn(tmp_path: Path) -> None:
    drawn: dict[str, Callable[[Path], None]] = {
        "curves": lambda path: curves.draw(ROWS, RUN, path),
        "one epoch": lambda path: curves.draw(ROWS[:1], replace(RUN, epochs_run=1), path),
        "together": lambda path: curves.draw_together({"one": ROWS, "two": ROWS[:3]}, path, RUN.judged),
        "no validation": lambda path: curves.draw(_without_validation(), replace(RUN, best_epoch=None), path),
    }
    for name, draw in drawn.items():
        draw(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG"), name
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(drawn)


def _without_validation() -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if "validation" not in name} for row in ROWS]


def keep(folder: Path, run: Result, text: str = SPEC.text) -> Path:
    """A run folder as written by training, without the network."""
    folder.mkdir(parents=True)
    (folder / "spec.yaml").write_text(text, encoding="utf-8")
    run.write(folder)
    names = list(ROWS[0])
    lines = [",".join(names), *(",".join(f"{row[name]:.6g}" for name in names) for row in ROWS[: run.epochs_run])]
    (folder / LOG).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Four runs, one of them broken, in the time zone UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield _runs(tmp_path)
    time.tzset()


def _runs(tmp_path: Path) -> Path:
    other = SPEC.text.replace("standardize: true", "standardize: channel").replace("{adam:", "{adamw:")
    keep(tmp_path / "runs/digits-1", RUN)
    cut = replace(_cut(RUN), variant="", started="2026-02-01T08:30:00+00:00")
    keep(tmp_path / "runs/digits-2", cut, other)
    keep(tmp_path / "runs/deep/er", replace(RUN, test_accuracy=0.9917, seconds=4000.0, started="2026-02-02T09:00:00Z"))
    keep(tmp_path / "runs/broken", RUN)
    (tmp_path / "runs/broken/run.json").write_text("{", encoding="utf-8")
    (tmp_path / "runs/other").mkdir()
    return tmp_path


def test_runs_are_listed_and_compared(folder: Path, golden: Callable[[str, str], None]) -> None:
    for name, words in {
        "list": "runs",
        "by_accuracy": "runs runs --sort score",
        "compare": "runs runs/digits-1 runs/digits-2 --out both.png",
        "compare_equal": "runs runs/digits-1 runs/deep/er",
    }.items():
        code, text = printed_by(f"archdsl {words}", folder)
        assert code == 0, text
        golden(f"runs_{name}.txt", text)
    assert (folder / "both.png").read_bytes().startswith(b"\x89PNG")


def test_the_newest_run_is_last_even_within_a_minute(tmp_path: Path) -> None:
    for name, second in {"c": 1, "a": 2, "b": 3}.items():
        keep(tmp_path / name, replace(RUN, started=f"2026-02-01T08:30:{second:02}+00:00"))
    assert [run.name for run in listing.find(tmp_path)] == ["c", "a", "b"]


def test_the_table_fits_the_terminal(folder: Path) -> None:
    found = listing.find(folder / "runs")
    for width in (100, 80, 60, 45):
        lines = listing.to_text(found, width).splitlines()
        assert max(map(len, lines[:4])) <= width
        assert {"run", "status", "accuracy"} <= set(lines[0].split())


def test_json_has_the_values_of_the_tables(folder: Path) -> None:
    told = json.loads(printed_by("archdsl runs --json", folder)[1])
    assert [Path(run["run"]).name for run in told] == ["digits-1", "digits-2", "er", "broken"]
    assert told[0]["test_accuracy"] == 0.9889
    assert told[3]["error"]["code"] == "ARCH204"
    compared = json.loads(printed_by("archdsl runs runs/digits-1 runs/digits-2 --json", folder)[1])
    assert compared["recipe"]["train.optimizer"] == {"digits-1": "adam", "digits-2": "adamw"}
    assert compared["recipe"]["data.limit"] == {"digits-1": "none", "digits-2": "500"}
    assert [run["status"] for run in compared["runs"]] == ["finished", "interrupted"]
    assert compared["networks"]["digits-2"]["arguments"]


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        (["score > 0.99"], ["er"]),
        (["score<=0.9889"], ["digits-1"]),
        (["status = finished", "time < 1000"], ["digits-1"]),
        (["status != finished"], ["digits-2"]),
        (["name = digits*", "date >= 2026-02-01"], ["digits-2"]),
        (["spec=D*Res*", "task = classification", "data = digits"], ["digits-1", "digits-2", "er"]),
        (["parameters > 1e9"], []),
        (["note = *wide*"], ["er"]),
        (["note = wide"], []),
        (["note = *wi*wide*"], []),
    ],
)
def test_conditions_select_runs(folder: Path, conditions: list[str], names: list[str]) -> None:
    keep(folder / "noted", replace(RUN, note="a wide one"))
    replace(read_result(folder / "runs/deep/er"), note="a wide one").write(folder / "runs/deep/er")
    found = selection.select(listing.find(folder / "runs"), [selection.parse(text) for text in conditions])
    assert [run.folder.name for run in found] == names


def test_a_note_is_added_later(folder: Path, golden: Callable[[str, str], None]) -> None:
    run = folder / "runs/digits-1"
    (run / "card.md").write_text(card(SPEC, RUN, None, []), encoding="utf-8")
    told = ""
    words = ("runs/digits-1 --note 'more *augment*'", "", "--where 'score > 0.999'", "runs/digits-1 --note ''")
    for each in words:
        code, text = printed_by(f"archdsl runs {each}", folder)
        assert code == 0, text
        told += f"$ archdsl runs {each}\n{text}"
        if each == words[0]:
            lines = (run / "card.md").read_text(encoding="utf-8").splitlines()
            assert lines[2] == r"Note: more \*augment\*"
            assert (read_result(run).note, read_result(run).started) == ("more *augment*", RUN.started)
    golden("runs_notes.txt", told)
    assert (run / "card.md").read_text(encoding="utf-8") == card(SPEC, RUN, None, [])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("runs nowhere", 2, "there is no folder nowhere"),
        ("runs runs/other", 2, "contains no runs"),
        ("runs --sort size", 2, "cannot sort runs by `size`"),
        ("runs --where score", 2, "cannot parse `score`"),
        ("runs --where scor=1", 2, "help: did you mean `score`?"),
        ("runs --where score=high", 2, "expected a number for `score`, got `high`"),
        ("runs --where 'spec > a'", 2, "`spec` cannot be compared by `>`"),
        ("runs runs/digits-1 runs/digits-2 --where score=1", 2, "`--where` requires a folder of runs"),
        ("runs --note x runs/digits-1 runs/digits-2", 2, "`--note` requires one run"),
        ("runs --note x", 2, "runs is not a run"),
        ("runs --watch runs/digits-1 runs/digits-2", 2, "`--watch` requires one run"),
        ("runs --out a.png", 2, "requires at least two runs"),
        ("runs runs/digits-1 runs/broken", 2, "broken/run.json is invalid"),
        ("runs runs/digits-1 runs/digits-2 --out a.jpg", 2, "expected a file that ends in `.png`"),
    ],
)
def test_errors_of_listing(folder: Path, words: str, code: int, message: str) -> None:
    ended, text = printed_by(f"archdsl {words}", folder)
    assert (ended, message in text) == (code, True), text


def test_curves_of_different_tasks_are_not_drawn_together(folder: Path) -> None:
    keep(folder / "runs/masks", replace(RUN, task="segmentation", test_scores={"mean_iou": 0.5}))
    ended, text = printed_by("archdsl runs runs/digits-1 runs/masks --out a.png", folder)
    assert (ended, text) == (
        2,
        "error[ARCH203]: cannot draw the curves of different tasks: "
        "digits-1 has the score accuracy, masks has mean IoU\n"
        "  help: name runs with the same score, or compare them without `--out`\n",
    )
    ended, text = printed_by("archdsl runs runs/digits-1 runs/masks", folder)
    assert (ended, "test score" in text) == (0, True)


def test_an_old_run_can_still_be_read(tmp_path: Path) -> None:
    RUN.write(tmp_path)
    told = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    first = ("spec", "arguments", "seed", "epochs", "limit", "source", "origin", "images", "mean", "std")
    old = {name: told[name] for name in (*first, "parameters", "versions", "status")}
    (tmp_path / "run.json").write_text(json.dumps(old), encoding="utf-8")
    read = read_result(tmp_path)
    assert (read.spec, read.classes, read.machine, read.input) == ("DigitsResNet", (), None, None)
    assert "DigitsResNet" in listing.to_text(listing.find(tmp_path), 150)


def test_a_file_that_is_not_a_log_is_reported(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []
    keep(tmp_path / "run", RUN)
    assert read_log(tmp_path / "run")[4]["validation_accuracy"] == pytest.approx(0.88)
    (tmp_path / "run" / LOG).write_text("epoch,loss\n1,much\n", encoding="utf-8")
    with pytest.raises(ArchError, match=r"ARCH204.*log.csv is invalid"):
        read_log(tmp_path / "run")


def test_the_machine_is_described_without_its_name() -> None:
    told = describe_machine(["GPU:0"])
    assert set(told) == {"system", "processor", "cpus", "accelerators"}
    assert 1 <= told["cpus"] <= (os.cpu_count() or 1)
    assert os.uname().nodename not in told.values()


def test_a_moved_run_can_still_be_read(folder: Path) -> None:
    shutil.move(folder / "runs/digits-1", folder / "elsewhere")
    assert listing.find(folder / "elsewhere")[0].known_result == read_result(folder / "elsewhere")


WRONG_VALUES: dict[str, tuple[Any, str]] = {
    "seed": ("3", '`seed`: expected an integer, got `"3"`'),
    "epochs": (0, "`epochs`: expected at least 1, got `0`"),
    "epochs_run": (10**9, "`epochs_run`: expected at most `epochs`, 20, got `1000000000`"),
    "best_epoch": (21, "`best_epoch`: expected at most `epochs`, 20, got `21`"),
    "images": ({"train": -1}, "`images.train`: expected at least 0, got `-1`"),
    "mean": ([0.5, "x"], "`mean[1]`: expected a number, got `x`"),
    "std": ([0.5, 0.5], "`mean` and `std`: expected the same length, got 1 and 2"),
    "parameters": (10**400, "`parameters`: expected at most 1,000,000,000,000,000"),
    "status": ("finishd", "`status`: unknown value `finishd`; did you mean `finished`?"),
    "test_accuracy": (float("nan"), "`test_accuracy`: expected a finite number, got `nan`"),
    "classes": (["a", 1], "`classes[1]`: expected a string, got `1`"),
    "started": ("yesterday", "`started`: expected a time such as `2026-01-31T12:00:00+00:00`, got `yesterday`"),
    "arguments": ([], "`arguments`: expected a mapping, got `[]`"),
    "limits": ({"steps": "many"}, "`limits.steps`: expected an integer, got `many`"),
}


@pytest.mark.parametrize("name", WRONG_VALUES)
def test_an_invalid_value_in_a_run_is_named(name: str, tmp_path: Path) -> None:
    value, message = WRONG_VALUES[name]
    (tmp_path / "run.json").write_text(json.dumps({**asdict(RUN), name: value}), encoding="utf-8")
    with pytest.raises(ArchError) as caught:
        read_result(tmp_path)
    [problem] = caught.value.problems
    assert (problem.code, f"{tmp_path}/run.json is invalid: {message}" in problem.message) == (
        "ARCH204",
        True,
    ), str(problem)


def test_all_invalid_values_are_named_in_one_message(tmp_path: Path) -> None:
    wrong = {**asdict(RUN), "seed": "3", "started": 5, "status": None, "later": {"is": "ignored"}}
    del wrong["epochs"]
    (tmp_path / "run.json").write_text(json.dumps(wrong), encoding="utf-8")
    [broken] = listing.find(tmp_path)
    assert listing.to_text([broken], 100).splitlines() == [
        f"{tmp_path.name}: {tmp_path}/run.json is invalid: 4 values are invalid",
        '  `seed`: expected an integer, got `"3"`; remove the quotes',
        "  `epochs` is missing",
        "  `status`: unknown value nothing; available: `failed`, `finished`, `interrupted`, `running`",
        "  `started`: expected a string, got `5`",
    ]


def test_a_run_that_is_read_is_written_back_to_the_byte(tmp_path: Path) -> None:
    RUN.write(tmp_path)
    written = (tmp_path / "run.json").read_bytes()
    read_result(tmp_path).write(tmp_path)
    assert (tmp_path / "run.json").read_bytes() == written


WRONG_LOGS = {
    "epoch,loss\n1,much\n2\n": ["line 2: `loss`: expected a number, got `much`", "line 3: expected 2 values, got 1"],
    "epoch,loss\n2,0.5\n": ["line 2: `epoch`: expected 1, got `2.0`"],
    "epoch,loss\n1,0.5\n1,0.5\n": ["line 3: `epoch`: expected 2, got `1.0`"],
    "loss\n0.5\n": ["line 1: expected unique column names, including `epoch`"],
    "epoch,loss,loss\n": ["line 1: expected unique column names"],
    "epoch\n" + "1\n" * 200_000: ["it has more than 100,000 rows"],
    "epoch," + "x" * 200_000 + "\n1,1\n": ["it is not a readable CSV file"],
}


@pytest.mark.parametrize("text", WRONG_LOGS, ids=lambda text: ascii(text[:20]))
def test_a_log_with_invalid_rows_is_rejected(text: str, tmp_path: Path) -> None:
    (tmp_path / LOG).write_text(text, encoding="utf-8")
    with pytest.raises(ArchError, match=r"ARCH204.*log.csv is invalid") as caught:
        read_log(tmp_path)
    assert [message for message in WRONG_LOGS[text] if message not in str(caught.value)] == []
