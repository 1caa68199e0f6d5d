#!/usr/bin/env bash
# The Open Inference Protocol as a client that others wrote speaks it: the Python package tritonclient.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
here=$(dirname "$(readlink -f "$0")")
venv=${HF_TRITONCLIENT_VENV:-$HF_BUILD_DIR/venv-tritonclient}
if ! "$venv/bin/python" -c 'import tritonclient.http' 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q 'tritonclient[http]==2.63.0' || {
        echo "skipped: the package tritonclient cannot be installed here"
        rm -rf "$venv"
        exit 77
    }
fi
work=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
"$holdfast" serve /usr/include/onnx/backend/test/data/node/test_relu/model.onnx \
    --name relu --listen 127.0.0.1:0 --receipts "$work/receipts" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 50); do grep -q verified "$work/log" && break; read -rt 0.1 <> <(:) || true; done
address=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
"$venv/bin/python" "$here/tritonclient_check.py" "${address#http://}"
