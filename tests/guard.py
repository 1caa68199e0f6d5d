"""For guard.sh. data DATA FOLDER: digits as .npy files, a picture of one and of noise. check URL FOLDER: what a server at
URL, with the same model under three guards (observe, flag, refuse), says of them."""

import gzip
import json
import pathlib
import re
import struct
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
from PIL import Image

import onnx_file

failures = 0


def expect(truth, what):
    global failures
    if not truth:
        failures += 1
        print('FAILED:', what)


def data(source, folder):
    raw = gzip.open(source / 'mnist/train-images-idx3-ubyte.gz').read(16 + 2200 * 784)
    images = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 1, 1, 28, 28)
    labels = np.frombuffer(gzip.open(source / 'mnist/train-labels-idx1-ubyte.gz').read(8 + 2000), np.uint8, offset=8)
    np.save(folder / 'digits.npy', images[:2000].astype(np.float32) / 255)
    np.save(folder / 'held.npy', images[2000:].astype(np.float32) / 255)
    np.save(folder / 'labels.npy', labels.astype(np.int64))
    noise = np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8)
    np.save(folder / 'noise.npy', noise.astype(np.float32).reshape(1, 1, 28, 28) / 255)
    Image.fromarray(images[2001, 0, 0]).save(folder / 'digit.png')
    Image.fromarray(noise).save(folder / 'noise.png')


def ask(url, body, headers):
    """Status, headers with names in lower case, body."""
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def infer(url, model, image):
    body = json.dumps({'inputs': [{'name': 'Input3', 'shape': [1, 1, 28, 28], 'datatype': 'FP32',
                                   'parameters': {'binary_data_size': 3136}}]}).encode()
    return ask(f'{url}/v2/models/{model}/infer', body + image.astype('<f4').tobytes(),
               {'Inference-Header-Content-Length': str(len(body)), 'Content-Type': 'application/octet-stream'})


def grpc(url, folder, model, image):
    """The headers of a ModelInfer: metadata, or the status where there is only that."""
    tensor = onnx_file.text(1, 'Input3') + onnx_file.text(2, 'FP32') + onnx_file.block(3, bytes([1, 1, 28, 28]))
    message = onnx_file.text(1, model) + onnx_file.block(5, tensor) + onnx_file.block(7, image.astype('<f4').tobytes())
    (folder / 'call').write_bytes(struct.pack('>BI', 0, len(message)) + message)
    head = subprocess.run(
        ['curl', '-s', '-m', '10', '--http2-prior-knowledge', '-D', '-', '-o', folder / 'reply', '-H', 'Content-Type: application/grpc',
         '-H', 'TE: trailers', '--data-binary', f'@{folder}/call', f'{url}/inference.GRPCInferenceService/ModelInfer'],
        capture_output=True, text=True).stdout
    return {k.lower(): v.strip() for k, v in (line.split(':', 1) for line in head.splitlines() if ':' in line)}


def verified(url, folder, key, identifier):
    """The receipt, after holdfast has verified it."""
    (folder / 'receipt').write_bytes(ask(f'{url}/v2/receipts/{identifier}', None, {})[2])
    words = [key[0], 'receipt', 'verify', folder / 'receipt', '--key', key[1], '--json']
    done = subprocess.run(words, capture_output=True, text=True)
    expect(done.returncode == 0, f'a receipt does not verify: {done.stderr}')
    told = subprocess.run(words[:-1], capture_output=True, text=True).stdout
    receipt = json.loads(done.stdout or '{}')
    expect(f'  guard {receipt.get("guard", {}).get("verdict")}\n' in told, f'receipt verify says nothing of the guard: {told}')
    return receipt


def check_inference(url, folder, key):
    held = np.load(folder / 'held.npy')[:, 0]
    noise = np.load(folder / 'noise.npy')
    nan = held[0].copy()
    nan[0, 3, 3] = np.nan
    bright = held[0].copy()
    bright[0, 0, 0] = 1.5
    kinds = {'digit': held[1], 'noise': noise, 'nan': nan, 'bright': bright}
    answers = {}
    for model in ('observe', 'flag', 'refuse'):
        for kind, image in kinds.items():
            answers[model, kind] = infer(url, model, image)
    for model in ('flag', 'refuse'):
        status, headers, body = answers[model, 'digit']
        expect(status == 200 and headers.get('holdfast-guard') == 'pass', f'{model}, a digit: {status} {headers}')
        size = int(headers.get('inference-header-content-length', len(body)))
        expect(json.loads(body[:size])['parameters']['holdfast-guard'] == 'pass', f'{model}: no parameter')
    for kind, reason in (('noise', 'energy'), ('nan', 'not_finite'), ('bright', 'range')):
        status, headers, _ = answers['observe', kind]
        expect(status == 200 and 'holdfast-guard' not in headers, f'observe tells of {kind}: {status} {headers}')
        receipt = verified(url, folder, key, headers['holdfast-receipt'])
        said = receipt['guard']
        expect(said['mode'] == 'observe' and said['verdict'] == 'suspicious' and reason in said['reasons'], f'receipt of {kind}: {said}')
        status, headers, _ = answers['flag', kind]
        expect(status == 200 and re.fullmatch(f'suspicious; .*{reason}.*', headers.get('holdfast-guard', '')), f'flag, {kind}: {headers}')
        status, headers, body = answers['refuse', kind]
        expect(status == 422 and reason in headers.get('holdfast-guard', ''), f'refuse, {kind}: {status} {headers} {body}')
        expect('holdfast-receipt' not in headers and b'guard' in body, f'refuse, {kind}: {headers} {body}')
    expect(b'element 87: nan is not finite' in answers['refuse', 'nan'][2], answers['refuse', 'nan'][2])
    expect(b'element 0: 1.5 is outside' in answers['refuse', 'bright'][2], answers['refuse', 'bright'][2])
    receipt = verified(url, folder, key, answers['flag', 'digit'][1]['holdfast-receipt'])
    expect(receipt['guard']['verdict'] == 'pass' and set(receipt['guard']['scores']) == {'energy', 'mahalanobis', 'squeezing'}, receipt)
    expect(receipt['model']['guard_digest'].startswith('sha256:'), receipt)
    # The same bits as of the model without a guard.
    plain = infer(url, 'plain', kinds['digit'])
    sizes = [int(a[1]['inference-header-content-length']) if 'inference-header-content-length' in a[1] else 0 for a in (plain, answers['flag', 'digit'])]
    outputs = [json.loads(a[2][:size] if size else a[2])['outputs'] for a, size in zip((plain, answers['flag', 'digit']), sizes)]
    expect(outputs[0] == outputs[1] and len(outputs[0]) == 1, f'{outputs}')
    expect('holdfast-guard' not in plain[1], plain[1])


def check_other_doors(url, folder):
    held = np.load(folder / 'held.npy')[:, 0]
    noise = np.load(folder / 'noise.npy')
    head = grpc(url, folder, 'flag', held[1])
    expect(head.get('holdfast-guard') == 'pass', f'gRPC, a digit: {head}')
    expect(b'holdfast-guard' in (folder / 'reply').read_bytes(), 'gRPC: no parameter')
    head = grpc(url, folder, 'flag', noise)
    expect(head.get('holdfast-guard', '').startswith('suspicious; '), f'gRPC, noise: {head}')
    head = grpc(url, folder, 'refuse', noise)
    expect(head.get('grpc-status') == '3' and 'guard' in head.get('grpc-message', ''), f'gRPC, refused: {head}')
    for model, picture, status in (('flag', 'digit', 200), ('flag', 'noise', 200), ('refuse', 'digit', 200), ('refuse', 'noise', 422)):
        got, headers, body = ask(f'{url}/v1/tasks/{model}', (folder / f'{picture}.png').read_bytes(), {'Content-Type': 'image/png'})
        said = headers.get('holdfast-guard', '')
        expect(got == status and said.startswith('pass' if picture == 'digit' else 'suspicious'), f'task {model} {picture}: {got} {said} {body}')


def check_metrics(url):
    text = ask(f'{url}/metrics', None, {})[2].decode()

    def count(model, verdict):
        rows = re.findall(rf'holdfast_guard_verdicts_total{{model="{model}",version="1",verdict="{verdict}",reason="[a-z_]*"}} (\d+)', text)
        return sum(map(int, rows))

    expect((count('observe', 'pass'), count('observe', 'suspicious')) == (1, 3), 'metrics of observe')
    expect((count('flag', 'pass'), count('flag', 'suspicious')) == (3, 5), 'metrics of flag')
    expect((count('refuse', 'pass'), count('refuse', 'refused'), count('refuse', 'suspicious')) == (2, 5, 0), 'metrics of refuse')
    expect('model="plain",version="1",verdict' not in text, 'metrics of a model without a guard')
    expect(re.search(r'holdfast_guard_seconds_total{model="flag",version="1"} [0-9.e-]+', text), 'the time of guards')


if sys.argv[1] == 'data':
    data(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
else:
    where, work = sys.argv[2], pathlib.Path(sys.argv[3])
    check_inference(where, work, sys.argv[4:6])
    check_other_doors(where, work)
    check_metrics(where)
    sys.exit(failures > 0)
