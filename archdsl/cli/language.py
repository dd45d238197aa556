"""The commands about the language of specs: `docs`, `explain`, `specs`, `ops`, `schema`."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import typer

from archdsl import zoo
from archdsl.cli import completion
from archdsl.cli.shared import JsonOption, print_colored, print_json, print_text, say
from archdsl.errors import fail, nearest
from archdsl.schema import docstrings
from archdsl.text import CYAN, columns, room, wants_color

_FIRST, _SECOND = {r"^[^\s]+": CYAN}, {r"^\w+ +(\w+)": CYAN}
"""Colors of lists: the first or the second word of each line."""


def explain(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE",
            help="A code, such as ARCH021 or 21 (default: list all codes).",
            autocompletion=completion.codes,
        ),
    ] = None,
) -> None:
    """Explain an error or lint code.

    Examples:
        archdsl explain ARCH021
    """
    from archdsl.schema import explanations

    if code is None:
        print_colored(columns(list(explanations.CODES.items()), width=room(sys.stdout)), _FIRST)
        return
    _print_markdown(explanations.explain(explanations.find(code)))


def docs(
    page: Annotated[
        str | None,
        typer.Argument(
            metavar="PAGE",
            help="A page, such as loops (default: list all pages).",
            autocompletion=completion.pages,
        ),
    ] = None,
    web: Annotated[bool, typer.Option("--web", help="Open the page in the browser.")] = False,
) -> None:
    """Read the documentation in the terminal or the browser.

    Examples:
        archdsl docs loops
        archdsl docs --web
    """
    from archdsl.schema import pages

    name = None if page is None else pages.find(page)
    if web:
        import webbrowser

        address = pages.address(name or "index")
        webbrowser.open(address)
        print_text(address)
    elif name is None:
        rows = [(name, pages.title(path)) for name, path in pages.names().items()]
        print_colored(columns(rows, width=room(sys.stdout)), _FIRST)
    else:
        _print_markdown(pages.names()[name].read_text(encoding="utf-8"))


def _print_markdown(text: str) -> None:
    """Print Markdown, rendered if the terminal has colors."""
    if not wants_color(sys.stdout):
        print_text(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console(file=sys.stdout).print(Markdown(text, code_theme="ansi_dark"))


def list_specs(as_json: JsonOption = False) -> None:
    """List the specs that ship with archdsl.

    Examples:
        archdsl specs
    """
    index = zoo.index()
    if as_json:
        print_json([{"spec": spec, "file": str(zoo.names()[spec]), **facts} for spec, facts in index.items()])
        return
    rows = [(spec, f"{facts['parameters']:,}", facts["doc"]) for spec, facts in index.items()]
    print_colored(columns(rows, right={1}, width=room(sys.stdout)), _FIRST)


def list_ops(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Show full help for one op (default: list all ops).", autocompletion=completion.ops
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the ops, or show full help for one.

    Examples:
        archdsl ops conv
    """
    from archdsl.ops import OPS, find, plugins
    from archdsl.schema import op_reference

    if name is not None:
        op = find(name)
        if op is None:
            hint = nearest(name, {*OPS, *plugins.names()})
            raise fail("ARCH203", f"there is no op `{name}`", hint=hint)
        if as_json:
            print_json(op_reference.data(op))
        else:
            print_text(op_reference.describe(op, shutil.get_terminal_size().columns))
        return
    others = plugins.names()
    for word in others.keys() & OPS:
        say(f"ignored op `{word}` of {others.pop(word)}: archdsl has an op of this name")
    if as_json:
        own = {n: {"kind": op.kind, "doc": op.__doc__, "arguments": list(op.model_fields)} for n, op in OPS.items()}
        print_json(own | {n: {"kind": "installed", "package": package} for n, package in others.items()})
        return
    entries: list[tuple[str, str, str]] = [(op.kind, word, docstrings.summary(op)) for word, op in OPS.items()]
    entries = sorted(entries, key=lambda entry: (entry[0], entry[1]))
    entries += [("installed", word, package) for word, package in others.items()]
    print_colored(columns(entries, width=room(sys.stdout)), _SECOND)


def print_schema(
    path: Annotated[bool, typer.Option("--path", help="Print the path of the schema file.")] = False,
    installed: Annotated[bool, typer.Option("--installed", help="Include the ops of installed packages.")] = False,
) -> None:
    """Print the JSON schema of specs, for editors.

    Examples:
        archdsl schema > archdsl.schema.json
    """
    from archdsl import schema

    if path and installed:
        raise fail("ARCH203", "`--path` and `--installed` cannot be combined", hint="pass only one of them")
    if path:
        print_text(str(schema.FILE))
    else:
        print_text(schema.text(schema.all_ops()) if installed else schema.FILE.read_text(encoding="utf-8"))


COMMANDS = {"docs": docs, "explain": explain, "specs": list_specs, "ops": list_ops, "schema": print_schema}
