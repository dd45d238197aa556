"""Opens the trained weights that a recipe starts from, whatever their format, as a Keras model."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.utils import file_utils

from archdsl import zoo
from archdsl.data.readers.search import find
from archdsl.errors import ArchError, fail
from archdsl.keras import build, copy_weights, load_model
from archdsl.keras.transfer import torch_networks
from archdsl.recipe import Weights
from archdsl.recipe.fine_tuning import KERAS_WEIGHTS, TORCH_WEIGHTS
from archdsl.runs import folder
from archdsl.runs.initial_weights import InitialWeights
from archdsl.spec import Spec

TORCH_FILE, HUB_README, MOST_README = "model.safetensors", "README.md", 2_000_000
"""The files of a network in the Hugging Face hub, and the most bytes to read of a description."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with trained weights, and what is known about their origin.

    Attributes:
        source: the origin, for people.
        file: the file that was read.
        revision: the revision in a hub.
        license: the license of the weights.
    """

    model: keras.Model
    source: str
    file: Path
    revision: str = ""
    license: str = ""

    def copy_into(self, model: keras.Model) -> InitialWeights:
        """Copy the weights that match.

        Raises:
            ArchError: no weights match (ARCH308).
        """
        copied = copy_weights(self.model, model)
        with self.file.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        return InitialWeights(
            source=self.source,
            file=str(self.file.absolute()),
            sha256=checksum,
            revision=self.revision,
            license=self.license,
            parameters=copied.parameters,
            new=[weight.path for weight in copied.left.target],
            left=[weight.path for weight in copied.left.source],
        )


def open_weights(spec: Spec, weights: Weights, arguments: Mapping[str, Any]) -> TrainedNetwork:
    """Open the weights that a recipe names.

    Args:
        arguments: the arguments of the spec, for a file that has weights of the same network.

    Raises:
        ArchError: they are missing (ARCH204, ARCH301), unreadable (ARCH302), or need a missing package (ARCH306).
    """
    with located(spec):
        if weights.keras:
            opened = _application(weights.keras, weights.where)
        elif weights.timm:
            opened = _timm(weights.timm, weights.where)
        else:
            opened = _from(spec, weights, arguments)
    return replace(opened, license=weights.license or opened.license)


@contextmanager
def located(spec: Spec) -> Iterator[None]:
    """Mark the place of `weights` in problems without a place."""
    try:
        yield
    except ArchError as error:
        place = spec.places.get("train.weights")
        problems = tuple(one if one.span else replace(one, span=place) for one in error.problems)
        raise ArchError(*problems) from None


def _from(spec: Spec, weights: Weights, arguments: Mapping[str, Any]) -> TrainedNetwork:
    path = Path(os.path.expanduser(weights.path or ""))
    if not path.exists():
        raise fail("ARCH204", f"no run or file of weights at {path}", hint="paths are relative to the working folder")
    if path.is_dir():
        return _run(path)
    if path.name.endswith(TORCH_WEIGHTS):
        return _torch(path, str(path))
    if path.name.endswith(KERAS_WEIGHTS):
        source = zoo.load(weights.spec) if weights.spec else spec
        return TrainedNetwork(_with_weights(source, {} if weights.spec else arguments, path), str(path), path)
    if path.suffix != ".keras":
        hint = f"use a run folder, or a `.keras`, `{KERAS_WEIGHTS}` or `{TORCH_WEIGHTS}` file"
        raise fail("ARCH302", f"{path} is no file of weights", hint=hint)
    return TrainedNetwork(load_model(path, compile=False), str(path), path)


def _run(path: Path) -> TrainedNetwork:
    result = folder.read_result(path)
    file = path / folder.MODEL
    if not file.is_file():
        raise fail("ARCH204", f"{file} does not exist: the run completed no epoch")
    scored = f", test {result.judged.score_title} {result.score_text}" if result.score_text else ""
    return TrainedNetwork(load_model(file, compile=False), f"{path} (epoch {result.best_epoch}{scored})", file)


def _with_weights(spec: Spec, arguments: Mapping[str, Any], path: Path) -> keras.Model:
    """Build the network of a spec with the weights of a file."""
    model = build(spec, **arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras only warns of layers that the file does not have
            model.load_weights(path)
    except Exception as error:  # Keras and h5py raise many kinds
        message = f"{path} does not have the weights of `{spec.title}`: {' '.join(str(error).split())[:200]}"
        raise fail("ARCH302", message, hint="set `spec` to the spec of the network that was saved") from None
    return model


def _application(name: str, where: str | None) -> TrainedNetwork:
    """A network of `keras.applications` with its ImageNet weights, from a file, a folder, the cache, or downloaded."""
    place = Path(os.path.expanduser(where)) if where else None
    if place is not None and not place.exists():
        raise fail("ARCH301", f"no weights of {name} at {place}", hint="set `where` to the file or to its folder")
    make, used, faults = getattr(keras.applications, name), list[Path](), list[Exception]()
    official = str(place) if place is not None and place.is_file() else "imagenet"
    has_top = "notop" not in official
    for include_top in (has_top, not has_top):
        try:
            with _official_files(place, used):
                model = make(weights=official, include_top=include_top)
        except Exception as error:  # Keras, h5py and the network raise many kinds
            faults.append(error)
            continue
        if name.startswith("EfficientNetB"):
            _fold_scaling(model)
        title = f"keras.applications.{name}" + ("" if include_top else ", without its top")
        return TrainedNetwork(model, title, place if place is not None and place.is_file() else used[-1])
    first = " ".join(str(faults[0]).split())[:300]
    if place is not None and place.is_file():
        raise fail("ARCH302", f"{place} does not have the weights of {name}: {first}")
    hint = "download its file on another machine, and set `where` to it" if place is None else "set `where` to the file"
    raise fail("ARCH301", f"the weights of {name} are not available: {first}", hint=hint)


@contextmanager
def _official_files(place: Path | None, used: list[Path]) -> Iterator[None]:
    """Let Keras take official files from a folder, and note those that it uses."""
    download = file_utils.get_file

    def get_file(fname: str, origin: str, **options: Any) -> str:
        if place is None:
            path = download(fname, origin, **options)
        elif not (path := place / fname).is_file():
            raise FileNotFoundError(f"{place} does not contain {fname}")
        used.append(Path(path))
        return str(path)

    file_utils.get_file = get_file
    try:
        yield
    finally:
        file_utils.get_file = download


def _fold_scaling(model: keras.Model) -> None:
    """Move the division by the root of each standard deviation, which only these weights need, into the variance."""
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    if any(isinstance(layer, keras.layers.Rescaling) and np.ndim(layer.scale) for layer in model.layers):
        mean, variance, count = norm.get_weights()
        norm.set_weights([mean, variance * [0.229, 0.224, 0.225], count])


def _timm(name: str, where: str | None) -> TrainedNetwork:
    """A network of timm from a file, a folder, or the cache of the Hugging Face hub."""
    if where is None:
        home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
        hub = Path(os.path.expanduser(os.environ.get("HF_HUB_CACHE") or f"{home}/hub"))
        repository = hub / f"models--timm--{name.removeprefix('timm/')}"
        found = sorted(repository.glob(f"snapshots/*/{TORCH_FILE}"), key=lambda path: path.stat().st_mtime)
        if not found:
            hint = f"run `hf download timm/{name}`, or set `where` to its {TORCH_FILE}"
            raise fail("ARCH301", f"no weights of timm/{name} in {hub}", hint=hint)
        return _torch(found[-1], f"timm/{name}")
    path, _ = find(where, "file", None)
    return _torch(path / TORCH_FILE if path.is_dir() else path, f"timm/{name}")


def _torch(path: Path, source: str) -> TrainedNetwork:
    """The network of a `.safetensors` file. Its license is in the file, or in the description of the hub."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        hint = "run `pip install 'archdsl[safetensors]'`"
        raise fail("ARCH306", f"reading {path} needs the package safetensors", hint=hint) from None
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: np.asarray(file.get_tensor(name), np.float32) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise fail("ARCH302", f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None
    model = torch_networks.network(tensors)
    return TrainedNetwork(
        model, source, path, _revision(path), metadata.get("license", "") or _hub_license(path.parent)
    )


def _revision(path: Path) -> str:
    """The commit of a file of the hub: the name of its snapshot, or what `hf download --local-dir` noted."""
    if path.parent.parent.name == "snapshots":
        return path.parent.name
    noted = path.parent / ".cache/huggingface/download" / f"{path.name}.metadata"
    return noted.read_text(encoding="utf-8")[:40].strip() if noted.is_file() else ""


def _hub_license(place: Path) -> str:
    """The license in the front matter of a description; empty if there is none."""
    path = place / HUB_README
    if not path.is_file() or path.stat().st_size > MOST_README:
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")
    matter = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = re.search(r"^license:\s*(\S+)", matter[1], re.MULTILINE) if matter else None
    return found[1] if found else ""
