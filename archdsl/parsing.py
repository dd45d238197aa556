"""Located YAML -> typed spec. Every word is looked up, and all problems of the file are told in one run."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any

from archdsl import source
from archdsl.errors import Problems, Span, fail, nearest
from archdsl.ops.base import OPS
from archdsl.recipe import Data, Train
from archdsl.scope import Scope
from archdsl.source import Limits, Mapping, Node, Scalar
from archdsl.spec import CLASS_RESERVED, RESERVED, TYPES, Arg, Expectation, Fields, Layer, Loop, Spec, Step, name_fault
from archdsl.steps import BUNCH, UNREAD, Reader
from archdsl.validation import plain, shown, validate

VERSION = 1
FILE = ("archdsl", "name", "doc", "input", "args", "defaults", "layers", "model", "expect", "data", "train")
LAYER = ("doc", "args", "steps", "paths", *BUNCH, "like", "with")

_OF_DEFAULT = {bool: "bool", int: "int", float: "float", str: "str", list: "list"}


def parse(text: str, file: str = "<text>", limits: Limits = Limits()) -> Spec:
    """Reads a spec.

    Args:
        text: the YAML.
        file: what to call it in messages.
        limits: what the text may cost.

    Raises:
        ArchError: with every problem of the file that can be seen without evaluating.
    """
    root = source.read(text, file, limits)
    if not isinstance(root, Mapping):
        raise fail("ARCH007", "a spec is a mapping", root.span, "it begins with `archdsl: 1`")
    return _Parser(root, text, file).spec()


class _Parser:
    def __init__(self, root: Mapping, text: str, file: str) -> None:
        self.root, self.text, self.file = root, text, file
        self.problems = Problems()

    def spec(self) -> Spec:
        self._version()
        layers, name = self._entries("layers"), self._name()
        classes = frozenset([*layers, name])
        reader = Reader(self.problems, {}, {}, classes)
        reader.unknown(self.root, FILE)
        args = self._args(self.root.get("args"), reader)
        signatures = self._signatures(layers, reader)
        reader = Reader(self.problems, signatures, self._defaults(reader), classes)
        bodies = {key: self._layer(key, node, signatures, reader) for key, node in layers.items()}
        scope = Scope({key: arg.type for key, arg in args.items()} | {"channels": "int"})
        model = self._body(self.root, "model", reader, scope)
        self._unused(args, scope)
        expect = self._section("expect", Expectation) or Expectation()
        spec = Spec(
            name=name,
            doc=self._doc(self.root),
            file=self.file,
            text=self.text,
            input=self._input(),
            args=args,
            layers=bodies,
            model=model,
            expect=expect,
            expect_spans=self._spans("expect"),
            data=self._section("data", Data),
            train=self._section("train", Train),
            span=self._place("name"),
        )
        self.problems.stop()
        return spec

    def _version(self) -> None:
        node = self.root.get("archdsl")
        if node is None:
            raise fail("ARCH009", "this file does not say that it is a spec", self.root.span, "begin with `archdsl: 1`")
        if plain(node) is True or plain(node) != VERSION:
            hint = f"this archdsl reads version {VERSION}"
            raise fail("ARCH009", f"the version {shown(plain(node))} is not known", node.span, hint)

    def _place(self, key: str) -> Span:
        node = self.root.get(key)
        return self.root.span if node is None else node.span

    def _spans(self, key: str) -> dict[str, Span]:
        node = self.root.get(key)
        return {k.text: value.span for k, value in node.items} if isinstance(node, Mapping) else {}

    def _section(self, key: str, model: Any) -> Any:
        node = self.root.get(key)
        return None if node is None else validate(model, node, self.problems)

    def _name(self) -> str:
        node = self.root.get("name")
        if node is None:
            self.problems.add("ARCH006", "`name` is missing", self.root.span, "`name: MyNet`, the model's class")
            return "Model"
        self._class_name(plain(node), node.span)
        return str(plain(node))

    def _class_name(self, name: Any, span: Span) -> None:
        fault = name_fault(name, CLASS_RESERVED) if isinstance(name, str) else "a name is one word"
        fault = fault or ("it is an op" if name in OPS else "")
        if fault:
            self.problems.add("ARCH010", f"{shown(name)} cannot name a class: {fault}", span)

    def _doc(self, node: Mapping) -> str:
        doc = node.get("doc")
        if doc is None:
            return ""
        if not isinstance(doc, Scalar) or not isinstance(doc.value, str):
            self.problems.add("ARCH007", "`doc` is text", doc.span)
            return ""
        return " ".join(doc.value.split())

    def _input(self) -> tuple[int, ...]:
        node = self.root.get("input")
        if node is None:
            hint = "`input: [32, 32, 3]`: height, width, channels"
            self.problems.add("ARCH006", "`input` is missing", self.root.span, hint)
            return (1, 1, 1)
        shape = plain(node)
        sizes = isinstance(shape, list) and all(type(n) is int and 0 < n <= 65_536 for n in shape)
        if not sizes or not 1 <= len(shape) <= 4:
            hint = "`[32, 32, 3]` is height, width, channels; without the batch"
            self.problems.add("ARCH007", "`input` is a list of whole numbers from 1 to 65,536", node.span, hint)
            return (1, 1, 1)
        return tuple(shape)

    def _entries(self, key: str) -> dict[str, Mapping]:
        """The layers of the file, by name."""
        node = self.root.get(key)
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return {}
        if not isinstance(node, Mapping):
            self.problems.add("ARCH007", f"`{key}` is a mapping of names to layers", node.span)
            return {}
        entries = {}
        for name, inner in node.items:
            self._class_name(name.value, name.span)
            if name.text == plain(self.root.get("name") or name) and self.root.get("name"):
                self.problems.add("ARCH010", f"`{name.text}` is the model's own name", name.span)
            if isinstance(inner, Mapping):
                entries[name.text] = inner
            else:
                hint = "a layer has `steps`, `paths` or `like`"
                self.problems.add("ARCH007", "a mapping is due", inner.span, hint)
        return entries

    def _args(self, node: Node | None, reader: Reader) -> dict[str, Arg]:
        if node is None:
            return {}
        if not isinstance(node, Mapping):
            self.problems.add("ARCH007", "`args` is a mapping", node.span, "`args: {filters: int, stride: 1}`")
            return {}
        args = {}
        for key, inner in node.items:
            fault = name_fault(key.text, RESERVED) or (
                "it is a class of this file" if key.text in reader.classes else ""
            )
            if fault:
                self.problems.add("ARCH010", f"`{key.text}` cannot name an argument: {fault}", key.span)
            args[key.text] = self._arg(key, inner, reader)
        return args

    def _arg(self, key: Scalar, node: Node, reader: Reader) -> Arg:
        value = reader.value(node, None)
        if isinstance(value.content, str) and value.content in TYPES:
            return Arg(key.text, value.content, None, key.span)
        kind = _OF_DEFAULT.get(type(value.template()))
        if kind is None and value.content is not UNREAD:
            hint = f"a type ({', '.join(TYPES)}), or a default that gives the type"
            self.problems.add("ARCH007", f"`{key.text}` has neither a type nor a default", node.span, hint)
        return Arg(key.text, kind or "int", value, key.span)

    def _signatures(self, layers: MappingType[str, Mapping], reader: Reader) -> dict[str, dict[str, Arg]]:
        """Each layer's arguments; those of a `like` are the other layer's, without the fixed ones."""
        own = {name: self._args(node.get("args"), reader) for name, node in layers.items()}
        found: dict[str, dict[str, Arg]] = {}
        for name in layers:
            chain = [name]
            while (node := layers[chain[-1]].get("like")) is not None:
                base = plain(node)
                if not isinstance(base, str) or base not in layers:
                    hint = nearest(str(base), layers.keys() - {name})
                    self.problems.add("ARCH014", f"{shown(base)} is no layer of this file", node.span, hint)
                    break
                if base in chain:
                    raise fail("ARCH024", f"`{chain[-1]}` is like itself: {' -> '.join([*chain, base])}", node.span)
                chain.append(base)
            args = own[chain[-1]]
            for like in reversed(chain[:-1]):
                fixed = self._spans_of(layers[like].get("with"))
                args = {key: arg for key, arg in args.items() if key not in fixed}
            found[name] = args
        return found

    def _spans_of(self, node: Node | None) -> dict[str, Span]:
        return {key.text: key.span for key, _ in node.items} if isinstance(node, Mapping) else {}

    def _defaults(self, reader: Reader) -> dict[str, Fields]:
        node = self.root.get("defaults")
        if node is None:
            return {}
        if not isinstance(node, Mapping):
            self.problems.add(
                "ARCH007", "`defaults` is a mapping of ops", node.span, "`defaults: {conv: {norm: batch}}`"
            )
            return {}
        found: dict[str, Fields] = {}
        for key, inner in node.items:
            if key.text not in OPS:
                self.problems.add("ARCH014", f"`{key.text}` is no op", key.span, nearest(key.text, OPS))
                continue
            fields = reader.fields(key.text, inner, None) or {}
            blockless = {n: v for n, v in fields.items() if n not in ("norm", "activation")}
            reader.check(OPS[key.text], blockless, key.span, complete=False)
            found[key.text] = fields
        return found

    def _layer(
        self, name: str, node: Mapping, signatures: MappingType[str, MappingType[str, Arg]], reader: Reader
    ) -> Layer:
        reader.unknown(node, LAYER)
        entries = self.root.get("layers")
        key = (
            next(k for k, v in entries.items if v is node)
            if isinstance(entries, Mapping)
            else Scalar(name, name, node.span)
        )
        if node.get("like") is not None:
            return self._like(name, node, signatures, reader, key.span)
        args = signatures[name]
        scope = Scope({arg.name: arg.type for arg in args.values()} | {"channels": "int"})
        steps = self._body(node, name, reader, scope, key.span)
        if (stray := node.key("with")) is not None:
            self.problems.add("ARCH005", "`with` stands beside `like`", stray.span)
        self._unused(args, scope)
        return Layer(name, self._doc(node), args, steps, None, {}, key.span)

    def _like(self, name: str, node: Mapping, signatures: MappingType[str, Any], reader: Reader, span: Span) -> Layer:
        base = str(plain(node.get("like")))  # type: ignore[arg-type]
        for word in ("args", "steps", "paths", *BUNCH):
            if (key := node.key(word)) is not None:
                hint = f"`{name}` has all of `{base}`; write the layer out where it differs in more than arguments"
                self.problems.add("ARCH005", f"`{word}` cannot stand beside `like`", key.span, hint)
        fixed = node.get("with")
        if fixed is None:
            self.problems.add("ARCH006", "`with` is missing", span, "`with: {stride: 2}` fixes arguments")
        elif not isinstance(fixed, Mapping):
            self.problems.add("ARCH007", "`with` is a mapping", fixed.span, "`with: {stride: 2}` fixes arguments")
        known = signatures.get(base, {})
        values = {}
        for key, inner in fixed.items if isinstance(fixed, Mapping) and base in signatures else ():
            value = reader.value(inner, None)
            if key.text not in known:
                hint = nearest(key.text, known) if known else f"`{base}` has no arguments"
                self.problems.add("ARCH015", f"`{base}` has no argument `{key.text}`", key.span, hint)
                continue
            values[key.text] = known[key.text].taken(value.template())
            if not value.names and (fault := known[key.text].fault(values[key.text])):
                self.problems.add("ARCH007", fault, inner.span)
        return Layer(name, self._doc(node), signatures[name], (), base, values, span)

    def _body(
        self, node: Mapping, owner: str, reader: Reader, scope: Scope, place: Span | None = None
    ) -> tuple[Step, ...]:
        """The steps of `model:`, or of a layer's `steps:` or `paths:`."""
        if node is self.root:
            body = node.get("model")
            if body is None:
                self.problems.add("ARCH006", "`model` is missing", node.span, "`model:` is the list of steps")
                scope.used.update(scope.visible)
                return ()
            return reader.body(body, scope)
        steps, paths = node.get("steps"), node.get("paths")
        if (steps is None) == (paths is None):
            text = "has both `steps` and `paths`" if steps is not None else "has no `steps`, no `paths` and no `like`"
            self.problems.add("ARCH006", f"`{owner}` {text}", place, "a body is one of them")
            scope.used.update(scope.visible)
            return ()
        if steps is not None:
            for word in BUNCH:
                if (key := node.key(word)) is not None:
                    self.problems.add("ARCH005", f"`{word}` stands beside `paths`", key.span)
            return reader.body(steps, scope)
        key = node.key("paths")
        place = key.span if key else node.span
        return (Step("paths", reader.bunch(node, scope), Loop(), None, place),)

    def _unused(self, args: MappingType[str, Arg], scope: Scope) -> None:
        told = {problem.span for problem in self.problems.found}
        for name in args.keys() - scope.used:
            if args[name].span in told:
                continue
            hint = "remove it, or use it in a step"
            self.problems.add("ARCH017", f"nobody uses the argument `{name}`", args[name].span, hint)
