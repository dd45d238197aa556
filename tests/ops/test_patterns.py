"""Patterns of named axes against einops and NumPy, on random patterns; and where messages point in wrong ones."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import pytest

from archdsl import loads, resolve
from archdsl.errors import ArchError, Span
from archdsl.ops import OPS, Op, OpError

einops = pytest.importorskip("einops")
np = pytest.importorskip("numpy")

CASES = 2000
REDUCTIONS = ("mean", "sum", "max", "min")


class Case(NamedTuple):
    """A random op: its name and arguments, the pattern and sizes of einops with a batch, and the inputs' shapes."""

    name: str
    fields: dict[str, Any]
    pattern: str
    sizes: dict[str, int]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def op(self) -> Op:
        return OPS[self.name].model_validate(self.fields)

    @property
    def arrays(self) -> list[Any]:
        chance = np.random.default_rng(len(self.pattern))
        return [chance.standard_normal((2, *shape)).astype("float32") for shape in self.shapes]

    def einops(self) -> Any:
        if self.name == "einsum":
            return einops.einsum(*self.arrays, self.pattern)
        if self.name == "rearrange":
            return einops.rearrange(self.arrays[0], self.pattern, **self.sizes)
        word = next(word for word in REDUCTIONS if word in self.fields)
        return einops.reduce(self.arrays[0], self.pattern, word, **self.sizes)


def groups(chance: random.Random, axes: list[str]) -> list[list[str]]:
    """Split axes into groups, some of which are empty."""
    cuts = sorted(chance.sample(range(1, len(axes)), chance.randint(0, len(axes) - 1))) if len(axes) > 1 else []
    found = [axes[a:b] for a, b in pairwise([0, *cuts, len(axes)])]
    for _ in range(chance.choice([0, 0, 1])):
        found.insert(chance.randint(0, len(found)), [])
    return found


def text(chance: random.Random, side: list[list[str]]) -> str:
    words = []
    for group in side:
        if len(group) == 1 and chance.random() < 0.9:
            words += group
        else:
            words.append(f"({' '.join(group)})" if group else chance.choice(["1", "()"]))
    return (" " * chance.choice([1, 1, 2])).join(words)


def case(seed: int) -> Case:
    chance = random.Random(seed)
    name = chance.choice(["rearrange", "reduce", "einsum"])
    return einsum(chance) if name == "einsum" else axes_of_one(chance, name)


def axes_of_one(chance: random.Random, name: str) -> Case:
    axes = chance.sample(["h", "w", "c", "p1", "p2", "head", "T", "x_1"], chance.randint(1, 5))
    lengths = {axis: chance.randint(1, 4) for axis in axes}
    left = groups(chance, axes)
    more = chance.randint(0, 2) if chance.random() < 0.3 else -1
    kept = chance.sample(axes, len(axes) if name == "rearrange" else chance.randint(1, len(axes)))
    shape = [prod(lengths[axis] for axis in group) for group in left]
    # All axes of a group but one have a size; sometimes all have.
    sizes = {}
    for group in left:
        unknown = chance.choice(group) if group and chance.random() < 0.9 else ""
        sizes |= {axis: lengths[axis] for axis in group if axis != unknown}
    right = groups(chance, kept)
    if more >= 0:
        at = chance.randint(0, len(left))
        left.insert(at, ["..."])
        shape[at:at] = [chance.randint(1, 3) for _ in range(more)]
        # The ellipsis of the output may be in a group; `text` keeps that of the input outside.
        inside = [group for group in right if group]
        if inside and chance.random() < 0.3:
            inside[0].append("...")
        else:
            right.insert(chance.randint(0, len(right)), ["..."])
    sides = [text(chance, side).replace("(...)", "...") for side in (left, right)]
    arrow = chance.choice([" -> ", "->"])
    field = "pattern" if name == "rearrange" else chance.choice(REDUCTIONS)
    fields = {field: arrow.join(sides), "sizes": sizes}
    return Case(name, fields, f"batch {sides[0]} -> batch {sides[1]}", sizes, (tuple(shape),))


def einsum(chance: random.Random) -> Case:
    axes = ["i", "j", "k", "head", "D"]
    lengths = {axis: chance.randint(1, 4) for axis in axes}
    inputs = [chance.sample(axes, chance.randint(1, 4)) for _ in range(chance.randint(1, 3))]
    known = sorted({axis for side in inputs for axis in side})
    output = chance.sample(known, chance.randint(0, len(known)))
    shapes = [[lengths[axis] for axis in side] for side in inputs]
    if chance.random() < 0.2:
        more = [chance.randint(1, 3) for _ in range(chance.randint(0, 2))]
        for number, side in enumerate(inputs):
            if number == 0 or chance.random() < 0.5:
                at = chance.randint(0, len(side))
                side.insert(at, "...")
                shapes[number][at:at] = more
        output.insert(chance.randint(0, len(output)), "...")
    sides = [" ".join(side) for side in inputs]
    pattern = f"{', '.join(sides)} -> {' '.join(output)}"
    full = f"{', '.join(f'batch {side}' for side in sides)} -> batch {' '.join(output)}"
    return Case("einsum", {"pattern": pattern}, full, {}, tuple(map(tuple, shapes)))


def test_shapes_are_those_of_einops() -> None:
    seen = set()
    for seed in range(CASES):
        one = case(seed)
        assert (2, *one.op.output(*one.shapes)) == one.einops().shape, one
        seen.add(one.pattern)
    assert len(seen) > CASES * 0.9


@pytest.mark.slow
@pytest.mark.tensorflow
def test_values_are_those_of_einops() -> None:
    from layers_of_ops import layer_of

    for seed in range(CASES):
        one = case(seed)
        layer = layer_of(one.op)
        given = one.arrays if len(one.arrays) > 1 else one.arrays[0]
        np.testing.assert_allclose(np.asarray(layer(given)), one.einops(), rtol=1e-5, atol=1e-5, err_msg=one.pattern)
        static = [(None, *shape) for shape in one.shapes]
        expected = (None, *one.op.output(*one.shapes))
        assert tuple(layer.compute_output_shape(static if len(static) > 1 else static[0])) == expected, one


def test_parts_of_the_receptive_field_are_read() -> None:
    """What `reads` leaves out, moving the input there does not change the output."""
    checked = 0
    for seed in range(0, CASES, 5):
        one = case(seed)
        shape = one.op.output(*one.shapes)
        if one.name == "einsum" or not shape or min(shape) < 2:
            continue
        needed = tuple(1 << 0 for _ in shape)
        (read,) = one.op.reads(needed, one.shapes, shape)
        array = np.zeros((1, *one.shapes[0]), "float32")
        mask = np.ix_([True], *([bool(r >> i & 1) for i in range(n)] for r, n in zip(read, one.shapes[0], strict=True)))
        moved = array + 1
        moved[mask] = 0
        first = tuple(0 for _ in shape)
        word = next((word for word in REDUCTIONS if word in one.fields), "max")
        assert einops.reduce(moved, one.pattern, word, **one.sizes)[(0, *first)] == 0, one
        checked += 1
    assert checked > 50


def refused(step: str, shape: tuple[int, ...]) -> Span:
    """Where the message about a step points."""
    source = f"archdsl: 1\nname: Net\ninput: {list(shape)}\nmodel:\n  - {step}\n"
    with pytest.raises(ArchError) as caught:
        resolve(loads(source))
    (problem,) = caught.value.problems
    assert problem.span is not None
    assert problem.code in ("ARCH020", "ARCH029"), problem
    return problem.span


def underlined(step: str, shape: tuple[int, ...]) -> tuple[int, str]:
    """The offset in a step and the text that the message underlines."""
    span = refused(step, shape)
    start = span.column - 1
    return start - len("  - "), span.text[start : start + span.width]


def test_the_wrong_axis_is_underlined() -> None:
    """One axis of a random pattern is renamed, repeated or removed, or the input has another axis."""
    kinds = dict.fromkeys(("renamed", "repeated", "removed", "one more"), 0)
    for seed in range(CASES):
        one, chance = case(seed), random.Random(-seed)
        shape = one.shapes[0]
        if one.name == "einsum" or not 0 < len(shape) < 4:
            continue
        field = next(name for name in one.fields if name != "sizes")
        pattern, quote, kind = one.fields[field], chance.choice("'\""), chance.choice([*kinds])
        left, right = pattern.split("->")
        axis = chance.choice([word for word in re.findall(r"[\w.]+", right) if word not in ("...", "1")])
        at, before = place_of(right, axis), len(left) + len("->")
        cut = f"{left}->{right[:at]}{{}}{right[at + len(axis) :]}"
        if kind == "renamed":
            wrong, place, part = cut.format("wrong"), before + at, "wrong"
        elif kind == "repeated":
            wrong, place, part = f"{pattern} {axis}", len(pattern) + 1, axis
        elif kind == "removed" and one.name == "rearrange":
            wrong, place, part = cut.format(""), place_of(left, axis), axis
        elif kind == "one more" and "..." not in pattern:
            wrong, place, part, shape = pattern, len(left) - len(left.lstrip()), left.strip(), (*shape, 7)
        else:
            continue
        sizes = "".join(f", {name}: {size}" for name, size in one.sizes.items())
        head = f"{one.name}: {{{field}: {quote}"
        assert underlined(f"{head}{wrong}{quote}{sizes}}}", shape) == (len(head) + place, part), wrong
        kinds[kind] += 1
    assert min(kinds.values()) > 50, kinds


def place_of(side: str, word: str) -> int:
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", side)
    assert found
    return found.start()


@pytest.mark.parametrize(
    ("step", "part"),
    [
        ("rearrange: '(h p) w c -> h w (p c)'", "(h p)"),
        ('rearrange: {pattern: "(h p) w c -> h w (p c)", p: 3}', "(h p)"),
        ("rearrange: {pattern: h w c -> (h w) c, w: 3}", "w"),
        ('reduce: {mean: "h (w 4) c -> c"}', "(w 4)"),
        ('reduce: {mean: "h 2 c -> c"}', "2"),
        ("rearrange: h (w (c)) -> h w c", "("),
        ("rearrange: h w c) -> h w c", ")"),
        ("rearrange: (h w c -> h w c", "("),
        ("rearrange: h w c -> h w c -> c", "->"),
        ("rearrange: h w c", "h w c"),
        ("rearrange: h + w c -> h w c", "+"),
        ("rearrange: h w 2 -> h w 2", "2"),
        ("rearrange: (... w) c -> w c", "..."),
        ("einsum: h w c, h w -> c", "h w c, h w"),
        ("einsum: (h w) c -> c", "(h w)"),
        ("einsum: h w c, a, b, c -> c", "c"),
    ],
)
def test_a_wrong_part_is_underlined(step: str, part: str) -> None:
    assert underlined(step, (4, 6, 8))[1] == part


@pytest.mark.parametrize(
    "pattern", ["h w c -> " + "(" * 200 + "h w c", "x" * 501 + "->", " ".join("abcdefghijklmnopqrstuvwxyz") + " -> a"]
)
def test_a_long_pattern_is_refused(pattern: str) -> None:
    refused(f"reduce: {{max: '{pattern}'}}", (4, 4, 3))


def test_two_inputs_that_disagree() -> None:
    with pytest.raises(OpError) as caught:
        OPS["einsum"].model_validate({"pattern": "q d, k d -> q k"}).output((3, 4), (5, 6))
    assert str(caught.value) == "`d` is 4, but axis 2 of 5x6 is 6"
    assert caught.value.part == (7, 1)


@pytest.mark.parametrize(
    ("pattern", "sizes", "source"),
    [
        ("h w c -> c h w", {}, "layers.Permute((3, 1, 2))"),
        ("(h w) c -> h w c", {"h": 2, "w": 3}, "layers.Reshape((2, 3, -1))"),
        ("h w c -> (h w c)", {}, "layers.Reshape((-1,))"),
        ("h w c -> (h w) c", {}, 'Rearrange("h w c -> (h w) c")'),
        ("... c -> c ...", {}, 'Rearrange("... c -> c ...")'),
    ],
)
def test_a_plain_layer_is_used_if_one_is_enough(pattern: str, sizes: dict[str, int], source: str) -> None:
    from archdsl.codegen.expressions import ExpressionWriter
    from archdsl.codegen.printer import flat

    op = OPS["rearrange"].model_validate({"pattern": pattern, "sizes": sizes})
    assert flat(ExpressionWriter({}).call(op.keras())) == source
