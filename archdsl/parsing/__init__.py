"""Located YAML -> typed spec. Every word is looked up, and all problems of the file are told in one run."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence, Set
from collections.abc import Mapping as MappingType
from typing import Any

from archdsl import source
from archdsl.errors import Problem, Problems, Span, fail, nearest, shown
from archdsl.limits import DEFAULTS, VARIANTS, Limits
from archdsl.names import class_fault, name_fault
from archdsl.ops import OPS, find
from archdsl.parsing import recipes
from archdsl.parsing.interfaces import InterfaceReader
from archdsl.parsing.scope import Scope
from archdsl.parsing.steps import BUNCH, Reader
from archdsl.parsing.validation import plain, validate
from archdsl.recipe import Recipe
from archdsl.source import Mapping, Node, Scalar
from archdsl.spec import INPUT, Arg, Expectation, Fields, Layer, Loop, Signature, Spec, Step, StepRef, Value, Variant

VERSION = 1
INTERFACE = ("args", "inputs", "outputs")
SECTIONS = ("expect", "data", "train")
FILE = ("archdsl", "name", "doc", "input", *INTERFACE, "variants", "defaults", "layers", "model", *SECTIONS)
LAYER = ("doc", *INTERFACE, "steps", "paths", *BUNCH, "like", "with")
VARIANT = ("args", "input", "inputs", "expect", "data", "train", "doc")


def parse(text: str, file: str = "<text>", limits: Limits = DEFAULTS) -> Spec:
    """Reads a spec.

    Args:
        text: the YAML.
        file: what to call it in messages.
        limits: what the text may cost.

    Raises:
        ArchError: with every problem of the file that can be seen without evaluating.
    """
    return understand(source.read(text, file, limits), text, file, limits)


def understand(root: Node, text: str, file: str, limits: Limits = DEFAULTS) -> Spec:
    """A spec of YAML that has been read: the second half of `parse`, which also says what it raises."""
    if not isinstance(root, Mapping):
        raise fail("ARCH007", "a spec is a mapping", root.span, "it begins with `archdsl: 1`")
    return _Parser(root, text, file, limits).spec()


class _Parser:
    def __init__(self, root: Mapping, text: str, file: str, limits: Limits) -> None:
        self.root, self.text, self.file, self.limits = root, text, file, limits
        self.problems = Problems()
        self.faces = InterfaceReader(self.problems, frozenset())

    def spec(self) -> Spec:
        self._version()
        layers, name = self._entries("layers"), self._name()
        classes = frozenset([*layers, name])
        self.faces = InterfaceReader(self.problems, classes)
        reader = Reader(self.problems, classes, {}, {})
        reader.unknown(self.root, FILE)
        args, inputs = self.faces.args(self.root.get("args")), self.faces.file_inputs(self.root)
        signatures = self._signatures(layers)
        reader = Reader(self.problems, classes, signatures, self._defaults(reader))
        bodies = {key: self._layer(key, node, signatures, reader) for key, node in layers.items()}
        scope = Scope.of({key: arg.type for key, arg in args.items()}, tuple(inputs))
        model = self._body(self.root, "model", reader, scope)
        outputs = self.faces.outputs(self.root.get("outputs"), scope)
        self._unused(args, scope)
        recipe, places = recipes.read(self.root, outputs, self.problems)
        spec = Spec(
            name=name,
            doc=self._doc(self.root),
            file=self.file,
            text=self.text,
            inputs=inputs,
            outputs=outputs,
            args=args,
            variants=self._variants(args, inputs, outputs, reader),
            layers=bodies,
            model=model,
            expect=self._section("expect", Expectation) or Expectation(),
            expect_spans=_spans(self.root.get("expect")),
            data=recipe.data,
            train=recipe.train,
            span=self._place("name"),
            limits=self.limits,
            places=places,
        )
        self.problems.collected = causes(self.problems.collected)
        self.problems.stop()
        return spec

    def _version(self) -> None:
        node = self.root.get("archdsl")
        if node is None:
            meant = (key for key, _ in self.root.items if nearest(key.text, ["archdsl"]).startswith("did you mean"))
            key = next(meant, None)
            place, hint = (key.span, "did you mean `archdsl`?") if key else (self.root.span, "begin with `archdsl: 1`")
            raise fail("ARCH009", "this file does not say that it is a spec", place, hint)
        if plain(node) is True or plain(node) != VERSION:
            hint = f"this archdsl reads version {VERSION}"
            raise fail("ARCH009", f"the version {shown(plain(node))} is not known", node.span, hint)

    def _place(self, key: str) -> Span:
        node = self.root.get(key)
        return self.root.span if node is None else node.span

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
        fault = class_fault(name) if isinstance(name, str) else "a name is one word"
        if fault:
            self.problems.add("ARCH010", f"{shown(name)} cannot name a class: {fault}", span)

    def _doc(self, node: Mapping) -> str:
        doc = node.get("doc")
        if doc is None:
            return ""
        if not isinstance(doc, Scalar) or not isinstance(doc.value, str):
            hint = "text that begins with a bracket stands in quotes"
            self.problems.add("ARCH007", "`doc` is text", doc.span, hint)
            return ""
        return " ".join(doc.value.split())

    def _entries(self, key: str) -> dict[str, Mapping]:
        """The layers of the file, by name."""
        node = self.root.get(key)
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return {}
        if not isinstance(node, Mapping):
            hint = "`layers: {Block: {steps: [relu]}}`"
            self.problems.add("ARCH007", f"`{key}` is a mapping of names to layers", node.span, hint)
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

    def _signatures(self, layers: MappingType[str, Mapping]) -> dict[str, Signature]:
        """What each layer shows; a `like` shows what the other layer does, without the arguments that it fixes."""
        own = {
            name: Signature(
                self.faces.args(node.get("args")),
                self.faces.layer_inputs(node.get("inputs")),
                self.faces.output_names(node.get("outputs")),
            )
            for name, node in layers.items()
        }
        found: dict[str, Signature] = {}
        for name in layers:
            chain = self._chain(name, layers, found)
            base = found.get(chain[-1], own[chain[-1]])
            found[chain[-1]] = base
            for like in reversed(chain[:-1]):
                fixed = _spans(layers[like].get("with"))
                args = {key: arg for key, arg in base.args.items() if key not in fixed}
                base = found[like] = Signature(args, base.inputs, base.outputs)
        return found

    def _chain(self, name: str, layers: MappingType[str, Mapping], known: Container[str]) -> list[str]:
        """A layer, the layer that it is like, and so on, up to one that is known or like no other."""
        chain = [name]
        while chain[-1] not in known and (node := layers[chain[-1]].get("like")) is not None:
            base = plain(node)
            if not isinstance(base, str) or base not in layers:
                hint = nearest(str(base), layers.keys() - {name})
                self.problems.add("ARCH014", f"{shown(base)} is no layer of this file", node.span, hint)
                break
            if base in chain:
                circle = " -> ".join([*chain[chain.index(base) :][-8:], base])
                hint = "one of them needs `steps` or `paths` of its own"
                raise fail("ARCH024", f"`{chain[-1]}` is like itself: {circle}", node.span, hint)
            chain.append(base)
        return chain

    def _variants(
        self, args: MappingType[str, Arg], inputs: MappingType[str, Any], outputs: tuple[StepRef, ...], reader: Reader
    ) -> dict[str, Variant]:
        node = self.root.get("variants")
        if node is None:
            return {}
        if not isinstance(node, Mapping):
            hint = "`variants: {small: {args: {width: 32}}}`"
            self.problems.add("ARCH007", "`variants` is a mapping of names", node.span, hint)
            return {}
        if len(node.items) > VARIANTS:
            message = f"a file has at most {VARIANTS} variants, and here are {len(node.items):,}"
            raise fail("ARCH003", message, node.items[VARIANTS][0].span, "`--set` reaches what no variant names")
        own = not self.problems.collected  # else each variant would tell the file's own faults again
        told = outputs if own else None
        return {key.text: self._variant(key, inner, args, inputs, told, reader) for key, inner in node.items}

    def _variant(
        self,
        key: Scalar,
        node: Node,
        args: MappingType[str, Arg],
        inputs: MappingType[str, Any],
        outputs: tuple[StepRef, ...] | None,
        reader: Reader,
    ) -> Variant:
        if fault := name_fault(key.text):
            self.problems.add("ARCH010", f"`{key.text}` cannot name a variant: {fault}", key.span)
        if not isinstance(node, Mapping):
            hint = "`{args: {width: 32}, expect: {parameters: 1000}}`"
            self.problems.add("ARCH007", "a variant is a mapping", node.span, hint)
            node = Mapping((), node.span)
        reader.unknown(node, VARIANT)
        given = node.get("args")
        if given is not None and not isinstance(given, Mapping):
            self.problems.add("ARCH007", "`args` is a mapping", given.span, "`args: {width: 32}`")
        set_args = {
            name: Arg(name, args[name].type, Value(value, _spans(given)[name]), args[name].span)
            for name, value in self.faces.set_args(given, args, self._told_name()).items()
        }
        shapes: dict[str, Any] = {}
        for word in ("input", "inputs"):
            if (inner := node.get(word)) is None:
                continue
            pairs = [(INPUT, self.faces.shape(inner, word))] if word == "input" else self.faces.named_shapes(inner)
            for name, shape in pairs:
                shapes[name] = shape
                if name not in inputs:
                    place = (inner.key(name) if isinstance(inner, Mapping) else None) or inner
                    message, hint = f"the file has no input `{name}`", nearest(name, inputs)
                    self.problems.add("ARCH005", message, place.span, hint)
        expect = node.get("expect")
        found = None if expect is None else validate(Expectation, expect, self.problems)
        held = {} if found is None else found.model_dump(exclude_none=True)
        recipe, places = (Recipe(), {}) if outputs is None else recipes.read(self.root, outputs, self.problems, node)
        laid = (recipe.data, recipe.train, places)
        return Variant(key.text, self._doc(node), set_args, shapes, held, _spans(expect), key.span, *laid)

    def _told_name(self) -> str:
        return str(plain(self.root.get("name") or self.root))

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
            if find(key.text, key.span) is None:
                self.problems.add("ARCH014", f"`{key.text}` is no op", key.span, nearest(key.text, OPS))
                continue
            fields = reader.fields(key.text, inner, None) or {}
            blockless = {n: v for n, v in fields.items() if n not in ("norm", "activation")}
            reader.check(OPS[key.text], blockless, key.span, complete=False)
            found[key.text] = fields
        return found

    def _layer(self, name: str, node: Mapping, signatures: MappingType[str, Signature], reader: Reader) -> Layer:
        reader.unknown(node, LAYER)
        entries = self.root.get("layers")
        key = (
            next(k for k, v in entries.items if v is node)
            if isinstance(entries, Mapping)
            else Scalar(name, name, node.span)
        )
        if node.get("like") is not None:
            return self._like(name, node, signatures, reader, key.span)
        args, inputs = signatures[name].args, signatures[name].inputs
        scope = Scope.of({arg.name: arg.type for arg in args.values()}, inputs)
        steps = self._body(node, name, reader, scope, key.span)
        outputs = self.faces.outputs(node.get("outputs"), scope)
        if (stray := node.key("with")) is not None:
            self.problems.add("ARCH005", "`with` stands beside `like`", stray.span, "name the layer by `like`")
        self._unused(args, scope)
        return Layer(name, self._doc(node), args, steps, None, {}, key.span, inputs, outputs)

    def _like(
        self, name: str, node: Mapping, signatures: MappingType[str, Signature], reader: Reader, span: Span
    ) -> Layer:
        base = str(plain(node.get("like")))  # type: ignore[arg-type]
        for word in (*INTERFACE, "steps", "paths", *BUNCH):
            if (key := node.key(word)) is not None:
                hint = f"`{name}` has all of `{base}`; write the layer out where it differs in more than arguments"
                self.problems.add("ARCH005", f"`{word}` cannot stand beside `like`", key.span, hint)
        fixed = node.get("with")
        if fixed is None:
            self.problems.add("ARCH006", "`with` is missing", span, "`with: {stride: 2}` fixes arguments")
        elif not isinstance(fixed, Mapping):
            self.problems.add("ARCH007", "`with` is a mapping", fixed.span, "`with: {stride: 2}` fixes arguments")
        values = self.faces.set_args(fixed, signatures[base].args, base) if base in signatures else {}
        own = signatures[name]
        return Layer(name, self._doc(node), own.args, (), base, values, span, own.inputs)

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
                    hint = "write `paths` in place of `steps`, or let a step of `steps` be `paths`"
                    self.problems.add("ARCH005", f"`{word}` stands beside `paths`", key.span, hint)
            return reader.body(steps, scope)
        key = node.key("paths")
        place = key.span if key else node.span
        return (Step("paths", reader.branches(node, scope), Loop(), None, place),)

    def _unused(self, args: MappingType[str, Arg], scope: Scope) -> None:
        told = {problem.span for problem in self.problems.collected}
        for name in args.keys() - scope.used:
            if args[name].span in told:
                continue
            hint = "remove it, or use it in a step"
            self.problems.add("ARCH017", f"nobody uses the argument `{name}`", args[name].span, hint)


_MEANT = re.compile(r"did you mean `(\w+)`")
_NAMES = {"ARCH012", "ARCH014", "ARCH015", "ARCH016", "ARCH017", "ARCH018"}


def causes(found: Sequence[Problem]) -> list[Problem]:
    """The problems without those that only follow from a misspelt key: what it stands for is missing, too."""
    meant = {m[1]: p.code for p in found if p.code in ("ARCH005", "ARCH015") and (m := _MEANT.match(p.hint))}
    sections = [word for word in ("args", "layers", "inputs", "outputs", "for") if meant.get(word) == "ARCH005"]
    bodies = {"steps", "paths", "like"} & meant.keys()
    return [p for p in found if not (p.code in _NAMES and sections) and not _follows(p, meant.keys(), bool(bodies))]


def _follows(problem: Problem, meant: Set[str], body: bool) -> bool:
    if problem.code == "ARCH016":
        return set(re.findall(r"`(\w+)`", problem.message)[1:]) <= meant
    missing = problem.code == "ARCH006" and problem.message.removesuffix(" is missing").strip("`") in meant
    return missing or (body and ("no `steps`" in problem.message or "stands beside `like`" in problem.message))


def _spans(node: Node | None) -> dict[str, Span]:
    """Where the values of a mapping stand, by key."""
    return {key.text: value.span for key, value in node.items} if isinstance(node, Mapping) else {}
