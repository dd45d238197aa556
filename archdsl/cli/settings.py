"""Overrides on the command line: `--set width=64`, `--set input=[64,64,3]`, `--set train.epochs=3`, `paths=1..6`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import product
from math import prod
from typing import Any

from archdsl import source
from archdsl.errors import ArchError, fail, nearest
from archdsl.parsing.overriding import is_recipe_word
from archdsl.parsing.reshaping import WORDS
from archdsl.parsing.validation import plain
from archdsl.spec import Spec


def parse_settings(words: Sequence[str], spec: Spec) -> dict[str, Any]:
    """Parse `--set name=value` for arguments, for `input` and `inputs`, and for words of the recipe; values are YAML.

    Raises:
        ArchError: a word is not of this form, or the model has no such argument.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, text = _setting(word, (*spec.args, *WORDS), spec, "--set ", "--set name=value")
        found.pop(name, None)  # the last one wins, also over words that contain it
        found[name] = _value(text, word, "--set ", "--set width=64")
    return found


RANGE = re.compile(r"(\d{1,100})\.\.(\d{1,100})")
MOST = 100
"""The largest number of networks in a sweep."""


def parse_grid(words: Sequence[str], spec: Spec, fixed: Collection[str]) -> list[dict[str, Any]]:
    """Parse `name=1..6` and `name=16,32` and combine each value with each value of the other arguments.

    Args:
        fixed: arguments that are the same in all networks.

    Raises:
        ArchError: a word has no values, the model has no such argument, or there are too many combinations.
    """
    found: dict[str, list[Any]] = {}
    for word in words:
        name, text = _setting(word, (*spec.args, *WORDS), spec, "", "paths=1..6")
        if name in found or name in fixed:
            raise fail("ARCH203", f"duplicate argument `{name}`", hint="set it once, with all its values")
        if ends := RANGE.fullmatch(text):
            found[name] = [*range(int(ends[1]), min(int(ends[2]), int(ends[1]) + MOST) + 1)]
        else:
            found[name] = _value(f"[{text}]", word, "", "paths=1..6")
        if not found[name]:
            raise fail("ARCH203", f"`{_short(word)}` has no values", hint="for example, `paths=1..6`")
    if prod(map(len, found.values())) > MOST:
        raise fail("ARCH203", f"the sweep has more than {MOST} networks", hint="use fewer values")
    return [dict(zip(found, values, strict=True)) for values in product(*found.values())]


def _setting(word: str, known: Collection[str], spec: Spec, option: str, example: str) -> tuple[str, str]:
    """Split a word into the name of something known, usually an argument, and its value."""
    name, equals, text = word.partition("=")
    if not equals or not name:
        raise fail("ARCH203", f"cannot parse `{option}{_short(word)}`", hint=f"write `{example}`")
    if name not in known and not (option and is_recipe_word(name)):
        hint = nearest(name, spec.args) if spec.args else "the model has no arguments"
        hint = _recipe_advice(name, hint) if option else hint
        raise fail("ARCH203", f"`{spec.name}` has no argument `{name}`", hint=hint)
    return name, text


def _recipe_advice(name: str, otherwise: str) -> str:
    """Return the path of the word of the recipe that is probably meant."""
    from archdsl.parsing.recipes import SECTIONS, section_model

    section, _, rest = name.partition(".")
    if rest and (meant := re.fullmatch("did you mean `(.+)`.", nearest(section, SECTIONS))):
        return f"did you mean `{meant[1]}.{rest}`?"
    owners = [section for section in SECTIONS if name in section_model(section).model_fields]
    if name in SECTIONS:
        return f"name a word in it, as in `--set {name}.{'epochs=5' if name == 'train' else 'batch_size=64'}`"
    return f"did you mean `{owners[0]}.{name}`?" if owners else otherwise


def _value(text: str, word: str, option: str, example: str) -> Any:
    try:
        return plain(source.read(text, f"{option}{word.partition('=')[0]}"))
    except ArchError:
        message = f"`{option}{_short(word)}`: the value is not valid YAML"
        raise fail("ARCH203", message, hint=f"for example, `{example}`") from None


def _short(word: str) -> str:
    return word if len(word) <= 60 else f"{word[:57]}..."
