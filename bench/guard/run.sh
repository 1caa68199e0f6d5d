#!/usr/bin/env bash
# What a guard detects on MNIST and what it costs:
#   ./dev bench guard [--count N] [--steps N] [--fit N] [--seed S]
# Writes bench/results/guard.txt. Exit status 77 when NumPy or the data are not there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${HF_BUILD_DIR:-$root/build/release}
data=${HF_DATA:-$root/../shared/data}
python=/usr/bin/python3  # with Debian's packages
if ! $python -c 'import numpy' 2>/dev/null || [ ! -d "$data/mnist" ] || [ ! -d "$data/models/trained" ]; then
    echo "skipped: needs python3-numpy, and the folder of models and data; set HF_DATA" >&2
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
OMP_NUM_THREADS=1 $python "$here/guard.py" "$build/holdfast" "$data" "$work" "$root/bench/results/guard.txt" "$@"
