"""Builds, saves and loads generated Keras layers and models.

After `import archdsl.keras`, `keras.saving.load_model` can open files with archdsl's layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from archdsl.errors import ArchError, Problem, fail
from archdsl.graph import Graph
from archdsl.keras import model_archive
from archdsl.keras.runtime import REGISTERED, compile_spec
from archdsl.keras.saved_spec import Opening, opening
from archdsl.keras.transfer.copying import Copied, copy_weights
from archdsl.limits import DEFAULTS, Limits
from archdsl.ops import Shape, plugins
from archdsl.resolution import resolve
from archdsl.spec import Spec

__all__ = ["Copied", "build", "compile_spec", "copy_weights", "load_model", "verify"]


def build(spec: Spec, /, **arguments: Any) -> keras.Model:
    """Build the Keras model of a spec.

    Args:
        arguments: values for the model's arguments; by default, those of the file.

    Raises:
        ArchError: the spec does not resolve with these arguments, or the Keras model differs from the graph.
    """
    graph = resolve(spec, **arguments)
    module = compile_spec(spec)
    model = getattr(module, spec.name)(**spec.values(arguments))
    verify(model, graph)
    return model


def verify(model: keras.Model, graph: Graph) -> None:
    """Check the Keras model against the graph: the path and shape of each weight, and the output shapes.

    Raises:
        ArchError: they differ.
    """
    expected = {path: weight.shape for path, weight in graph.weights()}
    real = {weight.path: tuple(weight.shape) for weight in model.weights if "seed_generator" not in weight.path}
    differing = [path for path in expected | real if expected.get(path) != real.get(path)]
    facts = tuple(
        f"{path}: the graph has {expected.get(path, 'nothing')}, Keras has {real.get(path, 'nothing')}"
        for path in differing[:8]
    )
    shapes = {name: end.shape for name, end in graph.outputs.items()}
    built = {name: tuple(output.shape[1:]) for name, output in zip(shapes, _outputs(model, shapes), strict=True)}
    agree = _agree_where_known if graph.flexible else tuple.__eq__
    different = [name for name in shapes if not agree(shapes[name], built[name])]
    facts += tuple(f"{name}: the graph has {shapes[name]}, Keras has {built[name]}" for name in different)
    if facts and (ops := _suspects(graph, differing)):
        message = f"the op `{ops[0]}` of {plugins.package(ops[0])} differs from its Keras layer"
        hint = f"fix the class of `{ops[0]}`: its `output` and `weights` must agree with the layer"
        raise ArchError(Problem("ARCH307", message, facts=facts, hint=hint))
    if facts:
        message = f"the Keras model differs from the graph of `{graph.name}`: this is a bug in archdsl"
        raise ArchError(Problem("ARCH027", message, facts=facts))


def _suspects(graph: Graph, weights: Sequence[str]) -> list[str]:
    """The ops of installed packages in a network, those whose own weights differ first."""
    ops = {path: node.op for path, node in graph.walk() if node.op is not None and not type(node.op).is_own()}
    own = [path for path in ops if any(weight.startswith(f"{path}/") for weight in weights)]
    return [ops[path].name for path in own or ops]


def _agree_where_known(shape: Shape, built: tuple[int | None, ...]) -> bool:
    return len(shape) == len(built) and all(side in (known, None) for known, side in zip(shape, built, strict=True))


def _outputs(model: keras.Model, names: Iterable[str]) -> list[Any]:
    """The outputs of a model in the order of the given names."""
    given = model._outputs_struct if isinstance(getattr(model, "_outputs_struct", None), dict) else None
    return list(model.outputs) if given is None else [given[name] for name in names]


def load_model(
    path: str | Path,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    limits: Limits = DEFAULTS,
) -> keras.Model:
    """Open a `.keras` file that contains a generated model or generated layers.

    Before Keras opens the file, its declared sizes are checked against its real size.

    Args:
        path: the file.
        custom_objects, compile, safe_mode: as in `keras.saving.load_model`.
        limits: limits on its specs; the file's own limits can only lower them.

    Raises:
        ArchError: the file or its spec is missing (ARCH204), it is not a Keras model (ARCH302), or its spec is invalid
            or exceeds the limits.
    """
    path = Path(path)
    if not path.is_file():
        raise fail("ARCH204", f"no model file at {path}")
    opened = Opening(limits)
    if path.suffix == ".keras":
        contents = model_archive.inspect(path)
        opened.weights = contents.weights
        for config, build_config in model_archive.generated(contents.config, REGISTERED):
            opened.check(config, build_config)
    try:
        with opening(opened):
            return keras.saving.load_model(path, custom_objects=custom_objects, compile=compile, safe_mode=safe_mode)
    except ArchError:
        raise
    # Depending on the file, Keras may raise any exception.
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise fail("ARCH302", f"{path} cannot be opened as a Keras model: {first[:400]}") from error
