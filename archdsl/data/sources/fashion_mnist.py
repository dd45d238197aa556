"""Fashion-MNIST: 70,000 images of clothing, 28x28, 10 classes (Xiao et al. 2017), as idx files."""

from archdsl.data.sources.mnist import IdxSet

SOURCE = IdxSet(
    title="Fashion-MNIST",
    classes=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    shape=(28, 28, 1),
    counts=(60_000, 10_000),
    folders=("fashion-mnist", "fashion_mnist", "dataset-fashion-mnist", "FashionMNIST/raw"),
    how_to_get=(
        "run `apt install dataset-fashion-mnist`, or download the four files from "
        "https://github.com/zalandoresearch/fashion-mnist and pass their folder as `--data-dir`"
    ),
)
