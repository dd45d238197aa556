"""Published data sets with known classes and shapes, which Keras can download."""

from __future__ import annotations

import contextlib
import sys
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import array_checks, files, search
from archdsl.data.sources.base import RawDataset, Source, labeled_images
from archdsl.data.tables import Table
from archdsl.errors import fail
from archdsl.ops import Shape
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSet(Source):
    """A published data set.

    Attributes:
        title: its name in messages.
        shape: height, width and channels of an image.
        counts: the numbers of training and test images of the full data set.
        folders: the possible names of its folder inside a searched folder. In addition, an `.npz` file named after the
            source is found, with `x_train`, `y_train`, `x_test` and `y_test`.
        how_to_get: how to get it without this package.
    """

    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    counts: tuple[int, int]
    folders: tuple[str, ...]
    how_to_get: str

    def fits(self, image: Shape, output: Shape) -> bool:
        """Whether the images and classes fit a network's input and output."""
        return image == self.shape and output == (len(self.classes),)

    @abstractmethod
    def is_set(self, folder: Path) -> bool:
        """Whether a folder contains the files of the data set."""

    @abstractmethod
    def read_folder(self, folder: Path) -> tuple[Table, Table]:
        """Read the training and test images from a folder of the original files.

        Raises:
            ArchError: a file is missing or broken (ARCH302), or belongs to another data set (ARCH303).
        """

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Read the data set from the first searched folder that has it. Images keep their own size."""

        def look(folder: Path) -> Path | None:
            # A folder given by the user may be the data set itself; elsewhere, another data set may use the same names.
            if search.is_chosen(folder, data_dir) and (folder.is_file() or self.is_set(folder)):
                return folder
            names = (f"{data.kind}.npz", *self.folders)
            return next((folder / name for name in names if (folder / name).exists()), None)

        hint = f"download it with `archdsl data {data.kind} --download`, or {self.how_to_get}"
        path, searched = search.first(search.folders(data_dir), look, self.title, hint)
        if path.is_dir():
            train, test = self.read_folder(path)
        elif path.suffix == ".npz":
            train, test = self._read_arrays(path)
        else:
            raise fail("ARCH302", f"{path} is neither an .npz file nor a folder", hint="unpack archives first")
        array_checks.every_class(train, str(path), self.classes, f"check that this is all of {self.title}")
        return labeled_images(
            train,
            test,
            self.classes,
            self.shape,
            str(path.absolute()),
            notes=self._notes(len(train), len(test)),
            searched=searched,
        )

    def _read_arrays(self, path: Path) -> tuple[Table, Table]:
        arrays = files.arrays(path)
        array_checks.require(arrays, array_checks.SPLIT_ARRAYS, path)
        train, test = (
            self.split(arrays[f"x_{part}"], arrays[f"y_{part}"], f"{path}: x_{part}") for part in ("train", "test")
        )
        return train, test

    def split(self, images: NDArray[Any], labels: NDArray[Any], name: str) -> Table:
        """Check and combine images and labels; grayscale images may lack the channel axis.

        Raises:
            ArchError: types, shapes or values are not those of the data set (ARCH302, ARCH303).
        """
        if self.shape[2] == 1 and images.ndim == 3:
            images = images[..., None]
        pixels = array_checks.exact_images(images, name, self.shape)
        return array_checks.split(pixels, array_checks.labels(labels, name), name, self.classes)

    def _notes(self, train: int, test: int) -> tuple[str, ...]:
        if (train, test) == self.counts:
            return ()
        whole = " and ".join(f"{count:,}" for count in self.counts)
        return (f"incomplete: {train:,} training and {test:,} test images; the full data set has {whole}",)

    def download(self, data: Data, data_dir: Path | None) -> None:
        """Download the data set to Keras's cache with Keras's own loader."""
        if data_dir is not None:
            hint = "remove `--data-dir`: Keras's cache is searched by default"
            raise fail("ARCH203", "`--download` always downloads to Keras's cache, never to `--data-dir`", hint=hint)
        import keras

        try:
            with contextlib.redirect_stdout(sys.stderr):  # Keras's bar; stdout carries data
                getattr(keras.datasets, data.kind).load_data()
        except Exception as error:  # Keras raises a bare Exception
            message = f"cannot download {self.title}: {files.reason(error)}"
            raise fail("ARCH301", message, hint=self.how_to_get) from None
