"""A spec in which steps of all kinds read the shape of what arrives at them."""

ARRIVING = """\
archdsl: 1
name: Net
input: [8, 8, 4]
layers:
  Grow:
    args: {factor: 2}
    steps:
      - conv: {filters: $here.channels * $factor, kernel: 3, padding: same, norm: batch}
      - {conv: {filters: $here.channels + $input.channels, kernel: 1}, repeat: $here.height // 4}
      - paths:
          main: [conv: {filters: $here.channels // 2, kernel: 1, padding: 1}]
          deep: [relu, conv: {filters: $here.channels // 2, kernel: 1, padding: $here.height // 8}]
          many: {steps: [conv: {filters: 4, kernel: 1, padding: 1}], repeat: $here.channels // 8}
        merge: concat
        shortcut: [conv: {filters: $here.channels, kernel: 1, padding: 1}]
      - {conv: {filters: $here.channels, kernel: 1}, when: $here.channels > 8}
      - conv: {filters: 3, kernel: 3, activation: {leaky_relu: {slope: 1 / $here.channels}}}
model:
  - rescale: {scale: $(1 / 127.5)}
  - Grow: {factor: $here.channels + $i}
    for: {i: 2}
    name: stage
  - {average_pool: {size: $here.height}, from: stage_1, name: pooled}
  - {conv: {filters: $here.width, kernel: 1}, from: [stage]}
  - {average_pool: {size: $here.height}, name: other}
  - {concat: {}, from: [pooled, other]}
"""
