#!/usr/bin/env bash
# The models that people deploy at the edge, on Holdfast and on ONNX Runtime, one thread, interleaved:
#   ./dev bench peers [--json] [--rounds N] [--seconds S] [--only KIND/NAME]
#   ./dev bench peers trees [--json] [--rounds N] [--seconds S]     tree ensembles instead, drawn from a seed
# Writes the table to bench/results/ unless --only is given. Exit status 1 when outputs disagree, 77 when the peer or the
# models are not there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${HF_BUILD_DIR:-$root/build/release}
models=${HF_DATA:-$root/../shared/data}/models
venv=${HF_PEERS_VENV:-$build/venv-peers}
if [ "${1:-}" != trees ] && [ ! -d "$models/mlperf-tiny" ]; then
    echo "skipped: needs the folder of models and data; set HF_DATA" >&2
    exit 77
fi
if ! "$venv/bin/python" -c 'import onnxruntime.quantization, ai_edge_litert' 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q onnx onnxruntime ai-edge-litert==2.3.0 numpy || {
        echo "skipped: the peer's packages cannot be installed here" >&2
        rm -rf "$venv"
        exit 77
    }
fi
if [ "${1:-}" = trees ]; then
    shift
    exec "$venv/bin/python" "$here/trees.py" "$build/holdfast" "$build/peers-models" "$@"
fi
exec "$venv/bin/python" "$here/peers.py" "$build/holdfast" "$models" "$build/peers-models" "$root/bench/results" "$@"
