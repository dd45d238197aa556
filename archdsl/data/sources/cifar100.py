"""CIFAR-100 with its fine labels: 60,000 photographs of 32x32 pixels in 100 classes (Krizhevsky 2009)."""

from __future__ import annotations

from archdsl.data.sources.cifar10 import Cifar

CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
""".split()  # noqa: SIM905 - a hundred words are easier to read this way

SOURCE = Cifar(
    title="CIFAR-100",
    classes=tuple(CLASSES),
    folders=(
        "cifar-100-python",
        "cifar-100-python-target/cifar-100-python",  # where Keras 3 unpacks it
        "cifar-100-binary",
    ),
    training=("train",),
    testing="test",
    label_key="fine_labels",
    label_bytes=2,
)
