"""The help of the program and of its commands: groups, examples and colors."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import IO, Any

from typer.core import TyperCommand, TyperGroup

from archdsl.text import colored, wants_color

GROUPS: dict[str, tuple[str, ...]] = {
    "Write and check": ("new", "check", "lint", "expand"),
    "Understand": ("show", "plot", "why", "diff", "sweep"),
    "Train and use": ("build", "eject", "data", "train", "evaluate", "predict", "runs", "export"),
    "Reference": ("docs", "specs", "ops", "explain", "schema"),
}
"""The commands in the order in which a newcomer needs them."""

NAMES = ["-h", "--help"]
"""The options that print help."""

_STYLES = {r"^([A-Z][\w ]*:)": "1;32", r"^  ((?:--?)?[a-z][\w-]*(?:, --[\w-]+)*)(?=  | [A-Z\[]|$)": "36"}
"""Headings are bold green; names of commands and options are cyan."""

_COMPLETION = {
    "--install-completion": "Install completion for the current shell.",
    "--show-completion": "Print the completion script of the current shell.",
}
"""Typer's options, each described on one line."""

_FACTS = re.compile(r" *\[(?:required|x>=\d+)\]|; x>=\d+")
"""Facts that Typer appends to a description and the usage line or the message for a wrong value shows better."""


class Command(TyperCommand):
    """A command; the `Examples:` section of its function's docstring closes its help."""

    def __init__(self, *values: Any, **settings: Any) -> None:
        super().__init__(*values, **settings)
        self.help, _, examples = (self.help or "").partition("\n\nExamples:\n")
        self.examples = [line.strip() for line in examples.splitlines() if line.strip()]

    def collect_usage_pieces(self, context: Any) -> list[str]:
        arguments = [param for param in self.get_params(context) if param.param_type_name == "argument"]
        return ["[OPTIONS]", *map(_usage, arguments)]

    def format_options(self, context: Any, formatter: Any) -> None:
        params = self.get_params(context)
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            if rows := list(records(context, [param for param in params if param.param_type_name == kind])):
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, context: Any, formatter: Any) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"  {example}\n")

    def get_help_option(self, context: Any) -> Any:
        return _colored_option(super().get_help_option(context))


class Group(TyperGroup):
    """A group whose help lists the commands by purpose, before the options."""

    summaries: dict[str, str]
    """The one-line description of each command."""

    def format_options(self, context: Any, formatter: Any) -> None:
        width = max(map(len, self.summaries))
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self.summaries[name]) for name in names])
        with formatter.section("Options"):
            formatter.write_dl(list(records(context, self.get_params(context))))

    def get_help_option(self, context: Any) -> Any:
        return _colored_option(super().get_help_option(context))

    def parse_args(self, context: Any, words: list[str]) -> list[str]:
        if not words and not context.resilient_parsing:
            print_help(context, sys.stderr)
            context.exit(2)
        return super().parse_args(context, words)


def _usage(argument: Any) -> str:
    """An argument as the usage line shows it: `SPEC`, `[SPEC]`, `SPEC...`."""
    name = str(argument.metavar or argument.name.upper())
    return (name if argument.required else f"[{name}]") + ("..." if argument.nargs == -1 else "")


def records(context: Any, params: list[Any]) -> Iterator[tuple[str, str]]:
    """The names of arguments and options, each with its description."""
    for param in params:
        if (record := param.get_help_record(context)) is not None:
            names, text = record
            is_argument = param.param_type_name == "argument"
            name = str(param.metavar) if is_argument and param.metavar else names
            yield name, _COMPLETION.get(names, _FACTS.sub("", text))


def print_help(context: Any, stream: IO[str]) -> None:
    """Prints the help of a command, in color if the stream shows color."""
    text = context.get_help()
    stream.write(colored(text, _STYLES) if wants_color(stream) else text)
    stream.write("\n")


def _colored_option(option: Any) -> Any:
    option.callback = _help
    return option


def _help(context: Any, option: Any, value: bool) -> None:
    if value and not context.resilient_parsing:
        print_help(context, sys.stdout)
        context.exit()
