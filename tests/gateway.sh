#!/usr/bin/env bash
# What people have instead of tensors goes through the gateway: pictures and texts for services of two machines, of which
# one is killed while requests come, and none fails. Refusals are the gateway's, or come through as they are.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/machines.sh"
models=${HF_DATA:?}/models
python=/usr/bin/python3
$python -c 'import numpy, PIL' 2>/dev/null || { echo 'skipped: python3-numpy and python3-pil are not installed'; exit 77; }
[ -d "$models" ] || { echo "skipped: $models is missing"; exit 77; }
service() { # service NAME [REPLICAS]
    hf apply -f - >log 2>&1 <<<"{\"apiVersion\":\"holdfast.dev/v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"$1\"},\"spec\":{\"model\":\"$1:1\",\"replicas\":${2:-2}}}" || { fail "apply $1"; cat log; }
}
embed() { curl -s -m 10 -D head -H 'Content-Type: application/json' -d "$1" "$gateway/v1/embeddings"; }
status_of() { curl -s -o /dev/null -m 10 -w '%{http_code}\n' "$@"; }
# picture_load and text_load: ask until the file `stop` is there; a line of status and node for each.
picture_load() {
    while [ ! -e stop ]; do
        curl -s -m 30 -o /dev/null -w '%{http_code} %header{x-holdfast-node}\n' --data-binary @digit.png "$gateway/v1/tasks/digits"
    done
}
text_load() {
    while [ ! -e stop ]; do
        curl -s -m 30 -o /dev/null -w '%{http_code} %header{x-holdfast-node}\n' -d '{"model":"vectors","input":"The pump is worn"}' "$gateway/v1/embeddings"
    done
}

mkdir made
"$python" "$here/tasks.py" declare "$models" made || exit 1
$python - "${HF_DATA}" <<'PY'
import gzip, sys
import numpy, PIL.Image
with gzip.open(sys.argv[1] + '/mnist/t10k-images-idx3-ubyte.gz') as file:
    pixels = numpy.frombuffer(file.read(), numpy.uint8, 784, 16).reshape(28, 28)
PIL.Image.fromarray(pixels).save('digit.png')
PY
start_server 0
for name in one two; do join $name "$(token)"; done
for model in mnist.onnx=digits:1 vectors.onnx=vectors:1 iris.onnx=iris:1; do
    expect 0 sha256 "$holdfast" push "made/${model%=*}" "${model#*=}" --data server --key server/keys/release.key
done
for name in digits vectors iris; do service $name; done
for name in digits vectors iris; do until_says "$name +$name:1 +True +Serving +2" hf get services; done

# Each kind, of either machine, by the name of the service alone.
until_says '"label":"7"' curl -s -m 10 -D head --data-binary @digit.png "$gateway/v1/tasks/digits"
expect 0 'X-Holdfast-Node: (one|two)' cat head
expect 0 'holdfast-receipt: ' cat head
expect 0 '"task":"image-classification"' curl -s -m 10 "$gateway/v1/tasks/digits"
expect 0 '"outputs":\[\{"label"' curl -s -m 10 -H 'Content-Type: text/csv' --data-binary $'length,width\n5.1,3.5\n4.9,3.0\n6.2,2.9\n' "$gateway/v1/tasks/iris"
expect 0 '"object":"list".*"model":"vectors"' embed '{"model":"vectors","input":["The pump is worn","pumps"]}'
expect 0 'holdfast_gateway_requests_total\{service="vectors"\} [1-9]' curl -s "$gateway/metrics"

# What is refused, and by whom.
expect 0 '"error":\{"message":"/model: is missing' embed '{"input":"a"}'
expect 0 ' 400 ' head -1 head
expect 0 '"error":\{"message":"service .nobody. is not known here' embed '{"model":"nobody","input":"a"}'
expect 0 ' 404 ' head -1 head
expect 0 'the task of .iris. is rows, not text-embedding' embed '{"model":"iris","input":"a"}'
expect 0 400 status_of --data-binary nonsense "$gateway/v1/tasks/digits"
expect 0 415 status_of -H 'Content-Encoding: gzip' --data-binary @digit.png "$gateway/v1/tasks/digits"
expect 0 405 status_of -X PUT "$gateway/v1/tasks/digits"
expect 0 504 status_of -H 'X-Holdfast-Timeout-Ms: 0' --data-binary @digit.png "$gateway/v1/tasks/digits"

# Under load one machine is killed, comes back, and serves again.
picture_load >pictures.status &
pictures=$!
text_load >texts.status &
texts=$!
until_says '200 two' cat pictures.status
until_says '200 two' cat texts.status
end 9 two
until_says 'two +Unknown' hf get nodes
start_agent two
until_says 'digits +digits:1 +True +Serving +2' hf get services
lines=$(wc -l <pictures.status)
until_says '200 two' tail -n +"$lines" pictures.status
touch stop
wait $pictures $texts
for name in pictures texts; do
    echo "$name: $(grep -c '^200 ' $name.status) answered, $(grep -vc '^200 ' $name.status) failed"
    grep -v '^200 ' $name.status && fail "$name failed while a machine was killed"
    grep -q '^200 one' $name.status || fail "$name were never asked of the other machine"
done

# A third machine has the small program, which takes tensors only: tasks go past it, and tensors do not.
agent=$HF_BUILD_DIR/holdfast-agent
on_small() { local holdfast=$agent; "$@"; }
rows() { status_of -H 'Content-Type: text/csv' --data-binary $'length,width\n5.1,3.5\n4.9,3.0\n6.2,2.9\n' "$gateway/v1/tasks/iris"; }
if [ -x "$agent" ]; then
    on_small join small "$(token)"
    service iris 3
    until_says 'iris +iris:1 +True +Serving +3' hf get services
    until_says 'X-Holdfast-Node: small' curl -s -m 10 -D - -o /dev/null "$gateway/v2/models/iris"
    for _ in $(seq 60); do rows; done >rows.status
    expect 0 '^60$' grep -c '^200$' rows.status
fi
finish
