#!/usr/bin/env bash
# Agreement on real traffic: a version that is signed, healthy and fast, but answers otherwise than the one before, is
# stopped at the canary by that alone; callers notice nothing; one that answers alike within its tolerance goes through.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
source "$tests/machines.sh"
rollout() { # rollout NAME MODEL AGREEMENT
    cat <<YAML | hf apply -f - >log 2>&1 || { fail "apply rollout $1"; cat log; }
apiVersion: holdfast.dev/v1
kind: Rollout
metadata: {name: $1}
spec:
  service: pump
  model: "$2"
  stages: [{name: canary, selector: "ring=canary"}, {name: rest}]
  gates: {agreement: $3}
YAML
}
digest_of() { "$holdfast" vault list --data server | awk -v n="$1" '$1 == n {print $2}'; }
answers() { curl -s "$1/v2/models/pump"; }
compared() { curl -s "$gateway/metrics" | grep comparisons_total; }

start_server 0
for name in one two three; do join $name "$(token)"; done
expect 0 'node/two labelled' hf label node/two ring=canary
for seed in 7 8; do
    expect 0 '' "$holdfast" simulate machine --hours 336 --seed $seed -o data.csv
    expect 0 '' "$holdfast" fit anomaly data.csv --time time --value vibration_mm_s -o v$seed.onnx
done
expect 0 'sha256' "$holdfast" push v7.onnx pump:v1 --data server --key server/keys/release.key
expect 0 'sha256' "$holdfast" push v8.onnx pump:v2 --data server --key server/keys/release.key
cat <<'YAML' | hf apply -f - >log 2>&1 || { fail "apply"; cat log; }
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "pump:v1", replicas: 3}
YAML
until_says 'pump +pump:v1 +True +Serving +3' hf get services
until_says '"name":"pump"' curl -sf "$gateway/v2/models/pump"

# Nobody asks: nothing can be compared, and the canary waits beyond its soak.
rollout other pump:v2 '{percentMin: 98, samplesMin: 200, toleranceMicros: 1000}'
until_says '0 of 200 compared answers that the gates ask for' hf describe rollout/other
expect 0 'v2|"version' answers "$url_two"
python3 "$tests/load.py" "$gateway/v2/models/pump" 2 >load.log 2>&1 &
load=$!
until_says 'other .*RolledBack' hf get rollouts
expect 0 'answers agree with the previous version.s, less than 98 %' hf describe rollout/other
expect 0 'compared: ([2-9][0-9]{2}|[0-9]{4,})' hf describe rollout/other
expect 0 'outcome="differed"} [1-9]' compared
new=$(digest_of pump:v2)
for name in one two three; do
    url="url_$name"
    until_says "$(digest_of pump:v1)" answers "${!url}"
done
for name in one three; do
    [ ! -e "$name/vault/blobs/sha256/${new#sha256:}" ] || fail "$name fetched the version that did not agree"
done

# The same version, where so much difference is meant: it agrees, and goes everywhere.
rollout meant pump:v2 '{percentMin: 98, samplesMin: 200, toleranceMicros: 1000000000}'
until_says 'meant .*Succeeded' hf get rollouts
until_says 'pump +pump:v2 +True +Serving +3' hf get services
touch stop
wait $load || fail 'requests failed during the roll-outs'
cat load.log
finish
