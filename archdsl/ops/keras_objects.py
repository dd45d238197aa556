"""Keras's optimizers, losses, initializers and the like as inert data: one model for each word of a table.

`keras_signatures.json` has the names and defaults of arguments; `docs/keras_signatures.py` reads them off Keras.
The tables add by hand what signatures do not say: what an argument means, and which values it may have. A model is
built when somebody asks for its word. Imports no framework.
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
    """The constructor of a Keras object, held as data: its class, and the arguments that were given."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    word: ClassVar[str] = ""
    """What a spec calls it."""
    target: ClassVar[str] = ""
    """Its class, such as `optimizers.SGD`."""
    first: ClassVar[str] = ""
    """The argument that may stand alone, as in `{l2: 0.0001}`: Keras's first."""

    @classmethod
    def takes(cls, argument: str) -> bool:
        """Whether it has an argument of this name."""
        return argument in cls.model_fields

    def given(self) -> dict[str, Any]:
        """The arguments that were given, sorted by name."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}

    def keras(self) -> Call:
        """Its constructor, with the arguments that were given in the order of the fields."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        alone = (given.pop(self.first),) if next(iter(given), None) == self.first else ()
        return Call(f"keras.{self.target}", alone, given)


Model = TypeVar("Model", bound=KerasObject)


class Argument(NamedTuple):
    """What a table says of an argument.

    Args:
        text: what it is for.
        type: an annotation with the values that it may have; without one, whatever has the type of Keras's default.
        default: ours, where it is not Keras's.
    """

    text: str
    type: Any = None
    default: Any = ...

    def field(self, keras: Any) -> tuple[Any, Any]:
        """The annotation and the default of its field.

        Args:
            keras: Keras's default.
        """
        default = keras if self.default is ... else self.default
        annotation = self.type or {bool: Flag, float: Number}[type(default)]
        if default is None:
            return annotation | None, None
        # Keras writes 2 where it means 2.0.
        return annotation, float(default) if get_args(annotation)[:1] == (float,) else default


class Word:
    """What a table says of a word.

    Args:
        keras: Keras's class, such as `SGD`; a class of another package has its package before it.
        text: what it is, in sentences.
        source: where it was published.
        name: what its model is called, where not as Keras's class.
        without: arguments of Keras's that it does not take.
        facts: what the model's class says besides, by attribute.
    """

    def __init__(
        self, keras: str, text: str = "", source: str = "", name: str = "", without: tuple[str, ...] = (), **facts: Any
    ) -> None:
        self.keras, self.name, self.without, self.facts = keras, name or keras.rpartition(".")[2], without, facts
        origin = [f"Keras `{keras}`"] if "." not in keras else []
        self.text = f"{text} {'; '.join([*origin, *([source] if source else [])])}.".lstrip()


class KerasWords(Words[type[Model]]):
    """A table of words for classes of one of Keras's modules.

    Args:
        place: the module that has the table, and which the models name as theirs.
        family: Keras's module, such as `optimizers`.
        base: what the models inherit from.
        arguments: all arguments by name, or by `word.name` for one word alone. Fields stand in this order. Arguments
            of Keras's that are not here are not taken.
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
        """The arguments that a word takes, by name in the order of its fields."""
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
