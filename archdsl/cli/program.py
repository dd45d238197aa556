"""The program `archdsl`: lists its commands from an index and imports only the one that runs."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand

from archdsl.cli.help import GROUPS, NAMES, Command, Group
from archdsl.version import __version__

INDEX = Path(__file__).with_name("commands.json")
"""The module and the first line of help of each command; `pytest --update-golden` collects them from `COMMANDS`."""


COMPLETION = "_ARCHDSL_COMPLETE"
"""The environment variable by which the completion scripts of shells ask for suggestions."""


class Commands(Mapping[str, Any]):
    """The commands by name; looking one up imports its module.

    Args:
        index: the content of `commands.json`.
    """

    def __init__(self, index: Mapping[str, Mapping[str, str]]) -> None:
        self.index = index

    def __getitem__(self, name: str) -> Any:
        module = import_module(f"archdsl.cli.{self.index[name]['module']}")
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, cls=Command)(module.COMMANDS[name])
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(self.index)

    def __len__(self) -> int:
        return len(self.index)


class Program(Group):
    """A group that lists its commands, for help and completion, without importing them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        index = json.loads(INDEX.read_text(encoding="utf-8"))
        self.index = {name: index[name] for names in GROUPS.values() for name in names}
        self.commands = cast(Any, Commands(self.index))
        self.summaries = {name: entry["help"] for name, entry in self.index.items()}

    def list_commands(self, context: Any) -> list[str]:
        return list(self.index)

    def get_command(self, context: Any, name: str) -> Any:
        """A command for lists: its name and its help."""
        return TyperCommand(name, help=self.index[name]["help"]) if name in self.index else None

    def resolve_command(self, context: Any, words: list[str]) -> Any:
        name, listed, rest = super().resolve_command(context, words)
        return name, listed and self.commands[str(name)], rest


app = typer.Typer(
    cls=Program,
    help="\b\nDefine neural networks in YAML; check, draw, and train them with Keras.\n"
    "Run `archdsl COMMAND -h` for the options of a command and for examples.",
    context_settings={"help_option_names": NAMES},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class LostError(Exception):
    """A stream that cannot be written to: its disk is full or its reader is gone.

    Args:
        stream: the `Screen`.
        error: the system's error.
    """

    def __init__(self, stream: Screen, error: OSError) -> None:
        super().__init__(stream, error)
        self.stream, self.error = stream, error


class Screen:
    """stdout or stderr, with the control characters of files and arguments made visible.

    Args:
        stream: the stream to write to.
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
        """The stream for rich, which draws with control sequences and is given no text of users."""
        return self.stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _try(self, call: Callable[..., Any], *values: str) -> Any:
        try:
            return call(*values)
        except OSError as error:
            raise LostError(self, error) from None


def main() -> None:
    """Run the program; errors become a message and an exit code."""
    # Otherwise Pydantic searches all installed packages for plugins, which takes as long as resolving a network.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if COMPLETION in os.environ:
        sys.exit(_run())  # the shell gets names and tabs as they are; `completion` suggests only printable ones
    _open_closed()
    streams = sys.stdout, sys.stderr
    out, err = Screen(sys.stdout), Screen(sys.stderr)
    sys.stdout, sys.stderr = cast(Any, out), cast(Any, err)
    show_warning = warnings.showwarning
    warnings.showwarning = partial(_show_warning, show_warning)
    try:
        code = _run()
        out.flush()
        err.flush()
    except LostError as lost:
        # Buffered text would fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), lost.stream.fileno())
        code = _report_lost("stdout" if lost.stream is out else "stderr", lost.error)
    finally:
        sys.stdout, sys.stderr = streams
        warnings.showwarning = show_warning
    sys.exit(code)


def _show_warning(
    others: Any, message: Warning | str, category: type[Warning], file: str, line: int, *more: Any
) -> None:
    """Print a warning of archdsl as one line; others are shown as Python does."""
    if issubclass(category, UserWarning) and "archdsl" in Path(file).parts:
        sys.stderr.write(f"warning: {message}\n")
    else:
        others(message, category, file, line, *more)


def _run() -> Any:
    """Run the command and return its exit code."""
    try:
        app(prog_name="archdsl")
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
    """Reopen closed standard streams, or another file would get their numbers.

    A reopened stdout refuses writes; a reopened stderr discards them.
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
