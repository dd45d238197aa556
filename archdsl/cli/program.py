"""The program `archdsl`: it lists its commands from an index, and imports the one that is run."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    "6 networks that differ, 70 a bug in archdsl, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


class LostError(Exception):
    """A stream takes no more: its disk is full, or its reader has gone.

    Args:
        stream: the `Screen`.
        error: what the system says.
    """

    def __init__(self, stream: Screen, error: OSError) -> None:
        super().__init__(stream, error)
        self.stream, self.error = stream, error


class Screen:
    """stdout or stderr, through which no control character passes that comes from a file or an argument.

    Args:
        stream: what it writes to.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without `×` gets a `?`

    def write(self, text: str) -> int:
        if not text.isascii() or not text.replace("\n", "").isprintable():
            from archdsl.text import Styled, printable  # `--version` and `--help` are ready without it

            text = text if isinstance(text, Styled) else printable(text)
        return int(self._try(self.stream.write, text))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._try(self.stream.flush)

    @property
    def rich_proxied_file(self) -> Any:
        """Where rich writes instead: it draws by control sequences, and gets no text of users."""
        return self.stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _try(self, call: Callable[..., Any], *values: str) -> Any:
        try:
            return call(*values)
        except OSError as error:
            raise LostError(self, error) from None


def main() -> None:
    """Runs the program; whatever ends it early becomes a message and an exit code."""
    # Pydantic would look through all installed packages for plugins, which takes as long as resolving a network.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _open_closed()
    streams = sys.stdout, sys.stderr
    out, err = Screen(sys.stdout), Screen(sys.stderr)
    sys.stdout, sys.stderr = cast(Any, out), cast(Any, err)
    try:
        code = _run()
        out.flush()
        err.flush()
    except LostError as lost:
        # What waits to be written would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), lost.stream.fileno())
        code = _report_lost("stdout" if lost.stream is out else "stderr", lost.error)
    finally:
        sys.stdout, sys.stderr = streams
    sys.exit(code)


def _run() -> Any:
    """The exit code of the command."""
    try:
        app()
    except SystemExit as end:
        return end.code
    except KeyboardInterrupt:
        return 130
    except LostError:
        raise
    except Exception as error:
        from archdsl.cli.failures import report

        return report(error)


def _report_lost(stream: str, error: OSError) -> int:
    from archdsl.cli.failures import report_lost

    try:
        return report_lost(stream, error)
    except LostError as other:
        os.dup2(os.open(os.devnull, os.O_WRONLY), other.stream.fileno())
        return 3


def _open_closed() -> None:
    """Opens the standard streams that are closed, so that no other file takes their numbers.

    stdout refuses what is written to it then, and stderr drops it.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, mode), number)
    for number, name in enumerate(("stdout", "stderr"), 1):
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(number, "w", closefd=False), encoding="utf-8"))


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
