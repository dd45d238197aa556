"""How a diagram is to look, whatever draws it."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.errors import fail, nearest

DETAILS = ("compact", "full")
DIRECTIONS = ("TB", "LR")
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Options:
    """How a diagram is to look.

    Args:
        theme: `light` or `dark`.
        depth: 1 draws each layer as one box; 2 draws what is inside the layers, 3 what is inside those, ...
        direction: `TB` from top to bottom, `LR` from left to right.
        detail: `compact` folds norm and activation into their op's box; `full` gives each a line of its own color.
        costs: whether boxes show their parameters and multiply-accumulates.

    Raises:
        ArchError: an option has a value that it cannot have.
    """

    theme: str = "light"
    depth: int = 1
    direction: str = "TB"
    detail: str = "compact"
    costs: bool = False

    def __post_init__(self) -> None:
        if self.theme not in THEMES:
            raise fail("ARCH203", f"`{self.theme}` is no theme", hint=nearest(self.theme, THEMES))
        if self.detail not in DETAILS:
            raise fail("ARCH203", f"`{self.detail}` is no detail", hint=nearest(self.detail, DETAILS))
        if self.direction not in DIRECTIONS:
            hint = "`TB` from top to bottom, `LR` from left to right"
            raise fail("ARCH203", f"`{self.direction}` is no direction", hint=hint)
        if self.depth < 1:
            raise fail("ARCH203", f"a diagram cannot be {self.depth} deep", hint="1 draws each layer as one box")

    @property
    def is_wide(self) -> bool:
        """Whether it runs from left to right."""
        return self.direction == "LR"

    @property
    def is_full(self) -> bool:
        return self.detail == "full"
