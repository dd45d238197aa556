"""The reference of the commands in `docs/`, made from the program's own help."""

from __future__ import annotations

import typer

from archdsl.cli import app


def commands() -> str:
    """A section for each command, in the order of `archdsl --help`: its usage, its arguments and its options."""
    program = typer.main.get_command(app)
    return "\n".join(map(_section, program.list_commands(typer.Context(program)), program.commands.values()))


def _section(name: str, command: typer.core.TyperCommand) -> str:
    context = typer.Context(command, info_name=f"archdsl {name}")
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    rows = [record for p in command.get_params(context) if (record := p.get_help_record(context)) is not None]
    lines = "".join(f"| {_code(words)} | {_cell(text)} |\n" for words, text in rows)
    paragraphs = (command.help or "").replace("\b\n", "").strip()
    table = f"| argument or option | meaning |\n| --- | --- |\n{lines}"
    return f"## {name}\n\n{paragraphs}\n\n```text\n{usage}\n```\n\n{table}"


def _code(words: str) -> str:
    """An argument, or an option with its value: `--depth INTEGER`."""
    return f"`{_cell(words)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
