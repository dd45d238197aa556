"""Fine-tuning by the spec: what is copied, frozen, unfrozen, shown, and resumed to the bit."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from documents import ROOT, blocks  # noqa: E402

import archdsl  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.recipe.fine_tuning import APPLICATIONS  # noqa: E402
from archdsl.runs import card, folder  # noqa: E402
from archdsl.runs.initial_weights import InitialWeights, Start  # noqa: E402
from archdsl.training import fit, report, trained_weights  # noqa: E402
from archdsl.training.dry_run import try_training  # noqa: E402
from archdsl.training.freezing import Freezing  # noqa: E402
from archdsl.training.setup import Overrides, prepare  # noqa: E402

pytestmark = pytest.mark.tensorflow

NETWORK = """\
archdsl: 1
name: Tiny
input: [8, 8, 1]
args: {classes: 3}
layers:
  Block:
    steps:
      - conv: {filters: 4, kernel: 3, padding: same, norm: batch, activation: relu}
model:
  - conv: {filters: 4, kernel: 3, norm: batch}
    name: stem
  - Block
  - Block
  - dropout: {rate: 0.4}
  - flatten
  - dense: {units: $classes}
"""
TUNED = (
    NETWORK
    + """\
data: {source: digits, classes: ["1", "2", "3"], batch_size: 64, limit: 300, augment: {shift: 0.1}}
train:
  epochs: 4
  weights: {from: first.keras, license: CC0-1.0}
  freeze: ["stem*", "Block_*"]
  unfreeze: {after: 2, weights: [Block_2]}
  rates: {parts: {"Block_*": 0.5, "**/bias": 0.25}}
  optimizer: {adam: {learning_rate: {cosine: {rate: 0.01}}, use_ema: true, ema_momentum: 0.9}}
  lookahead: {every: 2, share: 0.5}
  deterministic: true
"""
)


@pytest.fixture(autouse=True)
def _beside_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trained network of ten classes, in the working folder."""
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(7)
    first = archdsl.build(archdsl.loads(NETWORK), classes=10)
    for weight in first.weights:
        weight.assign(weight + 0.1)
    first.save("first.keras")
    monkeypatch.setattr(report, "write", lambda *_: [])


def values(model: Any) -> dict[str, Any]:
    return {weight.path: np.array(weight) for weight in model.weights}


def trained(model: Any) -> set[str]:
    return {weight.path for weight in model.trainable_variables}


def test_what_matches_is_copied_and_frozen_and_the_rest_is_as_without_it() -> None:
    spec = archdsl.loads(TUNED)
    prepared = prepare(spec, Overrides())
    copied = prepared.start.weights
    assert copied is not None
    assert (copied.new, copied.left) == (["dense_1/kernel", "dense_1/bias"],) * 2
    assert copied.sha256 == hashlib.sha256(Path("first.keras").read_bytes()).hexdigest()
    first, now = values(archdsl.load_model("first.keras")), values(prepared.model)
    same = {path for path in now if first[path].shape == now[path].shape and (first[path] == now[path]).all()}
    assert same == now.keys() - {"dense_1/kernel", "dense_1/bias"}
    plain = prepare(archdsl.loads(TUNED.replace("weights: {from: first.keras, license: CC0-1.0}", "")), Overrides())
    assert (values(plain.model)["dense_1/kernel"] == now["dense_1/kernel"]).all()
    assert trained(prepared.model) == {"dense_1/kernel", "dense_1/bias"}
    slots = len(prepared.model.optimizer.variables)

    # Frozen batch norms run in inference mode: nothing but the head changes, statistics neither.
    prepared.model.fit(prepared.training_batches(), steps_per_epoch=prepared.steps, verbose=0)
    after = values(prepared.model)
    assert {path for path in now if (after[path] != now[path]).any()} == {"dense_1/kernel", "dense_1/bias"}

    prepared.freezing.unfreeze()
    assert trained(prepared.model) == {
        f"{layer}/{name}" for layer in ("dense_1", "Block_2/conv_1") for name in ("kernel", "bias")
    }
    assert len(prepared.model.optimizer.variables) > slots
    rates = prepared.model.optimizer.rates
    assert rates == {"Block_2/conv_1/kernel": 0.5, "Block_2/conv_1/bias": 0.25, "dense_1/bias": 0.25}
    schedule = prepared.model.optimizer._learning_rate
    assert float(schedule(0)) == pytest.approx(0.005, rel=1e-3)  # the middle of the cosine


def test_the_start_is_shown_in_eighty_columns() -> None:
    prepared = prepare(archdsl.loads(TUNED), Overrides())
    text = prepared.start.text()
    assert (
        text
        == """\
step             parameters  weights  training
stem to Block_1         220  copied   frozen
Block_2                 164  copied   frozen for 2 epochs, some always, several
                                      rates
dense_1                 435  new      several rates
weights    384 of 819 parameters copied from first.keras
new        dense_1/kernel, dense_1/bias
left over  dense_1/kernel, dense_1/bias
trainable  435 of 819 parameters, 583 after 2 epochs
"""
    )
    assert max(map(len, text.splitlines())) <= 80


class Press(keras.callbacks.Callback):  # type: ignore[misc]
    """Interrupts a training at the beginning of an epoch, or in its second step."""

    def __init__(self, epoch: int, at_step: bool) -> None:
        super().__init__()
        self.epoch, self.at_step = epoch, at_step

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.now = epoch
        if epoch == self.epoch and not self.at_step:
            raise KeyboardInterrupt

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.now == self.epoch and batch == 1:
            raise KeyboardInterrupt


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "log.csv", encoding="utf-8") as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_a_resumed_run_is_the_same_before_at_and_after_the_unfreezing() -> None:
    spec, whole = archdsl.loads(TUNED), Path("whole")
    result = fit.train(spec, whole)
    assert result.start is not None
    assert len(rows(whole)) == 4
    for number, (epoch, at_step) in enumerate([(1, True), (2, False), (3, True)]):
        run = Path(f"cut_{number}")
        with pytest.raises(ArchError, match="interrupted"):
            fit.train(spec, run, callbacks=[Press(epoch, at_step)])
        Path("first.keras").rename("away.keras")  # a checkpoint has all weights
        keras.utils.set_random_seed(number)
        resumed = fit.resume(run)
        Path("away.keras").rename("first.keras")
        assert resumed.start == result.start
        assert rows(run) == rows(whole)
        one, other = (values(archdsl.load_model(each / "model.keras")) for each in (run, whole))
        assert one.keys() == other.keys()
        assert all(one[path].tobytes() == other[path].tobytes() for path in one)


@pytest.mark.slow
def test_a_run_a_dry_run_and_a_card_say_where_the_weights_come_from() -> None:
    text = NETWORK + 'data: {source: digits, limit: 200, classes: ["1", "2", "3"]}\ntrain: {epochs: 1}\n'
    fit.train(archdsl.loads(text), Path("runs/first"))
    spec = archdsl.loads(TUNED.replace("from: first.keras", "from: runs/first"))
    report = try_training(spec, Path("runs/second"), Overrides())
    assert report.start is not None
    assert report.start.weights is not None
    assert report.start.weights.source.startswith("runs/first (epoch 1, test accuracy ")
    assert report.start.weights.new == []
    result = fit.train(spec, Path("runs/second"), epochs=1)
    assert folder.read_result(Path("runs/second")).start == result.start
    assert json.loads(Path("runs/second/run.json").read_text())["start"]["weights"]["license"] == "CC0-1.0"
    shown = card.card(spec, result, None, ())
    assert "## Initial weights" in shown
    assert f"- File: `model.keras`, SHA-256 `{report.start.weights.sha256}`" in shown
    assert "- License of the weights: CC0-1.0" in shown
    assert "- License: CC BY 4.0" in shown
    assert "| stem to Block\\_1 | 220 | copied | frozen |" in shown


def refused(text: str, code: str) -> str:
    spec = archdsl.loads(TUNED.replace("{from: first.keras, license: CC0-1.0}", text))
    with pytest.raises(ArchError) as caught:
        trained_weights.open_weights(spec, spec.train.weights, {}).copy_into(archdsl.build(spec))
    assert [problem.code for problem in caught.value.problems] == [code]
    return str(caught.value)


def test_weights_that_cannot_be_used_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    text = refused("{from: runs/none}", "ARCH204")
    assert text.startswith("<text>:20:12: error[ARCH204]: no run or file of weights at runs/none\n")
    Path("model.h5").write_bytes(b"")
    assert "use a run folder, or a `.keras`, `.weights.h5`" in refused("{from: model.h5}", "ARCH302")
    Path("bad.safetensors").write_bytes(b"x" * 20)
    assert "bad.safetensors cannot be read" in refused("{from: bad.safetensors}", "ARCH302")
    assert "run `hf download timm/resnet18.a1_in1k`" in refused("{timm: resnet18.a1_in1k}", "ARCH301")
    assert "no weights of ResNet50 at nowhere" in refused("{keras: resnet50, where: nowhere}", "ARCH301")
    archdsl.build(archdsl.loads(NETWORK), classes=5).save_weights("five.weights.h5")
    assert "set `spec` to the spec of the network that was saved" in refused("{from: five.weights.h5}", "ARCH302")
    keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)]).save("other.keras")
    assert "no layers match" in refused("{from: other.keras}", "ARCH308")


def test_a_file_of_weights_without_a_network_is_read_into_that_of_a_spec() -> None:
    Path("five.yaml").write_text(NETWORK.replace("classes: 3", "classes: 5"))
    five = archdsl.build("five.yaml")
    five.save_weights("five.weights.h5")
    spec = archdsl.loads(
        TUNED.replace("{from: first.keras, license: CC0-1.0}", "{from: five.weights.h5, spec: five.yaml}")
    )
    model = archdsl.build(spec)
    copied = trained_weights.open_weights(spec, spec.train.weights, {}).copy_into(model)
    assert copied.new == ["dense_1/kernel", "dense_1/bias"]
    assert (values(model)["stem/kernel"] == values(five)["stem/kernel"]).all()


def test_every_network_of_keras_applications_is_known() -> None:
    assert sorted(APPLICATIONS) == sorted(name for name in vars(keras.applications) if name[0].isupper())


@pytest.mark.slow
def test_official_files_of_keras_are_read_from_a_file_and_from_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    import h5py
    from keras.src.legacy.saving import legacy_h5_format
    from keras.src.utils import file_utils

    model = archdsl.build("resnet50", classes=3)
    for has_top, ending in ((True, ""), (False, "_notop")):
        official = keras.applications.ResNet50(weights=None, include_top=has_top)
        path = Path(f"official{ending}/resnet50_weights_tf_dim_ordering_tf_kernels{ending}.h5")
        path.parent.mkdir()
        with h5py.File(path, "w") as file:  # the layout of the published files
            legacy_h5_format.save_weights_to_hdf5_group(file, official)
        for where in (path, path.parent):
            text = f"{{keras: resnet50, where: {where}, license: MIT}}"
            spec = archdsl.loads(TUNED.replace("{from: first.keras, license: CC0-1.0}", text))
            opened = trained_weights.open_weights(spec, spec.train.weights, {})
            assert opened.source == "keras.applications.ResNet50" + ("" if has_top else ", without its top")
            copied = opened.copy_into(model)
            assert copied.new == ["dense_1/kernel", "dense_1/bias"]
            assert copied.left == (["predictions/kernel", "predictions/bias"] if has_top else [])
            assert copied.file == str(path.absolute())
        images = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype("float32")
        features = [
            keras.Model(each.inputs, each.layers[-3 if has_top or each is model else -1].output)
            for each in (official, model)
        ]
        one, other = (each(images).numpy() for each in features)
        assert np.abs(one - other).max() <= 1e-4 * np.abs(one).max()

    def offline(fname: str, origin: str, **_: Any) -> str:
        raise Exception(f"URL fetch failure on {origin}: None -- [Errno -2] Name or service not known")

    monkeypatch.setattr(file_utils, "get_file", offline)
    said = refused("{keras: mobilenet}", "ARCH301")
    assert "the weights of MobileNet are not available: URL fetch failure on https://storage.googleapis.com/" in said
    assert "help: download its file on another machine, and set `where` to it" in said


def test_the_table_of_the_page_is_that_of_its_spec() -> None:
    found = blocks((ROOT / "docs/how-to/fine-tune.md").read_text(encoding="utf-8"))
    text, shown = (next(block.text for block in found if block.language == kind) for kind in ("yaml", "text"))
    spec = archdsl.loads(text)
    model = archdsl.build(spec)
    head = ["dense_1/kernel", "dense_1/bias"]
    source = "runs/pretrain (epoch 9, test accuracy 82.43 %)"
    copied = InitialWeights(source, "model.keras", "", "", "", model.count_params() - 387, head, head)
    freezing = Freezing(model, spec.train, lambda _: None)
    start = Start(copied, freezing.after, freezing.parts(archdsl.resolve(spec), spec.train, head))
    assert start.text() == shown
