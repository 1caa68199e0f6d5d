"""Holdfast and ONNX Runtime side by side: one thread, batch 1, the same inputs, rounds interleaved.

usage: peers.py HOLDFAST DATA FOLDER RESULTS [--json] [--rounds N] [--seconds S] [--seed N] [--only TEXT]

In each round either engine runs for the same time. An engine's time in a round is that of its fastest run: on a shared
machine that is the time which others did not take. The ratio is the median over rounds of ours to theirs, shown with its
lowest and highest. Outputs must agree before a time counts. ONNX Runtime is called through bound inputs and outputs;
what such a call costs without a model (one Identity of one number) is measured and shown, not subtracted.
"""

import argparse
import json
import math
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

import models

FP32_TOLERANCE = 1e-3  # of the largest number
INT8_STEPS = 32  # an eighth of the range: theirs rounds in floats, ours as TFLite does, and a softmax amplifies
BF16_TOLERANCE = 0.02  # relative L2 error, as --max-rounding counts it
BUSY = 0.5  # load a CPU above which a table is marked


def session_of(model, exact=False):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    if exact:  # without it, sums of int8 products saturate at 16 bits on machines without VNNI
        options.add_session_config_entry('session.x64quantprecision', '1')
    return ort.InferenceSession(model, options, providers=['CPUExecutionProvider'])


def bound(session, tensors):
    binding = session.io_binding()
    for source, tensor in zip(session.get_inputs(), tensors):
        binding.bind_cpu_input(source.name, tensor)
    binding.bind_output(session.get_outputs()[0].name, 'cpu')
    return binding


def time_peer(session, binding, seconds):
    times, cpu, end = [], time.thread_time_ns(), time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter_ns()
        session.run_with_iobinding(binding)
        times.append(time.perf_counter_ns() - start)
    cpu = (time.thread_time_ns() - cpu) / len(times)
    times.sort()
    at = [times[0], times[len(times) // 2], times[int(0.99 * (len(times) - 1))], cpu]
    return dict(zip(('min_us', 'p50_us', 'p99_us', 'cpu_us'), (t / 1000 for t in at)))


class Ours:
    """Holdfast as a user calls it, with the inputs in files."""

    def __init__(self, holdfast, entry, names, tensors, folder):
        self.holdfast, self.entry, self.folder, self.inputs = holdfast, entry, folder, []
        self.math = ['--math', 'bf16'] if entry.kind == 'bf16' else []
        for i, (name, tensor) in enumerate(zip(names, tensors)):
            if entry.nhwc and tensor.ndim == 4:
                tensor = np.ascontiguousarray(tensor.transpose(0, 2, 3, 1))
            np.save(folder / f'{i}.npy', tensor)
            file = str(folder / f'{i}.npy')
            self.inputs += ['--input', file if entry.nhwc else f'{name}={file}']

    def call(self, command, *more):
        return subprocess.run([self.holdfast, command, self.entry.ours, '--device', 'cpu', *self.math,
                               *self.inputs, *more],
                              check=True, capture_output=True, text=True).stdout

    def output(self):
        self.call('run', '--output', str(self.folder / 'out'))
        return np.load(next((self.folder / 'out').iterdir()))

    def time(self, seconds):
        return json.loads(self.call('bench', '--threads', '1', '--seconds', str(seconds), '--json'))


def relative(got, want):
    return np.linalg.norm((got.astype(np.float64) - want).ravel()) / np.linalg.norm(want.astype(np.float64).ravel())


def difference(got, want):
    """In parts of the largest number for reals, in steps for integers."""
    gap = np.abs(got.astype(np.float64).ravel() - want.astype(np.float64).ravel()).max()
    return gap / max(1e-30, np.abs(want).max()) if want.dtype == np.float32 else gap


def agreement(entry, ours, theirs):
    """How far the outputs differ, and whether that is near enough. int8 models with fp32 outputs go by the winner and
    a tenth of the largest number: one step of rounding early on moves what follows. bf16 goes by the error relative to
    the output as a whole."""
    if entry.kind == 'bf16':
        gap = relative(ours, theirs)
        return float(f'{gap:.3g}'), bool(gap <= BF16_TOLERANCE)
    gap = difference(ours, theirs)
    limit = INT8_STEPS if theirs.dtype != np.float32 else FP32_TOLERANCE if entry.kind == 'fp32' else 0.1
    return float(f'{gap:.3g}'), bool(gap <= limit and np.argmax(ours) == np.argmax(theirs))


def measure(entry, options):
    session = session_of(entry.peer)
    rng = np.random.default_rng(options.seed)
    tensors = [models.draw(rng, source) for source in session.get_inputs()]
    names = [source.name for source in session.get_inputs()]
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(options.holdfast, entry, names, tensors, pathlib.Path(folder))
        theirs = session_of(entry.peer, exact=True).run(None, dict(zip(names, tensors)))[0]
        gap, agrees = agreement(entry, ours.output(), theirs)
        binding, mine, peer = bound(session, tensors), [], []
        time_peer(session, binding, 0.05)
        for _ in range(options.rounds):
            mine.append(ours.time(options.seconds))
            peer.append(time_peer(session, binding, options.seconds))
    ratios = sorted(m['min_us'] / p['min_us'] for m, p in zip(mine, peer))
    middle = lambda rows, key: round(statistics.median(row[key] for row in rows), 2)
    row = {'ours_us': middle(mine, 'min_us'), 'peer_us': middle(peer, 'min_us'),
           'ratio': round(statistics.median(ratios), 3), 'ratio_low': round(ratios[0], 3),
           'ratio_high': round(ratios[-1], 3), 'difference': gap, 'agrees': agrees, 'macs': mine[0]['macs']}
    for key in ('p50_us', 'p99_us', 'cpu_us'):
        row['ours_' + key], row['peer_' + key] = middle(mine, key), middle(peer, key)
    return row


def call_overhead(options):
    graph = helper.make_graph([helper.make_node('Identity', ['x'], ['y'])], 'nothing',
                              [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1])],
                              [helper.make_tensor_value_info('y', TensorProto.FLOAT, [1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    session = session_of(model.SerializeToString())
    return time_peer(session, bound(session, [np.zeros(1, np.float32)]), options.seconds)['min_us']


def processor():
    for line in open('/proc/cpuinfo'):
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.processor()


def simd():
    flags = next((line for line in open('/proc/cpuinfo') if line.startswith('flags')), '').split()
    return ' '.join(f for f in ('avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'avx_vnni', 'amx_int8') if f in flags)


def table(report):
    busy = ' (BUSY: not for comparison with other tables)' if report['busy'] else ''
    lines = [f"machine    {report['machine']} ({report['simd']}), {report['cpus']} CPUs, load {report['load']:.2f}{busy}",
             f"peer       onnxruntime {report['onnxruntime']}, 1 thread; a call without a model takes "
             f"{report['call_overhead_us']:.2f} us (not subtracted)",
             f"method     {report['rounds']} interleaved rounds of {report['seconds']} s; min, p50, p99 and CPU are medians "
             f"of rounds; seed {report['seed']}; all figures measured"]
    for kind in models.KINDS:
        rows = report[kind]['models']
        if not rows:
            continue
        lines += ['', f"{kind:13} {'':8} {'min':>10} {'p50':>10} {'p99':>10} {'CPU':>10}   ratio (low-high)   differs by"]
        for name, row in rows.items():
            mine = ' '.join(f"{row['ours_' + key]:10.1f}" for key in ('us', 'p50_us', 'p99_us', 'cpu_us'))
            peer = ' '.join(f"{row['peer_' + key]:10.1f}" for key in ('us', 'p50_us', 'p99_us', 'cpu_us'))
            note = '' if row['agrees'] else '  DISAGREES'
            lines.append(f"{name:13} holdfast {mine}   {row['ratio']:.3f} ({row['ratio_low']:.3f}-{row['ratio_high']:.3f})  "
                         f"{row['difference']:g}{note}")
            lines.append(f"{'':13} peer     {peer}")
        lines.append(f"{'':13} geometric mean of {len(rows)} ratios {report[kind]['geomean_ratio']:.3f}, "
                     f"worst {report[kind]['worst_ratio']:.3f}")
    return '\n'.join(lines) + '\n'


def report_of(options):
    found = [e for e in models.entries(options.data, options.folder, options.seed) if options.only in f'{e.kind}/{e.name}']
    load = os.getloadavg()[0]
    report = {'machine': processor(), 'simd': simd(), 'cpus': os.cpu_count(), 'load': load,
              'busy': load > BUSY * os.cpu_count(), 'onnxruntime': ort.__version__,
              'call_overhead_us': call_overhead(options), 'rounds': options.rounds, 'seconds': options.seconds,
              'seed': options.seed, 'how': 'measured'}
    for kind in models.KINDS:
        rows = {}
        for entry in (e for e in found if e.kind == kind):
            print(f'{kind}/{entry.name} ...', end=' ', file=sys.stderr, flush=True)
            rows[entry.name] = measure(entry, options)
            print(rows[entry.name]['ratio'], file=sys.stderr)
        ratios = [row['ratio'] for row in rows.values()]
        report[kind] = {'models': rows}
        if ratios:
            report[kind]['geomean_ratio'] = round(math.exp(sum(map(math.log, ratios)) / len(ratios)), 3)
            report[kind]['worst_ratio'] = max(ratios)
    return report


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('holdfast')
    parser.add_argument('data', type=pathlib.Path)
    parser.add_argument('folder', type=pathlib.Path)
    parser.add_argument('results', type=pathlib.Path)
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=0.5)
    parser.add_argument('--seed', type=int, default=20261124)
    parser.add_argument('--only', default='', help='models whose KIND/NAME has this text; writes no results')
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    report = report_of(options)
    if not options.only:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / 'peers.json').write_text(json.dumps(report, indent=1) + '\n')
        (options.results / 'peers.txt').write_text(table(report))
    print(json.dumps(report) if options.json else table(report), end='\n' if options.json else '')
    return 0 if all(row['agrees'] for kind in models.KINDS for row in report[kind]['models'].values()) else 1


sys.exit(main())
