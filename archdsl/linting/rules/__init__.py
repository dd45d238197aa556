"""All lint rules, one class each."""

from archdsl.linting.rule import Rule
from archdsl.linting.rules import channels, neighbours, spec, training, waste, windows

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (*windows.RULES, *waste.RULES, *neighbours.RULES, *channels.RULES, *spec.RULES, *training.RULES),
        key=lambda rule: rule.code,
    )
)
"""All rules, sorted by code."""
