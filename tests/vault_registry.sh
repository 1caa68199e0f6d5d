#!/usr/bin/env bash
# holdfast registry: skopeo, curl and our own client fetch models from a vault; ranges, refusals, and deltas between
# versions, after which every byte is the same. tests/registry.sh is the other way round: our client, another's registry.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
source "$tests/expect.sh"
holdfast=${HF_BUILD_DIR:?}/holdfast
for tool in skopeo curl python3; do
    command -v $tool >/dev/null || { echo "skipped: $tool is not installed" && exit 77; }
done
work=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOLDFAST_DATA=$work/data DOCKER_CONFIG=$work/docker HOME=$work
fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
# The server's address goes to $address and $url once it listens.
wait_for_server() {
    for _ in $(seq 100); do grep -q 'for reading' server.log && break; read -rt 0.1 <> <(:) || true; done
    address=$(grep -oE '127[0-9.]+:[0-9]+' server.log)
    url=http://$address/v2
}

# Three versions of a model with 4 MB of int8 weights beside it: every fiftieth weight of the second is one step from
# the first's, and nothing in the third is like anything before.
PYTHONPATH="$tests" PYTHONDONTWRITEBYTECODE=1 python3 - <<'PY'
import os, random
from onnx_file import INT8, adder
draw = random.Random(1)
one = bytes(max(-127, min(127, round(draw.gauss(0, 28)))) & 255 for _ in range(4_000_000))
two = bytearray(one)
for at in draw.sample(range(4_000_000), 80_000): two[at] = (two[at] + draw.choice((1, 255))) & 255
for version, data in ('one', one), ('two', two), ('three', random.Random(3).randbytes(4_000_000)):
    os.makedirs(version + '/data')
    open(version + '/model.onnx', 'wb').write(adder(INT8, 4_000_000))
    open(version + '/data/weights', 'wb').write(data)
PY
expect 0 'pushed' "$holdfast" push one team/adder:v1 --golden 0
expect 0 'pushed' "$holdfast" push two team/adder:v2 --golden 0
expect 0 'pushed' "$holdfast" push three team/adder:v3 --golden 0
expect 0 'pushed' "$holdfast" push /usr/include/onnx/backend/test/data/node/test_relu/model.onnx other:v1

# Words that are wrong.
expect 1 'want ADDRESS:PORT' "$holdfast" registry --listen here
expect 1 'loopback' "$holdfast" registry --listen 0.0.0.0:0
expect 1 '\-\-for: 0 is outside' "$holdfast" registry --for 0
expect 0 'as a registry.*|drained' "$holdfast" registry --listen 127.0.0.1:0 --for 1

: >server.log
"$holdfast" registry --listen 127.0.0.1:0 >server.log 2>&1 &
server=$!
wait_for_server

# skopeo, the judge: what it sees, and a copy that is the same to the byte.
expect 0 'vnd.cncf.model.manifest.v1\+json' skopeo inspect --raw --tls-verify=false "docker://$address/team/adder:v1"
digest=$(skopeo inspect --raw --tls-verify=false "docker://$address/team/adder:v1" | sha256sum | cut -d' ' -f1)
expect 0 "sha256:$digest" "$holdfast" vault list
expect 0 '"v1",.*"v2",.*"v3"' bash -c "skopeo list-tags --tls-verify=false docker://$address/team/adder | tr -d '\n'"
expect 0 '' skopeo copy --src-tls-verify=false "docker://$address/team/adder:v1" oci:layout:team/adder:v1
expect 0 '' skopeo copy --src-tls-verify=false "docker://$address/team/adder@sha256:$digest" oci:layout:by-digest:v1
expect 0 'pulled' "$holdfast" pull team/adder:v1 --from layout -o from-layout
expect 0 '' diff -r one from-layout
expect 1 'manifest unknown|MANIFEST_UNKNOWN|has no manifest' skopeo inspect --raw --tls-verify=false "docker://$address/team/adder:v9"

# Ranges, and what is not a repository's own.
weights=$(sha256sum <one/data/weights | cut -d' ' -f1)
expect 0 '^206$' curl -s -o part -w '%{http_code}' -r 1000000-1999999 "$url/team/adder/blobs/sha256:$weights"
expect 0 '' cmp part <(tail -c +1000001 one/data/weights | head -c 1000000)
expect 0 '^416$' curl -s -o part -w '%{http_code}' -r 4000000- "$url/team/adder/blobs/sha256:$weights"
expect 0 'BLOB_UNKNOWN' curl -s "$url/other/blobs/sha256:$weights"
expect 0 'NAME_UNKNOWN' curl -s "$url/nobody/blobs/sha256:$weights"
expect 0 'UNSUPPORTED' curl -s -X POST "$url/team/adder/blobs/uploads/"
expect 0 'Content-Length: 4000000' curl -sI "$url/team/adder/blobs/sha256:$weights"
expect 0 '"repositories":\["other","team/adder"\]' curl -s "$url/_catalog"

# Nothing is pushed over the network.
expect 1 'UNSUPPORTED this registry is for reading' "$holdfast" push three "$address/team/adder:v4" --golden 0

# Another machine: the first version whole, the second as a delta, the third whole, for nothing in it is alike.
expect 0 'pulled' "$holdfast" pull "$address/team/adder:v1" --deltas --data node -o node-one
expect 0 '' diff -r one node-one
expect 0 'deltas saved 3\.[78] MiB' "$holdfast" pull "$address/team/adder:v2" --deltas --data node -o node-two
expect 0 '' diff -r two node-two
expect 0 'weights was fetched whole: .*would not be smaller' \
    "$holdfast" pull "$address/team/adder:v3" --deltas --data node -o node-three
expect 0 '' diff -r three node-three
expect 0 ' 0 problems' "$holdfast" vault check --data node
expect 0 '"bytesReceived":[0-9]{3,4},"bytesSavedByDeltas":0' "$holdfast" pull "$address/other:v1" --json --data node2 --deltas
expect 0 '"bytesReceived":4[0-9]{6},"bytesSavedByDeltas":0' "$holdfast" pull "$address/team/adder:v1" --json --data node2
received=$("$holdfast" pull "$address/team/adder:v2" --json --data node2 --deltas | grep -oE '"bytesReceived":[0-9]+' | cut -d: -f2)
echo "an int8 fine-tune of 4,000,000 bytes was received in $received"
[ "$received" -lt 240000 ] || fail "the delta was no less than 6 % of the file"

# Both sides end well.
kill "$server"
wait "$server"
grep -q 'drained' server.log || fail "the registry did not drain: $(cat server.log)"
server=
expect 1 '[Cc]onnect|refused' "$holdfast" pull "$address/team/adder:v1" --data node3
find data node node2 -name '*.tmp-*' -o -name '*.scratch' | grep . && fail "unfinished files are left"

# A blob of 600 MB, which is a hole on the disk, goes out of a server that may have 200 MB of memory of its own.
python3 - <<'LARGE'
import hashlib, json, os
os.makedirs('large/vault/blobs/sha256')
def store(content):
    name = hashlib.sha256(content).hexdigest()
    open('large/vault/blobs/sha256/' + name, 'wb').write(content)
    return {'mediaType': 'application/octet-stream', 'digest': 'sha256:' + name, 'size': len(content)}
size, hole = 600_000_000, hashlib.sha256()
for _ in range(600): hole.update(bytes(1_000_000))
with open('large/vault/blobs/sha256/' + hole.hexdigest(), 'wb') as file: file.truncate(size)
weights = {'mediaType': 'application/octet-stream', 'digest': 'sha256:' + hole.hexdigest(), 'size': size}
kind = 'application/vnd.oci.image.manifest.v1+json'
manifest = store(json.dumps({'schemaVersion': 2, 'mediaType': kind, 'config': store(b'{}'), 'layers': [weights]}).encode())
manifest.update(mediaType=kind, annotations={'org.opencontainers.image.ref.name': 'hole:1'})
json.dump({'imageLayoutVersion': '1.0.0'}, open('large/vault/oci-layout', 'w'))
json.dump({'schemaVersion': 2, 'manifests': [manifest]}, open('large/vault/index.json', 'w'))
open('hole', 'w').write(hole.hexdigest())
LARGE
if ldd "$HF_BUILD_DIR/holdfast" | grep libasan >/dev/null; then
    echo 'not judged: the address sanitizer has memory of its own'
else
    : >server.log
    (ulimit -d 200000 && exec "$holdfast" registry --data large --listen 127.0.0.1:0) >server.log 2>&1 &
    server=$!
    wait_for_server
    got=$(curl -s "$url/hole/blobs/sha256:$(<hole)" | sha256sum | cut -d' ' -f1)
    [ "$got" = "$(<hole)" ] || fail "600 MB came as $got"
    echo "of its own, the registry had $(grep -E 'VmData|RssAnon' "/proc/$server/status" | tr -s '\t ' ' ' | tr '\n' ' ')"
    kill "$server"
    wait "$server"
    server=
fi

if [ $failures -gt 0 ]; then
    echo "$failures failed"
    exit 1
fi
echo "all passed"
