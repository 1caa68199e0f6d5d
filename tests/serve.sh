#!/usr/bin/env bash
# One model served on loopback: answers, refusals, metrics that promtool accepts, and a drain on SIGTERM.
set -uo pipefail
work=$(mktemp -d)
"${HF_BUILD_DIR:?}/holdfast" serve /usr/include/onnx/backend/test/data/node/test_relu/model.onnx \
    --name relu --listen 127.0.0.1:0 >"$work/log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 50); do grep -q serving "$work/log" && break; read -rt 0.1 <> <(:) || true; done
url=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
failures=0
expect() {
    local pattern=$1
    shift
    local output
    output=$(curl -s -m 5 -w ' [%{http_code}]' "$@" | tr '\n' ' ')
    grep -qE -- "$pattern" <<<"$output" && return
    printf 'FAILED: %s\n  want %s, got %s\n' "$*" "$pattern" "$output"
    failures=$((failures + 1))
}
data=$(seq -s, 1 60)
body="{\"id\":\"7\",\"inputs\":[{\"name\":\"x\",\"shape\":[3,4,5],\"datatype\":\"FP32\",\"data\":[$data]}]}"
expect '"ready":true' "$url/v2/health/ready"
expect '"platform":"onnx"' "$url/v2/models/relu"
expect '"id":"7".*6E1' -d "$body" "$url/v2/models/relu/infer"
expect 'is missing.*\[400\]' -d '{"inputs":[]}' "$url/v2/models/relu/infer"
expect 'JSON.*\[400\]' -d '{' "$url/v2/models/relu/infer"
expect '\[404\]' "$url/v2/models/other"
expect '\[405\]' -X DELETE "$url/v2"
expect '\[400\]' --path-as-is "$url/v2/%2e%2e/x"
curl -s -m 5 "$url/metrics" | promtool check metrics || failures=$((failures + 1))
kill -TERM $server
wait $server || { echo "FAILED: exit status $?"; failures=$((failures + 1)); }
grep -q 'every request answered' "$work/log" || { cat "$work/log"; failures=$((failures + 1)); }
[ $failures -eq 0 ] && echo "served as promised"
exit $((failures > 0))
