#!/usr/bin/env bash
# Ensembles of trained models of MNIST, by the declarations of examples/ensemble: their answers are what a client makes of
# the members' own; over REST, gRPC, as a task and with receipts; a member is loaded anew while they are asked, and is
# refused when it fits no more; what is declared wrong is refused with its place.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
holdfast=${HF_BUILD_DIR:?}/holdfast
if [ ! -e "${HF_DATA:?}/mnist/t10k-images-idx3-ubyte.gz" ]; then
    echo "skipped: $HF_DATA has no mnist/t10k-images-idx3-ubyte.gz"
    exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}
digits() { python3 "$tests/ensemble.py" "$@"; }
post() { curl -s -m 20 -X POST -w '%{http_code}' "$url/v2/repository/models/$1" -d "${2:-}" | tr -d '\n'; }
state() { curl -s -m 5 -X POST "$url/v2/repository/index" | grep -o "{\"name\":\"$1\"[^}]*}"; }
start() {
    : >log # else that of the server before is read
    "$holdfast" serve "$@" --listen 127.0.0.1:0 >log 2>&1 &
    server=$!
    for _ in $(seq 200); do grep -q 'http://' log && break; read -rt 0.1 <> <(:) || true; done
    url=$(grep -oE 'http://[0-9.:]+' log | head -1)
    [ -n "$url" ] || { cat log; exit 1; }
}
stop() {
    kill -TERM "$server"
    wait "$server" || fail "exit status $?"
    server=
}

digits models "$work" || exit 1
cp "$tests"/../examples/ensemble/*.json .
member() { printf '{"model": "%s", "inputs": {"%s": "image"}, "outputs": {"%s": "%s"}}' "$@"; }
few=$(member small Input3 Plus214_Output_0 few) many=$(member large Input3 Plus214_Output_0 many)
echo '{"inputs": ["image"], "steps": ['"$few, ${many%\}}"', "when": {"value": "few", "confidence_below": 0.9, "by": "request"}}],
    "outputs": {"scores": ["many", "few"]}}' >whole.ensemble.json
echo '{"inputs": ["image"], "steps": ['"$(member cascade image scores a), $(member average image scores b)"'],
    "outputs": {"first": "a", "second": "b"}}' >nested.ensemble.json
echo '{"inputs": ["image"], "steps": ['"${few/\"few\"/\"a\"}, ${few/\"few\"/\"b\"}"'], "outputs": {"a": "a", "b": "b"}}' >twice.ensemble.json
models=(small.onnx large.onnx mean.onnx)
ensembles=(nested.ensemble.json twice.ensemble.json cascade.ensemble.json average.ensemble.json whole.ensemble.json)

# An ensemble may stand before its members, and one place suffices.
for workers in 1 4; do
    start "${ensembles[@]}" "${models[@]}" --workers "$workers" --receipts "receipts$workers"
    digits check "$url" || fail "the answers with --workers $workers"
    metadata=$(curl -s "$url/v2/models/cascade")
    grep -q '"platform":"ensemble","inputs":\[{"name":"image","datatype":"FP32","shape":\[-1,1,28,28\]}\]' <<<"$metadata" ||
        fail "the metadata: $metadata"
    [ "$workers" = 1 ] && stop
done
curl -s "$url/metrics" >metrics
grep -q '^holdfast_inference_requests_total{model="cascade",version="1",outcome="succeeded"} 34$' metrics ||
    fail "the metrics of the ensemble: $(grep 'requests_total{model="cascade"' metrics)"
[ "$(sed -n 's/^holdfast_inference_requests_total{model="small",.*outcome="succeeded"} //p' metrics)" -ge 38 ] ||
    fail "the metrics of a member: $(grep 'requests_total{model="small"' metrics)"

# The protocol's own checks, over REST and gRPC.
"$holdfast" conform oip "$url" --model cascade >conform 2>&1 || fail "conform oip: $(grep -A1 '^failed' conform)"

# As a task, with a receipt that names the declaration and who answered.
digits digit "$url" || fail "no digit that the large model has to read"
curl -s -m 10 -D head --data-binary @digit.png "$url/v1/tasks/cascade" >answer
grep -q "\"label\":\"$(cat label)\"" answer || fail "the task: $(cat answer), not $(cat label)"
id=$(tr -d '\r' <head | sed -n 's/^holdfast-receipt: //p')
curl -s -m 10 "$url/v2/receipts/$id" -o receipt
"$holdfast" receipt verify receipt --key receipts4/log.pub >verified || fail "the receipt: $(cat verified)"
for file in cascade.ensemble.json cascade.ensemble.json.task.json small.onnx large.onnx; do
    grep -q "sha256:$(sha256sum <"$file" | cut -d' ' -f1)" receipt || fail "the receipt does not name $file"
done
grep -q 'large' verified || fail "receipt verify does not tell who answered: $(cat verified)"

# A member is loaded anew while ensembles are asked; then one that fits no more.
digits reload "$url" "$work" || fail "a member was loaded anew"
cp small.onnx kept && cp flat.onnx small.onnx
said=$(post small/load)
[ "${said: -3}" = 412 ] && grep -q "is made of 'small', which would not fit into it any more (/steps/[01]/inputs/Input3" <<<"$said" ||
    fail "a member that fits no more: $said"
cp kept small.onnx
digits check "$url" >/dev/null || fail "the answers after that"

# A member that is unloaded takes what is made of it along, and brings it back.
[ "$(post large/unload)" = '{}200' ] || fail "the unload of a member"
grep -q "UNAVAILABLE.*its member 'large' is not loaded" <<<"$(state cascade)" || fail "the state: $(state cascade)"
grep -q "UNAVAILABLE.*its member 'cascade' is not loaded" <<<"$(state nested)" || fail "the state: $(state nested)"
grep -q READY <<<"$(state twice)" || fail "what is not made of it went, too: $(state twice)"
[ "$(post nested/load)" = '{}200' ] || fail "the load of an ensemble brings its members"
digits check "$url" >/dev/null || fail "the answers after the load"
[ "$(post twice/unload)" = '{}200' ] && [ "$(post nested/unload)" = '{}200' ] && [ "$(post whole/unload)" = '{}200' ] || fail "unloads"
[ "$(post average/unload '{"parameters": {"unload_dependents": true}}')" = '{}200' ] || fail "unload_dependents"
grep -q UNAVAILABLE <<<"$(state mean)" || fail "a member that only it had stays: $(state mean)"
grep -q READY <<<"$(state large)" || fail "a member of another went: $(state large)"
stop

# The cache holds answers by what the members are.
start "${models[@]}" cascade.ensemble.json --response-cache 1MiB
ask() {
    curl -s -m 10 -D - -o answer "$url/v2/models/cascade/infer" --data-binary @question | tr -d '\r' | grep -c '^holdfast-cache: hit'
}
python3 -c 'import json; print(json.dumps({"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 28, 28], "data": [9] * 784}]}))' >question
[ "$(ask)$(ask)" = 01 ] || fail "the cache"
cp other.onnx small.onnx && post small/load >loaded
[ "$(ask)$(ask)" = 01 ] || fail "the cache answers for another member"
stop
cp first.onnx small.onnx

# Of a folder of versions the highest is the member; one that sleeps is woken.
mkdir -p folder/small/1 folder/large/1
cp small.onnx folder/small/1/model.onnx && cp large.onnx folder/large/1/model.onnx
start cascade.ensemble.json --repository folder --sleep-after 1
scores() { sed 's/.*"data"//' answer; }
ask >hits; first=$(scores)
mkdir folder/small/2 && cp other.onnx folder/small/2/model.onnx && post small/load >loaded
ask >hits; second=$(scores)
[ -n "$first" ] && [ "$first" != "$second" ] || fail "the highest version is not the member: $first, $second"
for _ in $(seq 100); do grep sleeps <<<"$(state small)" >asleep && break; read -rt 0.1 <> <(:) || true; done
[ -s asleep ] || fail "the member does not sleep: $(state small)"
ask >hits; [ "$(scores)" = "$second" ] || fail "the member that sleeps: $(cat answer)"
stop

# What is declared wrong is refused at the start, with its place.
refused() { # WHAT DECLARATION
    echo "$2" >wrong.ensemble.json
    timeout 20 "$holdfast" serve small.onnx large.onnx wrong.ensemble.json --listen 127.0.0.1:0 >wrong 2>&1 && fail "$1 was accepted"
    grep -qF "$1" wrong || fail "$1: $(cat wrong)"
}
refused "/steps/0/model: no model 'smal' is served here, did you mean 'small'?" \
    '{"inputs": ["image"], "steps": ['"${few/small/smal}"'], "outputs": {"y": "few"}}'
refused "/steps/1/inputs/Input3: the model wants FP32 [?x1x28x28], and 'few' is FP32 [?x10]" \
    '{"inputs": ["image"], "steps": ['"$few, ${many/image/few}"'], "outputs": {"y": "many"}}'
refused "/steps/1/outputs/Plus214_Output_0: no step and no output reads 'many'; leave it out" \
    '{"inputs": ["image"], "steps": ['"$few, $many"'], "outputs": {"y": "few"}}'
refused "/outputs/y: it may be that 'many' is not computed" \
    '{"inputs": ["image"], "steps": ['"$few, ${many%\}}"', "when": {"value": "few", "confidence_below": 0.9}}], "outputs": {"y": "many"}}'
refused "'wrong' is made of itself" '{"inputs": ["image"], "steps": ['"${few/small/wrong}"'], "outputs": {"y": "few"}}'
refused "/stepz: there is no such field, did you mean 'steps'?" '{"inputs": ["image"], "stepz": [], "outputs": {"y": "few"}}'
[ $failures -eq 0 ] && echo "ensembles as promised"
exit $((failures > 0))
