"""What is wrong with a picture of a graph: each check gives a sentence for every fault that it finds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, takewhile

from dot_edges import Expected
from pictures import Area, Part, Picture, around, has_arial

from archdsl.diagrams import Options
from archdsl.graph import Graph, Node

EXACT = 1.25
"""Points by which a column or an axis may be crooked: older Graphviz rounds to whole points."""

ROUNDED = 1.5 if has_arial() else 15.0
"""Points by which boxes of one width may differ: a table's cells are rounded twice, and wider letters widen a box."""

HINTED = 0.5 if has_arial() else 2.5
"""Points by which a text may stick out: where DejaVu's letters stand in, they are narrower than they are."""

GAP = 0.1
"""Points between two pieces of a line that nobody sees."""

KINK = 0.35
"""By how much a line may lean to a side where it runs through a space, for each point of its way."""

OUTLINE = 0.6
"""Points by which a corner of a line is drawn larger than its place says."""

SWING = 12.0
"""Points by which a shortcut of a wide diagram swings out of the cluster around it: so Graphviz bends such curves."""


@dataclass(frozen=True, slots=True)
class Bunch:
    """Lanes side by side, in the spec's order, with the parts of the picture that stand in each.

    Args:
        column: by lane, those that stand in it and in no lane inside it.
        shortcut: what stands for the shortcut.
        cluster: by lane, the name of the cluster around it.
    """

    merge: str
    lanes: dict[str, list[Part]]
    column: dict[str, list[Part]]
    shortcut: list[Part]
    cluster: dict[str, str]


@dataclass(frozen=True, slots=True)
class View:
    """A picture, and what it should show."""

    picture: Picture
    graph: Graph
    options: Options

    def across(self, area: Area) -> float:
        """Where the middle of something stands across the direction of the diagram."""
        return area.middle[1 if self.options.is_wide else 0]

    def span(self, area: Area) -> tuple[float, float]:
        """From where to where something reaches across the direction of the diagram."""
        return (area.top, area.bottom) if self.options.is_wide else (area.left, area.right)

    @property
    def ends(self) -> tuple[list[str], list[str]]:
        """The names of what stands for inputs and outputs."""
        starts = ["(input)"] if [*self.graph.inputs] == ["input"] else [f"(input {name})" for name in self.graph.inputs]
        ends = ["(output)"] if [*self.graph.outputs] == ["output"] else [f"(output {n})" for n in self.graph.outputs]
        return starts, ends

    def bunches(self) -> list[Bunch]:
        return list(self._bunches(self.graph, "", self.options.depth))

    def frames(self) -> list[str]:
        """The names of the layers that are drawn with their inside."""
        return list(self._frames(self.graph, "", self.options.depth))

    def bodies(self, graph: Graph, scope: str, depth: int) -> Iterator[tuple[Graph, str, int]]:
        for node in graph.nodes:
            inner = f"{scope}{node.name}/"
            if node.body is not None and any(name.startswith(inner) for name in self.picture.nodes):
                yield node.body, inner, depth - 1

    def _frames(self, graph: Graph, scope: str, depth: int) -> Iterator[str]:
        for body, inner, left in self.bodies(graph, scope, depth):
            if not is_u(body):
                yield inner.removesuffix("/")
                yield from self._frames(body, inner, left)

    def groups(self) -> dict[str, set[str]]:
        """By cluster of a repeated group of the model, what stands inside: nodes whose places come again."""
        found = {}
        often = Counter(node.span for node in self.graph.nodes)
        for number, first in enumerate(self.graph.nodes):
            if f"cluster {first.name} group" in self.picture.clusters:
                inside = [n.name for n in takewhile(lambda n: often[n.span] > 1, self.graph.nodes[number:])]
                heads = tuple(f"{name}{sign}" for name in inside for sign in ("/", " in"))
                found[f"cluster {first.name} group"] = {
                    name for name in self.picture.nodes if name in inside or name.startswith(heads)
                }
        return found

    def _bunches(self, graph: Graph, scope: str, depth: int) -> Iterator[Bunch]:
        for node in graph.nodes:
            if node.parts and f"{scope}{node.name}" in self.picture.nodes:
                yield self._bunch(node, scope)
        for body, inner, left in self.bodies(graph, scope, depth):
            if not is_u(body):
                yield from self._bunches(body, inner, left)

    def _bunch(self, merge: Node, scope: str) -> Bunch:
        start = f"cluster {scope}{merge.name} "
        titles = {
            re.sub(r"^\d+ ", "", name.removeprefix(start)): name
            for name in self.picture.names
            if name.startswith(start)
        }
        lanes, column, cluster = {}, {}, {}
        for part in sorted(merge.parts, key=lambda part: part == "shortcut"):
            home = titles.get(part) or titles.get(re.sub(r"_\d+$", "", part), "")
            identity, lane = home.removeprefix("cluster ") + " identity", scope + "/".join((*merge.path, part, ""))
            nodes = self.picture.nodes.values()
            found = [node for node in nodes if node.name.startswith(lane) or node.name == identity]
            if found:
                lanes[part], cluster[part] = found, home
                column[part] = [
                    n for n in found if n.name == identity or not re.search("[ /]", n.name.removeprefix(lane))
                ]
        return Bunch(f"{scope}{merge.name}", lanes, column, lanes.pop("shortcut", []), cluster)


def is_u(body: Graph) -> bool:
    """Whether a layer contains itself, and so is drawn as a U, which has no lanes and no frames."""
    return any(node.kind == body.name for node in body.nodes)


def complete(view: View) -> Iterator[str]:
    """Every node and every edge of the graph is there once."""
    counted = view.picture.counted
    yield from (f"`{name}` is there {times} times" for name, times in counted.items() if times > 1)
    lines = Counter(edge.name for edge in view.picture.edges)
    expected = Expected(counted, view.options.depth)
    inputs, outputs = view.ends
    starts = expected.body(view.graph, "", view.options.depth, inputs)
    expected.edges.update((str(start), end) for start, end in zip(starts, outputs, strict=True))
    expected.nodes |= {*inputs, *outputs}
    wanted = Counter({"->".join(ends): times for ends, times in expected.edges.items()})
    yield from (
        f"the line `{name}` is there {times} times" for name, times in lines.items() if times > max(1, wanted[name])
    )
    real = {name for name in counted if " " not in name or name.startswith("(")}
    yield from (f"`{name}` is one too many or missing" for name in real ^ expected.nodes)
    found = view.picture.joined(real)
    yield from (f"the edge {' -> '.join(edge)} is one too many" for edge in (found - expected.edges))
    yield from (f"the edge {' -> '.join(edge)} is missing" for edge in {*expected.edges} - {*found})
    parts = (*view.picture.nodes.values(), *view.picture.clusters.values())
    texts = [text.words for part in parts for text in part.texts if text.is_bold]
    pills = [int(pill[1]) for text in texts if (pill := re.fullmatch(r"\s*×(\d+)\s*", text))]
    if (expected.edges - found).total() + expected.folded != sum(pills) - len(pills):
        yield f"the pills {pills} do not tell what is drawn once for several"


def on_one_axis(view: View) -> Iterator[str]:
    """Input, outermost merges and output stand in one line, even where there is text beside edges."""
    inputs, outputs = view.ends
    names = [*inputs, *outputs, *(b.merge for b in view.bunches() if not _is_in_lane(b.merge, view))]
    places = {name: view.across(view.picture.nodes[name].area) for name in names}
    if max(places.values()) - min(places.values()) > EXACT:
        yield f"the axis is crooked by {max(places.values()) - min(places.values()):.1f}: {places}"


def _is_in_lane(merge: str, view: View) -> bool:
    inside = [f"{name}/" for name in view.frames() if merge.startswith(f"{name}/")]
    return "/" in merge.removeprefix(max(inside, key=len, default=""))


def in_order(view: View) -> Iterator[str]:
    """Lanes stand in the spec's order, one beside the other, and the shortcut is outermost."""
    for bunch in view.bunches():
        spans = {name: view.span(around(part.area for part in parts)) for name, parts in bunch.lanes.items()}
        for (one, a), (other, b) in pairwise(spans.items()):
            if a[1] >= b[0]:
                yield f"{bunch.merge}: `{one}` is not before `{other}`"
        if bunch.shortcut and spans:
            shortcut = view.span(around(part.area for part in bunch.shortcut))
            if shortcut[0] <= max(span[1] for span in spans.values()):
                yield f"{bunch.merge}: the shortcut is not outermost"


def straight(view: View) -> Iterator[str]:
    """The nodes of a lane stand in one column."""
    for bunch in view.bunches():
        for name, parts in bunch.column.items():
            places = [view.across(part.area) for part in parts]
            if places and max(places) - min(places) > EXACT:
                yield f"{bunch.merge}: the column `{name}` is crooked by {max(places) - min(places):.1f}"


def apart(view: View) -> Iterator[str]:
    """No two nodes overlap."""
    for one, other in combinations(view.picture.nodes.values(), 2):
        if one.areas and other.areas and one.area.meets(other.area):
            yield f"`{one.name}` and `{other.name}` overlap"


def equally_wide(view: View) -> Iterator[str]:
    """The boxes of one bunch are."""
    for bunch in view.bunches():
        parts = [part for column in bunch.column.values() for part in column if part.texts and not part.is_round]
        widths = [part.area.width for part in parts]
        if widths and max(widths) - min(widths) > ROUNDED:
            yield f"{bunch.merge}: boxes are {min(widths):.0f} to {max(widths):.0f} wide"


def in_clusters(view: View) -> Iterator[str]:
    """What belongs into a cluster is inside, everything else outside, and clusters overlap only as their names say."""
    clusters, nodes = view.picture.clusters, view.picture.nodes.values()
    homes: dict[str, set[str]] = {}
    for bunch in view.bunches():
        everything = {**bunch.lanes, **({"shortcut": bunch.shortcut} if bunch.shortcut else {})}
        homes |= {bunch.cluster[name]: {part.name for part in parts} for name, parts in everything.items()}
    for frame in view.frames():
        inside = {part.name for part in nodes if part.name.startswith((f"{frame}/", f"{frame} in"))}
        homes[f"cluster {frame}"] = inside
    homes |= view.groups()
    sections = {f"cluster {name}" for name in ("stem", "body", "head")}
    yield from (f"`{name}` stands for nothing" for name in {*clusters} - {*homes} - sections)
    yield from (f"`{name}` is missing" for name in {f"cluster {frame}" for frame in view.frames()} - {*clusters})
    for name, cluster in clusters.items():
        for part in nodes:
            if part.name in homes.get(name, set()) and not cluster.area.holds(part.area):
                yield f"`{part.name}` is not in `{name}`"
            if cluster.area.meets(part.area) and not cluster.area.holds(part.area):
                yield f"`{part.name}` crosses the border of `{name}`"
            is_other = name in homes and part.name not in homes[name] and " space " not in part.name
            if is_other and cluster.area.meets(part.area):
                yield f"`{part.name}` does not belong into `{name}`"
    for (one, a), (other, b) in combinations(clusters.items(), 2):
        if a.area.meets(b.area) and not (a.area.holds(b.area) or b.area.holds(a.area)):
            yield f"`{one}` and `{other}` overlap"


def past_everything(view: View) -> Iterator[str]:
    """No line runs through a node that it does not belong to, or through a title, or through what stands at a line."""
    picture = view.picture
    texts = [(text, name) for name, cluster in picture.clusters.items() for text in cluster.texts]
    for edge in picture.edges:
        for part in picture.nodes.values():
            if part.name not in edge.ends and edge.runs_through(part.area):
                yield f"`{edge.name}` runs through `{part.name}`"
        for text, name in texts:
            if edge.runs_through(text.area):
                yield f"`{edge.name}` runs through the title `{text.words}` of `{name}`"


def within(view: View) -> Iterator[str]:
    """A line between two nodes of one cluster stays inside, and every line on the page."""
    picture = view.picture
    for name, cluster in picture.clusters.items():
        inside = {part.name for part in picture.nodes.values() if part.areas and cluster.area.holds(part.area)}
        for edge in picture.edges:
            if inside.issuperset(edge.ends) and not cluster.area.holds(
                edge.reach, SWING if view.options.is_wide else EXACT
            ):
                yield f"`{edge.name}` leaves `{name}`"


def unbroken(view: View) -> Iterator[str]:
    """A line that is made of several pieces has no gap where they meet."""
    for node in view.picture.nodes.values():
        corner = re.fullmatch(r"body \d+ (top|foot)", node.name)
        if node.areas and corner:
            lines = [edge.line for edge in view.picture.edges if node.name in edge.ends]
            gaps = [min(node.area.distance(line[end]) for end in (0, -1)) for line in lines]
            if len(gaps) != 2 or max(gaps) > GAP + OUTLINE:
                yield f"a line has gaps of {gaps} points at `{node.name}`"
    for space in view.picture.spaces:
        yield from _joint(view, space)


def _joint(view: View, space: str) -> Iterator[str]:
    """Where a line runs on through a space, its two pieces overlap, and it has no kink."""
    along, across = (0, 1) if view.options.is_wide else (1, 0)
    coming = [edge.line for edge in view.picture.edges if edge.ends[1] == space]
    leaving = [edge.line for edge in view.picture.edges if edge.ends[0] == space]
    if not (coming or leaving):  # a shortcut's line passes by its spaces
        return
    end, start = coming[0][-1], leaving[0][0]
    if start[along] - end[along] > GAP or abs(start[across] - end[across]) > GAP:
        yield f"a line has a gap at `{space}`: {end} to {start}"
    for one, other in (coming[0][-2:], leaving[0][:2]):
        if abs(other[across] - one[across]) > KINK * abs(other[along] - one[along]):
            yield f"a line has a kink at `{space}`"


def beside_labels(view: View) -> Iterator[str]:
    """Text beside a line is on no node, on no title and on no other such text, and no line runs through it."""
    picture = view.picture
    labels = [(text, edge.name) for edge in picture.edges for text in edge.texts]
    titles = [(text, name) for name, cluster in picture.clusters.items() for text in cluster.texts]
    for text, name in labels:
        for part in picture.nodes.values():
            if part.area.meets(text.area):
                yield f"the text `{text.words}` at `{name}` is on `{part.name}`"
        for edge in picture.edges:
            if edge.runs_through(text.area):
                yield f"`{edge.name}` runs through the text `{text.words}` at `{name}`"
    for (one, a), (other, b) in combinations(labels + titles, 2):
        if one.area.meets(other.area):
            yield f"the texts `{one.words}` at `{a}` and `{other.words}` at `{b}` overlap"


def fitting(view: View) -> Iterator[str]:
    """No text is wider than its box, its title's cluster or the page."""
    for part in (*view.picture.nodes.values(), *view.picture.clusters.values()):
        for text in part.texts:
            if part.areas and not part.is_round and not part.area.holds(text.area, HINTED):
                yield f"the text `{text.words}` sticks out of `{part.name}`"


def telling(view: View) -> Iterator[str]:
    """A node that stands for an op tells its name, its weights and the spec's line to who points at it."""
    yield from _telling(view, view.graph, "", view.options.depth)


def _telling(view: View, graph: Graph, scope: str, depth: int) -> Iterator[str]:
    shown = [node for node in graph.nodes if f"{scope}{node.name}" in view.picture.nodes]
    for node in shown:
        wanted = [f"line {node.span.line}"] if node.span else ["no line"]
        wanted += [f"{name} {'×'.join(map(str, weight.shape))}" for name, weight in node.weights.items()]
        tip = view.picture.nodes[f"{scope}{node.name}"].tip
        if not all(re.search(rf"{re.escape(word)}(?![\d×])", tip) for word in (node.name, *wanted)):
            yield f"`{scope}{node.name}` tells `{tip}`, not {wanted}"
    for body, inner, left in view.bodies(graph, scope, depth):
        yield from _telling(view, body, inner, left)


CHECKS: tuple[Callable[[View], Iterator[str]], ...] = (
    complete,
    in_order,
    straight,
    apart,
    equally_wide,
    in_clusters,
    past_everything,
    within,
    unbroken,
    beside_labels,
    fitting,
    telling,
)
