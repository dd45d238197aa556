"""The program `archdsl`: it lists its commands from an index, and imports the one that is run."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from archdsl.version import __version__

INDEX = Path(__file__).with_name("commands.json")
"""The module and the help of each command, taken from the modules' `COMMANDS` by `pytest --update-golden`."""


class Commands(Mapping[str, Any]):
    """The commands by name; looking one up imports its module.

    Args:
        index: what `commands.json` holds.
    """

    def __init__(self, index: Mapping[str, Mapping[str, str]]) -> None:
        self.index = index

    def __getitem__(self, name: str) -> Any:
        module = import_module(f"archdsl.cli.{self.index[name]['module']}")
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name)(module.COMMANDS[name])
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(self.index)

    def __len__(self) -> int:
        return len(self.index)


class Program(TyperGroup):
    """A group that lists its commands, for help and completion, without importing them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.index = json.loads(INDEX.read_text(encoding="utf-8"))
        self.commands = cast(Any, Commands(self.index))

    def list_commands(self, context: Any) -> list[str]:
        return list(self.index)

    def get_command(self, context: Any, name: str) -> Any:
        """A command as lists show it: its name and its help."""
        return TyperCommand(name, help=self.index[name]["help"]) if name in self.index else None

    def resolve_command(self, context: Any, words: list[str]) -> Any:
        name, listed, rest = super().resolve_command(context, words)
        return name, listed and self.commands[str(name)], rest


app = typer.Typer(
    cls=Program,
    help="Neural network architectures as YAML: checked, drawn, compiled to Keras layers, and trained.",
    epilog="Exit codes: 0 good, 1 the spec is wrong, 2 usage, 3 data or environment, 4 training failed, 5 warnings, "
    "6 networks that differ.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Runs the program; every `ArchError` becomes its message and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without `×` gets a `?`
    # Pydantic would look through all installed packages for plugins, which takes as long as resolving a network.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        from archdsl.cli.shared import print_error
        from archdsl.errors import ArchError

        if not isinstance(error, ArchError):
            raise
        print_error(error)
        sys.exit(error.exit_code)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"{__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
