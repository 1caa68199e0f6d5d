"""Makes the FLAC file beside it: two channels of 24 samples, of which audio/sound_test.cpp knows every one. Wants the package soundfile."""

import pathlib

import numpy as np
import soundfile

FOLDER = pathlib.Path(__file__).parent
STEPS = np.arange(24, dtype=np.int16)
soundfile.write(FOLDER / 'steps.flac', np.stack([1000 * STEPS - 12000, 3000 - 250 * STEPS], 1), 22050, subtype='PCM_16')
