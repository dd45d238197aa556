"""The commands that review specs: `check`, `lint`."""

from __future__ import annotations

import enum
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archdsl import zoo
from archdsl.cli import completion, installed_ops
from archdsl.cli.shared import (
    COLORS,
    AllowOption,
    JsonOption,
    SetOption,
    VariantOption,
    print_colored,
    print_error,
    print_json,
    print_text,
    print_to,
    resolved,
)
from archdsl.errors import SHOWN, ArchError, fail
from archdsl.graph import Graph
from archdsl.limits import Limits, raised
from archdsl.resolution.loops import Budget
from archdsl.spec import Spec, titled
from archdsl.text import GREEN, WIDTH, colored, in_line, wants_color

if TYPE_CHECKING:
    from archdsl.linting import Finding, Suppressions

WARNED = 5
"""The exit code if there are warnings: of `lint`, and of `check --strict`."""


_OK = {r": (ok): ": GREEN}


class ReportFormat(enum.StrEnum):
    """The output format of `check` and `lint`."""

    text = "text"
    json = "json"
    github = "github"


SpecsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SPEC",
        help="Spec files or names in `archdsl specs`.",
        autocompletion=completion.specs,
        show_default=False,
    ),
]
FormatOption = Annotated[
    ReportFormat | None, typer.Option("--format", help="The output format; github annotates pull requests.")
]


def check(
    specs: SpecsArgument,
    settings: SetOption = None,
    variant: VariantOption = None,
    allow: AllowOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 5 if there are warnings.")] = False,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate specs: structure, shapes, expectations, all variants.

    Likely mistakes are reported as warnings. Exit codes: 0 valid, 1 invalid.

    Examples:
        archdsl check my_net.yaml
        archdsl check specs/*.yaml --strict
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
    """Report likely mistakes, such as weights that cannot learn.

    Exit codes: 0 no findings, 1 invalid spec, 5 findings.

    Examples:
        archdsl lint my_net.yaml
        archdsl lint vgg --format github
    """
    raise typer.Exit(_review(specs, settings, variant, raised(allow or ()), _form(form, as_json), True, True))


def _form(form: ReportFormat | None, as_json: bool) -> ReportFormat:
    if as_json and form not in (None, ReportFormat.json):
        raise fail("ARCH203", f"`--json` and `--format {form}` cannot be combined", hint="pass only one of them")
    return ReportFormat.json if as_json else form or ReportFormat.text


def _review(
    specs: Sequence[str],
    settings: Sequence[str] | None,
    variant: str | None,
    limits: Limits,
    form: ReportFormat,
    strict: bool,
    only: bool = False,
) -> int:
    """Check specs, print the results (with `only`, just the warnings), and return the exit code."""
    report: list[dict[str, Any]] = []
    code = 0
    warned = False
    for name in specs:
        review = SpecReview(settings, variant or zoo.split(name)[1])
        for title, outcome in _checked(name, settings, variant, limits):
            if isinstance(outcome, ArchError):
                report.append(
                    {"spec": title, "ok": False, "problems": [problem.data() for problem in outcome.problems]}
                )
                _print_error(outcome, form, pointer=not code)
                code = max(code, outcome.exit_code)
                review.complete = False
                continue
            spec, graph = outcome
            report.append({"spec": title, "ok": True, "name": graph.name, "parameters": graph.totals.parameters})
            if form is not ReportFormat.json and not only:
                print_colored(f"{title}: ok: {in_line(graph.name)}, {graph.totals.parameters:,} parameters", _OK)
            findings = review.of(spec, graph)
            report[-1]["warnings"] = [finding.data() for finding in findings]
            warned = warned or bool(findings)
            review.print(title, graph, findings, form, sys.stdout if only else sys.stderr, quiet=not only)
        if idle := review.idle():
            report[-1]["warnings"] += [finding.data() for finding in idle]
            warned = True
            _print(idle, form, sys.stdout if only else sys.stderr)
    if form is ReportFormat.json:
        print_json(report)
    return code or (WARNED if warned and strict else 0)


def _checked(
    name: str, settings: Sequence[str] | None, variant: str | None, limits: Limits
) -> Iterator[tuple[str, tuple[Spec, Graph] | ArchError]]:
    """Yield the title of each variant of a spec with its graph or its error."""
    try:
        spec = zoo.load(name, variant or "", limits)
        named, _ = zoo.split(name)
        variants = (spec,) if spec.variant else spec.every()
    except ArchError as error:
        yield name, error
        return
    budget = Budget(limits)
    for one in variants:
        title = in_line(titled(named, one.variant))
        try:
            graph = resolved(one, settings, budget)[2]
            installed_ops.verify(graph)
            yield title, (one, graph)
        except ArchError as error:
            yield title, error
            if budget.is_spent:
                return
        budget.together = ", together with the variants before it"


def _print_error(error: ArchError, form: ReportFormat, pointer: bool) -> None:
    if form is ReportFormat.github:
        print_text("\n".join(problem.annotation() for problem in error.problems))
    elif form is ReportFormat.text:
        print_error(error, pointer=pointer)


@dataclass
class SpecReview:
    """The findings of one file in all its variants.

    Args:
        complete: whether all variants were linted, which finding unused suppressions requires.
    """

    settings: Sequence[str] | None
    variant: str
    complete: bool = True
    suppressions: Suppressions | None = None
    seen: set[Any] = field(default_factory=set)

    def of(self, spec: Spec, graph: Graph) -> Sequence[Finding]:
        """Return the findings of one variant."""
        from archdsl.linting import Suppressions, lint

        self.suppressions = self.suppressions or Suppressions(spec)
        return lint(spec, graph, self.suppressions)

    def print(
        self, title: str, graph: Graph, findings: Sequence[Finding], form: ReportFormat, stream: Any, quiet: bool
    ) -> None:
        """Print the findings that are new in this variant, and a summary."""
        from archdsl.linting import summarize

        new = [one for one in findings if (one.code, one.span) not in self.seen]
        self.seen |= {(one.code, one.span) for one in new}
        _print(new, form, stream)
        if form is ReportFormat.text and (findings or not quiet):
            summary = summarize(findings, graph.totals) if findings else "no findings"
            before = f" ({len(findings) - len(new)} listed above)" if len(findings) > len(new) else ""
            stream.write(f"{title}: {summary}{before}\n")

    def idle(self) -> Sequence[Finding]:
        """Return the unused suppressions, if all variants were linted without options."""
        asked = self.suppressions is None or self.settings or self.variant or not self.complete
        return () if asked or self.suppressions is None else tuple(self.suppressions.unused())


def _print(findings: Sequence[Finding], form: ReportFormat, stream: Any) -> None:
    if form is ReportFormat.github:
        for finding in findings:
            print_text(finding.annotation())
    elif form is ReportFormat.text and findings:
        wide = min(WIDTH, shutil.get_terminal_size().columns) if stream.isatty() else WIDTH
        texts = [finding.render(wide) for finding in findings[:SHOWN]]
        more = [f"... and {len(findings) - SHOWN:,} more"] if len(findings) > SHOWN else []
        text = "\n".join(texts + more)
        print_to(colored(text, COLORS) if wants_color(stream) else text, stream)


COMMANDS = {"check": check, "lint": lint}
