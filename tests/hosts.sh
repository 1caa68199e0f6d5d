#!/usr/bin/env bash
# Three sites of three machines in network namespaces of their own, joined by a bridge to the control plane: machines ask
# and answer over TLS between real addresses; a site is cut off and comes back; nothing that reaches a site that is there
# fails. Wants root and namespaces; measures how long things take.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
source "$tests/machines.sh"
id=hf$$
net() { ip netns exec "$id-$1" "${@:2}"; }
if ! ip netns add "$id-ctl" 2>log; then
    echo "skipped: network namespaces are refused here: $(cat log)"
    exit 77
fi
sites=(berlin lyon oslo)
declare -A law=([berlin]=DE [lyon]=FR [oslo]=NO)
clean() {
    kill -9 "${pids[@]}" 2>/dev/null
    local site
    for site in ctl "${sites[@]}"; do ip netns del "$id-$site" 2>/dev/null; done
    rm -rf "$work"
}
trap clean EXIT
now() { date +%s%N; }
since() { echo "$((($(now) - $1) / 1000000)) ms"; }

# A bridge in the control plane's namespace, a cable to each site.
net ctl ip link set lo up
net ctl ip link add bridge type bridge
net ctl ip addr add 10.77.0.1/24 dev bridge
net ctl ip link set bridge up
for i in 0 1 2; do
    site=${sites[$i]}
    ip netns add "$id-$site"
    ip link add "v$$-$i" type veth peer name "w$$-$i"
    ip link set "v$$-$i" netns "$id-ctl" name "$site"
    ip link set "w$$-$i" netns "$id-$site" name uplink
    net ctl ip link set "$site" master bridge up
    net "$site" ip link set lo up
    net "$site" ip addr add "10.77.0.1$i/24" dev uplink
    net "$site" ip link set uplink up
done

within=(ip netns exec "$id-ctl")
run server server --data server --listen 10.77.0.1:8443 --gateway 127.0.0.1:8080
until_says 'predictions: ' cat server.log
gateway=http://127.0.0.1:8080
for site in "${sites[@]}"; do
    printf 'apiVersion: holdfast.dev/v1\nkind: Site\nmetadata: {name: %s}\nspec: {jurisdiction: %s}\n---\n' "$site" "${law[$site]}"
done >sites.yaml
expect 0 'created' hf apply -f sites.yaml
for i in 0 1 2; do
    site=${sites[$i]}
    token=$(within=(ip netns exec "$id-ctl"); token --site "$site" --uses 3)
    within=(ip netns exec "$id-$site")
    for n in 1 2 3; do
        run "$site-$n" agent --data "$site-$n" --join https://10.77.0.1:8443 --token "$token" --name "$site-$n" \
            --listen "10.77.0.1$i:808$n" --jurisdiction "${law[$site]}"
    done
done
within=(ip netns exec "$id-ctl")
for site in "${sites[@]}"; do for n in 1 2 3; do until_says "$site-$n +True" hf get nodes; done; done

expect 0 '' "$holdfast" simulate machine --hours 336 --seed 7 -o pump.csv
expect 0 '' "$holdfast" fit anomaly pump.csv --time time --value vibration_mm_s -o pump.onnx
expect 0 'sha256' "$holdfast" push pump.onnx pump:v1 --data server --key server/keys/release.key
start=$(now)
cat <<'YAML' | hf apply -f - >log 2>&1 || { fail apply; cat log; }
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: pump}
spec: {model: "pump:v1", replicas: 9}
YAML
until_says 'pump +pump:v1 +True +Serving +9' hf get services
echo "nine machines serve a new model after $(since "$start")"
ask() { net ctl curl -sf -m 10 "$gateway/v2/models/pump"; }
until_says '"name":"pump"' ask

# Who shows no certificate is not let in; a machine's certificate opens another machine's door.
expect 22 '401' net berlin curl -sSfk https://10.77.0.11:8081/v2/models/pump
expect 0 '"name":"pump"' net berlin curl -sSfk --cert berlin-1/identity/svid.pem --key berlin-1/identity/key.pem https://10.77.0.11:8081/v2/models/pump
expect 0 '' net berlin curl -sSfk https://10.77.0.11:8081/v2/health/live

# A site is cut off under load: no request fails, the site goes on for its own people, and comes back.
net ctl python3 "$tests/load.py" "$gateway/v2/models/pump" 4 >load.log 2>&1 &
load=$!
until_says 0 stat -c %s loading
start=$(now)
net ctl ip link set berlin down
until_says 'berlin-3 +Unknown' hf get nodes
echo "a site that is cut off is noticed after $(since "$start")"
until_says 'pump +pump:v1 +True +PartlyServing +6' hf get services
expect 0 '"name":"pump"' net berlin curl -sSfk -m 5 --cert berlin-1/identity/svid.pem --key berlin-1/identity/key.pem https://10.77.0.10:8082/v2/models/pump
start=$(now)
net ctl ip link set berlin up
until_says 'pump +pump:v1 +True +Serving +9' hf get services
echo "all nine are back $(since "$start") after the cable is"

# The control plane dies and starts again: machines serve meanwhile, and all is as it was.
touch stop
wait $load || fail 'requests failed while a site was cut off'
cat load.log
end 9 server
expect 0 '"name":"pump"' net berlin curl -sSfk -m 5 --cert berlin-1/identity/svid.pem --key berlin-1/identity/key.pem https://10.77.0.12:8083/v2/models/pump
start=$(now)
run server server --data server --listen 10.77.0.1:8443 --gateway 127.0.0.1:8080
until_says 'pump +pump:v1 +True +Serving +9' hf get services
until_says '"name":"pump"' ask
echo "a control plane that died serves again after $(since "$start")"
finish
