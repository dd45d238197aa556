"""The example notebook runs from top to bottom, and what is kept in it is what it prints.

`python -m pytest tests/docs/test_example_notebook.py --update-golden` runs it and keeps the new outputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
import pytest
from documents import ROOT
from nbclient import NotebookClient
from nbformat import NotebookNode

from archdsl import loads, resolve

PATH = ROOT / "examples/from_yaml_to_trained_model.ipynb"
VARYING = {"progress", "trained"}
"""Tags of cells whose numbers come out of a training, and so are a little different on each machine."""


def read() -> NotebookNode:
    return nbformat.read(PATH, as_version=4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def varies(cell: NotebookNode) -> bool:
    return bool(VARYING & {*cell.metadata.get("tags", ())})


def written(output: NotebookNode) -> str:
    """The text of an output."""
    return output.text if output.output_type == "stream" else output.data["text/plain"]


def meaning(cell: NotebookNode) -> list[str]:
    """What a cell's outputs say: text, and of a picture its title and its description; not how it is drawn."""
    told = []
    for output in cell.outputs:
        picture = output.get("data", {}).get("image/svg+xml", "")
        told += [written(output), *re.findall(r"<(?:title|desc) id[^>]*>([^<]+)<", picture)[:2]]
    return [re.sub(r" *\d[\d.]*", " N", text) for text in told] if varies(cell) else told


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """A notebook without what is of one machine and one moment: times, versions, what libraries log."""
    notebook.metadata.language_info = {"name": "python"}
    for cell in code(notebook):
        cell.metadata.pop("execution", None)
        cell.outputs = joined(output for output in cell.outputs if output.get("name") != "stderr")
        for output in cell.outputs:
            if "text/html" in output.get("data", {}):  # a progress bar, which is a text as well
                output.data = {"text/plain": re.sub(r" +[\d.]+ s\n", "\n", output.data["text/plain"])}
    return notebook


def joined(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Outputs with what was printed in one piece: a kernel sends it in as many as it takes time."""
    found: list[NotebookNode] = []
    for output in outputs:
        if found and found[-1].output_type == output.output_type == "stream":
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def executed(folder: Path) -> NotebookNode:
    """The notebook with the outputs of a fresh kernel, which works in an empty folder."""
    notebook = read()
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    return cleaned(notebook)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_it_runs_and_says_what_it_says_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    (folder := tmp_path / "empty").mkdir()
    run = executed(folder)
    assert [*folder.iterdir()] == [], "it leaves nothing beside itself"
    if request.config.getoption("--update-golden"):
        cells = list(zip(code(run), code(read()), strict=True))
        # All or none: what one cell prints of a training must agree with what another does.
        if all(meaning(cell) == meaning(old) for cell, old in cells):
            for cell, old in cells:
                cell.outputs = old.outputs if varies(cell) else cell.outputs
        PATH.write_text(nbformat.writes(run) + "\n", encoding="utf-8", newline="\n")
    for cell, kept in zip(code(run), code(read()), strict=True):
        assert meaning(cell) == meaning(kept), f"run this file with --update-golden, read the diff:\n{cell.source}"
    hold_numbers(run)


def hold_numbers(notebook: NotebookNode) -> None:
    """Holds what a notebook printed to what the graph of its spec says, and to what a training should reach."""
    sources = "\n".join(cell.source for cell in code(notebook))
    printed = "\n".join(written(output) for cell in code(notebook) for output in cell.outputs)
    (text,) = re.findall(r'^text = """\\\n(.*?)^"""$', sources, re.MULTILINE | re.DOTALL)
    totals = resolve(loads(text)).totals
    assert f"{totals.parameters:,} parameters, {totals.macs:,} MACs per image" in printed
    assert re.search(rf"^as it is +{totals.parameters:,} +{totals.macs:,}$", printed, re.MULTILINE)
    for node in resolve(loads(text)).nodes:
        if node.totals.parameters:
            assert re.search(rf"^{node.name}( .*\) {node.totals.parameters:,}){{2}}$", printed, re.MULTILINE), node.name
    assert "error[ARCH021]: merge 'add' needs equal shapes" in printed
    assert "TensorFlow is loaded: False" in printed
    assert "largest difference between the model and what was loaded: 0.0" in printed
    (trained,) = re.findall(r"(\d+)% of 360 test digits", printed)
    (evaluated,) = re.findall(r"test accuracy ([\d.]+) %", printed)
    assert 85 <= float(evaluated) <= 100
    assert round(float(evaluated)) == float(trained)


def test_what_is_kept_is_clean_and_small() -> None:
    text = PATH.read_text(encoding="utf-8")
    assert len(text.encode()) < 1_000_000
    assert not re.search(r"/tmp|/home|/work|/root|/Users|C:\\\\|stderr|cuda|iopub", text)
    assert text == nbformat.writes(cleaned(read())) + "\n"
    cells = code(read())
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    hold_numbers(read())


def test_what_it_shows_is_drawn() -> None:
    outputs = [output for cell in code(read()) for output in cell.outputs]
    pictures = [output.data["image/svg+xml"] for output in outputs if "image/svg+xml" in output.get("data", {})]
    titles = [re.findall(r"<title id[^>]*>([^<]+)<", picture)[0] for picture in pictures]
    assert len(titles) == 8
    assert {*titles} == {"ResidualLayer", "ResidualLayerScal", "ResidualBlock", "FunnyDigits"}
