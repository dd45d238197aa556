"""Commands that hold specs to something: `check` to the language, `lint` to what a good reviewer would say."""

from __future__ import annotations

import enum
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl import zoo
from archdsl.cli.shared import (
    COLORS,
    AllowOption,
    JsonOption,
    SetOption,
    VariantOption,
    complain,
    print_json,
    print_text,
    resolved,
)
from archdsl.errors import SHOWN, ArchError, fail
from archdsl.graph import Graph
from archdsl.limits import Limits, raised
from archdsl.spec import Spec
from archdsl.text import WIDTH, colored, wants_color

if TYPE_CHECKING:
    from archdsl.lint import Finding, Suppressions

WARNED = 5
"""The exit code where there are warnings: always of `lint`, of `check` with `--strict`."""


class Report(enum.StrEnum):
    """How `check` and `lint` tell what they found."""

    text = "text"
    json = "json"
    github = "github"


SpecsArgument = Annotated[
    list[str], typer.Argument(metavar="SPEC...", help="Files, or names of `archdsl specs`.", show_default=False)
]
FormatOption = Annotated[
    Report | None, typer.Option("--format", help="text; json; or github, which annotates the lines of a change.")
]


def check(
    specs: SpecsArgument,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 5 where there are warnings.")] = False,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check specs: the language, every shape, what they expect, and so every variant. Imports no TensorFlow.

    What can be built but is likely not meant so is a warning, as `archdsl lint` tells it.
    """
    raise typer.Exit(_review(specs, settings, variant, raised(allow or ()), _form(form, as_json), strict))


def lint(
    specs: SpecsArgument,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a good reviewer would: weights that cannot learn, work thrown away, and more, with numbers.

    Ends with 0 where there is nothing to say, 5 where there is, 1 where a spec is wrong.
    """
    raise typer.Exit(_review(specs, settings, variant, raised(allow or ()), _form(form, as_json), True, True))


def _form(form: Report | None, as_json: bool) -> Report:
    if as_json and form not in (None, Report.json):
        raise fail("ARCH203", f"`--json` is `--format json`, and cannot stand beside `--format {form}`")
    return Report.json if as_json else form or Report.text


def _review(
    specs: Sequence[str],
    settings: Sequence[str] | None,
    variant: str | None,
    limits: Limits,
    form: Report,
    strict: bool,
    only: bool = False,
) -> int:
    """Checks specs and tells what is found; with `only`, the warnings are what is asked for. Gives the exit code."""
    report: list[dict[str, Any]] = []
    code = 0
    warned = False
    for name in specs:
        review = _Review(name, settings, variant)
        for told, found in _checked(name, settings, variant, limits):
            if isinstance(found, ArchError):
                report.append({"spec": told, "ok": False, "problems": [problem.data() for problem in found.problems]})
                _tell_error(found, form, pointer=not code)
                code = max(code, found.exit_code)
                review.complete = False
                continue
            spec, graph = found
            report.append({"spec": told, "ok": True, "name": graph.name, "parameters": graph.totals.parameters})
            if form is not Report.json and not only:
                print_text(f"{told}: ok: {graph.name}, {graph.totals.parameters:,} parameters")
            findings = review.of(spec, graph)
            report[-1]["warnings"] = [finding.data() for finding in findings]
            warned = warned or bool(findings)
            review.tell(told, graph, findings, form, sys.stdout if only else sys.stderr, quiet=not only)
        if idle := review.idle():
            report[-1]["warnings"] += [finding.data() for finding in idle]
            warned = True
            _print(idle, form, sys.stdout if only else sys.stderr)
    if form is Report.json:
        print_json(report)
    return code or (WARNED if warned and strict else 0)


def _checked(
    name: str, settings: Sequence[str] | None, variant: str | None, limits: Limits
) -> Iterator[tuple[str, tuple[Spec, Graph] | ArchError]]:
    """A spec and its graph, and so each of its variants, or what is wrong with it; and what it is called."""
    try:
        spec = zoo.load(name, variant or "", limits)
        found = (spec,) if variant else spec.every()
    except ArchError as error:
        yield name, error
        return
    for one in found:
        told = f"{name} [{one.variant}]" if one.variant else name
        try:
            yield told, (one, resolved(one, settings)[2])
        except ArchError as error:
            yield told, error


def _tell_error(error: ArchError, form: Report, pointer: bool) -> None:
    if form is Report.github:
        print_text("\n".join(problem.annotation() for problem in error.problems))
    elif form is Report.text:
        complain(error, pointer=pointer)


@dataclass
class _Review:
    """The findings of one file, through all its variants.

    Args:
        complete: whether all that a silence could speak of was seen.
    """

    name: str
    settings: Sequence[str] | None
    variant: str | None
    complete: bool = True
    suppressions: Suppressions | None = None
    seen: set[Any] = field(default_factory=set)

    def of(self, spec: Spec, graph: Graph) -> Sequence[Finding]:
        """The findings of one variant."""
        from archdsl.lint import Suppressions, lint

        self.suppressions = self.suppressions or Suppressions(spec)
        return lint(spec, graph, self.suppressions)

    def tell(
        self, told: str, graph: Graph, findings: Sequence[Finding], form: Report, stream: Any, quiet: bool
    ) -> None:
        """Prints what was not told of another variant already, and a summary of all."""
        from archdsl.lint import summarize

        new = [one for one in findings if (one.code, one.span) not in self.seen]
        self.seen |= {(one.code, one.span) for one in new}
        _print(new, form, stream)
        if form is Report.text and (findings or not quiet):
            summary = summarize(findings, graph.totals) if findings else "nothing to say"
            before = f" ({len(findings) - len(new)} told above)" if len(findings) > len(new) else ""
            print(f"{told}: {summary}{before}", file=stream)

    def idle(self) -> Sequence[Finding]:
        """The findings about the suppressions, where everything was seen that they could speak of."""
        asked = self.suppressions is None or self.settings or self.variant or not self.complete
        return () if asked or self.suppressions is None else tuple(self.suppressions.unused())


def _print(findings: Sequence[Finding], form: Report, stream: Any) -> None:
    if form is Report.github:
        for finding in findings:
            print_text(finding.annotation())
    elif form is Report.text and findings:
        wide = min(WIDTH, shutil.get_terminal_size().columns) if stream.isatty() else WIDTH
        texts = [finding.render(wide) for finding in findings[:SHOWN]]
        more = [f"... and {len(findings) - SHOWN:,} more"] if len(findings) > SHOWN else []
        text = "\n".join(texts + more)
        print(colored(text, COLORS) if wants_color(stream) else text, file=stream)


COMMANDS = {"check": check, "lint": lint}
