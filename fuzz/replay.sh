#!/usr/bin/env bash
# replay.sh PROGRAM TARGET: unpacks the corpus of a fuzz target and runs PROGRAM over it, and over the models that this
# machine has to start from.
set -euo pipefail
program=$1 target=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xzf "$here/corpus/$target.tar.gz" -C "$work"
case $target in onnx | tflite) "$here/seeds.sh" "$target" "$work/seeds" ;; esac
"$program" "$work"
