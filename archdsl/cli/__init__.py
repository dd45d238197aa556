"""The command line: each command parses its arguments, calls the package, and prints the result."""

from archdsl.cli.program import app, main

__all__ = ["app", "main"]
