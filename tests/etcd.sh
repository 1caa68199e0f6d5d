#!/usr/bin/env bash
# Two servers over an etcd of three members: both answer, one decides; the one that leads and a member of etcd are
# killed; etcd goes away altogether and comes back; a server's resources move to etcd and back.
set -uo pipefail
source "$(dirname "$0")/processes.sh"
etcd=$(command -v etcd) || { echo 'skipped: etcd is not installed (Debian package etcd-server)'; exit 77; }
on() { local server=$1; shift; "$holdfast" "$@" --kubeconfig "$server/kubeconfig"; }
milliseconds() { date +%s%3N; }
free_ports() {
    python3 -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[each.getsockname()[1] for each in held])' "$1"
}

read -ra ports <<<"$(free_ports 6)"
cluster="m0=http://127.0.0.1:${ports[3]},m1=http://127.0.0.1:${ports[4]},m2=http://127.0.0.1:${ports[5]}"
store="etcd://127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}/factory"
start_member() {
    local client=http://127.0.0.1:${ports[$1]} peer=http://127.0.0.1:${ports[$1 + 3]}
    launch "m$1" "$etcd" --name "m$1" --data-dir "m$1" --logger zap --listen-client-urls "$client" \
        --advertise-client-urls "$client" --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
        --initial-cluster "$cluster"
}
for i in 0 1 2; do start_member $i; done
for i in 0 1 2; do until_says 'serving client traffic' cat "m$i.log"; done
leads_etcd() { curl -sf "http://127.0.0.1:${ports[$1]}/metrics" | grep '^etcd_server_is_leader 1' >/dev/null; }

start_server() {
    launch "$1" "$holdfast" server --data "$1" --listen "127.0.0.1:${2:-0}" --gateway none --store "$store"
    until_says 'the control plane is up at' cat "$1.log"
    printf -v "url_$1" '%s' "$(grep -oE 'https://[0-9.:]+' "$1.log" | tail -1)"
}

# A device's program has none of it.
if [ -e "$HF_BUILD_DIR/holdfast-agent" ]; then
    grep -c 'etcdserverpb' "$HF_BUILD_DIR/holdfast-agent" >/dev/null && fail 'holdfast-agent contains the store over etcd'
fi

# What is refused.
expect 1 'TLS only' "$holdfast" server --data x --store etcd://etcd.example:2379
expect 1 'etcd://HOST:PORT' "$holdfast" server --data x --store etcd://127.0.0.1
expect 1 'names no store' "$holdfast" server --data x --store redis://127.0.0.1
expect 1 'no member of etcd answers' "$holdfast" server --data x --store etcd://127.0.0.1:1
expect 1 'for etcd:// only' "$holdfast" server --data x --store sqlite:x.db --store-ca ca.pem

# Two servers are one control plane; the second has the first one's authority and release key.
start_server a
mkdir b && cp -r a/pki a/keys b/
start_server b
until_says 'this server leads now' cat a.log
grep -q 'leads now' b.log && fail 'both lead'

# A machine that speaks to the server that does not lead is alive for the one that does.
token=$(on b token create 2>/dev/null)
launch one "$holdfast" agent --data one --listen 127.0.0.1:0 --join "$url_b" --token "$token" --name one
until_says 'is up: predictions at' cat one.log
url_one=$(grep -oE 'http://[0-9.:]+' one.log | head -1)
ready() { curl -sf "$url_one/v2/models/pump/ready"; }
until_says 'one +True' on a get nodes
expect 0 '' "$holdfast" simulate machine --hours 336 --seed 7 -o pump.csv
expect 0 '' "$holdfast" fit anomaly pump.csv --time time --value vibration_mm_s -o pump.onnx
# Models are not in the store: what is pushed to one server is copied to the other as it is, by its digest.
for version in v1 v2; do
    expect 0 'sha256' "$holdfast" push pump.onnx "pump:$version" --data a --key a/keys/release.key
done
rm -rf b/vault && cp -r a/vault b/
service() {
    cat <<YAML | on "$1" apply -f - >log 2>&1 || { fail "apply"; cat log; }
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "pump:$2", replicas: 1}
YAML
}
service b v1
for server in a b; do until_says 'pump +pump:v1 +True +Serving +1' on "$server" get services; done
expect 0 '' ready

# While nothing happens, next to nothing is written.
revision() { curl -sf "http://127.0.0.1:${ports[0]}/v3/kv/range" -d '{"key":"AA=="}' | grep -oE '"revision":"[0-9]+' | grep -oE '[0-9]+$'; }
before=$(revision)
for _ in $(seq 30); do pause; done
echo "revisions written in 3 s of rest: $(($(revision) - before))"
[ $(($(revision) - before)) -le 6 ] || fail 'much is written while nothing happens'

# The server that leads and a member of etcd die at once: the other server takes over, and what is wanted comes to be.
victim=0
for i in 1 2; do leads_etcd $i && victim=$i; done
died=$(milliseconds)
end 9 a
end 9 "m$victim"
expect 0 '' ready
until_says 'this server leads now' cat b.log
echo "taken over $(($(milliseconds) - died)) ms after the leader and etcd's leader were killed"
service b v2
until_says 'pump +pump:v2 +True +Serving +1' on b get services
until_says 'one +True' on b get nodes
expect 0 '' ready

# The dead come back, and follow.
start_member "$victim"
start_server a
until_says 'pump +pump:v2 +True +Serving +1' on a get services

# etcd away: old answers that say so, no writes, and machines that go on.
others=()
for i in 0 1 2; do others+=("m$i"); end 9 "m$i"; done
headers() { curl -sk -D - -o /dev/null -H "Authorization: Bearer $(grep -oE 'hf\.[0-9a-f.]+' b/kubeconfig)" "$url_b/apis/holdfast.dev/v1/nodes"; }
until_says '[Xx]-[Hh]oldfast-[Ss]tale: [0-9]+' headers
expect 0 'pump +pump:v2' on b get services
begun=$(milliseconds)
expect 1 'etcd does not answer' on b delete service/pump
[ $(($(milliseconds) - begun)) -lt 2000 ] || fail 'a refusal took long'
expect 0 '' ready
for i in 0 1 2; do start_member $i; done
for _ in $(seq 300); do headers | grep -i 'holdfast-stale' >/dev/null || break; pause; done
headers | grep -i 'holdfast-stale' >/dev/null && fail 'still stale after etcd is back'
service b v1
until_says 'pump +pump:v1 +True +Serving +1' on b get services

# Moving: refused while servers run, then to a file and back.
expect 1 'stop all servers' "$holdfast" store migrate "$store" sqlite:moved.db
end 15 a
end 15 b
expect 0 'copied: [0-9]+ keys' "$holdfast" store migrate "$store" sqlite:moved.db
expect 0 'the very same already' "$holdfast" store migrate "$store" sqlite:moved.db
expect 0 'copied: [0-9]+ keys' "$holdfast" store migrate sqlite:moved.db "${store%/factory}/other"
expect 1 'want one of sqlite' "$holdfast" store migrate sqlite:moved.db sqlite:again.db
expect 1 'is not there' "$holdfast" store migrate sqlite:nowhere.db "${store%/factory}/third"
launch b "$holdfast" server --data b --listen "${url_b#https://}" --gateway none --store sqlite:moved.db
until_says 'pump +pump:v1 +True +Serving +1' on b get services
until_says 'one +True' on b get nodes
expect 0 '' ready

# An etcd that wants certificates, and serves gRPC alone.
for i in 0 1 2; do end 9 "m$i"; done
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$1.key" -out "$1.pem" \
        -subj "/CN=$1" "${@:2}" 2>/dev/null
}
certificate ca -addext keyUsage=keyCertSign
certificate stranger
certificate member -CA ca.pem -CAkey ca.key -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE \
    -addext extendedKeyUsage=serverAuth
certificate server -CA ca.pem -CAkey ca.key -addext basicConstraints=CA:FALSE -addext extendedKeyUsage=clientAuth
launch tls "$etcd" --name tls --data-dir tls --logger zap --listen-client-urls "https://127.0.0.1:${ports[0]}" \
    --advertise-client-urls "https://127.0.0.1:${ports[0]}" --listen-peer-urls "http://127.0.0.1:${ports[3]}" \
    --initial-advertise-peer-urls "http://127.0.0.1:${ports[3]}" --initial-cluster "tls=http://127.0.0.1:${ports[3]}" \
    --enable-grpc-gateway=false --client-cert-auth --trusted-ca-file ca.pem --cert-file member.pem --key-file member.key
until_says 'serving client traffic' cat tls.log
tls=etcd://127.0.0.1:${ports[0]}
end 15 b
migrate() { "$holdfast" store migrate sqlite:moved.db "$tls" "$@"; }
expect 1 'no member of etcd answers' migrate
expect 1 'certificate' migrate --store-ca stranger.pem --store-cert server.pem --store-key server.key
expect 1 '' migrate --store-ca ca.pem
expect 1 '' migrate --store-ca ca.pem --store-cert stranger.pem --store-key stranger.key
expect 1 '--store-cert' migrate --store-ca ca.pem --store-cert none.pem --store-key server.key
expect 0 'copied: [0-9]+ keys' migrate --store-ca ca.pem --store-cert server.pem --store-key server.key
launch b "$holdfast" server --data b --listen "${url_b#https://}" --gateway none --store "$tls" --store-ca ca.pem \
    --store-cert server.pem --store-key server.key
until_says 'pump +pump:v1 +True +Serving +1' on b get services

end 15 one
end 15 b
finish
