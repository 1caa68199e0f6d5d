#!/usr/bin/env bash
# What a machine judges by itself before it changes a version: what its link may still carry, and its maintenance windows.
# What answers goes on meanwhile, also over a restart without the server.
set -uo pipefail
source "$(dirname "$0")/machines.sh"
service() { # service MODEL [MORE]
    cat <<YAML | hf apply -f - >log 2>&1 || { fail "apply service $1"; cat log; }
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "$1", ${2:-}}
YAML
}
budget() { # budget BYTES
    cat <<YAML | hf apply -f - >log 2>&1 || { fail "apply budget $1"; cat log; }
apiVersion: holdfast.dev/v1
kind: Node
metadata: {name: one}
spec: {link: {dataBudget: {bytes: $1, periodHours: 720}}}
YAML
}
digest_of() { "$holdfast" vault list --data server | awk -v n="$1" '$1 == n {print $2}'; }
answers() { curl -s "$url_one/v2/models/pump"; }
has() { # has MODEL: whether the machine has fetched its manifest
    local digest
    digest=$(digest_of "$1")
    [ -e "one/vault/blobs/sha256/${digest#sha256:}" ]
}

start_server 0
port=${address##*:}
join one "$(token)"
for seed in 7 8 9; do
    expect 0 '' "$holdfast" simulate machine --hours 336 --seed $seed -o data.csv
    expect 0 '' "$holdfast" fit anomaly data.csv --time time --value vibration_mm_s -o v$seed.onnx
    expect 0 'sha256' "$holdfast" push v$seed.onnx pump:v$seed --data server --key server/keys/release.key
done
service pump:v7
until_says 'pump +pump:v7 +True +Serving +1' hf get services

# More than its link may carry: it is not begun, and what answers goes on.
budget 1000
service pump:v8
until_says 'DataBudget' hf get node/one -o yaml
expect 0 'are to be fetched, and [0-9.]+ B of 1000 B are left until .*they never fit' hf get node/one -o yaml
expect 0 "$(digest_of pump:v7)" answers
has pump:v8 && fail 'the machine fetched what its budget does not allow'
budget 50000000
until_says 'pump +pump:v8 +True +Serving +1' hf get services
expect 0 '"used":[1-9][0-9]+' cat one/data-budget.json

# A window that is closed now, by the clocks of a place; over a restart without the server.
closed=$(date -u -d '+6 hours' +%H:00)
expect 1 'timeZone' hf apply -f - <<<'{"apiVersion":"holdfast.dev/v1","kind":"Service","metadata":{"name":"bad"},"spec":{"model":"pump:v7","windows":[{"start":"01:00","durationMinutes":5,"timeZone":"../UTC"}]}}'
service pump:v9 "windows: [{start: \"$closed\", durationMinutes: 60, timeZone: Mars/Base}]"
until_says "does not know the time zone 'Mars/Base'" hf get node/one -o yaml
service pump:v9 "windows: [{start: \"$closed\", durationMinutes: 60}]"
until_says "WindowClosed" hf get node/one -o yaml
expect 0 "the next maintenance window opens at [0-9-]+T$closed:00Z" hf get node/one -o yaml
has pump:v9 && fail 'the machine fetched outside of its window'
service pump:v9 "downloadAhead: true, windows: [{start: \"$closed\", durationMinutes: 60}]"
for _ in $(seq 300); do has pump:v9 && break; pause; done
has pump:v9 || fail 'the machine did not fetch ahead'
expect 0 "$(digest_of pump:v8)" answers
# The version that answered may be on trial still, and the one before come up again; the next one does not.
v9=$(digest_of pump:v9)
end 9 server
end 9 one
start_agent one
until_says '"name":"pump"' answers
start_server "$port"
until_says "WindowClosed" hf get node/one -o yaml
answers | grep "$v9" >/dev/null && fail 'a restart changed the version outside of its window'
service pump:v9
until_says 'pump +pump:v9 +True +Serving +1' hf get services
finish
