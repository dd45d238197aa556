"""A spec, and edits of it."""

from __future__ import annotations

BASE = """\
archdsl: 1
name: Net
input: [16, 16, 3]
args: {width: 8}
layers:
  Block:
    args: {filters: int, stride: 1}
    paths:
      wide:
        - conv: {filters: $filters, kernel: 3, stride: $stride, padding: same, norm: batch, activation: relu}
        - conv: {filters: $filters, kernel: 3, padding: same}
      narrow:
        - conv: {filters: $filters, kernel: 1, stride: $stride}
    shortcut: auto
    merge: add
    after: relu
model:
  - conv: {filters: $width, kernel: 3, padding: same}
  - conv: {filters: 12, kernel: 1, activation: relu}
  - batch_norm
  - Block: {filters: $width * $t}
    for: {t: [1, 2, 2]}
  - conv: {filters: 20, kernel: 1}
    name: seen
  - global_average_pool
  - dense: {units: 10}
"""


FIRST = "  - conv: {filters: $width, kernel: 3, padding: same}\n"


SECOND = "  - conv: {filters: 12, kernel: 1, activation: relu}\n"


THIRD = "      third: [conv: {filters: $filters, kernel: 1, stride: $stride}]\n"


NEW = "  - conv: {filters: 9, kernel: 5, padding: same}\n"


WIDE_END = "kernel: 3, padding: same}\n      narrow"


EDITS = {
    "nothing": ("name: Net", "name: Net   # as it was"),
    "another_width": ("width: 8", "width: 16"),
    "another_input": ("[16, 16, 3]", "[32, 32, 3]"),
    "a_step_in_front": (FIRST, NEW + FIRST),
    "a_step_with_a_name_in_front": (FIRST, f"{NEW}    name: mine\n{FIRST}"),
    "a_step_gone": (FIRST, ""),
    "a_step_swapped": (FIRST + SECOND, SECOND + FIRST),
    "a_field_in_a_layer": (WIDE_END, WIDE_END.replace("3", "5")),
    "norm_and_activation": ("norm: batch, activation: relu", "norm: layer"),
    "a_path_renamed": ("narrow", "slim"),
    "a_step_renamed": ("name: seen", "name: known"),
    "a_layer_renamed": ("Block:", "Part:"),
    "a_layer_renamed_and_named": ("Block: {filters: $width * $t}", "Part: {filters: $width * $t}\n    name: Block"),
    "a_path_more": ("    shortcut", f"{THIRD}    shortcut"),
    "another_shortcut": ("shortcut: auto", "shortcut: projection"),
    "another_merge": ("merge: add", "merge: average"),
    "one_block_less": ("[1, 2, 2]", "[1, 2]"),
    "an_argument_more": ("stride: 1}", "stride: 1, size: 1}"),
}


"""A text of the base, and what becomes of it."""
