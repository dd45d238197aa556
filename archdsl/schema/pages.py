"""The pages of the documentation, in an installed package as in a checkout."""

from __future__ import annotations

from pathlib import Path

from archdsl.errors import fail, nearest

SITE = "https://archdsl.github.io/archdsl/"
_PACKAGE = Path(__file__).parents[1]


def folder() -> Path:
    """Return the folder of the documentation: inside the package in a wheel, next to it in a checkout."""
    inside = _PACKAGE / "docs"
    return inside if inside.is_dir() else _PACKAGE.parent / "docs"


def names() -> dict[str, Path]:
    """Return the file of each page by its name, such as `reference/language/loops`."""
    files = {path.relative_to(folder()).with_suffix("").as_posix(): path for path in sorted(folder().rglob("*.md"))}
    return {(name.removesuffix("/index") if name != "index" else name): path for name, path in files.items()}


def title(path: Path) -> str:
    """Return the first heading of a page."""
    with path.open(encoding="utf-8") as lines:
        return next(lines).removeprefix("# ").strip()


def find(word: str) -> str:
    """Return the name of a page.

    Args:
        word: The name, or the end of it: `loops`, `language/loops`.

    Raises:
        ArchError: If no page or more than one page has this name (ARCH203).
    """
    known = names()
    word = word.strip("/").removesuffix(".md")
    found = [word] if word in known else [name for name in known if name.endswith(f"/{word}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise fail("ARCH203", f"several pages are named `{word}`", hint=f"pass one of {', '.join(found)}")
    near = nearest(word, [*known, *(name.rpartition("/")[2] for name in known)])
    raise fail("ARCH203", f"unknown page `{word}`", hint=f"{near} `archdsl docs` lists all pages".strip())


def address(name: str) -> str:
    """Return the address of a page on the site."""
    return SITE if name == "index" else f"{SITE}{name}/"
