#!/usr/bin/env bash
# What the placer reaches, on one core:
#   ./dev bench placement [--json] [--seeds N]
# GPUs allocated on the openb trace over seeds against the published results of FGD and BestFit, and placements a
# second; then a fleet of 5,000 mixed machines and 10,000 replicas: time of a plan, distance to the best, moves after
# machines are lost. Exit status 77 when the trace is not there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${HF_BUILD_DIR:-$root/build/release}
data=${HF_DATA:-$root/../shared/data}/placement
if [ ! -d "$data" ]; then
    echo "skipped: needs the folder of models and data; set HF_DATA" >&2
    exit 77
fi
exec "$build/bench/placement/placement_bench" "$data" "$@"
