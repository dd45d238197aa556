"""The rules of the lint, by what they look at; each is one class."""

from archdsl.lint.rule import Rule
from archdsl.lint.rules import neighbours, spec, waste, windows

RULES: tuple[Rule, ...] = tuple(
    sorted((*windows.RULES, *waste.RULES, *neighbours.RULES, *spec.RULES), key=lambda rule: rule.code)
)
"""All of them, by their codes."""
