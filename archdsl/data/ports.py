"""The inputs and outputs of a network, as data must fit them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.graph import Graph
from archdsl.ops import Shape
from archdsl.ops.base import DTYPES, FLOAT
from archdsl.ops.sequence import Embedding
from archdsl.spec import Input


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a network.

    Attributes:
        shape: without the batch axis; None for an axis of any size.
        ids: of an input that an `embedding` reads: how many different integers that takes.
    """

    shape: tuple[int | None, ...]
    dtype: str = FLOAT
    ids: int | None = None

    @property
    def is_integer(self) -> bool:
        return DTYPES[self.dtype] == "int"


@dataclass(frozen=True, slots=True)
class Ports:
    """The inputs and outputs of a network by name; the name of the only one is empty."""

    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]

    @classmethod
    def of(cls, graph: Graph) -> Ports:
        """The inputs and outputs of a graph."""
        inputs = {
            name: Port(_open(graph, name, shape), graph.dtypes.get(name, FLOAT), _ids(graph, name))
            for name, shape in graph.inputs.items()
        }
        outputs = {name: Port(end.shape, end.dtype) for name, end in graph.outputs.items()}
        return cls(_unnamed(inputs), _unnamed(outputs))

    @property
    def image_shape(self) -> tuple[int | None, ...] | None:
        """Height, width and channels of the input that takes images; None if there is no such input."""
        shapes = [port.shape for port in self.inputs.values() if len(port.shape) == 3 and port.shape[-1] in (1, 3, 4)]
        return shapes[0] if len(shapes) == 1 else None


def _open(graph: Graph, name: str, shape: Shape) -> tuple[int | None, ...]:
    """The shape of an input, with None for flexible axes."""
    return Input(shape, graph.dtypes.get(name, FLOAT), graph.flexible.get(name, ())).open_shape


def _ids(graph: Graph, name: str) -> int | None:
    """The smallest vocabulary of the `embedding`s that read an input, also inside layers."""
    found = []
    for node in graph.nodes:
        for place, ref in enumerate(node.inputs):
            if ref.node != name:
                continue
            if isinstance(node.op, Embedding):
                found.append(node.op.vocabulary)
            elif node.body is not None:
                inner = _ids(node.body, [*node.body.inputs][place])
                found += [] if inner is None else [inner]
    return min(found, default=None)


def _unnamed(ports: dict[str, Port]) -> dict[str, Port]:
    return {"": next(iter(ports.values()))} if len(ports) == 1 else ports
