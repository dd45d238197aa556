"""What augmentation costs: images a second beside Keras's `ImageDataGenerator`, and whether a step waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.timing import Found, pairs, timed

BATCH, BATCHES = 256, 24
"""Images in a batch, and the batches that one measurement takes."""

RECIPES: dict[str, dict[str, Any]] = {
    "the notebook's moves": {"rotation": 45.0, "shift": 0.25, "zoom": 0.25, "shear": 0.15, "flip": "horizontal"},
    "flip and crop": {"flip": "alternate", "crop": 2, "fill": "reflect"},
}


def augmenting(count: int) -> Found:
    """Measures it.

    Args:
        count: how many pairs of each.
    """
    made = {name: _drawing(_batches(words)) for name, words in RECIPES.items()}
    generator = _drawing(_generator())
    name = "the notebook's moves"
    found = {f"ImageDataGenerator / {name} by the pipeline (3 at least)": pairs(generator, made[name], count)}
    for name, draw in made.items():
        seconds = sorted(draw() for _ in range(count))[count // 2]
        rate = BATCH * BATCHES / seconds
        found[f"images/s in thousands, {name}"] = (rate / 1000, rate / 1000, rate / 1000, seconds)
    for name, words in RECIPES.items():
        batches = _batches(words)
        constant = batches.take(1).cache().repeat()
        found[f"a step fed by the pipeline, {name} / by one constant batch"] = pairs(
            _fitting(batches), _fitting(constant), count
        )
    return found


def _images() -> tuple[Any, Any]:
    import numpy as np

    random = np.random.default_rng(0)
    return random.integers(0, 256, (40 * BATCH, 32, 32, 3), dtype=np.uint8), random.integers(0, 10, 40 * BATCH)


def _batches(words: dict[str, Any]) -> Any:
    from archdsl.data import dataset, pipeline
    from archdsl.data.sources.base import labeled_images
    from archdsl.data.tables import in_memory
    from archdsl.recipe import Augment, Data

    images, labels = _images()
    table = in_memory(image=images, label=labels)
    raw = labeled_images(table, table, tuple("0123456789"), (32, 32, 3), "made up", validation=table)
    data = Data(source="cifar10", batch_size=BATCH, standardize="channel", augment=Augment(**words))
    return pipeline.training_batches(dataset.from_raw(raw, data), data, 0, {"label": "one_hot"})


def _generator() -> Any:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    images, labels = _images()
    options = {"rotation_range": 45, "zoom_range": 0.25, "shear_range": 0.15, "horizontal_flip": True}
    moving = ImageDataGenerator(width_shift_range=0.25, height_shift_range=0.25, rescale=1 / 255, **options)
    return moving.flow(images.astype("float32"), labels, batch_size=BATCH)


def _drawing(batches: Any) -> Callable[[], float]:
    source: Iterator[Any] = iter(batches)
    return timed(lambda: [next(source) for _ in range(BATCHES)])


def _fitting(batches: Any) -> Callable[[], float]:
    """Times steps of a small convolutional network, of some 3,000 images/s on two cores, in the midst of an epoch."""
    import keras
    from keras import layers

    convolutions = [layers.Conv2D(filters, 3, 2, "same", activation="relu") for filters in (48, 96, 96)]
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), *convolutions, layers.GlobalAveragePooling2D(), layers.Dense(10, "softmax")]
    )
    model.compile("sgd", "categorical_crossentropy")
    model.make_train_function()
    source = iter(batches)
    return timed(lambda: [float(model.train_function(source)["loss"]) for _ in range(BATCHES)])
