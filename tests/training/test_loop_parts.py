"""What goes on beside a network that is trained, each part alone: lookahead, averages, whitening, views, executions."""

from __future__ import annotations

import io
import os
import signal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
import tensorflow as tf  # noqa: E402
from rich.console import Console  # noqa: E402

from archdsl import recipe  # noqa: E402
from archdsl.data.dataset import Dataset, Split  # noqa: E402
from archdsl.data.inputs import ImageInput  # noqa: E402
from archdsl.data.pixels import Statistics  # noqa: E402
from archdsl.data.targets import ClassTarget  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.training import averaging, callbacks, display, evaluation, tf_settings, whitening  # noqa: E402
from archdsl.training.interrupts import interruptible  # noqa: E402
from archdsl.training.tasks import Head, classification  # noqa: E402

pytestmark = pytest.mark.tensorflow

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 9, 10, 3)).astype(np.uint8)
PART = Split({"": IMAGES}, {"label": np.arange(40) % 10})
STATISTICS = Statistics(np.array([0.4, 0.5, 0.6], np.float32), np.array([0.2, 0.3, 0.4], np.float32))
IMAGE = ImageInput("image", (9, 10, 3), 255, 255.0, statistics=STATISTICS)
CLASSES = ClassTarget("label", tuple("0123456789"))
HEAD = Head("", "label", classification.TASK)
DATASET = Dataset(PART, PART, PART, {"": IMAGE}, {"label": CLASSES}, "made")


def dense() -> Any:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(("grow", "steps"), [("cubic", 7), ("none", 6)])
def test_lookahead_agrees_with_numpy(grow: str, steps: int) -> None:
    model, generator = dense(), np.random.default_rng(1)
    slow_weights = averaging.SlowWeights(recipe.Lookahead(every=3, share=0.6, grow=grow), epochs=2, steps=steps)
    slow_weights.set_model(model)
    slow_weights.on_train_begin()
    slow = [np.array(variable) for variable in model.variables]
    for step in range(1, 2 * steps + 1):
        if (step - 1) % steps == 0:
            slow_weights.on_epoch_begin((step - 1) // steps)
        fast = [
            value + generator.normal(size=value.shape).astype(np.float32) for value in map(np.array, model.variables)
        ]
        for variable, value in zip(model.variables, fast, strict=True):
            variable.assign(value)
        slow_weights.on_train_batch_end((step - 1) % steps)
        if step % 3 == 0:
            share = 0.6 * ((step / (2 * steps)) ** 3 if grow == "cubic" else 1)
            way = np.float32(1 - share)
            slow = fast = [old + way * (new - old) for old, new in zip(slow, fast, strict=True)]
        if step == 2 * steps:
            fast = slow
        for variable, value in zip(model.variables, fast, strict=True):
            np.testing.assert_array_equal(np.array(variable), value)
    assert len(slow) == 6


class Looking(keras.callbacks.Callback):
    """Notes the weights that validation sees, and those that training goes on with."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.before = [np.array(weight) for weight in self.model.trainable_variables]

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.validated = [np.array(weight) for weight in self.model.trainable_variables]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        after = [np.array(weight) for weight in self.model.trainable_variables]
        kept = [
            value
            for value, own in zip(averaging.averaged_values(self.model), self.model.variables, strict=True)
            if own.trainable
        ]
        self.seen.append((self.before, self.validated, after, kept))


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_validation_sees_the_averages_and_training_its_own_weights(precision: str) -> None:
    with tf_settings.precision(precision):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8), "mse")
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    looking = Looking()
    model.fit(
        x,
        x[:, :2],
        batch_size=8,
        epochs=2,
        verbose=0,
        validation_data=(x, x[:, :2]),
        callbacks=[averaging.AveragedValidation(), looking],
    )
    assert len(looking.seen) == 2
    for before, validated, after, kept in looking.seen:
        for own, seen, later, mean in zip(before, validated, after, kept, strict=True):
            np.testing.assert_array_equal(own, later)
            np.testing.assert_array_equal(seen, mean)
            assert np.abs(own - seen).max() > 1e-4
    for weight, mean in zip(model.trainable_variables, looking.seen[-1][3], strict=True):
        np.testing.assert_array_equal(np.array(weight), mean)  # Keras puts the averages in when `fit` ends


def conv(filters: int, kernel: int | tuple[int, int] = 2, **more: Any) -> Any:
    image = keras.Input((9, 10, 3))
    x = keras.layers.Conv2D(filters, kernel, name="first", **more)(image)
    return keras.Model(image, keras.layers.Conv2D(4, 1, name="second")(keras.layers.ReLU(name="relu")(x)))


def patches(height: int, width: int) -> Any:
    """Every patch of the standardized images, cut by hand."""
    pixels = (IMAGES / 255 - STATISTICS.mean.astype(float)) / (STATISTICS.std.astype(float) + 1e-7)
    rows, columns = pixels.shape[1] - height + 1, pixels.shape[2] - width + 1
    cut = [pixels[:, y : y + height, x : x + width] for y in range(rows) for x in range(columns)]
    return np.concatenate(cut).reshape(-1, height * width * 3)


@pytest.mark.parametrize(("filters", "kernel"), [(24, (2, 2)), (12, (2, 2)), (7, (2, 2)), (36, (3, 2))])
def test_whitening_gives_patches_of_equal_spread(filters: int, kernel: tuple[int, int]) -> None:
    model = conv(filters, kernel)
    whitening.whiten(model, recipe.Whiten(layer="first", epsilon=1e-6), DATASET)
    first = model.get_layer("first")
    assert [weight.path.split("/")[-1] for weight in first.trainable_variables] == ["bias"]
    cut = patches(*kernel)
    given = cut @ np.array(first.kernel, float).reshape(-1, filters)
    half = (filters + 1) // 2
    np.testing.assert_allclose((given[:, :half].T @ given[:, :half]) / len(cut), np.eye(half), atol=2e-3)
    np.testing.assert_allclose(given[:, half:], -given[:, : filters - half], atol=1e-5)
    spreads = 1 / np.linalg.norm(np.array(first.kernel, float).reshape(-1, filters)[:, :half], axis=0) ** 2
    largest = np.sort(np.linalg.eigvalsh(cut.T @ cut / len(cut)))[::-1][:half]
    np.testing.assert_allclose(spreads, largest, rtol=1e-3)


@pytest.mark.parametrize(
    ("model", "layer", "told"),
    [
        (lambda: conv(8), "frist", "the model has no such step\n  help: did you mean `first`?"),
        (lambda: conv(8), "relu", "which is not a convolution"),
        (lambda: conv(8), "second", "which does not read the input"),
        (lambda: conv(25), "first", "expected at most 24 filters for 2x2x3 patches, got 25"),
        (lambda: conv(9, groups=3), "first", "which has groups or dilation"),
    ],
)
def test_what_cannot_whiten_says_why(model: Any, layer: str, told: str) -> None:
    with pytest.raises(ArchError) as caught:
        whitening.find(model(), recipe.Whiten(layer=layer))
    assert told in str(caught.value)


def test_views_are_those_of_airbench() -> None:
    images = np.random.default_rng(0).normal(size=(2, 5, 6, 1)).astype("float32")
    found = list(evaluation.views(tf.constant(images), recipe.TestTime(flip=True, shift=1)))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    up, down = padded[:, :5, :6], padded[:, 2:, 2:]
    wanted = [(0.25, images), (0.25, images[:, :, ::-1])]
    wanted += [(0.125, view) for view in (up, down, up[:, :, ::-1], down[:, :, ::-1])]
    assert len(found) == 6
    for (weight, view), (share, other) in zip(found, wanted, strict=True):
        assert weight == share
        np.testing.assert_array_equal(view.numpy(), other)
    assert [weight for weight, _ in evaluation.views(tf.constant(images), recipe.TestTime(flip=False, shift=2))] == [
        0.5, 0.25, 0.25,
    ]  # fmt: skip
    assert [weight for weight, _ in evaluation.views(tf.constant(images), None)] == [1.0]
    with pytest.raises(ArchError, match="shifts by 5 pixels, but the images are 5x6"):
        evaluation.check_views(recipe.TestTime(shift=5), (5, 6, 1))


@pytest.mark.parametrize(
    ("steps", "work", "every", "wanted"),
    [(352, 1e7, 0, 32), (352, 1e7, 5, 1), (350, 1e7, 10, 10), (41, 1e7, 0, 1), (352, 2.1e9, 0, 8), (352, 1e12, 0, 1),
     (24, 0.0, 0, 24), (1, 1e7, 0, 1)],
)  # fmt: skip
def test_executions_divide_the_epoch_and_stay_short(steps: int, work: float, every: int, wanted: int) -> None:
    assert tf_settings.steps_per_execution(steps, work, every) == wanted


def test_what_is_set_for_a_training_is_set_back() -> None:
    from tensorflow.python.framework.config import is_op_determinism_enabled

    def within() -> None:
        with tf_settings.precision("mixed_bfloat16"), tf_settings.determinism(True):
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
            assert is_op_determinism_enabled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        within()
    assert keras.config.dtype_policy().name == "float32"
    assert not is_op_determinism_enabled()


@pytest.mark.parametrize(
    ("monitor", "values", "epochs"),
    [
        ("validation_loss", [3.0, 2.0, 1.95, 2.0, 1.0], 4),
        ("validation_loss", [3.0, 2.0, 1.0, 0.5, 0.2], 5),
        ("validation_accuracy", [0.3, 0.2, 0.35, 0.9], 3),
    ],
)
def test_early_stopping_waits_for_what_is_better_by_enough(monitor: str, values: list[float], epochs: int) -> None:
    model = SimpleNamespace(stop_training=False)
    stopping = callbacks.ResumableEarlyStopping(recipe.EarlyStopping(patience=2, monitor=monitor, min_delta=0.1), HEAD)
    stopping.set_model(model)
    seen = 0
    for epoch, value in enumerate(values):
        logs = {"val_loss": value, "val_accuracy": value, "loss": -value}
        stopping.on_epoch_end(epoch, logs)
        seen += 1
        if model.stop_training:
            break
    assert seen == epochs


def test_a_second_ctrl_c_is_left_to_the_system() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with interruptible() as interrupts:
        interrupts.on_train_batch_end(0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        with pytest.raises(KeyboardInterrupt):  # where somebody's code has swallowed the first exception
            interrupts.on_train_batch_end(0)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


LOGS = {"loss": 0.41234, "accuracy": 0.912, "val_loss": 0.30114, "val_accuracy": 0.9375}


def shown(width: int, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two epochs of three steps that take 100 seconds each."""
    clock = [0.0]
    monkeypatch.setattr(display.time, "perf_counter", lambda: clock[0])
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, highlight=False, width=width, color_system=None)
    with display.Display(20, 3, HEAD, first=2, console=console) as told:
        for epoch in (2, 3):
            told.on_epoch_begin(epoch)
            for step in range(3):
                clock[0] += 100
                told.on_train_batch_end(step, LOGS)
            told.on_test_begin()
            told.on_epoch_end(epoch, LOGS)
    return stream.getvalue()


def test_a_log_file_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, golden: Any) -> None:
    text = shown(60, False, monkeypatch)
    assert "\x1b" not in text
    golden("log_file.txt", text)


@pytest.mark.parametrize("width", [60, 100])
def test_a_terminal_gets_a_bar_and_no_line_is_too_long(
    width: int, monkeypatch: pytest.MonkeyPatch, golden: Any
) -> None:
    text = shown(width, True, monkeypatch)
    assert text.startswith("\x1b[?25l")  # the cursor is hidden, and shown again
    assert text.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")
    plain = [line.split("\x1b[2K")[-1].replace("\r", "") for line in text.splitlines()]
    assert all(len(line.replace("\x1b[?25l", "").replace("\x1b[?25h", "")) <= width for line in plain)
    golden(f"terminal_{width}.txt", "\n".join(plain) + "\n")


def test_the_time_left_is_known_in_the_first_epoch_and_includes_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(display.time, "perf_counter", lambda: clock[0])
    told = display.Display(3, 4, HEAD, console=Console(file=io.StringIO()), validation_steps=6)
    lines = []
    for epoch in range(3):
        told.on_epoch_begin(epoch)
        for step in range(4):
            clock[0] += 500 if epoch == step == 0 else 10  # the first step is compiled
            told.on_train_batch_end(step, LOGS)
            lines.append(told.progress(step + 1, None))
        clock[0] += 90 if epoch == 0 else 30  # so is the first validation
        told.on_epoch_end(epoch, LOGS)
    left = [line.split("  ")[-1] for line in lines]
    assert left[:2] == ["1/4", "2:40 left"]  # 10 steps of 10 s, and 3 validations of 6 forward passes of 10/3 s
    assert left[4:6] == ["4:10 left", "4:00 left"]  # 7 and 6 steps, and 2 validations of 90 s
    assert left[-1] == "0:30 left"


def test_a_loss_that_explodes_is_told_by_its_power_of_ten() -> None:
    told = display.Display(20, 3, HEAD, console=Console(file=io.StringIO()))
    assert told.line(3, {"loss": 1.2345e30, "accuracy": 0.1}, 1125.3) == (
        "epoch  3/20  loss 1.23e+30  accuracy 10.00 %  1,125 s"
    )
    assert display.clock(3723.4) == "1:02:03"
    assert display.clock(59.6) == "1:00"
