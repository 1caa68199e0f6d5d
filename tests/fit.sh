#!/usr/bin/env bash
# A first model without Python: a simulated machine, a detector fitted to it, the same alerts from this process and
# from a server, and every refusal clear with nothing half-written.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
data=${HF_DATA:-}
work=$(mktemp -d)
server=
trap 'kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}
run() { "$holdfast" "$@" >out 2>err || fail "$*: $(tail -3 err)"; }
# refuse PATTERN COMMAND...: it fails, says so, and leaves no model behind.
refuse() {
    local pattern=$1
    shift
    rm -f bad.onnx
    if "$holdfast" "$@" >out 2>err; then fail "$*: was not refused"; fi
    grep -qE -- "$pattern" err || fail "$*: want $pattern, got $(cat err)"
    [ ! -e bad.onnx ] || fail "$*: left a file behind"
}
field() { sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p" "$2"; }

run simulate machine --hours 600 --fault-at 500 --seed 7 -o pump.csv
run simulate machine --hours 600 --fault-at 500 --seed 7 -o again.csv
cmp -s pump.csv again.csv || fail "the same seed gave another machine"
run simulate machine --hours 600 --fault-at 500 --seed 8 -o other.csv
cmp -s pump.csv other.csv && fail "another seed gave the same machine"
refuse 'must give 1 to' simulate machine --hours 100000 --step 1ms -o bad.onnx
refuse 'want more than nothing' simulate machine --step 0s -o bad.onnx

columns=(--time time --value vibration_mm_s)
fit=(fit anomaly pump.csv "${columns[@]}")
run "${fit[@]}" --until 2026-01-15T00:00:00Z --period 288 -o pump.onnx
run "${fit[@]}" --until 2026-01-15T00:00:00Z --period 288 -o again.onnx
cmp -s pump.onnx again.onnx || fail "the same data gave another model"
run "${fit[@]}" --train-fraction 0.5 --json -o half.onnx
[ "$(field training_samples out)" = 3600 ] || fail "half of 7200 samples: $(cat out)"
run inspect pump.onnx

refuse "no column 'pressure'; the columns are: time, vibration" fit anomaly pump.csv --time time --value pressure -o bad.onnx
refuse '13 samples to learn from' fit anomaly pump.csv "${columns[@]}" --until 2026-01-01T01:00:00Z -o bad.onnx
refuse 'give one of them' "${fit[@]}" --until 2026-01-15T00:00:00Z --train-fraction 0.1 -o bad.onnx
refuse 'train-fraction: 1.5 is outside' "${fit[@]}" --train-fraction 1.5 -o bad.onnx
refuse 'window: 3 is outside' "${fit[@]}" --window 3 -o bad.onnx
refuse "quantile: 'high' is not a number" "${fit[@]}" --quantile high -o bad.onnx
refuse 'nowhere.csv' fit anomaly nowhere.csv "${columns[@]}" -o bad.onnx
sed '20s/,[^,]*,/,broken,/' pump.csv >broken.csv
refuse "broken.csv: line 20, column 'vibration_mm_s': 'broken'" fit anomaly broken.csv "${columns[@]}" -o bad.onnx
head -c 3000 pump.csv >cut.csv
refuse 'cut.csv: line [0-9]+: [12] fields where the header has 4|is no time' fit anomaly cut.csv "${columns[@]}" -o bad.onnx
run "${fit[@]}" -o kept.onnx
refuse 'No such file or directory|NOT_FOUND|no such' "${fit[@]}" -o nowhere/kept.onnx

replay=("${columns[@]}" --after 2026-01-15T00:00:00Z --expect 2026-01-21T20:00:00Z/2026-01-26T00:00:00Z --json)
run score pump.onnx pump.csv "${replay[@]}"
cp out scored.json
[ "$(field caught scored.json)" = 1 ] || fail "the fault was not caught: $(cat scored.json)"
[ "$(field alerts_outside scored.json)" -le 4 ] || fail "too many alerts on a healthy machine: $(cat scored.json)"
run score pump.onnx pump.csv "${replay[@]}" --batch 1000
cmp -s out scored.json || fail "batches disagree: $(cat out)"
run score pump.onnx pump.csv "${replay[@]}" --device ref
python3 - out scored.json <<'PYTHON' || fail "devices disagree: $(cat out)"
import json, math, sys
def alike(a, b):
    if isinstance(a, float): return math.isclose(a, b, rel_tol=1e-5)
    if isinstance(a, dict): return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, list): return len(a) == len(b) and all(map(alike, a, b))
    return a == b
sys.exit(not alike(*(json.load(open(name)) for name in sys.argv[1:])))
PYTHON
refuse 'ends before it begins' score pump.onnx pump.csv "${columns[@]}" --expect 2026-01-02T00:00:00Z/2026-01-01T00:00:00Z
refuse 'is not one of an anomaly detector' score /usr/include/onnx/backend/test/data/node/test_relu/model.onnx pump.csv "${columns[@]}"
refuse 'no window of 48 samples, 1s apart, is whole' score pump.onnx pump.csv "${columns[@]}" --step 1s

"$holdfast" serve pump.onnx --listen 127.0.0.1:0 --receipts receipts >log 2>&1 &
server=$!
for _ in $(seq 100); do grep -q verified log && break; read -rt 0.1 <> <(:) || true; done
url=$(grep -oE 'http://[0-9.:]+' log | head -1)
run stream pump.csv --service pump --server "$url" "${replay[@]}"
sed -E 's/,"receipt":"[^"]*"//g' out >streamed.json
cmp -s streamed.json scored.json || fail "the server disagrees: $(cat streamed.json)"
id=$(sed -n 's/.*"receipt":"\([^"]*\)".*/\1/p' out)
curl -s -m 5 "$url/v2/receipts/$id" >receipt.json
run receipt verify receipt.json --key receipts/log.pub
refuse "answered 404" stream pump.csv --service nobody --server "$url" "${columns[@]}"
refuse "is no name of a service" stream pump.csv --service ../up --server "$url" "${columns[@]}"
kill $server && wait $server 2>/dev/null
refuse 'refused' stream pump.csv --service pump --server "$url" "${columns[@]}"

series=$data/nab/data/realKnownCause/machine_temperature_system_failure.csv
if [ -n "$data" ] && [ -e "$series" ]; then
    nab=(--time timestamp --value value)
    run fit anomaly "$series" "${nab[@]}" --until 2013-12-05T11:40:00Z -o nab.onnx
    run score nab.onnx "$series" "${nab[@]}" --after 2013-12-05T11:40:00Z --json \
        --expect 2013-12-10T06:25:00Z/2013-12-12T05:35:00Z --expect 2013-12-15T17:50:00Z/2013-12-17T17:00:00Z \
        --expect 2014-01-27T14:20:00Z/2014-01-29T13:30:00Z --expect 2014-02-07T14:55:00Z/2014-02-09T14:05:00Z
    [ "$(field caught out)" -ge 3 ] || fail "machine temperature: $(cat out)"
    [ "$(field alerts_outside out)" -le 14 ] || fail "machine temperature: $(cat out)"
    echo "machine temperature: $(field caught out) of 4 windows caught, $(field alerts_outside out) alerts outside"
fi

[ $failures -eq 0 ] && echo "fit, score and stream agree"
exit $((failures > 0))
