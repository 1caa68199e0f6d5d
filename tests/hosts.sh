#!/usr/bin/env bash
# Three sites of three machines in network namespaces of their own, joined by a bridge to the control plane: machines ask
# and answer over TLS between real addresses; a site is cut off and comes back; nothing that reaches a site that is there
# fails. Wants root and namespaces; measures how long things take.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
source "$tests/sites.sh"

run server server --data server --listen 10.77.0.1:8443 --gateway 127.0.0.1:8080
until_says 'predictions: ' cat server.log
gateway=http://127.0.0.1:8080
for site in "${sites[@]}"; do
    printf 'apiVersion: holdfast.dev/v1\nkind: Site\nmetadata: {name: %s}\nspec: {jurisdiction: %s}\n---\n' "$site" "${law[$site]}"
done >sites.yaml
expect 0 'created' hf apply -f sites.yaml
for site in "${sites[@]}"; do
    token=$(token --site "$site" --uses 3)
    for n in 1 2 3; do
        from "$site" run "$site-$n" agent --data "$site-$n" --join https://10.77.0.1:8443 --token "$token" --name "$site-$n" \
            --listen "${at[$site]}:808$n" --jurisdiction "${law[$site]}"
    done
done
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
cable berlin down
until_says 'berlin-3 +Unknown' hf get nodes
echo "a site that is cut off is noticed after $(since "$start")"
until_says 'pump +pump:v1 +True +PartlyServing +6' hf get services
expect 0 '"name":"pump"' net berlin curl -sSfk -m 5 --cert berlin-1/identity/svid.pem --key berlin-1/identity/key.pem https://10.77.0.10:8082/v2/models/pump
start=$(now)
cable berlin up
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
