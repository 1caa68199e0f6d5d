#!/usr/bin/env bash
# From a recording of one sensor to a signed model in service, and alerts with receipts: see README.md.
#
#     examples/machine-temperature/run.sh [FOLDER]
#
# needs `holdfast` in PATH. The recording is the machine temperature of the Numenta Anomaly Benchmark where its folder
# is (NAB, by default ../shared/data/nab beside the checkout), and a simulated pump elsewhere. FOLDER keeps what is
# made; without it all is gone at the end.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/../.." && pwd)
nab=${NAB:-$checkout/../shared/data/nab}
work=${1:-$(mktemp -d)}
mkdir -p "$work"
up=
finish() {
    [ -z "$up" ] || { kill "$up" 2>/dev/null && wait "$up" 2>/dev/null || true; }
    [ $# -gt 0 ] || rm -rf "$work"
}
trap 'finish "$@"' EXIT
export HOLDFAST_DATA=$work/holdfast HOLDFAST_CONFIG=$work/holdfast/kubeconfig
say() { printf '\n== %s\n' "$*"; }

# Which rows to learn from, and where trouble is known to be.
recording=$nab/data/realKnownCause/machine_temperature_system_failure.csv
if [ -e "$recording" ]; then
    columns=(--time timestamp --value value)
    until=2013-12-05T11:40:00Z # 750 rows: the probation period of the benchmark
    trouble=(2013-12-10T06:25:00Z/2013-12-12T05:35:00Z 2013-12-15T17:50:00Z/2013-12-17T17:00:00Z
        2014-01-27T14:20:00Z/2014-01-29T13:30:00Z 2014-02-07T14:55:00Z/2014-02-09T14:05:00Z)
    least=3
else
    say "no recording at $recording: simulating a pump whose bearing wears from 2026-01-21 on"
    recording=$work/pump.csv
    holdfast simulate machine --hours 600 --fault-at 480 --seed 1 -o "$recording"
    columns=(--time time --value vibration_mm_s)
    until=2026-01-15T00:00:00Z
    trouble=(2026-01-21T00:00:00Z/2026-01-26T00:00:00Z)
    least=1
fi

say "learn what is normal"
holdfast fit anomaly "$recording" "${columns[@]}" --until $until -o "$work/model.onnx"

say "sign it and put it into the vault, with golden outputs"
holdfast keygen "$work/release.key"
holdfast push "$work/model.onnx" machine:1 --key "$work/release.key"

say "start holdfast"
holdfast up --data "$HOLDFAST_DATA" --listen 127.0.0.1:0 --api 127.0.0.1:0 >"$work/up.log" 2>&1 &
up=$!
for _ in $(seq 100); do
    [ -s "$HOLDFAST_CONFIG" ] && grep -qE 'https?://' "$work/up.log" && break
    kill -0 $up 2>/dev/null || { cat "$work/up.log" && exit 1; }
    read -rt 0.1 <> <(:) || true
done
url=$(grep -oE 'https?://[0-9.:]+' "$work/up.log" | head -1)
echo "it answers on $url"

say "ask for the model to be kept running, if that key signed it"
{
    cat <<YAML
apiVersion: holdfast.dev/v1
kind: TrustPolicy
metadata:
  name: release
spec:
  keys:
    - |
YAML
    sed 's/^/      /' "$work/release.key.pub"
    cat <<YAML
---
apiVersion: holdfast.dev/v1
kind: Service
metadata:
  name: machine
spec:
  model: machine:1
  trustPolicy: release
YAML
} >"$work/service.yaml"
holdfast apply -f "$work/service.yaml"
holdfast wait service/machine --for=condition=Ready --timeout 30s

say "stream the rest through the service"
expect=()
for window in "${trouble[@]}"; do expect+=(--expect "$window"); done
stream=(stream "$recording" "${columns[@]}" --service machine --server "$url" --after $until "${expect[@]}")
holdfast "${stream[@]}" | tee "$work/alerts.txt"

say "the receipt of the first alert, checked offline"
id=$(sed -n 's/.* receipt //p' "$work/alerts.txt" | head -1)
curl -fsS -m 10 "$url/v2/receipts/$id" >"$work/receipt.json"
holdfast receipt verify "$work/receipt.json" --key "$HOLDFAST_DATA/receipts/log.pub"

caught=$(sed -n 's/^\([0-9]*\) of [0-9]* expected windows caught.*/\1/p' "$work/alerts.txt")
[ "${caught:-0}" -ge $least ] || {
    echo "FAILED: $caught of ${#trouble[@]} troubles caught, at least $least are wanted"
    exit 1
}
