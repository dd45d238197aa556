"""Check the steps inside `time_distributed`."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.errors import Problems, Span
from archdsl.source import Node, Sequence
from archdsl.steps import EACH_STEP, Branches, EachStep, LayerCall, OpCall, Share, Step


def each_step(steps: tuple[Step, ...], node: Node, problems: Problems) -> EachStep | None:
    """Return steps that are called for each step of the first axis.

    They become a single Keras layer with one input and one output, or a `keras.Sequential`.

    Args:
        steps: The steps.
        node: The node of the steps.
        problems: Collects the problems.
    """
    for step in steps:
        for what, span in _refused(step):
            hint = "put the steps in a layer, and call the layer here"
            if what == "`from`" and step is steps[0]:
                hint = f"move it next to `{EACH_STEP}`"
            elif what == "`kernel`":
                hint = "put both steps in a layer, and call the layer here"
            problems.add("ARCH022", f"{what} is not allowed inside `{EACH_STEP}`", span, hint)
    if isinstance(node, Sequence) and not node.items:
        problems.add("ARCH006", f"`{EACH_STEP}` is empty", node.span, f"add a step, as in `{EACH_STEP}: [relu]`")
    elif steps and not any(step.loop.never_empty for step in steps):
        hint = f"move the condition next to `{EACH_STEP}`, or add a step without one"
        problems.add("ARCH006", f"`{EACH_STEP}` may have no steps", node.span, hint)
    return EachStep(steps) if steps else None


def _refused(step: Step) -> Iterator[tuple[str, Span]]:
    """Yield what a step cannot have inside `time_distributed`, with its place."""
    action = step.action
    if isinstance(action, Branches | Share):
        yield f"`{step.kind}`", step.span
        return
    if step.refs:
        yield "`from`", step.refs[0].span
    parts: tuple[OpCall, ...] = action if isinstance(action, tuple) else ()
    for word, tie in (item for part in parts for item in part.ties.items()):
        yield f"`{word}`", tie.span
    if parts and parts[0].op.without_input:
        yield f"`{step.kind}`", step.span
    values = [value for part in parts for value in part.fields.values()]
    values += action.arguments.values() if isinstance(action, LayerCall) else ()
    for value in (*values, *step.loop.values()):
        if value.reads_here:
            yield "`$here`", value.span
