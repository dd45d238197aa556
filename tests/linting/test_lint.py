"""The lint: the exact text of each finding, its numbers, suppressions, and that no spec makes it fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
import random_bodies
from hypothesis import given, settings
from hypothesis import strategies as st
from random_specs import several

from archdsl import ArchError, load, loads, resolve
from archdsl.linting import RULES, Finding, Suppressions, lint, summarize
from archdsl.ops.index_sets import ALL, LONGEST, Window, clipped
from archdsl.schema import explanations
from archdsl.spec import Spec
from archdsl.zoo import names

Golden = Callable[[str, str], None]

WARNINGS = [rule.code for rule in RULES]
KERAS = {"ARCH504", "ARCH506"}
TOLD: dict[str, set[str]] = {
    "cifar_fast": {"ARCH504"},
    "funny_resnet": {"ARCH506"},
    "funny_resnet_notebook": {"ARCH501", "ARCH503", "ARCH504", "ARCH505", "ARCH506", "ARCH509"},
    "nasnet": {"ARCH505"},
    "resnet50": KERAS,
    "resnet50_v2": {"ARCH506"},
    "resnet_d": {"ARCH510"},
    "siamese": {"ARCH517"},
    "tcn": {"ARCH504", "ARCH507"},
    "unet_3d": {"ARCH506"},
    "vgg": {"ARCH506", "ARCH517"},
    "vit": {"ARCH504"},
    "vit_conv_stem": {"ARCH504"},
    "wavenet": {"ARCH502"},
}
"""The findings for the specs that ship, each reviewed by hand: it is true, and worth reporting."""


def findings(text: str, **arguments: Any) -> tuple[Finding, ...]:
    spec = loads(text, "net.yaml")
    return lint(spec, resolve(spec, **arguments))


def aloud(spec: Spec) -> tuple[Finding, ...]:
    """All findings for a spec, suppressed ones included."""
    return lint(spec, resolve(spec), Suppressions(replace(spec, text="")))


def net(*steps: str, size: str = "[8, 8, 3]", layers: str = "") -> str:
    """A spec of these steps."""
    return f"archdsl: 1\nname: Net\ninput: {size}\n{layers}model:\n" + "".join(f"  - {step}\n" for step in steps)


def codes(*steps: str, size: str = "[8, 8, 3]") -> list[str]:
    return [finding.code for finding in findings(net(*steps, size=size))]


@pytest.mark.parametrize("code", WARNINGS)
def test_the_text_of_a_finding(code: str, golden: Golden) -> None:
    (wrong,) = re.findall(r"^```yaml wrong\n(.*?)^```$", explanations.explain(code), re.DOTALL | re.MULTILINE)
    told = findings(wrong)
    assert told
    golden(f"{code}.txt", "".join(f"{finding.render()}\n" for finding in told))
    assert all(finding.span and finding.span.text == wrong.splitlines()[finding.span.line - 1] for finding in told)


def test_the_rules_are_complete_and_in_order() -> None:
    assert sorted(set(WARNINGS)) == WARNINGS
    assert len(RULES) >= 19
    for rule in RULES:
        assert re.fullmatch("ARCH5[0-9][0-9]", rule.code)
        assert rule.title
        assert rule.condition
        assert rule.page.count("```yaml") == 2


def test_the_notebook_has_44564480_dead_parameters_and_throws_a_third_of_its_work_away() -> None:
    spec = load("funny_resnet_notebook")
    graph = resolve(spec)
    told = aloud(spec)
    assert sum(one.parameters for one in told if one.code == "ARCH501") == 44_564_480
    lost = sum(one.macs for one in told if one.code == "ARCH504")
    # The strided 1x1 reads 8x8 of 15x15, 4x4 of 8x8 and 2x2 of 4x4 places of the convolution before it.
    unread = [(15 * 15 - 64, 3, 128), (64 - 16, 5, 256), (16 - 4, 7, 512)]
    assert lost == sum(places * k * k * (f * f + (f // 4) ** 2) for places, k, f in unread)
    assert round(100 * lost / graph.totals.macs) == 33
    assert summarize(told, graph.totals) == (
        "9 warnings, 44,564,480 of 86,757,322 parameters receive no gradient (51.4 %), "
        "the results of 33.1 % of the multiply-accumulates are discarded"
    )


@pytest.mark.parametrize("name", names())
def test_the_zoo_has_the_reviewed_findings_and_no_others(name: str) -> None:
    told = {finding.code for one in load(name).every() for finding in aloud(one)}
    assert told == TOLD.get(name, set())


def test_keras_resnet_throws_away_what_its_strided_convolutions_do_not_read() -> None:
    """By hand: of the last 3x3 and the last 1x1 of a stage, three quarters; so in three stages."""
    spec = load("resnet50")
    (late,) = [one for one in aloud(spec) if one.code == "ARCH504"]
    stages = [(56, 64), (28, 128), (14, 256)]
    assert late.macs == sum(side * side * 3 // 4 * (9 * f * f + 4 * f * f) for side, f in stages)
    assert "(and `conv` on line" in late.message
    assert late.hint.startswith("move `stride: 2` to `main/conv_2`")


def pairs(window: Window) -> list[tuple[int, int, int]]:
    """Each output, tap and input that meet, one by one."""
    found = []
    for output, tap, place in product(range(window.steps), range(window.kernel), range(window.length)):
        one, other = (place, output) if window.upward else (output, place)
        if other == one * window.stride + tap * window.dilation - window.before:
            found.append((output, tap, place))
    return found


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """A window as `same` and `valid` have it, of a convolution or a transposed one."""
    length, kernel = draw(st.integers(1, 12)), draw(st.integers(1, 9))
    stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    reach = (kernel - 1) * dilation + 1
    same, upward = draw(st.booleans()), draw(st.booleans())
    if upward:
        steps = length * stride if same else (length - 1) * stride + max(reach, stride)
        before = max((length - 1) * stride + reach - steps, 0) // 2
    else:
        length = length if same else max(length, reach)
        steps = -(-length // stride) if same else (length - reach) // stride + 1
        before = max((steps - 1) * stride + reach - length, 0) // 2 if same else 0
    return Window(length, steps, kernel, stride, dilation, before, upward)


def bits(places: set[int]) -> int:
    return sum(1 << place for place in places)


@settings(max_examples=300, deadline=None)
@given(windows(), st.data())
def test_what_a_window_meets_is_what_one_finds_place_by_place(window: Window, data: st.DataObject) -> None:
    needed = data.draw(st.one_of(st.just(ALL), st.integers(0, (1 << window.steps) - 1)))
    first = data.draw(st.integers(0, window.length - 1))
    stop = data.draw(st.integers(first + 1, window.length))
    all_pairs = pairs(window)
    mine = [(o, t, i) for o, t, i in all_pairs if needed >> o & 1]
    assert window.read(needed) == clipped(bits({i for _, _, i in mine}), window.length)
    assert window.live(needed, (first, stop)) == bits({t for _, t, i in mine if first <= i < stop})
    if window.upward:
        lost = {(t, i) for o, t, i in all_pairs if not needed >> o & 1}
        assert window.unread(needed) == pytest.approx(len(lost) / (window.length * window.kernel))
    else:
        assert window.products((first, stop)) == len({(o, t) for o, t, i in all_pairs if first <= i < stop})
        assert window.unread(needed) == pytest.approx(
            1 - len({o for o in range(window.steps) if needed >> o & 1}) / window.steps
        )


def test_an_axis_without_end_costs_nothing() -> None:
    window = Window(LONGEST * 1_000, LONGEST * 500, 3, 2)
    assert window.read(0b101) == ALL
    assert window.live(0b101).bit_count() == 3
    assert clipped(0b1, LONGEST * 1_000) == ALL


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_dead_weights_of_a_convolution_are_those_that_never_meet_a_number(data: st.DataObject) -> None:
    """From the spec to the number: any map, kernel, stride or dilation, padding, and rows that nobody reads."""
    size = [data.draw(st.integers(1, 7)), data.draw(st.integers(1, 7))]
    kernel = [data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))]
    stride, dilation = data.draw(st.sampled_from([(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)]))
    kind = data.draw(st.sampled_from(["conv", "depthwise_conv", "separable_conv"]))
    pad = data.draw(st.sampled_from(["same", 1, 3]))
    row = data.draw(st.integers(-1, 1))
    filters = "filters: 4, " if kind != "depthwise_conv" else ""
    step = f"{kind}: {{{filters}kernel: {kernel}, stride: {stride}, dilation: {dilation}, padding: {pad}}}"
    try:
        told = findings(net(step, f"take: {{index: {row}}}" if row < 1 else "relu", size=f"[{size[0]}, {size[1]}, 2]"))
    except ArchError:
        return  # the window is larger than the padded map
    alive = [taps_by_hand(size[axis], kernel[axis], stride, dilation, pad, row if axis == 0 else 1) for axis in (0, 1)]
    dead = kernel[0] * kernel[1] - alive[0] * alive[1]
    each = {"conv": 8, "depthwise_conv": 2, "separable_conv": 2}[kind]
    assert sum(one.parameters for one in told if one.code == "ARCH501") == dead * each


def taps_by_hand(length: int, kernel: int, stride: int, dilation: int, pad: Any, row: int) -> int:
    """Taps that meet a pixel for an output that is read: row 0, row -1, or any for 1."""
    reach = (kernel - 1) * dilation + 1
    if pad == "same":
        outputs = -(-length // stride)
        before = max((outputs - 1) * stride + reach - length, 0) // 2
    else:
        outputs, before = (length + 2 * pad - reach) // stride + 1, pad
    read = range(outputs) if row == 1 else [row % outputs]
    return sum(any(0 <= o * stride + t * dilation - before < length for o in read) for t in range(kernel))


def test_a_batch_norm_in_between_keeps_a_tap_alive_because_its_statistics_read_everything() -> None:
    """Without it, the strided 1x1 convolution alone decides which positions count."""
    bare = ("conv: {filters: 4, kernel: 7, padding: same}", "relu", "conv: {filters: 4, kernel: 1, stride: 2}")
    normed = (bare[0], "batch_norm", *bare[1:])
    dead = [f for f in findings(net(*bare, size="[4, 4, 2]")) if f.code == "ARCH501"]
    assert [f.parameters for f in dead] == [8 * (49 - 36)]
    fact = "7x7 kernel on a 4x4 feature map: 13 of 49 taps meet only padding or positions that no op reads"
    assert dead[0].facts[0] == fact
    told = codes(*normed, size="[4, 4, 2]")
    assert "ARCH501" not in told
    assert "ARCH504" in told


def test_a_kernel_that_is_standardized_has_no_dead_taps() -> None:
    step = "{filters: 4, kernel: 7, padding: same, activation: relu}"
    assert "ARCH501" in codes(f"conv: {step}", "flatten", size="[2, 2, 2]")
    assert "ARCH501" not in codes(f"standardized_conv: {step}", "flatten", size="[2, 2, 2]")


def test_padding_of_its_own_is_as_dead_as_same() -> None:
    for steps in (
        ("conv: {filters: 4, kernel: 3, padding: 1}",),
        ("zero_pad: {padding: 1}", "relu", "conv: {filters: 4, kernel: 3}"),
    ):
        (dead,) = [f for f in findings(net(*steps, size="[1, 1, 2]")) if f.code == "ARCH501"]
        assert dead.parameters == 8 * 8
    assert "ARCH501" not in codes(
        "rescale: {scale: 2.0, offset: 1.0}",
        "zero_pad: {padding: 1}",
        "batch_norm",
        "conv: {filters: 4, kernel: 3}",
        size="[1, 1, 2]",
    )


LAYERS = """layers:
  Unit:
    args: {filters: int}
    steps: [conv: {filters: $filters, kernel: 7, padding: same, activation: relu}]
  Pair: {args: {filters: int}, steps: [Unit: {filters: $filters}, Unit: {filters: $filters}]}
"""


def test_equal_uses_are_one_finding_with_their_number_their_sum_and_the_most_expensive_chain() -> None:
    steps = ("Pair: {filters: 4}\n    repeat: 8", "Unit: {filters: 6}", "flatten")
    told = [one for one in findings(net(*steps, size="[2, 2, 4]", layers=LAYERS)) if one.code == "ARCH501"]
    (dead,) = told
    assert (dead.uses, dead.parameters) == (17, 40 * 4 * 4 * 16 + 40 * 4 * 6)
    assert dead.span is not None
    assert dead.span.line == 7
    assert dead.facts[1].startswith("17 uses: 11,200 parameters, ")
    assert dead.trail == ("in Unit, from Pair at line 8 (filters=4)", "in Pair, from Net at line 10 (filters=4)")


def test_the_most_expensive_finding_is_first() -> None:
    told = findings(
        net("conv: {filters: 4, kernel: 9, padding: same, norm: batch}", "relu", "relu", "flatten", size="[2, 2, 4]")
    )
    assert [one.code for one in told] == ["ARCH501", "ARCH506", "ARCH507"]
    assert told[0].data()["parameters"] == told[0].parameters == 16 * (81 - 9)


@pytest.mark.parametrize(
    ("steps", "code", "there"),
    [
        (("relu", "max_pool", "relu6"), "ARCH507", False),  # relu6 cuts
        (("relu6", "max_pool", "relu6"), "ARCH507", True),
        (("relu6", "relu"), "ARCH507", True),
        (("relu: {slope: 0.1}", "max_pool", "relu"), "ARCH507", False),
        (("relu", "batch_norm", "relu"), "ARCH507", False),
        (("sigmoid", "dropout: {rate: 0.5}", "relu"), "ARCH507", True),
        (("linear", "relu"), "ARCH507", False),
        (("conv: {filters: 4, kernel: 3}", "instance_norm"), "ARCH506", True),
        (("conv: {filters: 4, kernel: 3}", "layer_norm"), "ARCH506", False),
        (("conv: {filters: 4, kernel: 3}", "relu", "batch_norm"), "ARCH506", False),
        (("conv: {filters: 4, kernel: 3}", "batch_norm: {renorm: true}"), "ARCH506", False),
        (("dropout: {rate: 0.0}", "batch_norm"), "ARCH514", False),
        (("gaussian_dropout: {rate: 0.2}", "batch_norm"), "ARCH514", True),
        (("conv: {filters: 6, kernel: 3, groups: 3}",), "ARCH513", True),
        (("conv: {filters: 4, kernel: 3, dilation: 2, padding: same}",), "ARCH503", False),
        (("conv: {filters: 4, kernel: 5, dilation: 2, padding: same}",), "ARCH503", True),
        (("conv: {filters: 4, kernel: 1}", "conv: {filters: 8, kernel: 1}"), "ARCH518", False),
        (("conv: {filters: 8, kernel: 3}", "conv: {filters: 4, kernel: 1}"), "ARCH518", True),
        (("conv: {filters: 8, kernel: 3, activation: relu}", "conv: {filters: 4, kernel: 1}"), "ARCH518", False),
        (("crop: 0", "instance_norm"), "ARCH516", False),
        (("global_average_pool: {keepdims: true}", "instance_norm"), "ARCH516", True),
        (("conv: {filters: 4, kernel: 1}", "crop: {border: 2}"), "ARCH504", True),
        (("conv_transpose: {filters: 4, kernel: 3, stride: 2}", "crop: {border: 3}"), "ARCH504", True),
        (("conv: {filters: 4, kernel: 3, padding: same}", "max_pool: {size: 3}"), "ARCH504", True),
        (("conv: {filters: 4, kernel: 3, padding: same}", "max_pool"), "ARCH504", False),
        (("max_pool: {size: 1, stride: 2}",), "ARCH505", True),
        (("upsample", "max_pool"), "ARCH505", False),
    ],
)
def test_where_a_finding_begins(steps: tuple[str, ...], code: str, there: bool) -> None:
    steps = tuple(step.replace("crop: 0", "crop: {border: 0}") for step in steps)
    assert (code in codes(*steps)) == there


def test_biases_through_a_sum_are_reported_unless_another_op_reads_them() -> None:
    two = "paths: [[conv: {filters: 3, kernel: 1}], [conv: {filters: 3, kernel: 1, padding: same}]]\n    merge: add"
    (told,) = [one for one in findings(net(two, "batch_norm")) if one.code == "ARCH506"]
    assert (told.uses, told.parameters) == (2, 6)
    shared = "conv: {filters: 3, kernel: 1}\n    name: a", "batch_norm", "add: {}\n    from: [a, batch_norm_1]"
    shared = (shared[0], "batch_norm: {}\n    name: b", "add: {}\n    from: [a, b]")
    assert "ARCH506" not in codes(*shared)


def test_channels_of_which_some_are_never_read() -> None:
    steps = ("conv: {filters: 8, kernel: 1}", "batch_norm", "take_channels: {start: 1, step: 2}", "relu")
    (told,) = [one for one in findings(net(*steps)) if one.code == "ARCH502"]
    assert told.parameters == 4 * (3 + 1)


def test_dead_taps_are_counted_only_for_channels_that_are_read() -> None:
    """Unread channels are counted as a whole by another rule: no weight is counted twice."""
    steps = ("conv: {filters: 8, kernel: 7, padding: same}", "take_channels: {stop: 2}", "flatten")
    told = {one.code: one.parameters for one in findings(net(*steps, size="[2, 2, 3]"))}
    assert told["ARCH501"] == 40 * 3 * 2
    assert told["ARCH502"] == (49 * 3 + 1) * 6


def test_less_than_a_hundredth_of_the_work_is_not_reported() -> None:
    """The windows skip the last row of an odd map; its share depends on the other layers."""
    odd = ("conv: {filters: 1, kernel: 1}", "relu", "max_pool")
    assert "ARCH504" in codes(*odd, "flatten", size="[9, 9, 1]")
    assert "ARCH504" not in codes(*odd, "conv: {filters: 99, kernel: 3}", "relu", "flatten", size="[9, 9, 1]")


def test_a_network_without_convolutions_may_be_one_dense_layer() -> None:
    assert codes("flatten", "dense: {units: 10}") == []


def test_several_readers_read_what_any_of_them_reads() -> None:
    even = "conv: {filters: 4, kernel: 1, stride: 2}"
    text = net(
        "conv: {filters: 4, kernel: 3, padding: same, activation: relu}",
        f"paths: {{a: [{even}], b: [conv: {{filters: 4, kernel: 3, stride: 2, padding: same}}]}}\n    merge: add",
    )
    assert "ARCH504" not in [one.code for one in findings(text)]
    both = net(
        "conv: {filters: 4, kernel: 3, padding: same, activation: relu}",
        f"paths: {{a: [{even}], b: [{even}]}}\n    merge: add",
    )
    assert "ARCH504" in [one.code for one in findings(both)]


def test_the_recipe_and_the_end_of_the_network() -> None:
    def told(end: str, said: str) -> list[str]:
        text = net("global_average_pool", f"dense: {{units: 10, activation: {end}}}")
        return [one.code for one in findings(f"{text}train: {{loss: categorical_crossentropy{said}}}\n")]

    assert told("softmax", ", from_logits: true") == ["ARCH515"]
    assert told("none", ", from_logits: false") == ["ARCH515"]
    assert told("none", ", from_logits: true") == told("none", "") == told("softmax", "") == []


SUPPRESSED = """archdsl: 1 {file}
name: Net
input: [8, 8, 3]
layers:
  Unit: {layer}
    steps:
{above}      - conv: {{filters: 4, kernel: 3, norm: batch, activation: relu}} {line}
      - conv:
          filters: 4
          kernel: 3
          norm: batch {field}
          activation: relu
model:
  - Unit {model}
  - flatten
"""


def suppressed(**places: str) -> list[tuple[str, str]]:
    """The findings for a file with two redundant biases and comments at some places."""
    text = SUPPRESSED.format(**dict.fromkeys(("file", "layer", "above", "line", "field", "model"), "") | places)
    return [(one.code, one.message) for one in findings(text)]


ALLOW = "# archdsl: allow ARCH506 - the paper has it so"
BOTH = ("ARCH506", "redundant biases in 2 layers: the following normalizations cancel 8 parameters")
ONE = ("ARCH506", "redundant bias: the following normalization cancels 4 parameters")


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ({}, [BOTH]),
        ({"file": ALLOW}, []),
        ({"layer": ALLOW}, []),
        ({"line": ALLOW}, [ONE]),
        ({"above": f"      {ALLOW}\n"}, [ONE]),
        ({"above": f"      {ALLOW}\n      # and more\n\n"}, [ONE]),
        (
            {"line": "# archdsl: allow ARCH501, ARCH506 - as published"},
            [ONE, ("ARCH599", "unused suppression of ARCH501")],
        ),
        ({"line": "# archdsl: allow ARCH506"}, [BOTH, ("ARCH599", "the suppression of ARCH506 gives no reason")]),
        ({"line": "# archdsl: allow ARCH506 -  "}, [BOTH, ("ARCH599", "the suppression of ARCH506 gives no reason")]),
        ({"line": "# archdsl: allow"}, [BOTH, ("ARCH599", "this suppression names no code")]),
        (
            {"line": "# archdsl: allow everything, please"},
            [BOTH, ("ARCH599", "unknown code `everything`"), ("ARCH599", "unknown code `please`")],
        ),
        (
            {"line": "# archdsl: allow ARCH021 - why"},
            [BOTH, ("ARCH599", "`ARCH021` is an error, which cannot be suppressed")],
        ),
        ({"model": ALLOW}, [BOTH, ("ARCH599", "unused suppression of ARCH506")]),
        ({"field": "# archdsl: allows nothing"}, [BOTH]),
    ],
)
def test_a_suppression(places: dict[str, str], found: list[tuple[str, str]]) -> None:
    assert suppressed(**places) == found


def test_a_suppression_inside_a_string_is_not_a_comment() -> None:
    text = net("conv: {filters: 4, kernel: 3, norm: batch}", "flatten")
    for doc in ('doc: "# archdsl: allow ARCH506 - no"', "doc: |\n  a\n  # archdsl: allow ARCH506 - no"):
        told = findings(text.replace("input:", f"{doc}\ninput:"))
        assert [one.code for one in told] == ["ARCH506"]


def test_a_suppression_survives_the_long_form() -> None:
    from archdsl.expansion import expand

    text = net(f"conv: {{filters: 4, kernel: 3, norm: batch}}   {ALLOW}", "flatten")
    assert findings(text) == ()
    long = expand(text, "net.yaml")
    assert ALLOW in long
    assert long != text
    assert findings(long) == ()


def test_a_suppression_that_another_variant_needs_is_not_unused() -> None:
    text = net(
        "conv: {filters: 4, kernel: 5, padding: same, activation: relu}   # archdsl: allow ARCH503 - of the small one",
        "flatten",
    )
    text = text.replace("input: [8, 8, 3]\n", "input: [8, 8, 3]\nvariants: {small: {input: [4, 4, 3]}}\n")
    spec = loads(text, "net.yaml")
    suppressions = Suppressions(spec)
    for one in spec.every():
        assert lint(one, resolve(one), suppressions) == ()
    assert [*suppressions.unused()] == []
    assert lint(spec, resolve(spec)) == ()  # alone it cannot know


def test_random_specs_never_make_it_fail() -> None:
    texts = [*several(0, 75), *(random_bodies.spec(Random(seed)) for seed in range(75))]
    looked = 0
    for text in texts:
        try:
            spec = loads(text, "net.yaml")
            graph = resolve(spec)
        except ArchError:
            continue
        looked += 1
        for one in lint(spec, graph):
            assert one.code in WARNINGS
            assert one.message
            assert "{" not in one.message
            assert 0 <= one.parameters <= graph.totals.parameters
            assert 0 <= one.macs <= graph.totals.macs
            assert one.span is None or one.span.text == text.split("\n")[one.span.line - 1]
            assert one.render().startswith(f"net.yaml:{one.span.line}" if one.span else "warning")
    assert looked >= 60


def test_every_op_can_be_followed() -> None:
    """Every example of every op passes on each kind of need, within the shapes of its inputs."""
    from archdsl.analysis.liveness import InputLiveness, Liveness
    from archdsl.ops import OPS

    asked = 0
    for op in OPS.values():
        for example in op.examples:
            built = op.model_validate(example.fields)
            node = loaded_node(built, example.output)
            for places in ((ALL,) * len(example.output), (1,) * len(example.output), (0,) * len(example.output)):
                lives, _ = InputLiveness().of(node, example.inputs, Liveness(places, places), lambda node: "")
                asked += 1
                assert len(lives) == len(example.inputs)
                for live, shape in zip(lives, example.inputs, strict=True):
                    assert len(live.inference) == len(shape)
                    assert all(0 <= one < 1 << n or one == ALL for one, n in zip(live.inference, shape, strict=True))
    assert asked >= 300


def loaded_node(op: Any, shape: tuple[int, ...]) -> Any:
    from archdsl.graph import Node, StepName, TensorRef, Totals

    return Node("op_1", StepName("op", 1), op.name, "main", (TensorRef("input"),), shape, Totals(), op)


def test_the_lint_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    script = "import sys; import archdsl.linting; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert not set(done.stdout.split()) & {"tensorflow", "keras", "numpy", "typer"}


def test_a_layer_that_is_repeated_5000_times_is_analyzed_once() -> None:
    text = net(
        "Unit: {filters: 3}\n    repeat: 5000",
        "flatten",
        size="[8, 8, 3]",
        layers=LAYERS.replace("7", "3").split("  Pair")[0],
    )
    spec = loads(text, "net.yaml")
    graph = resolve(spec)
    from archdsl.analysis.dataflow import Dataflow

    assert len(Dataflow(graph).bodies) <= 4


def test_bodies_that_are_used_in_many_ways_are_analyzed_a_few_times_each() -> None:
    """Each of 131,072 uses reads one more row of the preceding one; there are 18 bodies."""
    from archdsl.analysis.dataflow import LEAST, Dataflow

    doubled = "".join(f"  L{i}: {{steps: [L{i - 1}: {{}}, L{i - 1}: {{}}]}}\n" for i in range(1, 18))
    layers = f"layers:\n  L0: {{steps: [conv: {{filters: 1, kernel: [3, 1], padding: same}}]}}\n{doubled}"
    crop = "crop: {border: [[3990, 3990], [0, 0]]}"
    graph = resolve(loads(net("L17", crop, size="[8000, 1, 1]", layers=layers), "net.yaml"))
    assert LEAST // 2 < len(Dataflow(graph).bodies) < LEAST


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `archdsl` in an empty folder: the exit code, stdout, stderr."""
    import sys

    from archdsl.cli import main

    monkeypatch.chdir(tmp_path)
    biased = net(
        "conv: {filters: 4, kernel: 5, norm: batch, activation: relu}", "global_average_pool", "dense: {units: 3}"
    )
    (tmp_path / "biased.yaml").write_text(biased, encoding="utf-8")
    family = biased.replace("input: [8, 8, 3]\n", "input: [8, 8, 3]\nvariants: {wide: {input: [9, 9, 3]}}\n")
    (tmp_path / "family.yaml").write_text(family, encoding="utf-8")
    (tmp_path / "clean.yaml").write_text(biased.replace("kernel: 5", "kernel: 5, bias: false"), encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text(biased.replace("flatten", "x").replace("conv", "convv"), encoding="utf-8")

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return command


def test_check_prints_warnings_after_its_line_about_the_spec(run: Run, golden: Golden) -> None:
    code, out, err = run("check", "biased.yaml", "clean.yaml", "family.yaml")
    assert (code, out.count(": ok: ")) == (0, 4)
    golden("check.txt", err)
    assert "family.yaml[wide]: 1 warning (1 listed above)" in err
    assert run("check", "clean.yaml")[2] == ""


def test_strict_exits_5_if_there_are_findings(run: Run) -> None:
    assert run("check", "biased.yaml", "--strict")[0] == 5
    assert run("check", "clean.yaml", "--strict")[0] == 0
    assert run("check", "biased.yaml", "wrong.yaml", "--strict")[0] == 1


def test_lint_prints_findings_on_stdout_and_exits_5(run: Run) -> None:
    code, out, err = run("lint", "biased.yaml")
    assert (code, err) == (5, "")
    assert out.startswith("biased.yaml:5:5: warning[ARCH506]: ")
    assert out.endswith("biased.yaml: 1 warning\n")
    assert run("lint", "clean.yaml") == (0, "clean.yaml: no findings\n", "")
    assert run("lint", "wrong.yaml")[0] == 1


def test_warnings_as_data(run: Run) -> None:
    import json

    for command, ends in (("check", 0), ("lint", 5)):
        code, out, err = run(command, "family.yaml", "clean.yaml", "--json")
        assert (code, err) == (ends, "")
        entries = json.loads(out)
        assert [[one["code"] for one in entry["warnings"]] for entry in entries] == [["ARCH506"], ["ARCH506"], []]
        assert entries[0]["warnings"][0]["parameters"] == 4
    assert "warnings" not in json.loads(run("check", "wrong.yaml", "--json")[1])[0]


def test_warnings_annotate_a_change(run: Run) -> None:
    code, out, err = run("check", "biased.yaml", "--format", "github")
    assert (code, err) == (0, "")
    title = "title=ARCH506 redundant bias before a normalization"
    assert f"::warning file=biased.yaml,line=5,col=5,endColumn=9,{title}::" in out
    assert run("lint", "clean.yaml", "--format", "github") == (0, "", "")


def test_an_unused_suppression_is_reported_after_all_variants(run: Run, tmp_path: Path) -> None:
    idle = (
        (tmp_path / "family.yaml")
        .read_text("utf-8")
        .replace("activation: relu}", f"activation: relu}}   {ALLOW}")
        .replace("kernel: 5", "kernel: 5, bias: false")
    )
    (tmp_path / "idle.yaml").write_text(idle, encoding="utf-8")
    code, out, _ = run("lint", "idle.yaml")
    assert code == 5
    assert out.count("ARCH599") == 1
    assert run("lint", "idle.yaml", "--variant", "wide")[0] == 0


TWICE = """archdsl: 1
name: Net
input: [8, 8, 4]
model:
  - {conv: {filters: 4, kernel: 1, activation: relu}, name: a}
  - {share: a, name: b}
  - {take_channels: {stop: 2}, from: READ, name: part}
  - {concat: {}, from: [part, OTHER]}
  - global_average_pool
  - dense: {units: 3, activation: softmax}
"""


def linted(text: str) -> tuple[Finding, ...]:
    spec = loads(text)
    return lint(spec, resolve(spec))


def test_a_shared_weight_is_dead_only_if_all_of_its_calls_are() -> None:
    for read, other in (("b", "a"), ("b", "b")):
        found = linted(TWICE.replace("READ", read).replace("OTHER", other))
        assert "ARCH502" not in {one.code for one in found}
    alone = TWICE.replace("  - {concat: {}, from: [part, OTHER]}\n", "").replace("READ", "b")
    assert "ARCH502" not in {one.code for one in linted(alone)}  # the first call reads all channels
    apart = alone.replace("{share: a, name: b}", "{conv: {filters: 4, kernel: 1, activation: relu}, name: b}")
    assert "ARCH502" in {one.code for one in linted(apart)}


def test_a_finding_in_a_shared_layer_counts_its_weights_once() -> None:
    text = """archdsl: 1
name: Net
inputs: {left: [8, 8, 3], right: [8, 8, 3]}
layers:
  Encoder: {steps: [conv: {filters: 4, kernel: 3, norm: batch, activation: relu}, global_average_pool]}
model:
  - {Encoder: {}, from: left, name: a}
  - {share: a, from: right, name: b}
  - {subtract: {}, from: [a, b]}
"""
    (found,) = linted(text)
    assert (found.code, found.uses, found.parameters) == ("ARCH506", 1, 4)


def sized(rank: int, side: int) -> str:
    """An input of the same size along each axis, with 3 channels."""
    return str([*(side,) * rank, 3])


@pytest.mark.parametrize(
    ("rank", "message"),
    [
        (1, "the sequence is 3 long from here on, but 3 convolutions larger than 1 follow"),
        (2, "the feature map is 3x3 from here on, but 3 convolutions larger than 1x1 follow"),
        (3, "the volume is 3x3x3 from here on, but 3 convolutions larger than 1x1x1 follow"),
    ],
)
def test_a_map_of_any_rank_that_is_small_too_early(rank: int, message: str) -> None:
    conv, strided = ("conv: {filters: 4, kernel: 3, padding: same, activation: relu}", "max_pool: {size: 4}")
    end = ("global_average_pool", "dense: {units: 3, activation: softmax}")
    (found,) = findings(net(conv, strided, conv, conv, conv, *end, size=sized(rank, 12)))
    assert (found.code, found.message) == ("ARCH509", message)
    assert found.span is not None
    assert found.span.line == 6
    assert codes(conv, strided, conv, conv, conv, *end, size=sized(rank, 16)) == []
    pooled = ("max_pool: {size: 12}", conv.replace("kernel: 3", "kernel: 1"))
    assert "ARCH509" not in codes(conv, *pooled, *end, size=sized(rank, 12))


@pytest.mark.parametrize(
    ("rank", "message"),
    [
        (1, "the receptive field before the global pool is 5 of 32 positions"),
        (2, "the receptive field before the global pool is 5x5 of 32x32 pixels"),
        (3, "the receptive field before the global pool is 5x5x5 of 32x32x32 positions"),
    ],
)
def test_a_narrow_view_of_an_input_of_any_rank(rank: int, message: str) -> None:
    conv = "conv: {filters: 4, kernel: 3, padding: same, activation: relu}"
    end = ("global_average_pool", "dense: {units: 3, activation: softmax}")
    (found,) = findings(net(conv, conv, *end, size=sized(rank, 32)))
    assert (found.code, found.message) == ("ARCH510", message)
    assert codes(conv, conv, *end, size=sized(rank, 10)) == []
    if rank == 1:
        assert codes(conv, "lstm: {units: 4, return_sequences: true}", *end, size=sized(rank, 32)) == []


def test_the_words_for_windows_on_a_sequence_and_a_volume() -> None:
    wide = "conv: {filters: 4, kernel: 9, padding: same, activation: relu}"
    (dead,) = findings(net(wide, "flatten", size="[2, 3]"))
    assert dead.facts[0] == "kernel of 9 on a sequence of 2: 6 of 9 taps only ever meet padding"
    assert dead.hint == "use a kernel of 3, or reduce the strides before this step"
    (large,) = findings(net(wide, "flatten", size="[6, 3]"))
    assert large.message == "the window of 9 is larger than its sequence of 6"
    (large,) = findings(net(wide, "flatten", size="[6, 6, 6, 3]"))
    assert large.message == "the 9x9x9 window is larger than its 6x6x6 volume"
    (unread, *_) = findings(net("max_pool: {size: 3, stride: 3}", "flatten", size="[7, 3]"))
    assert unread.message == "1 of 7 input positions are never read"


@pytest.mark.parametrize(("more", "reported"), [("", ["ARCH521"]), (", weights: {from: runs/first}", [])])
def test_trained_weights_have_settled_averages(more: str, reported: list[str]) -> None:
    (rule,) = (rule for rule in RULES if rule.code == "ARCH521")
    spec = loads(rule.wrong.replace("epochs: 5", f"epochs: 5{more}"), "net.yaml")
    assert [finding.code for finding in lint(spec, resolve(spec))] == reported
