#!/usr/bin/env bash
# What a start costs: time from exec to the first output, memory, and the size of the programs that run plans:
#   ./dev bench start [--json] [--starts N]
# All figures are measured on this machine. Exit status 77 when models are not there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${HF_BUILD_DIR:-$root/build/release}
models=${HF_DATA:-$root/../shared/data}/models
if [ ! -d "$models/mlperf-tiny" ]; then
    echo "skipped: needs the folder of models and data; set HF_DATA" >&2
    exit 77
fi
mkdir -p "$build/bench-start"
cc -Os -static -o "$build/bench-start/measure" "$here/measure.c"
exec python3 "$here/start.py" "$build" "$models" "$@"
