#!/usr/bin/env bash
# Guards: fitted to digits of shared/data, served in each mode, asked over REST, gRPC and tasks; the verdict in headers,
# verified receipts and metrics; guards that are damaged, hostile or another model's are refused by their place.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
holdfast=${HF_BUILD_DIR:?}/holdfast
data=${HF_DATA:?}
python=/usr/bin/python3  # with Debian's packages
if ! $python -c 'import numpy, PIL' 2>/dev/null; then
    echo "skipped: python3-numpy and python3-pil are not installed"
    exit 77
fi
[ -d "$data/mnist" ] && [ -d "$data/models/trained" ] || { echo "skipped: $data/mnist or models is missing"; exit 77; }
work=$(mktemp -d)
server=
trap 'kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT
source "$here/expect.sh"
"$python" "$here/guard.py" data "$data" "$work" || exit 1
cp "$data/models/trained/mnist_cnn.onnx" "$work/flag.onnx"
chmod u+w "$work/flag.onnx"
guard=$work/flag.onnx.guard.json
fit() { "$holdfast" guard fit "$work/flag.onnx" --inputs "$work/digits.npy" --labels "$work/labels.npy" "$@"; }

# Fitting.
expect 0 'squeezing is 2 more runs of the model a request' fit --false-alarms 3%
expect 0 '1000 samples learned from, 500 set thresholds, 500 measured' fit --false-alarms 3%
expect 0 "distances in 'Pooling160_Output_0_reshape0': 256 features, 10 classes" fit --false-alarms 3%
expect 0 '"mahalanobis":\{"false_alarms":[0-9]+,"of":500' fit --false-alarms 3% --json -o "$work/other.json"
expect 0 "distances in 'Pooling66_Output_0': 8 features" fit --layer Pooling66_Output_0 --without energy --without squeezing -o "$work/layer.json"
cmp -s "$guard" "$work/other.json" || { echo "FAILED: the same seed fitted something else"; failures=$((failures + 1)); }
expect 1 'are too few for a false-alarm rate of .* give [0-9]+ or more' fit --false-alarms 0.1%
expect 1 "no layer 'Pooling'.*did you mean|no layer 'Pooling'; the layers are" fit --layer Pooling -o "$work/x.json"
expect 1 "no 'blur'; want bit-depth-1" fit --squeezer blur -o "$work/x.json"
expect 1 "no part 'ranges'; want energy" fit --without ranges -o "$work/x.json"
expect 1 "'none' is no output with a score for each class" fit --false-alarms 10% --scores none -o "$work/x.json"
[ -e "$work/x.json" ] && { echo "FAILED: a fit that failed wrote a guard"; failures=$((failures + 1)); }

# Served in each mode; what is asked of the task is the same model's.
for mode in observe refuse; do
    cp "$work/flag.onnx" "$work/$mode.onnx"
    sed "s/\"mode\": \"flag\"/\"mode\": \"$mode\"/" "$guard" >"$work/$mode.onnx.guard.json"
done
cp "$work/flag.onnx" "$work/plain.onnx"
for mode in flag refuse; do
    echo '{"kind": "image-classification", "image": {"scale": 0.00392156862745098}, "top_k": 1}' >"$work/$mode.onnx.task.json"
done
"$holdfast" serve "$work"/{plain,observe,flag,refuse}.onnx --listen 127.0.0.1:0 --receipts "$work/receipts" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do grep -q verified "$work/log" && break; read -rt 0.1 <> <(:) || true; done
url=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
[ -n "$url" ] || { cat "$work/log"; exit 1; }
"$python" "$here/guard.py" check "$url" "$work" "$holdfast" "$work/receipts/log.pub" || failures=$((failures + 1))
expect 0 "$(sha256sum <"$guard" | cut -d' ' -f1)" curl -s -m 5 "$url/v2/models/flag"

# A load takes the guard that lies there now, and keeps what answers when that is no guard.
load() { curl -s -m 10 -w ' [%{http_code}]' -X POST "$url/v2/repository/models/flag/load" | tr '\n' ' '; }
sed -i 's/"mode": "flag"/"mode": "refuse"/' "$guard"
expect 0 '\[200\]' load
expect 0 "$(sha256sum <"$guard" | cut -d' ' -f1)" curl -s -m 5 "$url/v2/models/flag"
cp "$guard" "$work/good"
echo '{' >"$guard"
expect 0 'flag.onnx.guard.json.*\[400\]' load
expect 0 '"ready":true' curl -s -m 5 "$url/v2/models/flag/ready"
kill -TERM $server
wait $server || { echo "FAILED: the server did not drain"; failures=$((failures + 1)); }

# Guards that are none are refused at the start, by file and place.
refused() {
    local pattern=$1
    expect 1 "flag.onnx.guard.json: $pattern" timeout 10 "$holdfast" serve "$work/flag.onnx" --listen 127.0.0.1:0
}
changed() { sed "$1" "$work/good" >"$guard"; }
changed 's|guard/v1|guard/v9|' && refused "/type: 'holdfast.dev/guard/v9' is not read here"
changed 's|"mode": "refuse"|"mode": "deny"|' && refused "/mode: 'deny' is none of"
changed 's|"finite"|"finit"|' && refused "/inputs/0/finit: there is no such field, did you mean 'finite'"
changed 's|"width": 256|"width": 255|' && refused '/mahalanobis/mean: has 1024 bytes; want 1020'
changed 's|"width": 256|"width": 999999999|' && refused '/mahalanobis/width: want an integer 1 to 1024'
changed 's|"bits": 1|"bits": 1e9|' && refused '/squeezing/squeezers/0/bits: want an integer'
changed 's|Pooling160_Output_0_reshape0|Pooling161|' &&
    expect 1 "no layer 'Pooling161'" timeout 10 "$holdfast" serve "$work/flag.onnx" --listen 127.0.0.1:0
changed 's|"name": "Input3"|"name": "Input4"|' && refused "/inputs/0/name: the model has no 'Input4', did you mean 'Input3'"
changed "s|\"model\": \"sha256:.*\"|\"model\": \"sha256:$(printf '0%.0s' {1..64})\"|" && refused '/model: it was fitted on sha256:0+, and the model is'
head -c 3000 "$work/good" >"$guard" && refused 'JSON: incomplete JSON at line'
head -c 100000 /dev/zero | tr '\0' '[' >"$guard" && refused '.*JSON.*line'
head -c 17000000 /dev/zero | tr '\0' ' ' >"$guard"
expect 1 'guard.json' timeout 10 "$holdfast" serve "$work/flag.onnx" --listen 127.0.0.1:0
# A plan has no layers but its outputs.
"$holdfast" compile "$work/flag.onnx" -o "$work/flag.plan" >/dev/null
sed "s|\"model\": \"sha256:.*\"|\"model\": \"sha256:$(sha256sum <"$work/flag.plan" | cut -d' ' -f1)\"|" "$work/good" >"$work/flag.plan.guard.json"
expect 1 "a plan shows its outputs only, and no layer 'Pooling160_Output_0_reshape0'; give the model file" \
    timeout 10 "$holdfast" serve "$work/flag.plan" --listen 127.0.0.1:0

[ $failures -eq 0 ] && echo "guards as promised"
exit $((failures > 0))
