#!/usr/bin/env bash
# The Open Inference Protocol as KServe's own client speaks it: the Python package kserve, over REST and gRPC, whose
# messages for loading models are KServe's and not Triton's.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/interop/venv.sh
source "$here/venv.sh"
need_packages kserve "${HF_KSERVE_VENV:-$HF_BUILD_DIR/venv-kserve}" kserve kserve==0.21.0
work=$(mktemp -d)
server=
: >"$work/log"
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
"$holdfast" serve /usr/include/onnx/backend/test/data/node/test_relu/model.onnx \
    --name relu --listen 127.0.0.1:0 --receipts "$work/receipts" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 50); do grep -q verified "$work/log" && break; read -rt 0.1 <> <(:) || true; done
address=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
"$venv/bin/python" "$here/kserve_check.py" "${address#http://}"
