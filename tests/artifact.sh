#!/usr/bin/env bash
# What lies beside a model goes with it: push, sign, roll out. A task that is declared in the artifact is answered on the
# machine that the Service runs on; a declaration that does not fit is refused there, and what answered goes on.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/machines.sh"
models=${HF_DATA:?}/models
python=/usr/bin/python3
$python -c 'import numpy, PIL' 2>/dev/null || { echo 'skipped: python3-numpy and python3-pil are not installed'; exit 77; }
[ -d "$models" ] || { echo "skipped: $models is missing"; exit 77; }
service() { # service MODEL [NAME]
    hf apply -f - >log 2>&1 <<<"{\"apiVersion\":\"holdfast.dev/v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"${2:-digits}\"},\"spec\":{\"model\":\"$1\"}}" || { fail "apply $1"; cat log; }
}
ask() { curl -s -m 10 -D head -H 'Content-Type: image/png' --data-binary @digit.png "$url_one/v1/tasks/digits"; }
push() { expect "$1" "$2" "$holdfast" push "$3" "$4" --data server --key server/keys/release.key; }

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
join one "$(token)" --sleep-after 2

# The first test digit of MNIST is a 7, as a client sees it who knows nothing of tensors.
push 0 sha256 made/mnist.onnx digits:1
expect 0 '' "$holdfast" pull digits:1 --data server --output pulled
[ -e pulled/mnist.onnx.task.json ] || fail 'what was pushed has no task'
service digits:1
until_says 'digits +digits:1 +True +Serving +1' hf get services
expect 0 '"label":"7"' ask
id=$(tr -d '\r' <head | sed -n 's/^holdfast-receipt: //p')
expect 0 "\"task_digest\":\"sha256:$(sha256sum <made/mnist.onnx.task.json | cut -d' ' -f1)\"" curl -s "$url_one/v2/models/digits" --get
curl -s -m 5 "$url_one/v2/receipts/$id" -o receipt
expect 0 '' "$holdfast" receipt verify receipt --key one/receipts/log.pub

# Nobody asks: its memory goes, and the next request wakes it, made from the same files.
until_says 'holdfast_model_sleeping\{model="digits".*\} 1' curl -s "$url_one/metrics"
until_says 'digits +digits:1 +True +Serving +1' hf get services
expect 0 '"label":"7"' ask
expect 0 'holdfast_model_wakes_total\{model="digits".*outcome="succeeded"\} 1' curl -s "$url_one/metrics"

# Files that somebody wrote to meanwhile are not what was verified: nothing is answered by them.
blob=$(find one -name "$(sha256sum <made/mnist.onnx | cut -d' ' -f1)")
until_says 'holdfast_model_sleeping\{model="digits".*\} 1' curl -s "$url_one/metrics"
chmod u+w "$blob"
printf '\377' | dd of="$blob" bs=1 seek=100 conv=notrunc 2>/dev/null
expect 0 'mnist.onnx is not what was verified' ask
expect 0 ' 500 ' head -1 head
dd if=made/mnist.onnx of="$blob" conv=notrunc 2>/dev/null
until_says '"label":"7"' ask

# A declaration that does not fit its model: refused with its place, and the first goes on.
mkdir bad
cp made/mnist.onnx bad/
echo '{"kind": "image-classification", "image": {"skale": 2}}' >bad/mnist.onnx.task.json
push 0 sha256 bad/mnist.onnx digits:2
service digits:2
until_says '/image/skale: there is no such field' hf get node/one -o yaml
expect 0 '"label":"7"' ask

# A guard comes the same way.
mkdir guarded
cp made/mnist.onnx made/mnist.onnx.task.json guarded/
input=$(curl -s "$url_one/v2/models/digits" | jq -r '.inputs[0].name')
echo "{\"type\": \"holdfast.dev/guard/v1\", \"mode\": \"refuse\", \"inputs\": [{\"name\": \"$input\", \"least\": 2, \"most\": 3}]}" >guarded/mnist.onnx.guard.json
push 0 sha256 guarded/mnist.onnx digits:3
service digits:3
until_says 'digits +digits:3 +True +Serving +1' hf get services
expect 0 'guard' ask
expect 0 ' 422 ' head -1 head

# Weights in a file of their own, in a folder of the artifact: a guard that was fitted on others is refused.
mkdir -p parts/net/data
PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 $python -c 'import onnx_file as o; open("parts/net/model.onnx", "wb").write(o.adder(o.FLOAT, 2))'
printf '\0\0\200\77\0\0\0\100' >parts/net/data/weights
digest=$(cd parts/net && (sha256sum --tag <model.onnx; sha256sum --tag data/weights) | sha256sum | cut -d' ' -f1)
fitted_on() { echo "{\"type\": \"holdfast.dev/guard/v1\", \"mode\": \"refuse\", \"model\": \"sha256:$1\", \"inputs\": [{\"name\": \"x\", \"least\": 0, \"most\": 9}]}" >parts/net/model.onnx.guard.json; }
sum() { curl -s -m 10 -d '{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}]}' "$url_one/v2/models/sum/infer"; }
fitted_on "$(sha256sum <parts/net/model.onnx | cut -d' ' -f1)"
push 0 sha256 parts sum:1
service sum:1 sum
until_says "and the model is sha256:$digest" hf get node/one -o yaml
fitted_on "$digest"
push 0 sha256 parts sum:2
service sum:2 sum
until_says '"data":\[2.0,4.0\]' sum

# A bundle of the model alone says nothing of what lies beside it.
expect 0 '' "$holdfast" sign made/mnist.onnx --key server/keys/release.key --signature made.sig
expect 1 'sign and push their folder' "$holdfast" push made/mnist.onnx digits:4 --data server --signature made.sig
finish
