#!/usr/bin/env bash
# Tasks: pictures, sounds, texts and rows sent to models of shared/data by POST /v1/tasks/M are answered as when a client that others
# wrote the parts of (Pillow, NumPy) prepares the tensors and asks the Open Inference Protocol; refusals; receipts.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
holdfast=${HF_BUILD_DIR:?}/holdfast
models=${HF_DATA:?}/models
python=/usr/bin/python3  # with Debian's packages
if ! $python -c 'import numpy, PIL' 2>/dev/null; then
    echo "skipped: python3-numpy and python3-pil are not installed"
    exit 77
fi
[ -d "$models" ] || { echo "skipped: $models is missing"; exit 77; }
work=$(mktemp -d)
server=
trap 'kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT
"$python" "$here/tasks.py" declare "$models" "$work" || exit 1
"$holdfast" serve "$work"/*.onnx "$work"/*.tflite --listen 127.0.0.1:0 --receipts "$work/receipts" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do grep -q verified "$work/log" && break; read -rt 0.1 <> <(:) || true; done
url=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
[ -n "$url" ] || { cat "$work/log"; exit 1; }
"$python" "$here/tasks.py" check "$url" "$work" "${HF_DATA}"
status=$?

# A receipt of a task's answer verifies, and names the declaration.
curl -s -m 5 -D "$work/head" -o /dev/null --data-binary @"$work/digit.png" "$url/v1/tasks/mnist"
id=$(tr -d '\r' <"$work/head" | sed -n 's/^holdfast-receipt: //p')
curl -s -m 5 "$url/v2/receipts/$id" -o "$work/receipt"
"$holdfast" receipt verify "$work/receipt" --key "$work/receipts/log.pub" >/dev/null || { echo "FAILED: the receipt"; status=1; }
grep -q "$(sha256sum <"$work/mnist.onnx.task.json" | cut -d' ' -f1)" <(curl -s -m 5 "$url/v2/models/mnist") ||
    { echo "FAILED: the metadata do not name the declaration"; status=1; }

# What is declared wrong is refused at the start, with its place.
cp "$work/mnist.onnx" "$work/wrong.onnx"
echo '{"kind": "image-classification", "image": {"skale": 2}}' >"$work/wrong.onnx.task.json"
timeout 10 "$holdfast" serve "$work/wrong.onnx" --listen 127.0.0.1:0 >"$work/wrong" 2>&1
grep -q "wrong.onnx.task.json: /image/skale: there is no such field, did you mean 'scale'" "$work/wrong" ||
    { echo "FAILED: $(cat "$work/wrong")"; status=1; }

# Without the library that decodes sounds, a model that hears is refused at the start.
mkdir "$work/none"
echo 'no library' >"$work/none/libsndfile.so.1"
LD_LIBRARY_PATH=$work/none timeout 10 "$holdfast" serve "$work/kws.tflite" --listen 127.0.0.1:0 >"$work/wrong" 2>&1
grep -q "kws.tflite.task.json: /audio: sounds want libsndfile.so.1, which this machine does not have: apt-get install libsndfile1" "$work/wrong" ||
    { echo "FAILED: $(cat "$work/wrong")"; status=1; }
kill -TERM $server
wait $server || status=1
[ $status -eq 0 ] && echo "tasks as promised"
exit $status
