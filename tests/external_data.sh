#!/usr/bin/env bash
# Models whose weights are in files of their own: their digest covers those, so that receipts and the response cache tell
# such a model from one with other weights, it falls asleep and wakes as what it was, and a load sees a change of any byte.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
here=$(cd "$(dirname "$0")" && pwd)
command -v python3 >/dev/null || { echo 'skipped: needs python3'; exit 77; }
# shellcheck source=tests/served.sh
source "$here/served.sh"
load() { expect '\[200\]' -d '' "$url/v2/repository/models/sum/load"; }
sleeps() { [ "$(metric 'holdfast_model_sleeping{model="sum",version="1"}')" = 1 ]; }
falls_asleep() { until_true 15 sleeps || fail "$1: it does not fall asleep"; }

# y = x + w + v, w in data/weights, v in another file, larger than what is read at a time.
floats=1200000
export PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
cat >"$work/make.py" <<'PYTHON'
"""FOLDER FLOATS: model.onnx with two files of weights, and request: the body of an inference over ones."""
import array
import os
import sys

import onnx_file as o

folder, size = sys.argv[1], int(sys.argv[2])
os.makedirs(f"{folder}/data")
with open(f"{folder}/model.onnx", "wb") as file:
    file.write(o.model(
        [o.node("Add", ["x", "w"], ["s"]), o.node("Add", ["s", "v"], ["t"]), o.node("Add", ["t", "big"], ["u"]),
         o.node("ReduceMax", ["u"], ["y"])],
        [o.weights("w", o.FLOAT, [1], location="data/weights"), o.weights("v", o.FLOAT, [1], location="v.bin"),
         o.weights("big", o.FLOAT, [size], location="big.bin")],
        [o.port("x", o.FLOAT, 1)], [o.port("y", o.FLOAT, 1)]))
for name, values in ("data/weights", [10.0]), ("v.bin", [100.0]), ("big.bin", [0.0] * size):
    with open(f"{folder}/{name}", "wb") as file:
        array.array("f", values).tofile(file)
PYTHON
# weight VALUE FILE: writes it as one float.
weight() { python3 -c 'import array, sys; array.array("f", [float(sys.argv[1])]).tofile(open(sys.argv[2], "wb"))' "$1" "$2"; }
# As docs/reference/receipts.md says it.
digest_here() { (cd "$1" && (sha256sum --tag <model.onnx; sha256sum --tag big.bin data/weights v.bin) | sha256sum | cut -d' ' -f1); }
body='{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}'
# ask: what is answered, by which digest, and whether it was kept.
ask() {
    curl -s -m 20 -D "$work/head" -d "$body" "$url/v2/models/sum/infer" -o "$work/answer"
    printf '%s %s%s\n' "$(grep -oE '"data":\[[^]]*\]|"error":".*' "$work/answer")" \
        "$(tr -d '\r' <"$work/head" | sed -n 's/^holdfast-model-digest: sha256://p')" "$(tr -d '\r' <"$work/head" | sed -n 's/^holdfast-cache: / /p')"
}
want() {
    local got
    got=$(ask)
    grep -qE -- "$1" <<<"$got" || fail "$2: want $1, got $got"
}

model=$work/sum
python3 "$work/make.py" "$model" $floats || exit 1
cp -r "$model" "$work/sum.first"

# --- Receipts and the cache tell one from the other. ---
mkdir -p "$work/repository/sum" && cp -r "$model" "$work/repository/sum/1"
served=$work/repository/sum/1
start --repository "$work/repository" --receipts "$work/receipts" --response-cache 1MiB --sleep-after 1
first=$(digest_here "$served")
plain=$(sha256sum <"$served/model.onnx" | cut -d' ' -f1)
[ "$first" != "$plain" ] || fail 'the recipe does not cover the weights'
want "\\[111\\.0\\] $first\$" 'the first answer'
want "\\[111\\.0\\] $first hit\$" 'the same again'
expect "\"model_digest\":\"sha256:$first\"" "$url/v2/models/sum"
id=$(tr -d '\r' <"$work/head" | sed -n 's/^holdfast-receipt: //p')
curl -s -m 5 "$url/v2/receipts/$id" -o "$work/receipt"
"$holdfast" receipt verify "$work/receipt" --key "$work/receipts/log.pub" >"$work/verify" 2>&1 || fail "receipt: $(cat "$work/verify")"
grep -q "model digest.*sha256:$first" "$work/verify" || fail "the receipt names other weights: $(cat "$work/verify")"
verify() { "$holdfast" receipt verify "$work/receipt" --key "$work/receipts/log.pub" --model "$1" >"$work/verify" 2>&1; }
verify "$served/model.onnx" || fail "the model that answered: $(cat "$work/verify")"
cp -r "$served" "$work/other" && weight 10.5 "$work/other/data/weights"
verify "$work/other/model.onnx" && fail 'a model with other weights is taken for the one that answered'
grep -q "of another model: it names sha256:$first, and $work/other/model.onnx is sha256:$(digest_here "$work/other")" "$work/verify" ||
    fail "another model: $(cat "$work/verify")"
# A load of what is served already changes nothing; the model's counts begin anew with another.
load
want "\\[111\\.0\\] $first hit\$" 'after a load of the same'
kept() { [ "$(metric 'holdfast_inference_requests_total{model="sum",version="1",outcome="cached"}')" = "$1" ]; }
until_true 5 kept 2 || fail "the same files were loaded anew: $(curl -s "$url/metrics" | grep 'requests_total.*sum')"
# One byte of a file deep in its folder, in place of the old by a rename: another model.
weight 20 "$work/w" && mv "$work/w" "$served/data/weights"
want "\\[111\\.0\\] $first hit\$" 'before a load'
load
second=$(digest_here "$served")
[ "$second" != "$first" ] || fail 'one digest for two models'
want "\\[121\\.0\\] $second\$" 'other weights: the cache must not answer'
want "\\[121\\.0\\] $second hit\$" 'other weights, again'
# And back: what the cache has of the first is right again.
cp "$work/sum.first/data/weights" "$work/w" && mv "$work/w" "$served/data/weights"
load
want "\\[111\\.0\\] $first( hit)?\$" 'the first weights again'

# --- It sleeps, and wakes as what it was. ---
# Other inputs than those that the cache has.
body=${body/data\":\[1\]/data\":[2]}
falls_asleep 'the first weights'
weight 30 "$work/w" && mv "$work/w" "$served/data/weights"
want "\\[112\\.0\\] $first\$" 'woken, with another file in the place of its weights'
body=${body/data\":\[2\]/data\":[3]}
[ "$(metric 'holdfast_model_wakes_total{model="sum",version="1",outcome="succeeded"}')" -ge 1 ] || fail 'it did not sleep'
load
want "\\[133\\.0\\] $(digest_here "$served")\$" 'the file that lies there, by a load'
# Written into while it sleeps, or cut: refused, and told of, until a load.
body=${body/data\":\[3\]/data\":[4]}
falls_asleep 'the third weights'
cp "$work/sum.first/data/weights" "$served/data/weights"
want 'slept, and its file .*data/weights has been written to meanwhile' 'written into'
expect '\[503\]' -d "$body" "$url/v2/models/sum/infer"
expect '"ready":false|\[(400|503)\]' "$url/v2/models/sum/ready"
expect 'data/weights has been written to' -d '' "$url/v2/repository/index"
load
want "\\[114\\.0\\] $first\$" 'after a load'
body=${body/data\":\[4\]/data\":[5]}
falls_asleep 'the weights that were written into'
: >"$served/big.bin"
want 'slept, and its file .*big.bin has been written to meanwhile' 'cut'
kill -0 "$server" || fail 'a file that was cut ends the server'
expect 'big.bin.*\[400\]' -d '' "$url/v2/repository/models/sum/load"
cp "$work/sum.first/big.bin" "$served/big.bin"
load
want "\\[115\\.0\\] $first\$" 'whole again'
body=${body/data\":\[5\]/data\":[6]}
falls_asleep 'once more'
: >"$served/model.onnx"
want 'slept, and its file .*model.onnx has been written to meanwhile' 'the model itself, cut'
kill -0 "$server" || fail 'a model that was cut ends the server'
cp "$work/sum.first/model.onnx" "$served/model.onnx"
load
want "\\[116\\.0\\] $first\$" 'whole once more'
body=${body/data\":\[6\]/data\":[5]}
stop

# --- A guard is bound to the weights that it was fitted on. ---
guard() {
    echo "{\"type\": \"holdfast.dev/guard/v1\", \"model\": \"sha256:$1\", \"mode\": \"refuse\", \"inputs\": [{\"name\": \"x\", \"least\": 0, \"most\": 9}]}" >"$model/model.onnx.guard.json"
}
refused() {
    local out
    out=$(timeout 20 "$holdfast" serve "$model/model.onnx" --listen 127.0.0.1:0 2>&1) && fail "$1: it is served"
    grep -qE -- "$1" <<<"$out" || fail "want $1, got $out"
}
guard "$plain"
refused "it was fitted on sha256:$plain, and the model is sha256:$first"
guard "$first"
start "$model/model.onnx" --name sum
want "\\[115\\.0\\] $first\$" 'with its guard'
stop
rm "$model/model.onnx.guard.json"
# A plan has its weights inside: its digest is its file's, wherever they came from.
"$holdfast" compile "$model/model.onnx" -o "$work/sum.plan" >/dev/null || fail 'compile'
start "$work/sum.plan" --name sum
want "\\[115\\.0\\] $(sha256sum <"$work/sum.plan" | cut -d' ' -f1)\$" 'as a plan'
stop

# --- What is wrong with a file is said of it, by name. ---
mv "$model/v.bin" "$work/v.bin"
refused 'v\.bin'
ln -s "$work/v.bin" "$model/v.bin"
refused "external data 'v.bin' is a link or has several names; copy it beside the model"
rm "$model/v.bin" && head -c 3 "$work/v.bin" >"$model/v.bin"
refused "external data of tensor 'v' ends beyond 'v.bin' \\(3 bytes\\)"

[ $failures = 0 ] && echo 'a digest covers the weights, wherever they lie'
exit $((failures > 0))
