#!/usr/bin/env bash
# What serving costs beside inference, and what batches gain:
#   ./dev bench serve [--json] [--rounds N] [--requests N] [--only PART]
# The server has one core, the load (h2load) the other. Everything is measured beside a handler that does nothing, on the
# same server, in turns. PART: cost, one, size, receipts, batching, peer. Writes the table to bench/results/ unless --only is given.
# Exit status 77 when the packages are not there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${HF_BUILD_DIR:-$root/build/release}
models=${HF_DATA:-$root/../shared/data}/models
venv=${HF_SERVE_VENV:-$build/venv-serve}
command -v h2load >/dev/null || { echo "skipped: needs h2load (Debian's nghttp2-client)" >&2; exit 77; }
if ! "$venv/bin/python" -c 'import onnx, onnxruntime, fastapi, uvicorn, httptools, uvloop' 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q onnx onnxruntime numpy fastapi uvicorn httptools uvloop || {
        echo "skipped: the peer's packages cannot be installed here" >&2
        rm -rf "$venv"
        exit 77
    }
fi
exec "$venv/bin/python" "$here/run.py" "$build/holdfast" "$models" "$build/serve-models" "$root/bench/results" "$@"
