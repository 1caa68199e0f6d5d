"""Sounds, for tasks.py: declarations of models that hear, WAV files, and their features by NumPy."""

import io
import json
import os
import pathlib
import shutil
import struct
import wave

import numpy as np

import onnx_file

RATE = 16000
WORDS = ['down', 'go', 'left', 'no', 'off', 'on', 'right', 'stop', 'up', 'yes', 'silence', 'unknown']
# As tf.signal makes them, with the numbers of MLPerf Tiny's keyword spotting.
MFCC = {'kind': 'mfcc', 'window_length': 480, 'hop': 320, 'align': 'start', 'power': 1, 'bands': 40, 'low_hz': 20, 'high_hz': 4000,
        'mel_scale': 'htk', 'triangles': 'mels', 'log': 'e', 'log_offset': 1e-6, 'log_floor': 0, 'coefficients': 10, 'dct': 'htk'}
KWS = {'kind': 'audio-classification', 'labels': WORDS,
       'audio': {'rate': RATE, 'samples': RATE, 'level': 'maximum', 'features': MFCC}}
KWS8 = {**KWS, 'audio': {**KWS['audio'], 'quantization': {'scale': 0.5847029089927673, 'zero_point': 83}},
        'output_quantization': {'scale': 1 / 256, 'zero_point': -128}}
# As librosa makes them, decibels below the loudest.
BANDS = {'kind': 'mel', 'window_length': 400, 'hop': 160, 'fft_length': 512, 'padding': 'reflect', 'bands': 20, 'mel_scale': 'slaney',
         'mel_norm': 'slaney', 'log': 'db', 'log_range': 80, 'log_reference': 'loudest'}


def files_of(folder, name, file, declaration):
    (folder / name).write_bytes(file)
    (folder / f'{name}.task.json').write_text(json.dumps(declaration))


def same(*extents):
    """A model that answers its input."""
    ports = [onnx_file.port(each, onnx_file.FLOAT, *extents) for each in 'xy']
    return onnx_file.model([onnx_file.node('Identity', ['x'], ['y'])], [], ports[:1], ports[1:])


def pitch_model(rows=1):
    """Of a waveform, the power of what neighbours have in common, and of what they do not: a low and a high pitch."""
    filters = np.array([[[0.5, 0.5]], [[0.5, -0.5]]], np.float32)
    nodes = [onnx_file.node('Conv', ['x', 'w'], ['c']), onnx_file.node('Mul', ['c', 'c'], ['p']),
             onnx_file.node('GlobalAveragePool', ['p'], ['m']), onnx_file.node('Flatten', ['m'], ['y'])]
    return onnx_file.model(nodes, [onnx_file.weights('w', onnx_file.FLOAT, [2, 1, 2], filters.tobytes())],
                           [onnx_file.port('x', onnx_file.FLOAT, rows, 1, 8000)], [onnx_file.port('y', onnx_file.FLOAT, rows, 2)])


def declare(models, folder):
    for name, file, declaration in (('kws.tflite', 'kws_ref_model_float32', KWS), ('kws8.tflite', 'kws_ref_model', KWS8)):
        shutil.copy(models / f'mlperf-tiny/{file}.tflite', folder / name)
        (folder / name).chmod(0o644)
        (folder / f'{name}.task.json').write_text(json.dumps(declaration))
    files_of(folder, 'mfcc.onnx', same(1, 49, 10), {'kind': 'audio-classification', 'top_k': 1000, 'audio': KWS['audio']})
    files_of(folder, 'bands.onnx', same(1, 20, 'frames'), {
        'kind': 'audio-classification', 'top_k': 1000, 'audio': {'rate': RATE, 'layout': 'bands-first', 'features': BANDS, 'mean': [-40], 'std': [4]}})
    files_of(folder, 'samples.onnx', same(1, 'samples'), {'kind': 'audio-classification', 'top_k': 1000, 'audio': {'rate': 8000}})
    files_of(folder, 'pitch.onnx', pitch_model(), {'kind': 'audio-classification', 'labels': ['low', 'high'],
                                                   'audio': {'rate': 8000, 'level': 'peak', 'keep': 'middle'}})
    files_of(folder, 'pitches.onnx', pitch_model('n'), {'kind': 'audio-classification', 'labels': ['low', 'high'], 'top_k': 1,
                                                        'audio': {'rate': 8000, 'step': 4000}})


def wav(samples, rate=RATE, width=2, channels=1):
    """Samples from -1 to 1 as PCM."""
    file = io.BytesIO()
    with wave.open(file, 'wb') as out:
        out.setparams((channels, width, rate, 0, 'NONE', ''))
        whole = np.clip(np.round(np.asarray(samples) * 2 ** (8 * width - 1)), -2 ** (8 * width - 1), 2 ** (8 * width - 1) - 1).astype(np.int64)
        whole = whole + 128 if width == 1 else whole
        out.writeframes(whole.astype('<i8').view(np.uint8).reshape(-1, 8)[:, :width].tobytes())
    return file.getvalue()


def sweep(seconds=1.0, rate=RATE):
    """What rises from 100 Hz to 3.5 kHz, with noise, and swells."""
    t = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(3).normal(0, 0.02, t.size)
    return np.clip((0.1 + 0.5 * t / seconds) * np.sin(2 * np.pi * (100 * t + 1700 * t * t / seconds)) + noise, -1, 1)


def mfcc_of(samples):
    """tf.signal.stft, linear_to_mel_weight_matrix, mfccs_from_log_mel_spectrograms."""
    samples = samples / samples.max()
    samples = np.pad(samples, (0, RATE - samples.size))
    frames = np.stack([samples[i * 320:i * 320 + 480] for i in range(49)])
    spectrum = np.abs(np.fft.rfft(frames * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(480) / 480)), 512))

    def to_mel(hertz):
        return 1127 * np.log(1 + hertz / 700)

    bins = to_mel(np.linspace(0, RATE / 2, 257)[1:, None])
    edges = np.linspace(to_mel(20), to_mel(4000), 42)
    filters = np.maximum(0, np.minimum((bins - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - bins) / (edges[2:] - edges[1:-1])))
    logs = np.log(spectrum[:, 1:] @ filters + 1e-6)
    cosines = np.cos(np.pi / 40 * np.outer(np.arange(40) + 0.5, np.arange(10)))
    return logs @ cosines * np.sqrt(2 / 40)


def bands_of(samples):
    """librosa.feature.melspectrogram with its own defaults but pad_mode, and power_to_db(ref=max)."""
    padded = np.pad(samples, 256, mode='reflect')
    window = np.zeros(512)
    window[56:456] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([padded[i:i + 512] for i in range(0, padded.size - 511, 160)])
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    knee, step = 15, np.log(6.4) / 27
    mels = np.linspace(0, knee + np.log(8) / step, 22)
    edges = np.where(mels < knee, mels * 200 / 3, 1000 * np.exp(step * (mels - knee)))
    bins = np.linspace(0, RATE / 2, 257)[:, None]
    filters = np.maximum(0, np.minimum((bins - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - bins) / (edges[2:] - edges[1:-1])))
    levels = 10 * np.log10(np.maximum(1e-10, power @ (filters * 2 / (edges[2:] - edges[:-2]))))
    return np.maximum(levels - levels.max(), -80).T


def values_of(answer):
    out = np.full(len(answer['labels']), np.nan)
    for each in answer['labels']:
        out[each['index']] = each['score']
    return out


def check_features(checks):
    kept = np.round(sweep() * 32768) / 32768
    for name, want, samples in (('mfcc', mfcc_of(kept), kept), ('mfcc', mfcc_of(kept[:9000]), kept[:9000]),
                                ('bands', (bands_of(kept[:7000]) + 40) / 4, kept[:7000])):
        for width in 2, 3, 4:
            status, answer = checks.task(name, wav(samples, width=width), 'audio/wav')
            checks.expect(status == 200 and len(answer['labels']) == want.size, name, answer)
            off = np.abs(values_of(answer) - want.flatten()).max()
            checks.expect(off < 1e-3, name, 'is off by', off)
        print(f'{name}: {want.shape}, within {off:.1g} of NumPy')
    stereo = np.stack([kept[:500], kept[500:1000]], 1)
    status, answer = checks.task('samples', wav(stereo, 8000, channels=2))
    checks.expect(status == 200 and np.array_equal(values_of(answer), stereo.mean(1)), 'samples', answer)
    status, answer = checks.task('samples', wav(kept[:1000], 16000))
    checks.expect(status == 200 and len(answer['labels']) == 500, 'samples', answer)


def check_models(checks):
    for samples in sweep(), sweep(0.7):
        kept = np.round(samples * 32768) / 32768
        features = mfcc_of(kept).astype(np.float32)
        for model, tensor in (('kws', features), ('kws8', np.clip(np.round(features / 0.5847029089927673 + 83), -128, 127).astype(np.int8))):
            (scores,) = checks.infer(model, tensor.reshape(checks.shape_of(model))).values()
            scores = (scores + 128) / 256 if model == 'kws8' else scores
            status, answer = checks.task(model, wav(kept), 'audio/wav')
            checks.expect(status == 200 and len(answer['labels']) == 5, model, answer)
            off = max(abs(each['score'] - scores[each['index']]) for each in answer['labels'])
            checks.expect(off < (1e-3 if model == 'kws' else 0.02) and answer['labels'][0]['index'] == scores.argmax(), model, off, answer, scores)
            print(f'{model}: {answer["labels"][0]}, scores within {off:.1g} of the tensors of NumPy')
    seconds = np.arange(24000) / 24000
    for hertz, label in (200, 'low'), (3500, 'high'):
        status, answer = checks.task('pitch', wav(0.3 * np.sin(2 * np.pi * hertz * seconds), 24000))
        checks.expect(status == 200 and answer['labels'][0]['label'] == label, 'pitch', hertz, answer)
        want = [np.cos(np.pi * hertz / 8000) ** 2 / 2, np.sin(np.pi * hertz / 8000) ** 2 / 2]
        checks.expect(np.allclose([each['score'] for each in answer['labels']], sorted(want, reverse=True), atol=0.01), 'pitch', answer, want)
    print(f'pitch: {answer["labels"]}')
    seconds = np.arange(5 * 16000) / 16000
    status, answer = checks.task('pitches', wav(0.5 * np.sin(2 * np.pi * np.where(seconds < 2.25, 300, 3300) * seconds)))
    told = [(each['start'], each['labels'][0]['label']) for each in answer['outputs']] if status == 200 else answer
    checks.expect(told == [(i / 2, 'low' if i < 4 else 'high') for i in range(9)], 'pitches', told)
    print(f'pitches: {len(told)} windows of a second, one each half second')


def words_of(path):
    """The two words of a recording that says where a loudspeaker stands, each in the middle of one second."""
    with wave.open(str(path)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), '<i2') / 32768
    loudness = np.convolve(np.abs(samples), np.ones(rate // 50), 'same')
    loud = np.flatnonzero(loudness > 0.02 * loudness.max())
    gap = np.diff(loud).argmax()
    for first, last in (loud[0], loud[gap]), (loud[gap + 1], loud[-1]):
        word = samples[max(0, first - rate // 20):last + rate // 20]
        room = rate - word.size
        yield wav(np.pad(word, (room // 2, room - room // 2)), rate)


def check_words(checks):
    """What people say, at 48 kHz, who have nothing to do with the data that the network was trained on."""
    folder = pathlib.Path(os.environ.get('HF_SPOKEN_WORDS', '/usr/share/sounds/alsa'))
    files = [path for path in sorted(folder.glob('*_*.wav'))]
    if not files:
        print(f'words: nobody speaks in {folder}: alsa-utils is not installed')
        return
    for model in 'kws', 'kws8':
        right = 0
        for path in files:
            spoken = path.stem.lower().split('_')
            for word, file in zip(spoken, words_of(path)):
                status, answer = checks.task(model, file, 'audio/wav')
                checks.expect(status == 200, model, path, answer)
                right += answer['labels'][0]['label'] == (word if word in WORDS else 'unknown')
        checks.expect(right >= 2 * len(files) - 1, model, right)
        print(f'{model}: {right} of {2 * len(files)} words that alsa-utils speaks are told right')


def check_refusals(checks):
    file = wav(sweep(0.1))
    data = file.index(b'data')
    for status, text, body in (
            (400, 'cut off: 2000 of 3200 bytes of its samples are there', file[:data + 8 + 2000]),
            (400, 'the WAV file is cut off', file[:30]),
            (400, "no chunk 'data'", file[:36]),
            (400, 'cut off', file[:data + 4] + b'\xff\xff\xff\x7f' + file[data + 8:]),
            (429, 'channels; want 1 to 16', file[:22] + struct.pack('<H', 400) + file[24:]),
            (429, 'samples a second', file[:24] + struct.pack('<I', 4000000) + file[28:]),
            (501, 'samples of kind 0x0011', file[:20] + struct.pack('<H', 17) + file[22:]),
            (400, 'neither a WAV nor a FLAC file', b'ID3\x04' + bytes(100)),
            (400, 'neither a WAV nor a FLAC file', b'')):
        got, answer = checks.task('kws', body, 'audio/wav')
        checks.expect(got == status and text in answer['error'], 'kws', got, answer, 'want', status, text)
    got, answer = checks.task('bands', wav(np.zeros(0)))
    checks.expect(got == 400 and 'no samples' in answer['error'], got, answer)


def check(checks):
    check_features(checks)
    check_models(checks)
    check_words(checks)
    check_refusals(checks)
