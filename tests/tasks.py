"""For tasks.sh. declare MODELS FOLDER: models with declarations, and pictures, in FOLDER. check URL FOLDER DATA: what the
server at URL answers of them, held against tensors that Pillow and NumPy made, and tables that Python read."""

import base64
import gzip
import io
import json
import pathlib
import shutil
import sys
import urllib.error
import urllib.request

import numpy as np
from PIL import Image, ImageOps

import onnx_file
import tasks_audio

# name -> (file of shared/data/models, declaration)
MODELS = {
    'mnist.onnx': ('trained/mnist_cnn.onnx', {'kind': 'image-classification', 'scores': 'softmax', 'top_k': 1,
                                              'labels': list('0123456789')}),
    'vww.tflite': ('mlperf-tiny/vww_96_float.tflite', {
        'kind': 'image-classification', 'image': {'scale': 1 / 255}, 'labels': ['nobody', 'person']}),
    'vww8.tflite': ('mlperf-tiny/vww_96_int8.tflite', {
        'kind': 'image-classification', 'labels': ['nobody', 'person'],
        'image': {'scale': 1 / 255, 'quantization': {'scale': 1 / 255, 'zero_point': -128}},
        'output_quantization': {'scale': 1 / 256, 'zero_point': -128}}),
    'resnet.tflite': ('mlperf-tiny/pretrainedResnet.tflite', {
        'kind': 'image-classification', 'image': {'fit': 'crop', 'short_side': 36}, 'top_k': 10}),
    'iris.onnx': ('trained/logreg_iris.onnx', {
        'kind': 'rows', 'columns': ['length', {'name': 'width', 'missing': 0.5}]}),
}
MODELS['face.onnx'] = ('trained/face_rfb_320.onnx', {
    'kind': 'object-detection', 'image': {'fit': 'pad', 'pad': 127, 'scale': 1 / 128, 'mean': [127 / 128]}, 'output': 'scores', 'background': 0,
    'labels': ['background', 'face'], 'boxes': {'output': 'boxes', 'format': 'xyxy'}, 'threshold': 0.02, 'overlap_max': 0.3, 'top_k': 5})
BERT = {'text': {'mask': 'input_mask', 'max_tokens': 12}}
TEXTS = {  # bert_toy_optimized.onnx has 99 tokens
    'next': {**BERT, 'kind': 'text-classification', 'output': 'seq_relationship_score', 'scores': 'softmax', 'labels': ['is next', 'is not']},
    'vectors': {**BERT, 'kind': 'text-embedding', 'output': 'prediction_scores'}}
TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'the', 'pump', "'", 's', 'bear', '##ing', 'is', 'worn', ',', 'cafe', '##s']
SENTENCES = {"The pump's  bearing IS worn": [2, 4, 5, 6, 7, 8, 9, 10, 11, 3], 'Caf\u00e9s, unheard': [2, 13, 14, 12, 1, 3],
             'pump ' * 20: [2] + [5] * 10 + [3]}
# As files of SentencePiece models are: a word begins with a visible blank, and of all ways to split it the likeliest is taken.
PIECES = {
    'version': '1.0', 'added_tokens': [], 'normalizer': {'type': 'Sequence', 'normalizers': [
        {'type': 'NFKC'}, {'type': 'Replace', 'pattern': {'Regex': ' {2,}'}, 'content': ' '}]},
    'pre_tokenizer': {'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': 'always'},
    'post_processor': {'type': 'TemplateProcessing', 'single': [{'Sequence': {'id': 'A', 'type_id': 0}}, {'SpecialToken': {'id': '</s>', 'type_id': 0}}],
                       'special_tokens': {'</s>': {'ids': [3]}}},
    'model': {'type': 'Unigram', 'unk_id': 0, 'byte_fallback': False, 'vocab': [
        ['<unk>', 0], ['\u2581', -3], ['\u2581pump', -4], ['</s>', 0], ['s', -3], ['\u2581p', -5], ['ump', -1], ['\u2581bear', -4], ['ing', -3], ['\u2581bearing', -8]]}}
PIECED = {'pump  bearings': [2, 7, 8, 4, 3], '\uff50ump!': [2, 0, 3], 'sings': [1, 4, 8, 4, 3]}
ALL = 16 * 20 * 3  # pixels of the model that answers what it is given


def same(name, folder, image):
    """A model that answers its input, so that its scores are the pixels that it got."""
    nodes = [onnx_file.node('Identity', ['x'], ['y'])]
    ports = [onnx_file.port(each, onnx_file.FLOAT, 1, 3, 16, 20) for each in 'xy']
    (folder / f'{name}.onnx').write_bytes(onnx_file.model(nodes, [], ports[:1], ports[1:]))
    declaration = {'kind': 'image-classification', 'top_k': 1000, 'image': image}
    (folder / f'{name}.onnx.task.json').write_text(json.dumps(declaration))


def declare(models, folder):
    for name, (source, declaration) in MODELS.items():
        shutil.copy(models / source, folder / name)
        (folder / name).chmod(0o644)
        (folder / f'{name}.task.json').write_text(json.dumps(declaration))
    tasks_audio.declare(models, folder)
    for name in 'stretch', 'crop', 'pad':
        same(name, folder, {'fit': name} if name != 'pad' else {'fit': 'pad', 'pad': 114, 'color': 'bgr'})
    tokenizer = {
        'version': '1.0', 'added_tokens': [], 'normalizer': {'type': 'BertNormalizer', 'lowercase': True},
        'pre_tokenizer': {'type': 'BertPreTokenizer'},
        'post_processor': {'type': 'BertProcessing', 'cls': ['[CLS]', 2], 'sep': ['[SEP]', 3]},
        'model': {'type': 'WordPiece', 'unk_token': '[UNK]', 'vocab': {token: i for i, token in enumerate(TOKENS)}}}
    for name, declaration in TEXTS.items():
        shutil.copy(models / 'trained/bert_toy_optimized.onnx', folder / f'{name}.onnx')
        (folder / f'{name}.onnx.task.json').write_text(json.dumps(declaration))
        (folder / f'{name}.onnx.tokenizer.json').write_text(json.dumps(tokenizer))
    shutil.copy(models / 'trained/bert_toy_optimized.onnx', folder / 'pieces.onnx')
    (folder / 'pieces.onnx.task.json').write_text(json.dumps(TEXTS['vectors']))
    (folder / 'pieces.onnx.tokenizer.json').write_text(json.dumps(PIECES))
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:150, 0:211]
    smooth = np.stack([rows * 1.6, columns * 1.1, (rows + columns) * 0.7], -1)
    pixels = np.clip(smooth + random.normal(0, 20, smooth.shape), 0, 255).astype(np.uint8)
    photo = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(folder / 'photo.jpg', quality=90, exif=exif)
    photo.save(folder / 'photo.png')
    photo.convert('RGBA').save(folder / 'alpha.png')
    photo.convert('CMYK').save(folder / 'cmyk.jpg')
    Image.new('L', (28, 28), 9).save(folder / 'digit.png')


def ask(url, body=None, media_type='application/octet-stream'):
    request = urllib.request.Request(url, body, {'Content-Type': media_type} if body is not None else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Checks:
    def __init__(self, url, folder):
        self.url, self.folder, self.failures = url, folder, 0

    def expect(self, good, *what):
        if not good:
            print('FAILED:', *what)
            self.failures += 1

    def task(self, model, body, media_type='application/octet-stream'):
        return ask(f'{self.url}/v1/tasks/{model}', body, media_type)

    def shape_of(self, model):
        _, about = ask(f'{self.url}/v2/models/{model}')
        return about['inputs'][0]['shape']

    def infer(self, model, *tensors):
        """The outputs of an inference by the protocol, by name; tensors in the order of the model's inputs."""
        _, about = ask(f'{self.url}/v2/models/{model}')
        body = {'inputs': [{'name': given['name'], 'shape': list(tensor.shape), 'datatype': given['datatype'],
                            'data': tensor.flatten().tolist()} for given, tensor in zip(about['inputs'], tensors)]}
        _, answer = ask(f'{self.url}/v2/models/{model}/infer', json.dumps(body).encode())
        return {each['name']: np.array(each['data']) for each in answer['outputs']}


def opened(path):
    return ImageOps.exif_transpose(Image.open(path)).convert('RGB')


def pixels_of(answer):
    out = np.full(ALL, np.nan)
    for each in answer['labels']:
        out[each['index']] = each['score']
    return out.reshape(3, 16, 20)


def check_pixels(checks):
    """That models get the pixels that Pillow makes, within the one level of its rounding twice."""
    worst = 0
    for name in 'photo.jpg', 'photo.png', 'alpha.png':
        image = opened(checks.folder / name)
        body = (checks.folder / name).read_bytes()
        grown = (int(20 * image.width / min(image.size)), int(20 * image.height / min(image.size)))
        wide = image.resize(grown, Image.Resampling.BILINEAR)
        left, top = round((wide.width - 20) / 2), round((wide.height - 16) / 2)
        scale = min(20 / image.width, 16 / image.height)
        inner = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
        area = Image.new('RGB', (20, 16), (114, 114, 114))
        area.paste(inner, ((20 - inner.width) // 2, (16 - inner.height) // 2))
        wanted = {'stretch': image.resize((20, 16), Image.Resampling.BILINEAR),
                  'crop': wide.crop((left, top, left + 20, top + 16)), 'pad': area}
        for model, want in wanted.items():
            status, answer = checks.task(model, body)
            checks.expect(status == 200, model, name, answer)
            planes = np.asarray(want, np.float64).transpose(2, 0, 1)
            planes = planes[::-1] if model == 'pad' else planes
            off = np.abs(pixels_of(answer) - planes).max() if status == 200 else 999
            worst = max(worst, off)
            checks.expect(off <= 1, model, name, 'is off by', off, 'levels')
    print(f'pixels: within {worst:.0f} of Pillow, three files, three ways to fit')


def check_networks(checks):
    body = (checks.folder / 'photo.jpg').read_bytes()
    image = opened(checks.folder / 'photo.jpg')
    small = np.asarray(image.resize((96, 96), Image.Resampling.BILINEAR), np.float32)[None]
    wanted = {'vww': small / 255, 'vww8': np.round(small - 128).astype(np.int8)}
    grown = image.resize((int(36 * image.width / min(image.size)), int(36 * image.height / min(image.size))),
                         Image.Resampling.BILINEAR)
    left, top = round((grown.width - 32) / 2), round((grown.height - 32) / 2)
    wanted['resnet'] = np.asarray(grown.crop((left, top, left + 32, top + 32)), np.float32)[None]
    for model, tensor in wanted.items():
        (scores,) = checks.infer(model, tensor).values()
        scores = (scores + 128) / 256 if model == 'vww8' else scores
        status, answer = checks.task(model, body)
        checks.expect(status == 200, model, answer)
        got = {each['index']: each['score'] for each in answer['labels']}
        off = max(abs(score - scores[i]) for i, score in got.items())
        checks.expect(len(got) == len(scores) and off < 0.02, model, 'is off by', off, answer, scores)
        print(f'{model}: {answer["labels"][0]}, scores within {off:.4f} of the tensors of Pillow and NumPy')


def digits(data, count):
    with gzip.open(data / 'mnist/t10k-images-idx3-ubyte.gz') as file:
        images = np.frombuffer(file.read(16 + 784 * count), np.uint8, offset=16).reshape(count, 28, 28)
    with gzip.open(data / 'mnist/t10k-labels-idx1-ubyte.gz') as file:
        return images, file.read(8 + count)[8:]


def check_digits(checks, data, count=300):
    images, labels = digits(data, count)
    right = 0
    for image, label in zip(images, labels):
        file = io.BytesIO()
        Image.fromarray(image).save(file, 'PNG')
        status, answer = checks.task('mnist', file.getvalue(), 'image/png')
        checks.expect(status == 200, 'mnist', answer)
        right += answer['labels'][0]['label'] == str(label)
    checks.expect(right >= 0.97 * count, 'mnist:', right, 'of', count)
    print(f'mnist: {right} of {count} PNG files are told right')


def check_rows(checks):
    table = [[5.1, 3.5], [1.4, 0.5], [5.9, 3.0]]
    outputs = checks.infer('iris', np.array(table, np.float32))
    csv = 'width,length\r\n' + ''.join(f'{"" if width == 0.5 else width},"{length}"\r\n' for length, width in table)
    for media_type, body in (('text/csv', csv), ('application/json', json.dumps({'rows': table})),
                             ('application/json', json.dumps([{'length': length, 'width': width} for length, width in table]))):
        status, answer = checks.task('iris', body.encode(), media_type)
        checks.expect(status == 200 and len(answer['outputs']) == 3, 'iris', answer)
        for name, values in outputs.items():
            got = np.array([row[name] for row in answer['outputs']]).flatten()
            checks.expect(np.allclose(got, values), 'iris', name, got, values)
    print('iris: rows in CSV and JSON as tensors:', answer['outputs'][1])


def overlap(a, b):
    left, top, right, bottom = *np.maximum(a[:2], b[:2]), *np.minimum(a[2:], b[2:])
    both = max(0, right - left) * max(0, bottom - top)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def check_boxes(checks):
    """The boxes that NumPy finds, on a picture that is as high as the input, so that nobody resizes, and less wide."""
    image = opened(checks.folder / 'photo.jpg').resize((180, 240))
    file = io.BytesIO()
    image.save(file, 'PNG')
    area = Image.new('RGB', (320, 240), (127, 127, 127))
    left, top = 70, 0
    area.paste(image, (left, top))
    tensor = ((np.asarray(area, np.float32) - 127) / 128).transpose(2, 0, 1)[None]
    outputs = checks.infer('face', tensor)
    scores = outputs['scores'].reshape(-1, 2)[:, 1]
    boxes = outputs['boxes'].reshape(-1, 4) * [320, 240, 320, 240] - [left, top, left, top]
    boxes = np.clip(boxes, 0, [image.width, image.height] * 2)
    kept = []
    for i in np.argsort(-scores, kind='stable'):
        if scores[i] < 0.02 or len(kept) == 5:
            break
        if (boxes[i, 2:] > boxes[i, :2]).all() and all(overlap(boxes[i], boxes[k]) <= 0.3 for k in kept):
            kept.append(i)
    status, answer = checks.task('face', file.getvalue())
    checks.expect(status == 200 and answer['image'] == {'width': image.width, 'height': image.height}, answer)
    checks.expect(len(answer['objects']) == len(kept) > 0, 'face', answer, scores[kept])
    for each, i in zip(answer['objects'], kept):
        box = each['box']
        corners = np.array([box['x'], box['y'], box['x'] + box['width'], box['y'] + box['height']])
        checks.expect(each['label'] == 'face' and overlap(corners, boxes[i]) > 0.999 and abs(each['score'] - scores[i]) < 1e-5,
                      'face', each, boxes[i], scores[i])
    print(f'face: {len(kept)} boxes, the first {answer["objects"][:1]}')


def check_texts(checks):
    texts, tokens = list(SENTENCES), list(SENTENCES.values())
    width = max(map(len, tokens))
    ids = np.array([row + [0] * (width - len(row)) for row in tokens])
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in tokens])
    outputs = checks.infer('next', ids, np.zeros_like(ids), mask)
    scores = outputs['seq_relationship_score'].reshape(len(texts), 2)
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    vectors = outputs['prediction_scores'].reshape(len(texts), width, 99)
    means = np.array([row[:len(own)].mean(0) for row, own in zip(vectors, tokens)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)

    body = json.dumps({'input': texts}).encode()
    status, answer = checks.task('next', body, 'application/json')
    checks.expect(status == 200, 'next', answer)
    for row, want in zip(answer['outputs'], shares):
        got = {each['index']: each['score'] for each in row['labels']}
        checks.expect(np.allclose([got[0], got[1]], want, atol=1e-6), 'next', got, want)
    status, answer = checks.task('next', texts[0].encode(), 'text/plain')
    checks.expect(status == 200 and len(answer['labels']) == 2, 'next', answer)
    status, answer = checks.task('vectors', body, 'application/json')
    checks.expect(status == 200 and np.allclose(answer['embeddings'], means, atol=1e-5), 'vectors', answer)

    for text, row in PIECED.items():
        ids = np.array([row])
        outputs = checks.infer('pieces', ids, np.zeros_like(ids), np.ones_like(ids))
        want = outputs['prediction_scores'].reshape(len(row), 99).mean(0)
        status, answer = checks.task('pieces', text.encode(), 'text/plain')
        checks.expect(status == 200 and np.allclose(answer['embeddings'][0], want / np.linalg.norm(want), atol=1e-5), 'pieces', text, answer)

    url = f'{checks.url}/v1/embeddings'
    asked = {'model': 'vectors', 'input': texts}
    status, answer = ask(url, json.dumps(asked).encode())
    checks.expect(status == 200 and np.allclose([each['embedding'] for each in answer['data']], means, atol=1e-5), answer)
    checks.expect(answer['usage'] == {'prompt_tokens': int(mask.sum()), 'total_tokens': int(mask.sum())}, answer['usage'])
    status, answer = ask(url, json.dumps({**asked, 'input': texts[1], 'encoding_format': 'base64'}).encode())
    packed = np.frombuffer(base64.b64decode(answer['data'][0]['embedding']), '<f4')
    checks.expect(np.allclose(packed, means[1], atol=1e-4), 'base64', packed)
    for status, text, change in ((400, '/dimensions: there is no such field', {'dimensions': 3}), (404, 'not served here', {'model': 'x'}),
                                 (400, '/input', {'input': [[1, 2]]}), (400, 'text-classification', {'model': 'next'})):
        got, answer = ask(url, json.dumps({**asked, **change}).encode())
        checks.expect(got == status and text in answer['error']['message'], got, answer, 'want', status, text)
    print(f'texts: labels and vectors as of tokens by hand: {means[0][:3]}')


def check_refusals(checks):
    jpeg = (checks.folder / 'photo.jpg').read_bytes()
    for status, text, model, body in (
            (400, 'neither a JPEG nor a PNG', 'vww', b'GIF89a'),
            (400, 'neither a JPEG nor a PNG', 'vww', b''),
            (400, 'JPEG file is damaged', 'vww', jpeg[:1000]),
            (501, 'CMYK', 'vww', (checks.folder / 'cmyk.jpg').read_bytes()),
            (400, "line 1: column 'length': 'x'", 'iris', b'x,1'),
            (400, "column 'length': the cell is missing", 'iris', b'length,width\n,1'),
            (404, 'not served here', 'other', jpeg)):
        got, answer = checks.task(model, body)
        checks.expect(got == status and text in answer['error'], model, got, answer, 'want', status, text)
    status, answer = ask(f'{checks.url}/v1/tasks/iris')
    checks.expect(status == 200 and [each['name'] for each in answer['input']['columns']] == ['length', 'width'], answer)


def check(url, folder, data):
    checks = Checks(url, folder)
    check_pixels(checks)
    check_networks(checks)
    check_digits(checks, data)
    check_rows(checks)
    check_texts(checks)
    check_boxes(checks)
    tasks_audio.check(checks)
    check_refusals(checks)
    return 1 if checks.failures else 0


if __name__ == '__main__':
    sys.dont_write_bytecode = True
    if sys.argv[1] == 'declare':
        declare(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    else:
        sys.exit(check(sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])))
