#!/usr/bin/env bash
# A control plane and machines: joining by token, orders, models from the server's registry, a machine lost, the
# control plane lost, a restart without it, residency, revocation, and what is refused.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
source "$tests/machines.sh"
ready() { curl -sf "$1/v2/models/pump/ready"; }
service() {
    cat <<YAML | hf apply -f - >log 2>&1 || { fail "apply"; cat log; }
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "$1", replicas: $2, placement: {${3:-}}}
YAML
}

start_server 0
port=${address##*:}
cat <<YAML | hf apply -f - >log 2>&1 || { fail "sites"; cat log; }
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

# Joining, and what is refused of it.
used=$(token --site berlin)
join one "$used" --jurisdiction DE
join two "$(token --site lyon)" --jurisdiction FR
until_says 'two +True +lyon' hf get nodes
expect 1 'all of --join, --token and --name' "$holdfast" agent --data x --join "$address"
expect 1 'has not joined a server' "$holdfast" agent --data x
expect 1 'join-token-used' "$holdfast" agent --data x --join "$address" --token "$used" --name three
expect 1 'node-name-taken' "$holdfast" agent --data x --join "$address" --token "$(token)" --name one
expect 1 'join-token-other-node' "$holdfast" agent --data x --join "$address" --token "$(token --node press)" --name three
wrong=$(token)
expect 1 'certificate' "$holdfast" agent --data x --join "$address" --token "${wrong%?}$([ "${wrong: -1}" = 0 ] && echo 1 || echo 0)" --name three
expect 0 '' hf token list
expect 22 '401' curl -sSfk "$address/v1/join-tokens"

# A model that the server has reaches both machines; each verifies it for itself.
expect 0 '' "$holdfast" simulate machine --hours 336 --seed 7 -o pump.csv
expect 0 '' "$holdfast" fit anomaly pump.csv --time time --value vibration_mm_s -o pump.onnx
expect 0 'sha256' "$holdfast" push pump.onnx pump:v1 --data server --key server/keys/release.key
service pump:v1 2
until_says 'pump +pump:v1 +True +Serving +2' hf get services
expect 0 '' ready "$url_one"
expect 0 '' ready "$url_two"
expect 0 'one|two' hf explain service/pump
expect 0 'pump-[0-9a-f]{12}' hf get modelversions

# Residency: the machine where it may not lie any more stops, and nobody takes its place.
service pump:v1 2 'jurisdictions: [DE]'
until_says 'False +(NodeFull|JurisdictionNotAllowed)|Placed' hf describe service/pump
until_says 'pump +pump:v1 +True +[A-Za-z]+ +1' hf get services
for _ in $(seq 100); do ready "$url_two" >/dev/null || break; pause; done
ready "$url_two" >/dev/null && fail 'two still answers for what may not lie there'
service pump:v1 2
until_says 'pump +pump:v1 +True +Serving +2' hf get services

# The gateway asks whoever answers. Under its load a machine dies: the other goes on, no request fails, and the first
# takes up its work when it is back.
until_says '"name":"pump"' curl -sf "$gateway/v2/models/pump"
expect 22 '404' curl -sSf "$gateway/v2/models/nothing"
python3 "$tests/load.py" "$gateway/v2/models/pump" 4 >load.log 2>&1 &
load=$!
end 9 one
until_says 'one +Unknown' hf get nodes
until_says 'PartlyServing' hf get services
expect 0 '' ready "$url_two"
start_agent one
until_says 'one +True' hf get nodes
until_says 'pump +pump:v1 +True +Serving +2' hf get services

touch stop
wait $load || fail 'requests failed while a machine died'
cat load.log

# The control plane dies, and a machine starts without it.
end 9 server
end 9 one
expect 0 '' ready "$url_two"
start_agent one
until_says '' ready "$url_one"
expect 0 'Connection refused' cat one.log
start_server "$port"
until_says 'pump +pump:v1 +True +Serving +2' hf get services

# A version that is not believed: the first goes on, and the refusal outlives a restart.
expect 0 'sha256' "$holdfast" push pump.onnx pump:v2 --data server
service pump:v2 2
until_says '\[unsigned\]' hf describe service/pump
until_says 'pump +pump:v2 +True +ServingPrevious +2' hf get services
end 15 one
expect 0 'every request answered' cat one.log
start_agent one
until_says 'refused before' hf describe service/pump
expect 0 '' ready "$url_one"

# A stolen machine: refused from now on, its replica placed elsewhere.
expect 0 '' hf node revoke two --why 'stolen'
until_says 'two +lyon +revoked .*stolen' hf node list
until_says 'node-revoked' cat two.log
until_says 'two +Unknown' hf get nodes
expect 22 '401' curl -sSf --cert two/identity/svid.pem --key two/identity/key.pem --cacert two/identity/bundle.pem \
    "$address/apis/holdfast.dev/v1/nodes/two"

finish
