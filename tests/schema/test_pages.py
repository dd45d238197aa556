"""`archdsl docs`: the pages of the documentation in the terminal and in the browser."""

from __future__ import annotations

import webbrowser

import pytest
from documents import DOCS, ROOT
from typer.testing import CliRunner

from archdsl import ArchError, zoo
from archdsl.cli import app
from archdsl.schema import pages


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["docs", *words])
    return done.exit_code, done.output


def test_it_lists_every_page() -> None:
    code, printed = run()
    assert code == 0
    assert len(printed.splitlines()) == len(DOCS) >= 40
    assert "reference/language/loops" in printed
    assert all(pages.title(path) for path in DOCS.values())


@pytest.mark.parametrize("word", ["loops", "language/loops", "reference/language/loops.md"])
def test_it_prints_a_page(word: str) -> None:
    assert run(word) == (0, DOCS["reference/language/loops.md"].read_text(encoding="utf-8"))


def test_a_folder_is_its_first_page() -> None:
    assert pages.find("language") == "reference/language"
    assert pages.names()["reference/language"] == DOCS["reference/language/index.md"]
    assert pages.find("index") == "index"


def test_it_opens_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert run("loops", "--web") == (0, f"{pages.SITE}reference/language/loops/\n")
    assert run("--web") == (0, f"{pages.SITE}\n")
    assert opened == [f"{pages.SITE}reference/language/loops/", pages.SITE]
    assert f"site_url: {pages.SITE}\n" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_an_unknown_page_has_a_suggestion() -> None:
    with pytest.raises(ArchError, match="unknown page `lops`") as caught:
        pages.find("lops")
    assert "did you mean `loops` or" in str(caught.value)


def test_an_ambiguous_name_lists_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "names", lambda: {"how-to/data": ROOT, "reference/data": ROOT})
    with pytest.raises(ArchError, match="several pages are named `data`") as caught:
        pages.find("data")
    assert "how-to/data, reference/data" in str(caught.value)


def test_an_example_has_a_name(tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # type: ignore[arg-type]
    assert zoo.find("examples/two_in_two_out") == ROOT / "examples/two_in_two_out.yaml"
    assert zoo.load("examples/six_paths.yaml").name
    done = CliRunner().invoke(app, ["new", "mine.yaml", "--from", "examples/two_in_two_out"])
    assert done.exit_code == 0, done.output
