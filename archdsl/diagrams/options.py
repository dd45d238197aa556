"""Options for the look of diagrams."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.errors import fail, nearest

DETAILS = ("compact", "full")
DIRECTIONS = ("TB", "LR")
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Options:
    """Options for the look of a diagram.

    Args:
        theme: `light` or `dark`.
        depth: how many levels of layers to open: 1 draws each layer as one box, 2 opens the layers of the model, ...
        direction: `TB` (top to bottom) or `LR` (left to right).
        detail: `compact` draws an op, its normalization and its activation as one box; `full` gives each its own line.
        costs: whether boxes show parameters and multiply-accumulates.

    Raises:
        ArchError: an option has an invalid value (ARCH203).
    """

    theme: str = "light"
    depth: int = 1
    direction: str = "TB"
    detail: str = "compact"
    costs: bool = False

    def __post_init__(self) -> None:
        if self.theme not in THEMES:
            raise fail("ARCH203", f"unknown theme `{self.theme}`", hint=nearest(self.theme, THEMES))
        if self.detail not in DETAILS:
            raise fail("ARCH203", f"unknown detail `{self.detail}`", hint=nearest(self.detail, DETAILS))
        if self.direction not in DIRECTIONS:
            hint = "use `TB` (top to bottom) or `LR` (left to right)"
            raise fail("ARCH203", f"unknown direction `{self.direction}`", hint=hint)
        if self.depth < 1:
            message = f"depth must be at least 1, got {self.depth}"
            raise fail("ARCH203", message, hint="use 1 to draw each layer as one box")

    @property
    def is_wide(self) -> bool:
        """Whether the diagram runs from left to right."""
        return self.direction == "LR"

    @property
    def is_full(self) -> bool:
        return self.detail == "full"
