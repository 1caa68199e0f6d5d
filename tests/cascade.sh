#!/usr/bin/env bash
# A cascade of two trained models on two machines: a small one at the edge reads digits and asks a larger one in the
# cloud about those it is unsure of. What that gains, what goes up, and what happens when the cloud is away, comes back,
# or may not see the data.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
if [ ! -e "${HF_DATA:?}/mnist/t10k-images-idx3-ubyte.gz" ]; then
    echo "skipped: $HF_DATA has no mnist/t10k-images-idx3-ubyte.gz"
    exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
source "$tests/machines.sh"
digits() { python3 "$tests/cascade.py" ask "$@"; }
# The number behind the first "right" in a file.
right_in() { grep -oE 'right [0-9]+\.[0-9]' "$1" | head -1 | tr -dc 0-9; }
# Requests for the large model that reached the cloud.
seen() {
    curl -sf "$url_cloud/metrics" |
        sed -n 's/^holdfast_inference_requests_total{model="digits-large",.*outcome="succeeded"} //p'
}
counted() { curl -sf "$url_edge/metrics" | sed -n "s/^holdfast_cascade_$1 //p"; }
apply() { hf apply -f - >log 2>&1 || { fail "apply"; cat log; }; }
# The example, with words of its placement, and patient: this machine may be slow.
edge_service() {
    sed "s/placement: {nodes: \[edge\]}/placement: {nodes: [edge]$1}/; s/Milliseconds: 1000/Milliseconds: 20000/" \
        "$tests/../examples/cascade/digits.yaml" | apply
}

start_server 0
cat <<YAML | apply
apiVersion: holdfast.dev/v1
kind: Site
metadata: {name: factory}
spec: {jurisdiction: DE}
---
apiVersion: holdfast.dev/v1
kind: Site
metadata: {name: region}
spec: {jurisdiction: FR}
YAML
join edge "$(token --site factory)" --jurisdiction DE
join cloud "$(token --site region)" --jurisdiction FR
until_says 'edge +True' hf get nodes
python3 "$tests/cascade.py" small small.onnx || fail 'the small model'
key=server/keys/release.key
expect 0 'sha256' "$holdfast" push small.onnx digits-small:v1 --data server --key $key
expect 0 'sha256' "$holdfast" push "$HF_DATA/models/trained/mnist_cnn.onnx" digits-large:v1 --data server --key $key
edge_service ''
cat <<YAML | apply
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: digits-alone}
spec: {model: "digits-small:v1", placement: {nodes: [edge]}}
YAML
for service in digits digits-large digits-alone; do until_says "$service +digits-[a-z]+:v1 +True +Serving" hf get services; done
until_says 'upstream unsure' digits "$url_edge/v2/models/digits" 0 50

# What is refused.
cat >ring.yaml <<YAML
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: digits-large}
spec: {model: "digits-large:v1", cascade: {upstream: digits, when: {belowMilli: 900}}}
YAML
expect 1 'upstreams come back to it; break the ring' hf apply -f ring.yaml
sed 's/upstream: digits/upstream: digits-large/' ring.yaml >own.yaml
expect 1 'cannot ask itself' hf apply -f own.yaml
sed 's/belowMilli: 900/measure: margin/' ring.yaml >never.yaml
expect 1 'belowMilli: Required value' hf apply -f never.yaml
sed 's/belowMilli: 900/belowMilli: 1, measure: luck/' ring.yaml >luck.yaml
expect 1 'when.measure: Unsupported value' hf apply -f luck.yaml

# What it gains: as right as the large model but for a little, and most digits stay.
expect 0 'edge asks default/digits-large on cloud' hf explain service/digits
expect 0 'asks digits-large when margin of' hf explain service/digits
digits "$url_edge/v2/models/digits-alone" 1000 400 >alone || fail 'the small model alone'
digits "$url_cloud/v2/models/digits-large" 1000 400 >large || fail 'the large model alone'
before=$(seen)
digits "$url_edge/v2/models/digits" 1000 400 >both || fail 'the cascade'
up=$(($(seen) - before))
echo "small alone: $(head -1 alone)"
echo "large alone: $(head -1 large)"
echo "the cascade: $(head -1 both); $up of 400 went up"
[ "$(right_in both)" -ge $(($(right_in alone) + 40)) ] || fail 'the cascade gains less than 4 of 100 digits'
[ "$(right_in both)" -ge $(($(right_in large) - 40)) ] || fail 'the cascade is worse than the large model by more than 4 of 100'
if [ "$up" -lt 10 ] || [ "$up" -gt 220 ]; then fail "$up of 400 went up; 30 of 100 may, and 100 that were saved"; fi
[ "$up" -ge "$(grep -oE "upstream unsure': [0-9]+" both | tr -dc 0-9)" ] || fail 'more answers than requests'

# The receipt at the edge names the model of the cloud, and verifies.
id=$(sed -n 's/^receipt //p' both)
curl -sf "$url_edge/v2/receipts/$id" >receipt.json
expect 0 '' "$holdfast" receipt verify receipt.json --key edge/receipts/log.pub
large=$(hf get service digits-large -o json | grep -oE '"digest": ?"sha256:[0-9a-f]+' | head -1 | grep -oE 'sha256:.*')
expect 0 "\"model\":\{\"digest\":\"$large\"" cat receipt.json
expect 0 '"answered":"upstream","escalated":true' cat receipt.json
[ "$(counted 'escalated_total{model="digits"}')" -ge "$up" ] || fail 'the metrics have fewer'

# The cloud dies: no request fails, and none is slow.
end 9 cloud
digits "$url_edge/v2/models/digits" 2000 100 10000 >dead || fail 'requests failed or hung with the cloud away'
echo "cloud away:  $(head -1 dead)"
grep -E "upstream" dead && fail 'a dead cloud answered'
start_agent cloud
until_says 'upstream unsure' digits "$url_edge/v2/models/digits" 1000 60

# The data may not go where the cloud stands: nothing leaves.
edge_service ', forbiddenJurisdictions: [FR]'
until_says 'local residency' digits "$url_edge/v2/models/digits" 1000 60
before=$(seen)
digits "$url_edge/v2/models/digits" 1000 100 >home || fail 'requests failed'
[ "$(seen)" = "$before" ] || fail "$before requests had reached the cloud, now $(seen)"
echo "not allowed: $(head -1 home)"
expect 0 'edge stands alone: JurisdictionForbidden' hf explain service/digits
[ "$(counted 'requests_total{model="digits",outcome="refused",reason="residency"}')" -gt 10 ] || fail 'not counted'
until_says '"alone": ?"residency"' hf get node edge -o json
finish
