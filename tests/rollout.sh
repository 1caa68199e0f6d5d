#!/usr/bin/env bash
# Roll-outs over real machines: a good version in stages, one that is refused and goes back at the canary, approval,
# abort by hand, a server that dies in the middle.
set -uo pipefail
source "$(dirname "$0")/machines.sh"
rollout() { # rollout NAME MODEL STAGES [MORE]
    cat <<YAML | hf apply -f - >log 2>&1 || { fail "apply rollout $1"; cat log; }
apiVersion: holdfast.dev/v1
kind: Rollout
metadata: {name: $1}
spec:
  service: pump
  model: "$2"
  stages: $3
  abort: {failures: 1}
  ${4:-}
YAML
}
# versions: the digests that answer, by machine.
versions() {
    local name url
    for name in one two three; do
        url="url_$name"
        printf '%s %s\n' "$name" "$(curl -s "${!url}/v2/models/pump" | grep -oE 'model_digest":"sha256:[0-9a-f]{8}')"
    done
}
digest_of() { "$holdfast" vault list --data server | awk -v n="$1" '$1 == n {print substr($2, 1, 15)}'; }

start_server 0
port=${address##*:}
for name in one two three; do join $name "$(token)"; done
# The canary is chosen by its label, which administrators set.
expect 0 'node/two labelled' hf label node/two ring=canary
expect 1 'want KEY=VALUE' hf label node/two ring
for seed in 7 8 9; do
    expect 0 '' "$holdfast" simulate machine --hours 336 --seed $seed -o data.csv
    expect 0 '' "$holdfast" fit anomaly data.csv --time time --value vibration_mm_s -o v$seed.onnx
done
expect 0 'sha256' "$holdfast" push v7.onnx pump:v1 --data server --key server/keys/release.key
expect 0 'sha256' "$holdfast" push v8.onnx pump:v2 --data server --key server/keys/release.key
expect 0 'sha256' "$holdfast" push v9.onnx pump:v3 --data server
expect 0 'sha256' "$holdfast" push v9.onnx pump:v4 --data server --key server/keys/release.key
cat <<'YAML' | hf apply -f - >log 2>&1 || { fail "apply"; cat log; }
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "pump:v1", replicas: 3}
YAML
until_says 'pump +pump:v1 +True +Serving +3' hf get services
stages='[{name: canary, selector: "ring=canary"}, {name: rest}]'

# A good version: the canary first, then the rest; in the end the service names it.
rollout good pump:v2 "$stages"
until_says 'good .*Succeeded' hf get rollouts
until_says 'pump +pump:v2 +True +Serving +3' hf get services
until_says "three .*$(digest_of pump:v2)" versions
for name in one two three; do expect 0 "$name .*$(digest_of pump:v2)" versions; done

# A version that nobody signed: the canary refuses it, and no other machine ever gets it.
rollout bad pump:v3 "$stages"
until_says 'bad .*RolledBack' hf get rollouts
expect 0 'unsigned' hf describe rollout/bad
for name in one two three; do expect 0 "$name .*$(digest_of pump:v2)" versions; done
expect 0 'pump +pump:v2 +True' hf get services
bad=$("$holdfast" vault list --data server | awk '$1 == "pump:v3" {print $2}')
for name in one three; do
    [ ! -e "$name/vault/blobs/sha256/${bad#sha256:}" ] || fail "$name fetched the version that the canary refused"
done
[ -e "two/vault/blobs/sha256/${bad#sha256:}" ] || fail 'two, the canary, did not fetch the bad version'

# The second stage waits for a word; the server dies meanwhile, and the roll-out knows where it was.
rollout asked pump:v4 '[{name: canary, selector: "ring=canary"}, {name: rest, approval: true}]'
until_says 'asked .*WaitingForApproval' hf get rollouts
expect 0 "two .*$(digest_of pump:v4)" versions
end 9 server
start_server "$port"
sleep_until=$((SECONDS + 2))
while [ $SECONDS -lt $sleep_until ]; do pause; done
expect 0 'asked .*WaitingForApproval' hf get rollouts
for name in one three; do expect 0 "$name .*$(digest_of pump:v2)" versions; done
rollout asked pump:v4 '[{name: canary, selector: "ring=canary"}, {name: rest, approval: true}]' \
    'aborted: true'
until_says 'asked .*RolledBack' hf get rollouts
until_says "two .*$(digest_of pump:v2)" versions
rollout again pump:v4 '[{name: canary, selector: "ring=canary"}, {name: rest, approval: true}]' \
    'approvals: [{stage: rest, by: admin}]'
until_says 'again .*Succeeded' hf get rollouts
until_says 'pump +pump:v4 +True +Serving +3' hf get services
finish
