"""The parts that every generated class has: head, docstring, signature, `get_config`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from archdsl.codegen.printer import WIDTH, Bracket, Names, Source, before, lines, quote
from archdsl.spec import Arg, Spec


def class_head(spec: Spec, name: str, doc: str, base: str) -> list[str]:
    """The decorator, the `class` line and the docstring."""
    about = doc or (f"The model {name}." if base == "keras.Model" else f"A layer of {spec.name}.")
    return [
        f"@keras.saving.register_keras_serializable(package={quote(spec.name)})",
        f"class {name}({base}):",
        docstring(about, 4),
    ]


def docstring(text: str, indent: int) -> str:
    """A docstring that no text can break out of."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    clean = clean.replace("\\", "\\\\").replace('"""', "'''") or "."
    clean = (" " if clean.startswith('"') else "") + clean + (" " if clean.endswith(('"', "\\")) else "")
    margin = " " * indent
    if len(clean) + indent + 6 <= WIDTH or " " not in clean.strip():
        return f'{margin}"""{clean}"""'
    width = WIDTH - indent - (3 if len(clean) > WIDTH - indent - 3 else 6)
    first, *rest = textwrap.wrap(clean, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f'{margin}"""{first}', *(margin + line for line in rest), f'{margin}"""'])


def signature(args: Iterable[Arg], *more: str) -> Bracket:
    """`def __init__(self, ...):`, what is required first."""
    ordered = sorted(args, key=lambda arg: arg.default is not None)
    written = [before(f"{arg.name}=", _default(arg)) if arg.default else arg.name for arg in ordered]
    return Bracket("def __init__(", ("self", *written, *more), "):")


def _default(arg: Arg) -> Source:
    value = arg.default.template() if arg.default else None
    return Names({}).write(frozen(value))


def frozen(value: object) -> object:
    """Lists as tuples, for defaults that must not be changed."""
    return tuple(frozen(item) for item in value) if isinstance(value, list) else value


def kept(arg: Arg) -> str:
    """An argument as it is kept: lists are copied."""
    return f"list({arg.name})" if arg.type == "list" else arg.name


def config(args: Iterable[Arg], first: str, more: Iterable[Source] = ()) -> list[str]:
    """The method `get_config`."""
    items: list[Source] = [first, *more]
    items += [f"{quote(a.name)}: " + (f"list(self.{a.name})" if a.type == "list" else f"self.{a.name}") for a in args]
    body = Bracket("return {", tuple(items), "}", "list", open=len(items) > 2)
    return ["    def get_config(self):", *lines(body, 8)]
