"""What several threads gain on one inference.

usage: threads.py HOLDFAST DATA FOLDER [--json] [--threads N] [--rounds N] [--seconds S] [--only NAME]
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent / 'peers'))
import networks

SEED = 20261124
BUSY = 0.5  # load a CPU above which a table is marked


def once(path, make):
    if not path.exists():
        partial = path.with_name('partial-' + path.name)
        make(partial)
        partial.rename(path)
    return str(path)


def models(data, folder):
    """Name and file; those that are generated are those of `bench peers`."""
    folder.mkdir(parents=True, exist_ok=True)
    topology = data / 'onnx-light/light_resnet50.onnx'
    yield 'resnet50', once(folder / 'resnet50.onnx', lambda path: networks.resnet50(path, SEED, topology))
    for name in ('mobilenet_v2', 'mobilenet_v1', 'minilm_l6'):
        yield name, once(folder / f'{name}.onnx', lambda path: networks.GENERATED[name](path, SEED))
    yield 'mobilenet_v2 int8', str(data / 'trained/mobilenet_v2_1.0_224_ptq.tflite')
    yield 'vww int8', str(data / 'mlperf-tiny/vww_96_int8.tflite')
    yield 'kws', str(data / 'mlperf-tiny/kws_ref_model_float32.tflite')


def call(holdfast, *arguments):
    return subprocess.run([holdfast, *arguments], check=True, capture_output=True, text=True).stdout


def same_bits(options, path):
    outputs = []
    with tempfile.TemporaryDirectory() as folder:
        for threads in ('1', str(options.threads)):
            out = pathlib.Path(folder) / threads
            inputs = [f"{port['name']}=random" for port in
                      json.loads(call(options.holdfast, 'inspect', path, '--json'))['inputs']]
            call(options.holdfast, 'run', path, *(x for i in inputs for x in ('--input', i)), '--device', 'cpu',
                 '--threads', threads, '--output', str(out))
            outputs.append([(f.name, f.read_bytes()) for f in sorted(out.iterdir())])
    return outputs[0] == outputs[1]


def measure(options, path):
    rows = {1: [], options.threads: []}
    for _ in range(options.rounds):
        for threads, row in rows.items():
            out = call(options.holdfast, 'bench', path, '--device', 'cpu', '--threads', str(threads),
                       '--seconds', str(options.seconds), '--json')
            row.append(json.loads(out)['p50_us'])
    ratios = sorted(one / many for one, many in zip(rows[1], rows[options.threads]))
    return {'one_us': statistics.median(rows[1]), 'many_us': statistics.median(rows[options.threads]),
            'speed_up': round(statistics.median(ratios), 3), 'low': round(ratios[0], 3), 'high': round(ratios[-1], 3),
            'same_bits': same_bits(options, path)}


def cpu_seconds(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def idle_percent(options, path):
    """Of one CPU, by a server that has just answered ten requests."""
    server = subprocess.Popen([options.holdfast, 'serve', path, '--listen', '127.0.0.1:0', '--name', 'm', '--device',
                               'cpu', '--threads', str(options.threads)], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split(' on ')[1].split()[0]
        port = json.load(urllib.request.urlopen(url))['inputs'][0]
        shape = [1 if extent < 0 else extent for extent in port['shape']]
        size = {'FP32': 4, 'INT8': 1, 'UINT8': 1, 'INT64': 8}[port['datatype']]
        for extent in shape:
            size *= extent
        head = json.dumps({'inputs': [{'name': port['name'], 'datatype': port['datatype'], 'shape': shape,
                                       'parameters': {'binary_data_size': size}}]}).encode()
        request = urllib.request.Request(url + '/infer', head + bytes(size),
                                         {'Inference-Header-Content-Length': str(len(head))})
        for _ in range(10):
            urllib.request.urlopen(request).read()
        time.sleep(0.1)
        before = cpu_seconds(server.pid)
        time.sleep(options.seconds)
        return 100 * (cpu_seconds(server.pid) - before) / options.seconds
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('holdfast')
    parser.add_argument('data', type=pathlib.Path)
    parser.add_argument('folder', type=pathlib.Path)
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--seconds', type=float, default=1)
    parser.add_argument('--only', default='')
    options = parser.parse_args()
    load = os.getloadavg()[0]
    report = {'threads': options.threads, 'cpus': os.cpu_count(), 'load': load, 'rounds': options.rounds,
              'seconds': options.seconds, 'busy': load > BUSY * os.cpu_count(), 'models': {}, 'how': 'measured'}
    for name, path in models(options.data, options.folder):
        if options.only not in name:
            continue
        print(f'{name} ...', end=' ', file=sys.stderr, flush=True)
        report['models'][name] = measure(options, path)
        if name == 'mobilenet_v2':
            report['idle_cpu_percent'] = round(idle_percent(options, path), 2)
        print(report['models'][name]['speed_up'], file=sys.stderr)
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        busy = ' (BUSY)' if report['busy'] else ''
        print(f"{options.threads} threads on {report['cpus']} CPUs, load {load:.2f}{busy}; {options.rounds} interleaved "
              f'rounds of {options.seconds:g} s, medians of p50 (measured)\n')
        print(f"{'model':20} {'1 thread us':>12} {f'{options.threads} threads us':>14}   speed-up (low-high)   outputs")
        for name, row in report['models'].items():
            print(f"{name:20} {row['one_us']:12.1f} {row['many_us']:14.1f}   {row['speed_up']:5.2f} ({row['low']:.2f}-"
                  f"{row['high']:.2f})      {'the same bits' if row['same_bits'] else 'DIFFER'}")
        if 'idle_cpu_percent' in report:
            print(f"\na server that has answered and waits: {report['idle_cpu_percent']:.2f} % of a CPU")
    return 0 if all(row['same_bits'] for row in report['models'].values()) else 1


if __name__ == '__main__':
    sys.exit(main())
