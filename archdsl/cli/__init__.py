"""The commands. No logic: each reads its arguments, calls the package, and prints."""

from archdsl.cli import authoring, comparing, data, language, learning, network, results, reviewing, sweeping
from archdsl.cli.app import app, main

__all__ = [
    "app",
    "authoring",
    "comparing",
    "data",
    "language",
    "learning",
    "main",
    "network",
    "results",
    "reviewing",
    "sweeping",
]
