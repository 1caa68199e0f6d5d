#!/usr/bin/env bash
# Quantising trained networks: digits keep their classes, layers compute in integers, every refusal is one clear error
# that leaves nothing behind, and ONNX Runtime gives what we give.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
data=${HF_DATA:-}
if [ ! -e "$data/mnist/t10k-images-idx3-ubyte.gz" ]; then
    echo "skipped: HF_DATA has no digits"
    exit 77
fi
venv=${HF_ONNXRUNTIME_VENV:-$HF_BUILD_DIR/venv-onnxruntime}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy || {
        echo "skipped: the packages onnx and onnxruntime cannot be installed here"
        rm -rf "$venv"
        exit 77
    }
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}
run() { "$holdfast" "$@" >out 2>err || fail "$*: $(tail -3 err)"; }
# refuse PATTERN COMMAND...: it fails, says so in one line, and leaves no model behind.
refuse() {
    local pattern=$1
    shift
    rm -f bad.onnx
    if "$holdfast" "$@" >out 2>err; then fail "$*: was not refused"; fi
    grep -v '^quantize: \|^warning: ' err >said
    grep -qE -- "$pattern" said || fail "$*: want $pattern, got $(cat err)"
    [ "$(wc -l <said)" = 1 ] || fail "$*: more than one line: $(cat said)"
    [ ! -e bad.onnx ] || fail "$*: left a file behind"
}

"$venv/bin/python" - "$data/mnist" <<'PYTHON' || exit 1
import gzip, os, sys
import numpy
def digits(name, count):
    raw = numpy.frombuffer(gzip.open(f'{sys.argv[1]}/{name}').read(), numpy.uint8, offset=16)
    return raw[:count * 784].reshape(count, 1, 28, 28).astype(numpy.float32)
images = digits('train-images-idx3-ubyte.gz', 1000)
numpy.save('train.npy', images)
numpy.save('scaled.npy', images / 255)
numpy.save('test.npy', digits('t10k-images-idx3-ubyte.gz', 2000))
numpy.save('double.npy', images[:9].astype(numpy.float64))
numpy.save('wide.npy', numpy.zeros([9, 1, 28, 29], numpy.float32))
numpy.save('none.npy', images[:0])
broken = images[:9].copy()
broken[3, 0, 5, 5] = numpy.nan
numpy.save('broken.npy', broken)
os.makedirs('folder')
for i in range(20):
    numpy.save(f'folder/{i:03}.npy', images[i])
os.makedirs('empty')
rng = numpy.random.default_rng(1)
numpy.save('images.npy', rng.uniform(0, 255, [50, 32, 32, 3]).astype(numpy.float32))
PYTHON

models=$data/models
mnist=$models/trained/mnist_cnn.onnx
run quantize "$mnist" --calibrate train.npy --samples 1000 -o mnist.onnx --json
cp out mnist.json
run quantize "$mnist" --calibrate train.npy --samples 1000 -o again.onnx
cmp -s mnist.onnx again.onnx || fail "the same samples gave another model"
run quantize "$models/trained/cnn_mnist_pytorch.onnx" --calibrate scaled.npy --samples 1000 -o pytorch.onnx --json
cp out pytorch.json
for tiny in pretrainedResnet vww_96_float kws_ref_model_float32 ad01_fp32; do
    run quantize "$models/mlperf-tiny/$tiny.tflite" --calibrate random --samples 40 --measure relative \
        --max-loss 100% -o $tiny.onnx --json
    cp out $tiny.json
done
run quantize "$models/mlperf-tiny/pretrainedResnet.tflite" --calibrate images.npy --measure relative --max-loss 1% \
    -o mixed.onnx
grep -q '^      because: the most lossy one left' out || fail "no layer went back to f32 for 1 %: $(cat out)"
for calibrator in minmax mse; do
    run quantize "$mnist" --calibrate folder --max-loss 100% --calibrator $calibrator -o $calibrator.onnx
done
for model in mnist pytorch pretrainedResnet vww_96_float kws_ref_model_float32; do
    run compile $model.onnx -o $model.plan --report
    grep -q 'simd.conv_i8' out || fail "$model: no integer convolution: $(grep '^node' out)"
done

bad=(-o bad.onnx)
refuse 'samples are 1x28x29 and input .* takes 1x1x28x28' quantize "$mnist" --calibrate wide.npy "${bad[@]}"
refuse 'samples are f64 and input .* takes f32' quantize "$mnist" --calibrate double.npy "${bad[@]}"
refuse 'there are no samples' quantize "$mnist" --calibrate none.npy "${bad[@]}"
refuse 'there are no samples' quantize "$mnist" --calibrate empty "${bad[@]}"
refuse 'sample 3: .*element 145 is nan' quantize "$mnist" --calibrate broken.npy "${bad[@]}"
refuse 'nowhere.npy' quantize "$mnist" --calibrate nowhere.npy "${bad[@]}"
refuse 'want FILE.npy, FILE.npz' quantize "$mnist" --calibrate "$mnist" "${bad[@]}"
refuse 'quantised already' quantize mnist.onnx --calibrate train.npy "${bad[@]}"
refuse 'quantised already' quantize "$models/mlperf-tiny/pretrainedResnet_quant.tflite" --calibrate random "${bad[@]}"
refuse 'nothing to quantise' quantize /usr/include/onnx/backend/test/data/node/test_relu/model.onnx --calibrate random \
    "${bad[@]}"
refuse "no calibrator 'entropi'" quantize "$mnist" --calibrate train.npy --calibrator entropi "${bad[@]}"
refuse 'max-loss: .* is outside' quantize "$mnist" --calibrate train.npy --max-loss 200% "${bad[@]}"
refuse "no layer 'nobody'" quantize "$mnist" --calibrate train.npy --keep nobody "${bad[@]}"
refuse 'no layer can be int8 within a loss of 0 %' quantize "$mnist" --calibrate folder --measure relative \
    --max-loss 0 "${bad[@]}"
refuse 'nowhere/bad.onnx' quantize "$mnist" --calibrate folder -o nowhere/bad.onnx
run quantize "$mnist" --calibrate random --samples 8 --max-loss 100% -o random.onnx
grep -q 'random inputs mean little' err || fail "no warning about random samples: $(cat err)"

cat >compare.py <<'PYTHON'
import glob, gzip, json, shutil, subprocess, sys
import numpy, onnx, onnxruntime

holdfast, data = sys.argv[1:]
models = data + '/models/'

def session(path, optimized=''):
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry('session.x64quantprecision', '1')
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if optimized:
        options.optimized_model_filepath = optimized
    return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])

def ours(model, name, image):
    numpy.save('sample.npy', image)
    shutil.rmtree('got', ignore_errors=True)
    subprocess.run([holdfast, 'run', model, '--input', name + '=sample.npy', '--output', 'got'], check=True,
                   stdout=subprocess.DEVNULL)
    return numpy.load(glob.glob('got/*.npy')[0])

# Steps are those of the last integer layer: no softmax behind it makes them larger.
def compare(model, images):
    onnx.checker.check_model(model + '.onnx', full_check=True)
    theirs = session(model + '.onnx', 'optimized.onnx')
    ops = {node.op_type for node in onnx.load('optimized.onnx').graph.node}
    assert not ops & {'Conv', 'FusedConv', 'Gemm', 'MatMul', 'Add'}, ops
    step = [layer for layer in json.load(open(model + '.json'))['layers'] if layer['type'] == 'int8'][-1]['scale']
    port, worst, equal = theirs.get_inputs()[0], 0, 0
    for image in images:
        image = image.reshape(port.shape).astype(numpy.float32)
        want, got = theirs.run(None, {port.name: image})[0], ours(model + '.onnx', port.name, image)
        assert want.shape == got.shape
        off = abs(got - want).max() / step
        worst, equal = max(worst, off), equal + (off < 1e-4)
    print(f'{model}: {equal} of {len(images)} samples as ONNX Runtime has them, the others at most {worst:.2f} steps off')
    assert worst <= 1.001, worst

test = numpy.load('test.npy')
compare('mnist', test[:20])
compare('pytorch', test[:20] / 255)
compare('pretrainedResnet', numpy.load('images.npy')[:5] / 255)
rng = numpy.random.default_rng(2)
for model, size in (('vww_96_float', 96 * 96 * 3), ('kws_ref_model_float32', 490), ('ad01_fp32', 640)):
    compare(model, rng.uniform(-1, 1, [5, size]))

labels = numpy.frombuffer(gzip.open(data + '/mnist/t10k-labels-idx1-ubyte.gz').read(), numpy.uint8, offset=8)[:2000]
for model, source, scale in (('mnist.onnx', 'mnist_cnn', 1), ('pytorch.onnx', 'cnn_mnist_pytorch', 1 / 255)):
    right = []
    for path in (models + f'trained/{source}.onnx', model):
        run = session(path)
        name = run.get_inputs()[0].name
        right.append(sum(run.run(None, {name: (image * scale).astype(numpy.float32)[None]})[0].argmax() == label
                         for image, label in zip(test, labels)))
    print(f'{source}: {right[0]} of 2000 digits in f32, {right[1]} in int8')
    assert right[0] - right[1] <= 10, right
PYTHON
"$venv/bin/python" compare.py "$holdfast" "$data" || fail "ONNX Runtime disagrees"
[ $failures -eq 0 ] && echo "quantised models agree"
exit $((failures > 0))
