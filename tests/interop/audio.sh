#!/usr/bin/env bash
# Sounds as numbers: our decoding, resampling and features against librosa, SciPy and soundfile.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/interop/venv.sh
source "$here/venv.sh"
need_packages librosa "${HF_LIBROSA_VENV:-${HF_BUILD_DIR:?}/venv-librosa}" librosa,soundfile,scipy librosa==0.11.0 soundfile scipy
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$venv/bin/python" -B "$here/audio_check.py" "$work" "$HF_BUILD_DIR/tests/hear"
