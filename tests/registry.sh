#!/usr/bin/env bash
# Models between files, layout folders and a registry: docker-registry keeps what we push, skopeo copies it both ways,
# and the bytes stay the same. Then a push that is killed again and again, after which the vault is whole each time.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
holdfast=${HF_BUILD_DIR:?}/holdfast
for tool in docker-registry skopeo curl python3; do
    command -v $tool >/dev/null || { echo "skipped: $tool is not installed" && exit 77; }
done
work=$(mktemp -d)
registries=()
trap 'kill "${registries[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOLDFAST_DATA=$work/data DOCKER_CONFIG=$work/docker HOME=$work
failures=0
fail() {
    printf 'FAILED: %s\n%s\n' "$*" "$(tail -3 log 2>/dev/null)"
    failures=$((failures + 1))
}
works() { "$@" >log 2>&1 || fail "$*"; }
refuses() {
    local pattern=$1
    shift
    "$@" >log 2>&1 && fail "was not refused: $*"
    [ "$(wc -l <log)" -le 2 ] && grep -qE -- "$pattern" log || fail "$*: want one error with '$pattern'"
}
# start NAME MORE-CONFIG: a registry on a free port, whose address goes to $address.
start() {
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:0"}\n%s\n' \
        "$work/$1" "$2" >"$1.yml"
    docker-registry serve "$1.yml" >"$1.log" 2>&1 &
    registries+=($!)
    for _ in $(seq 50); do grep -q 'listening on' "$1.log" && break; read -rt 0.1 <> <(:) || true; done
    address=$(grep -oE 'listening on [0-9.:]+' "$1.log" | cut -d' ' -f3)
}

# Two versions of a model with 20 MB of weights beside it: large enough to go up in pieces.
PYTHONPATH="$tests" PYTHONDONTWRITEBYTECODE=1 python3 - <<'PY'
import os, random
from onnx_file import FLOAT, adder
for version in 'one', 'two':
    os.makedirs(version + '/data')
    open(version + '/model.onnx', 'wb').write(adder(FLOAT, 5_000_000))
    open(version + '/data/weights', 'wb').write(random.Random(version).randbytes(20_000_000))
    open(version + '/README.md', 'w').write('# Adds weights\n')
PY
small=/usr/include/onnx/backend/test/data/node/test_relu/model.onnx
works "$holdfast" keygen key
works "$holdfast" keygen other

# Ours to a registry, from there with skopeo to a layout, from the layout to files.
start open ''
works "$holdfast" push one "$address/pumps/adder:1" --key key --golden 0
digest=$(tail -1 log)
curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$address/v2/pumps/adder/manifests/1" >manifest
[ "sha256:$(sha256sum <manifest | cut -d' ' -f1)" = "$digest" ] || fail "the registry has another manifest"
works skopeo inspect --raw --tls-verify=false "docker://$address/pumps/adder:1"
grep -q 'vnd.cncf.model.manifest.v1+json' log || fail "skopeo does not see a model"
works skopeo copy --all --src-tls-verify=false "docker://$address/pumps/adder:1" oci:layout:pumps/adder:1
works "$holdfast" pull pumps/adder:1 --from layout -o from-layout --key key.pub
works diff -r one from-layout
works "$holdfast" verify from-layout --key key.pub
refuses '\[untrusted-signature\]' "$holdfast" pull pumps/adder:1 --from layout -o nothing --key other.pub
[ -e nothing ] && fail "a refused model was written"

# A layout of ours with skopeo to a registry, from there to files, by tag and by digest.
works "$holdfast" push "$small" relu:1 --to ours
works skopeo copy --dest-tls-verify=false oci:ours:relu:1 "docker://$address/copies/relu:9"
works "$holdfast" pull "$address/copies/relu:9" -o from-registry
works cmp "$small" from-registry/model.onnx
rm -rf data/vault
works "$holdfast" pull "$address/pumps/adder@$digest" -o by-digest --key key.pub
works diff -r one by-digest
works "$holdfast" vault check

# A registry that wants a login.
secret='import crypt; print("reader:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH)))'
python3 -W ignore -c "$secret" >htpasswd
start closed "auth: {htpasswd: {realm: test, path: $work/htpasswd}}"
refuses 'wants a login' "$holdfast" push "$small" "$address/relu:1"
mkdir docker
printf '{"auths":{"%s":{"auth":"%s"}}}' "$address" "$(printf reader:wrong | base64)" >docker/config.json
refuses 'login' "$holdfast" push "$small" "$address/relu:1"
printf '{"auths":{"%s":{"auth":"%s"}}}' "$address" "$(printf reader:secret | base64)" >docker/config.json
works "$holdfast" push "$small" "$address/relu:1"
works "$holdfast" pull "$address/relu:1" -o with-login

# One clear error each.
refuses 'has neither tag nor digest' "$holdfast" push "$small" relu
refuses 'is not a tag' "$holdfast" push "$small" relu:-x
refuses 'is not a model name' "$holdfast" push "$small" Relu:1
refuses 'No such file' "$holdfast" push missing.onnx relu:1
refuses 'holds .* already' "$holdfast" pull pumps/adder:1 --from layout -o one
refuses "has no model 'relu:2'; did you mean 'relu:1'" "$holdfast" pull relu:2 --from ours
refuses 'status 404' "$holdfast" pull "${registries[0]:+$address}/nobody:1"
refuses '[Cc]onnect|refused' "$holdfast" pull 127.0.0.1:1/relu:1
refuses 'File too large' bash -c "trap '' XFSZ; ulimit -f 1000; exec '$holdfast' push two big:1 --golden 0"
refuses 'No such file|not permitted|Permission denied' "$holdfast" push "$small" relu:1 --to /proc/vault
refuses 'is not an OCI layout' "$holdfast" vault list --data nowhere
printf 'cos\nsystem\n(S"id"\ntR.' >model.bin
refuses '\[pickle\]' "$holdfast" push model.bin relu:1
printf '{"schemaVersion":2,"manifests":[{}]}' >ours/index.json
refuses 'ours/index.json: manifests\[0\]' "$holdfast" pull relu:1 --from ours

# Eight at once, and the collector between them: every name is there afterwards, and whole.
pushes=()
for i in $(seq 8); do
    "$holdfast" push "$small" "parallel/relu:$i" >/dev/null 2>&1 &
    pushes+=($!)
    "$holdfast" vault gc >/dev/null 2>&1
done
for push in "${pushes[@]}"; do wait "$push" || fail "one of the pushes at once failed"; done
[ "$("$holdfast" vault list | grep -c parallel/)" = 8 ] || fail "not all pushes at once are there"
works "$holdfast" vault check

# Killed at twenty points of its life: what the vault names is whole, and the model is one version or the other.
now_us() { local now=$EPOCHREALTIME && echo "${now/./}"; }
works "$holdfast" push one adder:1 --golden 0
began=$(now_us)
works "$holdfast" push two adder:1 --golden 0
step_us=$((($(now_us) - began) / 18))
for i in $(seq 20); do
    version=$([ $((i % 2)) = 1 ] && echo one || echo two)
    works "$holdfast" vault gc
    { timeout -s KILL "$(printf '%d.%06d' $((i * step_us / 1000000)) $((i * step_us % 1000000)))" \
        "$holdfast" push $version adder:1 --golden 0; } >/dev/null 2>&1
    works "$holdfast" vault check
    rm -rf pulled
    works "$holdfast" pull adder:1 -o pulled
    diff -rq one pulled >/dev/null || diff -rq two pulled >/dev/null || fail "after kill $i the model is neither"
done
works "$holdfast" vault gc
find data/vault -name '*.tmp-*' | grep . && fail "unfinished files are left"
works "$holdfast" push two adder:1 --golden 0

[ $failures -eq 0 ] && echo "models travel and survive"
exit $((failures > 0))
