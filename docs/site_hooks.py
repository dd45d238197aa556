"""What the site does to the pages, which GitHub shows as they are: MkDocs calls these functions."""

from __future__ import annotations

import re
from os.path import normpath, relpath
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from archdsl.schema.explanations import CODES, explain

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"^```(\w+) (\w+)$", re.MULTILINE)
_PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">\s*'
    r'<img alt="([^"]*)" src="([^"]+)"[^>]*>\s*</picture>'
)
_IMAGE = re.compile(r'<img alt="([^"]*)" src="([^"]+)"[^>]*>')
_OUTSIDE = re.compile(r"\]\(((?:\.\./)+[^)#\s]+)")
_CODE = re.compile(r"(?<!\[)`(ARCH\d{3})`(?!\])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each error and lint code: the text of `archdsl explain`."""
    from mkdocs.structure.files import File, InclusionLevel

    for code in CODES:
        files.append(File.generated(config, page_of(code), content=explain(code), inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return converted(markdown, page.file.src_uri, config.repo_url or "")


def converted(text: str, page: str, repository: str) -> str:
    """Switch pictures with the theme, link codes to their pages and files to the repository, and mark wrong specs.

    Args:
        page: the page's path below `docs/`.
        repository: the address of the repository.
    """
    folder = PurePosixPath(page).parent

    def titled(found: re.Match[str]) -> str:
        return f'```{found[1]} title="{found[2]}"' if found[2] == "wrong" else f"```{found[1]}"

    def code(found: re.Match[str]) -> str:
        known = found[1] in CODES and page != page_of(found[1])
        return f"[`{found[1]}`]({relpath(page_of(found[1]), folder)})" if known else found[0]

    def outside(found: re.Match[str]) -> str:
        path = normpath(f"docs/{folder}/{found[1]}")
        return found[0] if path.startswith("docs/") else f"]({repository}/blob/main/{path}"

    pieces = [_WORD.sub(titled, piece) for piece in _FENCE.split(text)]
    for at in range(0, len(pieces), 2):
        prose = _PICTURE.sub(r"![\2](\3#only-light)![\2](\1#only-dark)", pieces[at])
        prose = _IMAGE.sub(r"![\1](\2)", prose)
        pieces[at] = _CODE.sub(code, _OUTSIDE.sub(outside, prose))
    return "".join(pieces)


def page_of(code: str) -> str:
    """The page of an error or lint code."""
    return f"reference/errors/{code}.md"
