#!/usr/bin/env bash
# TFLite models against TensorFlow Lite's own interpreter (the Python package ai-edge-litert) with its reference
# kernels: int8 outputs bit by bit, f32 outputs to 1e-5, dynamic-range ones to 0.02 (theirs quantises inputs too).
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
models=${HF_DATA:-$(dirname "$0")/../../../shared/data}/models
venv=${HF_LITERT_VENV:-$HF_BUILD_DIR/venv-litert}
if [ ! -d "$models/mlperf-tiny" ]; then
    echo "skipped: needs the folder of models and data; set HF_DATA"
    exit 77
fi
if ! "$venv/bin/python" -c 'import ai_edge_litert' 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q ai-edge-litert==2.3.0 numpy || {
        echo "skipped: the package ai-edge-litert cannot be installed here"
        rm -rf "$venv"
        exit 77
    }
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$venv/bin/python" - "$holdfast" "$models" "$work" 2>"$work/log" <<'PYTHON'
import pathlib, subprocess, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

holdfast, models, work = sys.argv[1:]
INPUTS = 3
TOLERANCE = {'ad01_fp32': 1e-5, 'pretrainedResnet': 1e-5, 'vww_96_float': 1e-5, 'kws_ref_model_float32': 0.02}


def draw(seed, details):
    rng = np.random.default_rng(seed)
    if details['dtype'] == np.float32:
        return rng.uniform(-1, 1, details['shape']).astype(np.float32)
    info = np.iinfo(details['dtype'])
    return rng.integers(info.min, info.max + 1, details['shape']).astype(details['dtype'])


def ours(path, tensor, folder):
    folder.mkdir(parents=True)
    np.save(folder / 'in.npy', tensor)
    subprocess.run([holdfast, 'run', path, '--device', 'ref', '--input', folder / 'in.npy', '--output',
                    folder / 'out'], check=True, stdout=subprocess.DEVNULL)
    return np.load(next((folder / 'out').iterdir()))


failures = 0
for path in sorted([*pathlib.Path(models, 'mlperf-tiny').glob('*.tflite'),
                    *pathlib.Path(models, 'trained').glob('*.tflite')]):
    theirs = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    theirs.allocate_tensors()
    source, sink = theirs.get_input_details()[0], theirs.get_output_details()[0]
    worst, differ, total = 0.0, 0, 0
    for seed in range(INPUTS):
        tensor = draw(seed, source)
        theirs.set_tensor(source['index'], tensor)
        theirs.invoke()
        want = theirs.get_tensor(sink['index']).astype(np.float64)
        got = ours(path, tensor, pathlib.Path(work, f'{path.stem}-{seed}')).astype(np.float64)
        error = np.abs(got - want)
        worst, differ, total = max(worst, error.max()), differ + int((error > 0).sum()), total + error.size
    bad = worst > TOLERANCE.get(path.stem, 0)
    failures += int(bad)
    print(f'{"FAILED " if bad else ""}{path.stem}: {differ} of {total} outputs differ, by {worst:.3g} at most')
sys.exit(int(failures > 0))
PYTHON
status=$?
[ $status -eq 0 ] || grep -v INFO "$work/log"
exit $status
