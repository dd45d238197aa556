"""The functions of the package `archdsl`; each takes a spec, or the path or name of one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeAlias

from archdsl import zoo
from archdsl.graph import Graph
from archdsl.limits import DEFAULTS, Limits
from archdsl.linting import Finding
from archdsl.parsing.reshaping import is_another_network, with_settings
from archdsl.resolution import resolve as resolve_spec
from archdsl.resolution.expectations import check as check_expectations
from archdsl.spec import Spec

if TYPE_CHECKING:
    import keras

    from archdsl.keras.transfer.copying import Copied
    from archdsl.training.evaluation import Evaluation
    from archdsl.training.fit import Result
    from archdsl.training.prediction import Prediction

AnySpec: TypeAlias = Spec | str | Path
"""A spec, the path of its file, or its name in the zoo; a variant may follow in brackets: `resnet[resnet101]`."""


def resolve(spec: AnySpec, /, *, variant: str = "", **arguments: Any) -> Graph:
    """Resolve every shape of a spec's model, without TensorFlow.

    Args:
        spec: a spec, or its path or name.
        variant: a variant of the spec, if it is not in brackets: `resnet[resnet101]`.
        arguments: arguments of the model that override the spec's own, and `input` or `inputs`.

    Returns:
        The graph: shapes, weights and costs. Print it to see a table; a notebook shows it as a picture.

    Raises:
        ArchError: the spec is wrong, or does not resolve with these arguments.
    """
    chosen, arguments = _chosen(spec, variant, arguments)
    return resolve_spec(chosen, **arguments)


def check(spec: AnySpec, *, variant: str = "", arguments: Mapping[str, Any] | None = None) -> Graph:
    """Check a spec as `archdsl check` does: the language, every shape, and what the spec expects.

    Args:
        spec: a spec, or its path or name.
        variant: a variant of the spec, if it is not in brackets: `resnet[resnet101]`.
        arguments: arguments of the model that override the spec's own, and `input` or `inputs`; then `expect` is not
            checked.

    Returns:
        The graph, as returned by `resolve`.

    Raises:
        ArchError: the problems found, each with its place.
    """
    chosen, values = _chosen(spec, variant, arguments)
    graph = resolve_spec(chosen, **values)
    if not is_another_network(arguments or {}):
        check_expectations(chosen, graph)
    return graph


def lint(spec: AnySpec, *, variant: str = "", arguments: Mapping[str, Any] | None = None) -> tuple[Finding, ...]:
    """Find what a valid network wastes: dead weights, redundant biases, unused work.

    Args:
        spec: a spec, or its path or name.
        variant: a variant of the spec, if it is not in brackets: `resnet[resnet101]`.
        arguments: arguments of the model that override the spec's own, and `input` or `inputs`.

    Returns:
        The findings, the most expensive first.

    Raises:
        ArchError: the spec is wrong.
    """
    from archdsl import linting

    chosen, values = _chosen(spec, variant, arguments)
    return linting.lint(chosen, resolve_spec(chosen, **values))


def show(
    spec: AnySpec | Graph,
    *,
    variant: str = "",
    depth: int = 2,
    columns: Iterable[str] | Literal["all"] | None = None,
    batch: int = 1,
    precision: str = "float32",
    arguments: Mapping[str, Any] | None = None,
    file: TextIO | None = None,
) -> None:
    """Print a network as a table, as `archdsl show` does.

    Args:
        spec: a spec, its path or name, or a graph.
        variant: a variant of the spec, if it is not in brackets: `resnet[resnet101]`.
        depth: how many levels of layers to open.
        columns: the columns to print, or `all`; see the reference of numbers.
        batch: the number of images for memory figures.
        precision: Keras's dtype policy for memory figures, such as `mixed_bfloat16`.
        arguments: arguments of the model that override the spec's own, and `input` or `inputs`.
        file: where to print; by default, stdout.

    Raises:
        ArchError: the spec is wrong, or there is no such column or precision.
    """
    from archdsl.reports import columns as known
    from archdsl.reports.summary import View, to_text

    graph = spec if isinstance(spec, Graph) else resolve(spec, variant=variant, **(arguments or {}))
    words = columns if isinstance(columns, str) else ",".join(columns or ())
    names = known.parse_columns(words) if words else known.DEFAULT
    print(to_text(graph, depth, View(names, batch, precision)), file=file or sys.stdout)


def plot(
    spec: AnySpec,
    path: str | Path,
    *,
    variant: str = "",
    view: str = "",
    depth: int = 1,
    detail: str = "compact",
    direction: str = "TB",
    theme: str = "light",
    costs: bool = False,
    dpi: int | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Draw a network, or one of its layers, into a file.

    Args:
        spec: a spec, or its path or name.
        path: the picture, whose extension names the format: `.svg`, `.png`, `.jpg`, `.pdf`, `.dot`, `.mmd`; or a
            folder, for SVG files.
        variant: a variant of the spec, if it is not in brackets: `resnet[resnet101]`.
        view: a layer's name, or `all` for every view in a folder; by default, the model.
        depth: 1 draws layers as boxes, 2 also what is inside them, and so on.
        detail: `compact` folds norms and activations into other boxes, `full` gives each a line.
        direction: `TB` from top to bottom, `LR` from left to right.
        theme: `light` or `dark`.
        costs: whether boxes show parameters and multiply-accumulates.
        dpi: the resolution of a PNG or JPEG, in dots per inch.
        arguments: arguments of the model that override the spec's own, and `input` or `inputs`.

    Raises:
        ArchError: the spec or an option is wrong, there is no such view, or the file cannot be written.
    """
    from archdsl.diagrams import Options, pictures

    chosen, values = _chosen(spec, variant, arguments)
    options = Options(theme=theme, depth=depth, direction=direction, detail=detail, costs=costs)
    request = pictures.request(view, (), str(path), False, dpi)
    graph = resolve_spec(chosen, **values)
    pictures.draw(pictures.pictures(graph, chosen, request), options, dpi=request.dpi)


def compile(spec: AnySpec, *, variant: str = "") -> ModuleType:
    """Compile a spec into a Python module with its layers and its model as Keras classes.

    `m = archdsl.compile("funny_resnet")`, then `m.ResidualLayer(kernel=3, filters=128, out=256)` works in any model.

    Args:
        spec: a spec, or its path or name.
        variant: a variant of the spec, if it is not in brackets: `resnet[resnet101]`.

    Raises:
        ArchError: the spec is wrong.
    """
    from archdsl.keras import compile_spec

    return compile_spec(_chosen(spec, variant)[0])


def build(spec: AnySpec, /, *, variant: str = "", **arguments: Any) -> keras.Model:
    """Build the Keras model of a spec.

    Args:
        spec: a spec, or its path or name.
        variant: a variant of the spec, if it is not in brackets: `resnet[resnet101]`.
        arguments: arguments of the model that override the spec's own, and `input` or `inputs`.

    Raises:
        ArchError: the spec is wrong, or does not resolve with these arguments.
    """
    from archdsl import keras as runtime

    chosen, arguments = _chosen(spec, variant, arguments)
    return runtime.build(chosen, **arguments)


def copy_weights(
    source: keras.Model, target: keras.Model, *, strict: bool = False, names: Mapping[str, str] | None = None
) -> Copied:
    """Copy weights from one Keras model into another, such as pretrained weights into a model built by archdsl.

    Args:
        source: the model to copy from.
        target: the model to copy into.
        strict: whether a weight without a counterpart, on either side, is an error; then nothing is copied.
        names: layers of the source that match layers of the target, whatever precedes them: `{"conv1": "stem"}`.

    Returns:
        What was copied, and what was not: see `archdsl.keras.copy_weights`.

    Raises:
        ArchError: no weights match, or with `strict` some do not.
    """
    from archdsl import keras as runtime

    return runtime.copy_weights(source, target, strict=strict, names=names)


def load_model(
    path: str | Path,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    limits: Limits | None = None,
) -> keras.Model:
    """Load a saved model; its spec is in the file.

    Args:
        path: a `.keras` file.
        custom_objects: as for `keras.saving.load_model`.
        compile: as for `keras.saving.load_model`.
        safe_mode: as for `keras.saving.load_model`.
        limits: the limits for its spec, if not the default; the file's own limits can only lower them.

    Raises:
        ArchError: the file or the spec in it is missing (ARCH204), the file is not a Keras model (ARCH302), or the
            spec is wrong or exceeds the limits.
    """
    from archdsl import keras as runtime

    return runtime.load_model(
        path, custom_objects=custom_objects, compile=compile, safe_mode=safe_mode, limits=limits or DEFAULTS
    )


def train(
    spec: AnySpec,
    out: str | Path,
    *,
    variant: str = "",
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
    note: str = "",
    skip_broken: bool = False,
) -> Result:
    """Train a spec's model by its recipe (`data` and `train`), and write a run folder.

    Args:
        spec: a spec, or its path or name.
        out: the run folder to write, new or empty.
        variant: a variant of the spec, if it is not in brackets: `resnet[resnet101]`.
        arguments: arguments of the model that override the spec's own, `input` or `inputs`, and words of the recipe by
            path, such as `{"train.optimizer.adam.learning_rate": 0.001}`.
        epochs: overrides the recipe's number of epochs.
        limit: the number of training examples to use; the test set stays whole.
        data_dir: the folder of the data set.
        seed: overrides the recipe's seed.
        callbacks: Keras callbacks to add to the recipe's.
        metrics: Keras metrics to add to the recipe's.
        loss: a Keras loss that replaces the recipe's.
        optimizer: a Keras optimizer that replaces the recipe's.
        log: trackers to log to as well: `tensorboard`, `mlflow`, `wandb`.
        note: a note, for the listing of runs and the model card.
        skip_broken: whether to leave out examples that cannot be read, up to 10 % of them.

    Raises:
        ArchError: the spec, the data or the folder is wrong, or training failed.
    """
    from archdsl.recipe import kernels

    chosen, values = _chosen(spec, variant, arguments)
    kernels.choose(chosen.train)
    from archdsl.training import fit

    return fit.train(
        chosen,
        Path(out),
        arguments=values,
        epochs=epochs,
        limit=limit,
        data_dir=None if data_dir is None else Path(data_dir),
        seed=seed,
        callbacks=callbacks,
        metrics=metrics,
        loss=loss,
        optimizer=optimizer,
        log=log,
        note=note,
        skip_broken=skip_broken,
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
    """Resume a run after its last complete epoch, as if it had never been interrupted.

    Args:
        run: the run folder.
        epochs: the new total number of epochs, if no schedule depends on it.
        data_dir: the folder of the data set; by default, the one that the run used.
        callbacks: the Keras callbacks that `train` was given.
        metrics: the Keras metrics that `train` was given.
        loss: the Keras loss that `train` was given.
        optimizer: the Keras optimizer that `train` was given.
        log: trackers to log to as well.
        limits: the limits for the spec, if not the default; the run's own limits can only lower them.

    Raises:
        ArchError: there is no such run, it is finished, or its spec or data has changed.
    """
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


def evaluate(
    run: str | Path,
    *,
    data: str | Path | None = None,
    data_dir: str | Path | None = None,
    limit: int | None = None,
    limits: Limits | None = None,
) -> Evaluation:
    """Evaluate the network of a run on the test set, or on other data.

    Args:
        run: the run folder.
        data: other data: a data set, a file, a folder, or `NAME:PLACE`. All of it is used, unless it has a test split.
        data_dir: the folder of the data set; by default, the one that the run used.
        limit: the number of test examples to use.
        limits: the limits for the spec, if not the default; the run's own limits can only lower them.

    Returns:
        Scores, loss and the number of test examples.

    Raises:
        ArchError: there is no such run, or no network in it (ARCH204), or the data is missing.
    """
    from archdsl.recipe import kernels
    from archdsl.runs import folder

    kernels.choose(folder.read_recipe(Path(run), limits or DEFAULTS))
    from archdsl.training import fit

    directory = None if data_dir is None else Path(data_dir)
    place = "" if data is None else str(data)
    return fit.evaluate(Path(run), data=place, data_dir=directory, limit=limit, limits=limits or DEFAULTS)


def predict(network: str | Path, examples: Any, *, limits: Limits | None = None) -> tuple[Prediction, ...]:
    """Predict raw examples, encoded as in training.

    Args:
        network: a run folder, or a `.keras` file.
        examples: files of images, rows (`.csv`, `.jsonl`, `.parquet`), arrays (`.npz`) or texts; or rows in memory: a
            list of mappings, a mapping of columns, or a data frame.
        limits: the limits for the network's spec, if not the default; the file's own limits can only lower them.

    Returns:
        One prediction for each example, in order: its value and its probabilities, or the error if it cannot be read.

    Raises:
        ArchError: there is no such network, it takes other columns, or there are no examples.
    """
    from archdsl.data import raw_examples
    from archdsl.errors import fail
    from archdsl.training.prediction import load

    predictor = load(Path(network), limits or DEFAULTS)
    columns = predictor.description.columns
    given = [examples] if isinstance(examples, str | Path) else examples
    if isinstance(given, Iterable) and not isinstance(given, Mapping) and not hasattr(given, "shape"):
        given = [*given]
    are_files = isinstance(given, list) and all(isinstance(each, str | Path) for each in given)
    found = [*(raw_examples.find(given, columns) if are_files else raw_examples.of_values(given, columns))]
    if not found:
        noun = "images" if predictor.description.image_name is not None else "examples"
        raise fail("ARCH301", f"no {noun} found in {examples}")
    return tuple(predictor.predict(found))


def generate(
    network: str | Path,
    prompt: str,
    *,
    tokens: int = 200,
    temperature: float = 1.0,
    seed: int = 0,
    limits: Limits | None = None,
) -> str:
    """Continue a text with a network that was trained on the source `text`.

    Args:
        network: a run folder, or a `.keras` file.
        prompt: the beginning of the text.
        tokens: the number of characters or words to add.
        temperature: 0 takes the most likely token, 1 draws one from the predicted distribution.
        seed: the seed of the drawn tokens.
        limits: the limits for the network's spec, if not the default; the file's own limits can only lower them.

    Returns:
        The prompt with its continuation.

    Raises:
        ArchError: there is no such network, it does not predict tokens, or the prompt is empty.
    """
    from archdsl.training.generation import Generator
    from archdsl.training.prediction import load

    return Generator(load(Path(network), limits or DEFAULTS)).text(prompt, tokens, temperature, seed)


def _chosen(spec: AnySpec, variant: str, arguments: Mapping[str, Any] | None = None) -> tuple[Spec, dict[str, Any]]:
    """Return a spec with its variant and inputs, and the arguments of its model."""
    if not isinstance(spec, Spec):
        spec = zoo.load(spec, variant)
    elif variant:
        spec = spec.varied(variant)
    return with_settings(spec, arguments or {})
