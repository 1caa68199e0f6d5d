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
run quantize "$models/trained/cnn_mnist_pytorch.onnx" --calibrate scaled.npy --samples 1000 -o pytorch.onnx
run quantize "$models/mlperf-tiny/pretrainedResnet.tflite" --calibrate images.npy --measure relative --max-loss 10% \
    -o resnet.onnx
cp out resnet.txt
for calibrator in minmax mse; do
    run quantize "$mnist" --calibrate folder --max-loss 100% --calibrator $calibrator -o $calibrator.onnx
done
for model in mnist pytorch resnet; do
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
import gzip, json, subprocess, sys
import numpy, onnx, onnxruntime

holdfast, data = sys.argv[1:]
models = data + '/models/'
options = onnxruntime.SessionOptions()
options.add_session_config_entry('session.x64quantprecision', '1')
options.intra_op_num_threads = 1

def session(path):
    return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])

def ours(model, batch, name, kind='auto'):
    numpy.save('sample.npy', batch)
    subprocess.run([holdfast, 'run', model, '--device', kind, '--input', name + '=sample.npy', '--output', 'got'],
                   check=True, stdout=subprocess.DEVNULL)
    import glob
    return numpy.load(glob.glob('got/*.npy')[0])

def compare(model, images, step_of):
    import shutil
    onnx.checker.check_model(model, full_check=True)
    theirs = session(model)
    name = theirs.get_inputs()[0].name
    optimized = onnxruntime.SessionOptions()
    optimized.optimized_model_filepath = 'optimized.onnx'
    optimized.add_session_config_entry('session.x64quantprecision', '1')
    onnxruntime.InferenceSession(model, optimized, providers=['CPUExecutionProvider'])
    ops = [node.op_type for node in onnx.load('optimized.onnx').graph.node]
    assert 'Conv' not in ops and any(op.startswith('QLinearConv') for op in ops), ops
    worst = 0
    for image in images:
        shutil.rmtree('got', ignore_errors=True)
        want = theirs.run(None, {name: image})[0]
        got = ours(model, image, name)
        worst = max(worst, abs(got - want).max() / step_of)
    print(f'{model}: {len(images)} samples, at most {worst:.3f} steps from ONNX Runtime; its operators: {sorted(set(ops))}')
    assert worst <= 1.01, worst

report = json.load(open('mnist.json'))
last = [layer for layer in report['layers'] if layer['type'] == 'int8'][-1]
test = numpy.load('test.npy')
compare('mnist.onnx', test[:20, None], last['scale'])
compare('pytorch.onnx', test[:20, None] / 255, 1e9)
compare('resnet.onnx', numpy.load('images.npy')[:5, None], 1 / 25)

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
print('bytes', report['bytesBefore'], report['bytesAfter'])
PYTHON
"$venv/bin/python" compare.py "$holdfast" "$data" || fail "ONNX Runtime disagrees"
[ $failures -eq 0 ] && echo "quantised models agree"
exit $((failures > 0))
