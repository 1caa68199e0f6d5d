#!/usr/bin/env bash
# hostile_http.sh [REQUESTS] [SEED]: malformed requests (20,000), and clients that begin requests, send bodies or read
# answers ever so slowly (slowhttptest, more of them than connections may be): the server answers others all the while,
# holds no memory for them, and drains in the end.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
tests=$(cd "$(dirname "$0")" && pwd)
requests=${1:-20000} seed=${2:-20261201}
relu=/usr/include/onnx/backend/test/data/node/test_relu/model.onnx
[ -f "$relu" ] || { echo 'skipped: the ONNX test models are not installed (libonnx-testdata)'; exit 77; }
command -v slowhttptest >/dev/null || { echo 'skipped: needs slowhttptest'; exit 77; }
work=$(mktemp -d)
server= load=
trap 'for p in $server $load; do kill -9 "$p" 2>/dev/null; done; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}
"$holdfast" serve "$relu" --name model --listen 127.0.0.1:0 >log 2>&1 &
server=$!
for _ in $(seq 100); do grep -q 'http://' log && break; read -rt 0.1 <> <(:) || true; done
url=$(grep -oE 'http://[0-9.:]+' log | head -1)
resident() { awk '/VmRSS/ {print $2}' "/proc/$server/status"; }

ulimit -n "$(ulimit -Hn)"
python3 "$tests/load.py" "$url/v2/models/model" 8 5 >loaded &
load=$!
for _ in $(seq 100); do [ -e loading ] && break; read -rt 0.1 <> <(:) || true; done
slowly() {
    slowhttptest -c 1500 -r 500 -l 8 -p 5 -u "$url/v2/models/model/infer" "$@" >slow 2>&1 </dev/null
    grep -aq 'service available:.*YES' slow || fail "slowhttptest $*: $(grep -a 'service available' slow | tail -1)"
}
slowly -B -i 2 -s 8192
before=$(resident)
slowly -H -i 2
slowly -X -k 3 -n 2 -w 10 -y 20 -z 5
python3 "$tests/hostile_http.py" "$url" model "$requests" "$seed" || fail "malformed requests (seed $seed)"
touch stop
wait "$load" || fail 'a client that behaves was not answered'
load=
cat loaded
after=$(resident)
echo "resident before: $before KiB, after: $after KiB"
# Under sanitizers what is freed stays for a while.
grep -c __asan_init "$holdfast" >/dev/null || [ $((after - before)) -le 4096 ] || fail 'memory stays behind'
kill -TERM "$server"
wait "$server" || fail "exit status $?"
server=
exit $((failures > 0))
