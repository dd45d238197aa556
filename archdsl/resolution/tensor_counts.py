"""Check that steps in loops and optional steps return as many tensors as they take."""

from __future__ import annotations

from archdsl.errors import fail
from archdsl.spec import Spec
from archdsl.steps import Branches, Step
from archdsl.text import quantity


def check_copy(step: Step, taken: int, returned: int) -> None:
    """Raise an error if a copy of a step returns another number of tensors than the next one takes."""
    if returned == taken:
        return
    takes = f"each copy of `{step.base_name}` takes {quantity(taken, 'tensor')}"
    hint = _how_to_repeat(step) if taken > 1 else "a repeated step must return as many tensors as it takes"
    raise fail("ARCH022", f"{takes} but returns {returned}", step.span, hint)


def check_optional(spec: Spec, step: Step, taken: int) -> None:
    """Raise an error if a step that may be skipped does not return as many tensors as it takes."""
    returned = len(spec.output_names(step)) or 1
    if returned == taken or step.loop.never_empty:
        return
    hint = "put it into a group to pass on the previous step instead: `- {steps: [...], when: ...}`"
    if _is_group(step):
        hint = "move `from` to the first step of the group, to pass on the previous step instead"
    if taken == 1:
        hint = "an optional step must return as many tensors as it takes"
    elif step.loop.when is None:
        hint = _how_to_repeat(step)
    gives = f"`{step.base_name}` returns {quantity(returned, 'tensor')}"
    passed = f"{taken} passes" if taken == 1 else f"{taken} pass"
    raise fail("ARCH022", f"{gives}, but {passed} through if it is skipped", step.span, hint)


def _how_to_repeat(step: Step) -> str:
    """Return a hint for a step that cannot be repeated, because it takes more tensors than it returns."""
    if _is_group(step):
        return "take one tensor into the group, and name the others in a `from` inside it"
    return "repeat a group instead, in which `from` names the other tensors: `- {steps: [...], repeat: ...}`"


def _is_group(step: Step) -> bool:
    return isinstance(step.action, Branches) and step.action.is_group
