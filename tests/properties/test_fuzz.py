"""Thousands of random specs and expressions: a right answer or an `ArchError`, and never anything else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import pytest
import random_bodies
import random_expressions
import reading
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import quickly
from soundness import sound

from archdsl import ArchError, loads, resolve, source
from archdsl.expr import FUNCTIONS, LARGEST, ExprError, parse
from archdsl.ops import OPS
from archdsl.parsing.validation import plain
from archdsl.reports import formats, summary
from archdsl.resolution.expectations import check

PYTHON = {"__builtins__": {}, "true": True, "false": False, **FUNCTIONS}
PLAIN = (int, float, bool, str, list)


def agrees(text: str, scope: dict[str, Any]) -> str:
    """The kind of its value where Python gives the same, or how they differ; `refused` where both give none."""
    try:
        expected = eval(text.replace("$", " "), {**PYTHON, **scope})  # noqa: S307 - the oracle, on generated arithmetic
    except (ZeroDivisionError, IndexError, ValueError, OverflowError):
        expected = None
    except TypeError as error:
        if "complex" not in str(error):  # a root of a negative number, in a function
            raise
        expected = None
    expected = None if isinstance(expected, complex) else expected
    try:
        found = parse(text).evaluate(scope)
    except ExprError as error:
        stricter = any(word in str(error) for word in ("too large", "deep", "characters", "divisible", "negative"))
        return "refused" if expected is None or stricter else f"{text} with {scope}: {error}, not {expected!r}"
    if type(found) is not type(expected) or found != expected:
        return f"{text} with {scope}: {found!r}, not {expected!r}"
    assert not isinstance(found, int | float) or abs(found) <= LARGEST
    return type(found).__name__


def expressions_agree(first: int, many: int) -> None:
    kinds: Counter[str] = Counter()
    for seed in range(first, first + many):
        chance = Random(seed)
        text = random_expressions.expression(chance)
        if "'$" not in text:  # the oracle leaves out each `$`, and here one is text
            kinds[agrees(text, random_expressions.scope(chance))] += 1
    assert sum(kinds.values()) > many * 0.8
    assert kinds.keys() <= KINDS, list(kinds)[:9]
    for kind in ("int", "float", "bool", "str", "list"):
        assert kinds[kind] > many // 50, kinds
    assert kinds["refused"] < many // 2, kinds


def expressions_are_plain(first: int, many: int) -> None:
    """A spoilt expression has a plain value, or a short fact with its part."""
    outcomes: Counter[str] = Counter()
    for seed in range(first, first + many):
        chance = Random(seed)
        text = random_expressions.spoilt(random_expressions.expression(chance), chance)
        scope = random_expressions.scope(chance)
        outcomes[became(text, scope)] += 1
    assert outcomes.keys() <= {"unreadable", "unknown", "without value", "a value"}, outcomes
    assert all(outcomes[name] > many // 250 for name in ("unreadable", "without value", "a value")), outcomes


def became(text: str, scope: dict[str, Any]) -> str:
    """What a text is that may be an expression."""
    try:
        expression = parse(text)
    except ExprError as error:
        placed = 0 <= error.offset <= error.offset + error.width <= len(text)
        return "unreadable" if placed and str(error) else f"wrong place in {text!r}"
    if not expression.names <= scope.keys():
        return "unknown"
    try:
        found = expression.evaluate(scope)
    except ExprError:
        return "without value"
    return "a value" if type(found) in PLAIN else f"{text!r} gives {found!r}"


def test_expressions_agree_with_python() -> None:
    expressions_agree(0, 5_000)


@pytest.mark.slow
def test_expressions_agree_with_python_at_length() -> None:
    expressions_agree(100_000, 100_000)


KINDS = {"int", "float", "bool", "str", "list", "refused"}


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_expressions_agree_and_are_made_smaller_where_they_do_not(chance: Random) -> None:
    text = random_expressions.expression(chance)
    if "'$" not in text:
        assert agrees(text, random_expressions.scope(chance)) in KINDS


def test_spoilt_expressions_have_a_plain_value_or_are_refused() -> None:
    expressions_are_plain(0, 5_000)


@pytest.mark.slow
def test_spoilt_expressions_at_length() -> None:
    expressions_are_plain(100_000, 100_000)


ESCAPES = {
    "attribute walk": "().__class__.__bases__[0].__subclasses__() + $n",
    "attribute of a name": "$n.__class__.__mro__[1]",
    "attribute of text": "''.__class__.__mro__[1] if $n else 1",
    "attribute of a list": "$l.__class__",
    "attribute of a call": "max($n, 1).bit_length()",
    "attribute in a slice": "$l[$n.real:]",
    "generator's frame": "(x for x in $l).gi_frame.f_back.f_globals",
    "coroutine's frame": "(lambda: (yield))().gi_code + $n",
    "traceback": "$n.__traceback__.tb_frame",
    "function's globals": "max.__globals__['os'] + $n",
    "function's self": "len.__self__.__import__('os') + $n",
    "function as a value": "max if $n else min",
    "function from a list": "[max][0]($n)",
    "function by condition": "(max if $n else min)($n, 1)",
    "function by argument": "$f($n)",
    "function renamed": "Max($n, 1)",
    "keyword": "max($l, key=len)",
    "keyword unpacking": "max($l, **$n)",
    "unpacking": "max(*$l)",
    "starred": "[*$l][0]",
    "builtins": "__builtins__.open('x') + $n",
    "import": "__import__('os').system('id') + $n",
    "import in text": "eval(\"__import__('os')\") + $n",
    "open": "open('/etc/passwd').read() + $n",
    "exec": "exec('x = 1') + $n",
    "compile": "compile('1', '', 'eval') + $n",
    "globals": "globals()['os'] + $n",
    "vars": "vars($n)",
    "getattr": "getattr($n, 'real')",
    "type": "type($n)",
    "dunder name": "__name__ == $n",
    "dunder in text": "'__class__' in $n",
    "formatted text": "f'{$n.__class__}'",
    "formatted text, nested": "f'{f\"{$n}\"}' == 'x'",
    "formatted text, upper": "F'{$n}' == 'x'",
    "raw text": "r'\\x' == $w",
    "bytes": "b'x' == $n",
    "unicode prefix": "u'x' == $w",
    "format method": "'{0.__class__}'.format($n)",
    "lambda": "(lambda: $n)()",
    "lambda with default": "(lambda x=$n: x)()",
    "walrus": "(x := $n)",
    "walrus in a call": "max(x := $n, 1)",
    "list comprehension": "[x for x in $l][0]",
    "set comprehension": "len({x for x in $l})",
    "mapping comprehension": "len({x: 1 for x in $l})",
    "generator": "sum(x for x in $l)",
    "await": "await $n",
    "yield": "(yield $n)",
    "yield from": "(yield from $l)",
    "loop in a loop": "[[$x for $x in $l] for $y in $l]",
    "loop with a condition": "[$x for $x in $l if $x > 1]",
    "power by call": "pow($n, 99)",
    "shift": "1 << $n",
    "loop without its dollar": "[x for x in $l]",
    "loop over two lists": "[$x for $x in $l for $y in $l]",
    "matrix product": "$l @ $l",
    "complex": "1j + $n",
    "hexadecimal": "0xff + $n",
    "octal": "0o17 + $n",
    "binary": "0b11 + $n",
    "underscore": "1_000 + $n",
    "infinite": "1e999 + $n",
    "ellipsis": "... == $n",
    "ellipsis index": "$l[...]",
    "tuple index": "$l[0, 1]",
    "slice with a step": "$l[::2]",
    "implicit concatenation": "'a' 'b' == $w",
    "triple quotes": "'''a''' == $w",
    "escape": "'\\x41' == $w",
    "escape of a name": "'\\N{BULLET}' == $w",
    "octal escape": "'\\101' == $w",
    "line continuation": "$n \\\n + 1",
    "two lines": "$n\n+ 1",
    "carriage return": "$n\r+ 1",
    "form feed": "$n\f+ 1",
    "tab": "$n\t+ 1",
    "zero byte": "$n\0",
    "zero byte in text": "'\0' == $w",
    "comment": "$n # + 1",
    "statement": "$n; import os",
    "assignment": "$n = 1",
    "type comment": "$n # type: ignore",
    "decorator": "@$n",
    "Cyrillic letter": "$n\u0430 + 1",
    "Greek letter": "\u03bd + $n",
    "full-width name": "\uff4d\uff41\uff58($n, 1)",
    "full-width dollar": "\uff04n + $n",
    "italic name, NFKC": "\U0001d45a\U0001d44e\U0001d465($n, 1)",
    "ligature, NFKC": "\ufb01lters + $n",
    "superscript": "$n\u00b2",
    "Arabic digit": "$n + \u0663",
    "minus sign": "$n \u2212 1",
    "multiplication sign": "$n \u00d7 2",
    "no-break space": "$n\u00a0+ 1",
    "zero-width space": "$n\u200b",
    "zero-width joiner": "$n\u200d",
    "right-to-left override": "$n\u202e + 1",
    "isolate": "\u2066$n\u2069",
    "soft hyphen": "$n\u00ad",
    "byte-order mark": "\ufeff$n",
    "combining mark": "$n\u0301",
    "typographic quotes": "\u2018a\u2019 == $w",
    "surrogate": "$n\ud800",
    "delete": "$n\x7f",
    "escape character": "$n\x1b[2J",
    "dollar before a bracket": "$(id) + $n",
    "dollar before a brace": "${n} + 1",
    "dollar before a number": "$1 + $n",
    "dollar before a dunder": "$.__class__ + $n",
    "two dollars": "$$n",
    "dollar behind": "n$ + $n",
    "dollar before a function": "$max($n, 1)",
    "backticks": "`id` + $n",
    "nested quotes": "'\"' + \"'\" + `$n`",
    "unclosed text": "'a + $n",
    "conditional without else": "$n if $n",
    "chained conditional": "$n if $n else",
    "is": "$n is None",
    "in": "$n in $l",
    "none": "None == $n",
    "true of Python": "True == $n",
    "bitwise": "$n & 1",
    "inverted": "~$n",
    "set": "{$n}",
    "mapping": "{'a': $n}['a']",
    "tuple": "($n,)[0]",
    "long": "$n" + " + 1" * 200,
    "deep": "(" * 60 + "$n" + ")" * 60 + "[0]" * 60,
    "deep signs": "-" * 350 + "$n",
    "many comparisons": "$n" + " < 1" * 120,
}


WITHOUT_VALUE = (
    "'%s' % $n",
    "'%(a)s' % $n",
    "'a' * $n",
    "$n * 'a'",
    "[0] * $n",
    "'a' * 10 ** 9 == $w",
    "9 ** 9 ** 9 ** $n",
    "10 ** 9 * [$n]",
    "[$n] + $l",
    "'a' + 'b' + $w",
    "$l * $n",
    "$l + $l",
    "-$l",
    "$w[0]",
)


@pytest.mark.parametrize("text", WITHOUT_VALUE)
def test_nothing_but_numbers_is_calculated_with(text: str) -> None:
    with pytest.raises(ExprError):
        parse(text).evaluate({"n": 3, "l": [1, 2], "w": "a"})


def test_there_are_many_escapes() -> None:
    assert len(ESCAPES) >= 100


@pytest.mark.parametrize("name", ESCAPES)
def test_escapes_are_refused_as_expressions(name: str) -> None:
    with pytest.raises(ExprError):
        parse(ESCAPES[name])


@pytest.mark.parametrize("name", ESCAPES)
def test_escapes_are_refused_in_a_spec(name: str) -> None:
    """In a step, in a loop and in a shortcut; JSON's escapes bring every character through YAML."""
    text = json.dumps(ESCAPES[name])
    head = "archdsl: 1\nname: Net\ninput: [4]\nargs: {n: 3, l: [1, 2], w: a}\nmodel:\n"
    for step in (f"dense: {{units: {text}}}", f"relu: {{}}\n    when: {text}", f"relu: {{}}\n    repeat: {text}"):
        with pytest.raises(ArchError) as caught:
            loads(f"{head}  - {step}\n")
        assert all(problem.span for problem in caught.value.problems)


def tried(text: str, quick: bool = True) -> str:
    """Reads, resolves, checks and describes a spec and all its variants; anything but an `ArchError` is a defect.

    Args:
        quick: whether the text is JSON, and not read as YAML.
    """
    try:
        with quickly(quick):
            spec = loads(text)
    except ArchError as error:
        told(error)
        return "refused"
    for one in spec.every():
        try:
            graph = resolve(one)
            check(one, graph)
        except ArchError as error:
            told(error)
            return "misfit"
        sound(graph)
        assert summary.to_text(graph)
        assert json.dumps(formats.to_data(graph))
    return "sound"


def told(error: ArchError) -> None:
    """Every problem has its place, and can be printed."""
    assert error.exit_code == 1
    assert all(problem.span is not None and problem.render() for problem in error.problems)


def test_json_is_read_as_if_it_were_yaml() -> None:
    for seed in range(5):
        text = random_bodies.spec(Random(seed))
        assert plain(reading.read(text, "<text>")) == plain(source.read(text, "<text>"))


FEATURES = ("from", "variants", "outputs", "inputs", "for", "repeat", "when", "pool_projection", "pad", "Down", "after")


def specs_hold(first: int, many: int) -> None:
    became: Counter[str] = Counter()
    features: Counter[str] = Counter()
    for seed in range(first, first + many):
        text = json.dumps(random_bodies.data(Random(seed)))
        outcome = tried(text, quick=seed % 20 > 0)
        became[outcome] += 1
        if outcome == "sound":
            features.update(word for word in FEATURES if f'"{word}"' in text)
    assert became["sound"] > many // 2, became
    assert became["refused"] < many // 10, became
    assert all(features[word] > many // 100 for word in FEATURES), features


def test_random_specs() -> None:
    specs_hold(0, 300)


@pytest.mark.slow
def test_random_specs_at_length() -> None:
    specs_hold(100_000, 20_000)


GARBAGE: tuple[Any, ...] = (None, True, -1, 0, 2.5, 10**18, "", "relu", "none", "a.b", "$n", "$channels / 3", "$x +")
GARBAGE += ([], {}, [[]], [None], {"relu": {}}, {"a": 1}, ["input", "input"], [[1]], {"paths": []}, "input", "auto")


WORDS = ("name", "from", "repeat", "when", "for", "steps", "paths", "inputs", "outputs", "merge", "args", "shortcut")


def spoilt(data: Any, chance: Random) -> Any:
    """The data with one of its values replaced, dropped, doubled, or moved to a key of another name."""
    places = list(inner(data))
    holder, key = chance.choice(places)
    other, wanted = chance.choice(places)
    match chance.randint(0, 5):
        case 0 | 1:
            holder[key] = chance.choice(GARBAGE)
        case 2:
            holder[key] = json.loads(json.dumps(other[wanted]))
        case 3:
            del holder[key]
        case 4 if isinstance(holder, list):
            holder.insert(key, json.loads(json.dumps(other[wanted])))
        case _:
            word = chance.choice(
                [wanted, "name", "from", "repeat", "when", "steps", "inputs", "outputs", "merge", *OPS]
            )
            if isinstance(holder, dict):
                holder[str(word)] = chance.choice([holder[key], *GARBAGE])
    return data


def inner(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of the data, by what holds it."""
    for key, value in list(data.items() if isinstance(data, dict) else enumerate(data)):
        yield data, key
        if isinstance(value, dict | list):
            yield from inner(value)


def spoilt_specs_hold(first: int, many: int) -> None:
    became: Counter[str] = Counter()
    for seed in range(first, first + many):
        chance = Random(seed)
        data = json.loads(json.dumps(random_bodies.data(chance)))  # nothing in it is there twice
        try:
            for _ in range(chance.randint(1, 3)):
                data = spoilt(data, chance)
            text = json.dumps(data)
        except (ValueError, RecursionError):  # a value was moved into itself
            continue
        became[tried(text, quick=seed % 20 > 0)] += 1
    assert all(became[name] > many // 50 for name in ("sound", "misfit", "refused")), became


def test_spoilt_random_specs() -> None:
    spoilt_specs_hold(1000, 250)


@pytest.mark.slow
def test_spoilt_random_specs_at_length() -> None:
    spoilt_specs_hold(100_000, 10_000)


SHAPES: tuple[list[int], ...] = (
    [],
    [1],
    [5],
    [4, 3],
    [8, 8],
    [1, 1, 1],
    [8, 8, 4],
    [1, 8, 4],
    [8, 1, 3],
    [4, 4, 4, 4],
    [1, 1, 1, 1],
)
DTYPES = ("float32", "int32", "bool")


def test_every_op_takes_every_shape_or_says_why_not() -> None:
    taken: Counter[str] = Counter()
    for name, op in OPS.items():
        for example in op.examples:
            for shape, dtype in product(SHAPES, DTYPES):
                spec = {"archdsl": 1, "name": "Net", "model": [{name: dict(example.fields)}]}
                outcome = tried(json.dumps({**spec, "input": {"shape": shape, "dtype": dtype}}))
                taken[f"{name} {outcome}"] += 1
    assert len(taken) > 100
    others = {name for name, op in OPS.items() if any(len(example.inputs) != 1 for example in op.examples)}
    assert {name for name, op in OPS.items() if op.examples and not taken[f"{name} sound"]} <= others
