"""MLPerf Tiny models on Holdfast and on ONNX Runtime, side by side: one thread, batch 1, rounds interleaved.

usage: peers.py HOLDFAST MODELS RESULTS [--json] [--rounds N] [--seconds S] [--seed N]

A model's time is the median over rounds of each round's fastest run: on a shared machine the fastest is the time that
others did not take. Outputs must agree before a time counts. ONNX Runtime is called through bound inputs and outputs;
what such a call costs without a model (one Identity of one number) is measured and shown, not subtracted.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from twins import Twin

BAR = 3.0  # no model may take more than this many times the peer's time
FP32_TOLERANCE = 1e-4
INT8_STEPS = 32  # an eighth of the range: theirs rounds in floats, ours as TFLite does, and a softmax amplifies


def session_of(model, exact=False):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    if exact:  # without it, sums of int8 products saturate at 16 bits on machines without VNNI
        options.add_session_config_entry('session.x64quantprecision', '1')
    return ort.InferenceSession(model, options, providers=['CPUExecutionProvider'])


def bound(session, tensor):
    binding = session.io_binding()
    binding.bind_cpu_input(session.get_inputs()[0].name, tensor)
    binding.bind_output(session.get_outputs()[0].name, 'cpu')
    return binding


def time_peer(session, binding, seconds):
    best, runs, end = float('inf'), 0, time.perf_counter() + seconds
    while time.perf_counter() < end or runs < 3:
        start = time.perf_counter_ns()
        session.run_with_iobinding(binding)
        best = min(best, time.perf_counter_ns() - start)
        runs += 1
    return best / 1000


def time_ours(holdfast, path, seconds):
    out = subprocess.run([holdfast, 'bench', path, '--device', 'cpu', '--threads', '1', '--seconds', str(seconds),
                          '--json'], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def our_output(holdfast, path, tensor, folder):
    np.save(folder / 'x.npy', tensor)
    subprocess.run([holdfast, 'run', path, '--device', 'cpu', '--input', str(folder / 'x.npy'), '--output',
                    str(folder / 'out')], check=True, capture_output=True)
    return np.load(next((folder / 'out').iterdir()))


def difference(got, want):
    """In parts of the largest number for reals, in steps for integers."""
    gap = np.abs(got.astype(np.float64).ravel() - want.astype(np.float64).ravel()).max()
    return gap / max(1e-30, np.abs(want).max()) if want.dtype == np.float32 else gap


def draw(rng, session):
    source = session.get_inputs()[0]
    if source.type == 'tensor(int8)':
        return rng.integers(-128, 128, source.shape).astype(np.int8)
    return rng.uniform(-1, 1, source.shape).astype(np.float32)


def measure(holdfast, path, options):
    twin = Twin(path).build()
    session = session_of(twin)
    tensor = draw(np.random.default_rng(options.seed), session)
    nhwc = np.ascontiguousarray(tensor.transpose(0, 2, 3, 1)) if tensor.ndim == 4 else tensor
    with tempfile.TemporaryDirectory() as folder:
        ours = our_output(holdfast, path, nhwc, pathlib.Path(folder))
    theirs = session_of(twin, exact=True).run(None, {session.get_inputs()[0].name: tensor})[0]
    gap = difference(ours, theirs)
    same_winner = bool(np.argmax(ours) == np.argmax(theirs))
    limit = FP32_TOLERANCE if ours.dtype == np.float32 else INT8_STEPS
    binding = bound(session, tensor)
    time_peer(session, binding, 0.05)
    mine, peer = [], []
    for _ in range(options.rounds):
        row = time_ours(holdfast, path, options.seconds)
        mine.append(row['min_us'])
        peer.append(time_peer(session, binding, options.seconds))
    us, them = statistics.median(mine), statistics.median(peer)
    return {'model': pathlib.Path(path).name, 'compared_with': 'fp32 twin' if ours.dtype == np.float32 else 'QDQ twin',
            'holdfast_us': round(us, 2), 'onnxruntime_us': round(them, 2), 'ratio': round(us / them, 3),
            'difference': float(f'{gap:.3g}'), 'agrees': bool(gap <= limit) and same_winner, 'macs': row['macs'],
            'within_bar': bool(us <= BAR * them)}


def call_overhead(options):
    graph = helper.make_graph([helper.make_node('Identity', ['x'], ['y'])], 'nothing',
                              [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1])],
                              [helper.make_tensor_value_info('y', TensorProto.FLOAT, [1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    session = session_of(model.SerializeToString())
    return time_peer(session, bound(session, np.zeros(1, np.float32)), options.seconds)


def processor():
    for line in open('/proc/cpuinfo'):
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.processor()


def table(report):
    lines = [f"machine    {report['machine']}, {report['cpus']} CPUs, load {report['load']:.2f}",
             f"peer       onnxruntime {report['onnxruntime']}, 1 thread, a call without a model "
             f"{report['call_overhead_us']:.2f} us (not subtracted)",
             f"method     {report['rounds']} interleaved rounds of {report['seconds']} s, median of the fastest; seed "
             f"{report['seed']}", '',
             f"{'model':30} {'against':10} {'holdfast':>10} {'onnxruntime':>12} {'ratio':>6}  differs by"]
    for row in report['models']:
        note = '' if row['agrees'] and row['within_bar'] else '  FAILS'
        lines.append(f"{row['model']:30} {row['compared_with']:10} {row['holdfast_us']:8.1f}us "
                     f"{row['onnxruntime_us']:10.1f}us {row['ratio']:6.2f}  {row['difference']:g}{note}")
    return '\n'.join(lines) + '\n'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('holdfast')
    parser.add_argument('models')
    parser.add_argument('results')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=0.4)
    parser.add_argument('--seed', type=int, default=20261124)
    options = parser.parse_args()
    report = {'machine': processor(), 'cpus': os.cpu_count(), 'load': os.getloadavg()[0],
              'onnxruntime': ort.__version__, 'call_overhead_us': call_overhead(options), 'rounds': options.rounds,
              'seconds': options.seconds, 'seed': options.seed, 'how': 'measured', 'models': []}
    for path in sorted(pathlib.Path(options.models).glob('*.tflite')):
        report['models'].append(measure(options.holdfast, str(path), options))
    results = pathlib.Path(options.results)
    results.mkdir(parents=True, exist_ok=True)
    (results / 'peers.json').write_text(json.dumps(report, indent=1) + '\n')
    (results / 'peers.txt').write_text(table(report))
    print(json.dumps(report) if options.json else table(report), end='\n' if options.json else '')
    return 0 if all(row['agrees'] and row['within_bar'] for row in report['models']) else 1


sys.exit(main())
