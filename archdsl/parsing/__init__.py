"""Convert located YAML to a typed spec. All keys and names are checked, and all problems are reported in one run."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence, Set
from collections.abc import Mapping as MappingType
from dataclasses import replace
from typing import Any

from archdsl import source
from archdsl.errors import Problem, Problems, Span, fail, nearest, shown
from archdsl.limits import DEFAULTS, VARIANTS, Limits
from archdsl.names import class_fault, name_fault
from archdsl.ops import OPS, find
from archdsl.parsing import recipes
from archdsl.parsing.scope import Scope
from archdsl.parsing.steps import PATHS_KEYS, StepReader
from archdsl.parsing.validation import MISSING, got, plain, validate
from archdsl.parsing.values import STEP_KEYS
from archdsl.source import Mapping, Node, Scalar, entries
from archdsl.spec import INPUT, Arg, Expectation, Input, Layer, Signature, Spec, Variant
from archdsl.steps import Fields, Loop, Step, StepRef, Value

VERSION = 1
INTERFACE = ("args", "inputs", "outputs")

# The keys of mappings, in the order of the long form.
FILE = (
    *("archdsl", "name", "doc", "input", "inputs", "args", "variants", "defaults", "layers", "model", "outputs"),
    *("expect", "data", "train"),
)
LAYER = ("doc", "like", "with", "inputs", "args", "steps", "paths", *PATHS_KEYS, "outputs")
VARIANT = ("doc", "input", "inputs", "args", "expect", "data", "train")


def parse(text: str, file: str = "<text>", limits: Limits = DEFAULTS) -> Spec:
    """Parse a spec.

    Args:
        text: The YAML text.
        file: The name of the text in messages.
        limits: Limits on the size of the spec.

    Raises:
        ArchError: With all problems that can be found without evaluating expressions.
    """
    return parse_tree(source.read(text, file, limits), text, file, limits)


def parse_tree(root: Node, text: str, file: str, limits: Limits = DEFAULTS) -> Spec:
    """Convert parsed YAML to a spec. This is the second half of `parse`, and raises the same errors."""
    if not isinstance(root, Mapping):
        raise fail("ARCH007", f"a spec must be a mapping, got {got(root)}", root.span, source.START)
    return _SpecParser(root, text, file, limits).spec()


class _SpecParser:
    """Parses the sections of a file. `reader` is replaced as more of the file is known."""

    def __init__(self, root: Mapping, text: str, file: str, limits: Limits) -> None:
        self.root, self.text, self.file, self.limits = root, text, file, limits
        self.problems = Problems()
        self.reader = StepReader(self.problems, frozenset(), {}, {})

    def spec(self) -> Spec:
        self._check_version()
        layers, name = self._layers(), self._name()
        self.reader = replace(self.reader, classes=frozenset([*layers, name]))
        self.reader.unknown(self.root, FILE)
        args, inputs = self.reader.args(self.root.get("args")), self.reader.file_inputs(self.root)
        signatures = self._signatures({name: node for name, (_, node) in layers.items()})
        defaults = self._defaults()
        self.reader = replace(self.reader, signatures=signatures, defaults=defaults)
        bodies = {name: self._layer(key, node, args.keys()) for name, (key, node) in layers.items()}
        scope = Scope.of({key: arg.type for key, arg in args.items()}, tuple(inputs))
        model = self._model(scope)
        outputs = self.reader.outputs(self.root.get("outputs"), scope)
        self._check_unused(args, scope)
        data, train, places = recipes.read(self.root, outputs, self.problems)
        variants, expect = self._variants(name, args, inputs, outputs), self.root.get("expect")
        spec = Spec(
            name=name,
            doc=self._doc(self.root),
            file=self.file,
            text=self.text,
            inputs=inputs,
            outputs=outputs,
            args=args,
            variants=variants,
            layers=bodies,
            model=model,
            expect=(validate(Expectation, expect, self.problems) if expect else None) or Expectation(),
            expect_spans=_spans(expect),
            data=data,
            train=train,
            span=(self.root.get("name") or self.root).span,
            limits=self.limits,
            places=places,
        )
        self.problems.collected = _without_consequences(self.problems.collected)
        self.problems.stop()
        return spec

    def _check_version(self) -> None:
        node = self.root.get("archdsl")
        if node is None:
            meant = (key for key, _ in self.root.items if nearest(key.text, ["archdsl"]).startswith("did you mean"))
            key = next(meant, None)
            place, hint = (key.span, "did you mean `archdsl`?") if key else (self.root.span, source.START)
            raise fail("ARCH009", f"{MISSING} `archdsl`", place, hint)
        if plain(node) is True or plain(node) != VERSION:
            hint = f"set it to {VERSION}, the only version that this release supports"
            raise fail("ARCH009", f"unsupported language version {shown(plain(node))}", node.span, hint)

    def _name(self) -> str:
        node = self.root.get("name")
        if node is None:
            hint = "add the name of the model's class, such as `name: MyNet`"
            self.problems.add("ARCH006", f"{MISSING} `name`", self.root.span, hint)
            return "Model"
        self._check_class_name(plain(node), node.span)
        return str(plain(node))

    def _check_class_name(self, name: Any, span: Span) -> None:
        fault = class_fault(name) if isinstance(name, str) else "it must be a single word"
        if fault:
            self.problems.add("ARCH010", f"invalid class name {shown(name)}: {fault}", span)

    def _doc(self, node: Mapping) -> str:
        doc = node.get("doc")
        if doc is None:
            return ""
        if not isinstance(doc, Scalar) or not isinstance(doc.value, str):
            hint = "put the text in quotes"
            self.problems.add("ARCH007", f"`doc` must be a string, got {got(doc)}", doc.span, hint)
            return ""
        return " ".join(doc.value.split())

    def _layers(self) -> dict[str, tuple[Scalar, Mapping]]:
        """Return the layers of the file with their keys, by name."""
        node, own_name = self.root.get("layers"), self.root.get("name")
        if isinstance(node, Scalar) and node.value is None:
            return {}
        hint = "map each name to a layer, as in `layers: {Block: {steps: [relu]}}`"
        layers = {}
        for key, inner in entries(self.reader.mapping(node, "`layers`", hint)):
            self._check_class_name(key.value, key.span)
            if own_name is not None and key.text == plain(own_name):
                self.problems.add("ARCH010", f"the layer `{key.text}` has the name of the model", key.span)
            hint = "give the layer `steps`, `paths` or `like`"
            hint = f"write `{key.text}: {{steps: [...]}}`" if isinstance(inner, source.Sequence) else hint
            layer = self.reader.mapping(inner, f"the layer `{key.text}`", hint)
            if layer is not None:
                layers[key.text] = (key, layer)
        return layers

    def _signatures(self, layers: MappingType[str, Mapping]) -> dict[str, Signature]:
        """Return the interfaces of all layers. A layer with `like` lacks the arguments that it fixes."""
        own = {
            name: Signature(
                self.reader.args(node.get("args")),
                self.reader.layer_inputs(node.get("inputs")),
                self.reader.output_names(node.get("outputs")),
            )
            for name, node in layers.items()
        }
        passed = _passed_outputs(layers, {name: signature.outputs for name, signature in own.items()})
        own = {name: replace(signature, outputs=passed[name]) for name, signature in own.items()}
        signatures: dict[str, Signature] = {}
        for name in layers:
            chain = self._chain(name, layers, signatures)
            base = signatures[chain[-1]] = signatures.get(chain[-1], own[chain[-1]])
            for like in reversed(chain[:-1]):
                fixed = _spans(layers[like].get("with"))
                args = {key: arg for key, arg in base.args.items() if key not in fixed}
                base = signatures[like] = Signature(args, base.inputs, base.outputs)
        return signatures

    def _chain(self, name: str, layers: MappingType[str, Mapping], known: Container[str]) -> list[str]:
        """Return a layer, the layer under its `like`, and so on, up to a known one or one without `like`."""
        chain = [name]
        while chain[-1] not in known and (node := layers[chain[-1]].get("like")) is not None:
            base = plain(node)
            if not isinstance(base, str) or base not in layers:
                hint = nearest(str(base), layers.keys() - {name})
                self.problems.add("ARCH014", f"unknown layer {shown(base)}", node.span, hint)
                break
            if base in chain:
                circle = " -> ".join([*chain[chain.index(base) :][-8:], base])
                hint = "give one of these layers its own `steps` or `paths`"
                raise fail("ARCH024", f"circular `like`: {circle}", node.span, hint)
            chain.append(base)
        return chain

    def _variants(
        self, owner: str, args: MappingType[str, Arg], inputs: MappingType[str, Input], outputs: tuple[StepRef, ...]
    ) -> dict[str, Variant]:
        hint = "map each name to a variant, as in `variants: {small: {args: {width: 32}}}`"
        node = self.reader.mapping(self.root.get("variants"), "`variants`", hint)
        if node is not None and len(node.items) > VARIANTS:
            message = f"expected at most {VARIANTS} variants, got {len(node.items):,}"
            raise fail("ARCH003", message, node.items[VARIANTS][0].span, "set rarely used arguments with `--set`")
        # Otherwise each variant would report the problems of the file's recipe again.
        with_recipe = not self.problems.collected
        variants = {}
        for key, inner in entries(node):
            variant = self._variant(key, inner, owner, args, inputs)
            if with_recipe and isinstance(inner, Mapping):
                data, train, places = recipes.read(self.root, outputs, self.problems, inner)
                variant = replace(variant, data=data, train=train, places=places)
            variants[key.text] = variant
        return variants

    def _variant(
        self, key: Scalar, node: Node, owner: str, args: MappingType[str, Arg], inputs: MappingType[str, Input]
    ) -> Variant:
        """Return a variant without its recipe."""
        if fault := name_fault(key.text):
            self.problems.add("ARCH010", f"invalid variant name `{key.text}`: {fault}", key.span)
        hint = "write a mapping, such as `{args: {width: 32}, expect: {parameters: 1000}}`"
        variant = self.reader.mapping(node, f"the variant `{key.text}`", hint) or Mapping((), node.span)
        self.reader.unknown(variant, VARIANT)
        given = self.reader.mapping(variant.get("args"), "`args`", "write a mapping, such as `args: {width: 32}`")
        spans = _spans(given)
        set_args = {
            name: replace(args[name], default=Value(value, spans[name]))
            for name, value in self.reader.set_args(given, args, owner).items()
        }
        own: dict[str, Input] = {}
        for word, inner in ((word, variant.get(word)) for word in ("input", "inputs")):
            if inner is None:
                continue
            one = [(INPUT, self.reader.input(inner, word, inputs.get(INPUT)))] if word == "input" else []
            for name, value in one or self.reader.named_inputs(inner, inputs):
                own[name] = value
                if name not in inputs:
                    place = (inner.key(name) if isinstance(inner, Mapping) else None) or inner
                    message, hint = f"unknown input `{name}`", nearest(name, inputs)
                    self.problems.add("ARCH005", message, place.span, hint)
        expect = variant.get("expect")
        expectation = None if expect is None else validate(Expectation, expect, self.problems)
        held = {} if expectation is None else expectation.model_dump(exclude_none=True)
        return Variant(key.text, self._doc(variant), set_args, own, held, _spans(expect), key.span)

    def _defaults(self) -> dict[str, Fields]:
        hint = "map each op to its arguments, as in `defaults: {conv: {norm: batch}}`"
        node = self.reader.mapping(self.root.get("defaults"), "`defaults`", hint)
        defaults: dict[str, Fields] = {}
        for key, inner in entries(node):
            if find(key.text, key.span) is None:
                self.problems.add("ARCH014", f"unknown op `{key.text}`", key.span, nearest(key.text, OPS))
                continue
            fields = defaults[key.text] = self.reader.fields(key.text, inner, None) or {}
            op = OPS[key.text]
            blockless = {name: value for name, value in fields.items() if name not in op.block_fields}
            self.reader.check(op, blockless, key.span, complete=False)
        return defaults

    def _layer(self, key: Scalar, node: Mapping, hidden: Set[str]) -> Layer:
        self.reader.unknown(node, LAYER)
        if node.get("like") is not None:
            return self._like(key, node)
        signature = self.reader.signatures[key.text]
        scope = Scope.of({arg.name: arg.type for arg in signature.args.values()}, signature.inputs)
        scope = replace(scope, owner=key.text, hidden=hidden)
        steps = self._layer_steps(key, node, scope)
        outputs = self.reader.outputs(node.get("outputs"), scope)
        if node.get("outputs") is None:
            outputs = tuple(StepRef("", name, key.span) for name in signature.outputs)
        if (stray := node.key("with")) is not None:
            self.problems.add("ARCH005", _STRAY_WITH, stray.span, "add `like` with the name of the other layer")
        self._check_unused(signature.args, scope)
        return Layer(key.text, self._doc(node), signature.args, steps, None, {}, key.span, signature.inputs, outputs)

    def _like(self, key: Scalar, node: Mapping) -> Layer:
        base = str(plain(node.get("like")))  # type: ignore[arg-type]
        for word in (*INTERFACE, "steps", "paths", *PATHS_KEYS):
            if (stray := node.key(word)) is not None:
                hint = f"remove it: `{key.text}` differs from `{base}` only in the arguments under `with`"
                self.problems.add("ARCH005", f"`{word}` cannot be combined with `like`", stray.span, hint)
        hint = "set arguments, as in `with: {stride: 2}`"
        if node.get("with") is None:
            self.problems.add("ARCH006", f"{MISSING} `with`", key.span, hint)
        fixed = self.reader.mapping(node.get("with"), "`with`", hint)
        signatures = self.reader.signatures
        values = self.reader.set_args(fixed, signatures[base].args, base) if base in signatures else {}
        own = signatures[key.text]
        return Layer(key.text, self._doc(node), own.args, (), base, values, key.span, own.inputs)

    def _model(self, scope: Scope) -> tuple[Step, ...]:
        node = self.root.get("model")
        if node is None:
            self.problems.add("ARCH006", f"{MISSING} `model`", self.root.span, "add `model:` with a list of steps")
            scope.used.update(scope.visible)
            return ()
        return self.reader.body(node, scope)

    def _layer_steps(self, key: Scalar, node: Mapping, scope: Scope) -> tuple[Step, ...]:
        """Return the steps of a layer, from its `steps` or `paths`."""
        steps, paths = node.get("steps"), node.key("paths")
        if (steps is None) == (paths is None):
            text, hint = "has both `steps` and `paths`", "keep one of them"
            if steps is None:
                text, hint = _NO_BODY, "add `steps`, `paths` or `like`"
            self.problems.add("ARCH006", f"the layer `{key.text}` {text}", key.span, hint)
            scope.used.update(scope.visible)
            return ()
        if paths is not None:
            return (Step("paths", self.reader.branches(node, scope), Loop(), None, paths.span),)
        for word in PATHS_KEYS:
            if (stray := node.key(word)) is not None:
                hint = "replace `steps` with `paths`, or move it next to a `paths` step"
                self.problems.add("ARCH005", f"`{word}` requires `paths`", stray.span, hint)
        return self.reader.body(steps, scope) if steps is not None else ()

    def _check_unused(self, args: MappingType[str, Arg], scope: Scope) -> None:
        reported = {problem.span for problem in self.problems.collected}
        for name in args.keys() - scope.used:
            if args[name].span not in reported:
                hint = "remove it, or use it in a step"
                self.problems.add("ARCH017", f"unused argument `{name}`", args[name].span, hint)


def _passed_outputs(
    layers: MappingType[str, Mapping], known: MappingType[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return the names of the outputs of each layer: its own, or those of its last step if that returns several."""
    found = {name: outputs for name, outputs in known.items() if layers[name].get("outputs") is not None}
    for name in layers:
        chain = [name]
        while chain[-1] in layers and chain[-1] not in found and len(chain) <= len(layers):
            chain.append(_last_word(layers[chain[-1]]))
        last = found.get(chain[-1], ())
        for link in chain[:-1]:
            found[link] = last if len(last) > 1 else ()
    return found


def _last_word(node: Node | None) -> str:
    """Return the op or layer of the last step of a layer, a group or paths, or the layer under `like`."""
    while isinstance(node, Mapping | source.Sequence):
        if isinstance(node, source.Sequence):
            node = node.items[-1] if node.items else None
        elif node.get("paths") is not None:
            node = node.get("after")
        elif (inner := node.get("steps") or node.get("like")) is not None:
            node = inner
        else:
            own = [key for key, _ in node.items if key.text not in STEP_KEYS]
            node = own[0] if own else None
    return node.text if node is not None else ""


_STRAY_WITH = "`with` requires `like`"
_NO_BODY = "has no `steps`, `paths` or `like`"
_MEANT = re.compile(r"did you mean `(\w+)`")
_NAMES = {"ARCH012", "ARCH014", "ARCH015", "ARCH016", "ARCH017", "ARCH018"}


def _without_consequences(problems: Sequence[Problem]) -> list[Problem]:
    """Remove problems that are only consequences of a misspelled key, such as the missing correct key."""
    meant = {m[1]: p.code for p in problems if p.code in ("ARCH005", "ARCH015") and (m := _MEANT.match(p.hint))}
    sections = [word for word in ("args", "layers", "inputs", "outputs", "for") if meant.get(word) == "ARCH005"]
    bodies = {"steps", "paths", "like"} & meant.keys()
    lost = _NAMES if sections else {"ARCH018"} if meant.get("name") == "ARCH005" else set()
    left = [p for p in problems if p.code not in lost and not _follows(p, meant.keys(), bool(bodies))]
    # An unused argument may be a consequence of another problem.
    return [p for p in left if p.code != "ARCH017"] or left


def _follows(problem: Problem, meant: Set[str], body: bool) -> bool:
    if problem.code == "ARCH016":
        return set(re.findall(r"`(\w+)`", problem.message)[:-1]) <= meant
    missing = problem.code == "ARCH006" and problem.message.removeprefix(f"{MISSING} ").strip("`") in meant
    return missing or (body and (_NO_BODY in problem.message or problem.message == _STRAY_WITH))


def _spans(node: Node | None) -> dict[str, Span]:
    """Return the places of the values of a mapping, by key."""
    return {key.text: value.span for key, value in entries(node)}
