"""Optimizers, losses, initializers and other objects of Keras as inert data: one model for each word of a table.

`keras_signatures.json` contains the names and defaults of the arguments, which `docs/keras_signatures.py` reads from
Keras. The tables add what signatures lack: descriptions and ranges. The model of a word is built on first use.
Imports no framework.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, create_model

from archdsl.ops.base import Call
from archdsl.ops.field_types import Flag, Number
from archdsl.ops.registry import Words

FILE = Path(__file__).with_name("keras_signatures.json")
"""The default of each argument, by class and name."""


class KerasObject(BaseModel):
    """The constructor call of a Keras object as data: its class and the given arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    word: ClassVar[str] = ""
    """Its name in a spec."""
    target: ClassVar[str] = ""
    """Its Keras class, such as `optimizers.SGD`."""
    first: ClassVar[str] = ""
    """The argument that may be given without its name, as in `{l2: 0.0001}`."""

    @classmethod
    def takes(cls, argument: str) -> bool:
        """Whether it has an argument of this name."""
        return argument in cls.model_fields

    def given(self) -> dict[str, Any]:
        """The given arguments, sorted by name."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}

    def keras(self) -> Call:
        """Its constructor call, with the given arguments in the order of the fields."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        alone = (given.pop(self.first),) if next(iter(given), None) == self.first else ()
        return Call(f"keras.{self.target}", alone, given)


Model = TypeVar("Model", bound=KerasObject)


class Argument(NamedTuple):
    """An argument in a table.

    Args:
        text: description.
        type: annotation with its range; by default, the type of the Keras default.
        default: default, if it differs from Keras.
    """

    text: str
    type: Any = None
    default: Any = ...

    def field(self, keras: Any) -> tuple[Any, Any]:
        """The annotation and the default of its field.

        Args:
            keras: the Keras default.
        """
        default = keras if self.default is ... else self.default
        annotation = self.type or {bool: Flag, float: Number}[type(default)]
        if default is None:
            return annotation | None, None
        # Some float defaults in Keras are integers, such as 2.
        return annotation, float(default) if get_args(annotation)[:1] == (float,) else default


class Word:
    """A word in a table.

    Args:
        keras: Keras class, such as `SGD`; a class of another package has the package as prefix.
        text: description, as sentences.
        source: publication.
        name: name of its model, if it differs from the Keras class.
        without: Keras arguments that it does not accept.
        facts: further class attributes of the model.
    """

    def __init__(
        self, keras: str, text: str = "", source: str = "", name: str = "", without: tuple[str, ...] = (), **facts: Any
    ) -> None:
        self.keras, self.name, self.without, self.facts = keras, name or keras.rpartition(".")[2], without, facts
        origin = [f"Keras `{keras}`"] if "." not in keras else []
        self.text = f"{text} {'; '.join([*origin, *([source] if source else [])])}.".lstrip()


class KerasWords(Words[type[Model]]):
    """A table of words for the classes of a Keras module.

    Args:
        place: the module that defines the table, which becomes the `__module__` of the models.
        family: the Keras module, such as `optimizers`.
        base: the base class of the models.
        arguments: all arguments by name, or by `word.name` for a single word, in the order of the fields. Keras
            arguments that are not listed are not accepted.
        words: the words.
    """

    def __init__(
        self,
        place: str,
        family: str,
        base: type[Model],
        arguments: Mapping[str, Argument],
        words: Mapping[str, Word],
    ) -> None:
        super().__init__(words, self._build)
        self.place, self.base, self.arguments, self.words = place, base, arguments, words
        self.targets = {w: word.keras if "." in word.keras else f"{family}.{word.keras}" for w, word in words.items()}

    def arguments_of(self, word: str) -> dict[str, Argument]:
        """The arguments of a word by name, in the order of its fields."""
        known, without = signatures()[self.targets[word]], self.words[word].without
        taken = {}
        for key, argument in self.arguments.items():
            owner, _, name = key.rpartition(".")
            meant = owner == word or (not owner and f"{word}.{name}" not in self.arguments)
            if meant and name in known and name not in without:
                taken[name] = argument
        return taken

    def _build(self, word: str) -> type[Model]:
        entry, target, arguments = self.words[word], self.targets[word], self.arguments_of(word)
        fields: dict[str, Any] = {name: row.field(signatures()[target][name]) for name, row in arguments.items()}
        meanings = "".join(f"    {name}: {argument.text}\n" for name, argument in arguments.items())
        doc = f"{entry.text}\n\nArgs:\n{meanings}" if meanings else entry.text
        model = create_model(entry.name, __base__=self.base, __module__=self.place, __doc__=doc, **fields)
        for fact, value in {"word": word, "target": target, **entry.facts}.items():
            setattr(model, fact, value)
        return cast(type[Model], model)


@cache
def signatures() -> dict[str, dict[str, Any]]:
    """The default of each argument, by class and name."""
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
