#!/usr/bin/env bash
# reloads.sh [TIMES]: a served model is replaced and loaded again TIMES (100) times while 128 connections ask it: no
# request fails, each answer is of one valid digest, and no memory stays behind.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
tests=$(cd "$(dirname "$0")" && pwd)
times=${1:-100}
models=/usr/include/onnx/backend/test/data/node
relu=$models/test_relu/model.onnx sigmoid=$models/test_sigmoid/model.onnx
[ -f "$relu" ] || { echo 'skipped: the ONNX test models are not installed (libonnx-testdata)'; exit 77; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$work"' EXIT
cp "$relu" "$work/model.onnx"
"$holdfast" serve "$work/model.onnx" --listen 127.0.0.1:0 >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do grep -q 'http://' "$work/log" && break; read -rt 0.1 <> <(:) || true; done
url=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
resident() { awk '/VmRSS/ {print $2}' "/proc/$server/status"; }
reload() { python3 "$tests/reloads.py" "$url" model "$work/model.onnx" "$1" 128 "$relu" "$sigmoid"; }
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}
reload 20 || fail 'the first loads'
before=$(resident)
reload "$times" || fail 'a request was lost, or answered by no valid digest'
after=$(resident)
echo "resident before: $before KiB, after: $after KiB"
# Under sanitizers what is freed stays for a while.
grep -c __asan_init "$holdfast" >/dev/null || [ $((after - before)) -le 2048 ] || fail "memory stays behind"
kill -TERM "$server"
wait "$server" || fail "exit status $?"
server=
exit $((failures > 0))
