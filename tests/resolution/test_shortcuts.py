"""Kinds of shortcuts: their steps, their strides and the names of their weights."""

from __future__ import annotations

import pytest

from archdsl import ArchError, Graph, loads, resolve
from archdsl.graph import Node
from archdsl.resolution.shortcuts import plain_ops
from archdsl.spec import INPUT
from archdsl.steps import SHORTCUTS, Branches

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 4]\n"


def layer(body: str, args: str = "", use: str = "", head: str = HEAD) -> Graph:
    """The body of a layer `A`, as the model uses it."""
    given = f"args: {{{args}}}, " if args else ""
    resolved = resolve(loads(f"{head}layers:\n  A: {{{given}{body}}}\nmodel: [A: {{{use}}}]\n"))
    body_graph = resolved.nodes[0].body
    assert body_graph is not None
    return body_graph


def names(found: Graph) -> list[str]:
    return [node.name for node in found.nodes]


def by_name(found: Graph) -> dict[str, Node]:
    return {node.name: node for node in found.nodes}


def refused(body: str, head: str = HEAD) -> ArchError:
    with pytest.raises(ArchError) as caught:
        resolve(loads(head + body))
    return caught.value


def beside(found: Graph) -> list[Node]:
    """The nodes of the shortcut."""
    return [node for node in found.nodes if node.name.startswith("shortcut/")]


CONV = "conv: {filters: 4, kernel: 3, padding: same}"
HALF = "conv: {filters: 6, kernel: 3, stride: 2, padding: same}"


class TestShortcuts:
    def shortcut(self, word: str, stride: int = 1, filters: int = 4, defaults: str = "") -> Graph:
        paths = f"paths: [[conv: {{filters: {filters}, kernel: 3, stride: {stride}, padding: same}}]]"
        return layer(f"{paths}, shortcut: {word}, merge: add", head=HEAD + defaults)

    def test_identity(self) -> None:
        assert by_name(self.shortcut("identity"))["add_1"].inputs == ("path_1/conv_1", INPUT)

    def test_identity_is_never_a_silent_projection(self) -> None:
        for stride, filters in ((2, 4), (1, 8)):
            with pytest.raises(ArchError, match="ARCH021"):
                self.shortcut("identity", stride, filters)

    def test_projection(self) -> None:
        found = self.shortcut("projection", 2, 8)
        op = by_name(found)["shortcut/conv_1"].op
        assert op is not None
        assert op.model_dump(include={"filters", "kernel", "stride", "padding", "bias"}) == {
            "filters": 8,
            "kernel": 1,
            "stride": (2, 2),
            "padding": "valid",
            "bias": True,
        }
        assert found.shape == (4, 4, 8)

    def test_projection_stands_where_shapes_agree_too(self) -> None:
        assert "shortcut/conv_1" in by_name(self.shortcut("projection"))

    def test_projection_takes_the_defaults_but_for_its_own_words(self) -> None:
        words = "kernel: 5, stride: 2, padding: same, norm: batch, activation: relu, bias: false"
        found = self.shortcut("projection", 2, 8, f"defaults: {{conv: {{{words}}}, batch_norm: {{epsilon: 1e-5}}}}\n")
        projected = [node for node in found.nodes if node.name.startswith("shortcut/")]
        assert [node.name for node in projected] == ["shortcut/conv_1", "shortcut/conv_1_norm"]
        conv, norm = (node.op for node in projected)
        assert conv is not None
        assert norm is not None
        assert (conv.kernel, conv.padding, conv.bias) == (1, "valid", False)  # type: ignore[attr-defined]
        assert norm.epsilon == 1e-5  # type: ignore[attr-defined]

    def test_the_stride_is_the_product_along_the_first_path(self) -> None:
        first = "conv: {filters: 4, kernel: 3, stride: [2, 1], padding: same}"
        steps = f"[{first}, max_pool: {{}}, conv: {{filters: 6, kernel: 1}}]"
        found = layer(f"paths: [{steps}], shortcut: projection, merge: add")
        op = by_name(found)["shortcut/conv_1"].op
        assert op is not None
        assert op.stride == (4, 2)  # type: ignore[attr-defined]
        assert found.shape == (2, 4, 6)

    def test_the_stride_behind_a_layer(self) -> None:
        inner = f"layers:\n  B: {{steps: [{HALF}]}}\n"
        found = resolve(loads(f"{HEAD}{inner}  A: {{paths: [[B]], shortcut: projection, merge: add}}\nmodel: [A]"))
        assert found.shape == (4, 4, 6)

    def test_projection_of_a_row_of_numbers(self) -> None:
        """A projection is a convolution; after `flatten` it is an error with a place, not a crash."""
        error = refused(
            "layers: {A: {paths: [[dense: {units: 3}]], shortcut: projection, merge: add}}\nmodel: [flatten, A]"
        )
        assert error.problems[0].code == "ARCH020"

    def test_auto_is_identity_where_shapes_agree(self) -> None:
        assert "shortcut/conv_1" not in by_name(self.shortcut("auto"))
        assert self.shortcut("auto").totals == self.shortcut("identity").totals

    @pytest.mark.parametrize(("stride", "filters"), [(2, 4), (1, 8), (2, 8)])
    def test_auto_is_projection_elsewhere(self, stride: int, filters: int) -> None:
        assert self.shortcut("auto", stride, filters).totals == self.shortcut("projection", stride, filters).totals

    def test_none(self) -> None:
        assert names(self.shortcut("none", 2)) == ["path_1/conv_1"]

    def test_steps_of_ones_own(self) -> None:
        found = layer(
            "paths: [[max_pool: {}]], shortcut: [average_pool: {}, conv: {filters: 4, kernel: 1}], merge: add"
        )
        assert names(found) == ["path_1/max_pool_1", "shortcut/average_pool_1", "shortcut/conv_1", "add_1"]

    def test_no_steps_of_ones_own_are_identity(self) -> None:
        assert by_name(layer("paths: [[relu]], shortcut: [], merge: add"))["add_1"].inputs == ("path_1/relu_1", INPUT)

    def test_a_word_by_an_expression(self) -> None:
        body = "paths: [[relu]], shortcut: \"'identity' if $first else 'none'\", merge: add"
        assert len(layer(body, "first: bool", "first: true").nodes) == 2
        assert len(layer(body, "first: bool", "first: false").nodes) == 1


class TestPad:
    """He et al. 2015, option A: subsampling by the stride, zero-padded channels, no weights."""

    @pytest.mark.parametrize(("stride", "filters"), [(2, 4), (1, 8), (2, 8)])
    def test_shapes_and_weights(self, stride: int, filters: int) -> None:
        path = f"conv: {{filters: {filters}, kernel: 3, stride: {stride}, padding: same}}"
        found = layer(f"paths: [[{path}]], shortcut: pad, merge: add")
        (node,) = beside(found)
        assert node.name == "shortcut/pad_shortcut_1"
        assert node.shape == found.shape == (8 // stride, 8 // stride, filters)
        assert dict(node.weights) == {}
        assert node.op is not None
        assert (node.op.filters, node.op.stride) == (filters, (stride, stride))  # type: ignore[attr-defined]

    def test_is_identity_where_shapes_agree(self) -> None:
        found = layer(f"paths: [[{CONV}]], shortcut: pad, merge: add")
        assert by_name(found)["add_1"].inputs == ("path_1/conv_1", INPUT)

    def test_takes_no_channels_away(self) -> None:
        error = refused(
            "layers: {A: {paths: [[conv: {filters: 2, kernel: 1}]], shortcut: pad, merge: add}}\nmodel: [A]"
        )
        assert error.problems[0].code == "ARCH020"
        assert "`projection`" in error.problems[0].hint

    def test_knows_no_defaults_of_a_conv(self) -> None:
        head = HEAD + "defaults: {conv: {norm: batch, activation: relu}}\n"
        found = layer(f"paths: [[{HALF}]], shortcut: pad, merge: add", head=head)
        assert [node.kind for node in beside(found)] == ["pad_shortcut"]


class TestPoolProjection:
    """He et al. 2018, ResNet-D: average pool, then a projection without stride."""

    def test_the_pool_strides_and_the_projection_does_not(self) -> None:
        found = layer(f"paths: [[{HALF}]], shortcut: pool_projection, merge: add")
        pool, conv = beside(found)
        assert (pool.name, conv.name) == ("shortcut/average_pool_1", "shortcut/conv_1")
        assert (pool.shape, conv.shape) == ((4, 4, 4), (4, 4, 6))
        assert pool.op is not None
        assert conv.op is not None
        assert pool.op.model_dump(include={"size", "stride", "padding"}) == {
            "size": (2, 2),
            "stride": (2, 2),
            "padding": "same",
        }
        assert conv.op.stride == 1  # type: ignore[attr-defined]
        assert {name: weight.shape for name, weight in conv.weights.items()} == {"kernel": (1, 1, 4, 6), "bias": (6,)}

    def test_without_a_stride_there_is_no_pool(self) -> None:
        found = layer("paths: [[conv: {filters: 6, kernel: 1}]], shortcut: pool_projection, merge: add")
        assert [node.kind for node in beside(found)] == ["conv"]

    def test_odd_sides_round_up_as_the_path_does(self) -> None:
        head = HEAD.replace("8, 8", "7, 5")
        assert layer(f"paths: [[{HALF}]], shortcut: pool_projection, merge: add", head=head).shape == (4, 3, 6)

    def test_has_a_norm_where_the_defaults_give_one(self) -> None:
        head = HEAD + "defaults: {conv: {norm: batch, activation: relu, bias: false}}\n"
        found = layer(f"paths: [[{HALF}]], shortcut: pool_projection, merge: add", head=head)
        assert [node.name for node in beside(found)] == [
            "shortcut/average_pool_1",
            "shortcut/conv_1",
            "shortcut/conv_1_norm",
        ]


class TestNamesOfWeights:
    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("identity", []),
            ("none", []),
            ("pad", []),
            ("projection", ["shortcut/conv_1/kernel", "shortcut/conv_1/bias"]),
            ("pool_projection", ["shortcut/conv_1/kernel", "shortcut/conv_1/bias"]),
            ("auto", ["shortcut/conv_1/kernel", "shortcut/conv_1/bias"]),
            ("[conv: {filters: 4, kernel: 1, bias: false}]", ["shortcut/conv_1/kernel"]),
        ],
    )
    def test_of_each_word(self, word: str, expected: list[str]) -> None:
        filters = 4 if word in ("identity", "none", "pad") or word.startswith("[") else 6
        found = layer(f"paths: {{main: [conv: {{filters: {filters}, kernel: 1}}]}}, shortcut: {word}, merge: add")
        own = [name for name, _ in found.weights() if name.startswith("shortcut")]
        assert own == expected
        assert next(iter(dict(found.weights()))).startswith("main/conv_1/")

    def test_the_number_of_a_second_shortcut_does_not_hang_on_shapes(self) -> None:
        """Whether `auto` becomes a projection depends on shapes; the names of later weights do not."""
        branches = "  - {paths: {main: [conv: {filters: %d, kernel: 1}]}, shortcut: auto, merge: add}\n"
        body = f"{HEAD}model:\n{branches % 4}{branches % 6}"
        assert "shortcut_2/conv_1/kernel" in dict(resolve(loads(body)).weights())
        body = f"{HEAD}model:\n{branches % 5}{branches % 6}"
        assert {"shortcut/conv_1/kernel", "shortcut_2/conv_1/kernel"} <= set(dict(resolve(loads(body)).weights()))


class TestStride:
    """In a first path of plain ops, the strides multiply; otherwise the shapes determine the stride."""

    PLAIN = (
        "[relu]",
        "[]",
        f"[{HALF}, {HALF}]",
        "[max_pool: {size: 3, stride: 2, padding: 1}]",
        "[max_pool]",
        "[depthwise_conv: {kernel: 3, stride: 2, padding: same}, conv: {filters: 6, kernel: 1}]",
    )
    OTHER = (
        "{steps: [relu], repeat: 1}",
        "{steps: [relu], when: true}",
        "{steps: [{dense: {units: $i + 1}}], for: {i: [1]}}",
        "[{relu: {}, repeat: 1}]",
        "[{relu: {}, when: true}]",
        "[{dense: {units: $i + 1}, for: {i: [1]}}]",
        "[{relu: {}, name: a}, {relu: {}, from: a}]",
        "[B]",
        "[{paths: [[relu], []], merge: add}]",
        "[upsample, max_pool]",
        "[conv_transpose: {filters: 4, kernel: 2, stride: 2}]",
        "[adaptive_average_pool: {size: 2}]",
    )

    @staticmethod
    def parts(path: str) -> bool:
        spec = loads(f"{HEAD}layers:\n  B: {{steps: [relu]}}\n  A: {{paths: [{path}], merge: add}}\nmodel: [A, B]\n")
        branches = spec.layers["A"].steps[0].action
        assert isinstance(branches, Branches)
        return plain_ops(branches.paths[0]) is not None

    def test_what_is_plain(self) -> None:
        assert [path for path in self.PLAIN if not self.parts(path)] == []
        assert [path for path in self.OTHER if self.parts(path)] == []

    @pytest.mark.parametrize(
        ("path", "stride"),
        [
            (f"[{HALF}, {HALF}]", (4, 4)),
            ("[max_pool: {size: 3, stride: [2, 1], padding: same}]", (2, 1)),
            ("[max_pool: {size: [1, 2]}]", (1, 2)),
            (f"[{{{HALF}, repeat: 2}}]", (4, 4)),
            (f"{{steps: [{HALF}], when: true}}", (2, 2)),
            (f"[upsample, {HALF}]", (1, 1)),
            (f"[{HALF}, upsample]", (1, 1)),
            ("[adaptive_average_pool: {size: [4, 2]}]", (2, 4)),
            ("[{max_pool: {}, name: a}, {max_pool: {}, from: a}]", (4, 4)),
            (f"[B, {HALF}]", (4, 4)),
            (f"[{{paths: [[{HALF}], [{HALF}]], merge: add}}]", (2, 2)),
        ],
    )
    def test_of_a_projection(self, path: str, stride: tuple[int, int]) -> None:
        head = (
            f"{HEAD}layers:\n  B: {{steps: [max_pool]}}\n  A: {{paths: [{path}], shortcut: projection, merge: add}}\n"
        )
        body = (
            resolve(
                loads(
                    head + "model: [A, B]"
                    if "B" in path
                    else head.replace("  B: {steps: [max_pool]}\n", "") + "model: [A]"
                )
            )
            .nodes[0]
            .body
        )
        assert body is not None
        op = by_name(body)["shortcut/conv_1"].op
        assert op is not None
        assert op.stride == stride  # type: ignore[attr-defined]

    def test_an_uneven_shape_rounds_up(self) -> None:
        head = HEAD.replace("8, 8", "7, 5")
        for path in (f"[{HALF}]", f"[{{{HALF}, repeat: 1}}]"):
            assert layer(f"paths: [{path}], shortcut: projection, merge: add", head=head).shape == (4, 3, 6)

    def test_a_first_path_that_is_not_there(self) -> None:
        """The second path is then the first one."""
        body = f"paths: {{a: {{when: $n > 1, steps: [{CONV}]}}, b: [{HALF}]}}, shortcut: projection, merge: add"
        found = layer(body, "n: int", "n: 1")
        assert found.shape == (4, 4, 6)

    def test_no_path_at_all(self) -> None:
        body = "paths: {{a: {{when: $n > 1, steps: [relu]}}}}, shortcut: {}, merge: add"
        for word, count in (("identity", 0), ("auto", 0), ("pad", 0), ("projection", 1), ("pool_projection", 1)):
            found = layer(body.format(word), "n: int", "n: 1")
            assert (len(found.nodes), found.shape) == (count, (8, 8, 4)), word


@pytest.mark.parametrize("word", SHORTCUTS)
def test_every_word_by_an_argument(word: str) -> None:
    """A literal kind and the same kind from an argument give the same network."""
    body = "paths: {{main: [conv: {{filters: 4, kernel: 1}}]}}, shortcut: {}, merge: add"
    literal = layer(body.format(word))
    given = layer(body.format("$s"), "s: str", f"s: {word}")
    assert [(n.name, n.inputs, n.shape) for n in literal.nodes] == [(n.name, n.inputs, n.shape) for n in given.nodes]


def test_an_argument_that_is_no_word() -> None:
    error = refused(
        "layers: {A: {args: {s: str}, paths: [[relu]], shortcut: $s, merge: add}}\nmodel: [A: {s: projecton}]"
    )
    assert error.problems[0].code == "ARCH013"
    assert "`projection`" in error.problems[0].hint


def test_the_article_and_he_et_al_agree() -> None:
    """A is `pad`, B is `auto`, C is `projection` everywhere: counted as He et al. count them."""
    counts = {}
    for word in ("pad", "auto", "projection"):
        paths = "paths: [[conv: {filters: $f, kernel: 3, stride: $s, padding: same, bias: false}]]"
        text = f"{HEAD}layers:\n  A: {{args: {{f: int, s: int}}, {paths}, shortcut: {word}, merge: add}}\n"
        text += "model: [A: {f: 4, s: 1}, A: {f: 8, s: 2}]\ndefaults: {conv: {bias: false}}\n"
        counts[word] = resolve(loads(text)).totals.parameters
    main = 9 * 4 * 4 + 9 * 4 * 8
    assert counts == {"pad": main, "auto": main + 4 * 8, "projection": main + 4 * 8 + 4 * 4}
