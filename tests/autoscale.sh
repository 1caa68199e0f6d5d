#!/usr/bin/env bash
# The autoscaler over real machines: a load through the gateway brings a service from one replica to three; the server
# dies; a replica that is taken away answers what it has begun, and no request fails; what contradicts itself is refused.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
source "$tests/machines.sh"
service() {
    cat <<YAML | hf apply -f -
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: slow}
spec: {model: "slow:v1", $1}
YAML
}

# A model that takes milliseconds: products of 256 by 256.
PYTHONPATH=$tests python3 - <<'PYTHON'
import struct
from onnx_file import FLOAT, model, node, port, weights
size, products = 256, 60
names = [f"x{i}" for i in range(products + 1)]
nodes = [node("Mul", ["x", "ones"], ["x0"])]
nodes += [node("MatMul", [a, "w"], [b]) for a, b in zip(names, names[1:])]
nodes += [node("MatMul", [names[-1], "ones"], ["y"])]
constants = [weights("w", FLOAT, [size, size], struct.pack("<f", 1 / size) * size * size),
             weights("ones", FLOAT, [size, 1], struct.pack("<f", 1) * size)]
with open("slow.onnx", "wb") as file:
    file.write(model(nodes, constants, [port("x", FLOAT, 1, size)], [port("y", FLOAT, size, 1)]))
PYTHON

start_server 0
port=${address##*:}
for name in one two three; do join $name "$(token)"; done
expect 0 'sha256' "$holdfast" push slow.onnx slow:v1 --data server --key server/keys/release.key
expect 1 'spec.replicas is there, too' service 'replicas: 2, scale: {max: 3}'
expect 1 'spec.scale.min: 4 is more than spec.scale.max' service 'scale: {min: 4, max: 3}'
expect 1 'spec.scale.max' service 'scale: {min: 1}'
expect 0 '' service 'scale: {min: 1, max: 3, targetConcurrency: 3, downAfterSeconds: 12}'
until_says 'slow +slow:v1 +True +Serving +1 +1' hf get services
until_says '"name":"slow"' curl -sf "$gateway/v2/models/slow"

# Ten at a time where three are for each replica.
python3 "$tests/load.py" "$gateway/v2/models/slow" 10 >load.log 2>&1 &
load=$!
until_says 'slow +slow:v1 +True +Serving +3 +3' hf get services
until_says 'ScaledUp' hf get events
expect 0 'from [12] to 3 replicas: [0-9.]+ requests under way and waiting, 3 for each replica' hf describe service/slow
touch stop
wait $load || fail 'requests failed while replicas came'
cat load.log

# The server dies; the next one remembers that three were asked for a moment ago.
end 9 server
start_server "$port" "${gateway##*:}"
expect 0 'slow +slow:v1 .* 3 ' hf get services
until_says '"name":"slow"' curl -sf "$gateway/v2/models/slow"
rm -f stop loading
python3 "$tests/load.py" "$gateway/v2/models/slow" 1 >load.log 2>&1 &
load=$!
until_says 'HighLately' hf get services/slow -o yaml
until_says 'slow +slow:v1 +True +Serving +1 +1' hf get services
expect 0 'ScaledDown' hf get events
touch stop
wait $load || fail 'requests failed while replicas went'
cat load.log

finish
