"""The reference of the commands in `docs/`, generated from their help."""

from __future__ import annotations

import typer

from archdsl.cli import app
from archdsl.cli.help import NAMES, Command, records


def commands() -> str:
    """Return a section for each command, in the order of `archdsl --help`."""
    program = typer.main.get_command(app)
    return "\n".join(map(_section, program.list_commands(typer.Context(program)), program.commands.values()))


def _section(name: str, command: Command) -> str:
    context = typer.Context(command, info_name=f"archdsl {name}", help_option_names=NAMES)
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    rows = [*records(context, command.get_params(context))]
    lines = "".join(f"| {_code(words)} | {_cell(text)} |\n" for words, text in rows)
    paragraphs = (command.help or "").replace("\b\n", "").strip()
    table = f"| argument or option | meaning |\n| --- | --- |\n{lines}"
    examples = "".join(f"{example}\n" for example in command.examples)
    return f"## {name}\n\n{paragraphs}\n\n```text\n{usage}\n```\n\n```sh\n{examples}```\n\n{table}"


def _code(words: str) -> str:
    """Format an argument, or an option with its value: `--depth INTEGER`."""
    return f"`{_cell(words)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
