#!/usr/bin/env bash
# What a server tells of its requests: a line each in the access log, which is rotated and outlives a full disk;
# `holdfast top`; and the dashboard of deploy/, of which every metric is one that the server has.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
source "$here/expect.sh"
holdfast=${HF_BUILD_DIR:?}/holdfast
deploy=$here/../deploy
work=$(mktemp -d)
server=
trap 'kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
cp /usr/include/onnx/backend/test/data/node/test_relu/model.onnx relu.onnx
token=$(printf secret | sha256sum | cut -d' ' -f1)
printf 'alice sha256:%s infer=* load=* observe\nbob sha256:%s load=relu observe\n' "$token" "$(printf weak | sha256sum | cut -d' ' -f1)" >callers
start() {
    : >log  # of a server before
    "$holdfast" serve relu.onnx --listen 127.0.0.1:0 --receipts receipts --callers callers "$@" >log 2>&1 &
    server=$!
    for _ in $(seq 100); do grep -q verified log && break; read -rt 0.1 <> <(:) || true; done
    url=$(grep -oE 'http://[0-9.:]+' log | head -1)
}
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}
data=$(seq -s, 1 60)
body="{\"inputs\":[{\"name\":\"x\",\"shape\":[3,4,5],\"datatype\":\"FP32\",\"data\":[$data]}]}"
parent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
ask() { curl -s -m 5 -H 'Authorization: Bearer secret' "$@"; }
infer() { ask -o /dev/null -H "traceparent: $parent" "$@" -d "$body" "$url/v2/models/relu/infer"; }
# until_lines COUNT FILE: waits until the file has so many lines.
until_lines() {
    for _ in $(seq 100); do
        [ "$(cat "$2" 2>/dev/null | wc -l)" -ge "$1" ] && return
        read -rt 0.1 <> <(:) || true
    done
    fail "$2 has not $1 lines: $(cat "$2")"
}

# until_says TEXT: waits until the log has it.
until_says() {
    for _ in $(seq 100); do
        grep -qF -- "$1" access.log 2>/dev/null && return
        read -rt 0.1 <> <(:) || true
    done
    fail "the log does not say $1: $(cat access.log)"
}

start --access-log access.log --traces http://127.0.0.1:9 --trace-ratio 1
infer
infer --http2-prior-knowledge
curl -s -o /dev/null "$url/v2/models/relu?token=hidden"
ask -o /dev/null --path-as-is "$url/v2/%0a%22,%22status%22:200?x=%0a"
until_lines 4 access.log
jq -es 'length == 4 and all(.[]; (.time | test("^20.*Z$")) and .duration_us >= .queue_us)' access.log >/dev/null ||
    fail "the log: $(cat access.log)"
jq -es '.[0:2] | all(.[]; .status == 200 and .model == "relu" and .version == "1" and .caller == "alice" and
    .trace_id == "0af7651916cd43dd8448eb211c80319c" and (.receipt | length) > 5 and .bytes_in > 100 and .compute_us >= 0)' \
    access.log >/dev/null || fail "inferences in the log: $(head -2 access.log)"
[ "$(jq -r .protocol access.log | sort -u | tr '\n' ' ')" = 'HTTP/1.1 HTTP/2 ' ] || fail "protocols: $(cat access.log)"
jq -es '.[2].status == 401 and (.[2] | has("caller") | not)' access.log >/dev/null || fail "a stranger: $(cat access.log)"
grep -q hidden access.log && fail "the query is in the log"

# A rotation is a rename.
mv access.log access.log.1
infer
until_lines 1 access.log
[ "$(wc -l <access.log.1)" = 4 ] || fail "the old log grew: $(cat access.log.1)"

# Top: a table, an object, and who may not.
observe=(--header 'Authorization: Bearer secret')
(while [ ! -e enough ]; do infer; done) &
asker=$!
expect 0 '^relu +1 +[1-9]' "$holdfast" top "$url" --once --interval 1 "${observe[@]}"
"$holdfast" top "$url" --json --interval 1 "${observe[@]}" >top.json || fail "top --json"
touch enough
wait $asker
jq -e '.models[0] | .model == "relu" and .requests_per_s > 1 and .failures_per_s == 0 and .p50_s > 0 and .p99_s >= .p50_s and
    .queue_s > 0' top.json >/dev/null || fail "top: $(cat top.json)"
expect 1 'may observe' "$holdfast" top "$url" --once
expect 1 'is a server there' "$holdfast" top http://127.0.0.1:9 --once

# The dashboard asks for metrics that are there, in expressions that Prometheus understands.
ask "$url/metrics" >metrics
promtool check metrics <metrics || fail "promtool refuses the metrics"
python3 "$here/dashboard.py" "$deploy/grafana/holdfast.json" rules.yaml metrics "$here"/../src || fail "the dashboard"
expect 0 'SUCCESS' promtool check rules rules.yaml
grep -q 'holdfast_trace_spans_total{outcome="dropped"}' metrics || fail "spans without a collector are not counted"
# Lines of what was answered are switched off and on; who may not load every model changes nothing.
ask -d '{"log_info":false}' "$url/v2/logging" | jq -e '.log_file == "access.log" and .log_info == false and .log_error' >/dev/null ||
    fail "log settings: $(ask "$url/v2/logging")"
until_says '"path":"/v2/logging"'
mv access.log access.log.2
infer
ask -o /dev/null "$url/v2/models/other"
expect 0 '/log_file: is said when the server is started' ask -d '{"log_file":"/tmp/elsewhere"}' "$url/v2/logging"
expect 0 "'bob' may not load" curl -s -H 'Authorization: Bearer weak' -d '{"log_info":true}' "$url/v2/logging"
expect 0 '"log_info":false' curl -s -H 'Authorization: Bearer weak' "$url/v2/logging"
ask -o /dev/null -d '{"log_info":true}' "$url/v2/logging"
infer
until_says '"model":"relu"'
jq -es 'map(select(.path != "/v2/logging") | .status) == [404, 200]' access.log >/dev/null || fail "what is to be told of: $(cat access.log)"

kill -TERM $server
wait $server || fail "exit status $?"
grep -q 'every request answered' log || fail "$(cat log)"

# A full disk costs lines, not answers; standard output takes lines too.
start --access-log /dev/full
grep -q 'access-log' log || fail "/dev/full is no regular file, and is taken: $(cat log)"
wait $server && fail "a log that cannot be opened is no error"
start --access-log -
infer
until_lines 3 log
tail -1 log | jq -e '.status == 200 and .method == "POST"' >/dev/null || fail "standard output: $(cat log)"
kill -TERM $server
wait $server || fail "exit status $?"
[ $failures -eq 0 ] && echo "seen as promised"
exit $((failures > 0))
