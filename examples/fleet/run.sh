#!/usr/bin/env bash
# Two sites, six machines and a control plane on this machine: join, place, canary, a bad model, roll-back, the loss of a
# site, recovery. Says what happens as it happens. Wants `holdfast` on the PATH; takes about a minute.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
SECONDS=0
say() { printf '%4d s  %s\n' $SECONDS "$*"; }
pause() { read -rt 0.1 <> <(:) || true; }
# Asks until the answer has PATTERN; 60 s at most.
await() {
    local pattern=$1 answer
    shift
    for _ in $(seq 600); do
        answer=$("$@" 2>&1 || true)
        if grep -E -- "$pattern" <<<"$answer" >/dev/null; then return; fi
        pause
    done
    printf 'waited in vain for "%s" from: %s\n%s\n' "$pattern" "$*" "$answer"
    exit 1
}
hf() { holdfast "$@" --kubeconfig server/kubeconfig; }
train() {
    holdfast simulate machine --hours 336 --seed "$1" -o data.csv >/dev/null
    holdfast fit anomaly data.csv --time time --value vibration_mm_s -o "pump-$1.onnx" >/dev/null
}

holdfast server --data server --listen 127.0.0.1:0 --gateway 127.0.0.1:0 >server.log 2>&1 &
pids+=($!)
await 'is up at' cat server.log
server=$(grep -oE 'https://[0-9.:]+' server.log | head -1)
say "the control plane is up at $server"

hf apply -f - >/dev/null <<'YAML'
apiVersion: holdfast.dev/v1
kind: Site
metadata: {name: berlin}
spec: {jurisdiction: DE}
---
apiVersion: holdfast.dev/v1
kind: Site
metadata: {name: lyon}
spec: {jurisdiction: FR}
YAML
declare -A agents
for site in berlin lyon; do
    token=$(hf token create --site $site --uses 3 2>/dev/null)
    for i in 1 2 3; do
        name=$site-$i
        holdfast agent --data "$name" --join "$server" --token "$token" --name "$name" --listen 127.0.0.1:0 \
            --jurisdiction "$([ $site = berlin ] && echo DE || echo FR)" >"$name.log" 2>&1 &
        agents[$name]=$!
        pids+=($!)
    done
done
for name in "${!agents[@]}"; do await 'is up' cat "$name.log"; done
await 'lyon-3 +True' hf get nodes
say 'six machines have joined, each with a key that never leaves it:'
hf node list

for seed in 1 2 3; do train $seed; done
holdfast push pump-1.onnx pump:v1 --data server --key server/keys/release.key >/dev/null
hf apply -f - >/dev/null <<'YAML'
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "pump:v1", replicas: 6}
YAML
await 'pump +pump:v1 +True +Serving +6' hf get services
say 'pump:v1 answers on all six; why there:'
hf explain service/pump | head -8

hf label node/berlin-1 ring=canary >/dev/null
holdfast push pump-2.onnx pump:v2 --data server --key server/keys/release.key >/dev/null
rollout() {
    hf apply -f - >/dev/null <<YAML
apiVersion: holdfast.dev/v1
kind: Rollout
metadata: {name: $1}
spec:
  service: pump
  model: "$2"
  stages:
  - {name: canary, selector: "ring=canary", soakSeconds: 2}
  - {name: half, limit: {percent: 50}}
  - {name: rest}
  abort: {failures: 1}
YAML
}
rollout to-v2 pump:v2
await Soaking hf get rollouts
say 'pump:v2 answers on the canary, which is watched for two seconds:'
hf get rollouts
await 'to-v2 .*Succeeded' hf get rollouts
await 'pump +pump:v2 +True +Serving +6' hf get services
say 'pump:v2 has reached all six, stage by stage'

holdfast push pump-3.onnx pump:v3 --data server >/dev/null
rollout to-v3 pump:v3
await 'to-v3 .*RolledBack' hf get rollouts
say 'pump:v3 was not signed: the canary refused it, and nobody else has seen it:'
hf get rollouts
hf get services

for i in 1 2 3; do
    kill -9 "${agents[lyon-$i]}"
    wait "${agents[lyon-$i]}" 2>/dev/null || true
done
lost=$SECONDS
await 'lyon-3 +Unknown' hf get nodes
say "the site lyon is gone, noticed within $((SECONDS - lost + 1)) s; berlin answers:"
hf get services
for i in 1 2 3; do
    holdfast agent --data "lyon-$i" --listen 127.0.0.1:0 >"lyon-$i.log" 2>&1 &
    pids+=($!)
done
await 'pump +pump:v2 +True +Serving +6' hf get services
say 'lyon is back and serves what it was ordered to; every machine remembers what it refused'
