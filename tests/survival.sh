#!/usr/bin/env bash
# Three sites in network namespaces, each with a member of etcd, a server with its gateway, and three machines; oslo's
# machines reach their servers over a bad link only. People in every site ask all the time, while a machine, the server
# that leads and a member of etcd are killed, a site is cut off, and a bad model is tried. Wants root, namespaces and
# etcd; says how long things take.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
etcd=$(command -v etcd) || { echo 'skipped: etcd is not installed (Debian package etcd-server)'; exit 77; }
source "$tests/sites.sh"
on() { "${within[@]}" "$holdfast" "${@:2}" --kubeconfig "server-$1/kubeconfig"; }

# etcd speaks TLS between the sites, also to itself.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$1.key" -out "$1.pem" \
        -subj "/CN=$1" "${@:2}" 2>/dev/null
}
certificate ca -addext keyUsage=keyCertSign
leaf() {
    certificate "$@" -CA ca.pem -CAkey ca.key -addext basicConstraints=CA:FALSE -addext extendedKeyUsage=serverAuth,clientAuth
}
leaf server
cluster='' store=etcd://
for site in "${sites[@]}"; do
    leaf "etcd-$site" -addext "subjectAltName=IP:${at[$site]}"
    cluster+="${cluster:+,}$site=https://${at[$site]}:2380"
    store+="${at[$site]}:2379,"
done
start_member() {
    local tls=(--client-cert-auth --trusted-ca-file ca.pem --cert-file "etcd-$1.pem" --key-file "etcd-$1.key"
        --peer-client-cert-auth --peer-trusted-ca-file ca.pem --peer-cert-file "etcd-$1.pem" --peer-key-file "etcd-$1.key")
    begin "etcd-$1" "$1" "$etcd" --name "$1" --data-dir "etcd-$1" --logger zap --initial-cluster "$cluster" \
        --listen-client-urls "https://${at[$1]}:2379" --advertise-client-urls "https://${at[$1]}:2379" \
        --listen-peer-urls "https://${at[$1]}:2380" --initial-advertise-peer-urls "https://${at[$1]}:2380" "${tls[@]}"
}
# begin NAME SITE COMMAND...: a program at a site, with its output in NAME.log.
begin() {
    ip netns exec "$id-$2" "${@:3}" >>"$1.log" 2>&1 &
    pids[$1]=$!
}
start_server_at() {
    begin "server-$1" "$1" "$holdfast" server --data "server-$1" --site "$1" --listen "${at[$1]}:8443" --host 127.0.0.1 \
        --gateway 127.0.0.1:8080 --store "${store%,}" --store-ca ca.pem --store-cert server.pem --store-key server.key
}
start_machine() { # start_machine SITE N [MORE]
    begin "$1-$2" "$1" "$holdfast" agent --data "$1-$2" --listen "${at[$1]}:808$2" --jurisdiction "${law[$1]}" "${@:3}"
}

for site in "${sites[@]}"; do start_member "$site"; done
for site in "${sites[@]}"; do until_says 'serving client traffic' cat "etcd-$site.log"; done
start_server_at berlin
until_says 'predictions: ' cat server-berlin.log
for site in lyon oslo; do
    mkdir "server-$site" && cp -r server-berlin/pki server-berlin/keys "server-$site/"
    start_server_at "$site"
    until_says 'predictions: ' cat "server-$site.log"
done
for site in "${sites[@]}"; do
    printf 'apiVersion: holdfast.dev/v1\nkind: Site\nmetadata: {name: %s}\nspec: {jurisdiction: %s}\n---\n' "$site" "${law[$site]}"
done >sites.yaml
expect 0 'created' on berlin apply -f sites.yaml

# Each machine knows its own site's server first, and the others. Oslo's know all three by a bad link.
addresses() { # addresses SITE
    local site all="https://${at[$1]}:8443"
    for site in "${sites[@]}"; do [ "$site" = "$1" ] || all+=",https://${at[$site]}:8443"; done
    echo "$all"
}
declare -A join
for site in berlin lyon; do join[$site]=$(addresses "$site"); done
for i in 0 1 2; do
    begin "relay-$i" oslo python3 "$tests/relay.py" "127.0.0.1:944$i" "${at[${sites[$i]}]}:8443" --seed $i
    until_says ready cat "relay-$i.log"
done
join[oslo]=https://127.0.0.1:9442,https://127.0.0.1:9440,https://127.0.0.1:9441
for site in "${sites[@]}"; do
    token=$(on lyon token create --site "$site" --uses 3 2>/dev/null)
    for n in 1 2 3; do start_machine "$site" $n --join "${join[$site]}" --token "$token" --name "$site-$n"; done
done
nodes_ready() { on "$1" get nodes | grep -cE -- '-[123] +True'; }
until_says '^9$' nodes_ready oslo
[ $failures -eq 0 ] || finish

# Models are copied to every server's vault by their digests.
for seed in 7 8; do
    expect 0 '' "$holdfast" simulate machine --hours 336 --seed $seed -o data.csv
    expect 0 '' "$holdfast" fit anomaly data.csv --time time --value vibration_mm_s -o v$seed.onnx
done
key=server-berlin/keys/release.key
expect 0 'sha256' "$holdfast" push v7.onnx pump:v1 --data server-berlin --key $key
expect 0 'sha256' "$holdfast" push v8.onnx pump:v2 --data server-berlin --key $key
expect 0 'sha256' "$holdfast" push v8.onnx pump:unsigned --data server-berlin
for site in lyon oslo; do rm -rf "server-$site/vault" && cp -r server-berlin/vault "server-$site/"; done
begun=$(now)
cat <<'YAML' | on lyon apply -f - >log 2>&1 || { fail apply; cat log; }
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "pump:v1", replicas: 6, placement: {maxPerDomain: 3, maxPerNode: 1}}
YAML
serving() { on "$1" get services; }
until_says 'pump +pump:v1 +True +Serving +6' serving berlin
echo "six replicas serve $(since "$begun") after the wish"
declare -A place=()
find_places() { # where the replicas are, as the server of a site has it
    local name
    place=()
    for name in $(on "$1" get service/pump -o json | grep -oE '"node": ?"[a-z]+-[123]"' | grep -oE '[a-z]+-[123]' | sort -u); do
        place[$name]=yes
    done
}

# People of a site ask at its gateway; none of their requests fails, or takes 8 s.
begin_load() {
    mkdir -p "load-$1" && rm -f "load-$1"/*
    (cd "load-$1" && exec ip netns exec "$id-$1" python3 "$tests/load.py" http://127.0.0.1:8080/v2/models/pump 2 8 >log 2>&1) &
    pids[load-$1]=$!
    until_says 0 stat -c %s "load-$1/loading"
}
end_load() {
    touch "load-$1/stop"
    wait "${pids[load-$1]}" || fail "requests at $1 failed"
    unset "pids[load-$1]"
    echo "people in $1: $(head -1 "load-$1/log")"
    tail -n +2 "load-$1/log"
}
ask() { net "$1" curl -sf -m 10 http://127.0.0.1:8080/v2/models/pump; }
for site in "${sites[@]}"; do until_says '"name":"pump"' ask "$site"; begin_load "$site"; done

# A machine that has a replica dies.
find_places berlin
victim=''
for name in "${!place[@]}"; do case $name in oslo-*) ;; *) victim=$name ;; esac; done
echo "replicas on ${!place[*]}; $victim dies"
begun=$(now)
end 9 "$victim"
until_says "$victim +Unknown" on oslo get nodes
echo "a machine that died is noticed after $(since "$begun")"
until_says 'pump +pump:v1 +True +Serving +6' serving oslo
echo "its replica answers elsewhere $(since "$begun") after it died"
start_machine "${victim%-*}" "${victim#*-}"
until_says '^9$' nodes_ready oslo

# The server that leads dies, and a member of etcd in another site.
leader=$(for site in "${sites[@]}"; do echo "$(grep -c 'this server leads now' "server-$site.log") $site"; done | sort -n | tail -1 | cut -d' ' -f2)
others=()
for site in "${sites[@]}"; do [ "$site" = "$leader" ] || others+=("$site"); done
end_load "$leader"
begun=$(now)
end 9 "server-$leader"
end 9 "etcd-${others[0]}"
until_says 'this server leads now' cat "server-${others[0]}.log" "server-${others[1]}.log"
echo "taken over $(since "$begun") after $leader's server, which led, and ${others[0]}'s member of etcd were killed"
until_says '^9$' nodes_ready "${others[1]}"
until_says 'pump +pump:v1 +True +Serving +6' serving "${others[1]}"
start_server_at "$leader"
start_member "${others[0]}"
until_says 'pump +pump:v1 +True +Serving +6' serving "$leader"
until_says '"name":"pump"' ask "$leader"
begin_load "$leader"

# A site is cut off, with its server and its member of etcd: what it ran runs in the others, its own people go on.
until_says '^9$' nodes_ready oslo
find_places oslo
cut=''
for name in "${!place[@]}"; do case $name in oslo-*) ;; *) cut=${name%-*} ;; esac; done
begun=$(now)
cable "$cut" down
until_says "$cut-3 +Unknown" on oslo get nodes
echo "$cut is cut off, which is noticed after $(since "$begun")"
elsewhere() { # how many answer, where none is in the site that is cut off
    find_places oslo
    [[ " ${!place[*]} " == *" $cut-"* ]] || serving oslo
}
until_says 'pump +pump:v1 +True +Serving +6' elsewhere
echo "all of its replicas answer elsewhere $(since "$begun") after it was cut off"
expect 0 '"name":"pump"' ask "$cut"
for _ in $(seq 20); do pause; done
begun=$(now)
cable "$cut" up
until_says '^9$' nodes_ready oslo
until_says '^9$' nodes_ready "$cut"
until_says 'pump +pump:v1 +True +Serving +6' serving "$cut"
echo "all is as it was $(since "$begun") after the cable is back"
# No machine keeps what another was given.
answering() {
    local site n count=0
    for site in "${sites[@]}"; do
        for n in 1 2 3; do
            net "$site" curl -sfk -m 5 --cert "$site-$n/identity/svid.pem" --key "$site-$n/identity/key.pem" \
                "https://${at[$site]}:808$n/v2/models/pump/ready" >/dev/null && count=$((count + 1))
        done
    done
    echo "answering: $count"
}
until_says '^answering: 6$' answering

# A version that nobody signed ends at the canary; a good one goes through.
find_places lyon
canary=$(printf '%s\n' "${!place[@]}" | sort | head -1)
expect 0 'labelled' on lyon label "node/$canary" ring=canary
rollout() { # rollout NAME MODEL
    cat <<YAML | on oslo apply -f - >log 2>&1 || { fail "apply rollout $1"; cat log; }
apiVersion: holdfast.dev/v1
kind: Rollout
metadata: {name: $1}
spec:
  service: pump
  model: "$2"
  stages: [{name: canary, selector: "ring=canary"}, {name: rest}]
  abort: {failures: 1}
YAML
}
begun=$(now)
rollout bad pump:unsigned
until_says 'bad .*RolledBack' on oslo get rollouts
echo "a version that nobody signed was stopped at the canary, $canary, and taken back $(since "$begun") after it was wished for"
expect 0 'unsigned' on oslo describe rollout/bad
bad=$("$holdfast" vault list --data server-berlin | awk '$1 == "pump:unsigned" {print $2}')
for site in "${sites[@]}"; do
    for n in 1 2 3; do
        [ "$site-$n" = "$canary" ] || [ ! -e "$site-$n/vault/blobs/sha256/${bad#sha256:}" ] || fail "$site-$n fetched it, too"
    done
done
begun=$(now)
rollout good pump:v2
until_says 'good .*Succeeded' on oslo get rollouts
until_says 'pump +pump:v2 +True +Serving +6' serving berlin
echo "a good version is everywhere $(since "$begun") after it was wished for"
for site in "${sites[@]}"; do end_load "$site"; done
for i in 0 1 2; do end 15 "relay-$i"; tail -1 "relay-$i.log"; done
for site in "${sites[@]}"; do for n in 1 2 3; do end 15 "$site-$n"; done; end 15 "server-$site"; end 9 "etcd-$site"; done
finish
