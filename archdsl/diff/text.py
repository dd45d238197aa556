"""The differences between two networks as text, as plain data, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.diff.comparison import Comparison, StepRow
from archdsl.diff.edits import (
    Edit,
    FieldEdit,
    InputEdit,
    Insert,
    Move,
    OutputEdit,
    Remove,
    Rename,
    Rewire,
    Update,
)
from archdsl.diff.rename_advice import advice
from archdsl.diff.steps import format_value
from archdsl.diff.weights import WeightTensor, parameters
from archdsl.graph import StepName, Totals
from archdsl.names import stem
from archdsl.ops.base import show
from archdsl.text import (
    BOLD,
    CYAN,
    GREEN,
    RED,
    YELLOW,
    columns,
    first_fitting,
    fold,
    markdown_table,
    quantity,
    short_count,
)

ARROW = "\N{RIGHTWARDS ARROW}"
MARKS: dict[type[Edit], str] = {Insert: "+", Remove: "-", Move: ">", Rename: ">"}
"""The mark at the start of a line, by kind of edit; `~` for all others."""

FEW = 3
"""The number of pieces of advice that are shown; `--json` has all."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a diff: mark, name of the step, and description."""

    mark: str
    name: str
    description: str


def to_text(
    comparison: Comparison, names: tuple[str, str], depth: int = 1, whole: bool = False, width: int | None = None
) -> str:
    """Format the differences as text, one kind per paragraph.

    Args:
        comparison: the differences.
        names: the names to show for the two networks.
        depth: how many levels of layers to open in the table.
        whole: whether to show edits that only result from others.
        width: the width to fit the text into.
    """
    blocks = [[f"--- {names[0]}", f"+++ {names[1]}"]]
    if comparison.is_equal:
        blocks.append(["the networks are identical"])
    else:
        lines = list(_lines(comparison, whole))
        longest = min(max((len(line.name) for line in lines), default=0), 60 if width is None else width * 2 // 5)
        shown = []
        for line in lines:
            shown += fold(f"{line.mark} {line.name:{longest}}  {line.description}".rstrip(), width, longest + 4)
        if (left_out := _following(comparison)) and not whole:
            shown.append(f"  {_left_out(left_out)} (--all)")
        blocks.append(shown)
        weights = [part for line in _weight_lines(comparison, str) for part in fold(line, width)]
        blocks += [block for block in (_table(comparison, depth, width), weights) if block]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def to_data(comparison: Comparison, names: tuple[str, str]) -> dict[str, Any]:
    """Convert the differences to plain data, with layers of every depth."""
    weights = comparison.weights
    both = (comparison.before, comparison.after)
    return {
        "equal": comparison.is_equal,
        **{
            side: {
                "spec": name,
                "name": graph.name,
                "parameters": graph.totals.parameters,
                "trainable": graph.totals.trainable,
                "variables": graph.totals.variables,
                "macs": graph.totals.macs,
            }
            for side, name, graph in zip(("before", "after"), names, both, strict=True)
        },
        "arguments": [_field_data(field) for field in comparison.arguments],
        "changes": [_edit_data(edit) for edit in comparison.edits],
        "layers": [_row_data(row) for row in comparison.rows(depth=10**6)],
        "weights": {
            kind: {
                "tensors": len(found),
                "parameters": parameters(found),
                **({} if kind == "carried" else {"paths": [_tensor_data(tensor) for tensor in found]}),
            }
            for kind in ("carried", "strangers", "moved", "reshaped", "new", "missing")
            for found in [getattr(weights, kind)]
        },
        "advice": list(advice(comparison.edits)),
    }


def to_markdown(comparison: Comparison, names: tuple[str, str], depth: int = 1) -> str:
    """Format the differences for a pull request: totals first, long tables collapsed."""
    blocks = [f"### {_code(names[0])} {ARROW} {_code(names[1])}"]
    if comparison.is_equal:
        return f"{blocks[0]}\n\nThe networks are identical.\n"
    totals = comparison.before.totals, comparison.after.totals
    rows = [
        (word, *(f"{getattr(side, name):,}" for side in totals), _percent(*(getattr(side, name) for side in totals)))
        for word, name in (("parameters", "parameters"), ("trainable", "trainable"), ("multiply-accumulates", "macs"))
    ]
    blocks.append(markdown_table(("", "before", "after", ""), rows).rstrip())
    lines = [
        f"- `{line.mark}` {_code(line.name)} {_code(line.description)}" for line in _lines(comparison, whole=False)
    ]
    if left_out := _following(comparison):
        lines.append(f"- {_left_out(left_out)}")
    blocks.append("\n".join(lines))
    if found := _merged(list(comparison.rows(depth))):
        table = [[_cell(cell) for cell in (f"{mark} {name}", *rest)] for mark, (name, *rest) in map(_cells, found)]
        inner = markdown_table(("layer", "output", "parameters", "", "MACs", ""), table).rstrip()
        blocks.append(f"<details><summary>Layers</summary>\n\n{inner}\n\n</details>")
    weights = [f"- {line}" for line in _weight_lines(comparison, _code)]
    return "\n\n".join([*blocks, "\n".join(weights)]) + "\n"


def _lines(comparison: Comparison, whole: bool) -> Iterator[DiffLine]:
    before, after = comparison.before, comparison.after
    if before.name != after.name:
        yield DiffLine("~", "the model", f"name {before.name} {ARROW} {after.name}")
    if comparison.arguments:
        yield DiffLine("~", after.name, ", ".join(map(_field, comparison.arguments)))
    for first, last in _runs([edit for edit in comparison.edits if whole or not edit.follows]):
        if first is last:
            yield DiffLine(MARKS.get(type(first), "~"), _where(first), _describe(first))
        else:
            (old, new), (old_end, new_end) = first.uses[0], last.uses[0]
            more = f" (in {quantity(first.count, 'layer')})" if first.count > 1 else ""
            yield DiffLine(MARKS[Move], f"{new} to {new_end.own}", f"were {old} to {old_end.own}{more}")


def _runs(edits: Sequence[Edit]) -> Iterator[tuple[Edit, Edit]]:
    """Yield each edit twice, or the first and the last of consecutive steps whose numbers shifted equally."""
    runs: list[tuple[Edit, Edit]] = []
    for edit in edits:
        if runs and _shift(edit) and _shift(edit) == _shift(runs[-1][1]):
            runs[-1] = (runs[-1][0], edit)
        else:
            runs.append((edit, edit))
    yield from runs


def _shift(edit: Edit) -> tuple[Any, ...]:
    """The branch of a step and how far its number shifted; empty for any other edit."""
    if not isinstance(edit, Move) or edit.crossed:
        return ()
    old, new = edit.uses[0]
    places = [(name.scope, name.path, name.base) for name in (old, new)]
    return edit.kind, edit.count, *places, new.number - old.number


def _following(comparison: Comparison) -> int:
    return sum(edit.follows for edit in comparison.edits)


def _where(edit: Edit) -> str:
    """The first affected step, and the number of others."""
    if isinstance(edit, InputEdit | OutputEdit):
        return edit.word if edit.path == edit.word else f"{edit.word} {edit.path}"
    return edit.path + (f" and {edit.count - 1:,} more" if edit.count > 1 else "")


def _describe(edit: Edit) -> str:
    old, new = edit.uses[0]
    was = f"was {old}" if old.own != new.own else ""
    match edit:
        case InputEdit(fields=(FieldEdit(name="shape") as shape,)):
            return f"{shape.before} {ARROW} {shape.after}"
        case InputEdit(fields=fields):
            return ", ".join(map(_field, fields))
        case Update(fields=fields):
            return ", ".join(map(_field, fields)) + (f" ({was})" if was else "")
        case Move(crossed=True):
            return "reordered" + (f", {was}" if was else "")
        case Move() | Rename():
            return f"was {old}"
        case Rewire(before=before, after=after):
            return f"from {before} {ARROW} {after}"
        case OutputEdit(before=before, after=after):
            return f"{before} {ARROW} {after}" if old and new else "added" if new else "removed"
    return edit.label + (f", {edit.parameters:,} parameters" if edit.parameters else "")


def _field(field: FieldEdit) -> str:
    return f"{field.name} {format_value(field.before)} {ARROW} {format_value(field.after)}"


def _table(comparison: Comparison, depth: int, width: int | None) -> list[str]:
    """Format the layers whose shape or cost differs, followed by the totals.

    In a narrow terminal, counts are abbreviated; then percentages, shapes, or both are dropped.
    """
    rows = _merged(list(comparison.rows(depth)))
    if not rows:
        return []
    name, totals = StepName("total"), (comparison.before.totals, comparison.after.totals)
    sums = StepRow(name, name, "", 0, (None, None), totals)
    forms = [(range(6), "{:,}".format), *((kept, short_count) for kept in _SHORTER)]
    tables = []
    for kept, count in forms:
        lines: list[tuple[str, tuple[str, ...]]] = [("", ("", "output", "parameters", "", "MACs", ""))]
        lines += [_cells((row, times), count) for row, times in [*rows, (sums, 1)]]
        table = [[f"{mark or ' '} {cells[0]}", *(cells[at] for at in kept if at)] for mark, cells in lines]
        tables.append([row for row in table if any(row[1:])])
    chosen = first_fitting(tables, width)
    return columns(chosen, range(1, len(chosen[0]))).splitlines()


_SHORTER = (range(6), (0, 1, 2, 4), (0, 2, 3, 4, 5), (0, 2, 4))
"""The columns with abbreviated counts: all; without percentages; without shapes; without both."""


def _merged(rows: Sequence[StepRow]) -> list[tuple[StepRow, int]]:
    """Merge equal consecutive rows, and count them."""
    found: list[tuple[StepRow, int]] = []
    for row in rows:
        if found and _alike(found[-1][0], row):
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((row, 1))
    return found


def _alike(one: StepRow, other: StepRow) -> bool:
    names = [stem(name) for row in (one, other) for name in (row.name, row.was)]
    facts = [(row.level, row.shapes, row.totals) for row in (one, other)]
    return names[:2] == names[2:] and facts[0] == facts[1]


def _cells(merged: tuple[StepRow, int], count: Callable[[int], str] = "{:,}".format) -> tuple[str, tuple[str, ...]]:
    row, times = merged
    mark = "" if row.name and row.was else "+" if row.name else "-"
    name = "  " * row.level + (row.name or row.was) + (f" ×{times}" if times > 1 else "")
    shapes = [show(shape) for shape in row.shapes if shape is not None]
    output = f" {ARROW} ".join(dict.fromkeys(shapes))
    return mark, (name, output, *_numbers(row.totals, "parameters", count), *_numbers(row.totals, "macs", count))


def _numbers(totals: tuple[Totals | None, Totals | None], name: str, count: Callable[[int], str]) -> tuple[str, str]:
    """Format a number before and after, and its change in percent."""
    known = [getattr(side, name) for side in totals if side is not None]
    before, after = known[0], known[-1]
    if before == after:
        return count(after) if after else "", ""
    return f"{count(before)} {ARROW} {count(after)}", _percent(before, after)


def _percent(before: int, after: int) -> str:
    if not before or before == after:
        return ""
    share = (after - before) / before * 100
    return f"{share:+,.0f} %" if abs(share) >= 10 else f"{share:+.2f} %"


def _weight_lines(comparison: Comparison, quoted: Callable[[str], str]) -> Iterator[str]:
    """Yield one line per kind of weights, followed by advice on how to keep more of them."""
    weights, totals = comparison.weights, comparison.after.totals
    yield (
        f"{len(weights.carried):,} of {quantity(totals.variables, 'weight tensor')} carry over by path and shape: "
        f"{parameters(weights.carried):,} of {totals.parameters:,} parameters"
    )
    for kind, one, many in _KINDS:
        found: tuple[WeightTensor, ...] = getattr(weights, kind)
        if found:
            count = f"{len(found):,} {one if len(found) == 1 else many} ({quantity(parameters(found), 'parameter')})"
            yield f"{count}: {quoted(_first(found[0]))}{_more(found)}"
    lines = advice(comparison.edits)
    for line in lines[:FEW]:
        yield f"help: {line}"
    if len(lines) > FEW:
        yield f"help: likewise for {len(lines) - FEW:,} more"


_KINDS = (
    ("strangers", "of these belongs to a different step", "of these belong to different steps"),
    ("moved", "moved", "moved"),
    ("reshaped", "changed shape", "changed shape"),
    ("new", "added", "added"),
    ("missing", "removed", "removed"),
)
"""The kinds of weights that do not simply carry over, in singular and plural."""


def _first(tensor: WeightTensor) -> str:
    shapes = f" {show(tensor.before)} {ARROW} {show(tensor.shape)}" if tensor.before is not None else ""
    return (f"{tensor.was} {ARROW} " if tensor.was else "") + tensor.path + shapes


def _more(tensors: Sequence[WeightTensor]) -> str:
    return f" and {len(tensors) - 1:,} more" if len(tensors) > 1 else ""


def _left_out(number: int) -> str:
    return f"and {quantity(number, 'resulting change')}"


def _field_data(field: FieldEdit) -> dict[str, Any]:
    return {"name": field.name, "before": field.before, "after": field.after}


def _edit_data(edit: Edit) -> dict[str, Any]:
    fields = edit.fields if isinstance(edit, Update | InputEdit) else ()
    before, after = (edit.before, edit.after) if isinstance(edit, Rewire | OutputEdit) else ("", "")
    return {
        "what": edit.word,
        "class": edit.kind,
        "label": edit.label,
        "count": edit.count,
        "follows": edit.follows,
        "fields": [_field_data(field) for field in fields],
        "paths": [{"before": old or None, "after": new or None} for old, new in edit.uses],
        "inputs": {"before": before, "after": after} if before or after else None,
        "lines": {
            side: span.line if span else None for side, span in zip(("before", "after"), edit.spans, strict=True)
        },
    }


def _row_data(row: StepRow) -> dict[str, Any]:
    sides = zip(("before", "after"), (row.was, row.name), row.shapes, row.totals, strict=True)
    return {
        "path": row.path,
        **{
            side: None
            if totals is None
            else {
                "name": name,
                "output": list(shape or ()),
                "parameters": totals.parameters,
                "trainable": totals.trainable,
                "macs": totals.macs,
            }
            for side, name, shape, totals in sides
        },
    }


def _tensor_data(tensor: WeightTensor) -> dict[str, Any]:
    more = {"was": tensor.was} if tensor.was else {"before": list(tensor.before)} if tensor.before is not None else {}
    return {"path": tensor.path, "shape": list(tensor.shape), **more}


def _code(text: str) -> str:
    """Text of a spec as inline code, without any Markdown or HTML."""
    return f"`{text.replace('`', chr(39))}`" if text else ""


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|")


_FOLDED = r".*(?:\n {5,}\S.*)*$"
"""The rest of a line, with its continuation lines in a narrow terminal."""

COLORS = {
    rf"^\+ {_FOLDED}": GREEN,
    rf"^- {_FOLDED}": RED,
    rf"^~ {_FOLDED}": YELLOW,
    rf"^> {_FOLDED}": CYAN,
    r"^(?:---|\+\+\+) .*$": BOLD,
    r"^help:": GREEN,
}
"""Colors for added, removed, changed and moved steps, the names of the networks, and advice."""
