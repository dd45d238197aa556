"""The kinds of columns that a recipe can name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from pydantic import BeforeValidator, create_model
from pydantic_core import PydanticCustomError

from archdsl.ops.choices import unknown
from archdsl.recipe.base import Section


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """A kind of column of a table.

    Attributes:
        title: what a cell has, with an example.
        inferred: when a column is of this kind, unless the recipe names another.
        argument: description of its optional argument, for the JSON schema; empty if it takes none.
    """

    title: str
    inferred: str
    argument: str = ""


COLUMN_KINDS: dict[str, ColumnKind] = {
    "number": ColumnKind("a number: `3.5`", "80 % of the cells are numbers, and more than 10 differ; or all are"),
    "class": ColumnKind("one of several classes: `red`", "at most 20 cells differ, or half of the rows and 1,000"),
    "text": ColumnKind("a text: `too long, but fun`", "more cells differ"),
    "tags": ColumnKind(
        'any number of classes: `red|round`; `{tags: " "}` names the separator',
        'cells are JSON lists of strings: `["red", "round"]`',
        "what separates the tags in a cell; by default `|`, `;` or `,`, whichever is most frequent",
    ),
    "array": ColumnKind("numbers of one shape: `1 2 3` or `[[1, 2], [3, 4]]`", "cells are JSON lists of numbers"),
    "image": ColumnKind(
        "the path of an image, from the folder of the table; `{image: photos/*.jpg}` puts the cell in place of `*`",
        "all cells end with the extension of an image",
        "folder of the images, or a pattern with `*` in place of the cell, such as `photos/*.jpg`",
    ),
}
"""The kinds, in the order in which they are listed."""

_WITH_ARGUMENT = {name: kind for name, kind in COLUMN_KINDS.items() if kind.argument}


def _kind(value: Any) -> Any:
    if isinstance(value, str):
        if value not in COLUMN_KINDS:
            raise unknown(value, COLUMN_KINDS)
        return value
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _WITH_ARGUMENT:
        forms = ", ".join(f"`{name}`" for name in COLUMN_KINDS)
        wanted = f'one of {forms}, or such as `{{tags: ","}}` or `{{image: photos}}`'
        raise PydanticCustomError("kind", "expected {wanted}", {"wanted": wanted})
    word, argument = next(iter(value.items()))
    if not isinstance(argument, str) or not argument:
        raise PydanticCustomError("kind", "expected {wanted}", {"wanted": f"a string, as in `{{{word}: ...}}`"})
    return {word: argument}


def _section(name: str, kind: ColumnKind) -> type[Section]:
    """`{tags: SEPARATOR}` as a model, for the JSON schema."""
    doc = f"A column of {name}.\n\nArgs:\n    {name}: {kind.argument}."
    fields: dict[str, Any] = {name: (str, ...)}
    return create_model(f"{name.capitalize()}Column", __base__=Section, __module__=__name__, __doc__=doc, **fields)


_Input: Any = Union[Literal[tuple(COLUMN_KINDS)], *(_section(*item) for item in _WITH_ARGUMENT.items())]
KindOfColumn = Annotated[str | dict[str, str], BeforeValidator(_kind, json_schema_input_type=_Input)]


def word_of(kind: str | dict[str, str]) -> str:
    """The word of a kind: `tags` for `{tags: ","}`."""
    return kind if isinstance(kind, str) else next(iter(kind))


def argument_of(kind: str | dict[str, str]) -> str:
    """The argument of a kind: `,` for `{tags: ","}`; empty if it has none."""
    return "" if isinstance(kind, str) else next(iter(kind.values()))
