#!/usr/bin/env bash
# One model served on loopback: answers (HTTP/1.1 and 2), refusals, receipts that verify offline and survive a kill,
# loads of a file that changes under load, statistics, metrics that promtool accepts, and a drain on SIGTERM.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
work=$(mktemp -d)
server= safe=
trap 'kill -9 $server $safe 2>/dev/null; rm -rf "$work"' EXIT
models=/usr/include/onnx/backend/test/data/node
cp $models/test_relu/model.onnx "$work/relu.onnx"
start() {
    : >"$work/log"  # of a server before
    "$holdfast" serve "$work/relu.onnx" --listen 127.0.0.1:0 --receipts "$work/receipts" >"$work/log" 2>&1 &
    server=$!
    for _ in $(seq 50); do grep -q verified "$work/log" && break; read -rt 0.1 <> <(:) || true; done
    url=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
}
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}
expect() {
    local pattern=$1
    shift
    local output
    output=$(curl -s -m 5 -w ' [%{http_code}]' "$@" | tr '\n' ' ')
    grep -qE -- "$pattern" <<<"$output" || fail "$*: want $pattern, got $output"
}
infer=v2/models/relu/infer
data=$(seq -s, 1 60)
body="{\"id\":\"7\",\"inputs\":[{\"name\":\"x\",\"shape\":[3,4,5],\"datatype\":\"FP32\",\"data\":[$data]}]}"
# The receipt of one more inference.
receipt_of_one() { curl -s -m 5 -o /dev/null -D - -d "$body" "$url/$infer" | tr -d '\r' | sed -n 's/^holdfast-receipt: //p'; }
verify() { "$holdfast" receipt verify "$1" --key "$work/receipts/log.pub" >"$work/verify" 2>&1; }

start
expect '"ready":true' "$url/v2/health/ready"
expect '"live":true' "$url/v2/health/live"
expect '"live":true' --http2-prior-knowledge "$url/v2/health/live"
expect 'binary_tensor_data' "$url/v2"
expect '"platform":"onnx_onnxv1"' "$url/v2/models/relu"
expect '"versions":\["1"\]' "$url/v2/models/relu/versions/1"
expect '"ready":true' "$url/v2/models/relu/versions/1/ready"
expect '"id":"7".*60\.0' -d "$body" "$url/$infer"
expect '60\.0' -d "$body" "$url/v2/models/relu/versions/1/infer"
expect 'is missing.*\[400\]' -d '{"inputs":[]}' "$url/$infer"
expect '/inputs/0/shape.*\[400\]' -d "${body/3,4,5/3,4,-5}" "$url/$infer"
expect 'JSON.*\[400\]' -d '{' "$url/$infer"
expect '\[415\]' -H 'Content-Type: text/xml' -d '<a/>' "$url/$infer"
expect '\[404\]' "$url/v2/models/other"
expect "no version '2'.*\\[404\\]" -d "$body" "$url/v2/models/relu/versions/2/infer"
expect '"ready":false.*\[404\]' "$url/v2/models/other/ready"
expect '\[405\]' -X DELETE "$url/v2"
expect '\[405\]' "$url/$infer"
expect '\[400\]' --path-as-is "$url/v2/%2e%2e/x"

# Receipts: verified offline, refused with any byte changed, kept by a server that is killed.
id=$(receipt_of_one)
curl -s -m 5 "$url/v2/receipts/$id" -o "$work/receipt"
verify "$work/receipt" || fail "a receipt does not verify: $(cat "$work/verify")"
grep -q "receipt $id" "$work/verify" || fail "another receipt was verified: $(cat "$work/verify")"
size=$(stat -c %s "$work/receipt")
for at in $(seq 0 37 $((size - 1))); do
    cp "$work/receipt" "$work/changed"
    printf '~' | dd of="$work/changed" bs=1 seek="$at" conv=notrunc status=none
    verify "$work/changed" && fail "verified with byte $at changed"
done
expect '\[404\]' "$url/v2/receipts/0-0000000000000000"
openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkey -pubout -out "$work/other.pub"
"$holdfast" receipt verify "$work/receipt" --key "$work/other.pub" >/dev/null 2>&1 && fail "verified with another key"
openssl pkey -in "$work/receipts/key.pem" -pubout -out "$work/log.pem"
"$holdfast" receipt verify "$work/receipt" --key "$work/log.pem" >/dev/null || fail "a PEM key is not taken"
last=$(receipt_of_one)
{ kill -9 $server && wait $server; } 2>/dev/null
start
for kept in "$id" "$last"; do
    curl -s -m 5 "$url/v2/receipts/$kept" -o "$work/kept"
    verify "$work/kept" || fail "receipt $kept was lost by a kill: $(cat "$work/kept")"
done

# Unloaded and loaded again. A file that is replaced under load is swapped in: every answer is of one of the two digests.
repository=v2/repository/models/relu
digest_of() { sha256sum <"$1" | cut -d' ' -f1; }
expect '"extensions":.*model_repository.*statistics' "$url/v2"
expect '^\{\} +\[200\]' -d '' "$url/$repository/unload"
expect '"state":"UNAVAILABLE","reason":"unloaded"' -d '' "$url/v2/repository/index"
expect '^\[\] ' -d '{"ready":true}' "$url/v2/repository/index"
expect "'relu' is not ready: unloaded.*\\[404\\]" -d "$body" "$url/$infer"
expect '"ready":true' "$url/v2/health/ready"
expect '^\{\} +\[200\]' -d '' "$url/$repository/load"
expect '60\.0' -d "$body" "$url/$infer"
expect 'not among those.*relu.*\[404\]' -d '' "$url/v2/repository/models/other/load"
expect '\[403\]' -H 'Origin: http://localhost' -d '' "$url/$repository/unload"
while [ ! -e "$work/enough" ]; do
    curl -s -m 5 -o /dev/null -D - -d "$body" "$url/$infer"
done >"$work/answers" &
asker=$!
for name in sigmoid relu sigmoid relu sigmoid; do
    cp $models/test_$name/model.onnx "$work/next" && mv "$work/next" "$work/relu.onnx"
    expect '\[200\]' -d '' "$url/$repository/load"
    curl -s -m 5 -o /dev/null -D - -d "$body" "$url/$infer" |
        grep "sha256:$(digest_of "$work/relu.onnx")" >/dev/null ||
        fail "the file of test_$name was loaded, and does not answer"
done
touch "$work/enough"
wait $asker
digests="$(digest_of $models/test_relu/model.onnx)|$(digest_of $models/test_sigmoid/model.onnx)"
all=$(grep -c '^HTTP' "$work/answers")
good=$(grep -cE "^holdfast-model-digest: sha256:($digests)" "$work/answers")
[ "$all" -gt 0 ] && [ "$all" = "$good" ] || fail "under loads, $good of $all requests were answered by one digest"
head -c 20 "$models/test_relu/model.onnx" >"$work/next" && mv "$work/next" "$work/relu.onnx"
expect "'relu' is not loaded.*\\[[45]00\\]" -d '' "$url/$repository/load"
expect '\[200\]' -d "$body" "$url/$infer"
expect '"inference_count":[1-9].*"success":\{"count":[1-9]' "$url/v2/models/relu/stats"
expect '"model_stats":\[\{"name":"relu"' "$url/v2/models/stats"

# Beyond this machine with TLS and callers only; each caller may what is listed beside his token.
cp $models/test_relu/model.onnx "$work/relu.onnx"
refused() {
    local pattern=$1
    shift
    timeout 10 "$holdfast" serve "$work/relu.onnx" "$@" >"$work/refused" 2>&1 && fail "served with $*"
    grep -qE -- "$pattern" "$work/refused" || fail "$*: want $pattern, got $(cat "$work/refused")"
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$work/key.pem" -out "$work/cert.pem" \
    -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null
caller() { printf '%s sha256:%s %s\n' "$1" "$(printf %s "$2" | sha256sum | cut -d' ' -f1)" "$3"; }
{ caller alice secret-a infer=relu && caller bob secret-b 'infer=other load=* observe' && caller carl secret-c 'infer=relu rate=0.01 burst=2'; } >"$work/callers"
cert=(--tls-cert "$work/cert.pem" --tls-key "$work/key.pem")
refused '--tls-cert FILE' --listen 0.0.0.0:0
refused '--callers FILE' --listen 0.0.0.0:0 "${cert[@]}"
refused 'come together' --listen 127.0.0.1:0 --tls-cert "$work/cert.pem"
echo 'alice sha256:12 infer=*' >"$work/bad"
refused 'line 1' --listen 127.0.0.1:0 --callers "$work/bad"
"$holdfast" serve "$work/relu.onnx" --listen 127.0.0.1:0 "${cert[@]}" --callers "$work/callers" >"$work/safe.log" 2>&1 &
safe=$!
for _ in $(seq 50); do grep -q https "$work/safe.log" && break; read -rt 0.1 <> <(:) || true; done
safe_url=$(grep -oE 'https://[0-9.:]+' "$work/safe.log" | head -1)
as() { printf '%s\n' --cacert "$work/cert.pem" ${1:+-H "Authorization: Bearer $1"}; }
mapfile -t nobody < <(as '') && mapfile -t alice < <(as secret-a) && mapfile -t bob < <(as secret-b)
for version in --http1.1 --http2; do
    expect '"ready":true' $version "${nobody[@]}" "$safe_url/v2/health/ready"
    expect 'a token is needed.*\[401\]' $version "${nobody[@]}" -d "$body" "$safe_url/$infer"
    expect '60\.0' $version "${alice[@]}" -d "$body" "$safe_url/$infer"
    expect "'bob' may not infer model 'relu'.*\\[403\\]" $version "${bob[@]}" -d "$body" "$safe_url/$infer"
    expect "'alice' may not load model 'relu'.*\\[403\\]" $version "${alice[@]}" -d '' "$safe_url/$repository/load"
    expect '\[200\]' $version "${bob[@]}" -d '' "$safe_url/$repository/load"
    expect '\[403\]' $version "${alice[@]}" "$safe_url/metrics"
    expect 'holdfast_inference' $version "${bob[@]}" "$safe_url/metrics"
done
# Two requests at once and then one in a hundred seconds, however they come.
carl=(--cacert "$work/cert.pem" -H 'Authorization: Bearer secret-c')
expect '60\.0' --http1.1 "${carl[@]}" -d "$body" "$safe_url/$infer"
expect '60\.0' --http2 "${carl[@]}" -d "$body" "$safe_url/$infer"
expect "'carl' may send 0.01 requests a second.*\\[429\\]" "${carl[@]}" -d "$body" "$safe_url/$infer"
expect '[Rr]etry-[Aa]fter: (100|[0-9]{2})[^0-9]' -D - "${carl[@]}" -d "$body" "$safe_url/$infer"
expect 'grpc-status: 8[^0-9]' --http2 -D - "${carl[@]}" -H 'Content-Type: application/grpc' -H 'TE: trailers' -d '' \
    "$safe_url/inference.GRPCInferenceService/ModelInfer"
expect '"ready":true' "${carl[@]}" "$safe_url/v2/health/ready"
expect '60\.0' "${alice[@]}" -d "$body" "$safe_url/$infer"
expect 'holdfast_rate_limited_requests_total\{caller="carl"\} 3' "${bob[@]}" "$safe_url/metrics"
kill -TERM $safe
wait $safe || fail "exit status $?"

relu=$models/test_relu/model.onnx
"$holdfast" serve "$relu" "$relu" --listen 127.0.0.1:0 >"$work/two" 2>&1 && fail "two models of one name are served"
grep -q "two models have the name 'model'" "$work/two" || fail "two of one name: $(cat "$work/two")"
"$holdfast" serve "$relu" "$work/relu.onnx" --name x --listen 127.0.0.1:0 >"$work/two" 2>&1 &&
    fail "one name was given to two models"
grep -q -- '--name: is for one model' "$work/two" || fail "one name for two: $(cat "$work/two")"

curl -s -m 5 "$url/metrics" | promtool check metrics || fail "promtool refuses the metrics"
kill -TERM $server
wait $server || fail "exit status $?"
grep -q 'every request answered' "$work/log" || fail "$(cat "$work/log")"
[ $failures -eq 0 ] && echo "served as promised"
exit $((failures > 0))
