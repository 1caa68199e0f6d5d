#!/usr/bin/env bash
# An ensemble is pushed as one artifact, signed, rolled out and answered by a Service, as `holdfast serve` answers the same
# files: over REST, as a task, with receipts that name its members, which nobody else can ask. It sleeps and wakes, asks an
# upstream and is one. What its files do not bear out is refused when it is pushed, and by machines where it is made up;
# a byte of a member that changed is found; its next version is rolled out under load.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/machines.sh"
[ -e "${HF_DATA:?}/mnist/t10k-images-idx3-ubyte.gz" ] || { echo "skipped: $HF_DATA has no mnist/t10k-images-idx3-ubyte.gz"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
digits() { python3 "$here/ensemble.py" "$@"; }
service() { # service MODEL [NAME [SPEC]]
    local name=${2:-digits} spec=${3:-}
    hf apply -f - >log 2>&1 <<<"{\"apiVersion\":\"holdfast.dev/v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"$name\"},\"spec\":{\"model\":\"$1\"$spec}}" || { fail "apply $1"; cat log; }
}
refused() { until_says "$1" hf get node/one -o yaml; }
push() { expect "$1" "$2" "$holdfast" push "$3" "$4" --data server --key server/keys/release.key "${@:5}"; }
sum() { sha256sum <"$1" | cut -d' ' -f1; }

mkdir made
digits models made || exit 1
cp "$here"/../examples/ensemble/*.json made/
start_server 0
join one "$(token)" --sleep-after 2

# One artifact of all that answers; of what lies there besides, nothing.
push 0 sha256 made/cascade.ensemble.json digits:1
expect 0 '' "$holdfast" pull digits:1 --data server --output pulled --key server/keys/release.key.pub
[ "$(cd pulled && echo *)" = 'cascade.ensemble.json cascade.ensemble.json.task.json large.onnx small.onnx' ] || fail "what was pushed: $(ls pulled)"
service digits:1
until_says 'digits +digits:1 +True +Serving +1' hf get services

until_says 'digits +digits:1 +sha256' hf get modelversions -o wide

# As `holdfast serve` answers the same files, on the machine and through the gateway.
launch serve "$holdfast" serve pulled/*.ensemble.json pulled/*.onnx made/average.ensemble.json made/mean.onnx --listen 127.0.0.1:0
until_says 'serving' cat serve.log
served=$(grep -oE 'http://[0-9.:]+' serve.log | head -1)
digits same "$served" cascade "$url_one" digits || fail 'the answers'
digits same "$served" cascade "$gateway" digits || fail 'the answers through the gateway'

# Another on the same machine, whose steps run at the same time, has a small model of its own.
push 0 sha256 made/average.ensemble.json average:1
service average:1 average
until_says 'average +average:1 +True +Serving +1' hf get services
digits same "$served" average "$url_one" average || fail 'the answers of steps at the same time'
expect 0 '^hf-step$' cat /proc/"${pids[one]}"/task/*/comm
hf delete service/average >log || fail 'a service that goes'

# Its members are its own.
expect 0 '"platform":"ensemble"' curl -s "$url_one/v2/models/digits"
expect 0 '"members_digest":"sha256:' curl -s "$url_one/v2/models/digits"
expect 0 '404' curl -s -o /dev/null -w '%{http_code}' "$url_one/v2/models/small"
expect 0 'holdfast_inference_requests_total\{model="digits",version="1",outcome="succeeded"\} [1-9]' curl -s "$url_one/metrics"
expect 0 'holdfast_inference_requests_total\{model="digits/small",version="1",outcome="succeeded"\} [1-9]' curl -s "$url_one/metrics"
expect 0 '"name":"digits"' curl -s -X POST "$url_one/v2/repository/index"
expect 1 '' grep -E 'model="small"|"name":"small"' <(curl -s "$url_one/metrics"; curl -s -X POST "$url_one/v2/repository/index")

# The protocol's own checks, over REST and gRPC.
"$holdfast" conform oip "$url_one" --model digits >conform 2>&1 || fail "conform oip: $(grep -A1 '^failed' conform)"

# As a task, with a receipt of the artifact, which names who answered.
digits digit "$served" || fail 'no digit that the large model has to read'
expect 0 "\"label\":\"$(cat label)\"" curl -s -m 10 -D head --data-binary @digit.png "$url_one/v1/tasks/digits"
id=$(tr -d '\r' <head | sed -n 's/^holdfast-receipt: //p')
curl -s -m 5 "$url_one/v2/receipts/$id" -o receipt
expect 0 'large' "$holdfast" receipt verify receipt --key one/receipts/log.pub
digest=$(curl -s "$url_one/v2/models/digits" | jq -r .properties.model_digest)
for each in "$digest" "sha256:$(sum made/small.onnx)" "sha256:$(sum made/large.onnx)" "sha256:$(sum made/cascade.ensemble.json.task.json)"; do
    grep -q "$each" receipt || fail "the receipt does not name $each"
done

# Nobody asks: the memory of its members goes, and comes again with the request that needs it; not from other bytes.
asleep() { until_says 'holdfast_model_sleeping\{model="digits".*\} 1' curl -s "$url_one/metrics"; }
asleep
digits same "$served" cascade "$url_one" digits || fail 'the answers of what slept'
expect 0 'holdfast_model_wakes_total\{model="digits".*outcome="succeeded"\} [2-9]' curl -s "$url_one/metrics"
asleep
flip() { # flip FILE: a byte of what the machine has of it
    blob=$(find one -name "$(sum "$1")")
    chmod u+w "$blob"
    printf '\377' | dd of="$blob" bs=1 seek=1000 conv=notrunc 2>/dev/null
}
flip made/large.onnx
expect 0 "step 1 \('large'\): .*large.onnx is not what was verified" curl -s -m 10 --data-binary @digit.png "$url_one/v1/tasks/digits"
expect 0 503 curl -s -o /dev/null -w '%{http_code}' "$url_one/v2/models/digits/ready"
dd if=made/large.onnx of="$blob" conv=notrunc 2>/dev/null
digits same "$served" cascade "$url_one" digits || fail 'the answers of what was mended'

# One that asks an upstream about what it is unsure of, and one that is asked.
echo '{"inputs": ["image"], "steps": [{"model": "small", "inputs": {"Input3": "image"}, "outputs": {"Plus214_Output_0": "few"}}],
    "outputs": {"scores": "few"}}' >made/few.ensemble.json
push 0 sha256 made/few.ensemble.json few:1
service few:1 edge ',"cascade":{"upstream":"digits","budgetPercent":100,"when":{"output":"scores","belowMilli":900},"timeoutMilliseconds":20000}'
until_says 'edge +few:1 +True +Serving +1' hf get services
digits same "$served" cascade "$url_one" edge small=256 || fail 'the answers of one that asks an upstream'

# What a member's guard refuses is not answered.
mkdir guarded
cp made/cascade.ensemble.json made/small.onnx made/large.onnx guarded/
echo '{"type": "holdfast.dev/guard/v1", "mode": "refuse", "inputs": [{"name": "Input3", "least": 300, "most": 400}]}' >guarded/small.onnx.guard.json
push 0 sha256 guarded guarded:1
service guarded:1 guarded
until_says 'guarded +guarded:1 +True +Serving +1' hf get services
python3 -c 'import json; print(json.dumps({"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 28, 28], "data": [9] * 784}]}))' >question
expect 0 422 curl -s -m 10 -o /dev/null -w '%{http_code}' --data-binary @question "$url_one/v2/models/guarded/infer"
expect 0 'holdfast_guard_verdicts_total\{model="guarded/small",version="1",verdict="refused",reason="range"\} 1' curl -s "$url_one/metrics"
hf delete service/edge >log && hf delete service/guarded >log || fail 'services that go'

# A member's weights in a file of their own go along.
mkdir -p parts/data
PYTHONPATH=$here python3 -c 'import onnx_file as o; open("parts/add.onnx", "wb").write(o.adder(o.FLOAT, 2))'
printf '\0\0\200\77\0\0\0\100' >parts/data/weights
echo '{"inputs": ["x"], "steps": [{"model": "add", "inputs": {"x": "x"}, "outputs": {"y": "once"}},
    {"model": "add", "inputs": {"x": "once"}, "outputs": {"y": "twice"}}], "outputs": {"y": "twice"}}' >parts/twice.ensemble.json
push 0 sha256 parts/twice.ensemble.json twice:1
service twice:1 twice
until_says 'twice +twice:1 +True +Serving +1' hf get services
expect 0 '"data":\[3.0,6.0\]' curl -s -m 10 -d '{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}]}' "$url_one/v2/models/twice/infer"
hf delete service/twice >log || fail 'a service that goes'

# What is no ensemble is not pushed, each with its place.
mkdir bad
cp made/cascade.ensemble.json made/small.onnx bad/
push 1 '/steps/1/model: there is neither large.onnx nor large.tflite nor large.ensemble.json beside it' bad/cascade.ensemble.json bad:1
cp made/large.onnx bad/large.tflite
cp made/large.onnx bad/
push 1 "large.onnx and large.tflite are both 'large'" bad/cascade.ensemble.json bad:1
rm bad/large.tflite
cp made/flat.onnx bad/small.onnx
push 1 'cascade.ensemble.json: /steps/[01]/inputs/Input3: ' bad/cascade.ensemble.json bad:1
cp made/small.onnx made/mean.onnx bad/
push 1 'mean.onnx is no member of cascade.ensemble.json' bad bad:1
rm bad/mean.onnx
push 1 "'small.onnx' is marked as what is to run" bad bad:1 --entry small.onnx
echo '{"type": "holdfast.dev/guard/v1", "inputs": [{"name": "none", "least": 0}]}' >bad/small.onnx.guard.json
push 1 "small.onnx.guard.json: " bad/cascade.ensemble.json bad:1
mv bad/small.onnx.guard.json bad/smal.onnx.guard.json
push 1 'smal.onnx.guard.json lies beside no model' bad bad:1
expect 0 '' "$holdfast" sign made/cascade.ensemble.json --key server/keys/release.key --signature made.sig
expect 1 'says nothing of its members' "$holdfast" push made/cascade.ensemble.json bad:1 --data server --signature made.sig

# What was signed is not made into something else by the manifest around it, and what answered before still does.
for each in small entry leave; do digits forge server/vault digits:1 "digits:$each" $each || fail "forge $each"; done
service digits:small
refused "changed-file. '(small|large).onnx'"
service digits:entry
refused "'small.onnx' is marked as what is to run, and the artifact holds an ensemble"
service digits:leave
refused "missing-file. 'large.onnx'"
digits same "$served" cascade "$url_one" digits || fail 'the answers beside what is refused'
service digits:1
until_says 'digits +digits:1 +True +Serving +1' hf get services

# The next version has another small model. It comes while the service is asked, and nothing fails.
mkdir next
cp made/* next/
cp made/other.onnx next/small.onnx
push 0 sha256 next/cascade.ensemble.json digits:2
python3 "$here/load.py" "$gateway/v2/models/digits" 4 >load.log 2>&1 &
pids[load]=$!
until_says loading ls
service digits:2
until_says 'digits +digits:2 +True +Serving +1' hf get services
touch stop
wait "${pids[load]}" || fail "requests failed while the version changed: $(cat load.log)"
unset "pids[load]"
cat load.log
end 15 serve
launch next "$holdfast" serve next/cascade.ensemble.json next/small.onnx next/large.onnx --listen 127.0.0.1:0
until_says 'serving' cat next.log
digits same "$(grep -oE 'http://[0-9.:]+' next.log | head -1)" cascade "$url_one" digits || fail 'the answers of the next version'

# A byte of a member that changed on the machine's disk is found before it answers.
end 15 one
flip next/small.onnx
start_agent one
refused 'small.onnx: .* holds other bytes than its name says'
expect 0 "\"model_digest\":\"$digest\"" curl -s "$url_one/v2/models/digits" # of the version before
end 15 one

# The small program has no ensembles, and says who has.
if [ -x "$HF_BUILD_DIR/holdfast-agent" ]; then
    service digits:1
    on_device() { local holdfast=$HF_BUILD_DIR/holdfast-agent; "$@"; }
    on_device start_agent one
    refused 'the model is an ensemble, which this program does not serve; run `holdfast agent`'
fi
finish
