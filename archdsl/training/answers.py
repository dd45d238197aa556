"""What the outputs of a network say about one example: as text, as plain data, as cells of a table, as a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.images import restored
from archdsl.data.tables import Resize
from archdsl.text import in_line, percent
from archdsl.training.reports.overlays import COLORS


class Answer(ABC):
    """What an output says about one example."""

    @property
    @abstractmethod
    def value(self) -> Any:
        """The prediction itself: the name of a class, a number, an array."""

    @abstractmethod
    def text(self, top: int) -> str:
        """One line for people.

        Args:
            top: the number of classes to list.
        """

    @abstractmethod
    def data(self, top: int) -> dict[str, Any]:
        """Plain data for JSON."""

    @abstractmethod
    def cells(self, top: int) -> dict[str, Any]:
        """The cells of a row of CSV by column. All answers of an output have the same columns."""

    def picture(self, size: tuple[int, int] | None = None, how: Resize = "stretch") -> Any:
        """The prediction as an image of Pillow, or None if it is none.

        Args:
            size: the height and width of the image that was predicted; by default, those of the output.
            how: how that image was fitted to the input of the network, which is undone.
        """
        return None


@dataclass(frozen=True, slots=True)
class ClassAnswer(Answer):
    """One of several classes.

    Attributes:
        probabilities: float32 (classes,).
    """

    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]

    @property
    def value(self) -> str:
        return self.classes[self.top(1)[0][0]]

    def top(self, count: int) -> list[tuple[int, float]]:
        """The indices of the most likely classes, with their probabilities."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(number), float(self.probabilities[number])) for number in order]

    def text(self, top: int) -> str:
        names = [in_line(name) for name in self.classes]
        width = max(map(len, names))
        return "   ".join(f"{names[number]:<{width}} {share:>8.2%}" for number, share in self.top(top))

    def data(self, top: int) -> dict[str, Any]:
        classes = [{"class": self.classes[i], "number": i, "probability": share} for i, share in self.top(top)]
        return {"classes": classes}

    def cells(self, top: int) -> dict[str, Any]:
        cells: dict[str, Any] = {}
        for place, (number, share) in enumerate(self.top(top), 1):
            cells |= {f"class_{place}": self.classes[number], f"probability_{place}": f"{share:.6f}"}
        return cells


@dataclass(frozen=True, slots=True)
class TagsAnswer(Answer):
    """Any number of classes.

    Attributes:
        probabilities: float32 (classes,).
    """

    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]

    @property
    def value(self) -> tuple[str, ...]:
        return tuple(name for name, share in zip(self.classes, self.probabilities, strict=True) if share > 0.5)

    def text(self, top: int) -> str:
        shares = self.probabilities
        likely = [number for number in np.argsort(-shares, kind="stable") if shares[number] > 0.5]
        words = [f"{in_line(self.classes[number])} {percent(float(shares[number]))}" for number in likely]
        return "   ".join(words) or "none"

    def data(self, top: int) -> dict[str, Any]:
        shares = zip(self.classes, self.probabilities.tolist(), strict=True)
        return {"tags": list(self.value), "probabilities": dict(shares)}

    def cells(self, top: int) -> dict[str, Any]:
        shares = zip(self.classes, self.probabilities.tolist(), strict=True)
        return {"tags": ";".join(self.value), **{f"probability_{name}": f"{share:.6f}" for name, share in shares}}


@dataclass(frozen=True, slots=True)
class NumbersAnswer(Answer):
    """Numbers, in the unit of the target.

    Attributes:
        numbers: float32 (size,).
    """

    numbers: NDArray[np.float32]
    column: str

    @property
    def value(self) -> float | list[float]:
        # The shortest decimal number of this float32: 178.1 rather than 178.10000610351562.
        numbers = [float(str(number)) for number in self.numbers]
        return numbers[0] if len(numbers) == 1 else numbers

    def text(self, top: int) -> str:
        return f"{in_line(self.column)} {', '.join(f'{number:.6g}' for number in self.numbers)}"

    def data(self, top: int) -> dict[str, Any]:
        return {self.column: self.value}

    def cells(self, top: int) -> dict[str, Any]:
        if isinstance(self.value, float):
            return {self.column: self.value}
        return {f"{self.column}_{place}": number for place, number in enumerate(self.value, 1)}


@dataclass(frozen=True, slots=True)
class MaskAnswer(Answer):
    """The class of each pixel.

    Attributes:
        mask: uint8 (H, W).
    """

    mask: NDArray[np.uint8]
    classes: tuple[str, ...]

    @property
    def value(self) -> NDArray[np.uint8]:
        return self.mask

    def _fractions(self) -> list[tuple[int, float]]:
        shares = np.bincount(self.mask.ravel(), minlength=len(self.classes)) / self.mask.size
        return [(int(number), float(shares[number])) for number in np.argsort(-shares, kind="stable")]

    def text(self, top: int) -> str:
        shown = [(number, share) for number, share in self._fractions()[:top] if share]
        return "   ".join(f"{in_line(self.classes[number])} {percent(share)}" for number, share in shown)

    def data(self, top: int) -> dict[str, Any]:
        fractions = self._fractions()
        return {"classes": [{"class": self.classes[i], "number": i, "fraction": share} for i, share in fractions]}

    def cells(self, top: int) -> dict[str, Any]:
        return {f"fraction_{self.classes[number]}": f"{share:.6f}" for number, share in sorted(self._fractions())}

    def picture(self, size: tuple[int, int] | None = None, how: Resize = "stretch") -> Any:
        """A mask as `masks` reads it: the value of a pixel is the number of its class, which the palette colors."""
        from PIL import Image

        picture = Image.fromarray(self.mask)
        if size is not None:
            picture = restored(picture, size, how, Image.Resampling.NEAREST)
        picture.putpalette(_palette())
        return picture


def _palette() -> list[int]:
    colors = [COLORS[number % len(COLORS)] for number in range(256)]
    return [int(color[at : at + 2], 16) for color in colors for at in (1, 3, 5)]


@dataclass(frozen=True, slots=True)
class ImageAnswer(Answer):
    """An image.

    Attributes:
        pixels: float32 (H, W, C), from 0 to 1.
    """

    pixels: NDArray[np.float32]

    @property
    def value(self) -> NDArray[np.float32]:
        return self.pixels

    def text(self, top: int) -> str:
        height, width, _ = self.pixels.shape
        return f"{height}x{width} pixels"

    def data(self, top: int) -> dict[str, Any]:
        return {"shape": list(self.pixels.shape)}

    def cells(self, top: int) -> dict[str, Any]:
        return {"height": self.pixels.shape[0], "width": self.pixels.shape[1]}

    def picture(self, size: tuple[int, int] | None = None, how: Resize = "stretch") -> Any:
        from PIL import Image

        pixels = np.clip(np.rint(self.pixels * 255), 0, 255).astype(np.uint8)
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        return picture if size is None else restored(picture, size, how)


@dataclass(frozen=True, slots=True)
class TokensAnswer(Answer):
    """The most likely token after each step."""

    tokens: Sequence[str]

    @property
    def value(self) -> list[str]:
        return list(self.tokens)

    def text(self, top: int) -> str:
        return " ".join(map(in_line, self.tokens))

    def data(self, top: int) -> dict[str, Any]:
        return {"tokens": self.value}

    def cells(self, top: int) -> dict[str, Any]:
        return {"tokens": " ".join(self.tokens)}
