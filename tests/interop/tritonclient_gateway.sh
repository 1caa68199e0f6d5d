#!/usr/bin/env bash
# The gateway over gRPC as a client that others wrote speaks it: the Python package tritonclient, which is grpcio's, and
# grpcio's own of health checking and reflection. A service has two replicas, of which one is killed while it is asked, by
# calls and by a stream: none fails, and every answer is right. A machine with the small program, which speaks no gRPC,
# is asked as well.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/interop/venv.sh
source "$here/venv.sh"
need_packages tritonclient "${HF_TRITONCLIENT_VENV:-${HF_BUILD_DIR:?}/venv-tritonclient}" \
    'tritonclient.http, tritonclient.grpc, grpc_health, grpc_reflection' \
    'tritonclient[http,grpc]==2.63.0' grpcio-health-checking==1.67.1 grpcio-reflection==1.67.1
relu=/usr/include/onnx/backend/test/data/node/test_relu/model.onnx
[ -e $relu ] || { echo "skipped: $relu is missing (apt-get install libonnx-dev)"; exit 77; }
# shellcheck source=tests/machines.sh
source "$here/../machines.sh"
check() { "$venv/bin/python" "$here/tritonclient_gateway_check.py" "$@" "${gateway#http://}"; }

start_server 0
for name in one two; do join $name "$(token)"; done
expect 0 sha256 "$holdfast" push $relu relu:1 --data server --key server/keys/release.key
service() { # service REPLICAS
    hf apply -f - >log 2>&1 <<<"{\"apiVersion\":\"holdfast.dev/v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"relu\"},\"spec\":{\"model\":\"relu:1\",\"replicas\":$1}}" || fail apply
    until_says "relu +relu:1 +True +Serving +$1" hf get services
}
service 2
until_says '"name":"relu"' curl -sf "$gateway/v2/models/relu"
expect 0 'agrees through a gateway' check protocol

agent=$HF_BUILD_DIR/holdfast-agent
on_small() { local holdfast=$agent; "$@"; }
if [ -x "$agent" ]; then
    on_small join small "$(token)"
    service 3
    expect 0 'small has answered' check node small
    end 15 small
    service 2
fi

check load >load.log 2>&1 &
load=$!
until_says . ls loading
end 9 two
until_says 'two +Unknown' hf get nodes
start_agent two
until_says 'relu +relu:1 +True +Serving +2' hf get services
touch stop
wait $load || fail 'calls failed while a machine was killed'
cat load.log

# The last machine goes: UNAVAILABLE, and not at once again.
end 9 one
end 9 two
expect 0 'UNAVAILABLE, again in' check away
finish
