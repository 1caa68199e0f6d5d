#!/usr/bin/env bash
# A server is replaced by the next one, again and again, under load: no request fails, no connection is refused, no
# receipt is lost; and what is not a server at the path of the socket is refused with a reason.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
tests=$(cd "$(dirname "$0")" && pwd)
models=/usr/include/onnx/backend/test/data/node
relu=$models/test_relu/model.onnx sigmoid=$models/test_sigmoid/model.onnx
[ -f "$relu" ] || { echo 'skipped: the ONNX test models are not installed (libonnx-testdata)'; exit 77; }
work=$(mktemp -d)
server= load=
trap 'for p in $server $load; do kill -9 "$p" 2>/dev/null; done; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}
wait_for() { for _ in $(seq 300); do grep -q "$1" "$2" 2>/dev/null && return; read -rt 0.1 <> <(:) || true; done; fail "no '$1' in $2"; }
# start MODEL LISTEN OPTIONS...: `server` is the new one, `before` the one it replaces.
start() {
    local model=$1 listen=$2
    shift 2
    before=$server
    : >log
    "$holdfast" serve "$model" --name model --listen "$listen" --hand-over "$work/door" "$@" >log 2>>errors &
    server=$!
    wait_for 'http://' log
}
ended() { wait "$1"; [ $? -eq 0 ] || fail "a server that was replaced ended with status $?"; }
replace_under_load() {
    rm -f stop loading
    python3 "$tests/load.py" "$url/v2/models/model" 32 >loaded &
    load=$!
    for _ in $(seq 100); do [ -e loading ] && break; read -rt 0.1 <> <(:) || true; done
    for model in "$sigmoid" "$relu" "$sigmoid"; do
        start "$model" "${url#http://}" "$@"
        ended "$before"
    done
    touch stop
    wait "$load" || fail 'a request was lost'
    load=
    cat loaded
}

start "$relu" 127.0.0.1:0
url=$(grep -oE 'http://[0-9.:]+' log | head -1)
replace_under_load

# A killed server leaves its socket: the next one begins anew.
kill -9 "$server"
wait "$server" 2>/dev/null
start "$relu" "${url#http://}" --receipts receipts
replace_under_load --receipts receipts
answered=$(grep -oE '^[0-9]+' loaded)
receipts=$(curl -s "$url/metrics" | awk '/^holdfast_receipts / {print $2}')
[ "$receipts" -ge "$answered" ] || fail "$answered answers and $receipts receipts"

# Refusals say what is wrong, and the server that answers goes on.
timeout 20 "$holdfast" serve "$relu" --listen 127.0.0.1:1 --hand-over "$work/door" 2>refused && fail 'another port was taken over'
grep -q 'the socket that is taken over listens on 127.0.0.1' refused || fail "$(cat refused)"
touch file
timeout 20 "$holdfast" serve "$relu" --listen 127.0.0.1:0 --hand-over "$work/file" 2>refused && fail 'a file was taken for a socket'
grep -q 'is no socket; name another path' refused || fail "$(cat refused)"
curl -sf "$url/v2/health/ready" >/dev/null || fail 'the server is gone'
kill -TERM "$server"
wait "$server" || fail "exit status $?"
server=
exit $((failures > 0))
