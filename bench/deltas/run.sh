#!/usr/bin/env bash
# Deltas between versions of models, beside zstd --patch-from, bsdiff and xdelta3 where they are installed:
#   ./dev bench deltas [--json] [--mib N] [--only WORD]
# (Debian's packages zstd, bsdiff, xdelta3.)
# All figures are measured on this machine. Real models are left out where they are not there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${HF_BUILD_DIR:-$root/build/release}
models=${HF_DATA:-$root/../shared/data}/models
exec python3 "$here/deltas.py" "$build" "$models" "$@"
