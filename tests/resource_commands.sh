#!/usr/bin/env bash
# apply, get, describe, wait and delete against the resource API over TLS; and, where kubectl is, that the two
# agree on what an applied file means.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
work=$(mktemp -d)
export HOLDFAST_CONFIG=$work/kubeconfig KUBECONFIG=$work/kubeconfig HOME=$work
coproc SERVER { exec "$HF_BUILD_DIR/tests/api_server" "$KUBECONFIG"; }
server=$SERVER_PID
trap 'kill $server; wait $server; rm -rf "$work"' EXIT
read -r -t 20 line <&"${SERVER[0]}" && [ "$line" = ready ] || { echo "the server did not start"; exit 1; }
cd "$work" || exit 1

failures=0
fail() {
    printf 'FAILED: %s\n%s\n' "$1" "$(tail -5 log)"
    failures=$((failures + 1))
}
# want TEXT COMMAND...: it succeeds and says TEXT.
want() {
    local text=$1
    shift
    timeout 30 "$@" >log 2>&1 </dev/null || { fail "$* (exit $?)"; return; }
    grep -qF -- "$text" log || fail "$*: no '$text'"
}
# refused TEXT COMMAND...: it fails and says TEXT.
refused() {
    local text=$1
    shift
    ! timeout 30 "$@" >log 2>&1 </dev/null || { fail "$*: it should fail"; return; }
    grep -qF -- "$text" log || fail "$*: no '$text'"
}

cat >pump.yaml <<'YAML'
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump, labels: {line: two}}
spec: {model: "pump:v1", device: cpu}
YAML
sed -e 's/v1", device: cpu/v2"/' pump.yaml >changed.yaml
sed -e 's/model:/modle:/' -e 's/name: pump/name: typo/' pump.yaml >typo.yaml

want 'service/pump created' "$holdfast" apply -f pump.yaml
want 'service/pump unchanged' "$holdfast" apply -f pump.yaml
refused 'unknown field "spec.modle"' "$holdfast" apply -f typo.yaml
want 'pump:v1' "$holdfast" get services
want 'service/pump' "$holdfast" get svc -l line=two -o name
want 'no services' "$holdfast" get services -l line=three
want 'device: cpu' "$holdfast" get service/pump -o yaml
want 'pump' "$holdfast" get services -A -o wide
want 'Name:       pump' "$holdfast" describe service pump
refused 'time is up, and it has no condition Ready' \
    "$holdfast" wait service/pump --for=condition=Ready --timeout 300ms
refused 'there is none' "$holdfast" wait service/none --for=condition=Ready
refused 'not found' "$holdfast" get service none
refused 'does not answer yet' "$holdfast" infer pump --input random

if command -v kubectl >/dev/null; then
    want 'unchanged' kubectl apply -f pump.yaml
    want 'configured' "$holdfast" apply -f changed.yaml
    want 'unchanged' kubectl apply -f changed.yaml
    want 'configured' kubectl apply -f pump.yaml
    want 'service/pump unchanged' "$holdfast" apply -f pump.yaml
fi
want 'configured' "$holdfast" apply -f changed.yaml
"$holdfast" get service pump -o json >log
grep -q '"model": "pump:v2"' log && ! grep -q '"device": "cpu",$' log || fail 'the dropped field is still there'

# A watch shows what happens, and an interrupt ends it well.
"$holdfast" get services -w -o name >seen &
watch=$!
for _ in $(seq 100); do grep -q pump seen && break; read -rt 0.1 <> <(:) || true; done
"$holdfast" wait service/pump --for=delete --timeout 30s >gone 2>&1 &
waiter=$!
sed -e 's/name: pump/name: fan/' pump.yaml >fan.yaml
want 'service/fan created' "$holdfast" apply -f fan.yaml
for _ in $(seq 100); do grep -q fan seen && break; read -rt 0.1 <> <(:) || true; done
grep -q fan seen || fail 'the watch did not show the new service'
kill -INT $watch
wait $watch || fail "the watch ended with status $?"
want 'service/pump deleted' "$holdfast" delete service pump
wait $waiter && grep -q 'is gone' gone || fail 'wait did not see the deletion'
want 'service/fan deleted' "$holdfast" delete -f fan.yaml
refused 'not found' "$holdfast" delete service fan

sed -i 's/token: .*/token: wrong/' kubeconfig
refused 'holdfast: ' "$holdfast" get services
[ $failures -eq 0 ] && echo "commands and server agree"
exit $((failures > 0))
