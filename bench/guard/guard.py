"""What a guard detects, and what it costs. Fits one to MNIST's training digits, serves the model with it, and asks about
test digits, attacks on them (FGSM: Goodfellow and others 2015; PGD: Madry and others 2018) and what is no digit.

guard.py HOLDFAST DATA WORK RESULTS [--count N] [--steps N] [--seed S]
"""

import argparse
import gzip
import http.client
import json
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

import numpy as np

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[2] / 'tests')]
import network  # noqa: E402

PARTS = ['range', 'energy', 'mahalanobis', 'squeezing']
CHUNK = 100
KNOWING = 60  # digits that are attacked by who knows the guard


def digits(data, name, count=None):
    """Pixels of 0 to 1 as N x 1 x 28 x 28, and labels."""
    raw = gzip.open(data / f'mnist/{name}-images-idx3-ubyte.gz').read()
    labels = np.frombuffer(gzip.open(data / f'mnist/{name}-labels-idx1-ubyte.gz').read(), np.uint8, offset=8)
    images = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 1, 28, 28)[:count]
    return images.astype(np.float32) / 255, labels[:count].astype(np.int64)


def wilson(hits, of):
    z, share = 1.959963984540054, hits / of
    middle, half = share + z * z / (2 * of), z * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0, (middle - half) / (1 + z * z / of)), min(1, (middle + half) / (1 + z * z / of))


def in_chunks(function, *arrays):
    return np.concatenate([function(*(a[i:i + CHUNK] for a in arrays)) for i in range(0, len(arrays[0]), CHUNK)])


def check_gradient(net, rng):
    """Against differences of the loss; noise, so that no two windows of a pool are equal."""
    x, labels = rng.uniform(0, 0.2, (4, 1, 28, 28)), np.array([0, 3, 5, 9])

    def loss(images):
        logits = net.logits(images)
        logits = logits - logits.max(1, keepdims=True)
        return np.log(np.exp(logits).sum(1)) - logits[np.arange(4), labels]

    gradient = net.gradient(x, labels)
    for row, column in rng.integers(4, 24, (8, 2)):
        step = np.zeros_like(x)
        step[:, 0, row, column] = 1e-6
        slope = (loss(x + step) - loss(x - step)) / 2e-6
        assert np.allclose(slope, gradient[:, 0, row, column], rtol=1e-3, atol=1e-5), 'the gradient is wrong'


def fgsm(net, x, labels, eps):
    return np.clip(x + eps * np.sign(in_chunks(net.gradient, x, labels)), 0, 1).astype(np.float32)


def pgd(net, x, labels, eps, steps, rng):
    start = np.clip(x + rng.uniform(-eps, eps, x.shape), 0, 1).astype(np.float32)

    def attack(at, origin, truth):
        for _ in range(steps):
            at = at + 2.5 * eps / steps * np.sign(net.gradient(at, truth))
            at = np.clip(np.clip(at, origin - eps, origin + eps), 0, 1).astype(np.float32)
        return at

    return in_chunks(attack, start, x, labels)


def squeezed(x):
    """As the guard's own squeezers leave it: one bit, and medians of 2x2 pixels, the upper of the middle two."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (1, 0)), 'edge')
    corners = np.stack([padded[:, :, i:i + 28, j:j + 28] for i in (0, 1) for j in (0, 1)])
    return [np.rint(x), np.sort(corners, axis=0)[2]]


def knowing(net, x, labels, eps, steps):
    """PGD towards the second most likely class, for the digit and for it squeezed, as if squeezing changed no gradient
    (BPDA: Athalye, Carlini and Wagner 2018)."""

    def attack(origin, truth):
        logits = net.logits(origin)
        logits[np.arange(len(truth)), truth] = -np.inf
        wanted, at = logits.argmax(1), origin
        for _ in range(steps):
            gradient = net.gradient(at, wanted) + sum(net.gradient(each, wanted) for each in squeezed(at))
            at = at - 2.5 * eps / steps * np.sign(gradient)
            at = np.clip(np.clip(at, origin - eps, origin + eps), 0, 1).astype(np.float32)
        return at

    return in_chunks(attack, x, labels)


def others(x, rng):
    """Pictures of the digits' size that are none."""
    tiles = x.reshape(-1, 4, 7, 4, 7).transpose(0, 1, 3, 2, 4).reshape(-1, 16, 7, 7)
    mixed = np.stack([each[rng.permutation(16)] for each in tiles])
    return {'uniform noise': rng.uniform(0, 1, x.shape).astype(np.float32),
            'inverted digits': 1 - x,
            'digits turned by 90 degrees': np.ascontiguousarray(np.rot90(x, axes=(2, 3))),
            'digits of shuffled tiles': mixed.reshape(-1, 4, 4, 7, 7).transpose(0, 1, 3, 2, 4).reshape(x.shape)}


class Server:
    def __init__(self, holdfast, models):
        self.process = subprocess.Popen([holdfast, 'serve', *models, '--listen', '127.0.0.1:0'], stdout=subprocess.PIPE, text=True)
        port = int(re.search(r'127\.0\.0\.1:(\d+)', self.process.stdout.readline()).group(1))
        self.connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
        self.head = json.dumps({'inputs': [{'name': 'Input3', 'shape': [1, 1, 28, 28], 'datatype': 'FP32',
                                            'parameters': {'binary_data_size': 3136}}]}).encode()

    def ask(self, model, image):
        """The guard's word, and the class."""
        self.connection.request('POST', f'/v2/models/{model}/infer', self.head + image.astype('<f4').tobytes(),
                                {'Inference-Header-Content-Length': str(len(self.head)), 'Content-Type': 'application/octet-stream'})
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200, body
        return answer.getheader('holdfast-guard', ''), np.array(body['outputs'][0]['data'])

    def stop(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait()


def rate(hits, of):
    least, most = wilson(hits, of)
    return f'{100 * hits / of:5.1f} % ({100 * least:.1f} to {100 * most:.1f})'


def row(server, name, images, keep, table):
    """Asks about those of the images that `keep` says count, by the served model's class."""
    server.connection.close()  # and opened anew: an attack takes longer than the server keeps one that is idle
    said = [server.ask('guarded', image) for image in images]
    classes = np.array([logits.argmax() for _, logits in said])
    words = [word for (word, _), counts in zip(said, keep(classes)) if counts]
    if not words:
        table.append(f'{name:30} {0:6}')
        return
    hits = [sum(word.startswith('suspicious') for word in words)] + [sum(part in word for word in words) for part in PARTS]
    table.append(f'{name:30} {len(words):6}   {rate(hits[0], len(words)):26}' + ''.join(f'{100 * h / len(words):10.1f} %' for h in hits[1:]))


def latency(server, images):
    """Medians in microseconds, with and without the guard, interleaved."""
    times = {'plain': [], 'guarded': []}
    for image in images:
        for model, all_times in times.items():
            start = time.perf_counter()
            server.ask(model, image)
            all_times.append(1e6 * (time.perf_counter() - start))
    return {model: np.median(each) for model, each in times.items()}


def machine():
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(prog='./dev bench guard')
    for name in ('holdfast', 'data', 'work', 'results'):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument('--count', type=int, default=1000, help='test digits that are attacked')
    parser.add_argument('--steps', type=int, default=20, help='of PGD')
    parser.add_argument('--fit', type=int, default=10000, help='training digits that the guard is fitted to')
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    model = options.work / 'guarded.onnx'
    shutil.copy(options.data / 'models/trained/mnist_cnn.onnx', model)
    shutil.copy(model, options.work / 'plain.onnx')
    rng = np.random.default_rng(options.seed)
    net = network.Network(model)
    check_gradient(net, rng)

    train, train_labels = digits(options.data, 'train', options.fit)
    np.save(options.work / 'digits.npy', train)
    np.save(options.work / 'labels.npy', train_labels)
    fit = subprocess.run([options.holdfast, 'guard', 'fit', model, '--inputs', options.work / 'digits.npy', '--labels',
                          options.work / 'labels.npy', '--samples', str(options.fit), '--false-alarms', '2%', '--seed', str(options.seed)],
                         check=True, capture_output=True, text=True).stdout
    x, labels = digits(options.data, 't10k')
    held, held_labels = x[options.count:], labels[options.count:]
    x, labels = x[:options.count], labels[:options.count]

    server = Server(options.holdfast, [model, options.work / 'plain.onnx'])
    try:
        mine = in_chunks(net.logits, x[:CHUNK])
        theirs = np.stack([server.ask('plain', image)[1] for image in x[:CHUNK]])
        assert np.abs(mine - theirs).max() < 1e-2, 'the reference network and Holdfast disagree'
        right = in_chunks(net.logits, x).argmax(1) == labels

        table = []
        row(server, f'test digits ({len(held)})', held, lambda classes: np.full(len(held), True), table)
        for eps in (0.1, 0.2, 0.3):
            for name, images in ((f'FGSM, eps {eps}', fgsm(net, x, labels, eps)),
                                 (f'PGD, {options.steps} steps, eps {eps}', pgd(net, x, labels, eps, options.steps, rng))):
                row(server, name, images, lambda classes: right & (classes != labels), table)
        few, truth, known = x[:KNOWING], labels[:KNOWING], right[:KNOWING]  # of three networks' gradients each
        row(server, f'{2 * options.steps} steps by who knows it, 0.3', knowing(net, few, truth, 0.3, 2 * options.steps),
            lambda classes: known & (classes != truth), table)
        for name, images in others(x, rng).items():
            row(server, name, images, lambda classes: np.full(len(x), True), table)
        medians = latency(server, x[:500])
    finally:
        server.stop()

    text = (f'What the guard of an MNIST network detects: ./dev bench guard --count {options.count} --steps {options.steps} '
            f'--fit {options.fit} --seed {options.seed}\n{machine()}\n\nholdfast guard fit --false-alarms 2% says of '
            f'{options.fit} training digits:\n{fit[:fit.rindex("wrote")]}\n'
            f'Suspected (95 % interval by Wilson), and by which part; of attacks, those of {int(right.sum())} digits that were '
            f'recognised and no longer are.\nAttacks know the network and not the guard, but for one that knows its squeezers as well.\n\n'
            f'{"":30} {"asked":>6}   {"suspected":26}' + ''.join(f'{part:>12}' for part in PARTS) + '\n' + '\n'.join(table) +
            f'\n\nA request over HTTP, median of 500: {medians["plain"]:.0f} us without the guard, {medians["guarded"]:.0f} us with it '
            f'(2 more runs of the model).\n')
    print(text, end='')
    options.results.write_text(text)


main()
