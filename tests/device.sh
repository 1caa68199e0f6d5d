#!/usr/bin/env bash
# What a small device runs: holdfast-agent is small and holds no control plane, joins by the server of several that is
# there, reports what it was measured to do, and keeps a floor for its clock.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
agent=${HF_BUILD_DIR:?}/holdfast-agent
[ -x "$agent" ] || { echo "needs holdfast-agent: cmake --build $HF_BUILD_DIR --target holdfast-agent"; exit 77; }
source "$tests/machines.sh"

# As it is shipped. Other builds are neither optimised nor linked to be small.
bytes_most=8000000
if ! readelf -d "$agent" | grep 'libstdc++' >/dev/null; then
    strip -o agent.stripped "$agent"
    bytes=$(stat -c %s agent.stripped)
    echo "holdfast-agent, stripped: $bytes bytes"
    [ "$bytes" -le $bytes_most ] || fail "holdfast-agent has $bytes bytes stripped; the limit is $bytes_most"
    for foreign in 'SQLite format 3' etcdserverpb 'this server leads now' grpc; do
        grep -c "$foreign" "$agent" >/dev/null && fail "holdfast-agent contains '$foreign'"
    done
fi

start_server 0
word=$(token)
on_device() { local holdfast=$agent; "$@"; }
on_device start_agent one --join "https://127.0.0.1:1,$address" --token "$word" --name one
until_says 'one +True' hf get nodes
expect 1 'no server.s address' "$agent" --data x --join "https://a,http://b" --token "$(token)" --name two
expect 1 'named twice' "$agent" --data x --join "$address,$address" --token "$(token)" --name two

# Measured once.
until_says 'float32MegaopsPerSecond: [1-9]' hf get nodes one -o yaml
expect 0 'how: measured' hf get nodes one -o yaml
expect 0 'MOPS-FP32' hf get nodes -o wide
expect 0 'int8MegaopsPerSecond' hf describe node/one
measured=$(sha256sum one/profile.json)
expect 0 '^20' cat one/time-floor
expect 0 '"now":"20' curl -sSf --cert one/identity/svid.pem --key one/identity/key.pem \
    --cacert one/identity/bundle.pem -d '{}' "$address/v1/node/heartbeat"
end 15 one

# From now on by this server alone; what was measured stays until somebody asks.
on_device start_agent one --join "$address"
until_says 'one +True' hf get nodes
grep -c '127.0.0.1:1"' one/identity/server.json >/dev/null && fail 'the list of servers was not replaced'
[ "$measured" = "$(sha256sum one/profile.json)" ] || fail 'a restart measured again'
end 15 one
on_device start_agent one --measure
changed() { [ "$measured" != "$(sha256sum one/profile.json)" ] && echo changed; }
until_says changed changed

finish
