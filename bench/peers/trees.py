"""Tree ensembles on Holdfast and ONNX Runtime: one thread, the same inputs, rounds interleaved.

usage: trees.py HOLDFAST FOLDER [--json] [--rounds N] [--seconds S] [--seed N]

Ensembles are drawn from a seed: complete trees, thresholds from the features' distribution. Outputs are compared before
a time counts; the ratio is the median over rounds of the fastest run of ours to the fastest of theirs. ONNX Runtime is
called through bound inputs and outputs; what such a call costs without a model is part of its time (peers.py shows it).
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

FEATURES = 20
TOLERANCE = 1e-5  # of the largest number; theirs sums in floats, ours in doubles


@dataclasses.dataclass
class Ensemble:
    name: str
    trees: int
    depth: int
    batch: int
    classes: int = 0  # 0: a regressor


CASES = [
    Ensemble('regressor, 100 trees of depth 8', 100, 8, 1),
    Ensemble('regressor, 100 trees of depth 8', 100, 8, 100),
    Ensemble('regressor, 500 trees of depth 6', 500, 6, 1),
    Ensemble('regressor, 500 trees of depth 6', 500, 6, 100),
    Ensemble('classifier, 4 x 50 trees of depth 6', 200, 6, 1, 4),
    Ensemble('classifier, 4 x 50 trees of depth 6', 200, 6, 100, 4),
]


def build(case, rng):
    """Complete trees in the order that exporters write: a node, its true side, its false side."""
    lists = {key: [] for key in ('treeids', 'nodeids', 'featureids', 'truenodeids', 'falsenodeids', 'values', 'modes')}
    votes = {key: [] for key in ('treeids', 'nodeids', 'ids', 'weights')}

    def grow(tree, node, depth):
        size = 2 ** depth - 1  # nodes below either child, it included
        leaf = depth == 0
        row = (tree, node, 0 if leaf else int(rng.integers(FEATURES)), 0 if leaf else node + 1,
               0 if leaf else node + 1 + size, 0.0 if leaf else float(np.float32(rng.normal())),
               'LEAF' if leaf else 'BRANCH_LEQ')
        for key, value in zip(lists, row):
            lists[key].append(value)
        if leaf:
            weight = float(np.float32(rng.normal() / 10))
            for key, value in zip(votes, (tree, node, tree % max(1, case.classes), weight)):
                votes[key].append(value)
        else:
            grow(tree, node + 1, depth - 1)
            grow(tree, node + 1 + size, depth - 1)

    for tree in range(case.trees):
        grow(tree, 0, case.depth)
    attributes = {'nodes_' + key: value for key, value in lists.items()}
    prefix = 'class_' if case.classes else 'target_'
    attributes.update({prefix + key: value for key, value in votes.items()})
    scores = helper.make_tensor_value_info('scores', TensorProto.FLOAT, [case.batch, max(1, case.classes)])
    outputs = [scores]
    if case.classes:
        attributes.update(classlabels_int64s=list(range(case.classes)), post_transform='SOFTMAX')
        outputs.insert(0, helper.make_tensor_value_info('label', TensorProto.INT64, [case.batch]))
    else:
        attributes.update(n_targets=1)
    node = helper.make_node('TreeEnsembleClassifier' if case.classes else 'TreeEnsembleRegressor', ['x'],
                            [output.name for output in outputs], domain='ai.onnx.ml', **attributes)
    graph = helper.make_graph([node], 'trees',
                              [helper.make_tensor_value_info('x', TensorProto.FLOAT, [case.batch, FEATURES])], outputs)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17),
                                                                 helper.make_opsetid('ai.onnx.ml', 3)])


def session_of(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    return ort.InferenceSession(model, options, providers=['CPUExecutionProvider'])


def time_peer(session, binding, seconds):
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter_ns()
        session.run_with_iobinding(binding)
        times.append(time.perf_counter_ns() - start)
    return {'min_us': min(times) / 1000, 'p50_us': statistics.median(times) / 1000}


def difference(got, want):
    """In parts of the largest number."""
    return np.abs(got.astype(np.float64) - want).max() / max(1e-30, np.abs(want).max())


def call(options, command, model, inputs, *more):
    return subprocess.run([options.holdfast, command, str(model), '--device', 'cpu', '--input', f'x={inputs}', *more],
                          check=True, capture_output=True, text=True).stdout


def measure(case, options):
    rng = np.random.default_rng(options.seed)
    folder = pathlib.Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'trees-{case.trees}-{case.depth}-{case.classes}-{case.batch}.onnx'
    onnx.save(build(case, rng), path)
    x = rng.normal(size=(case.batch, FEATURES)).astype(np.float32)
    session = session_of(str(path))
    with tempfile.TemporaryDirectory() as scratch:
        inputs = pathlib.Path(scratch) / 'x.npy'
        np.save(inputs, x)
        call(options, 'run', path, inputs, '--output', str(pathlib.Path(scratch) / 'out'))
        ours = np.load(pathlib.Path(scratch) / 'out' / 'scores.npy')
        gap = difference(ours, session.run(['scores'], {'x': x})[0])
        binding, mine, peer = session.io_binding(), [], []
        binding.bind_cpu_input('x', x)
        for output in session.get_outputs():
            binding.bind_output(output.name, 'cpu')
        time_peer(session, binding, 0.05)
        for _ in range(options.rounds):
            mine.append(json.loads(call(options, 'bench', path, inputs, '--threads', '1', '--seconds',
                                        str(options.seconds), '--json')))
            peer.append(time_peer(session, binding, options.seconds))
    ratios = sorted(m['min_us'] / p['min_us'] for m, p in zip(mine, peer))
    row = {'name': case.name, 'batch': case.batch, 'ratio': round(statistics.median(ratios), 3),
           'ratio_low': round(ratios[0], 3), 'ratio_high': round(ratios[-1], 3), 'difference': float(f'{gap:.3g}'),
           'agrees': bool(gap <= TOLERANCE)}
    for key in ('min_us', 'p50_us'):
        row['ours_' + key] = round(statistics.median(m[key] for m in mine), 2)
        row['peer_' + key] = round(statistics.median(p[key] for p in peer), 2)
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('holdfast')
    parser.add_argument('folder')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--seconds', type=float, default=0.3)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    rows = [measure(case, options) for case in CASES]
    if options.json:
        print(json.dumps({'seed': options.seed, 'rounds': options.rounds, 'seconds': options.seconds,
                          'load': os.getloadavg()[0], 'onnxruntime': ort.__version__, 'rows': rows}))
    else:
        print(f'onnxruntime {ort.__version__}, seed {options.seed}, {options.rounds} rounds of {options.seconds} s, '
              f'load {os.getloadavg()[0]:.2f} on {os.cpu_count()} CPUs')
        print(f'{"ensemble":38} {"batch":>5} {"ours us":>9} {"ORT us":>9} {"ratio":>6}  low-high       median us    gap')
        for r in rows:
            print(f'{r["name"]:38} {r["batch"]:5} {r["ours_min_us"]:9.2f} {r["peer_min_us"]:9.2f} {r["ratio"]:6.3f}  '
                  f'{r["ratio_low"]:.3f}-{r["ratio_high"]:.3f}  {r["ours_p50_us"]:8.2f}/{r["peer_p50_us"]:<8.2f} '
                  f'{r["difference"]:.1e}{"" if r["agrees"] else " DISAGREES"}')
    sys.exit(0 if all(row['agrees'] for row in rows) else 1)


if __name__ == '__main__':
    main()
