"""The commands that compare networks and trace values: `diff`, `why`."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from archdsl import zoo
from archdsl.cli import completion
from archdsl.cli.settings import parse_settings
from archdsl.cli.shared import (
    AllowOption,
    JsonOption,
    SetOption,
    SpecArgument,
    VariantOption,
    print_colored,
    print_json,
    print_text,
)
from archdsl.errors import fail
from archdsl.graph import Graph
from archdsl.limits import Limits, raised
from archdsl.parsing.reshaping import with_settings
from archdsl.resolution import resolve
from archdsl.source import decode
from archdsl.spec import Spec
from archdsl.text import WIDTH, room

STDIN = "-"
"""The name of the spec that is read from stdin."""

DIFFERENT = 6
"""The exit code of `diff --exit-code` if the networks differ."""


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """One of the two networks: a spec with a variant and arguments.

    Args:
        spec: a file, a name, or `STDIN`.
        variant: the name of a variant, or an empty string.
        settings: arguments in the form of `--set`.
    """

    spec: str
    variant: str = ""
    settings: tuple[str, ...] = ()

    def __str__(self) -> str:
        chosen = ", ".join(word for word in (self.variant, *self.settings) if word)
        name = "<stdin>" if self.spec == STDIN else self.spec
        return f"{name}[{chosen}]" if chosen else name


def parse_choice(word: str) -> NetworkChoice:
    """Parse `resnet`, `resnet[resnet101]` or `resnet[resnet101, classes=10]`.

    Raises:
        ArchError: the brackets are empty or name two variants.
    """
    match = re.fullmatch(r"([^\[\]]+)\[(.*)\]", word)
    if match is None or Path(word).exists():
        return NetworkChoice(word)
    chosen = [part.strip() for part in re.split(r",(?![^\[{]*[\]}])", match[2])]
    variants = [part for part in chosen if "=" not in part]
    if len(variants) > 1 or "" in chosen:
        hint = "name at most one variant, then arguments: `resnet[resnet101, classes=10]`"
        raise fail("ARCH203", f"cannot parse `{word}`", hint=hint)
    return NetworkChoice(match[1].strip(), "".join(variants), tuple(part for part in chosen if "=" in part))


def diff(
    before: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A file, a name, or `-` for stdin, as in `resnet[resnet101, classes=10]`.",
            autocompletion=completion.specs,
        ),
    ],
    after: Annotated[
        str | None,
        typer.Argument(
            metavar="B",
            help="The other spec (default: A with `--variant` and `--set`).",
            autocompletion=completion.specs,
        ),
    ] = None,
    settings: SetOption = None,
    variant: VariantOption = None,
    depth: Annotated[int, typer.Option(min=1, metavar="N", help="Levels of layers to open in the table.")] = 1,
    whole: Annotated[bool, typer.Option("--all", help="Also list changes that follow from other changes.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help=f"Exit with {DIFFERENT} if the networks differ.")
    ] = False,
    allow: AllowOption = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a pull request.")] = False,
) -> None:
    """Show how two networks differ and which weights carry over.

    `--variant` and `--set` apply to B; write those of A in brackets. `expect` is ignored.

    Examples:
        archdsl diff "resnet[resnet34]" "resnet[resnet50]"
        git show HEAD:my_net.yaml | archdsl diff - my_net.yaml
    """
    from archdsl.diff import compare
    from archdsl.diff import text as differences

    if as_json and as_markdown:
        raise fail("ARCH203", "`--json` and `--markdown` cannot be combined", hint="pass only one of them")
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
        print_colored(differences.to_text(comparison, names, depth, whole, room(sys.stdout)), differences.COLORS)
    raise typer.Exit(DIFFERENT if exit_code and not comparison.is_equal else 0)


def _chosen(first: NetworkChoice, after: str | None, variant: str | None, settings: list[str]) -> NetworkChoice:
    """Return the second network: B or A, overridden by the options."""
    if after is None and variant is None and not settings:
        hint = "name a second spec, or pass `--variant` or `--set`"
        raise fail("ARCH203", "`diff` expects two networks, got one", hint=hint)
    second = first if after is None else parse_choice(after)
    if STDIN == first.spec == second.spec:
        raise fail("ARCH203", "only one of the networks can be read from stdin", hint="write the other to a file")
    return NetworkChoice(second.spec, variant or second.variant, (*second.settings, *settings))


def _graph(chosen: NetworkChoice, limits: Limits) -> Graph:
    spec = _spec(chosen, limits)
    spec, arguments = with_settings(spec, parse_settings(chosen.settings, spec))
    return resolve(spec, **arguments)


def _spec(chosen: NetworkChoice, limits: Limits) -> Spec:
    if chosen.spec != STDIN:
        return zoo.load(chosen.spec, chosen.variant, limits)
    data = sys.stdin.buffer.read(limits.bytes + 1)
    if len(data) > limits.bytes:
        raise limits.exceeded("bytes", f"stdin has more than {limits.bytes:,} bytes", code="ARCH003")
    return zoo.loads(decode(data, "<stdin>"), "<stdin>", chosen.variant, limits)


def why(
    spec: SpecArgument,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH", help="A step, such as Block_1/conv_2, or one of its values, such as conv_1.kernel."
        ),
    ],
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where a value in the network comes from.

    Prints the expression, its line, and the chain of layers that passes it on. PATH is a step, a step followed by
    `.argument` or `.shape`, or a weight.

    Examples:
        archdsl why resnet conv_1.filters
        archdsl why my_net.yaml Block_1/conv_2.shape
    """
    from archdsl.tracing import text as origins
    from archdsl.tracing import trace

    loaded = zoo.load(spec, variant or "", raised(allow or ()))
    chosen, arguments = with_settings(loaded, parse_settings(settings or (), loaded))
    traced = trace(chosen, path, arguments)
    if as_json:
        print_json(origins.to_data(traced))
    else:
        print_text(origins.to_text(traced, min(WIDTH, room(sys.stdout) or WIDTH)))


COMMANDS = {"diff": diff, "why": why}
