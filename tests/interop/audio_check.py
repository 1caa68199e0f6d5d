"""For audio.sh: FOLDER PROGRAM. What PROGRAM makes of sound files, held against librosa (features), SciPy (resampling) and soundfile
(decoding). Differences are told as a share of the largest number that the judge has."""

import json
import pathlib
import struct
import subprocess
import sys
import warnings

import librosa
import numpy as np
import scipy.fft
import scipy.signal
import soundfile

RATE = 16000


def sounds():
    random = np.random.default_rng(17)
    t = np.arange(20000) / RATE
    yield 'sweep', 0.7 * np.sin(2 * np.pi * (50 * t + 3000 * t * t))
    yield 'noise', random.normal(0, 0.2, 16000).clip(-1, 1)
    yield 'swells', (np.sin(2 * np.pi * 440 * t) * t + random.normal(0, 1e-3, t.size)).clip(-1, 1)
    yield 'short', random.uniform(-1, 1, 700)
    click = np.zeros(5000)
    click[1234] = 1
    yield 'click', click
    yield 'silence', np.zeros(3000)


class Judge:
    def __init__(self, folder, program):
        self.folder, self.program, self.failures = pathlib.Path(folder), program, 0

    def heard(self, audio, files, rank=2):
        """What the program makes of each file: an array, or an error's text."""
        path = self.folder / 'task.json'
        path.write_text(json.dumps({'kind': 'audio-classification', 'audio': audio}))
        run = subprocess.run([self.program, path, str(rank)], input=''.join(f'{file}\n' for file in files).encode(), capture_output=True, check=False)
        if run.returncode:
            raise SystemExit(f'FAILED: {run.stderr.decode()} {audio}')
        all_heard, rest = [], run.stdout
        while rest:
            count, rest = struct.unpack('<I', rest[:4])[0], rest[4:]
            if count == 0:
                text, rest = rest.split(b'\n', 1)
                all_heard.append(text.decode())
                continue
            all_heard.append(np.frombuffer(rest[:4 * count], '<f4').astype(np.float64))
            rest = rest[4 * count:]
        return all_heard

    def compare(self, name, got, wanted, bound):
        worst = 0.0
        for have, want in zip(got, wanted):
            if isinstance(have, str) or have.size != want.size:
                self.fail(name, have if isinstance(have, str) else (have.size, want.shape))
                return
            largest = max(np.abs(want).max(), 1e-30)
            worst = max(worst, np.abs(have - want.flatten()).max() / largest)
        print(f'{name}: {len(got)} sounds, within {worst:.1e} (bound {bound:.0e})')
        if not worst <= bound or len(got) != len(wanted):
            self.fail(name, worst)

    def fail(self, *what):
        print('FAILED:', *what)
        self.failures += 1


def check_decoding(judge):
    samples = dict(sounds())['noise']
    for rate, channels, file, subtype in ((8000, 1, 'wav', 'PCM_16'), (16000, 2, 'wav', 'PCM_U8'), (44100, 6, 'wav', 'PCM_24'), (48000, 2, 'wav', 'PCM_32'),
                                          (16000, 1, 'wav', 'FLOAT'), (16000, 1, 'wav', 'DOUBLE'), (8000, 1, 'wav', 'ULAW'), (8000, 1, 'wav', 'ALAW'),
                                          (96000, 3, 'wavex', 'PCM_16'), (16000, 1, 'flac', 'PCM_16'), (44100, 2, 'flac', 'PCM_24'), (8000, 8, 'flac', 'PCM_S8')):
        path = judge.folder / f'a.{file}'
        soundfile.write(path, np.stack([samples * (c + 1) / channels for c in range(channels)], 1), rate, subtype=subtype, format=file.upper())
        want = soundfile.read(path, always_2d=True)[0].mean(1)
        judge.compare(f'{file} {subtype}, {channels} channels at {rate} Hz', judge.heard({'rate': rate}, [path]), [want], 1e-7)


def check_damage(judge):
    """Whole files are cut off and bytes of them changed: what is refused says so in one line, and nothing else happens."""
    random = np.random.default_rng(1)
    samples = dict(sounds())['noise'][:3000]
    for file, subtype in ('wav', 'PCM_16'), ('flac', 'PCM_16'):
        path = judge.folder / f'whole.{file}'
        soundfile.write(path, samples, RATE, subtype=subtype, format=file.upper())
        whole = path.read_bytes()
        broken = []
        for i in range(300):
            one = bytearray(whole[:random.integers(len(whole))] if i % 2 else whole)
            if i % 2 == 0:
                for at in random.integers(0, len(one) if i % 4 else 60, 3):
                    one[at] = random.integers(256)
            broken.append(judge.folder / f'{i}.{file}')
            broken[-1].write_bytes(one)
        heard = judge.heard({'rate': RATE}, broken)
        cut = heard[1::2]
        print(f'{file}: of 150 cut off, {sum(isinstance(each, str) for each in cut)} refused; of 150 with bytes changed, '
              f'{sum(isinstance(each, str) for each in heard[::2])}')
        if len(heard) != 300 or not all(isinstance(each, str) for each in cut):
            judge.fail(file, 'a file that is cut off was taken')


def check_resampling(judge):
    for old, new in ((48000, 16000), (44100, 16000), (16000, 22050), (8000, 16000), (11025, 16000), (16000, 44100), (22050, 8000), (96000, 16000), (44100, 48000), (47999, 16000)):
        files, wanted = [], []
        for name, samples in sounds():
            files.append(judge.folder / f'{name}.wav')
            soundfile.write(files[-1], samples, old, subtype='DOUBLE')
            up, down = new // np.gcd(new, old), old // np.gcd(new, old)
            wanted.append(scipy.signal.resample_poly(samples.astype(np.float32).astype(np.float64), up, down))
        judge.compare(f'{old} Hz to {new} Hz', judge.heard({'rate': new}, files), wanted, 1e-6)


def stft(samples, features):
    hop, window, size = features['hop'], features['window_length'], features.get('fft_length', 512)
    pad = {'zeros': 'constant', 'reflect': 'reflect'}.get(features.get('padding'))
    shape = scipy.signal.get_window({'hann': 'hann', 'hamming': 'hamming', 'rectangular': 'boxcar'}[features.get('window', 'hann')], window,
                                    fftbins=not features.get('symmetric', False))
    return np.abs(librosa.stft(samples, n_fft=size, hop_length=hop, win_length=window, window=shape, center=pad is not None,
                               pad_mode=pad or 'constant', dtype=np.complex128)) ** features.get('power', 2)


def by_librosa(samples, features):
    """Frames in rows."""
    values = stft(samples, features)
    if features['kind'] != 'spectrogram':
        filters = librosa.filters.mel(sr=RATE, n_fft=features.get('fft_length', 512), n_mels=features['bands'], fmin=features.get('low_hz', 0),
                                      fmax=features.get('high_hz', RATE / 2), htk=features['mel_scale'] == 'htk',
                                      norm='slaney' if features.get('mel_norm') == 'slaney' else None, dtype=np.float64)
        values = filters @ values
    if features.get('log') == 'db':
        to_db = librosa.power_to_db if features.get('power', 2) == 2 else librosa.amplitude_to_db
        floor = features.get('log_floor', 1e-10)
        reference = np.max if features.get('log_reference') == 'loudest' else 1.0
        values = to_db(values, ref=reference, amin=floor, top_db=features.get('log_range'))
    elif features.get('log') == '10':  # Whisper's
        values = np.log10(np.maximum(values, 1e-10))
        values = np.maximum(values, values.max() - features['log_range']) if 'log_range' in features else values
    if features['kind'] == 'mfcc':
        lift, count = features.get('lifter', 0), features['coefficients']
        values = librosa.feature.mfcc(S=values, n_mfcc=count, dct_type=2, norm='ortho', lifter=lift)
    return values.T


def check_features(judge):
    base = {'window_length': 400, 'hop': 160, 'fft_length': 512}
    files, samples = [], []
    for name, one in sounds():
        files.append(judge.folder / f'{name}.wav')
        samples.append(one.astype(np.float32).astype(np.float64))
        soundfile.write(files[-1], samples[-1], RATE, subtype='DOUBLE')
    cases = [('magnitudes', {'kind': 'spectrogram', 'power': 1}), ('powers, padded with zeros', {'kind': 'spectrogram', 'padding': 'zeros'}),
             ('powers, reflected', {'kind': 'spectrogram', 'padding': 'reflect'}), ('hamming, symmetric', {'kind': 'spectrogram', 'window': 'hamming', 'symmetric': True}),
             ('rectangular, 400 wide', {'kind': 'spectrogram', 'window': 'rectangular', 'fft_length': 400}),
             ('mel, slaney', {'kind': 'mel', 'bands': 40, 'mel_scale': 'slaney', 'mel_norm': 'slaney'}),
             ('mel, htk', {'kind': 'mel', 'bands': 23, 'mel_scale': 'htk', 'low_hz': 20, 'high_hz': 7600}),
             ('mel of magnitudes', {'kind': 'mel', 'bands': 32, 'mel_scale': 'htk', 'mel_norm': 'slaney', 'power': 1, 'padding': 'zeros'}),
             ('log-mel in decibels', {'kind': 'mel', 'bands': 64, 'mel_scale': 'slaney', 'mel_norm': 'slaney', 'log': 'db', 'log_range': 80, 'padding': 'reflect'}),
             ('the same below the loudest', {'kind': 'mel', 'bands': 64, 'mel_scale': 'slaney', 'mel_norm': 'slaney', 'log': 'db', 'log_range': 80, 'log_reference': 'loudest'}),
             ('amplitudes in decibels', {'kind': 'spectrogram', 'power': 1, 'log': 'db', 'log_floor': 1e-5}),
             ("Whisper's", {'kind': 'mel', 'bands': 80, 'mel_scale': 'slaney', 'mel_norm': 'slaney', 'log': '10', 'log_range': 8, 'padding': 'reflect', 'fft_length': 400}),
             ('MFCC', {'kind': 'mfcc', 'bands': 128, 'coefficients': 20, 'mel_scale': 'slaney', 'mel_norm': 'slaney', 'log': 'db', 'log_range': 80, 'padding': 'zeros',
                       'window_length': 2048, 'hop': 512, 'fft_length': 2048}),
             ('MFCC, htk, liftered', {'kind': 'mfcc', 'bands': 40, 'coefficients': 13, 'mel_scale': 'htk', 'log': 'db', 'lifter': 22})]
    for name, case in cases:
        features = {**base, **case}
        got = judge.heard({'rate': RATE, 'features': features}, files, rank=3)
        # Of a sound too short for one frame librosa knows nothing, and we refuse it.
        pairs = [(have, by_librosa(one, features)) for have, one in zip(got, samples) if features.get('padding') or one.size >= features['fft_length']]
        judge.compare(name, [have for have, _ in pairs], [want for _, want in pairs], 1e-5)


def check_tensorflow(judge):
    """The formulas of tf.signal's documentation, in SciPy."""
    features = {'kind': 'mfcc', 'window_length': 480, 'hop': 320, 'align': 'start', 'power': 1, 'bands': 40, 'low_hz': 20, 'high_hz': 4000, 'mel_scale': 'htk',
                'triangles': 'mels', 'log': 'e', 'log_offset': 1e-6, 'log_floor': 0, 'coefficients': 10, 'dct': 'htk'}
    files, wanted = [], []
    for name, samples in sounds():
        samples = samples.astype(np.float32).astype(np.float64)
        files.append(judge.folder / f'{name}.wav')
        soundfile.write(files[-1], samples, RATE, subtype='DOUBLE')
        whole = np.zeros(RATE)
        whole[:min(RATE, samples.size)] = samples[:RATE]
        frames = np.lib.stride_tricks.sliding_window_view(whole, 480)[::320]
        spectrum = np.abs(scipy.fft.rfft(frames * scipy.signal.get_window('hann', 480), 512))
        places = 1127 * np.log(1 + np.linspace(0, 8000, 257) / 700)
        edges = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 4000 / 700), 42)
        filters = np.stack([np.interp(places, edges[i:i + 3], [0, 1, 0]) for i in range(40)], 1)
        filters[0] = 0
        logs = np.log(spectrum @ filters + 1e-6)
        wanted.append(scipy.fft.dct(logs, 2, norm=None)[:, :10] / np.sqrt(80))
    judge.compare("tf.signal's MFCC", judge.heard({'rate': RATE, 'samples': RATE, 'features': features}, files, rank=3), wanted, 1e-5)


def main(folder, program):
    judge = Judge(folder, program)
    check_decoding(judge)
    check_damage(judge)
    check_resampling(judge)
    check_features(judge)
    check_tensorflow(judge)
    return 1 if judge.failures else 0


if __name__ == '__main__':
    warnings.filterwarnings('ignore', message='n_fft=.* is too large')  # of sounds that are padded
    sys.exit(main(sys.argv[1], sys.argv[2]))
