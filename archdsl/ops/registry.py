"""The ops by their names in specs; the file of a family is imported when one of its ops is looked up."""

import json
from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from archdsl.ops.base import Op

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

    def of_kind(self, kind: str, suffix: str = "") -> "OfKind":
        """archdsl's own ops of a kind, by their names without a suffix."""
        return OfKind(self, {n.removesuffix(suffix): n for n, facts in self._facts.items() if facts.kind == kind})


class OfKind(Mapping[str, "type[Op]"]):
    """Some ops by other words, such as `batch` for `batch_norm`; looking one up imports its family."""

    def __init__(self, registry: Registry, names: Mapping[str, str]) -> None:
        self._registry, self._names = registry, names

    def __getitem__(self, word: str) -> "type[Op]":
        return self._registry[self._names[word]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, word: object) -> bool:
        return word in self._names


OPS = Registry()
