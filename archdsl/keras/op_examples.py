"""Build the examples of ops of installed packages, and compare Keras with what the ops declare.

`archdsl check` runs this module in a process of its own, because it imports TensorFlow.
"""

from __future__ import annotations

import json
import sys

from archdsl.errors import ArchError
from archdsl.keras import build
from archdsl.ops import Op, find
from archdsl.ops.base import Example, show
from archdsl.parsing import parse
from archdsl.resolution import resolve


def faults(op: type[Op]) -> list[str]:
    """Return what is wrong with each example: its output, or a weight or a shape that Keras has otherwise."""
    return [f"example {number}: {fault}" for number, one in enumerate(op.examples, 1) if (fault := _fault(op, one))]


def _fault(op: type[Op], example: Example) -> str:
    names = [f"x_{number}" for number in range(1, len(example.inputs) + 1)]
    step = {op.name: dict(example.fields), "from": names}
    inputs = {name: list(shape) for name, shape in zip(names, example.inputs, strict=True)}
    text = json.dumps({"archdsl": 1, "name": "Example", "inputs": inputs, "model": [step]})
    try:
        spec = parse(text, "an example")
        shape = resolve(spec).shape
        if shape != example.output:
            return f"its output is {show(example.output)}, and `output` returns {show(shape)}"
        build(spec)
    except ArchError as error:
        problem = error.problems[0]
        return "; ".join((problem.message, *problem.facts))
    # A layer of another package may raise anything.
    except Exception as error:
        return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return ""


if __name__ == "__main__":
    ops = {name: find(name) for name in sys.argv[1:]}
    print(json.dumps({name: faults(op) if op else ["the package is not installed"] for name, op in ops.items()}))
