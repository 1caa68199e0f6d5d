#!/usr/bin/env bash
# A trace through a gateway to the machine that answers, as both tell of it in their access logs; and the gateway's
# part of the dashboard against its metrics.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
source "$tests/machines.sh"
run server server --data server --listen 127.0.0.1:0 --gateway 127.0.0.1:0 --access-log gateway.jsonl
until_says 'predictions: ' cat server.log
[ $failures -eq 0 ] || finish
address=$(grep -oE 'https://[0-9.:]+' server.log | head -1)
gateway=$(grep -oE 'http://[0-9.:]+' server.log | head -1)
join one "$(token)" --access-log one.jsonl
expect 0 '' "$holdfast" simulate machine --hours 336 --seed 7 -o pump.csv
expect 0 '' "$holdfast" fit anomaly pump.csv --time time --value vibration_mm_s -o pump.onnx
expect 0 'sha256' "$holdfast" push pump.onnx pump:v1 --data server --key server/keys/release.key
cat <<YAML | hf apply -f - >log 2>&1 || fail "apply: $(cat log)"
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "pump:v1", replicas: 1}
YAML
until_says 'pump +pump:v1 +True +Serving +1' hf get services
until_says '"name":"pump"' curl -sf "$gateway/v2/models/pump"

trace=0af7651916cd43dd8448eb211c80319c
curl -s -o /dev/null -H "traceparent: 00-$trace-b7ad6b7169203331-01" "$gateway/v2/models/pump"
until_says "$trace" cat gateway.jsonl
until_says "$trace" cat one.jsonl
for file in gateway one; do grep $trace $file.jsonl >$file.line || fail "$file.jsonl has not the trace"; done
jq -e '.status == 200 and .path == "/v2/models/pump" and .node == "one"' gateway.line >/dev/null ||
    fail "the gateway: $(cat gateway.line)"
jq -e '.status == 200 and (has("node") | not)' one.line >/dev/null || fail "the machine: $(cat one.line)"

# The same by gRPC, as a message of the name's six bytes; the machine is asked over REST.
trace=4bf92f3577b34da6a3ce929d0e0e4736
printf '\0\0\0\0\6\12\4pump' | curl -s -o /dev/null --http2-prior-knowledge -H 'Content-Type: application/grpc' -H 'TE: trailers' \
    -H "traceparent: 00-$trace-b7ad6b7169203331-01" --data-binary @- "$gateway/inference.GRPCInferenceService/ModelMetadata"
until_says "$trace" cat gateway.jsonl
until_says "$trace" cat one.jsonl
for file in gateway one; do grep $trace $file.jsonl >$file.line || fail "$file.jsonl has not the call's trace"; done
jq -e '.path == "/inference.GRPCInferenceService/ModelMetadata" and .grpc_status == "0" and .node == "one"' gateway.line >/dev/null ||
    fail "the gateway of a call: $(cat gateway.line)"
jq -e '.status == 200 and .path == "/v2/models/pump" and .protocol == "HTTP/1.1"' one.line >/dev/null ||
    fail "the machine of a call: $(cat one.line)"

curl -s "$gateway/metrics" >metrics
promtool check metrics <metrics || fail 'promtool refuses the gateway'\''s metrics'
grep -oE 'holdfast_gateway_[a-z_]+' "$tests/../deploy/grafana/holdfast.json" | sort -u >shown
[ "$(wc -l <shown)" -ge 8 ] || fail "the dashboard shows of the gateway only: $(cat shown)"
while read -r name; do
    grep -q "^# TYPE $name " metrics || fail "the gateway has no $name"
done <shown
grep -q 'holdfast_access_log_lines_total{outcome="written"} [1-9]' metrics || fail 'the gateway counts no lines'
finish
