#!/usr/bin/env bash
# ./dev bench fleet [--agents N] [--seed S]: one control plane and N machines with TLS connections of their own on this
# machine's loopback (two each, as the agent has them): memory an idle machine, how soon a change reaches all, how a storm
# of reconnecting machines is taken, and a roll-out in four stages. The machines are simulated by one program with one
# thread (agents.cpp), which says after each step what it has used itself: it shares the cores with the server.
set -euo pipefail
cd "$(dirname "$0")/../.."
agents=1000 seed=1
while [ $# -gt 0 ]; do
    case $1 in
        --agents) agents=$2 ;;
        --seed) seed=$2 ;;
        *) echo "bench fleet: want --agents N and --seed S, got '$1'" && exit 2 ;;
    esac
    shift 2
done
build=$PWD/build/${HF_PRESET:-release}
holdfast=$build/holdfast
files=$(ulimit -n)
[ "$files" -gt $((2 * agents + 100)) ] ||
    { echo "bench fleet: $files open files are allowed: at most $(((files - 100) / 2)) agents"; exit 1; }
work=$(mktemp -d)
cd "$work"
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
pause() { read -rt 0.1 <> <(:) || true; }
hf() { "$holdfast" "$@" --kubeconfig server/kubeconfig; }
start() {
    : >server.log
    "$holdfast" server --data server --listen "127.0.0.1:$1" --gateway none >server.log 2>&1 &
    server=$!
    for _ in $(seq 600); do grep -q 'is up at' server.log && break; pause; done
    url=$(grep -oE 'https://[0-9.:]+' server.log) || { echo "the server does not start"; cat server.log; exit 1; }
}
memory() { awk '/VmRSS/ {print $2}' "/proc/$server/status"; }
load() { cut -d' ' -f1 /proc/loadavg; }
await() {
    local begin=$SECONDS
    until hf get "$2" 2>/dev/null | grep -E "$1" >/dev/null; do
        [ $((SECONDS - begin)) -lt 600 ] || { echo "waited in vain for $1"; hf get "$2" | tail; tail -5 server.log; exit 1; }
        pause
    done
}
start 0
for _ in $(seq $(((agents + 999) / 1000))); do hf token create --uses 1000 2>/dev/null; done >tokens
empty=$(memory)
coproc fleet { "$build/bench/fleet/fleet_agents" "${url#https://}" server/pki/root.pem tokens "$agents" "$seed" 2>agents.log; }
say() { echo "$1" >&"${fleet[1]}"; }
hear() { read -r answer <&"${fleet[0]}"; echo "$answer"; }
busy() { awk -v hz="$(getconf CLK_TCK)" '{printf "%.1f", ($14 + $15) / hz}' "/proc/$server/stat"; }
# What the server has used since `before`.
used() { awk -v a="$before" -v b="$(busy)" 'BEGIN {printf "server: %.1f s of a processor", b - a}'; }

before=$(busy)
say enrol
echo "enrol     $(hear), $(used)"
before=$(busy)
say join
echo "join      $(hear), $(used)"
before=$(busy)
for _ in $(seq 100); do pause; done
echo "idle      $(awk -v a="$before" -v b="$(busy)" 'BEGIN {printf "%.0f", 10 * (b - a)}') % of a processor, over ten seconds"
echo "memory    $(((($(memory) - empty)) / agents)) KiB of the server a connected machine ($(memory) KiB in all, $empty without)"
cat >service.yaml <<YAML
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "pump@sha256:$(printf '1%.0s' $(seq 64))", replicas: $agents, resources: {cpuMilli: 1, memoryMebibytes: 1}}
YAML
say "orders $agents"
begin=$(date +%s.%N) before=$(busy)
hf apply -f service.yaml >/dev/null
echo "change    $(hear), $(used)"
await "pump .* $agents " services
echo "          and the service says so after $(awk -v a="$begin" -v b="$(date +%s.%N)" 'BEGIN {printf "%.1f", b - a}') s"

say connected
port=${url##*:}
kill -9 "$server"
wait "$server" 2>/dev/null || true  # without the shell's word on it
start "$port"
before=0
echo "storm     $(hear), $(used)"

cat >rollout.yaml <<YAML
apiVersion: holdfast.dev/v1
kind: Rollout
metadata: {name: next}
spec:
  service: pump
  digest: sha256:$(printf '2%.0s' $(seq 64))
  stages:
  - {name: canary, limit: {count: 10}}
  - {name: tenth, limit: {percent: 10}, maxParallel: 10000}
  - {name: half, limit: {percent: 50}, maxParallel: 10000}
  - {name: rest, maxParallel: 10000}
YAML
begin=$(date +%s.%N) before=$(busy)
hf apply -f rollout.yaml >/dev/null
await 'next .*Succeeded' rollouts
echo "roll-out  four stages in $(awk -v a="$begin" -v b="$(date +%s.%N)" 'BEGIN {printf "%.1f", b - a}') s, $(used)"
echo "machine   $(nproc) cores, load $(load), $agents agents, seed $seed, $(date -u +%F)"
say end
