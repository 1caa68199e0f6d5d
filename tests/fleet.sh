#!/usr/bin/env bash
# A control plane and machines: joining by token, orders, models from the server's registry, a machine lost, the
# control plane lost, a restart without it, residency, revocation, and what is refused.
set -uo pipefail
source "$(dirname "$0")/expect.sh"
holdfast=${HF_BUILD_DIR:?}/holdfast
work=$(mktemp -d)
cd "$work" || exit 1
declare -A pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
fail() { printf 'FAILED: %s\n' "$*"; failures=$((failures + 1)); }
pause() { read -rt 0.1 <> <(:) || true; }
hf() { "$holdfast" "$@" --kubeconfig server/kubeconfig; }
# until_says PATTERN COMMAND...: asks again for up to 30 s.
until_says() {
    local pattern=$1
    shift
    for _ in $(seq 300); do "$@" >log 2>&1; grep -qE -- "$pattern" log && return; pause; done
    fail "$*: never said $pattern"
    cat log
}
# run NAME WORDS...: a program of its own, with its output in NAME.log.
run() {
    local name=$1
    shift
    : >"$name.log"
    "$holdfast" "$@" >"$name.log" 2>&1 &
    pids[$name]=$!
}
end() {
    kill "-$1" "${pids[$2]}"
    wait "${pids[$2]}" 2>/dev/null
}
start_server() {
    run server server --data server --listen "127.0.0.1:$1"
    until_says 'the control plane is up at' cat server.log
    address=$(grep -oE 'https://[0-9.:]+' server.log | head -1)
}
# start_agent NAME WORDS...: once it is up, url_NAME is where it answers.
start_agent() {
    local name=$1
    shift
    run "$name" agent --data "$name" --listen 127.0.0.1:0 "$@"
    until_says 'is up: predictions at' cat "$name.log"
    printf -v "url_$name" '%s' "$(grep -oE 'http://[0-9.:]+' "$name.log" | head -1)"
}
join() { start_agent "$1" --join "$address" --token "$2" --name "$1" "${@:3}"; }
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
token() { hf token create "$@" 2>/dev/null; }
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

# A machine dies: the other goes on, and it takes up its work when it is back.
end 9 one
until_says 'one +Unknown' hf get nodes
until_says 'PartlyServing' hf get services
expect 0 '' ready "$url_two"
start_agent one
until_says 'one +True' hf get nodes
until_says 'pump +pump:v1 +True +Serving +2' hf get services

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

end 15 one
end 15 server
if [ $failures -gt 0 ]; then
    tail -n 20 ./*.log
    echo "$failures failed"
    exit 1
fi
echo "all passed"
