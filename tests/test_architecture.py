"""The house: arrows point one way, heavy things stay out of the front, files stay short, names are reserved."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from collecting import needs_tensorflow
from house import ORDER, PACKAGE

FILES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("tensorflow", "keras", "numpy", "matplotlib", "graphviz", "pygraphviz")
STARRED = ("data/", "keras/", "training/")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def stage(module: str) -> str:
    """The stage of a module of the package: `ops` for `archdsl.ops.base`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "archdsl"


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> tuple[str, ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    """What a file imports at its top, but for what only type checkers see."""
    pending: list[ast.AST] = [tree(path)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            module = str(node.module)
            yield from (f"archdsl.{alias.name}" for alias in node.names) if module == "archdsl" else [module]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            continue
        pending.extend(ast.iter_child_nodes(node))


def test_every_stage_has_its_place_in_the_order() -> None:
    stages = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES} - {"__init__"}
    assert stages <= set(ORDER)
    assert len(FILES) >= 40


@pytest.mark.parametrize("path", [path for path in FILES if path != PACKAGE / "__init__.py"], ids=name_of)
def test_a_stage_imports_only_from_its_left(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for module in imports(path):
        if module.split(".")[0] == "archdsl":
            other = stage(module)
            assert ORDER.index(other) <= ORDER.index(own), f"{name_of(path)} imports {module}"


def every_import(path: Path) -> Iterator[str]:
    """The modules of the package that a file imports anywhere, inside functions too, but for type checkers."""
    modules = {module_of(other) for other in FILES}
    typing = {
        id(inner)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree(path)):
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules else str(node.module) for name in names)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_no_imports_make_a_circle() -> None:
    """Modules are taken away once all that they import are away; what is in a circle stays."""
    modules = {module_of(path) for path in FILES}
    left = {module_of(path): {*every_import(path)} & modules - {module_of(path)} for path in FILES}
    assert sum(map(len, left.values())) >= 400
    while free := [module for module, others in left.items() if not others & left.keys()]:
        left = {module: others for module, others in left.items() if module not in free}
    assert sorted(left) == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_heavy_at_the_top(path: Path) -> None:
    name = name_of(path)
    if name.startswith(STARRED):
        pytest.skip("may import TensorFlow")
    heavy = [module for module in imports(path) if module.split(".")[0] in HEAVY]
    assert heavy == []
    starred = ("archdsl.data.", "archdsl.keras.", "archdsl.training.")
    assert not any(f"{module}.".startswith(starred) for module in imports(path))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_stay_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 600
    doc = ast.get_docstring(tree(path))
    assert doc
    assert doc.splitlines()[0].endswith(".")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_assert_for_users_and_no_eval(path: Path) -> None:
    nodes = list(ast.walk(tree(path)))
    asserts = any(isinstance(node, ast.Assert) for node in nodes)
    assert not asserts or path.parent.name in (
        "codegen",
        "diagrams",
        "reports",
        "diff",
        "tracing",
        "keras",
        "resolution",
        "analysis",
        "tasks",
    )  # there they only tell the type checker what is known
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"eval", "__import__"}
    assert "exec" not in called or name_of(path) == "keras/runtime.py"


READERS = ("analysis", "codegen", "diagrams", "diff", "keras", "linting", "reports", "resolution", "tracing")
WORDS = {"diff/steps.py": "words such as `norm.axis`, and Python's own names"}
PYTHON = {"codegen/module.py": "names of modules"}
KERAS = {"keras/transfer/flat_network.py": "paths of Keras's variables"}
TORCH = {"keras/transfer/torch_networks.py": "names of torch's tensors"}


def test_no_reader_of_a_graph_takes_a_name_apart() -> None:
    """The graph knows what a name is made of; `names.py` holds what is said of names as text."""
    found, rooms = set(), set()
    for path in FILES:
        rooms.add(path.relative_to(PACKAGE).parts[0])
        if path.relative_to(PACKAGE).parts[0] in READERS and any(map(takes_apart, ast.walk(tree(path)))):
            found.add(name_of(path))
    assert rooms >= {*READERS}
    assert found == WORDS.keys() | PYTHON.keys() | KERAS.keys() | TORCH.keys()


def takes_apart(node: ast.AST) -> bool:
    """Whether a piece of code looks for the slash, the dot or the number in a name."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        splits = node.func.attr in ("partition", "rpartition", "split", "rsplit")
        if splits and any(isinstance(word, ast.Constant) and word.value in ("/", ".", "_") for word in node.args):
            return True
        ends = node.func.attr in ("removeprefix", "removesuffix")
        return ends and any(isinstance(word, ast.JoinedStr) for word in node.args)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and r"_\d" in node.value


@pytest.mark.parametrize("room", ["analysis", "linting"])
def test_facts_and_rules_name_no_op(room: str) -> None:
    """An op states what they go by (`Traits`, `reads`, ...); the examples of rules are specs, and may name ops."""
    ops = json.loads((PACKAGE / "ops" / "index.json").read_text(encoding="utf-8"))
    families = {f"archdsl.ops.{facts['family']}" for facts in ops.values()}
    assert len(ops) >= 80
    found = []
    for path in (path for path in FILES if path.relative_to(PACKAGE).parts[0] == room):
        found += [module for module in imports(path) if module in families]
        pending: list[ast.AST] = [tree(path)]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "example":
                continue
            if isinstance(node, ast.Constant) and node.value in ops:
                found.append(f"{name_of(path)}:{node.lineno}: {node.value}")
            pending.extend(ast.iter_child_nodes(node))
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_text_is_written_alike_on_every_system(path: Path) -> None:
    """Windows has another encoding by default, and other line ends."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "write_text":
            assert {"encoding", "newline"} <= {word.arg for word in node.keywords}, f"{name_of(path)}:{node.lineno}"


def test_programs_and_tests_import_what_there_is() -> None:
    """Those of `benchmarks`, `docs` and `examples` run seldom, and would be found out late."""
    modules = {module_of(path): path for path in FILES}
    root = PACKAGE.parent
    programs = [
        path for folder in ("benchmarks", "docs", "examples", "tests") for path in (root / folder).rglob("*.py")
    ]
    imported = [
        (path, str(node.module), alias.name)
        for path in programs
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "archdsl"
        for alias in node.names
    ]
    assert len(imported) >= 300
    found = {
        f"{path.relative_to(root)}: {module}.{name}"
        for path, module, name in imported
        if f"{module}.{name}" not in modules and name not in names_of(modules.get(module))
    }
    assert found == set()


@cache
def names_of(module: Path | None) -> frozenset[str]:
    """The names that a module offers."""
    names: set[str] = set()
    if module == PACKAGE / "__init__.py":
        module = module.with_suffix(".pyi")
    for node in ast.walk(tree(module)) if module else ():
        names.update(names_given(node))
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return frozenset(names)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("_")


def test_no_test_uses_a_private_name_of_the_package() -> None:
    """Tests go by what the package offers, so that what is inside can change without them."""
    own = {name for path in FILES for node in ast.walk(tree(path)) for name in names_given(node) if is_private(name)}
    paths = sorted(Path(__file__).parent.rglob("*.py"))
    assert len(own) >= 400
    assert len(paths) >= 80
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{node.lineno}: {name}"
        for path in paths
        for node in ast.walk(tree(path))
        if isinstance(node, ast.stmt | ast.expr)
        for name in private_names_used(node, own)
    ]
    assert not found, "\n" + "\n".join(found)


def names_given(node: ast.AST) -> list[str]:
    """The names that a piece of code makes."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
        return [node.id if isinstance(node, ast.Name) else node.attr]
    return []


def private_names_used(node: ast.AST, own: set[str]) -> list[str]:
    """The private names that a piece of a test imports from the package, reads from a value, or gives as text."""
    match node:
        case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "archdsl":
            return [name for name in (*module.split("."), *(alias.name for alias in node.names)) if is_private(name)]
        case ast.Import():
            dotted = [alias.name.split(".") for alias in node.names]
            return [name for first, *names in dotted if first == "archdsl" for name in names if is_private(name)]
        case ast.Attribute(attr=name, value=value):
            is_outside = not (isinstance(value, ast.Name) and value.id in ("self", "cls"))
            return [name] if is_outside and name in own else []
        case ast.Call(args=[_, ast.Constant(value=str(name)), *_]) if "attr" in ast.unparse(node.func):
            return [name] if name in own else []  # `setattr`, `getattr`, ...
        case ast.Constant(value=str(text)) if re.fullmatch(r"archdsl(\.\w+)+", text):
            return [name for name in text.split(".") if is_private(name)]
    return []


def test_no_public_name_is_a_modules() -> None:
    import archdsl

    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert not set(archdsl.__all__) & modules


def test_the_package_itself_loads_nothing_heavy() -> None:
    script = "import archdsl, sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert not set(done.stdout.split()) & {"tensorflow", "keras", "numpy", "matplotlib", "typer", "graphviz"}


def test_a_test_file_that_loads_tensorflow_says_so() -> None:
    """Else it is loaded, and waited for, where `-m "not tensorflow"` leaves its tests out."""
    heavy = {"tensorflow", "keras", "twins", "layers_of_ops", "archdsl.training", "archdsl.keras"}
    found = []
    for path in Path(__file__).parent.rglob("test_*.py"):
        skips = {ast.unparse(node) for node in tree(path).body if isinstance(node, ast.Assign | ast.Expr)}
        if heavy & {*imports(path)} or any(re.search(r"importorskip\('(keras|tensorflow)'", line) for line in skips):
            found.append(path)
    assert len(found) >= 7
    assert [path.name for path in found if not needs_tensorflow(path)] == []


@pytest.mark.tensorflow
def test_no_argument_can_hide_what_keras_uses() -> None:
    keras = pytest.importorskip("keras")
    from archdsl.names import RESERVED

    used = {name for kind in (keras.layers.Layer, keras.Model, keras.Sequential) for name in dir(kind)}
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    used |= set(vars(model)) | set(vars(model.layers[0]))
    missing = {name for name in used if not name.startswith("_")} - RESERVED - {"units", "activation", "use_bias"}
    assert not {
        name
        for name in missing
        if "initializer" not in name
        and "regularizer" not in name
        and "constraint" not in name
        and name not in ("bias", "kernel", "lora_rank", "lora_alpha", "lora_enabled")
    }
