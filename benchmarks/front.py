"""What commands of the front cost beside bare programs of the libraries that they stand on."""

from __future__ import annotations

import sys

from benchmarks.scale import SPEC
from benchmarks.timing import BASE, Found, interleaved, seconds, summary

TYPER = """
import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback()
def program() -> None:
    pass


@app.command()
def command(name: str) -> None:
    pass


app()
"""
"""A program that has one command, and does nothing."""

TWIN_COUNT = "import sys; sys.path.insert(0, 'tests/support'); import twins; print(twins.built().count_params())"


def fronting(count: int) -> Found:
    """Measures it, in wall and in CPU time: other programs on the machine change the second least.

    Args:
        count: how many pairs of each.
    """
    program = (sys.executable, "-m", "archdsl")
    base, bare = (sys.executable, "-c", BASE), (sys.executable, "-c", TYPER, "--help")
    check = (*program, "check", SPEC)
    few = max(3, count // 2)
    found: Found = {}
    for name, ours, theirs, number in (
        ("check / a process that imports pydantic, ruamel.yaml, typer (3 at most, 2 aimed at)", check, base, count),
        ("--version / a bare typer program (1.3 at most)", (*program, "--version"), bare, count),
        ("--help / a bare typer program (1.3 at most)", (*program, "--help"), bare, count),
        ("specs / check (2 at most)", (*program, "specs"), check, count),
        ("check / import TensorFlow, build, count", check, (sys.executable, "-c", TWIN_COUNT), few),
    ):
        times = interleaved(lambda ours=ours: seconds(*ours), lambda theirs=theirs: seconds(*theirs), number)
        for at, clock in enumerate(("wall", "CPU")):
            found[f"{name}, {clock} time"] = summary([(one[at], other[at]) for one, other in times])
    return found
