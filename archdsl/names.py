"""Names that a spec can define: those not used by Python, Keras or the generated module."""

from __future__ import annotations

import builtins
import itertools
import keyword
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from archdsl.expr import FUNCTIONS
from archdsl.ops import OPS

_KERAS_NAMES = frozenset(
    """
activity_regularizer add add_loss add_metric add_variable add_weight auto_scale_loss autocast build build_from_config
built call call_signature_parameters compile compile_from_config compiled compiled_loss compiled_metrics compute_dtype
compute_loss compute_loss_and_updates compute_mask compute_metrics compute_output_shape compute_output_spec count_params
distribute_reduction_method distribute_strategy dtype dtype_policy evaluate export fit from_config get_build_config
get_compile_config get_config get_layer get_metrics_result get_quantization_layer_structure get_state_tree get_weights
input input_dtype input_names input_shape input_spec inputs jit_compile kwargs layers load_own_variables load_weights
loss losses make_predict_function make_test_function make_train_function metrics metrics_names metrics_variables name
non_trainable_variables non_trainable_weights operations optimizer output output_names output_shape outputs path pop
predict predict_function predict_on_batch predict_step quantization_config quantization_mode quantize quantized_build
quantized_call rematerialized_call reset_metrics run_eagerly save save_own_variables save_weights self set_state_tree
set_weights stateless_call stateless_compute_loss steps_per_execution stop_training summary supports_jit
supports_masking symbolic_call tensorflow_test_step test_function test_on_batch test_step to_json train_function
train_on_batch train_step trainable trainable_variables trainable_weights training unrolled_steps_per_execution
variable_dtype variables weights
""".split()  # noqa: SIM905 - ninety names are read more easily so
)
_OWN_NAMES = frozenset(
    [
        "archdsl",
        "channels",
        "false",
        "keras",
        "layer",
        "math",
        "maybe_bidirectional",
        "number",
        "parts",
        "super",
        "TiedDense",
        "true",
        "unless_none",
        "whole",
        "x",
    ]
)
_CALLED_NAMES = frozenset(["enumerate", "getattr", "int", "list", "range", "str", "tuple", "zip", "ValueError"])
RESERVED_BY: Mapping[str, frozenset[str]] = {
    "a function in expressions": frozenset(FUNCTIONS) - {"log", "sqrt"},
    "an attribute of Keras layers and models": _KERAS_NAMES,
    "a name in the generated code": _OWN_NAMES | _CALLED_NAMES | OPS.layers(),
}
"""Names that arguments and columns cannot have, by what they are already."""

RESERVED = frozenset().union(*RESERVED_BY.values())
"""Names that arguments and columns cannot have: the generated class stores an argument under its own name."""

RESERVED_HINT = "choose another name; `archdsl docs layers` lists all reserved names"

CLASS_RESERVED = frozenset(dir(builtins)) | {"Spec", "Padding"} | RESERVED
"""Names that layers cannot have."""


LONGEST = 64
"""The maximum length of a name."""


def name_fault(name: str, reserved: frozenset[str] = frozenset()) -> str:
    """Return why a name is invalid, or an empty string."""
    if not (name.isascii() and name.isidentifier()) or name.startswith("_"):
        return "a name starts with a letter and contains only letters, digits and `_`"
    if len(name) > LONGEST:
        return f"a name has at most {LONGEST} characters"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a Python keyword"
    if name not in reserved:
        return ""
    return f"it is {next((what for what, names in RESERVED_BY.items() if name in names), 'a name of Python')}"


def class_fault(name: str) -> str:
    """Return why a name is invalid for a layer or a model, or an empty string."""
    fault = name_fault(name, CLASS_RESERVED)
    return fault or ("" if name[0].isupper() else "a class name starts with a capital letter, as in `ResidualLayer`")


def copy_number(name: str, base: str) -> int:
    """Return the number of the copy that a name refers to: 2 for `block_2` of `block`, or 0 for none."""
    found = re.fullmatch(rf"{re.escape(base)}_([1-9]\d*)", name)
    return int(found[1]) if found else 0


def stem(name: str) -> str:
    """Return a name without the number at its end: `branch` for `branch_2`."""
    return re.sub(r"_\d+$", "", name)


def beginnings(path: str) -> list[str]:
    """Return the prefixes of a path, the longest first: `a/b` and `a` for `a/b.kernel`."""
    words = path.partition(".")[0].split("/")
    return ["/".join(words[:length]) for length in range(len(words), 0, -1)]


def path_matches(pattern: str, path: str) -> bool:
    """Return whether a path matches a pattern, or is inside of what the pattern matches.

    `*` matches any part of a name, `?` one character of it, and `**` any number of names: `block_*/**/kernel`.
    """
    return _matches([*pattern.split("/"), "**"], path.split("/"), "**", _name_matches)


def unmatched_part(pattern: str, paths: Iterable[str]) -> tuple[str, set[str]]:
    """Return the first part of a pattern that matches no name, and the names in its place; empty after a `**`."""
    split = [path.split("/") for path in paths]
    for depth, part in enumerate(pattern.split("/")):
        if part == "**":
            break
        longer = [names for names in split if len(names) > depth]
        split = [names for names in longer if _name_matches(part, names[depth])]
        if not split:
            return part, {names[depth] for names in longer}
    return "", set()


def _name_matches(pattern: str, name: str) -> bool:
    return _matches(pattern, name, "*", lambda one, other: one in ("?", other))


def _matches(pattern: Sequence[str], text: Sequence[str], star: str, same: Callable[[str, str], bool]) -> bool:
    """Match items one by one; `star` matches any number of them. The time is at most the product of the lengths."""
    at, start, last_star, for_star = 0, 0, -1, 0
    while start < len(text):
        if at < len(pattern) and pattern[at] == star:
            last_star, for_star = at, start
            at += 1
        elif at < len(pattern) and same(pattern[at], text[start]):
            at, start = at + 1, start + 1
        elif last_star >= 0:  # the star takes one more item
            for_star += 1
            at, start = last_star + 1, for_star
        else:
            return False
    return all(item == star for item in pattern[at:])


def free_name(name: str, taken: Container[str], ending: str = "") -> str:
    """A free name: the name itself, or with a suffix or a number."""
    if name in taken and ending:
        name = f"{name}_{ending}"
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    return next(free for free in itertools.chain([name], numbered) if free not in taken)
