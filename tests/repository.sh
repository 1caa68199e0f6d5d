#!/usr/bin/env bash
# A folder of models with versions: which are served, how they come and go under load, by a load and by looking; models
# that fall asleep and wake, with what memory and time; how many inferences of a model run at a time.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
nodes=/usr/include/onnx/backend/test/data/node
models=${HF_DATA:?}/models
relu=$nodes/test_relu/model.onnx sigmoid=$nodes/test_sigmoid/model.onnx
[ -f "$relu" ] || { echo 'skipped: the ONNX test models are not installed (libonnx-testdata)'; exit 77; }
[ -d "$models" ] || { echo "skipped: needs $models"; exit 77; }
command -v h2load >/dev/null || { echo "skipped: needs h2load (Debian's nghttp2-client)"; exit 77; }
# shellcheck source=tests/served.sh
source "$(dirname "$(readlink -f "$0")")/served.sh"
says() { grep -qE -- "$1" "$work/log" || fail "the server should say '$1': $(cat "$work/log")"; }
load() { answer -d '' "$url/v2/repository/models/$1/load"; }
index() { curl -s -m 20 -d '' "$url/v2/repository/index" | grep -oE '"name":"[^"]*","version":"[^"]*","state":"[A-Z]*"' | tr -d '"' | sed -E 's/name:|version:|state://g' | tr '\n' ' '; }
index_is() { [ "$(index)" = "$1 " ] || [ "$(index)" = "$1" ]; }
want_index() { index_is "$1" || fail "index: want $1, got $(index)"; }
resident() { awk '/^VmRSS/ {print $2}' "/proc/$server/status"; }
# put FOLDER FILE: a version that is complete when its name is there.
put() {
    mkdir -p "$1.next" && cp "$2" "$1.next/model.${2##*.}" && mv "$1.next" "$1"
}
data=$(seq -s, 1 60)
body="{\"inputs\":[{\"name\":\"x\",\"shape\":[3,4,5],\"datatype\":\"FP32\",\"data\":[$data]}]}"
printf %s "$body" >"$work/body"
digest_of() { sha256sum <"$1" | cut -d' ' -f1; }
models_of() { curl -s -m 20 -D - -o /dev/null -d "$body" "$url/v2/models/$1/infer" | tr -d '\r' | sed -n 's/^holdfast-model-digest: sha256://p'; }

# --- Which versions are served. ---
folder=$work/models
mkdir -p "$folder"
put "$folder/unit/1" "$relu"
put "$folder/unit/2" "$sigmoid"
put "$folder/unit/10" "$relu"
put "$folder/pair/3" "$relu"
put "$folder/pair/4" "$sigmoid"
put "$folder/pair/5" "$relu"
put "$folder/named/1" "$relu"
put "$folder/named/2" "$sigmoid"
put "$folder/named/3" "$relu"
put "$folder/kws/1" "$models/mlperf-tiny/kws_ref_model.tflite"
mkdir -p "$folder/unit/next" "$folder/unit/007" "$folder/empty" "$folder/bad/1" "$folder/two/1" "$folder/.git/1"
echo 'max_batch_size: 8' >"$folder/unit/config.pbtxt"
echo 'no model' >"$folder/bad/1/model.onnx"
cp "$relu" "$folder/two/1/a.onnx" && cp "$relu" "$folder/two/1/b.onnx"
ln -s loop "$folder/loop"
mkdir "$folder/inner" && ln -s 1 "$folder/inner/1"
mkdir -p "$work/elsewhere" && put "$work/elsewhere/7" "$sigmoid" && ln -s "$work/elsewhere" "$folder/linked"
mkdir "$folder/$(printf 'bell\a')"
echo 'not a model' >"$folder/README.md"
# Thousands of versions, of which the latest is served; and too many.
mkdir "$folder/many" && (cd "$folder/many" && seq 4999 | xargs mkdir) && put "$folder/many/5000" "$relu"
mkdir "$folder/more" && (cd "$folder/more" && seq 10001 | xargs mkdir)
start --repository "$folder" --versions pair=latest:2 --versions named=1,3 --receipts "$work/receipts"
says "serving $folder/unit/10/model.onnx on .*/v2/models/unit/versions/10 "
says "$folder/unit/config.pbtxt: is not read; --versions and --instances"
says "warning: model 'empty' is not loaded: $folder/empty: holds no version; put the model's file into $folder/empty/1"
says "warning: model 'bad' is not loaded: version 1: $folder/bad/1/model.onnx"
says "warning: model 'two' is not loaded: version 1: $folder/two/1: holds 2 model files, 'a.onnx' and 'b.onnx'"
says "warning: model 'loop' is not loaded: .*$folder/loop"
says "warning: model 'inner' is not loaded: version 1: .*$folder/inner/1"
says "warning: model 'more' is not loaded: $folder/more: has 10001 versions, over the limit of 10000"
says "warning: $folder: 'bell\?' cannot be a model's name"
want_index 'bad,1,UNAVAILABLE empty,,UNAVAILABLE inner,1,UNAVAILABLE kws,1,READY linked,7,READY loop,,UNAVAILABLE many,5000,READY more,,UNAVAILABLE named,1,READY named,3,READY pair,4,READY pair,5,READY two,1,UNAVAILABLE unit,10,READY'
expect '"versions":\["10"\]' "$url/v2/models/unit"
expect '"versions":\["4","5"\]' "$url/v2/models/pair"
expect '"versions":\["4","5"\]' "$url/v2/models/pair/versions/4"
expect '"platform":"tensorflow_tflite"' "$url/v2/models/kws"
expect '"model_version":"10".*60\.0' -d "$body" "$url/v2/models/unit/infer"
expect '"model_version":"5".*60\.0' -d "$body" "$url/v2/models/pair/infer"
expect '"model_version":"4".*0\.73' -d "$body" "$url/v2/models/pair/versions/4/infer"
expect '"ready":true.*\[200\]' "$url/v2/models/pair/versions/4/ready"
expect "has no version '3'; it has '5', '4'.*\\[404\\]" -d "$body" "$url/v2/models/pair/versions/3/infer"
expect "version '1' of model|'bad' is not ready: version 1" -d "$body" "$url/v2/models/bad/versions/1/infer"
expect '"version":"4".*"inference_count":1.*"version":"5".*"inference_count":1' "$url/v2/models/pair/stats"
[ "$(metric 'holdfast_inference_requests_total{model="pair",version="4",outcome="succeeded"}')" = 1 ] || fail 'the metrics of version 4'
id=$(curl -s -m 5 -o /dev/null -D - -d "$body" "$url/v2/models/pair/versions/4/infer" | tr -d '\r' | sed -n 's/^holdfast-receipt: //p')
curl -s -m 5 "$url/v2/receipts/$id" -o "$work/receipt"
"$holdfast" receipt verify "$work/receipt" --key "$work/receipts/log.pub" >"$work/verify" 2>&1 || fail "receipt: $(cat "$work/verify")"
grep -qE '"version": ?"4"' "$work/receipt" "$work/verify" || grep -q "version.*4" "$work/verify" || fail "the receipt is not of version 4: $(cat "$work/verify")"
expect '"ready":true' "$url/v2/health/ready"

# --- Versions come and go under load; no request fails. ---
h2load --h1 -t 1 -c 32 -D 6 -d "$work/body" -H 'Content-Type: application/json' "$url/v2/models/unit/infer" >"$work/h2load" 2>&1 &
loader=$!
version=10
while kill -0 $loader 2>/dev/null; do
    version=$((version + 1))
    if [ $((version % 2)) = 0 ]; then file=$relu; else file=$sigmoid; fi
    put "$folder/unit/$version" "$file"
    [ "$(load unit)" = '{}  [200]' ] || fail "load of version $version: $(load unit)"
    [ "$(models_of unit)" = "$(digest_of "$file")" ] || fail "version $version does not answer"
    rm -r "${folder:?}/unit/$((version - 1))"
done
wait $loader
grep -qE 'status codes: [1-9][0-9]* 2xx, 0 3xx, 0 4xx, 0 5xx' "$work/h2load" || fail "under changes: $(grep -E 'requests:|status' "$work/h2load")"
echo "$((version - 10)) versions came and went under 32 connections:$(sed -n 's/^requests:.* total, .* done, \(.*succeeded, .*failed\).*/ \1/p' "$work/h2load")"
expect "\"versions\":\\[\"$version\"\\]" "$url/v2/models/unit"
# A bad one is the answer, and takes nothing away.
mkdir "$folder/unit/1000" && head -c 50 "$relu" >"$folder/unit/1000/model.onnx"
grep -qE 'version 1000: .*\[(400|500)\]' <<<"$(load unit)" || fail "a bad version is loaded: $(load unit)"
expect "\"model_version\":\"$version\"" -d "$body" "$url/v2/models/unit/infer"
want=$(index | grep -oE 'unit,[^ ]*' | tr '\n' ' ')
[ "$want" = "unit,$version,READY unit,1000,UNAVAILABLE " ] || fail "index of a bad version: $want"
rm -r "$folder/unit/1000"
expect '\[200\]' -d '' "$url/v2/repository/models/pair/unload"
expect "'pair' is not ready: unloaded.*\\[404\\]" -d "$body" "$url/v2/models/pair/versions/4/infer"
expect '\[200\]' -d '' "$url/v2/repository/models/pair/load"
expect '"model_version":"4"' -d "$body" "$url/v2/models/pair/versions/4/infer"
# A model that was not there at the start; and what never will be.
put "$folder/late/1" "$relu"
expect '\[404\]' -d "$body" "$url/v2/models/late/infer"
expect '\[200\]' -d '' "$url/v2/repository/models/late/load"
expect '60\.0' -d "$body" "$url/v2/models/late/infer"
expect '\[404\]' -d '' "$url/v2/repository/models/nowhere/load"
expect "\\[400\\]" -d '' "$url/v2/repository/models/%2e%2e%2felsewhere/load"
expect '\[404\]' -d '' "$url/v2/repository/models/README.md/load"
stop

# --- What comes by itself: half a copy is not taken. ---
rm -r "$folder" && mkdir "$folder"
put "$folder/unit/1" "$relu"
start --repository "$folder" --poll 1
put "$folder/unit/2" "$sigmoid"
put "$folder/other/1" "$relu"
until_true 10 index_is 'other,1,READY unit,2,READY' || fail "what came is not loaded: $(index)"
mkdir "$folder/unit/3"
head -c 60 "$relu" >"$folder/unit/3/model.onnx"
until_true 10 grep -q 'version 3: ' "$work/log" || fail 'half a file is not told of'
expect '"model_version":"2"' -d "$body" "$url/v2/models/unit/infer"
tail -c +61 "$relu" >>"$folder/unit/3/model.onnx"
until_true 10 index_is 'other,1,READY unit,3,READY' || fail "the whole file is not loaded: $(index)"
expect '\[200\]' -d '' "$url/v2/repository/models/other/unload"
pause 3
index_is 'other,1,UNAVAILABLE unit,3,READY' || fail "what was unloaded comes back by itself: $(index)"
put "$folder/other/2" "$sigmoid"
until_true 10 index_is 'other,2,READY unit,3,READY' || fail "a new version does not bring it back: $(index)"
rm -r "$folder/other"
until_true 10 index_is 'other,2,UNAVAILABLE unit,3,READY' || fail "what has gone is served: $(index)"
mv "$folder" "$folder.away" && mkdir "$folder"
pause 3
expect '"model_version":"3"' -d "$body" "$url/v2/models/unit/infer"
says 'no model is left in the folder'
stop

# --- Models that sleep. ---
rm -r "$folder" "$folder.away" && mkdir "$folder"
"$holdfast" compile "$models/onnx-light/light_resnet50.onnx" -o "$work/resnet50.plan" --disable-kernel onednn >/dev/null || fail 'compile'
put "$folder/resnet50/1" "$work/resnet50.plan"
put "$folder/kws/1" "$models/mlperf-tiny/kws_ref_model.tflite"
put "$folder/unit/1" "$relu"
start --repository "$folder" --sleep-after 1 --receipts "$work/receipts"
cat >"$work/request.py" <<'PYTHON'
"""URL MODEL: writes the body of an inference over zeros to MODEL.body, and the length of its JSON to MODEL.length."""
import json
import math
import sys
import urllib.request

url, model = sys.argv[1:]
port = json.load(urllib.request.urlopen(f'{url}/v2/models/{model}'))['inputs'][0]
shape = [max(1, extent) for extent in port['shape']]
size = math.prod(shape) * {'FP32': 4, 'INT8': 1, 'UINT8': 1}[port['datatype']]
head = json.dumps({'inputs': [{'name': port['name'], 'shape': shape, 'datatype': port['datatype'],
                               'parameters': {'binary_data_size': size}}],
                   'parameters': {'binary_data_output': True}}).encode()
with open(f'{model}.body', 'wb') as file:
    file.write(head + bytes(size))
with open(f'{model}.length', 'w') as file:
    file.write(str(len(head)))
PYTHON
prepare() { (cd "$work" && python3 request.py "$url" "$1") || fail "no request of $1"; }
# ask MODEL: the status and the seconds that it took.
ask() {
    curl -s -m 120 -o "$work/$1.answer" -w '%{http_code} %{time_total}' --data-binary "@$work/$1.body" \
        -H "Inference-Header-Content-Length: $(cat "$work/$1.length")" -H 'Content-Type: application/octet-stream' \
        "$url/v2/models/$1/infer"
}
sleeps() { [ "$(metric "holdfast_model_sleeping{model=\"$1\",version=\"1\"}")" = 1 ]; }
all_sleep() { sleeps kws && sleeps resnet50 && sleeps unit; }
wakes() { metric "holdfast_model_wakes_total{model=\"$1\",version=\"1\",outcome=\"succeeded\"}"; }
waking_seconds() { metric "holdfast_model_wake_seconds_total{model=\"$1\",version=\"1\"}"; }
prepare resnet50
prepare kws
awake_answer=$(ask resnet50) && cp "$work/resnet50.answer" "$work/resnet50.awake"
ask kws >/dev/null && cp "$work/kws.answer" "$work/kws.awake"
awake=$(resident)
[ "${awake_answer%% *}" = 200 ] || fail "resnet50: $awake_answer"
until_true 10 all_sleep || fail 'nothing falls asleep'
asleep=$(resident)
expect '"ready":true' "$url/v2/models/resnet50/ready"
expect '"ready":true' "$url/v2/health/ready"
expect '"name":"resnet50".*"outputs"' "$url/v2/models/resnet50"
expect '"name":"kws","version":"1","state":"READY","reason":"sleeps; the next request wakes it"' -d '' "$url/v2/repository/index"
for model in kws resnet50; do
    before=$(wakes $model)
    took=$(ask $model)
    [ "${took%% *}" = 200 ] || fail "$model, woken: $took"
    tail -c 1000 "$work/$model.awake" >"$work/a" && tail -c 1000 "$work/$model.answer" >"$work/b"
    cmp "$work/a" "$work/b" || fail "$model answers otherwise when it has slept"
    [ "$(wakes $model)" = $((before + 1)) ] || fail "$model: wakes $before, then $(wakes $model)"
    echo "$model wakes in $(waking_seconds $model) s; its request took ${took##* } s, the next $(ask $model | cut -d' ' -f2) s"
done
again=$(resident)
echo "resident: awake $awake KiB, asleep $asleep KiB, awake again $again KiB"
# Under sanitizers what is freed stays for a while, and an inference takes seconds.
many=8
if ! grep -c __asan_init "$holdfast" >/dev/null; then
    [ $((awake - asleep)) -ge $(($(stat -c %s "$work/resnet50.plan") / 1024 * 3 / 4)) ] || fail 'the memory of ResNet-50 does not go'
    awk -v seconds="$(waking_seconds resnet50)" 'BEGIN {exit !(seconds < 0.1)}' || fail 'a plan wakes slowly'
    many=24
fi
# All who come while it wakes are answered, and it wakes once.
until_true 10 all_sleep || fail 'they do not fall asleep again'
before=$(wakes resnet50)
askers=()
for _ in $(seq $many); do ask resnet50 >>"$work/many" & askers+=($!); done
wait "${askers[@]}"
[ "$(grep -oE '200 0|200 [0-9]' "$work/many" | wc -l)" = $many ] || fail "of $many requests at once some fail: $(cat "$work/many")"
[ "$(wakes resnet50)" = $((before + 1)) ] || fail "$many requests at once wake it $(($(wakes resnet50) - before)) times"
# What is put in its place while it sleeps is for a load to take; what is written into it is not served.
until_true 10 all_sleep || fail 'they do not fall asleep once more'
cp "$sigmoid" "$work/next" && mv "$work/next" "$folder/unit/1/model.onnx"
[ "$(models_of unit)" = "$(digest_of "$relu")" ] || fail 'another file than the one that was loaded wakes'
expect '60\.0' -d "$body" "$url/v2/models/unit/infer"
expect '\[200\]' -d '' "$url/v2/repository/models/unit/load"
[ "$(models_of unit)" = "$(digest_of "$sigmoid")" ] || fail 'a load of a changed file changes nothing'
until_true 10 all_sleep || fail 'they do not fall asleep at last'
cp "$relu" "$folder/unit/1/model.onnx"
expect 'slept, and its file .* written to.*\[503\]' -d "$body" "$url/v2/models/unit/infer"
expect '"ready":false.*\[503\]' "$url/v2/models/unit/ready"
expect '"name":"unit","version":"1","state":"UNAVAILABLE","reason":"the model slept' -d '' "$url/v2/repository/index"
expect '\[200\]' -d '' "$url/v2/repository/models/unit/load"
[ "$(models_of unit)" = "$(digest_of "$relu")" ] || fail 'a load does not mend it'
# Under load it falls asleep and wakes, and nobody is refused.
for _ in 1 2 3; do
    h2load --h1 -t 1 -c 16 -n 400 -d "$work/body" -H 'Content-Type: application/json' "$url/v2/models/unit/infer" >"$work/h2load" 2>&1
    grep -q 'status codes: 400 2xx' "$work/h2load" || fail "after a sleep: $(grep status "$work/h2load")"
    until_true 10 sleeps unit || fail 'unit does not sleep'
done
stop

# A sequence under way keeps its model awake.
python3 - "$folder" <<'PYTHON'
import os
import sys

sys.path.insert(0, os.environ['HF_SOURCE_DIR'] + '/tests')
sys.dont_write_bytecode = True
from onnx_file import FLOAT, model, node, port

os.makedirs(sys.argv[1] + '/sum/1')
with open(sys.argv[1] + '/sum/1/model.onnx', 'wb') as file:
    file.write(model([node('Add', ['x', 'acc'], ['y']), node('Identity', ['y'], ['next'])], [],
                     [port('x', FLOAT, 2), port('acc', FLOAT, 2)], [port('y', FLOAT, 2), port('next', FLOAT, 2)]))
with open(sys.argv[1] + '/sum/1/model.onnx.sequence.json', 'w') as file:
    file.write('{"states":[{"input":"acc","output":"next"}]}')
PYTHON
start --repository "$folder" --sleep-after 1
add() { expect "$1" -d "{\"parameters\":{\"sequence_id\":7$2},\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1,2]}]}" "$url/v2/models/sum/infer"; }
add '1\.0,2\.0' ',"sequence_start":true'
until_true 10 sleeps unit || fail 'unit does not sleep beside a sequence'
pause 2
sleeps sum && fail 'a model fell asleep in the middle of a sequence'
add '2\.0,4\.0' ''
add '3\.0,6\.0' ',"sequence_end":true'
until_true 10 sleeps sum || fail 'a model does not sleep after its sequence'
add '1\.0,2\.0' ',"sequence_start":true,"sequence_end":true'
stop
rm -r "$folder/sum"

# --- Instances. ---
in_flight() { metric "holdfast_inferences_in_flight{model=\"$1\",version=\"1\"}"; }
# Sets most, the most that were seen to run at a time.
see_most_in_flight() {
    h2load --h1 -t 1 -c 8 -n 16 -d "$work/resnet50.body" -H "Inference-Header-Content-Length: $(cat "$work/resnet50.length")" \
        -H 'Content-Type: application/octet-stream' "$url/v2/models/resnet50/infer" >"$work/h2load" 2>&1 &
    local loader=$! now
    most=0
    while kill -0 $loader 2>/dev/null; do
        now=$(in_flight resnet50)
        [ "${now:-0}" -le "$most" ] || most=$now
    done
    wait $loader
    grep -q 'status codes: 16 2xx' "$work/h2load" || fail "instances: $(grep status "$work/h2load")"
}
for limit in 1 2; do
    start --repository "$folder" --workers 3 --instances "resnet50=$limit"
    see_most_in_flight
    echo "--instances resnet50=$limit of 3 workers: at most $most at a time"
    [ "$most" = $limit ] || fail "with --instances $limit, $most run at a time"
    expect '60\.0' -d "$body" "$url/v2/models/unit/infer"
    stop
done
start --repository "$folder" --workers 3
see_most_in_flight
[ "$most" = 3 ] || fail "without --instances, $most of 3 run at a time"
stop

# --- What is refused when the server is started. ---
refused() {
    local pattern=$1
    shift
    timeout 20 "$holdfast" serve "$@" --listen 127.0.0.1:0 >"$work/refused" 2>&1 && fail "served with $*"
    grep -qE -- "$pattern" "$work/refused" || fail "$*: want $pattern, got $(cat "$work/refused")"
}
refused 'no model is named'
refused '--repository: .*nowhere' --repository "$work/nowhere"
refused '--versions: is for --repository' "$relu" --versions all
refused '--poll: is for --repository' "$relu" --poll 3
refused "--versions unit=newest: 'newest' says not which versions" --repository "$folder" --versions unit=newest
refused '--instances: no model is called' "$relu" --instances other=1
refused '--instances 0: want NAME=N' "$relu" --instances 0
refused '--name: is for one model' --repository "$folder" --name x
cp "$relu" "$work/unit.onnx"
refused "both the model 'unit'" --repository "$folder" "$work/unit.onnx"
exit $((failures > 0))
