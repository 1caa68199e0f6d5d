#!/usr/bin/env bash
# ONNX Runtime as a device, through the library in its PyPI package: the same answers as the reference for whole graphs
# and for named operators, its words where it refuses, and one error with the remedy where it is missing.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { printf 'FAILED: %s\n' "$*"; failures=$((failures + 1)); }
python3 "$HF_SOURCE_DIR/tests/device_plugin/small_model.py" small.onnx || exit 1

# Where it is missing.
refuses() {
    local wanted=$1
    shift
    "$@" >refusal 2>&1 && fail "$* is taken"
    grep -q "$wanted" refusal || fail "$* says: $(cat refusal)"
}
echo 'not a library' >text.so
HOLDFAST_ONNXRUNTIME=./text.so refuses 'ONNX Runtime cannot be loaded: .*set HOLDFAST_ONNXRUNTIME' \
    "$holdfast" run small.onnx --input x=zeros --device onnxruntime
zlib=$(find /usr/lib /lib -name libz.so.1 2>/dev/null | head -n 1)
[ -z "$zlib" ] || HOLDFAST_ONNXRUNTIME=$zlib refuses 'is not ONNX Runtime: no OrtGetApiBase' \
    "$holdfast" run small.onnx --input x=zeros --device onnxruntime

venv=${HF_ONNXRUNTIME_VENV:-$HF_BUILD_DIR/venv-onnxruntime}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy || {
        echo "skipped: the packages onnx and onnxruntime cannot be installed here"
        rm -rf "$venv"
        exit 77
    }
fi
HOLDFAST_ONNXRUNTIME=$(find "$venv"/lib/python3*/site-packages/onnxruntime/capi -name 'libonnxruntime.so*' | head -n 1)
[ -f "$HOLDFAST_ONNXRUNTIME" ] || { echo "FAILED: no libonnxruntime.so in $venv"; exit 1; }
export HOLDFAST_ONNXRUNTIME

cat >compare.py <<'PYTHON'
import glob, os, sys
import numpy
for path in glob.glob('want/*.npy'):
    want, got = numpy.load(path), numpy.load('got/' + os.path.basename(path))
    assert want.shape == got.shape and want.dtype == got.dtype, (want.shape, got.shape)
    scale = max(1e-6, float(numpy.abs(want).max(initial=0)))
    numpy.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4 * scale)
PYTHON
# same MODEL WORDS...: as the reference says.
same() {
    local model=$1 inputs
    shift
    rm -rf want got
    mapfile -t inputs < <("$holdfast" inspect "$model" --json | jq -r '.inputs[].name')
    inputs=("${inputs[@]/%/=random}")
    "$holdfast" run "$model" "${inputs[@]/#/--input=}" --device ref --output want >log 2>&1 || fail "ref: $(cat log)"
    "$holdfast" run "$model" "${inputs[@]/#/--input=}" --output got "$@" >log 2>&1 || fail "$model $*: $(cat log)"
    "$venv/bin/python" compare.py 2>log || fail "$model $*: $(cat log)"
}
same small.onnx --device onnxruntime
same small.onnx --op-device MatMul=onnxruntime
models=${HF_DATA:-}/models
# Values of unknown type inside, a body: all of it is the library's.
for model in trained/logreg_iris.onnx trained/silero_vad.onnx; do
    [ -f "$models/$model" ] || continue
    "$holdfast" compile "$models/$model" --report --device onnxruntime >report || fail "report of $model"
    grep -q 'part  *1 of 1: onnxruntime' report || fail "$model is cut: $(grep -A3 ^part report)"
done
for model in trained/mnist_cnn.onnx trained/super_resolution.onnx onnx-light/light_squeezenet.onnx; do
    [ -f "$models/$model" ] || { echo "without $model, which is not in HF_DATA"; continue; }
    same "$models/$model" --device onnxruntime
    same "$models/$model" --op-device Conv=onnxruntime
done

"$holdfast" compile small.onnx --report --device onnxruntime >report || fail 'report'
grep -q 'part  *1 of 1: onnxruntime, 7 nodes' report || fail "no whole graph in $(cat report)"
"$holdfast" compile small.onnx --report --op-device Softmax=onnxruntime >report || fail 'report'
grep -q 'part  *2 of 3: onnxruntime, 1 nodes' report || fail "no part in $(cat report)"

# TensorFlow Lite's operators are not its own; an operator that it lacks is refused in its words.
tflite=$models/mlperf-tiny/ad01_fp32.tflite
if [ -f "$tflite" ]; then
    "$holdfast" compile "$tflite" --report --device onnxruntime >report || fail 'tflite'
    grep -q 'onnxruntime: an operator of TensorFlow Lite' report || fail "no reason in $(cat report)"
fi

# The judge: the ONNX backend cases, by its own kernels.
cases=/usr/include/onnx/backend/test/data
if [ -d $cases ]; then
    for set in simple pytorch-operator pytorch-converted; do
        ours=$("$holdfast" conform onnx $cases/$set --device auto --json | jq .passed)
        theirs=$("$holdfast" conform onnx $cases/$set --device onnxruntime --json | jq .passed)
        echo "$set: $theirs cases pass with ONNX Runtime, $ours without"
        [ "$theirs" -ge "$ours" ] || fail "$set"
    done
fi
[ $failures -eq 0 ] && echo 'ONNX Runtime as a device: the same answers, whole and in parts'
exit $((failures > 0))
