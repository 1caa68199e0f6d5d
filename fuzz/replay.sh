#!/usr/bin/env bash
# replay.sh PROGRAM TARGET: unpacks the corpus of a fuzz target and runs PROGRAM over it.
set -euo pipefail
program=$1 target=$2
archive=$(cd "$(dirname "$0")" && pwd)/corpus/$target.tar.gz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xzf "$archive" -C "$work"
"$program" "$work"
