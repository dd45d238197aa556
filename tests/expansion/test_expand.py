"""The long form: the same network, idempotent, with all comments and the origins of values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from random_specs import several
from typer.testing import CliRunner

from archdsl import schema, source, zoo
from archdsl.cli import app
from archdsl.codegen.module import to_python
from archdsl.errors import ArchError
from archdsl.expansion import expand, lay_over
from archdsl.graph import Graph
from archdsl.limits import DEFAULTS, Limits, raised
from archdsl.parsing import parse
from archdsl.parsing.validation import plain
from archdsl.resolution import resolve

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("examples/*.yaml"), *ROOT.glob("archdsl/templates/*.yaml")])
COMMENTED = Path(__file__).parent / "golden" / "commented.yaml"
SCHEMA = Draft202012Validator(json.loads(schema.FILE.read_text(encoding="utf-8")))
SMALL = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\n"


def facts(graph: Graph) -> Any:
    """Return everything in a graph except places in its file."""
    return (
        graph.name,
        graph.totals,
        [
            (n.name, n.kind, n.role, n.inputs, n.shape, n.totals, n.weights, n.parts, n.arguments, n.outputs)
            + ((facts(n.body),) if n.body else (n.op,))
            for n in graph.nodes
        ],
    )


def outcome(text: str) -> Any:
    """Return the graph of a spec, or its errors without line numbers."""
    try:
        return facts(resolve(parse(text)))
    except ArchError as error:
        return [(problem.code, re.sub(r"on line \d+", "", problem.message)) for problem in error.problems]


def long_of(model: str, more: str = "", **options: Any) -> str:
    """Return the long form of a small spec, from its `model`."""
    text = expand(f"{SMALL}{more}model:\n{model}", **options)
    return text[text.index("model:") :]


@pytest.fixture
def each_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cache parsed text by content: parsing takes most of the time and is not tested here."""
    read, known = source.read_with_extents, {}

    def remembered(text: str, name: str, limits: Limits = DEFAULTS) -> tuple[source.Node, list[source.Extent]]:
        if (text, limits) not in known:
            known[text, limits] = read(text, name, limits)
        return known[text, limits]

    monkeypatch.setattr(source, "read_with_extents", remembered)


@pytest.mark.usefixtures("each_text_is_read_once")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_long_form_is_the_same_network_and_its_own_long_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    long = expand(text, str(path))
    assert expand(long) == long
    assert list(SCHEMA.iter_errors(plain(source.read(long, "long")))) == []
    for before, after in zip(parse(text).every(), parse(long).every(), strict=True):
        assert facts(resolve(after)) == facts(resolve(before))
        assert (after.expect, after.data, after.doc) == (before.expect, before.data, before.doc)


def test_there_are_many_files() -> None:
    assert len(FILES) >= 20


@pytest.mark.usefixtures("each_text_is_read_once")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_variant_is_laid_over(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    spec = parse(text)
    if not spec.variants:
        pytest.skip("has no variants")
    for name in spec.variants:
        for one in (expand(text, variant=name), lay_over(text, str(path), name)):
            alone = parse(one)
            assert alone.variants == {}
            assert alone.expect == spec.varied(name).expect
            assert facts(resolve(alone)) == facts(resolve(spec.varied(name)))


def hold_meaning(first: int, many: int) -> None:
    graphs = 0
    for text in several(first, many):
        long = expand(text)
        assert expand(long) == long
        found = outcome(long)
        assert found == outcome(text)
        graphs += isinstance(found, tuple)
    assert graphs > many // 3


@pytest.mark.usefixtures("each_text_is_read_once")
def test_random_specs_mean_the_same() -> None:
    hold_meaning(0, 20)


@pytest.mark.slow
@pytest.mark.usefixtures("each_text_is_read_once")
def test_many_random_specs_mean_the_same() -> None:
    hold_meaning(1000, 600)


@pytest.mark.parametrize("name", ["digits_resnet", "resnet_cifar", "unet"])
@pytest.mark.parametrize("seed", range(4))
def test_no_comment_is_lost(name: str, seed: int) -> None:
    random = Random(seed)
    lines = []
    for number, line in enumerate(zoo.find(name).read_text(encoding="utf-8").split("\n")):
        if random.random() < 0.4:
            lines.append(" " * random.choice([0, 2, 4, 6, len(line) - len(line.lstrip())]) + f"# above {number}.")
        if random.random() < 0.1:
            lines.append("")
        lines.append(f"{line}   # behind {number}." if line.strip() and random.random() < 0.4 else line)
    text = "\n".join(lines)
    long = expand(text)
    comments = re.findall(r"# (?:above|behind) \d+\.", text)
    assert len(comments) > 10
    assert [comment for comment in comments if long.count(comment) != 1] == []
    assert expand(long) == long


def test_each_comment_stays_where_it_belongs(golden: Callable[[str, str], None]) -> None:
    text = COMMENTED.read_text(encoding="utf-8")
    golden("commented.long.yaml", expand(text, "commented.yaml"))
    golden("commented.origins.yaml", expand(text, "commented.yaml", origins=True, settings={"width": 8}))
    assert expand(text.replace("\n", "\r\n")) == expand(text.replace("\n", "\r")) == expand(text)


def test_origins_tell_where_each_value_came_from() -> None:
    text = zoo.find("resnet").read_text(encoding="utf-8")
    told = expand(text, "resnet.yaml", variant="resnet34", settings={"classes": 10}, origins=True)
    number = next(i for i, line in enumerate(text.split("\n"), 1) if line.startswith("  resnet34:"))
    assert re.search(rf"block: basic +# variant resnet34, line {number}\n", told)
    assert re.search(r"classes: 10 +# --set classes\n", told)
    assert re.search(r"dilation: 1 +# default of conv\n", told)
    assert re.search(r"epsilon: \S+ +# defaults, line \d+\n", told)
    values = [line for line in told.split("\n") if re.search(r": [^#]", line.partition("  #")[0]) and line[0] != "#"]
    assert len(values) > 100
    assert [line for line in values if not re.search(r"  # (line|default|variant|--set)", line)] == []
    bare = re.sub(r"  +# (line \d|default|variant|--set).*", "", told)
    assert facts(resolve(parse(bare))) == facts(resolve(parse(text).varied("resnet34"), classes=10))


def test_set_arguments_become_defaults_and_lift_expect() -> None:
    text = f"{SMALL}args: {{width: 4, rate: 0.5}}\nmodel:\n"
    text += "  - dropout: {rate: $rate}\n  - conv: {filters: $width, kernel: 1}\nexpect: {parameters: 16}   # held\n"
    long = expand(text, settings={"width": 8, "rate": 0})
    assert "args: {width: 8, rate: 0.0}\n" in long
    assert "expect:" not in long
    assert "# `expect` is removed: with `width` and `rate` set, this is a different network\n" in long
    assert facts(resolve(parse(long))) == facts(resolve(parse(text), width=8, rate=0.0))


def test_words_become_mappings_and_single_steps_lists() -> None:
    relu = "relu: {max_value: null, slope: 0.0, threshold: 0.0}"
    assert long_of("  relu\n") == f"model:\n  - {relu}\n"
    bunch = "  - paths: {a: {steps: relu}, b: []}\n    merge: add\n    after: relu\n    from: input\n"
    assert long_of(bunch) == (
        f"model:\n  - paths:\n      a:\n        - {relu}\n      b: []\n    shortcut: none\n"
        f"    merge: {{add: {{broadcast: false}}}}\n    after:\n      - {relu}\n    from: [input]\n"
    )


def test_a_merge_that_an_argument_chooses_keeps_its_defaults() -> None:
    more = "args: {how: add}\ndefaults: {add: {broadcast: true}, relu: {slope: 0.1}}\n"
    text = expand(f"{SMALL}{more}model:\n  - paths: {{a: [relu], b: [gelu]}}\n    merge: $how\n")
    assert "    merge: $how\n" in text
    assert "defaults:\n  add: {broadcast: true}\n" in text
    assert expand(text) == text


def test_defaults_are_written_into_each_op_and_stay_where_a_projection_is_made_of_them() -> None:
    more = "defaults:\n  conv: {norm: batch, kernel: 3}   # blocks\n  batch_norm: {epsilon: 1.001e-5}\n"
    step = "  - conv: {filters: 4}\n"
    text = expand(f"{SMALL}{more}model:\n{step}")
    assert "defaults:" not in text
    assert "kernel: 3\n" in text
    assert "          epsilon: 1.001e-5\n" in text
    assert "# blocks\n" in text
    for shortcut in ("projection", "auto", "'auto' if $channels > 2 else 'none'"):
        bunch = f'  - paths: {{a: {{steps: [conv: {{filters: 3}}]}}}}\n    shortcut: "{shortcut}"\n    merge: add\n'
        text = expand(f"{SMALL}{more}model:\n{bunch}")
        kept = parse(text).model[0].action.projection  # type: ignore[union-attr]
        assert [part.role for part in kept] == ["main", "norm"]
        assert kept[1].fields["epsilon"].content == 1.001e-5
        assert "kernel: 3" not in text[text.index("defaults:") : text.index("model:")]
    bunch = bunch.replace("'auto'", "'identity'").replace("steps: [conv: {filters: 3}]", "steps: [relu]")
    assert "defaults:" not in expand(f"{SMALL}{more}model:\n{bunch}")


def test_uses_get_the_arguments_that_their_layers_have() -> None:
    layers = "layers:\n  Two: {args: {filters: int, stride: 1}, steps: [conv: {filters: $filters, kernel: $stride}]}\n"
    layers += "  Like: {like: Two, with: {filters: 3}}\n"
    text = expand(f"{SMALL}{layers}model: [Two: {{filters: 4}}, Like]\n")
    assert text.endswith("model:\n  - Two: {filters: 4, stride: 1}\n  - Like: {stride: 1}\n")
    assert "with: {filters: 3}" in text


@pytest.mark.parametrize(
    ("written", "long"),
    [
        ("max($filters, 1)", '"max($filters, 1)"'),
        ("$filters // 4", "$filters // 4"),
        ("$filters if $kind == 'a' else 1", "$filters if $kind == 'a' else 1"),
    ],
)
def test_expressions_stay_and_have_quotes_only_where_they_must(written: str, long: str) -> None:
    args = "{filters: int, kind: a}" if "$kind" in written else "{filters: int}"
    layers = f'layers:\n  L: {{args: {args}, steps: [dense: {{units: "{written}"}}, Q: {{u: "{written}"}}]}}\n'
    layers += "  Q: {args: {u: int}, steps: [dense: {units: $u}]}\n"
    text = expand(f"{SMALL}{layers}model: [L: {{filters: 4}}]\n")
    assert f"- Q: {{u: {long}}}\n" in text
    assert f"units: {written}\n" in text


def test_data_and_train_have_all_their_fields() -> None:
    more = "data: {source: digits, augment: {shift: 0.1}}\n"
    more += "train: {optimizer: {sgd: {learning_rate: {cosine: {rate: 0.1}}}}}\n"
    text = expand(f"{SMALL}model: [flatten, dense: {{units: 10}}]\n{more}")
    assert "  augment:\n    flip: none\n    shift: 0.1\n    rotation: 0.0\n    zoom: 0.0\n" in text
    assert "      learning_rate: {cosine: {rate: 0.1, warmup: 0.0, final: 0.0}}\n" in text
    assert "  loss:" not in text  # that of the task, which the data set decides
    assert "  early_stopping: none\n  keep: best\n" in text
    spec = parse(f"{SMALL}model: [flatten, dense: {{units: 10}}]\n{more}")
    assert parse(text).data == spec.data
    assert parse(text).train == spec.train


def test_without_a_validation_part_the_last_network_is_kept() -> None:
    text = expand(
        f"{SMALL}model: [flatten, dense: {{units: 10}}]\ndata: {{source: digits, validation: 0}}\ntrain: {{}}\n"
    )
    assert "  keep: last\n" in text
    assert expand(text) == text


def test_a_loss_for_each_output_has_all_its_arguments() -> None:
    two = "model:\n  - dense: {units: 1}\n    name: a\n  - dense: {units: 1}\n    name: b\noutputs: [a, b]\n"
    text = expand(f"{SMALL}{two}train: {{loss: {{a: hinge, b: {{huber: {{delta: 2.0}}}}}}}}\n")
    assert "    a: {hinge: {reduction: sum_over_batch_size}}\n" in text or "loss: {a: {hinge: {" in text
    assert "huber: {reduction: sum_over_batch_size, delta: 2.0}" in text
    assert expand(text) == text


def test_a_long_form_larger_than_a_spec_may_be_is_refused_unless_it_is_allowed() -> None:
    steps = "".join(f"  - conv: {{filters: {n + 1}, kernel: 1}}\n" for n in range(400))
    text = f"{SMALL}model:\n{steps}"
    with pytest.raises(ArchError, match=r"the long form of net\.yaml.*more than 10,000 values") as found:
        expand(text, "specs/net.yaml")
    assert "--allow values=100000" in str(found.value)
    assert expand(text, limits=raised(["values=100000"])).count("- conv:") == 400


def test_text_that_would_become_a_type_is_no_default() -> None:
    text = f"{SMALL}args: {{kind: a}}\nmodel:\n  - relu: {{}}\n    when: $kind == 'a'\n  - flatten\n"
    with pytest.raises(ArchError, match="`int` cannot be the default of `kind`"):
        expand(text, settings={"kind": "int"})


def test_one_path_with_no_shortcut_said_so_needs_no_merge() -> None:
    spec = parse(f"{SMALL}model:\n  - paths: {{a: [relu]}}\n    shortcut: none\n")
    assert [node.name for node in resolve(spec).nodes] == ["a/relu_1"]


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    run = CliRunner()
    done = run.invoke(app, ["expand", "resnet50", "--set", "classes=10"])
    assert done.exit_code == 0
    assert "\nargs: {depths: [3, 4, 6, 3], classes: 10}\n" in done.stdout
    file = tmp_path / "long.yaml"
    assert run.invoke(app, ["expand", "resnet50", "--out", str(file)]).exit_code == 0
    assert file.read_text(encoding="utf-8") == expand(zoo.find("resnet50").read_text(encoding="utf-8"))
    again = run.invoke(app, ["expand", "resnet50", "--out", str(file)])
    assert isinstance(again.exception, ArchError)
    assert again.exception.problems[0].code == "ARCH202"
    wrong = run.invoke(app, ["expand", "resnet50", "--set", "classs=10"])
    assert "did you mean `classes`?" in str(wrong.exception)


@pytest.mark.parametrize("name", ["efficientnet", "mobilenet_v2", "resnet", "se_resnet", "inception"])
def test_the_long_form_generates_the_same_source(name: str) -> None:
    text = zoo.find(name).read_text(encoding="utf-8")
    assert to_python(parse(expand(text, name), name)) == to_python(parse(text, name))


@pytest.mark.tensorflow
def test_the_long_form_computes_the_same() -> None:
    np = pytest.importorskip("numpy")
    from archdsl import keras as runtime

    text = zoo.find("digits_resnet").read_text(encoding="utf-8")
    short, long = (runtime.build(parse(each)) for each in (text, expand(text)))
    long.set_weights(short.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    np.testing.assert_array_equal(long(images), short(images))
