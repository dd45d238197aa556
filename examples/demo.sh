#!/bin/sh
# From a fresh clone to a trained network: install archdsl into .venv, then check, show, build, train and evaluate a spec.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install -q -e .
PATH="$PWD/.venv/bin:$PATH"
now=$(date +%Y%m%d-%H%M%S)
set -x
archdsl check digits_resnet
archdsl show digits_resnet
archdsl build digits_resnet --plot --out "build/digits_resnet-$now"
archdsl train digits_resnet --out "runs/digits_resnet-$now"
archdsl evaluate "runs/digits_resnet-$now"
