"""When each finding is told, in words: what `docs/lint.md` lists."""

from __future__ import annotations

from archdsl.lint.rules.waste import LEAST
from archdsl.lint.rules.windows import SEVERAL, SMALL

WHEN = {
    "ARCH501": "taps of a convolution, plain, depthwise, separable or transposed, only ever meet padding, or serve "
    "positions from which no gradient comes back",
    "ARCH502": "channels of a convolution or a dense layer are read by no op",
    "ARCH503": "the window of a convolution, with its dilation, is larger than its map",
    "ARCH504": f"{LEAST:.0%} of the network's multiply-accumulates or more are done at places that nobody reads, for "
    "one op's sake",
    "ARCH505": "at least one pixel of the input changes nothing",
    "ARCH506": "what a bias adds is read by batch norms or instance norms alone, also through sums and `concat`",
    "ARCH507": "an activation of an activation, or a `relu` of what is never negative",
    "ARCH508": "a norm of what a norm gave",
    "ARCH509": f"{SEVERAL} or more convolutions with windows work on maps of at most {SMALL}x{SMALL}",
    "ARCH510": "the map before the global pool sees less than half of the input's height or width at each place",
    "ARCH511": "a layer of the file is used by no step, whatever the arguments",
    "ARCH512": "`multiply` stretches a part that nothing holds between 0 and 1",
    "ARCH513": "a `conv` has as many groups as its input has channels",
    "ARCH514": "a `batch_norm` takes what a dropout gave",
    "ARCH515": "`from_logits` says one thing, and the end of the network another",
    "ARCH516": "a softmax or a norm works on one number at a time",
    "ARCH517": "a dense layer behind `flatten` holds half of all parameters or more, in a network that has "
    "convolutions",
    "ARCH518": "one dense layer or 1x1 convolution in place of two in a row would do the same with fewer weights",
    "ARCH599": "a silence has no reason, names no warning, or silences nothing",
}
