"""Check that ops accept the dtypes of their inputs."""

from __future__ import annotations

from collections.abc import Container

from archdsl.errors import ArchError, Problem, Span
from archdsl.ops import OPS, Op
from archdsl.ops.base import DTYPES, FLOAT, KINDS
from archdsl.resolution.body import Tensors


def check_dtypes(op: Op, xs: Tensors, span: Span, inputs: Container[str] = ()) -> None:
    """Raise an error if an op does not accept the dtypes of its inputs.

    Args:
        op: The op.
        xs: Its inputs.
        span: The place of its step.
        inputs: The names of the inputs of the model, whose dtypes the file chooses.

    Raises:
        ArchError: With the input and what to insert before the op (ARCH028).
    """
    if op.without_input:
        return
    dtypes = {x.dtype for x in xs}
    if len(dtypes) == 1 and all(DTYPES[dtype] in op.takes for dtype in dtypes):
        return
    facts = tuple(f"{x.ref} -> {x.dtype}" for x in xs) if len(xs) > 1 else ()
    wrong = next((x for x in xs if DTYPES[x.dtype] not in op.takes), None)
    if wrong is None:
        message = f"`{op.name}` needs inputs of one dtype, got {' and '.join(sorted(dtypes))}"
        odd = next((x.dtype for x in xs if x.dtype != FLOAT), FLOAT)
        raise ArchError(Problem("ARCH028", message, span, facts, hint=_conversion(odd)))
    kinds = " or ".join(KINDS[kind] for kind in op.takes)
    message = f"`{op.name}` takes {kinds}, but `{wrong.ref}` is {wrong.dtype}"
    hint = _conversion(wrong.dtype, "float" in op.takes)
    if wrong.ref in inputs and wrong.dtype == FLOAT and hint:
        hint = f"give the input `dtype: int32`, or {hint}"
    raise ArchError(Problem("ARCH028", message, span, facts, hint=hint))


def _conversion(dtype: str, to_floats: bool = True) -> str:
    """Return what to insert to get floats, or integers if the tensor has floats."""
    if dtype == FLOAT or not to_floats:
        return "insert `cast: {dtype: int32}` before it" if "cast" in OPS else ""
    ways = []
    if DTYPES[dtype] == "int" and (words := [f"`{word}`" for word in ("embedding", "one_hot") if word in OPS]):
        ways.append(f"{' or '.join(words)} for ids")
    if DTYPES[dtype] == "int":
        ways.append("`rescale` for pixels")
    if "cast" in OPS:
        ways.append("`cast` for other values")
    return f"before it, insert {', '.join(ways)}" if ways else ""
