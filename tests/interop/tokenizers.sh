#!/usr/bin/env bash
# Texts as tokens: our reader of tokenizer.json against the package that the format comes from, with models that it and
# sentencepiece train here.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/interop/venv.sh
source "$here/venv.sh"
need_packages tokenizers "${HF_TOKENIZERS_VENV:-${HF_BUILD_DIR:?}/venv-tokenizers}" tokenizers,sentencepiece,google.protobuf tokenizers==0.23.3 sentencepiece protobuf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
program=$HF_BUILD_DIR/tests/tokenize
[ -x "$program" ] || program=$HF_BUILD_DIR/tokenize
"$venv/bin/python" "$here/tokenizers_check.py" "$work" "$program"
