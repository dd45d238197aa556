"""A folder of images by class: `train/CLASS/*.png` with `test/` and optionally `validation/`, or just `CLASS/*.png`."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

from archdsl.data import images
from archdsl.data.ports import Ports
from archdsl.data.readers import class_folders, search
from archdsl.data.readers.class_folders import FileKind
from archdsl.data.sources.base import RawDataset, Source, labeled_images
from archdsl.data.tables import Table
from archdsl.recipe import Data

IMAGES = FileKind("image", images.SUFFIXES)


class ImageFolder(Source):
    """Reads a folder of images with a folder for each class."""

    def read(
        self, data: Data, data_dir: Path | None, requested: images.RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """List the images of a folder. They are read when their rows are fetched.

        Raises:
            ArchError: the folder is missing (ARCH301); it has no classes, or a class has no images (ARCH302); it has
                only one class, the splits have different classes, or the images differ in size and no size is
                requested (ARCH303).
        """
        root, searched = search.find(data.argument, "folder", data_dir)
        skipped: Counter[str] = Counter()
        listed = class_folders.listed(root, IMAGES, skipped)
        classes = tuple(listed["train"])
        every_file = [file for split in listed.values() for files in split.values() for file in files]
        image_format = images.choose_format(every_file, requested)
        splits = {split: _table(listed[split], classes, image_format, split) for split in listed}
        return labeled_images(
            splits["train"],
            splits.get("test"),
            classes,
            image_format.shape,
            str(root.absolute()),
            validation=splits.get("validation"),
            notes=(*([image_format.note] if image_format.note else []), *IMAGES.note(skipped)),
            searched=searched,
        )


def _table(
    listed: dict[str, list[Path]], classes: tuple[str, ...], image_format: images.ImageFormat, split: str
) -> Table:
    files, labels = class_folders.labeled(listed, classes)
    read_images = partial(images.read_rows, files, image_format, split)
    return Table(len(files), {"image": read_images, "label": lambda rows: labels[rows]})


SOURCE = ImageFolder()
