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
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    import keras

    from archdsl.errors import ArchError, Problem
    from archdsl.graph import Graph
    from archdsl.keras.transfer.copying import Copied
    from archdsl.limits import Limits
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


def load_model(
    path: str | Path,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    limits: Limits | None = None,
) -> keras.Model:
    """Opens a saved model; its spec is in the file.

    Args:
        path: a `.keras` file.
        custom_objects, compile, safe_mode: as for `keras.saving.load_model`.
        limits: what its spec may cost, where that is not the default; the file's own limits only lower them.

    Raises:
        ArchError: there is no such file or its spec is not there (ARCH204), it is no Keras model (ARCH302), or its
            spec is wrong or larger than the limits.
    """
    from archdsl import keras as runtime
    from archdsl.limits import DEFAULTS

    return runtime.load_model(
        path, custom_objects=custom_objects, compile=compile, safe_mode=safe_mode, limits=limits or DEFAULTS
    )


def train(
    spec: Spec | str | Path,
    out: str | Path,
    *,
    arguments: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    limit: int | None = None,
    data_dir: str | Path | None = None,
    seed: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    metrics: Sequence[keras.metrics.Metric] = (),
    loss: Any = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    log: Sequence[str] = (),
) -> Result:
    """Trains a spec's model as its `data` and `train` say, into the run folder `out`.

    Args:
        spec: the spec, or its file or name.
        out: the folder to write, new or empty.
        arguments: the model's arguments, where they are not to be the file's own.
        epochs, seed: instead of the recipe's.
        limit: train on so many images only; the test set stays whole.
        data_dir: where the data set is.
        callbacks, metrics: Keras objects of your own, in addition to the recipe's.
        loss, optimizer: Keras objects of your own, instead of the recipe's.
        log: where else to log the run: `tensorboard`, `mlflow`, `wandb`.

    Raises:
        ArchError: the spec, the data or the folder is wrong, or the training failed.
    """
    from archdsl.recipe import kernels

    spec = _spec(spec)
    kernels.choose(spec.train)
    from archdsl.training import fit

    return fit.train(
        spec,
        Path(out),
        arguments=arguments,
        epochs=epochs,
        limit=limit,
        data_dir=None if data_dir is None else Path(data_dir),
        seed=seed,
        callbacks=callbacks,
        metrics=metrics,
        loss=loss,
        optimizer=optimizer,
        log=log,
    )


def resume(
    run: str | Path,
    *,
    epochs: int | None = None,
    data_dir: str | Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    metrics: Sequence[keras.metrics.Metric] = (),
    loss: Any = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    log: Sequence[str] = (),
    limits: Limits | None = None,
) -> Result:
    """Resumes a run after its last complete epoch, as if it had never been interrupted.

    Args:
        run: the run folder.
        epochs: train to this many in all, if no schedule depends on their number.
        data_dir: where the data set is; by default, where the run read it from.
        callbacks, metrics, loss, optimizer: Keras objects of your own, as `train` was given them.
        log: where else to log the run.
        limits: what the spec may cost, where that is not the default; the run's own limits only lower them.

    Raises:
        ArchError: there is no such run, it is finished, or its spec or its data has changed.
    """
    from archdsl.limits import DEFAULTS
    from archdsl.recipe import kernels
    from archdsl.runs import folder

    kernels.choose(folder.read_recipe(Path(run), limits or DEFAULTS))
    from archdsl.training import fit

    return fit.resume(
        Path(run),
        epochs=epochs,
        data_dir=None if data_dir is None else Path(data_dir),
        callbacks=callbacks,
        metrics=metrics,
        loss=loss,
        optimizer=optimizer,
        log=log,
        limits=limits or DEFAULTS,
    )
