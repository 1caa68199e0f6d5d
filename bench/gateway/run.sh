#!/usr/bin/env bash
# What a gateway adds to a request:
#   ./dev bench gateway [REQUESTS]
# Over loopback, by REST and by gRPC, one client and then eight, tensors of 1 KiB and 1 MiB for a model that answers its
# input: each request once to the replica and once through the gateway, in turns, so that both see the same machine.
# Median and 99th percentile.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${HF_BUILD_DIR:-$root/build/release}
exec "$build/bench/gateway/gateway_bench" "$@"
