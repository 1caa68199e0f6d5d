#!/usr/bin/env bash
# What several threads gain on one inference, one model after another, interleaved with one thread:
#   ./dev bench threads [--json] [--threads N] [--rounds N] [--seconds S] [--only NAME]
# Then the processor time of a server that has answered and waits. Exit status 1 when the outputs differ in a bit, 77
# when the models are not there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
build=${HF_BUILD_DIR:-$root/build/release}
models=${HF_DATA:-$root/../shared/data}/models
venv=${HF_PEERS_VENV:-$build/venv-peers}
if [ ! -d "$models/mlperf-tiny" ]; then
    echo "skipped: needs the folder of models and data; set HF_DATA" >&2
    exit 77
fi
if ! "$venv/bin/python" -c 'import onnx, numpy' 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q onnx numpy || {
        echo "skipped: the package onnx cannot be installed here" >&2
        exit 77
    }
fi
exec "$venv/bin/python" "$here/threads.py" "$build/holdfast" "$models" "$build/peers-models" "$@"
