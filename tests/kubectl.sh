#!/usr/bin/env bash
# The resource API with real kubectl. Usage: kubectl.sh [KUBECONFIG]; without one it starts its own server.
# KUBECTL names the program (default: kubectl); every version from 1.20 to 1.32 must pass.
set -uo pipefail
kubectl=${KUBECTL:-kubectl}
command -v "$kubectl" >/dev/null || {
    echo "skipped: needs kubectl (Debian's package kubernetes-client)"
    exit 77
}
work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; }
    rm -rf "$work"
}
trap finish EXIT
if [ $# -ge 1 ]; then
    KUBECONFIG=$(realpath "$1")
else
    KUBECONFIG=$work/kubeconfig
    coproc SERVER { exec "${HF_BUILD_DIR:?}/tests/api_server" "$KUBECONFIG"; }
    server=$SERVER_PID
    read -r -t 20 line <&"${SERVER[0]}" && [ "$line" = ready ] || { echo "the server did not start"; exit 1; }
fi
export KUBECONFIG HOME=$work
cd "$work" || exit 1

failures=0
fail() {
    printf 'FAILED: %s\n%s\n' "$1" "$(tail -5 log)"
    failures=$((failures + 1))
}
# want TEXT ARGUMENTS...: kubectl succeeds and says TEXT.
want() {
    local text=$1
    shift
    timeout 30 "$kubectl" "$@" >log 2>&1 </dev/null || { fail "kubectl $* (exit $?)"; return; }
    [ -z "$text" ] || grep -qF -- "$text" log || fail "kubectl $*: no '$text'"
}
# refused TEXT ARGUMENTS...: kubectl fails and says TEXT.
refused() {
    local text=$1
    shift
    ! timeout 30 "$kubectl" "$@" >log 2>&1 </dev/null || { fail "kubectl $*: it should fail"; return; }
    grep -qF -- "$text" log || fail "kubectl $*: no '$text'"
}

cat >fan.yaml <<'YAML'
apiVersion: holdfast.dev/v1
kind: Service
metadata:
  name: fan
  labels: {app: fan}
spec:
  model: fan:v1
---
apiVersion: holdfast.dev/v1
kind: TrustPolicy
metadata: {name: fans}
spec: {requireSignature: true}
YAML

want 'trustpolicies' api-resources --api-group=holdfast.dev
want 'compiled for' explain services.spec.device
want 'model' explain service.spec

# Objects come, stay the same, change and go.
want 'service.holdfast.dev/fan created' apply -f fan.yaml
want 'service.holdfast.dev/fan unchanged' apply -f fan.yaml
want 'trustpolicy.holdfast.dev/fans unchanged' apply -f fan.yaml
want '' diff -f fan.yaml # exit 0: no difference
want 'fan:v1' get svc
want 'NODE' get svc fan -o wide
want 'trustPolicy: default' get service fan -o yaml
want 'service.holdfast.dev/fan' get svc -l app=fan -o name
want 'service.holdfast.dev/fan' get svc --field-selector metadata.name=fan -o name
want 'No resources found' get svc -l app=other
want 'true' get tp fans
want 'labeled' label svc fan line=7
want 'annotated' annotate svc fan note=hello
want 'patched' patch svc fan --type=merge -p '{"spec":{"device":"ref"}}'
want 'patched' patch svc fan --type=json -p '[{"op":"replace","path":"/spec/device","value":"cpu"}]'
want 'cpu' get svc fan -o 'jsonpath={.spec.device}'
want '3' get svc fan -o 'jsonpath={.metadata.generation}'
want 'note: hello' describe svc fan

# Conditions, events and waiting. The status is written as a node would.
server_url=$("$kubectl" config view --raw -o 'jsonpath={.clusters[0].cluster.server}')
"$kubectl" config view --raw -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}' | base64 -d >ca.pem
token=$("$kubectl" config view --raw -o 'jsonpath={.users[0].user.token}')
api() {
    curl -sS --cacert ca.pem -H "Authorization: Bearer $token" "$@"
}
status='{"status":{"conditions":[{"type":"Ready","status":"True","reason":"Serving","message":"it serves"}]}}'
timeout 30 "$kubectl" wait --for=condition=Ready --timeout=20s svc/fan >wait.log 2>&1 &
waiter=$!
exec 7< <(timeout 30 "$kubectl" get svc -w --no-headers 2>&1)
read -r -t 20 -u 7 line && [[ $line == fan* ]] || { echo "$line" >log; fail 'kubectl get -w begins with what is there'; }
api -X PATCH -H 'Content-Type: application/merge-patch+json' -d "$status" \
    "$server_url/apis/holdfast.dev/v1/namespaces/default/services/fan/status" >log
wait $waiter || { cp wait.log log; fail 'kubectl wait --for=condition=Ready'; }
read -r -t 20 -u 7 line && [[ $line == *Serving* ]] || { echo "$line" >log; fail 'kubectl get -w shows the change'; }
exec 7<&-
cat >event.yaml <<YAML
apiVersion: holdfast.dev/v1
kind: Event
metadata: {name: fan.1}
involvedObject: {apiVersion: holdfast.dev/v1, kind: Service, namespace: default, name: fan, uid: $("$kubectl" get svc fan -o 'jsonpath={.metadata.uid}')}
reason: Pulled
message: fan:v1 is here
source: {component: node}
lastTimestamp: "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
YAML
want 'event.holdfast.dev/fan.1 created' apply -f event.yaml
want 'fan:v1 is here' describe svc fan
want 'Pulled' get events

# Refusals, each naming its reason.
sed 's/model:/modle:/' fan.yaml >unknown.yaml
refused 'modle' apply -f unknown.yaml
sed 's/fan:v1/nonsense/' fan.yaml >invalid.yaml
refused 'spec.model' apply -f invalid.yaml
refused 'not found' get svc nothing
refused 'AlreadyExists' create -f fan.yaml
"$kubectl" get svc fan -o yaml | sed 's/resourceVersion: .*/resourceVersion: "1"/; s/device: cpu/device: ref/' >stale.yaml
refused 'the object has been modified' replace -f stale.yaml
"$kubectl" get svc fan -o yaml >fresh.yaml
want 'replaced' replace -f fresh.yaml
refused 'server-side apply is not served here' apply --server-side -f fan.yaml
want 'dry run' apply --dry-run=server -f event.yaml

# Who may do what.
want 'yes' auth can-i create services
want '[*]' auth can-i --list
cat >reader.yaml <<'YAML'
apiVersion: holdfast.dev/v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: holdfast.dev/v1
kind: Role
metadata: {name: reader}
rules:
- {apiGroups: [holdfast.dev], resources: [services], verbs: [get, list, watch]}
- {apiGroups: [holdfast.dev], resources: [roles, rolebindings], verbs: [create]}
---
apiVersion: holdfast.dev/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {name: reader}
subjects: [{kind: ServiceAccount, name: reader}]
YAML
want 'rolebinding.holdfast.dev/reader created' apply -f reader.yaml
accounts=$server_url/apis/holdfast.dev/v1/namespaces/default/serviceaccounts
reader=$(api -X POST -H 'Content-Type: application/json' -d '{"spec":{"expirationSeconds":3600}}' \
    "$accounts/reader/token" | sed 's/.*"token":"\([^"]*\)".*/\1/')
# --token would not replace the administrator's in every version, so the reader has an own file.
sed "s/token: .*/token: $reader/" "$KUBECONFIG" >reader.kubeconfig
admin_config=$KUBECONFIG
export KUBECONFIG=$work/reader.kubeconfig
want 'fan' get svc
refused 'cannot delete resource "services" in API group "holdfast.dev" in the namespace "default"' delete svc fan
refused 'Forbidden' get nodes
refused 'no' auth can-i delete services
want 'services.holdfast.dev' auth can-i --list
cat >more.yaml <<'YAML'
apiVersion: holdfast.dev/v1
kind: Role
metadata: {name: more}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]
YAML
refused 'not currently held' create -f more.yaml
export KUBECONFIG=$admin_config
want 'deleted' delete serviceaccount.holdfast.dev reader
KUBECONFIG=$work/reader.kubeconfig refused 'logged in' get svc
[ "$(curl -sS --cacert ca.pem -o log -w '%{http_code}' "$server_url/apis/holdfast.dev/v1/services")" = 401 ] ||
    fail 'without a token: 401'
[ "$(curl -sS --cacert ca.pem -o log -w '%{http_code}' "$server_url/readyz")" = 200 ] || fail '/readyz'

want 'deleted' delete -f fan.yaml
want 'deleted' delete -f event.yaml
want 'deleted' delete rolebinding,role reader
refused 'not found' get svc fan

[ $failures -eq 0 ] && echo "all passed with $("$kubectl" version --client 2>/dev/null | head -1)"
exit $((failures > 0))
