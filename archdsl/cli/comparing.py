"""Commands that set networks beside one another, or a value beside what it comes from: `diff`, `why`."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from archdsl import zoo
from archdsl.cli.settings import parse_settings
from archdsl.cli.shared import AllowOption, JsonOption, SetOption, SpecArgument, VariantOption, print_json, print_text
from archdsl.errors import fail
from archdsl.graph import Graph
from archdsl.limits import Limits, raised
from archdsl.resolution import resolve
from archdsl.source import decode
from archdsl.spec import Spec
from archdsl.text import WIDTH, colored, wants_color

STDIN = "-"
"""The spec that is read from stdin."""

DIFFERENT = 6
"""How `diff --exit-code` ends where the networks differ; 1 says that a spec is wrong, as everywhere."""


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """One of two networks: a spec, and what is chosen of it.

    Args:
        spec: a file, a name, or `STDIN`.
        variant: the name of one of its variants, or nothing.
        settings: its arguments, as `--set` has them.
    """

    spec: str
    variant: str = ""
    settings: tuple[str, ...] = ()

    def __str__(self) -> str:
        chosen = ", ".join(word for word in (self.variant, *self.settings) if word)
        name = "<stdin>" if self.spec == STDIN else self.spec
        return f"{name}[{chosen}]" if chosen else name


def parse_choice(word: str) -> NetworkChoice:
    """What `resnet`, `resnet[resnet101]` or `resnet[resnet101, classes=10]` says.

    Raises:
        ArchError: two variants are chosen, or nothing is.
    """
    match = re.fullmatch(r"([^\[\]]+)\[(.*)\]", word)
    if match is None or Path(word).exists():
        return NetworkChoice(word)
    chosen = [part.strip() for part in re.split(r",(?![^\[{]*[\]}])", match[2])]
    variants = [part for part in chosen if "=" not in part]
    if len(variants) > 1 or "" in chosen:
        hint = "one variant, and arguments: `resnet[resnet101, classes=10]`"
        raise fail("ARCH203", f"`{word}` cannot be read", hint=hint)
    return NetworkChoice(match[1].strip(), "".join(variants), tuple(part for part in chosen if "=" in part))


def diff(
    before: Annotated[
        str,
        typer.Argument(metavar="A", help="A spec: a file, a name, `-` for stdin; or `resnet[resnet101, classes=10]`."),
    ],
    after: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Another; without it, A with `--variant` and `--set`.")
    ] = None,
    settings: SetOption = None,
    variant: VariantOption = None,
    depth: Annotated[int, typer.Option(min=1, help="How many levels of layers the table opens.")] = 1,
    whole: Annotated[bool, typer.Option("--all", help="Tell changes, too, that only follow from others.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help=f"End with {DIFFERENT} where the networks differ.")
    ] = False,
    allow: AllowOption = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")] = False,
) -> None:
    """Tell what differs between two networks: steps, shapes, parameters, cost, and which weights carry over.

    `--variant` and `--set` are B's; A's stand in brackets. `expect` is not held. Imports no TensorFlow.
    """
    from archdsl.diff import compare
    from archdsl.diff import text as differences

    if as_json and as_markdown:
        raise fail("ARCH203", "`--json` cannot stand beside `--markdown`", hint="keep one of them")
    first = parse_choice(before)
    second = _chosen(first, after, variant, settings or [])
    limits = raised(allow or ())
    comparison = compare(_graph(first, limits), _graph(second, limits))
    names = str(first), str(second)
    if as_json:
        print_json(differences.to_data(comparison, names))
    elif as_markdown:
        print_text(differences.to_markdown(comparison, names, depth))
    else:
        _print_colored(differences.to_text(comparison, names, depth, whole))
    raise typer.Exit(DIFFERENT if exit_code and not comparison.is_equal else 0)


def _print_colored(text: str) -> None:
    from archdsl.diff.text import COLORS

    print_text(colored(text, COLORS) if wants_color(sys.stdout) else text)


def _chosen(first: NetworkChoice, after: str | None, variant: str | None, settings: list[str]) -> NetworkChoice:
    """The second network: B, or A again, with the options laid over it."""
    if after is None and variant is None and not settings:
        hint = "name another spec, or choose `--variant` or `--set`"
        raise fail("ARCH203", "`diff` sets two networks beside one another, and here is one", hint=hint)
    second = first if after is None else parse_choice(after)
    if STDIN == first.spec == second.spec:
        raise fail("ARCH203", "both networks cannot come from stdin", hint="write one of them to a file")
    return NetworkChoice(second.spec, variant or second.variant, (*second.settings, *settings))


def _graph(chosen: NetworkChoice, limits: Limits) -> Graph:
    spec = _spec(chosen, limits)
    return resolve(spec, **parse_settings(chosen.settings, spec))


def _spec(chosen: NetworkChoice, limits: Limits) -> Spec:
    if chosen.spec != STDIN:
        return zoo.load(chosen.spec, chosen.variant, limits)
    data = sys.stdin.buffer.read(limits.bytes + 1)
    if len(data) > limits.bytes:
        raise limits.exceeded("bytes", f"stdin gives more than {limits.bytes:,} bytes", code="ARCH003")
    return zoo.loads(decode(data, "<stdin>"), "<stdin>", chosen.variant, limits)


def why(
    spec: SpecArgument,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH", help="A step, as in Block_1/wide/conv_2; one of its fields, as in conv_1.kernel."
        ),
    ],
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell where a value comes from: the expression, its line, and the chain of layers up to what is written.

    PATH is a step, a field or an argument behind a dot, `.shape`, or a weight. Imports no TensorFlow.
    """
    from archdsl.tracing import text as origins
    from archdsl.tracing import trace

    loaded = zoo.load(spec, variant or "", raised(allow or ()))
    traced = trace(loaded, path, parse_settings(settings or (), loaded))
    if as_json:
        print_json(origins.to_data(traced))
    else:
        print_text(origins.to_text(traced, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)))


COMMANDS = {"diff": diff, "why": why}
