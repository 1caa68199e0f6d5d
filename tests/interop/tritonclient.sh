#!/usr/bin/env bash
# The Open Inference Protocol as a client that others wrote speaks it: the Python package tritonclient, over REST and
# over gRPC, which is grpcio's; and grpcio's own clients of health checking and reflection.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/interop/venv.sh
source "$here/venv.sh"
need_packages tritonclient "${HF_TRITONCLIENT_VENV:-$HF_BUILD_DIR/venv-tritonclient}" \
    'tritonclient.http, tritonclient.grpc, grpc_health, grpc_reflection' \
    'tritonclient[http,grpc]==2.63.0' grpcio-health-checking==1.67.1 grpcio-reflection==1.67.1
work=$(mktemp -d)
server=
extras=
versions=
trap 'kill $server $extras $versions 2>/dev/null; rm -rf "$work"' EXIT
"$holdfast" serve /usr/include/onnx/backend/test/data/node/test_relu/model.onnx \
    --name relu --listen 127.0.0.1:0 --receipts "$work/receipts" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 50); do grep -q verified "$work/log" && break; read -rt 0.1 <> <(:) || true; done
address=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
"$venv/bin/python" "$here/tritonclient_check.py" "${address#http://}" || exit 1
"$venv/bin/python" "$here/tritonclient_grpc_check.py" "${address#http://}" || exit 1

# What is off by default, of another server. Nobody needs to take its spans.
cp /usr/include/onnx/backend/test/data/node/test_relu/model.onnx "$work/relu.onnx"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/.. python3 - "$work/sum.onnx" <<'PYTHON'
import sys

from onnx_file import FLOAT, model, node, port

with open(sys.argv[1], "wb") as file:
    file.write(model([node("Add", ["x", "acc"], ["y"]), node("Identity", ["y"], ["next"])], [],
                     [port("x", FLOAT, 2), port("acc", FLOAT, 2)], [port("y", FLOAT, 2), port("next", FLOAT, 2)]))
PYTHON
echo '{"states":[{"input":"acc","output":"next"}]}' >"$work/sum.onnx.sequence.json"
"$holdfast" serve "$work/relu.onnx" "$work/sum.onnx" --listen 127.0.0.1:0 \
    --shared-memory --traces http://127.0.0.1:9 --access-log "$work/access.log" --response-cache 16MiB >"$work/extras" 2>&1 &
extras=$!
for _ in $(seq 50); do grep -q serving "$work/extras" && break; read -rt 0.1 <> <(:) || true; done
more=$(grep -oE 'http://[0-9.:]+' "$work/extras" | head -1)
"$venv/bin/python" "$here/tritonclient_extras_check.py" "${more#http://}" "$work/access.log" || exit 1

# A folder with versions.
nodes=/usr/include/onnx/backend/test/data/node
mkdir -p "$work/models/m/1" "$work/models/m/2"
cp $nodes/test_relu/model.onnx "$work/models/m/1"
cp $nodes/test_sigmoid/model.onnx "$work/models/m/2"
"$holdfast" serve --repository "$work/models" --versions all --listen 127.0.0.1:0 >"$work/versions" 2>&1 &
versions=$!
for _ in $(seq 50); do grep -q serving "$work/versions" && break; read -rt 0.1 <> <(:) || true; done
of=$(grep -oE 'http://[0-9.:]+' "$work/versions" | head -1)
"$venv/bin/python" "$here/tritonclient_versions_check.py" "${of#http://}" "$work/models/m" $nodes/test_relu/model.onnx || exit 1

# A drain answers the calls under way, and a stream that rests is told to ask again.
"$venv/bin/python" "$here/tritonclient_grpc_check.py" "${address#http://}" drain $server || exit 1
wait $server || { echo "exit status $? after a drain"; exit 1; }
grep -q 'every request answered' "$work/log" || { cat "$work/log"; exit 1; }
