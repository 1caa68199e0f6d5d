"""What serving costs beside inference, and what batches gain.

usage: run.py HOLDFAST MODELS FOLDER RESULTS [--json] [--rounds N] [--requests N] [--only PART]
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import models as made

SERVER_CORE, LOAD_CORE = 0, 1
TICK = os.sysconf('SC_CLK_TCK')
TINY = [0.5, -1.25, 2.0, 0.125]
BUSY = 0.5  # load a core above which a table is marked


class Server:
    """A server on its own core, from its start to its end."""

    def __init__(self, command, ready):
        self.port = free_port()
        command = [part.replace('PORT', str(self.port)) for part in command]
        start = time.monotonic()
        self.process = subprocess.Popen(['taskset', '-c', str(SERVER_CORE), *command], stdout=subprocess.DEVNULL)
        while True:
            try:
                with urllib.request.urlopen(f'http://127.0.0.1:{self.port}{ready}', timeout=5) as answer:
                    if answer.status == 200:
                        break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f'{command[0]} ended with status {self.process.returncode}')
                time.sleep(0.001)
        self.ready_ms = (time.monotonic() - start) * 1e3

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def cpu(self):
        fields = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def input_name(self, model):
        with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/v2/models/{model}') as answer:
            return json.load(answer)['inputs'][0]['name']

    def rss_kib(self):
        status = pathlib.Path(f'/proc/{self.process.pid}/status').read_text()
        return int(re.search(r'VmRSS:\s+(\d+)', status)[1])


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def holdfast(arguments, files, *options):
    return Server([arguments.holdfast, 'serve', *map(str, files), '--listen', '127.0.0.1:PORT', '--workers', '1',
                   *options], '/v2/health/ready')


class Question:
    """What the load asks: a path, and for all but GET a body and headers."""

    def __init__(self, path, body=None, headers=(), second=False):
        self.path, self.body, self.headers, self.second = path, body, headers, second

    def ask(self, server, clients, requests):
        """Requests a second, and each one's time in microseconds, sorted."""
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / 'log'
            command = ['taskset', '-c', str(LOAD_CORE), 'h2load', '-t', '1', '-c', str(clients), '-n', str(requests),
                       f'--log-file={log}']
            if not self.second:
                command.append('--h1')
            if self.body is not None:
                (pathlib.Path(folder) / 'body').write_bytes(self.body)
                command += ['-d', f'{folder}/body']
            for header in self.headers:
                command += ['-H', header]
            command.append(f'http://127.0.0.1:{server.port}{self.path}')
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows = [line.split() for line in log.read_text().splitlines()]
        good = sum(row[1] == '200' for row in rows)
        if good != requests:
            sys.exit(f'{self.path}: {good} of {requests} were answered\n{done.stdout}')
        rate = float(re.search(r'finished in [^,]+, ([\d.]+) req/s', done.stdout)[1])
        return rate, sorted(int(row[2]) for row in rows)


def tensor(name, shape, values):
    return {'name': name, 'datatype': 'FP32', 'shape': shape, 'data': values}


def json_infer(model, shape, values):
    body = json.dumps({'inputs': [tensor('x', shape, values)]}).encode()
    return Question(f'/v2/models/{model}/infer', body, ['Content-Type: application/json'])


def binary_infer(model, shape, values, name='x'):
    raw = struct.pack(f'<{len(values)}f', *values)
    head = json.dumps({'inputs': [{'name': name, 'datatype': 'FP32', 'shape': shape,
                                   'parameters': {'binary_data_size': len(raw)}}],
                       'parameters': {'binary_data_output': True}}).encode()
    return Question(f'/v2/models/{model}/infer', head + raw,
                    ['Content-Type: application/octet-stream', f'Inference-Header-Content-Length: {len(head)}'])


def varint(value):
    out = b''
    while value >= 0x80:
        out, value = out + bytes([value & 0x7f | 0x80]), value >> 7
    return out + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def grpc(method, message):
    return Question(f'/inference.GRPCInferenceService/{method}', b'\0' + struct.pack('>I', len(message)) + message,
                    ['content-type: application/grpc', 'te: trailers'], second=True)


def grpc_infer(model, shape, values):
    raw = struct.pack(f'<{len(values)}f', *values)
    described = field(1, b'x') + field(2, b'FP32') + field(3, b''.join(map(varint, shape)))
    return grpc('ModelInfer', field(1, model.encode()) + field(5, described) + field(7, raw))


QUESTIONS = {
    'null': Question('/v2/health/live'),
    'json': json_infer('tiny', [1, 4], TINY),
    'binary': binary_infer('tiny', [1, 4], TINY),
    'grpc null': grpc('ServerLive', b''),
    'grpc': grpc_infer('tiny', [1, 4], TINY),
}


def cost(arguments, files):
    """Processor time a request, and requests a second, 64 connections."""
    rows = {name: {'cpu_us': [], 'rate': []} for name in QUESTIONS}
    with holdfast(arguments, [files['tiny']]) as server:
        for question in QUESTIONS.values():
            question.ask(server, 64, 2000)
        for _ in range(arguments.rounds):
            for name, question in QUESTIONS.items():
                before = server.cpu()
                rate, _ = question.ask(server, 64, arguments.requests)
                rows[name]['cpu_us'].append((server.cpu() - before) / arguments.requests * 1e6)
                rows[name]['rate'].append(rate)
    return {name: {key: statistics.median(values) for key, values in row.items()} for name, row in rows.items()}


def one(arguments, files):
    """Latency at one connection."""
    rows = {name: [] for name in QUESTIONS}
    with holdfast(arguments, [files['tiny']]) as server:
        for _ in range(arguments.rounds):
            for name, question in QUESTIONS.items():
                _, times = question.ask(server, 1, 4000)
                rows[name].append((times[len(times) // 2], times[len(times) * 99 // 100]))
    return {name: {'p50_us': statistics.median(a for a, _ in row), 'p99_us': statistics.median(b for _, b in row)}
            for name, row in rows.items()}


def size(arguments, files):
    """Memory at rest, what each loaded model adds, and the time from start to ready."""
    with tempfile.TemporaryDirectory() as folder:
        many = []
        for i in range(100):
            many.append(pathlib.Path(folder) / f'tiny{i}.onnx')
            shutil.copy(files['tiny'], many[-1])
        ready = []
        for _ in range(9):
            with holdfast(arguments, [files['tiny']]) as server:
                ready.append(server.ready_ms)
                base = server.rss_kib()
        with holdfast(arguments, [files['tiny'], *many]) as server:
            all_of_them = server.rss_kib()
    return {'rss_mib': base / 1024, 'model_kib': (all_of_them - base) / 100, 'ready_ms': statistics.median(ready)}


def receipts(arguments, files):
    """Processor time that a receipt adds to a request."""
    with tempfile.TemporaryDirectory() as folder, holdfast(arguments, [files['tiny']]) as plain, \
            holdfast(arguments, [files['tiny']], '--receipts', f'{folder}/log') as receipted:
        added = []
        for server in (plain, receipted):
            QUESTIONS['json'].ask(server, 64, 2000)
        for _ in range(arguments.rounds):
            spent = []
            for server in (plain, receipted):
                before = server.cpu()
                QUESTIONS['json'].ask(server, 64, arguments.requests)
                spent.append((server.cpu() - before) / arguments.requests * 1e6)
            added.append(spent[1] - spent[0])
    return {'added_us': statistics.median(added)}


def batching(arguments, files):
    """64 connections, requests together and one by one."""
    rows = {}
    for name, shape, requests in (('kws', [1, 1, 49, 10], 6000), ('resnet50', [1, 3, 224, 224], 256),
                                  ('dense', [1, 784], 2000)):
        count = 1
        for extent in shape:
            count *= extent
        found = {'together': [], 'apart': []}
        with holdfast(arguments, [files[name]]) as together, \
                holdfast(arguments, [files[name]], '--batch-ms', '0') as apart:
            question = binary_infer(name, shape, [0.25] * count, together.input_name(name))
            for _ in range(3):
                for key, server in (('together', together), ('apart', apart)):
                    rate, times = question.ask(server, 64, requests)
                    found[key].append((rate, times[len(times) * 99 // 100]))
        rate = {key: statistics.median(r for r, _ in rounds) for key, rounds in found.items()}
        p99 = {key: statistics.median(p for _, p in rounds) for key, rounds in found.items()}
        rows[name] = {'rate_together': rate['together'], 'rate_apart': rate['apart'],
                      'gain': rate['together'] / rate['apart'], 'p99_ratio': p99['together'] / p99['apart']}
    return rows


def peer(arguments, files):
    """Beside FastAPI around ONNX Runtime."""
    ours, theirs = [], []
    with holdfast(arguments, [files['tiny']]) as server, \
            Server([sys.executable, str(pathlib.Path(__file__).parent / 'peer.py'), str(files['tiny']), 'PORT'],
                   '/v2/health/ready') as other:
        for _ in range(arguments.rounds):
            ours.append(QUESTIONS['json'].ask(server, 64, arguments.requests)[0])
            theirs.append(QUESTIONS['json'].ask(other, 64, max(arguments.requests // 10, 1000))[0])
    return {'rate': statistics.median(ours), 'peer_rate': statistics.median(theirs),
            'ratio': statistics.median(a / b for a, b in zip(ours, theirs))}


PARTS = {'cost': cost, 'one': one, 'size': size, 'receipts': receipts, 'batching': batching, 'peer': peer}


def table(result):
    lines = [result['machine'], '']
    add = lines.append
    if rows := result.get('cost'):
        add('64 connections          CPU us/request   over null   requests/s')
        for name, row in rows.items():
            null = rows['grpc null' if name.startswith('grpc') else 'null']['cpu_us']
            add(f"{name:<22}{row['cpu_us']:>16.1f}{row['cpu_us'] - null:>12.1f}{row['rate']:>13.0f}")
        add('')
    if rows := result.get('one'):
        add('1 connection                   p50 us      p99 us')
        for name, row in rows.items():
            add(f"{name:<25}{row['p50_us']:>12.0f}{row['p99_us']:>12.0f}")
        add('')
    if row := result.get('size'):
        add(f"memory with one tiny model {row['rss_mib']:.1f} MiB; each further one {row['model_kib']:.0f} KiB; "
            f"start to ready {row['ready_ms']:.0f} ms")
    if row := result.get('receipts'):
        add(f"a receipt adds {row['added_us']:.1f} us of CPU to a request")
    for name, row in result.get('batching', {}).items():
        add(f"{name}: {row['rate_together']:.0f} requests/s together, {row['rate_apart']:.0f} apart: "
            f"{row['gain']:.2f}x; p99 {row['p99_ratio']:.2f}x")
    if row := result.get('peer'):
        add(f"FastAPI with ONNX Runtime: {row['peer_rate']:.0f} requests/s, ours {row['rate']:.0f}: {row['ratio']:.1f}x")
    return '\n'.join(lines) + '\n'


def describe_machine(arguments):
    cpu = re.search(r'model name\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text())[1]
    load = os.getloadavg()[0] / os.cpu_count()
    busy = '; BUSY, read with care' if load > BUSY else ''
    return (f'{cpu}, {os.cpu_count()} cores, Linux {platform.release().split("-")[0]}, load {load:.2f} a core{busy}; '
            f'{time.strftime("%Y-%m-%d")}; medians of {arguments.rounds} rounds of {arguments.requests} requests; measured')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('holdfast')
    for name in ('models', 'folder', 'results'):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--requests', type=int, default=20000)
    parser.add_argument('--only', choices=PARTS)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    files = {name: arguments.folder / f'{name}.onnx' for name in ('tiny', 'kws', 'resnet50', 'dense')}
    made.tiny(files['tiny'])
    made.kws(files['kws'])
    topology = arguments.models / 'onnx-light/light_resnet50.onnx'
    parts = [arguments.only] if arguments.only else list(PARTS)
    if 'batching' in parts:
        made.dense(files['dense'])
        made.resnet50(files['resnet50'], topology)
    result = {'machine': describe_machine(arguments)}
    for part in parts:
        print(f'{part} ...', file=sys.stderr)
        result[part] = PARTS[part](arguments, files)
    text = table(result)
    if not arguments.only:
        (arguments.results / 'serve.txt').write_text(text)
    print(json.dumps(result, indent=1) if arguments.json else text, end='')


main()
