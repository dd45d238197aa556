"""archdsl: a YAML spec becomes Keras layers, a picture, and a trained network.

`load`, `loads` and `resolve` import no framework; the others import TensorFlow when they are first called.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl import display
from archdsl.version import __version__ as __version__

if TYPE_CHECKING:
    from types import ModuleType

    import keras

    from archdsl.errors import ArchError, Problem
    from archdsl.graph import Graph
    from archdsl.keras.transfer.copying import Copied
    from archdsl.resolution import resolve
    from archdsl.spec import Layer, Spec
    from archdsl.training.fit import Result
    from archdsl.zoo import load, loads

__all__ = [
    "ArchError",
    "Graph",
    "Problem",
    "Spec",
    "build",
    "compile",
    "copy_weights",
    "load",
    "load_model",
    "loads",
    "resolve",
    "resume",
    "train",
]

# The command line imports this package first, and `archdsl --version` needs none of these: they come when asked for.
_HOMES = {
    "ArchError": "archdsl.errors",
    "Graph": "archdsl.graph",
    "Problem": "archdsl.errors",
    "Spec": "archdsl.spec",
    "load": "archdsl.zoo",
    "loads": "archdsl.zoo",
    "resolve": "archdsl.resolution",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _table(graph: Graph) -> str:
    from archdsl.reports.summary import to_text

    return to_text(graph).rstrip()


def _bundle(value: Graph | Spec | Layer) -> dict[str, str]:
    from archdsl.diagrams import notebook

    return notebook.bundle(value)


display.register(table=_table, bundle=_bundle)


def _spec(spec: Spec | str | Path) -> Spec:
    from archdsl import zoo
    from archdsl.spec import Spec

    return spec if isinstance(spec, Spec) else zoo.load(spec)


def compile(spec: Spec | str | Path) -> ModuleType:
    """The generated module of a spec: its layers and its model as Keras classes.

    `m = archdsl.compile("funny_resnet")`, then `m.ResidualLayer(kernel=3, filters=128, out=256)` works in any model.

    Raises:
        ArchError: the spec is wrong.
    """
    from archdsl.keras import compile_spec

    return compile_spec(_spec(spec))


def build(spec: Spec | str | Path, **arguments: Any) -> keras.Model:
    """The Keras model of a spec, or of a spec's file or name.

    Args:
        arguments: the model's arguments, where they are not to be the file's own.

    Raises:
        ArchError: the spec is wrong, or does not resolve with these arguments.
    """
    from archdsl import keras as runtime

    return runtime.build(_spec(spec), **arguments)


def copy_weights(source: keras.Model, target: keras.Model, *, strict: bool = False) -> Copied:
    """Copies weights from one Keras model into another, such as trained ones into one that archdsl built.

    Args:
        strict: whether anything that is left, on either side, is an error; then nothing is copied.

    Returns:
        What went across, and what was left: see `archdsl.keras.copy_weights`.

    Raises:
        ArchError: nothing pairs, or with `strict` not everything does.
    """
    from archdsl import keras as runtime

    return runtime.copy_weights(source, target, strict=strict)


def load_model(path: str | Path, **options: Any) -> keras.Model:
    """Opens a saved model; its spec is in the file.

    Raises:
        ArchError: there is no such file, or it is no Keras model.
    """
    from archdsl import keras as runtime

    return runtime.load_model(path, **options)


def train(spec: Spec | str | Path, out: str | Path, **options: Any) -> Result:
    """Trains a spec's model as its `data` and `train` say, into the run folder `out`.

    Args:
        options: `arguments`, `epochs`, `limit`, `data_dir`, `seed`; Keras objects of your own, `callbacks` and
            `metrics` beside the recipe's, `loss` and `optimizer` instead of them: see `archdsl.training.fit.train`.

    Raises:
        ArchError: the spec, the data or the folder is wrong, or the training failed.
    """
    from archdsl.recipe import kernels

    spec = _spec(spec)
    kernels.choose(spec.train)
    from archdsl.training import fit

    return fit.train(spec, Path(out), **options)


def resume(run: str | Path, **options: Any) -> Result:
    """Goes on with a run that was interrupted, at the end of its last complete epoch, as if it had never been cut.

    Args:
        options: `epochs`, `data_dir`, and Keras objects of your own as `train` was given them.

    Raises:
        ArchError: there is no such run, it is finished, or its spec or its data has changed.
    """
    from archdsl.recipe import kernels
    from archdsl.runs import folder

    kernels.choose(folder.read_recipe(Path(run)))
    from archdsl.training import fit

    return fit.resume(Path(run), **options)
