"""Write out the sections of a file: every step is a mapping, every body is a list, and all arguments are present."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from archdsl import expr
from archdsl.errors import Span
from archdsl.expansion.comments import Comments, EntryComments
from archdsl.expansion.fields import FieldWriter, word_of
from archdsl.expansion.overlay import Overlay, line
from archdsl.expansion.printer import OutputEntry, OutputGroup, output_tree
from archdsl.ops import OPS
from archdsl.parsing import LAYER, VARIANT
from archdsl.parsing.recipes import SECTIONS, section_model
from archdsl.parsing.steps import ACTIVATIONS, MERGES, NORMS, PATHS_KEYS, PROJECTION
from archdsl.parsing.validation import plain
from archdsl.parsing.values import STEP_KEYS
from archdsl.source import Mapping, Node, Scalar, Sequence, entries
from archdsl.spec import TYPES
from archdsl.steps import EACH_STEP, SHARE

_NONE = Scalar("none", "none", Span("", 0, 0))

_UNKNOWN = "unknown"
_PROJECTING = {"projection", "pool_projection", "auto", _UNKNOWN}


class LongForm(FieldWriter):
    """Expands the sections of a file."""

    def __init__(self, overlay: Overlay, comments: Comments) -> None:
        root = overlay.root
        shared = {key.text: node for key, node in entries(root.get("defaults")) if isinstance(node, Mapping)}
        super().__init__(comments, overlay.origins, shared)
        self.root, self.overlaid = root, bool(overlay)
        self.layers = {key.text: node for key, node in entries(root.get("layers")) if isinstance(node, Mapping)}

    def section(self, word: str) -> OutputEntry | None:
        """Return a section of the file, or None if the file does not have it."""
        key, node = self.root.key(word), self.root.get(word)
        if word == "defaults":
            return self._projection_defaults(key, node)
        absent = (word == "layers" and not self.layers) or (word == "variants" and self.overlaid)
        if key is None or node is None or absent:
            return None
        if word in SECTIONS:
            return self.item(word, self._recipe(word, node), "", key)
        if word == "model":
            return self.item(word, self._body(node), "", key)
        if word == "variants":
            variants = (self.item(name.text, self._variant(inner), "", name) for name, inner in entries(node))
            return self.item(word, OutputGroup(tuple(variants), open=True), "", key)
        if word == "layers":
            layers = (
                self.item(name.text, self._layer(inner), "", name)
                for name, inner in entries(node)
                if isinstance(inner, Mapping)
            )
            return self.item(word, OutputGroup(tuple(layers), open=True), "", key)
        return self.entry(key, node, prose=True)

    def _recipe(self, word: str, node: Node) -> OutputGroup:
        data = self.root.get("data")
        validation = data.get("validation") if isinstance(data, Mapping) else None
        # Without a validation split there is no best epoch, and `keep: best` is not allowed.
        defaults = {"keep": "last"} if validation is not None and not plain(validation) else {}
        return self.recipe(section_model(word), node, word, defaults)

    def _variant(self, node: Node) -> OutputGroup:
        ordered = sorted(entries(node), key=lambda entry: VARIANT.index(entry[0].text))
        return OutputGroup(tuple(self.entry(key, inner, prose=True) for key, inner in ordered))

    def _projection_defaults(self, key: Scalar | None, node: Node | None) -> OutputEntry | None:
        """Return the remaining `defaults`: the conv of projections, and the ops that an expression may choose."""
        given = {inner.text: (inner, value) for inner, value in entries(node)}
        chosen = {*NORMS.values(), *ACTIVATIONS.values(), *MERGES.values()} if _may_choose(self.root) else set()
        items = [
            self.item(name, self.op(OPS[name], value), "", inner)
            for name, (inner, value) in given.items()
            if OPS[name] in chosen
        ]
        if _may_project(self.root):
            conv, value = given.get("conv", (None, None))
            items.insert(0, self.item("conv", self.op(OPS["conv"], value, skip=PROJECTION), "", conv))
        if not items:
            return None
        section = self.item("defaults", OutputGroup(tuple(items), open=True), "", key)
        return section if key else replace(section, comments=EntryComments(above=("",)))

    def _layer(self, node: Mapping) -> OutputGroup:
        items = []
        for word in LAYER:
            key, inner = node.key(word), node.get(word)
            if key is None or inner is None or word in PATHS_KEYS:
                continue
            if word == "paths":
                step = OutputEntry("", OutputGroup(tuple(self._paths(node)), open=True))
                items.append(OutputEntry("steps", OutputGroup((step,), listed=True, open=True)))
            elif word == "steps":
                items.append(self.item(word, self._body(inner), "", key))
            else:
                items.append(self.entry(key, inner, prose=True))
        return OutputGroup(tuple(items), open=True)

    def _body(self, node: Node) -> OutputGroup:
        """Return a body as a list of steps, even if the file has a single step."""
        steps = node.items if isinstance(node, Sequence) else (node,)
        return OutputGroup(tuple(self._step(step) for step in steps), listed=True, open=True)

    def _step(self, node: Node) -> OutputEntry:
        if not isinstance(node, Mapping):
            word, _ = word_of(node)
            # The comments of the line belong to the step, not to this key.
            items = [self._call(replace(word), None)]
        elif node.get("paths") is not None:
            items = self._paths(node)
        elif inner := [(key, steps) for key, steps in node.items if key.text in ("steps", EACH_STEP)]:
            items = [self.item(key.text, self._body(steps), "", key) for key, steps in inner]
        else:
            items = [self._call(key, given) for key, given in node.items if key.text not in STEP_KEYS]
        neighbours = self._neighbours(node) if isinstance(node, Mapping) else []
        return self.item("", OutputGroup((*items, *neighbours), open=True), "", node)

    def _call(self, key: Scalar, given: Node | None) -> OutputEntry:
        """Return an op or a layer call with all its arguments, or a share, which has none."""
        if key.text == SHARE and given is not None:
            return self.entry(key, given)
        if key.text in OPS:
            return self.call(key, self.op(OPS[key.text], given))
        own = {inner.text: (inner, value) for inner, value in entries(given)}
        name, layer, fixed = key.text, self.layers[key.text], set[str]()
        while (like := layer.get("like")) is not None:
            fixed |= {inner.text for inner, _ in entries(layer.get("with"))}
            name = str(plain(like))
            layer = self.layers[name]
        items = []
        for inner, default in entries(layer.get("args")):
            is_type = isinstance(default, Scalar) and default.value in TYPES
            if inner.text in own:
                items.append(self.entry(*own[inner.text]))
            elif inner.text not in fixed and not is_type:
                origin = f"default of {name}, {line(default)}"
                items.append(self.item(inner.text, self.copy(default, origin), origin))
        return self.call(key, OutputGroup(tuple(items)))

    def _neighbours(self, node: Mapping) -> list[OutputEntry]:
        """Return the keys next to an op, a layer or the steps of a path."""
        items = []
        for word in STEP_KEYS:
            if (inner := node.get(word)) is not None:
                single = word == "from" and isinstance(inner, Scalar)
                value = output_tree([plain(inner)], line(inner)) if single else self.copy(inner)
                items.append(self.item(word, value, line(inner), node.key(word)))
        return items

    def _paths(self, node: Mapping) -> list[OutputEntry]:
        """Return `paths`, `shortcut`, `merge` and `after`, all written out."""
        paths = node.get("paths")
        if isinstance(paths, Mapping):
            group = OutputGroup(tuple(self._path(key.text, inner, key) for key, inner in paths.items), open=True)
        else:
            inners = paths.items if isinstance(paths, Sequence) else ()
            group = OutputGroup(tuple(self._path("", inner, inner) for inner in inners), listed=True, open=True)
        items = [self.item("paths", group, "", node.key("paths"))]
        shortcut, merge, after = (node.get(word) for word in PATHS_KEYS)
        default = "default of paths"
        if shortcut is None or isinstance(shortcut, Scalar):
            value, origin = self.copy(shortcut or _NONE), line(shortcut) if shortcut else default
            items.append(self.item("shortcut", value, origin, node.key("shortcut")))
        else:
            items.append(self._path("shortcut", shortcut, node.key("shortcut") or shortcut))
        if merge is not None:
            key, given = word_of(merge)
            is_chosen = expr.is_expression(key.value)
            value = self.copy(merge) if is_chosen else OutputGroup((self.call(key, self.op(OPS[key.text], given)),))
            items.append(self.item("merge", value, line(merge), node.key("merge")))
        value = self._body(after) if after else OutputGroup((), listed=True)
        items.append(self.item("after", value, line(after) if after else default, node.key("after")))
        return items

    def _path(self, name: str, node: Node, anchor: Node) -> OutputEntry:
        """Return a path, as a list if it has only steps."""
        if not isinstance(node, Mapping):
            return self.item(name, self._body(node), "", anchor)
        items, body = self._neighbours(node), node.get("steps")
        if body is not None:
            steps = self._body(body)
            if not items:
                return self.item(name, steps, "", anchor, node.key("steps"))
            items.append(self.item("steps", steps, "", node.key("steps")))
        return self.item(name, OutputGroup(tuple(items), open=True), "", anchor)


def _may_project(node: Node | None) -> bool:
    """Return whether a node may contain a shortcut that uses the `defaults` of `conv`."""
    if isinstance(node, Sequence):
        return any(map(_may_project, node.items))
    if not isinstance(node, Mapping):
        return False
    shortcut = node.get("shortcut") if node.get("paths") is not None else None
    own = isinstance(shortcut, Scalar) and not _PROJECTING.isdisjoint(_possible_words(shortcut.text))
    return own or any(_may_project(inner) for _, inner in node.items)


_CHOSEN = ("norm", "activation", "merge")


def _may_choose(node: Node) -> bool:
    """Return whether an expression in a node chooses a normalization, an activation or a merge."""
    if isinstance(node, Scalar):
        return False
    if isinstance(node, Sequence):
        return any(map(_may_choose, node.items))
    roles = [value for key, value in node.items if key.text in _CHOSEN and isinstance(value, Scalar)]
    return any(expr.is_expression(value.value) for value in roles) or any(_may_choose(v) for _, v in node.items)


def _possible_words(shortcut: str) -> Iterator[str]:
    """Yield the possible kinds of a shortcut; `_UNKNOWN` if it depends on an argument."""
    if not expr.is_expression(shortcut):
        yield shortcut
        return
    pending = [expr.parse(shortcut).tree]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.IfExp):
            pending += [part.body, part.orelse]
        else:
            yield str(part.value) if isinstance(part, ast.Constant) else _UNKNOWN
