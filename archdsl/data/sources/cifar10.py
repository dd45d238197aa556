"""CIFAR-10: 60,000 photographs of 32x32 in 10 classes (Krizhevsky 2009)."""

from __future__ import annotations

from archdsl.data.readers.search import Search
from archdsl.data.sources import cifar
from archdsl.data.sources.known import KnownSet

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

ARCHIVE = cifar.Archive(
    training=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test="test_batch",
    labels=("labels",),
    label_bytes=1,
    classes=CLASSES,
)

INSIDE = (
    "cifar10.npz",
    "cifar-10-batches-py",
    "cifar-10-batches-py-target/cifar-10-batches-py",  # where Keras 3 unpacks it
    "cifar-10-batches-bin",
)
SEARCH = Search("cifar10", "CIFAR-10", INSIDE, ARCHIVE.itself, cifar.ELSEWHERE)
SET = KnownSet(SEARCH, CLASSES, cifar.SHAPE, (50_000, 10_000), ARCHIVE.read)
