"""The commands. No logic: each reads its arguments, calls the package, and prints."""

from archdsl.cli.program import app, main

__all__ = ["app", "main"]
