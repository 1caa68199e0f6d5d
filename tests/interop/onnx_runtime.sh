#!/usr/bin/env bash
# Models that we write, in other hands: the PyPI package onnx accepts every one, and onnxruntime gives the same scores
# for detectors with and without a period.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
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
mkdir exported
if [ -x "$HF_BUILD_DIR/graph_test" ]; then
    HF_EXPORT_DIR=exported "$HF_BUILD_DIR/graph_test" --gtest_filter='OnnxExport.EveryOnnxTestModel*' >log || {
        tail log
        exit 1
    }
fi
"$holdfast" simulate machine --hours 500 --fault-at 400 -o pump.csv >log || exit 1
for period in 0 288; do
    "$holdfast" fit anomaly pump.csv --time time --value temperature_c --until 2026-01-15T00:00:00Z \
        --period $period -o $period.onnx >log || exit 1
done
cat >compare.py <<'PYTHON'
import csv, datetime, glob, subprocess, sys
import numpy, onnx, onnxruntime

for path in glob.glob('exported/*.onnx'):
    onnx.checker.check_model(path)
print(len(glob.glob('exported/*.onnx')), 'exported models pass onnx.checker')

rows = list(csv.DictReader(open('pump.csv')))
values = numpy.array([float(row['temperature_c']) for row in rows], numpy.float32)
times = [datetime.datetime.fromisoformat(row['time'].replace('Z', '+00:00')) for row in rows]
times = numpy.array([round(time.timestamp() * 1000) for time in times], numpy.int64)
windows = numpy.ascontiguousarray(numpy.lib.stride_tricks.sliding_window_view(values, 48))
times = times[47:]
numpy.save('window.npy', windows)
numpy.save('time_ms.npy', times)
for period in ('0', '288'):
    model = period + '.onnx'
    onnx.checker.check_model(model, full_check=True)
    feed = {'window': windows}
    words = ['--input', 'window=window.npy']
    if period != '0':
        feed['time_ms'] = times
        words += ['--input', 'time_ms=time_ms.npy']
    session = onnxruntime.InferenceSession(model, providers=['CPUExecutionProvider'])
    theirs, alerts = session.run(['score', 'alert'], feed)
    for device in ('ref', 'auto'):
        subprocess.run([sys.argv[1], 'run', model, '--device', device, '--output', device, *words],
                       check=True, stdout=subprocess.DEVNULL)
        ours = numpy.load(device + '/score.npy')
        assert ours.shape == theirs.shape == (len(windows), 1), ours.shape
        numpy.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
        agree = (numpy.load(device + '/alert.npy') == alerts) | (abs(theirs - 1) < 1e-3)
        assert agree.all()
    assert 20 < alerts.sum() < len(alerts) / 2, alerts.sum()
    worst = (abs(ours - theirs) / theirs).max()
    print(f'period {period}: {len(windows)} scores agree, worst relative difference {worst:.1e}')
PYTHON
"$venv/bin/python" compare.py "$holdfast"
