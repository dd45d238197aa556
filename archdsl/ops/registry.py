"""The ops by their names in specs; the file of a family is imported when one of its ops is looked up."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from archdsl.ops.base import Op

Meaning = TypeVar("Meaning")

INDEX = Path(__file__).with_name("index.json")
"""The `Facts` of archdsl's own ops, taken from their classes by `pytest --update-golden`."""


class Facts(NamedTuple):
    """What is known of an op before its family is imported.

    Args:
        family: the module of `archdsl.ops` that holds its class.
        kind: the class's `kind`.
        many: the class's `many`.
        layer: the class of `keras/layers/` that its `keras()` calls; nothing of an op that Keras has a layer for.
    """

    family: str
    kind: str
    many: bool
    layer: str


class Words(Mapping[str, Meaning]):
    """What some words mean. Each meaning is made when it is asked for.

    Args:
        words: all of them, in order.
        make: makes the meaning of a word.
    """

    def __init__(self, words: Iterable[str], make: Callable[[str], Meaning]) -> None:
        self._meanings: dict[str, Meaning | None] = dict.fromkeys(words)
        self._make = make

    def __getitem__(self, word: str) -> Meaning:
        meaning = self._meanings[word]
        if meaning is None:
            meaning = self._meanings[word] = self._make(word)
        return meaning

    def __contains__(self, word: object) -> bool:
        return word in self._meanings

    def __iter__(self) -> Iterator[str]:
        return iter(self._meanings)

    def __len__(self) -> int:
        return len(self._meanings)

    def without(self, *words: str) -> "Words[Meaning]":
        """The same table, but for some words."""
        return Words([word for word in self if word not in words], self.__getitem__)


class Registry(MutableMapping[str, "type[Op]"]):
    """All of archdsl's own ops, and those of other packages that a spec asked for.

    Importing all families takes longer than checking a spec, and a spec names few of them. So what is asked of names
    and kinds is answered from `index.json`, and only looking up a class imports its family.
    """

    def __init__(self) -> None:
        self._facts = {name: Facts(**facts) for name, facts in json.loads(INDEX.read_text(encoding="utf-8")).items()}
        self._loaded: dict[str, type[Op]] = {}

    def __getitem__(self, name: str) -> "type[Op]":
        if name not in self._loaded and name in self._facts:
            import_module(f"archdsl.ops.{self._facts[name].family}")
        return self._loaded[name]

    def __setitem__(self, name: str, op: "type[Op]") -> None:
        self._loaded[name] = op

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._facts, **self._loaded})

    def __len__(self) -> int:
        return len(self._facts.keys() | self._loaded.keys())

    def __contains__(self, name: object) -> bool:
        return name in self._loaded or name in self._facts

    def loaded(self) -> Mapping[str, "type[Op]"]:
        """The ops whose classes are imported already."""
        return dict(self._loaded)

    def merges(self) -> list[str]:
        """The names of the ops that merge several inputs into one."""
        others = [name for name, op in self._loaded.items() if op.many and name not in self._facts]
        return [name for name, facts in self._facts.items() if facts.many] + others

    def layers(self) -> frozenset[str]:
        """The layers that archdsl brings along in `keras/layers/`, for ops that Keras has none for."""
        return frozenset(facts.layer for facts in self._facts.values() if facts.layer)

    def of_kind(self, kind: str, suffix: str = "") -> "Words[type[Op]]":
        """archdsl's own ops of a kind, by their names without a suffix; looking one up imports its family."""
        names = {name.removesuffix(suffix): name for name, facts in self._facts.items() if facts.kind == kind}
        return Words(names, lambda word: self[names[word]])


OPS = Registry()
