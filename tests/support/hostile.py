"""Texts that mean harm, and texts that only look so."""

from __future__ import annotations

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\n"
LAYER = "layers:\n  A:\n    args: {n: int}\n    steps: "
ONES = f"[{', '.join(['1'] * 9_000)}]"
LONG = f"max({', '.join(['$n + 1 - 1 * 2 // 3 % 4 + $n * $n - $n // 7'] * 8)})"
WORD = "L" * 40

HOSTILE = {
    "alias bomb": "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*a, *a]\n" for c in "bcdefgh"),
    "chained merge keys": "a: &a {x: 1}\n" + "".join(f"b{i}: &b{i}\n  <<: [*a, *a, *a]\n" for i in range(40)),
    "python object": HEAD + 'model: !!python/object/apply:os.system ["touch /tmp/harm"]',
    "python name": HEAD + "model: [!!python/name:os.system ]",
    "own tag": HEAD + "model: [!include /etc/passwd]",
    "directive": "%YAML 1.1\n---\n" + HEAD + "model: [relu]",
    "deep lists": HEAD + "model: " + "[" * 100_000,
    "deep mappings": HEAD + "model: " + "{a: " * 60_000,
    "deep blocks": HEAD + "model:\n" + "".join(" " * i + "-\n" for i in range(1, 400)),
    "many values": HEAD + "model: [" + "relu, " * 30_000 + "]",
    "one long word": HEAD + "model: [" + "a" * 200_000 + "]",
    "large file": HEAD + "#" * 2_000_000,
    "many keys": HEAD + "args: {" + ", ".join(f"a{i}: 1" for i in range(4_000)) + "}\nmodel: [relu]",
    "huge filters": HEAD + "model: [conv: {filters: 1000000000000, kernel: 3}]",
    "huge digits": HEAD + "model: [conv: {filters: " + "9" * 100_000 + ", kernel: 3}]",
    "huge float": HEAD + "model: [dropout: {rate: 1e99999}]",
    "huge kernel": HEAD + "model: [conv: {filters: 1, kernel: 100000000}]",
    "huge input": "archdsl: 1\nname: Net\ninput: [1000000000, 1000000000, 3]\nmodel: [flatten]",
    "huge padding": HEAD + "model: [zero_pad: {padding: 1000000000}]",
    "huge dense": "archdsl: 1\nname: Net\ninput: [65536, 65536, 65536]\nmodel: [flatten, dense: {units: 1000000}]",
    "repeat": HEAD + "model: [{relu: {}, repeat: 1000000000}]",
    "repeat in repeat": HEAD
    + "layers:\n  L0: {steps: [relu]}\n"
    + "".join(f"  L{i}: {{steps: [{{L{i - 1}: {{}}, repeat: 9999}}]}}\n" for i in range(1, 20))
    + "model: [L19]",
    "rows that leave nothing": HEAD
    + LAYER
    + "[{relu: {}, for: {i: 19000}, when: $i + $n < 0}]\nmodel: [{A: {n: $i}, for: {i: 1000}}]",
    "paths of nothing": HEAD
    + LAYER
    + "[{paths: {a: {steps: [], for: {i: 19000}, when: $i + $n >= 0}}, merge: add}]\n"
    + "model: [{A: {n: $i}, for: {i: 1000}}]",
    "column": HEAD + "model: [{relu: {}, for: {i: 1000000000}, when: $i < 0}]",
    "recursion": HEAD + LAYER + "[A: {n: $n + 1}]\nmodel: [A: {n: 1}]",
    "recursion that doubles": HEAD + LAYER + "[A: {n: $n * 2}, A: {n: $n * 2 + 1}]\nmodel: [A: {n: 1}]",
    "like itself": HEAD + "layers: {A: {like: A, with: {}}}\nmodel: [A]",
    "power": HEAD + "args: {n: 9}\nmodel: [dense: {units: $n ** $n ** $n}]",
    "loop over a long list": HEAD
    + f"args: {{l: {[1] * 3000}}}\nmodel: [dense: {{units: 'sum([sum($l) for $n in $l])'}}]",
    "lists that square": HEAD
    + "args: {l: [1, 2]}\nlayers: {A: {args: {l: list, n: int}, steps: [{relu: {}, when: len($l) > 1}, "
    + "{A: {l: '[$l for $m in $l]', n: $n - 1}, when: $n > 0}]}}\nmodel: [A: {l: $l, n: 30}]",
    "text times number": HEAD + "args: {n: 999999999}\nmodel: [dense: {units: \"len('a' * $n)\"}]",
    "deep expression": HEAD + "args: {n: 9}\nmodel: [dense: {units: " + "-" * 380 + "$n}]",
    "long expression": HEAD + "args: {n: 9}\nmodel: [dense: {units: $n" + " + $n" * 40_000 + "}]",
    "import": HEAD + "args: {n: 9}\nmodel: [dense: {units: __import__('os').system('touch harm') + $n}]",
    "open": HEAD + "args: {n: 9}\nmodel: [dense: {units: open('/etc/passwd') + $n}]",
    "attributes": HEAD + "args: {n: 9}\nmodel: [dense: {units: $n.__class__.__mro__}]",
    "lambda": HEAD + "args: {n: 9}\nmodel: [dense: {units: '(lambda: $n)()'}]",
    "class name": "archdsl: 1\nname: 'Net(object); import os'\ninput: [4]\nmodel: [relu]",
    "argument name": HEAD + "args: {'n=__import__(1)': 9}\nmodel: [relu]",
    "step name": HEAD + "model: [{relu: {}, name: '../../harm'}]",
    "zero byte": HEAD + "model: [relu\0]",
    "escape sequence": HEAD + "model: ['\x1b[2J']",
    "surrogate": HEAD + "model: ['\ud800']",
    "paths without number": HEAD + "model: [{paths: {a: {steps: [relu], repeat: 1000000}}, merge: add}]",
    "empty paths without number": HEAD + "model: [{paths: {a: {steps: [], repeat: 1000000}}, merge: add}]",
    "name with quotes": HEAD + "model: [{relu: {}, name: \"a'); import os; ('\"}]",
    "name of two lines": HEAD + 'model: [{relu: {}, name: "a\\nimport os"}]',
    "path of two lines": HEAD + 'model: [{paths: {"a\\nb": [relu]}, merge: add}]',
    "layer with brackets": HEAD + "layers: {'A(object)': {steps: [relu]}}\nmodel: [relu]",
    "column of a class": HEAD + "model: [{relu: {}, for: {__class__: 3}, when: $__class__ > 1}]",
    "variant of a folder": HEAD + "variants: {'../../etc': {}}\nmodel: [relu]",
    "input of a folder": "archdsl: 1\nname: Net\ninputs: {../x: [4]}\nmodel: [relu]",
    "output with a dot": HEAD + "model: [{relu: {}, name: a}]\noutputs: [a.__class__]",
    "from with a dot": HEAD + "model: [{relu: {}, name: a}, {relu: {}, from: a.__class__}]",
    "loops in loops": HEAD
    + LAYER
    + "[{relu: {}, for: {i: 200}, when: $i < 0 and $n > 0}]\n"
    + "  B: {args: {n: int}, steps: [{A: {n: $n * 200 + $i}, for: {i: 200}}]}\n"
    + "model: [{B: {n: $i}, for: {i: 200}}]",
    "repeats under rows": HEAD
    + "model: [{paths: {a: {steps: [{relu: {}, for: {i: 1000}, repeat: $i}], repeat: 1000}}, merge: add,"
    + " for: {j: 1000}, when: $j >= 0}]",
    "column of a product": HEAD + "args: {n: 200000}\nmodel: [{relu: {}, for: {i: $n * $n * $n}, when: $i < 0}]",
    "recursion that doubles in depth": HEAD
    + LAYER
    + "[{A: {n: $n - 1}, when: $n > 0}, {A: {n: $n - 1}, when: $n > 0}, relu]\nmodel: [A: {n: 31}]",
    "recursion of other layers each time": HEAD
    + "layers:\n  A:\n    args: {n: int, m: int}\n    steps: [{A: {n: $n - 1, m: $m * 2}, when: $n > 0}, "
    + "{A: {n: $n - 1, m: $m * 2 + 1}, when: $n > 0}, {relu: {}, when: $m > 0}]\nmodel: [A: {n: 31, m: 1}]",
    "recursion in paths": HEAD
    + "layers:\n  A:\n    args: {n: int}\n    paths: [[{A: {n: $n * 2}, when: $n > 0}], [{A: {n: $n * 2 + 1}}]]\n"
    + "    merge: add\nmodel: [A: {n: 1}]",
    "huge reshape": HEAD + "model: [reshape: {shape: [99999999999, 99999]}]",
    "huge upsample": HEAD + "model: [upsample: {size: 1000000000}]",
    "upsample often": HEAD + "model: [{upsample: {size: 2}, repeat: 9500}]",
    "padding often": HEAD
    + "model: [{zero_pad: {padding: 65536}, repeat: 9500}, conv: {filters: 65536, kernel: 65536}]",
    "stride of a transposed conv often": HEAD
    + "model: [{conv_transpose: {filters: 3, kernel: 3, stride: 1000}, repeat: 1000}]",
    "dense often": HEAD + "model: [flatten, {dense: {units: 1000000}, repeat: 9500}]",
    "concat of concat": HEAD + "model: [{paths: [[], [], []], merge: concat, repeat: 9000}]",
    "long list in rows": HEAD
    + f"args: {{l: {ONES}}}\nmodel:\n  - relu: {{}}\n    for: {{i: 19000}}\n"
    + "    when: sum($l[:]) + sum($l[:]) + sum($l[:]) + sum($l[:]) + sum($l[:]) < $i\n",
    "long list as a column": HEAD
    + f"args: {{l: {ONES}}}\nmodel:\n  - relu: {{}}\n    for: {{i: $l}}\n    when: sum($l[:]) + sum($l[1:]) < $i\n",
    "long text passed on": HEAD
    + f"args: {{w: {'a' * 200_000}}}\nlayers:\n  A: {{args: {{m: str}}, steps: [{{relu: {{}}, when: $m == 'b'}}]}}\n"
    + "model: [{A: {m: $w}, repeat: 9500}]",
    "long expression in rows": HEAD
    + f"args: {{n: 3}}\nmodel:\n  - relu: {{}}\n    for: {{i: 9900}}\n    when: {LONG} < $i - 99999\n",
    "long expressions in fields": HEAD
    + f"args: {{n: 3}}\nmodel:\n  - conv: {{filters: '{LONG}', kernel: '1 + 0 * {LONG}'}}\n    repeat: 9900\n",
    "from of thousands in a loop": HEAD
    + "model: [{relu: {}, name: a}, {paths: {p: {steps: [{concat: {}, from: ["
    + "a, " * 5_000
    + "]}], repeat: 9000}}, merge: add}]",
    "layer of thousands of inputs": HEAD
    + f"layers: {{A: {{inputs: [{', '.join(f'i{i}' for i in range(2_000))}], steps: [add]}}}}\n"
    + "model: [{paths: {p: {steps: [{A: {}, from: ["
    + "input, " * 2_000
    + "]}], repeat: 4800}}, merge: add}]",
    "outputs, one a thousand times": HEAD + "model: [{relu: {}, name: a}]\noutputs: [" + "a, " * 9_000 + "]",
    "variants without number": HEAD + f"variants: {{{', '.join(f'v{i}: {{}}' for i in range(4_900))}}}\nmodel: [relu]",
    "ten thousand layers": HEAD
    + f"layers: {{{', '.join(f'L{i}: {{steps: [relu]}}' for i in range(10_000))}}}\nmodel: [L1]",
    "layers in a chain": HEAD
    + "layers: {L0: {steps: [relu]}, "
    + ", ".join(f"L{i}: {{steps: [L{i - 1}]}}" for i in range(1, 1_900))
    + "}\nmodel: [L1899]",
    "likes in a circle": HEAD
    + f"layers: {{{', '.join(f'L{i}: {{like: L{(i + 1) % 1_400}, with: {{}}}}' for i in range(1_400))}}}\nmodel: [L1]",
    "columns without number": HEAD + f"model: [{{relu: {{}}, for: {{{', '.join(f'c{i}: 2' for i in range(4_000))}}}}}]",
    "words that are almost known": HEAD
    + f"layers: {{{', '.join(f'{WORD}{i}: {{steps: [relu]}}' for i in range(1_900))}}}\n"
    + f"model: [{', '.join(f'{WORD}x{i}' for i in range(400))}]",
    "nothing but wrong words": HEAD + f"model: [{', '.join(f'rel{i}' for i in range(9_000))}]",
    "dollars": HEAD + "model: [dense: {units: '" + "$" * 399 + "'}]",
    "brackets": HEAD + "model: [dense: {units: '" + "[" * 190 + "$n" + "]" * 190 + "'}]",
    "conditions": HEAD + 'model: [dense: {units: "' + "'a' if $n else " * 20 + '"}]',
    "colons": HEAD + "model: " + ": " * 100_000,
    "dashes": HEAD + "model:\n  " + "- " * 100_000 + "relu",
    "question marks": HEAD + "? " * 100_000 + "relu",
    "quotes": HEAD + "model: [" + "'" * 100_001 + "]",
    "one long key": HEAD + "a" * 100_000 + ": 1\nmodel: [relu]",
    "emoji": HEAD + "model: [" + "\U0001f600" * 60_000 + "]",
    "expectation of a fraction": HEAD + "model: [relu]\nexpect: {parameters: 1e300}",
    "expectation of thousands": HEAD + "model: [relu]\nexpect: {output: [" + "1, " * 9_000 + "1]}",
    "expectation of an expression": HEAD + 'model: [relu]\nexpect: {parameters: "$x.__class__"}',
    "recipe of a file": HEAD + "model: [flatten]\ndata: {source: ../../etc/passwd}",
    "recipe of a function": HEAD + "model: [flatten]\ntrain: {loss: os.system}",
    "recipe of an expression": HEAD + "model: [flatten]\ndata: {source: digits, batch_size: $x.__class__}",
    "recipe without end": HEAD + "model: [flatten]\ntrain: {epochs: 1e18, optimizer: {adam: {learning_rate: -1}}}",
    "recipe of an object": HEAD + "model: [flatten]\ntrain: {optimizer: {os.system: {command: id}}}",
}

HARMLESS = {
    "long list passed on": HEAD
    + f"args: {{l: {ONES}}}\nlayers:\n  A: {{args: {{m: list}}, steps: [{{relu: {{}}, when: len($m) < 3}}]}}\n"
    + "model: [{A: {m: $l}, repeat: 9500}]",
    "long list by default": HEAD
    + f"layers:\n  A: {{args: {{m: {ONES}}}, steps: [{{relu: {{}}, when: len($m) < 3}}]}}\n"
    + "model: [{A: {}, repeat: 9500}]",
    "as many steps as are allowed": HEAD + "model: [{relu: {}, repeat: 9900}]",
    "thousands of paths": HEAD + "model: [{paths: [" + "[relu], " * 3_000 + "], merge: add}]",
    "thousands of names": HEAD + f"model: [{', '.join(f'{{relu: {{}}, name: a{i}}}' for i in range(1_900))}]",
    "thousands of copies of a name": HEAD + "model: [{relu: {}, name: a, repeat: 4900}, {gelu: {}, repeat: 4900}]",
    "names beside repeated paths": HEAD
    + "model: [{relu: {}, name: a, repeat: 4500}, {paths: [[gelu]], merge: add, repeat: 1500}]",
    "thousands taken at once": HEAD + "model: [{relu: {}, name: a}, {add: {}, from: [" + "a, " * 9_000 + "a]}]",
    "thousands of outputs": HEAD
    + f"model: [{', '.join(f'{{relu: {{}}, name: a{i}}}' for i in range(1_400))}]\n"
    + f"outputs: [{', '.join(f'a{i}' for i in range(1_400))}]",
    "thousands of layers": HEAD
    + f"layers: {{{', '.join(f'L{i}: {{steps: [relu]}}' for i in range(1_900))}}}\nmodel: [L1]",
    "likes in a chain": HEAD
    + "layers: {L0: {args: {n: 1}, steps: [{relu: {}, repeat: $n}]}, "
    + ", ".join(f"L{i}: {{like: L{i - 1}, with: {{}}}}" for i in range(1, 1_400))
    + "}\nmodel: [L1399]",
    "likes in a chain, from behind": HEAD
    + f"layers: {{{', '.join(f'L{i}: {{like: L{i - 1}, with: {{}}}}' for i in range(1_399, 0, -1))}, "
    + "L0: {args: {n: 1}, steps: [{relu: {}, repeat: $n}]}}\nmodel: [L1399]",
    "metrics": HEAD + "model: [flatten]\ntrain: {metrics: [" + "accuracy, " * 5_000 + "]}",
    "long doc": HEAD + "doc: '" + "x" * 240_000 + "'\nmodel: [relu]",
    "doc that looks like code": HEAD + "doc: '$(touch harm) {{x}} %s `id` <script>'\nmodel: [relu]",
    "doc of many lines": HEAD + "doc: |\n" + "  x\n" * 60_000 + "model: [relu]",
    "comments": HEAD + "# x\n" * 60_000 + "model: [relu]",
    "blank lines": HEAD + "\n" * 240_000 + "model: [relu]",
    "as many variants as are allowed": HEAD
    + f"variants: {{{', '.join(f'v{i}: {{}}' for i in range(100))}}}\nmodel: [relu]",
}
