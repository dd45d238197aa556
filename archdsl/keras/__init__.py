"""What a program that uses Keras imports: generated layers and models, made and loaded.

After `import archdsl.keras`, `keras.saving.load_model` opens what was saved with archdsl's layers in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from archdsl.resolution import resolve
from archdsl.spec import Spec

__all__ = ["Copied", "build", "compile_spec", "copy_weights", "load_model", "verify"]


def build(spec: Spec, /, **arguments: Any) -> keras.Model:
    """The Keras model of a spec.

    Args:
        arguments: the model's arguments, where they are not to be the file's own.

    Raises:
        ArchError: the spec does not resolve with these arguments, or Keras counts otherwise than the graph.
    """
    graph = resolve(spec, **arguments)
    module = compile_spec(spec)
    model = getattr(module, spec.name)(**spec.values(arguments))
    verify(model, graph)
    return model


def verify(model: keras.Model, graph: Graph) -> None:
    """Holds what Keras built to the graph: every weight's path and shape, and the output's shape.

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
    facts += tuple(f"{n}: the graph has {shapes[n]}, Keras has {built[n]}" for n in shapes if shapes[n] != built[n])
    if facts:
        message = f"the Keras model differs from the graph of `{graph.name}`: this is a bug in archdsl"
        raise ArchError(Problem("ARCH027", message, facts=facts))


def _outputs(model: keras.Model, names: Iterable[str]) -> list[Any]:
    """The model's outputs in the order of their names."""
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
    """Opens a `.keras` file that holds a generated model, or a model with generated layers in it.

    The file is looked through before Keras opens it: what it claims to be larger than it is, is refused.

    Args:
        path: the file.
        custom_objects, compile, safe_mode: as for `keras.saving.load_model`.
        limits: what its specs may cost; the file's own limits only lower them.

    Raises:
        ArchError: there is no such file or its spec is not there (ARCH204), it is no Keras model (ARCH302), or its
            spec is wrong or larger than the limits.
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
    # Whatever stands in a file, Keras's code for it may raise anything.
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise fail("ARCH302", f"{path} cannot be opened as a Keras model: {first[:400]}") from error
