"""The generated source: imports, formatting, execution, and escaping of text."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
from archdsl import zoo
from archdsl.codegen.module import to_python
from archdsl.codegen.printer import Bracket, lines, quote

RUFF = [sys.executable, "-m", "ruff"]


def ruff(source: str, *command: str) -> str:
    """The output of ruff for a source with default rules; empty if there are no findings."""
    done = subprocess.run(
        [*RUFF, *command, "--isolated", "--stdin-filename", "generated.py", "-"],
        input=source,
        capture_output=True,
        text=True,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_every_spec_has_clean_source(tmp_path: Path) -> None:
    """Ruff checks all of them at once, in a folder without settings above it."""
    for name in zoo.names():
        (tmp_path / f"{name}.py").write_text(to_python(zoo.load(name)), encoding="utf-8")
    for command in (["check"], ["format", "--diff"]):
        done = subprocess.run([*RUFF, *command, "--isolated", tmp_path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(zoo.names())} files already formatted" in done.stderr


@pytest.mark.parametrize("name", zoo.names())
def test_every_spec_has_a_complete_module(name: str) -> None:
    source = to_python(zoo.load(name))
    imported = {
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert {"keras"} <= imported <= {"keras", "math"}
    classes = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    own = [*zoo.load(name).layers, zoo.load(name).name]
    assert classes[-len(own) :] == own  # before them stand those that Keras lacks
    assert all(ast.get_docstring(node) for node in ast.parse(source).body if isinstance(node, ast.ClassDef))


def test_ruff_would_complain() -> None:
    assert ruff("import os\n", "check", "--quiet") != ""
    assert ruff("x = {  }\n", "format", "--diff") != ""


@pytest.mark.parametrize("name", ["funny_resnet_notebook", "digits_resnet"])
def test_the_source_is_unchanged(golden: Any, name: str) -> None:
    golden(f"{name}.py.txt", to_python(zoo.load(name)))


def test_the_source_is_the_same_for_every_hash_seed(tmp_path: Path) -> None:
    found = set()
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "archdsl", "eject", "resnet50_v2"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert found == {to_python(zoo.load("resnet50_v2"))}


HOSTILE = st.text(st.characters(blacklist_categories=("Cs",)), max_size=60) | st.sampled_from(
    [
        '"""',
        '\\"""',
        '"',
        "'",
        "\\",
        "x\\",
        '""" + __import__("os").system("x") + """',
        "\u2028",
        "\n\n",
        "\N{BELL}",
        "{x}",
    ]
)


def test_no_doc_breaks_out_of_its_docstring() -> None:
    settings(max_examples=100, deadline=None)(hold_docstring)()


@pytest.mark.slow
def test_none_of_many_docs_breaks_out_of_its_docstring() -> None:
    settings(max_examples=500, deadline=None)(hold_docstring)()


@cache
def documented(doc: str) -> str:
    """The syntax tree of a generated module with this `doc`, without docstrings."""
    spec = "archdsl: 1\nname: Net\ndoc: %s\ninput: [4]\nlayers: {Own: {doc: %s, steps: [relu]}}\nmodel: [Own]\n"
    text = json.dumps(doc)
    return ast.dump(without_docs(ast.parse(to_python(archdsl.loads(spec % (text, text))))))


@given(HOSTILE)
def hold_docstring(doc: str) -> None:
    try:
        hostile = documented(doc)
    except archdsl.ArchError:
        return
    assert hostile == documented("a")


def without_docs(tree: ast.Module) -> ast.Module:
    """The module without the first statement of each class."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            assert isinstance(node.body[0], ast.Expr)
            del node.body[0]
    return tree


def test_a_quoted_string_is_preserved() -> None:
    settings(max_examples=100, deadline=None)(hold_quoted)()


@pytest.mark.slow
def test_random_quoted_strings_are_preserved() -> None:
    settings(max_examples=2000, deadline=None)(hold_quoted)()


@given(st.text(max_size=40))
def hold_quoted(text: str) -> None:
    assert ast.literal_eval(quote(text)) == text
    assert "\n" not in quote(text)


NAMES = st.sampled_from(["x", "filters", '"relu"', "some_long_name_of_a_thing", "1", "a + b"])


@st.composite
def brackets(draw: Any, depth: int = 3) -> Bracket:
    items = draw(st.lists(NAMES if depth == 0 else NAMES | brackets(depth - 1), min_size=2, max_size=5))
    if draw(st.booleans()):
        return Bracket(f"{draw(st.sampled_from(['f', 'layers.Conv2D']))}(", tuple(items), ")")
    return Bracket("[", tuple(items), "]", "list", one_per_line=draw(st.booleans()))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(brackets())
def test_lines_are_split_like_ruff(bracket: Bracket) -> None:
    one = Bracket("x = " + bracket.head, bracket.items, bracket.tail, bracket.style, bracket.one_per_line)
    source = "\n".join(lines(one)) + "\n"
    assert ruff(source, "format", "--diff") == ""


@pytest.mark.parametrize("word", ["'layer' if $on else 'none'", "('batch' if $on else 'layer') if $deep else 'none'"])
def test_a_chosen_layer_has_parentheses_only_around_another_choice(word: str) -> None:
    conv = f'{{filters: 4, kernel: 1, norm: "{word}"}}'
    args = f"{{{', '.join(f'{name}: true' for name in ('on', 'deep') if name in word)}}}"
    source = to_python(
        archdsl.loads(
            f"archdsl: 1\nname: Net\ninput: [8, 8, 4]\nargs: {args}\n"
            f"model: [{{conv: {conv}, repeat: 2 if $on else 1}}, conv: {conv}]\n"
        )
    )
    assert (" = (\n            (\n" in source) == word.startswith("(")
    assert ruff(source, "check", "--quiet") == ruff(source, "format", "--diff") == ""


def test_a_layer_that_passes_its_input_on_has_no_unused_variable() -> None:
    source = to_python(
        archdsl.loads(
            "archdsl: 1\nname: Net\ninput: [8, 8, 4]\nlayers:\n"
            "  Own: {paths: {main: {from: input}}, merge: add}\n"
            "model: [Own, relu]\n"
        )
    )
    assert ruff(source, "check", "--quiet") == ruff(source, "format", "--diff") == ""


@pytest.mark.tensorflow
def test_the_printed_source_is_executed() -> None:
    module = archdsl.compile("digits_resnet")
    source = to_python(zoo.load("digits_resnet"))
    assert inspect.getsource(module) == source
    assert inspect.getsource(module.ResidualLayer) in source
    assert archdsl.compile("digits_resnet") is module
    layer = module.ResidualLayer(filters=4)
    with pytest.raises(Exception, match="shape") as caught:
        layer.build((None, 4))
    shown = "".join(traceback.format_exception(caught.value))
    assert "self.wide.build(input_shape)" in shown


@pytest.mark.tensorflow
def test_the_ejected_module_is_self_contained_and_bit_identical(tmp_path: Path) -> None:
    """Built by the ejected file without archdsl, with the weights of the model that archdsl built."""
    import keras
    import numpy as np

    (tmp_path / "net.py").write_text(to_python(zoo.load("digits_resnet")), encoding="utf-8")
    keras.utils.set_random_seed(3)
    model = archdsl.build("digits_resnet")
    x = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
    np.savez(tmp_path / "x.npz", x=x, y=np.asarray(model(x)), z=np.asarray(model(x, training=True)))
    keras.utils.set_random_seed(3)
    archdsl.build("digits_resnet").save_weights(tmp_path / "w.weights.h5")
    code = """
        import sys
        sys.modules["archdsl"] = None
        import numpy as np
        import net
        model, kept = net.DigitsResNet(), np.load("x.npz")
        model.load_weights("w.weights.h5")
        assert np.array_equal(np.asarray(model(kept["x"])), kept["y"])
        assert np.array_equal(np.asarray(model(kept["x"], training=True)), kept["z"])
        model.save("alone.keras")
        import keras
        again = keras.saving.load_model("alone.keras")
        assert type(again) is net.DigitsResNet
        print("same")
    """
    import textwrap

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.stdout == "same\n", done.stderr[-2000:]


@pytest.mark.tensorflow
def test_arithmetic_is_kept_and_converted_to_integers() -> None:
    spec = archdsl.loads(
        "archdsl: 1\nname: Net\ninput: [8, 8, 4]\nargs: {factor: 1.5}\n"
        "layers: {Own: {args: {factor: float}, steps: [conv: {filters: $channels * $factor, kernel: 1}]}}\n"
        "model: [Own: {factor: $factor}, conv: {filters: 'ceil($factor * 3)', kernel: 1},\n"
        "  conv: {filters: 'divisible($factor * 9, 8)', kernel: 1}, conv: {filters: $factor * 2, kernel: 1}]\n"
    )
    source = to_python(spec)
    assert "whole(channels * self.factor)" in source
    assert "math.ceil(factor * 3)" in source
    assert "divisible(factor * 9, 8)" in source
    assert ruff(source, "check", "--quiet") == ruff(source, "format", "--diff") == ""
    model = archdsl.build(spec)
    assert [layer.filters for layer in model.layers if hasattr(layer, "filters")] == [5, 16, 3]
    with pytest.raises(ValueError, match="Expected an integer"):
        archdsl.compile(spec).Own(factor=0.3).build((None, 8, 8, 4))


@pytest.mark.parametrize(
    ("shape", "layer"), [("[32, 3]", "Conv1D"), ("[8, 8, 3]", "Conv2D"), ("[8, 8, 8, 3]", "Conv3D")]
)
def test_without_values_for_its_arguments_a_network_has_the_rank_of_its_input(shape: str, layer: str) -> None:
    spec = archdsl.loads(
        f"archdsl: 1\nname: Net\ninput: {shape}\nargs: {{width: int}}\n"
        "layers: {Own: {args: {f: int}, steps: [conv: {filters: $f, kernel: 3}]}}\n"
        "model: [conv: {filters: $width, kernel: 3}, Own: {f: 4}]\n"
    )
    assert to_python(spec).count(f"layers.{layer}(") == 2
