"""CIFAR-10: 60,000 photographs of 32x32 in 10 classes (Krizhevsky 2009)."""

from __future__ import annotations

from archdsl.training.sources import cifar
from archdsl.training.sources.known import KnownSet, get_it
from archdsl.training.sources.places import Search

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
GET_IT = get_it("cifar10", cifar.ADDRESS)

ARCHIVE = cifar.Archive(
    training=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test="test_batch",
    labels=("labels",),
    label_bytes=1,
    classes=CLASSES,
    get_it=GET_IT,
)

INSIDE = (
    "cifar10.npz",
    "cifar-10-batches-py",
    "cifar-10-batches-py-target/cifar-10-batches-py",  # where Keras 3 unpacks it
    "cifar-10-batches-bin",
)
SET = KnownSet(Search("CIFAR-10", INSIDE, ARCHIVE.itself, GET_IT), CLASSES, cifar.SHAPE, (50_000, 10_000), ARCHIVE.read)
